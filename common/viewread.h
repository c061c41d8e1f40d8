/*
 * viewread.h - read(node, offset, length) of a view.
 *
 * A reader holds what reads share: a bounded set of open part files, a bounded
 * cache of gathered tiles, and what was read ahead. One reader serves any number
 * of views and threads. Views must be forgotten (sc_reader_forget) before they are freed.
 *
 * Never made-up bytes: a part that is unreadable or too short is -EIO, one that
 * changed or went away since the view was built -ESTALE; `err` names it. What
 * comes from memory is checked against the parts when it is handed out.
 */
#ifndef SC_VIEWREAD_H
#define SC_VIEWREAD_H

#include "view.h"

struct sc_reader;

/* `max_files` open files at most (at least 1), `cache_bytes` of gathered tiles. NULL: out of memory. */
struct sc_reader *sc_reader_new(size_t max_files, size_t cache_bytes);
void sc_reader_free(struct sc_reader *reader);

/*
 * From now on reads ahead with threads and about `bytes` of memory; `always`
 * where the parts' bytes are at hand too. Not twice. 0 or -ENOMEM.
 */
int sc_reader_read_ahead(struct sc_reader *reader, size_t bytes, bool always);

void sc_reader_forget(struct sc_reader *reader, const struct sc_view *view);

/*
 * Reads ahead no more. False: the storage has not answered a read for so long;
 * then neither reader nor views may be freed.
 */
bool sc_reader_stop(struct sc_reader *reader, unsigned patience_ms);

/*
 * Reads up to `count` bytes of a file node at `offset` into `buffer`. Returns
 * the number of bytes: `count`, or fewer only at the end of the file; or -errno.
 * All or nothing: an error anywhere in the range fails the whole call.
 */
ssize_t sc_view_read(struct sc_reader *reader, const struct sc_view *view, unsigned node, uint64_t offset, void *buffer,
		     size_t count, struct sc_error *err);

/*
 * An open descriptor of the file in which `slab` of an ARRAY node is stored,
 * checked to be the one the header was read from; for copying whole ranges.
 * Release it with sc_reader_release_file.
 */
struct sc_cache_entry;
int sc_reader_get_file(struct sc_reader *reader, const struct sc_view *view, unsigned node, size_t slab,
		       struct sc_cache_entry **ret_held, int *ret_fd, struct sc_error *err);
void sc_reader_release_file(struct sc_reader *reader, struct sc_cache_entry *held);

/* A sc_gather_read for gather.h; its context. */
struct sc_gather_context {
	struct sc_reader *reader;
	const struct sc_view *view;
	unsigned node;
};
int sc_view_gather_read(void *gather_context, size_t slab, uint64_t offset, void *buffer, size_t count,
			struct sc_error *err);

#endif
