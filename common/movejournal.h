/*
 * movejournal.h - what a virtual image that parts are moved into knows of where they were.
 *
 *   NAME/subcube-move.journal   parts are being moved in, or back: neither here nor there is complete
 *   NAME/subcube-move.done      all of them are in; --undo puts them back to where they were
 *
 * Both have one content, and the second is the first, renamed:
 *
 *   subcubefs-move 1 CHECKSUM\n      of what follows, FNV-1a of 64 bits, 16 hexadecimal digits
 *   { "Base": "cube", "Parts": [{ "From": "cube.subcube.0.image", "Name": "cube.subcube.0.image" }, ...] }
 *
 * From is absolute, or relative to the directory that NAME is in, so that this may be moved. Name is the
 * part's in NAME/. Which parts have been moved is told by where they are. A journal never changes: it is complete and
 * durable before the first part moves, and goes after the last.
 */
#ifndef SC_MOVEJOURNAL_H
#define SC_MOVEJOURNAL_H

#include "base.h"
#include "error.h"

#define SC_MOVEJOURNAL_FILE "subcube-move.journal"
#define SC_MOVEJOURNAL_DONE "subcube-move.done"
#define SC_MOVEJOURNAL_PART ".part" /* behind the name of one that is being written */

struct sc_moved_part {
	char *from; /* path */
	char *name; /* one component */
};

struct sc_movejournal {
	char *base; /* of the images that are made together: BASE.EXT */
	size_t nparts;
	struct sc_moved_part *parts;
};

/* -EINVAL: a name that it cannot hold. The caller frees *ret_data. */
int sc_movejournal_encode(const struct sc_movejournal *journal, char **ret_data, size_t *ret_size,
			  struct sc_error *err);
int sc_movejournal_decode(const void *data, size_t size, const char *label, struct sc_movejournal *ret_journal,
			  struct sc_error *err);

/* Reads `file` in the open directory `dirfd`, which errors call `label`. -ENOENT: there is none. */
int sc_movejournal_read(int dirfd, const char *label, const char *file, struct sc_movejournal *ret_journal,
			struct sc_error *err);
void sc_movejournal_clear(struct sc_movejournal *journal);

/* Whether parts are still on their way into, or out of, the directory `path`. Opens nothing. */
bool sc_movejournal_is_unfinished(int dirfd, const char *path);

/* Says that `path` is such a directory, and what to do; returns -EINPROGRESS. */
int sc_movejournal_report(const char *path, struct sc_error *err);

/*
 * Looks for such directories BASE.* in a directory, all when `base` is NULL; reports the first as DIRECTORY/NAME. 0:
 * there is none. A directory that is named as a loose part of `base` is none of them.
 */
int sc_movejournal_find(int dirfd, const char *directory, const char *base, struct sc_error *err);

#endif
