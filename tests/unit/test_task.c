#include "testdata.h"

#include "partcheck.h"
#include "remembering.h"
#include "task.h"
#include "slabs.h"

/*
 * Views made by hand of raw part files with random bytes. What tasks write is
 * compared with what is read from the same view, byte for byte: padding, order
 * of tasks, chunks and runs are then right, whatever the pixels are.
 */

#define MAX_PARTS 8

struct part_case {
	int64_t count;   /* channels; 0: no more parts */
	int64_t tile[4]; /* 0: an all-good mask */
	bool big_endian;
};

struct view_case {
	const char *name;
	int axis;
	enum sc_type type;
	int64_t plane[4], tile[4];
	struct part_case parts[MAX_PARTS];
};

static const struct view_case cases[] = {
	{ "ranges",
	  3,
	  SC_TYPE_FLOAT,
	  { 40, 30, 1, 0 },
	  { 16, 16, 1, 1 },
	  { { 3, { 16, 16, 1, 1 }, false }, { 3, { 16, 16, 1, 1 }, false }, { 2, { 16, 16, 1, 1 }, false } } },
	{ "other tiles",
	  3,
	  SC_TYPE_FLOAT,
	  { 40, 30, 2, 0 },
	  { 10, 6, 1, 5 },
	  { { 3, { 16, 16, 1, 1 }, false }, { 5, { 40, 30, 2, 2 }, true }, { 2, { 7, 5, 2, 1 }, false } } },
	{ "ranges, and tiles across parts",
	  3,
	  SC_TYPE_DOUBLE,
	  { 40, 30, 1, 0 },
	  { 16, 16, 1, 2 },
	  { { 4, { 16, 16, 1, 2 }, false },
	    { 3, { 16, 16, 1, 2 }, false },
	    { 4, { 16, 16, 1, 2 }, false },
	    { 4, { 16, 16, 1, 4 }, true },
	    { 5, { 16, 16, 1, 2 }, false } } },
	{ "a mask of bits",
	  3,
	  SC_TYPE_BOOL,
	  { 41, 31, 1, 0 },
	  { 13, 7, 1, 3 },
	  { { 3, { 41, 31, 1, 1 }, false }, { 9, { 0 }, false }, { 2, { 5, 5, 1, 2 }, true } } },
	{ "a mask of ranges",
	  3,
	  SC_TYPE_BOOL,
	  { 32, 32, 1, 0 },
	  { 16, 16, 1, 1 },
	  { { 3, { 16, 16, 1, 1 }, false }, { 9, { 0 }, false }, { 2, { 16, 16, 1, 1 }, true } } },
	{ "Stokes behind the channels",
	  2,
	  SC_TYPE_COMPLEX,
	  { 20, 10, 0, 3 },
	  { 8, 8, 4, 1 },
	  { { 4, { 8, 8, 4, 1 }, false }, { 6, { 8, 8, 4, 1 }, false }, { 5, { 20, 10, 1, 3 }, true } } },
	{ "channels first",
	  0,
	  SC_TYPE_FLOAT,
	  { 0, 10, 9, 8 },
	  { 3, 10, 4, 4 },
	  { { 3, { 3, 10, 4, 4 }, false }, { 7, { 2, 2, 2, 2 }, true }, { 1, { 1, 10, 9, 8 }, false } } },
	{ "a tile larger than all",
	  3,
	  SC_TYPE_FLOAT,
	  { 20, 10, 1, 0 },
	  { 64, 64, 1, 64 },
	  { { 4, { 20, 10, 1, 1 }, false }, { 3, { 20, 10, 1, 1 }, true } } },
	{ "one pixel a plane",
	  3,
	  SC_TYPE_FLOAT,
	  { 1, 1, 1, 0 },
	  { 1, 1, 1, 7 },
	  { { 1, { 1, 1, 1, 1 }, false }, { 1, { 1, 1, 1, 1 }, false }, { 8, { 1, 1, 1, 8 }, true } } },
};

static char top[64];

