/*
 * write.h - a view's tree made in an empty directory: directories, small files
 * with their bytes, and pixel and mask files of full size that tasks (task.h)
 * fill in.
 *
 * The array files stay open from before the first byte is written until they
 * are synced, in this process and by inheritance in its children: so an error
 * of writing back later is seen by whoever syncs.
 */
#ifndef SC_WRITE_H
#define SC_WRITE_H

#include "clone.h"
#include "copied.h"
#include "view.h"

struct sc_write {
	unsigned nnodes;
	int fds[SC_VIEW_MAXNODES]; /* of ARRAY nodes, else -1 */
};

/*
 * `label` names the image in errors. Arrays that `copied` has (NULL: none) are taken from there. Space for the arrays is allocated where
 * the file system can, so that a full disk is seen here; but not for those
 * that will share the parts' blocks. On failure nothing stays open, but files
 * may be left in the directory.
 */
int sc_write_create(const struct sc_view *view, int image_fd, const char *label, const struct sc_copied *copied,
		    enum sc_reflink reflink, struct sc_write *ret_write, struct sc_error *err);

/* Makes the file of one array, of its size and empty; returned open. 0 or -errno. */
int sc_write_array(const struct sc_view *view, unsigned number, int parent_fd, enum sc_reflink reflink, int *ret_fd);

/* Syncs the array files. */
int sc_write_sync(const struct sc_write *write, const char *label, struct sc_error *err);

/* Once synced: what is read of them from now on comes from the storage. */
void sc_write_read_back(const struct sc_write *write);

/* Reads the small files back: -EIO names one that is not what was written. */
int sc_write_compare(const struct sc_view *view, int image_fd, const char *label, struct sc_error *err);

/* Closes them; an error of closing (some network file systems tell late) is one of writing. */
int sc_write_close(struct sc_write *write, const char *label, struct sc_error *err);

/* What the tree takes on disk, roughly from above. */
uint64_t sc_write_bytes(const struct sc_view *view);

#endif
