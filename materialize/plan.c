#include "plan.h"

#include <errno.h>
#include <string.h>

/* A task should take long compared with taking it (opening files, counters): some ms. */
#define SMALLEST_TASK_BYTES (UINT64_C(4) << 20)
#define TASKS_PER_WORKER 8
#define PARTS_PER_TASK 16

/* Pieces of one size: 10 in pieces of at most 4 is 4, 3, 3 and not 4, 4, 2. */
static int64_t even_chunk(int64_t count, uint64_t most)
{
	if (most >= (uint64_t)count)
		return count;
	int64_t pieces = (count - 1) / (int64_t)most + 1;
	return (count - 1) / pieces + 1;
}

void sc_plan_split(const struct sc_layout *layout, const int64_t *count, uint64_t tile_cost, uint64_t target,
		   int64_t *ret_chunk)
{
	int ndim = layout->ndim, axis = layout->axis;
	/* No overflow: tile_cost x all tiles is the size of a file, or of its pixels in memory, which is checked. */
	uint64_t layer_cost = tile_cost;
	for (int i = 0; i < ndim; i++) {
		ret_chunk[i] = count[i];
		if (i != axis)
			layer_cost *= (uint64_t)count[i];
	}
	if (layer_cost <= target) {
		ret_chunk[axis] = even_chunk(count[axis], target / layer_cost);
		return;
	}
	ret_chunk[axis] = 1;
	uint64_t cost = layer_cost;
	for (int i = ndim - 1; i >= 0 && cost > target; i--) {
		if (i == axis)
			continue;
		cost /= (uint64_t)count[i];
		ret_chunk[i] = cost <= target ? even_chunk(count[i], target / cost) : 1;
	}
}

bool sc_plan_next_chunk(int ndim, const int64_t *box_first, const int64_t *box_count, const int64_t *chunk,
			uint64_t *step, int64_t *first, int64_t *count)
{
	uint64_t rest = (*step)++;
	for (int i = 0; i < ndim; i++) {
		uint64_t pieces = (uint64_t)((box_count[i] - 1) / chunk[i] + 1);
		int64_t before = (int64_t)(rest % pieces) * chunk[i];
		rest /= pieces;
		first[i] = box_first[i] + before;
		count[i] = box_count[i] - before < chunk[i] ? box_count[i] - before : chunk[i];
	}
	return rest == 0;
}

