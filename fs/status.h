/*
 * status.h - what the mount tells about itself, below MOUNTPOINT/.subcubefs:
 *
 *   .subcubefs/          found by its name only: it is in no listing, so that `cp -r` of the mount leaves it out
 *     status.json        statusjson.h
 *     log                the last lines of the log
 *     gen/SERIAL/NAME    a generation of an image, as long as it is shown or anything of it is open
 *
 * A text that has changed is another node, of its own size. The last ones stay readable.
 * Thread-safe. Functions return as those of the catalog do.
 */
#ifndef SC_STATUS_H
#define SC_STATUS_H

#include "catalog.h"

#include <stdatomic.h>

#define SC_STATUS_NAME ".subcubefs"

/* What was read, since the start. */
struct sc_status_reads {
	atomic_uint_fast64_t count, bytes, errors;
};

struct sc_status;

/* Both outlive it. NULL: out of memory. */
struct sc_status *sc_status_new(struct sc_catalog *catalog, const struct sc_status_reads *reads);
void sc_status_free(struct sc_status *status);

/* Whether the node is one of these, and not the catalog's. */
bool sc_status_owns(uint64_t id);

/* `directory` is such a node, or the root with SC_STATUS_NAME. */
int sc_status_lookup(struct sc_status *status, uint64_t directory, const char *name, struct sc_waiter *waiter,
		     struct sc_catalog_node *ret_node);
int sc_status_getattr(struct sc_status *status, uint64_t id, struct sc_catalog_node *ret_node);
int sc_status_read_directory(struct sc_status *status, uint64_t id, uint64_t position,
			     struct sc_catalog_dirent *ret_entry);

/* Up to `size` bytes of a text; -EISDIR, -ESTALE. */
ssize_t sc_status_read(struct sc_status *status, uint64_t id, uint64_t offset, void *buffer, size_t size);

#endif
