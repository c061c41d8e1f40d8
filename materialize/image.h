/*
 * image.h - one image on its way, from the empty directory to its final name, in each mode:
 *
 *              create                        tasks (in children)    commit
 *   paged      the tree, empty pixel files   ranges and tiles       rename
 *   nomove     imageconcat.json              -                      rename
 *   copy       imageconcat.json              parts, copied          rename
 *   move       journal, imageconcat.json     -                      rename, then the parts (move.h)
 */
#ifndef SC_IMAGE_H
#define SC_IMAGE_H

#include "movejournal.h"
#include "options.h"
#include "output.h"
#include "partlist.h"
#include "task.h"
#include "write.h"

struct sc_image {
	const struct sc_options *options;
	const char *path;           /* of the output */
	const char *ext;            /* what of the path is the extension; "" when it has none of ours */
	const struct sc_product *product;
	struct sc_settle_memory *seen; /* of the parts, when they were waited for */
	const struct sc_view *view; /* NULL: could not be built */
	struct sc_output output;
	struct sc_copied *copied; /* what was copied while parts were not finished; NULL: nothing. Not owned */
	bool is_opened; /* output */
	int part_fd;    /* the parts' lock, or -1 */
	struct sc_movejournal removal; /* what is to be removed, as it was before it was copied: remove.h's own */
	struct sc_write write;
	bool is_created;          /* write, in mode paged */
	struct sc_partlist parts; /* in the virtual modes */
	bool is_made;             /* under its final name */
	struct sc_error error;    /* why it is not */
	uint64_t array_bytes;     /* what is copied */
	uint64_t copied_bytes;    /* of these, what was before */
};

/* Sets the view and what follows from it. */
void sc_image_set_view(struct sc_image *image, const struct sc_view *view);

/* Whether the image is still to be made. */
bool sc_image_is_pending(const struct sc_image *image);

/* Whether blocks may be shared with the parts: by the kinds of the file systems, nothing is tried. */
bool sc_image_can_clone(const struct sc_image *image);

/* Why it was not made, without its name where that comes first: part of image->error. */
const char *sc_image_reason(const struct sc_image *image);

/* Room that it takes on disk, roughly from above; 0 when that is not known. */
uint64_t sc_image_bytes_needed(const struct sc_image *image);

/* The output, and its parts. -EBUSY: another process works on one of them. */
int sc_image_lock(struct sc_image *image, struct sc_error *err);

int sc_image_create(struct sc_image *image, struct sc_error *err);

/* In a child: does a task, or with copier->compare checks that what it made is on disk. */
int sc_image_run_task(const struct sc_image *image, struct sc_copier *copier, const struct sc_plan_task *task,
		      struct sc_error *err);

/* All tasks are done: syncs. */
int sc_image_complete(const struct sc_image *image, struct sc_error *err);

/* The output's name without the extension; the caller frees it. NULL: no memory. */
char *sc_image_base(const struct sc_image *image);

/* Before all tasks are done again to compare: what is read of the image comes from the storage from now on. */
void sc_image_read_back(const struct sc_image *image);

/* All tasks were done again to compare: compares what is no task, the small files. */
int sc_image_compare(const struct sc_image *image, struct sc_error *err);

/* Whether nobody has begun to write a part: before they are taken. -EBUSY names one. */
int sc_image_check_settled(const struct sc_image *image, struct sc_error *err);

/*
 * Gives it its final name, unless a part was changed meanwhile; on failure it is discarded and image->error tells why. The
 * work directory stays locked when parts are to be removed (remove.h), until it is discarded.
 */
void sc_image_commit(struct sc_image *image);

/* Takes back what is under way. */
void sc_image_discard(struct sc_image *image);
void sc_image_close(struct sc_image *image);

#endif