static int make_top(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_task.XXXXXX");
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int remove_top(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : sc_io_remove_tree(AT_FDCWD, top);
}

static struct sc_source source;

static void write_part(const struct view_case *made, const struct part_case *part, struct sc_part *ret_part,
		       bool is_mask)
{
	uint64_t pixels = 1, ntiles = 1;
	char path[80];
	struct stat st;
	for (int i = 0; i < 4; i++) {
		int64_t length = i == made->axis ? part->count : made->plane[i];
		pixels *= (uint64_t)part->tile[i];
		ntiles *= (uint64_t)((length - 1) / part->tile[i] + 1);
	}
	size_t bytes = (size_t)(ntiles * ((pixels * sc_tsm_type_bits(made->type) + 7) / 8)) + 16;
	sc_autofree uint8_t *content = malloc(bytes);
	for (size_t i = 0; i < bytes; i++)
		content[i] = (uint8_t)(rand() >> 7);
	assert_int_equal(mkdir(ret_part->name, 0777), 0);
	snprintf(path, sizeof(path), "%s/array", ret_part->name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, content, bytes), 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	*(is_mask ? &ret_part->mask_id : &ret_part->pixels_id) = sc_file_id_of(&st);
}

/* Also makes the files, in the current directory. */
static struct sc_view *make_view(const struct view_case *made)
{
	struct sc_view *view = calloc(1, sizeof(*view));
	bool is_mask = made->type == SC_TYPE_BOOL;
	struct sc_layout *layout = is_mask ? &view->mask : &view->pixels;
	view->name = strdup("cube.image");
	view->source = &source;
	view->parts = calloc(MAX_PARTS, sizeof(*view->parts));
	assert_int_equal(sc_layout_init(layout, 4, made->plane, made->axis, made->type, NULL), 0);
	for (size_t i = 0; i < MAX_PARTS && made->parts[i].count; i++) {
		const struct part_case *part = &made->parts[i];
		struct sc_storage storage = { .offset_bytes = 16, .big_endian = part->big_endian, .file = "array" };
		memcpy(storage.tile, part->tile, sizeof(part->tile));
		assert_true(asprintf(&view->parts[i].name, "part.%zu", i) > 0);
		if (part->tile[0])
			write_part(made, part, &view->parts[i], is_mask);
		assert_int_equal(add_slab(layout, part->count, part->tile[0] ? &storage : NULL, NULL), 0);
		view->nparts++;
	}
	assert_int_equal(sc_layout_set_tile(layout, made->tile, false, NULL), 0);
	view->nnodes = 2;
	view->nodes[0].kind = SC_NODE_DIRECTORY;
	view->nodes[1] = (struct sc_node){
		.kind = SC_NODE_ARRAY, .layout = layout, .size_bytes = layout->size_bytes, .is_mask = is_mask
	};
	return view;
}

static void free_view(struct sc_view *view)
{
	for (size_t i = 0; i < view->nparts; i++) {
		sc_io_remove_tree(AT_FDCWD, view->parts[i].name);
		free(view->parts[i].name);
	}
	free(view->parts);
	free(view->name);
	sc_layout_clear(&view->pixels);
	sc_layout_clear(&view->mask);
	free(view);
}

static int count_bytes(void *context, unsigned output, uint64_t bytes)
{
	assert_int_equal(output, 3);
	*(uint64_t *)context += bytes;
	return 0;
}

static void check_tasks(const struct sc_view *view, uint64_t task_bytes, uint64_t box_limit, const uint8_t *expected)
{
	const struct sc_layout *layout = view->nodes[1].layout;
	struct sc_copier copier;
	struct sc_plan plan = { 0 };
	struct sc_error err = { 0 };
	uint64_t written = 0;
	int fd = open("out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(sc_copier_init(&copier, UINT64_C(1) << 30, SC_REFLINK_AUTO, &err), 0);
	copier.box_limit = box_limit > layout->tile_bytes ? box_limit : layout->tile_bytes;
	copier.advance = count_bytes;
	copier.context = &written;
	assert_int_equal(sc_plan_add_array(&plan, 3, 1, layout, task_bytes, 0), 0);
	/* Backwards: no task relies on another one. */
	for (size_t i = plan.ntasks; i-- > 0;) {
		if (sc_task_run(&copier, &plan.tasks[i], view, fd, "out", &err) < 0)
			fail_msg("%s", err.text);
	}
	sc_autofree uint8_t *got = malloc(layout->size_bytes);
	assert_int_equal(lseek(fd, 0, SEEK_END), layout->size_bytes);
	assert_int_equal(sc_io_pread_full(fd, got, layout->size_bytes, 0), 0);
	assert_memory_equal(got, expected, layout->size_bytes);
	assert_int_equal(written, layout->size_bytes);
	sc_plan_clear(&plan);
	sc_copier_clear(&copier);
	close(fd);
}

static void open_source(void)
{
	source = (struct sc_source){ .path = top, .dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	assert_true(source.dirfd >= 0);
}

static void tasks_write_what_is_read(void **state)
{
	(void)state;
	open_source();
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_view *view = make_view(&cases[i]);
		struct sc_reader *reader = sc_reader_new(4, 1 << 20);
		struct sc_error err = { 0 };
		uint64_t size = view->nodes[1].size_bytes;
		sc_autofree uint8_t *expected = malloc(size);
		print_message("  %s\n", cases[i].name);
		if (sc_view_read(reader, view, 1, 0, expected, size, &err) != (ssize_t)size)
			fail_msg("%s", err.text);
		static const uint64_t limits[] = { 1, 700, 5000, 20000, UINT64_C(1) << 26 };
		for (size_t task = 0; task < SC_COUNT_OF(limits); task++) {
			for (size_t box = 0; box < SC_COUNT_OF(limits); box++)
				check_tasks(view, limits[task], limits[box], expected);
		}
		sc_reader_forget(reader, view);
		sc_reader_free(reader);
		free_view(view);
	}
	close(source.dirfd);
}

/* One task for the whole array; what it says when something is wrong with a part. */
static int run_at_once(const struct sc_view *view, int fd, bool compare, struct sc_error *err)
{
	struct sc_copier copier;
	struct sc_plan plan = { 0 };
	assert_int_equal(sc_copier_init(&copier, UINT64_C(1) << 30, SC_REFLINK_AUTO, err), 0);
	copier.compare = compare;
	assert_int_equal(sc_plan_add_array(&plan, 3, 1, view->nodes[1].layout, UINT64_C(1) << 30, 0), 0);
	assert_int_equal(plan.ntasks, 1);
	int rc = sc_task_run(&copier, &plan.tasks[0], view, fd, "out", err);
	sc_plan_clear(&plan);
	sc_copier_clear(&copier);
	return rc;
}

static void trouble_is_told_and_named(void **state)
{
	(void)state;
	open_source();
	/* Copied, and gathered. */
	for (size_t i = 0; i < 2; i++) {
		struct sc_view *view = make_view(&cases[i]);
		struct sc_error err = { 0 };
		int fd = open("out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
		assert_int_equal(run_at_once(view, fd, false, &err), 0);
		assert_int_equal(sc_partcheck_all(view, &err), 0);
		assert_int_equal(run_at_once(view, full, false, &err), -ENOSPC);
		assert_non_null(strstr(err.text, "out: "));
		assert_int_equal(truncate("part.1/array", 100), 0);
		assert_int_equal(run_at_once(view, fd, false, &err), -ESTALE);
		assert_non_null(strstr(err.text, "part.1"));
		assert_int_equal(sc_partcheck_all(view, &err), -ESTALE);
		assert_non_null(strstr(err.text, "part.1"));
		assert_int_equal(unlink("part.1/array"), 0);
		assert_true(run_at_once(view, fd, false, &err) < 0);
		assert_non_null(strstr(err.text, "part.1"));
		assert_true(sc_partcheck_all(view, &err) < 0);
		close(fd);
		close(full);
		free_view(view);
	}
	close(source.dirfd);
}

/* On NFS, a change is seen at once only by who asks the server. */
static void the_server_is_asked_whether_a_part_changed(void **state)
{
	(void)state;
	open_source();
	for (size_t i = 0; i < 2; i++) {
		const struct timespec later[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };
		struct sc_view *view = make_view(&cases[i]);
		struct sc_error err = { 0 };
		int fd = open("out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		remember("part.1/array");
		assert_int_equal(run_at_once(view, fd, false, &err), 0);
		assert_int_equal(utimensat(AT_FDCWD, "part.1/array", later, 0), 0);
		assert_int_equal(run_at_once(view, fd, false, &err), -ESTALE);
		assert_non_null(strstr(err.text, "part.1"));
		assert_int_equal(sc_partcheck_all(view, &err), -ESTALE);
		remember(NULL);
		close(fd);
		free_view(view);
	}
	close(source.dirfd);
}

static void flip(int fd, uint64_t offset)
{
	uint8_t byte;
	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
}

/* Also padding counts: it is what the file was written with. */
static void what_is_read_back_is_compared_in_full(void **state)
{
	(void)state;
	open_source();
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_view *view = make_view(&cases[i]);
		struct sc_error err = { 0 };
		uint64_t size = view->nodes[1].size_bytes;
		int fd = open("out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		assert_int_equal(run_at_once(view, fd, false, &err), 0);
		assert_int_equal(run_at_once(view, fd, true, &err), 0);
		for (unsigned k = 0; k < 20; k++) {
			uint64_t offset = k == 0 ? size - 1 : (uint64_t)rand() % size;
			flip(fd, offset);
			assert_int_equal(run_at_once(view, fd, true, &err), -EIO);
			assert_non_null(strstr(err.text, "out: "));
			flip(fd, offset);
		}
		assert_int_equal(ftruncate(fd, (off_t)size - 1), 0);
		assert_int_equal(run_at_once(view, fd, true, &err), -EIO);
		close(fd);
		free_view(view);
	}
	close(source.dirfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tasks_write_what_is_read, make_top, remove_top),
		cmocka_unit_test_setup_teardown(trouble_is_told_and_named, make_top, remove_top),
		cmocka_unit_test_setup_teardown(the_server_is_asked_whether_a_part_changed, make_top, remove_top),
		cmocka_unit_test_setup_teardown(what_is_read_back_is_compared_in_full, make_top, remove_top),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
