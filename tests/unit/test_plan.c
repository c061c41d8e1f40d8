#include "testdata.h"

#include "plan.h"
#include "slabs.h"

#include <errno.h>

#define MIB (UINT64_C(1) << 20)

struct array_case {
	const char *name;
	int ndim, axis;
	int64_t shape[SC_MAXDIM], tile[SC_MAXDIM];
	enum sc_type type;
	uint64_t task_bytes;
};

static const struct array_case cases[] = {
	{ "one pixel", 4, 3, { 1, 1, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, 64 * MIB },
	{ "sumwt of a long cube", 4, 3, { 1, 1, 1, 59599 }, { 1, 1, 1, 59599 }, SC_TYPE_FLOAT, 64 * MIB },
	{ "sumwt, a tile a channel", 4, 3, { 1, 1, 1, 59599 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, 4096 },
	{ "small cube", 4, 3, { 96, 80, 1, 12 }, { 48, 40, 1, 6 }, SC_TYPE_FLOAT, 64 * MIB },
	{ "small cube, layer a task", 4, 3, { 96, 80, 1, 12 }, { 48, 40, 1, 5 }, SC_TYPE_FLOAT, 200000 },
	{ "small cube, less than a tile", 4, 3, { 96, 80, 4, 12 }, { 48, 40, 4, 5 }, SC_TYPE_FLOAT, 1 },
	{ "long cube, CASA's tile", 4, 3, { 2250, 2250, 1, 59599 }, { 10, 6, 1, 557 }, SC_TYPE_FLOAT, 64 * MIB },
	{ "long cube, balanced tile", 4, 3, { 2250, 2250, 1, 59599 }, { 41, 41, 1, 20 }, SC_TYPE_FLOAT, 64 * MIB },
	{ "long cube, kept tile", 4, 3, { 2250, 2250, 1, 59599 }, { 225, 150, 1, 1 }, SC_TYPE_FLOAT, 64 * MIB },
	{ "its mask", 4, 3, { 2250, 2250, 1, 59599 }, { 41, 41, 1, 20 }, SC_TYPE_BOOL, 64 * MIB },
	{ "a tile is the cube", 4, 3, { 512, 512, 1, 512 }, { 512, 512, 1, 512 }, SC_TYPE_FLOAT, 64 * MIB },
	{ "Stokes behind the channels", 4, 2, { 100, 90, 70, 4 }, { 32, 32, 8, 1 }, SC_TYPE_FLOAT, 300000 },
	{ "channels first", 3, 0, { 700, 60, 50 }, { 64, 16, 16 }, SC_TYPE_DCOMPLEX, 500000 },
	{ "channels first, less than a layer", 3, 0, { 700, 60, 50 }, { 64, 16, 16 }, SC_TYPE_DCOMPLEX, 70000 },
	{ "uneven rows", 4, 3, { 100, 1000, 2, 3 }, { 10, 7, 1, 2 }, SC_TYPE_DOUBLE, 33333 },
};

static void lay_out(const struct array_case *array, struct sc_layout *ret_layout)
{
	assert_int_equal(sc_layout_init(ret_layout, array->ndim, array->shape, array->axis, array->type, NULL), 0);
	assert_int_equal(add_slab(ret_layout, array->shape[array->axis], NULL, NULL), 0);
	assert_int_equal(sc_layout_set_tile(ret_layout, array->tile, false, NULL), 0);
}

/* Marks the tiles of a task; fails when one is taken already. */
static void take_tiles(const struct sc_plan_task *task, uint8_t *taken)
{
	const struct sc_layout *layout = task->layout;
	int64_t at[SC_MAXDIM];
	memcpy(at, task->first, sizeof(at));
	for (;;) {
		uint64_t tile = 0;
		for (int i = layout->ndim - 1; i >= 0; i--)
			tile = tile * (uint64_t)layout->ntiles[i] + (uint64_t)at[i];
		if (tile >= layout->total_tiles || taken[tile])
			fail_msg("tile %llu is outside or taken twice", (unsigned long long)tile);
		taken[tile] = 1;
		int i = 0;
		while (i < layout->ndim && ++at[i] == task->first[i] + task->count[i]) {
			at[i] = task->first[i];
			i++;
		}
		if (i == layout->ndim)
			return;
	}
}

static bool is_whole_layers(const struct sc_plan_task *task)
{
	for (int i = 0; i < task->layout->ndim; i++) {
		if (i != task->layout->axis && task->count[i] != task->layout->ntiles[i])
			return false;
	}
	return true;
}

static void check_array(const struct array_case *array)
{
	struct sc_layout layout;
	struct sc_plan plan = { 0 };
	lay_out(array, &layout);
	assert_int_equal(sc_plan_add_array(&plan, 5, 7, &layout, array->task_bytes, 0), 0);
	sc_autofree uint8_t *taken = calloc(layout.total_tiles, 1);
	uint64_t bytes = 0, layer_bytes = layout.size_bytes / (uint64_t)layout.ntiles[layout.axis];
	assert_non_null(taken);
	for (size_t i = 0; i < plan.ntasks; i++) {
		const struct sc_plan_task *task = &plan.tasks[i];
		assert_int_equal(task->output, 5);
		assert_int_equal(task->node, 7);
		take_tiles(task, taken);
		bytes += task->bytes;
		/* At most as large as asked for, but a tile is never cut. */
		assert_true(task->bytes <= array->task_bytes || task->bytes == layout.tile_bytes);
		/* A layer is cut only when it is too large; then a task is in one layer. */
		if (layer_bytes <= array->task_bytes)
			assert_true(is_whole_layers(task));
		else
			assert_int_equal(task->count[layout.axis], 1);
	}
	assert_int_equal(bytes, layout.size_bytes);
	assert_null(memchr(taken, 0, layout.total_tiles));
	sc_plan_clear(&plan);
	sc_layout_clear(&layout);
}

static void tasks_cover_every_tile_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		print_message("  %s\n", cases[i].name);
		check_array(&cases[i]);
	}
}

