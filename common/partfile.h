/*
 * partfile.h - a file that bytes of a view are in: where it is, and whether it still is the one the view was made from.
 *
 * A file is known by inode, size and times. Each write moves its change time on, and nothing moves that back, so a look
 * after a read tells whether all that was read is of the version that the view was made from; one before could tell no
 * more. Where a part is not found it may have been moved into the view's own directory, or back out, which is
 * what movevirtual does: there it is the same file still.
 *
 * What changed, went away or is another file now is -ESTALE, what cannot be read for any other reason -EIO, -EMFILE
 * or -ENOMEM; errors name the file. Thread-safe.
 */
#ifndef SC_PARTFILE_H
#define SC_PARTFILE_H

#include "view.h"

/* The file of `slab` of a node; the slab counts for an ARRAY node only. The slab must not be a fill. */
struct sc_partfile {
	const struct sc_view *view;
	unsigned node;
	size_t slab;
};

/* Opens it; the caller closes *ret_fd. */
int sc_partfile_open(const struct sc_partfile *file, int *ret_fd, struct sc_error *err);

/*
 * Whether the open file is still the one. After a read `ask` has network file systems ask their server; without it
 * bytes that were checked so before are not handed out for longer than such a file system remembers attributes.
 */
int sc_partfile_check(const struct sc_partfile *file, int fd, bool ask, struct sc_error *err);

/* Says that `count` bytes at `offset` of the open file cannot be read, `code` being why; returns what to answer. */
int sc_partfile_unreadable(const struct sc_partfile *file, int code, uint64_t offset, size_t count,
			   struct sc_error *err);

#endif
