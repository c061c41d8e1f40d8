/*
 * deferred.h - requests that wait for what the catalog finds out.
 *
 * A request is answered at once, or kept until the catalog wakes it, and then
 * answered by the thread that does: no thread of the server is held up.
 */
#ifndef SC_DEFERRED_H
#define SC_DEFERRED_H

#include "killable.h"
#include "operations.h"

struct sc_deferred {
	struct sc_waiter waiter;
	struct sc_killable killable;
	fuse_req_t request; /* may be no more, until sc_deferred_may_answer says otherwise */
	const struct sc_service *service;
	/* Asks the catalog; answers and frees it where sc_deferred_may_answer says so. */
	void (*answer)(struct sc_deferred *deferred);
	fuse_ino_t id;
	size_t size;
	off_t offset;
	bool plus;
	char name[];
};

/* NULL: the request could not be kept, and has been told why. */
struct sc_deferred *sc_defer(fuse_req_t request, void (*answer)(struct sc_deferred *deferred), fuse_ino_t id,
			     const char *name);

/*
 * `rc` is what the catalog says. False for SC_CATALOG_WAIT, when it has the waiter, and when who asks was killed
 * meanwhile: `deferred` is not the caller's any more.
 */
bool sc_deferred_may_answer(struct sc_deferred *deferred, int rc);

#endif
