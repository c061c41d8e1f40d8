/*
 * deferred.h - requests that wait for what the catalog finds out.
 *
 * A request is answered at once, or kept until the catalog wakes it, and then
 * answered by the thread that does: no thread of the server is held up.
 */
#ifndef SC_DEFERRED_H
#define SC_DEFERRED_H

#include "catalog.h"

#include <fuse_lowlevel.h>

struct sc_deferred {
	struct sc_waiter waiter;
	fuse_req_t request;
	void (*answer)(struct sc_deferred *deferred); /* answers and frees it, unless the catalog took the waiter */
	fuse_ino_t id;
	size_t size;
	off_t offset;
	bool plus;
	char name[];
};

/* NULL: there was no memory, and the request has been told so. */
struct sc_deferred *sc_defer(fuse_req_t request, void (*answer)(struct sc_deferred *deferred), fuse_ino_t id,
			     const char *name);

#endif