static int append(struct sc_plan *plan, const struct sc_plan_task *task)
{
	struct sc_plan_task *grown = sc_grow(plan->tasks, plan->ntasks + 1, &plan->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	plan->tasks = grown;
	plan->tasks[plan->ntasks++] = *task;
	return 0;
}

int sc_plan_add_layers(struct sc_plan *plan, unsigned output, unsigned node, const struct sc_layout *layout,
		       int64_t first_layer, int64_t nlayers, uint64_t task_bytes, uint64_t box_bytes)
{
	int64_t first[SC_MAXDIM] = { 0 }, count[SC_MAXDIM], chunk[SC_MAXDIM];
	uint64_t step = 0;
	struct sc_plan_task task = { .output = output, .node = node, .layout = layout };
	memcpy(count, layout->ntiles, sizeof(count));
	first[layout->axis] = first_layer;
	count[layout->axis] = nlayers;
	sc_plan_split(layout, count, layout->tile_bytes, task_bytes, chunk);
	if (chunk[0] < count[0] && layout->axis != 0 && box_bytes > task_bytes)
		sc_plan_split(layout, count, layout->tile_bytes, box_bytes, chunk);
	while (sc_plan_next_chunk(layout->ndim, first, count, chunk, &step, task.first, task.count)) {
		task.bytes = layout->tile_bytes;
		for (int i = 0; i < layout->ndim; i++)
			task.bytes *= (uint64_t)task.count[i];
		if (append(plan, &task) < 0)
			return -ENOMEM;
	}
	return 0;
}

int sc_plan_add_array(struct sc_plan *plan, unsigned output, unsigned node, const struct sc_layout *layout,
		      uint64_t task_bytes, uint64_t box_bytes)
{
	return sc_plan_add_layers(plan, output, node, layout, 0, layout->ntiles[layout->axis], task_bytes, box_bytes);
}

uint64_t sc_plan_task_bytes(uint64_t total_bytes, unsigned nworkers)
{
	uint64_t share = total_bytes / nworkers / TASKS_PER_WORKER;
	if (share < SMALLEST_TASK_BYTES)
		return SMALLEST_TASK_BYTES;
	return share < SC_PLAN_TASK_BYTES ? share : SC_PLAN_TASK_BYTES;
}

uint64_t sc_plan_part_bytes(const struct sc_part *part)
{
	return part->pixels_id.size_bytes + part->mask_id.size_bytes;
}

static uint64_t bytes_of(const struct sc_view *view, bool whole)
{
	uint64_t bytes = 0;
	if (!view)
		return 0;
	for (size_t i = 0; whole && i < view->nparts; i++)
		bytes += sc_plan_part_bytes(&view->parts[i]);
	if (whole)
		return bytes;
	return view->pixels.size_bytes + (view->has_mask ? view->mask.size_bytes : 0);
}

/* Neighbouring parts together, until they are a task's bytes or so many that opening their files takes its time. */
static int add_parts(struct sc_plan *plan, unsigned output, const struct sc_view *view, uint64_t task_bytes)
{
	struct sc_plan_task task = { .output = output };
	for (size_t i = 0; i < view->nparts; i++) {
		task.bytes += sc_plan_part_bytes(&view->parts[i]);
		task.count[0]++;
		if (i + 1 < view->nparts && task.bytes < task_bytes && task.count[0] < PARTS_PER_TASK)
			continue;
		if (append(plan, &task) < 0)
			return -ENOMEM;
		task.first[0] += task.count[0];
		task.count[0] = 0;
		task.bytes = 0;
	}
	return 0;
}

static int add_view(struct sc_plan *plan, unsigned output, const struct sc_view *view, bool whole, uint64_t task_bytes,
		    uint64_t box_bytes)
{
	if (whole)
		return add_parts(plan, output, view, task_bytes);
	for (unsigned node = 0; node < view->nnodes; node++) {
		if (view->nodes[node].kind == SC_NODE_ARRAY &&
		    sc_plan_add_array(plan, output, node, view->nodes[node].layout, task_bytes, box_bytes) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct sized {
	unsigned output;
	uint64_t bytes;
};

/* Larger first; equal ones as they came. */
static int compare_sized(const void *a, const void *b)
{
	const struct sized *left = a, *right = b;
	if (left->bytes != right->bytes)
		return left->bytes > right->bytes ? -1 : 1;
	return left->output < right->output ? -1 : 1;
}

int sc_plan_make(const struct sc_view *const *views, size_t nviews, bool whole, unsigned nworkers, uint64_t box_bytes,
		 struct sc_plan *ret_plan, struct sc_error *err)
{
	struct sc_plan plan = { 0 };
	uint64_t total_bytes = 0;
	int rc = 0;
	sc_autofree struct sized *order = calloc(nviews ? nviews : 1, sizeof(*order));
	if (!order)
		return sc_error_errno(err, -ENOMEM, "cannot plan the work");
	for (size_t i = 0; i < nviews; i++) {
		order[i] = (struct sized){ (unsigned)i, bytes_of(views[i], whole) };
		total_bytes += order[i].bytes;
	}
	qsort(order, nviews, sizeof(*order), compare_sized);
	for (size_t i = 0; i < nviews && rc == 0; i++) {
		if (views[order[i].output])
			rc = add_view(&plan, order[i].output, views[order[i].output], whole,
				      sc_plan_task_bytes(total_bytes, nworkers), box_bytes);
	}
	if (rc < 0) {
		sc_plan_clear(&plan);
		return sc_error_errno(err, rc, "cannot plan the work");
	}
	*ret_plan = plan;
	return 0;
}

void sc_plan_clear(struct sc_plan *plan)
{
	free(plan->tasks);
	memset(plan, 0, sizeof(*plan));
}
