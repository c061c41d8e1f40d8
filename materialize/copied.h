/*
 * copied.h - what of one image is copied already, while not all of its parts are finished.
 *
 * In the work directory (output.h):
 *
 *    follow/
 *       pixels, mask   files of the finished image's size, of which some tile layers along the axis are filled in
 *       state          which layers, and from which versions of which parts; a line with its hash, then JSON
 *
 * A layer is done when all of it was copied, and synced, from parts that were as the list `parts` has them. So it is
 * worth something only as long as these parts are what they were: sc_copied_match takes a view of the parts as they are
 * now, and layers of parts that changed are not done any more. That a changed part was ever copied is forgotten in
 * `state` before its layers are written again.
 *
 * A state that is damaged, or not of these files, is as good as none. Used by one process at a time; children that
 * copy use `arrays[].fd` only.
 */
#ifndef SC_COPIED_H
#define SC_COPIED_H

#include "plan.h"

#define SC_COPIED_DIRECTORY "follow"

enum { SC_COPIED_PIXELS, SC_COPIED_MASK, SC_COPIED_ARRAYS };

/* The shape and the tiles of an array, that is, what each byte of its file means. */
struct sc_copied_form {
	int64_t ndim, axis, type, big_endian, size_bytes;
	int64_t shape[SC_MAXDIM], tile[SC_MAXDIM];
};

struct sc_copied_array {
	int fd; /* -1: there is no file yet, and no layer is done */
	struct sc_copied_form form;
	int64_t nlayers;
	bool *done; /* of each layer */
};

/* A part's channels, and what it was when they were copied. */
struct sc_copied_part {
	int64_t start, count;
	uint64_t number;
	struct sc_file_id pixels_id, mask_id;
};

struct sc_copied {
	int dirfd; /* -1: not open */
	struct sc_copied_array arrays[SC_COPIED_ARRAYS];
	size_t nparts;
	struct sc_copied_part *parts; /* by start; they do not overlap */
};

/* Opens, or makes, what is in the work directory; what is no good is removed. `label` names the image in errors. */
int sc_copied_open(int work_fd, const char *label, struct sc_copied *ret_copied, struct sc_error *err);
void sc_copied_close(struct sc_copied *copied);

/*
 * Forgets the layers of parts that are others in `view`, or elsewhere in it, and whole arrays that have another form.
 * Parts that are blank in it are left as they were, unless it is the final one, in which they will stay so. 1:
 * something was forgotten; 0: nothing was; or -ENOMEM.
 */
int sc_copied_match(struct sc_copied *copied, const struct sc_view *view, bool is_final);

/* The number of the view's node for an array, or -1. */
int sc_copied_node(const struct sc_view *view, unsigned array);

/*
 * Adds tasks for layers that are not done and can be: none of their parts is blank, or changed after `before_ns`
 * (INT64_MAX: all that are not done). After `most_bytes` in the plan no more are added: *ret_is_all tells whether all
 * were. The arrays have files.
 */
int sc_copied_plan(const struct sc_copied *copied, const struct sc_view *view, unsigned output, int64_t before_ns,
		   uint64_t task_bytes, uint64_t box_bytes, uint64_t most_bytes, struct sc_plan *plan,
		   bool *ret_is_all);

/* All of an output's tasks in the plan, which are of whole layers together, are done and synced. */
void sc_copied_add(struct sc_copied *copied, const struct sc_view *view, const struct sc_plan *plan, unsigned output);

/* No layer is done. */
bool sc_copied_is_empty(const struct sc_copied *copied);

/* Parts of which all layers are done. */
size_t sc_copied_count(const struct sc_copied *copied, const struct sc_view *view);

/* Makes what is in memory durable. The arrays' files are synced. */
int sc_copied_save(const struct sc_copied *copied, const char *label, struct sc_error *err);

/*
 * Once sc_copied_match was called with the final view: puts an array's file, with what is done, to the name in another
 * directory of the same file system. False: there is no such file, or it cannot be put there.
 */
bool sc_copied_take(const struct sc_copied *copied, bool is_mask, int dirfd, const char *name);

/* Adds tasks for all layers of the final view that are not done, and at least one task; and tells their bytes. */
int sc_copied_plan_rest(const struct sc_copied *copied, const struct sc_view *view, unsigned output,
			uint64_t task_bytes, uint64_t box_bytes, struct sc_plan *plan, uint64_t *ret_bytes);

/* Bytes of the files that are there for the view. */
uint64_t sc_copied_bytes(const struct sc_copied *copied, const struct sc_view *view);

#endif