static void chunks_are_of_one_size(void **state)
{
	(void)state;
	static const struct {
		int64_t channels;
		uint64_t target;
		int64_t chunk;
	} splits[] = {
		{ 10, 4, 4 }, { 9, 4, 3 }, { 10, 100, 10 }, { 10, 1, 1 }, { 12, 5, 4 }, { 59599, 1000, 994 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(splits); i++) {
		struct array_case array = { "", 1, 0, { splits[i].channels }, { 1 }, SC_TYPE_FLOAT, 0 };
		struct sc_layout layout;
		int64_t chunk[SC_MAXDIM];
		lay_out(&array, &layout);
		sc_plan_split(&layout, layout.ntiles, 1, splits[i].target, chunk);
		assert_int_equal(chunk[0], splits[i].chunk);
		sc_layout_clear(&layout);
	}
}

static void make_view(struct sc_view *view, int64_t nchan, bool has_mask)
{
	struct array_case pixels = { "", 4, 3, { 256, 256, 1, nchan }, { 64, 64, 1, 4 }, SC_TYPE_FLOAT, 0 };
	memset(view, 0, sizeof(*view));
	lay_out(&pixels, &view->pixels);
	view->nnodes = 3;
	view->nodes[0].kind = SC_NODE_DIRECTORY;
	view->nodes[1].kind = SC_NODE_BYTES;
	view->nodes[2] = (struct sc_node){ .kind = SC_NODE_ARRAY, .layout = &view->pixels };
	if (has_mask) {
		pixels.type = SC_TYPE_BOOL;
		lay_out(&pixels, &view->mask);
		view->has_mask = true;
		view->nodes[view->nnodes++] = (struct sc_node){ .kind = SC_NODE_ARRAY, .layout = &view->mask };
	}
}

static void the_largest_comes_first(void **state)
{
	(void)state;
	struct sc_view small, large, middle;
	make_view(&small, 10, false);
	make_view(&large, 2000, true);
	make_view(&middle, 500, false);
	/* The second one could not be built. */
	const struct sc_view *views[] = { &small, NULL, &middle, &large };
	static const unsigned order[] = { 3, 2, 0 };
	struct sc_plan plan;
	size_t at = 0;
	uint64_t bytes = 0;
	assert_int_equal(sc_plan_make(views, SC_COUNT_OF(views), false, 4, 0, &plan, NULL), 0);
	for (size_t i = 0; i < plan.ntasks; i++) {
		if (plan.tasks[i].output != order[at])
			at++;
		assert_true(at < SC_COUNT_OF(order));
		assert_int_equal(plan.tasks[i].output, order[at]);
		bytes += plan.tasks[i].bytes;
	}
	assert_int_equal(at, SC_COUNT_OF(order) - 1);
	assert_int_equal(bytes, small.pixels.size_bytes + middle.pixels.size_bytes + large.pixels.size_bytes +
				    large.mask.size_bytes);
	sc_plan_clear(&plan);
	sc_layout_clear(&small.pixels);
	sc_layout_clear(&middle.pixels);
	sc_layout_clear(&large.pixels);
	sc_layout_clear(&large.mask);
}

static void nothing_to_do_is_no_task(void **state)
{
	(void)state;
	struct sc_plan plan;
	const struct sc_view *views[] = { NULL };
	assert_int_equal(sc_plan_make(views, 1, false, 4, 0, &plan, NULL), 0);
	assert_int_equal(plan.ntasks, 0);
	sc_plan_clear(&plan);
}

static void tasks_are_smaller_when_there_is_little(void **state)
{
	(void)state;
	assert_int_equal(sc_plan_task_bytes(0, 1), 4 * MIB);
	assert_int_equal(sc_plan_task_bytes(1024 * MIB, 8), 16 * MIB);
	assert_int_equal(sc_plan_task_bytes(UINT64_C(1) << 40, 8), 64 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_cover_every_tile_once),
		cmocka_unit_test(chunks_are_of_one_size),
		cmocka_unit_test(the_largest_comes_first),
		cmocka_unit_test(nothing_to_do_is_no_task),
		cmocka_unit_test(tasks_are_smaller_when_there_is_little),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
