/*
 * plan.h - pure: views -> tasks, what is copied by whom in what order.
 *
 * A task is a box of tiles of one array: some whole tile layers along the
 * axis of the concatenation, or, where one layer alone is more than a task
 * should be, some tile rows of it. So no tile belongs to two tasks, and what a
 * task reads lies in neighbouring parts:
 *
 *    tiles of   y  +--+--+--+--+       a task: layers 0 and 1      +--+--+
 *    an array      |  |  |  |  |                                   |##|##|
 *                  +--+--+--+--+       or: the lower row           +--+--+
 *                  |  |  |  |  |           of layer 2              |##|##|
 *                  +--+--+--+--+ axis                              +--+--+
 *
 * Tasks are taken in the order of the plan: the largest image first. All tasks
 * are of about one size, so the processors finish together whatever the order
 * is; but then an image is synced while the next is copied, and what is synced
 * when nothing is left to copy is the smallest.
 *
 * The plan points into the views' layouts, which must outlive it.
 */
#ifndef SC_PLAN_H
#define SC_PLAN_H

#include "view.h"

/* What a task is cut to. */
#define SC_PLAN_TASK_BYTES (UINT64_C(64) << 20)

struct sc_plan_task {
	unsigned output;                            /* which image */
	unsigned node;                              /* which file of its view */
	const struct sc_layout *layout;             /* of that file; NULL: parts are copied whole */
	int64_t first[SC_MAXDIM], count[SC_MAXDIM]; /* in tiles; of parts: [0] only */
	uint64_t bytes;                             /* of the file */
};

struct sc_plan {
	size_t ntasks, capacity;
	struct sc_plan_task *tasks;
};

/*
 * All arrays of `views`, or, when `whole`, all their parts to be copied as they are, of which
 * some may be NULL: images that are not made. `nworkers` as for sc_plan_task_bytes, `box_bytes` for sc_plan_add_array.
 */
int sc_plan_make(const struct sc_view *const *views, size_t nviews, bool whole, unsigned nworkers, uint64_t box_bytes,
		 struct sc_plan *ret_plan, struct sc_error *err);
void sc_plan_clear(struct sc_plan *plan);

/*
 * Tasks for one array, in the order of its file. Of what a worker may hold in memory, `box_bytes`, more than
 * `task_bytes` is used where tiles side by side on the first axis would else go to several tasks: those would read
 * short pieces of the same lines.
 */
int sc_plan_add_array(struct sc_plan *plan, unsigned output, unsigned node, const struct sc_layout *layout,
		      uint64_t task_bytes, uint64_t box_bytes);

/* The same for some of its tile layers along the axis; at least one. */
int sc_plan_add_layers(struct sc_plan *plan, unsigned output, unsigned node, const struct sc_layout *layout,
		       int64_t first_layer, int64_t nlayers, uint64_t task_bytes, uint64_t box_bytes);

/* Bytes of a part's pixels and mask on disk. */
uint64_t sc_plan_part_bytes(const struct sc_part *part);

/* Smaller tasks when there is little to do, so that each of the workers gets some. */
uint64_t sc_plan_task_bytes(uint64_t total_bytes, unsigned nworkers);

/*
 * Cuts a box of `count` tiles, of `tile_cost` each, into chunks of at most
 * `target` (but at least one tile): along the axis first, then along the
 * slowest other axes. Chunks are of nearly one size.
 */
void sc_plan_split(const struct sc_layout *layout, const int64_t *count, uint64_t tile_cost, uint64_t target,
		   int64_t *ret_chunk);

/*
 * Steps through the chunks of a box: `first` and `count` become the next
 * chunk's, beginning with the first one when *step is 0. False: no more.
 */
bool sc_plan_next_chunk(int ndim, const int64_t *box_first, const int64_t *box_count, const int64_t *chunk,
			uint64_t *step, int64_t *first, int64_t *count);

#endif
