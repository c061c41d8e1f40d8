/*
 * Views of real families, built with the header program, against CASA's own
 * images; and what cannot become a view.
 */
#include "family.h"
#include "parts.h"
#include "words.h"

#include "view.h"
#include "viewaccess.h"
#include "viewread.h"

static const struct sc_view_options casa = { .tiling = { .mode = SC_TILING_CASA } };
static const struct sc_view_options keep = { .tiling = { .mode = SC_TILING_KEEP } };

/* The header program is beside the tests in a build tree; without casacore there is none. */
static bool have_header_program(void)
{
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (getenv("SUBCUBEFS_HEADER"))
		return true;
	if (length < 0)
		return false;
	self[length] = 0;
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%.*s/../../common/casa/subcubefs-header", (int)(strrchr(self, '/') - self), self) >
		    0);
	return access(path, X_OK) == 0;
}

static struct sc_view *build(const struct family *family, const struct sc_view_options *options)
{
	struct sc_view *view;
	struct sc_error err = { 0 };
	if (sc_view_build(&family->source, family->product, options, &view, &err) < 0)
		fail_msg("%s", err.text);
	return view;
}

static int node_of(const struct sc_view *view, const char *path)
{
	const char *slash = strchr(path, '/');
	int directory = 0;
	if (slash) {
		char name[32];
		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		directory = sc_view_find(view, 0, name);
		assert_true(directory > 0);
	}
	return sc_view_find(view, (unsigned)directory, slash ? slash + 1 : path);
}

static uint8_t *read_node(const struct sc_view *view, int node)
{
	struct sc_error err = { 0 };
	assert_true(node > 0);
	size_t size = view->nodes[node].size_bytes;
	uint8_t *data = malloc(size ? size : 1);
	struct sc_reader *reader = sc_reader_new(16, 1 << 20);
	ssize_t got = sc_view_read(reader, view, (unsigned)node, 0, data, size, &err);
	if (got != (ssize_t)size)
		fail_msg("%s: %s", view->nodes[node].name, err.text);
	sc_reader_free(reader);
	return data;
}

/* ---- what is in a view ---- */

static void check_tree(const struct sc_view *view)
{
	assert_string_equal(view->nodes[0].name, "");
	assert_int_equal(view->nodes[0].kind, SC_NODE_DIRECTORY);
	for (unsigned i = 1; i < view->nnodes; i++) {
		const struct sc_node *node = &view->nodes[i];
		assert_true(node->parent < i);
		assert_int_equal(view->nodes[node->parent].kind, SC_NODE_DIRECTORY);
		assert_int_equal(sc_view_find(view, node->parent, node->name), i);
		assert_true(strcmp(node->name, "") != 0 && !strchr(node->name, '/'));
		assert_int_equal(node->bytes != NULL, node->kind == SC_NODE_BYTES);
		assert_int_equal(node->layout != NULL, node->kind == SC_NODE_ARRAY);
	}
	assert_int_equal(sc_view_find(view, 0, "nothing"), -1);
	assert_int_equal(sc_view_find(view, 0, ""), -1);
}

static void check_tsm(const struct sc_view *view, const char *path, const struct sc_layout *layout)
{
	struct sc_tsm tsm;
	struct sc_error err = { 0 };
	int node = node_of(view, path);
	sc_autofree uint8_t *data = read_node(view, node);
	if (sc_tsm_decode(data, view->nodes[node].size_bytes, path, &tsm, &err) < 0)
		fail_msg("%s", err.text);
	size_t bytes = (size_t)layout->ndim * sizeof(int64_t);
	assert_memory_equal(tsm.shape, layout->shape, bytes);
	assert_memory_equal(tsm.tile, layout->tile, bytes);
	assert_memory_equal(tsm.default_tile, layout->tile, bytes);
	assert_int_equal(tsm.file_bytes, layout->size_bytes);
	assert_int_equal(tsm.type, layout->type);
	assert_int_equal(tsm.big_endian, layout->big_endian);
}

static void check_table(const struct sc_view *view, const char *path, const struct sc_layout *layout)
{
	struct sc_tablefile table;
	struct sc_error err = { 0 };
	int node = node_of(view, path);
	sc_autofree uint8_t *data = read_node(view, node);
	if (sc_tablefile_decode(data, view->nodes[node].size_bytes, path, &table, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(table.big_endian, layout->big_endian);
	assert_int_equal(table.nrows, 1);
	if (layout == &view->pixels) {
		static const char *const names[] = { "coords", "imageinfo", "miscinfo", "units", "logtable" };
		for (size_t i = 0; i < SC_COUNT_OF(names); i++)
			assert_non_null(sc_record_find(table.keywords, names[i]));
		const char *mask = sc_record_get_string(table.keywords, "Image_defaultmask");
		assert_string_equal(mask ? mask : "", view->has_mask ? "mask0" : "");
	}
	if (layout == &view->pixels && view->has_mask) {
		const struct sc_record *masks = sc_record_get_record(table.keywords, "masks");
		const struct sc_record *region = sc_record_get_record(masks, "mask0");
		const struct sc_record *box = sc_record_get_record(region, "box");
		const struct sc_field *trc = sc_record_get_array(box, "trc", SC_TYPE_ARRAY_FLOAT);
		const struct sc_field *shape = sc_record_get_array(box, "shape", SC_TYPE_ARRAY_INT);
		assert_string_equal(sc_record_get_string(region, "mask"), "././mask0");
		assert_int_equal(trc->array.count, layout->ndim);
		for (int i = 0; i < layout->ndim; i++) {
			assert_true(((const float *)trc->array.elements)[i] == (float)layout->shape[i]);
			assert_int_equal(((const int32_t *)shape->array.elements)[i], layout->shape[i]);
		}
	}
	sc_tablefile_clear(&table);
}

/* Byte for byte: no edge tile of these images is padded. */
static void compare_array(const struct sc_view *view, const char *path, const char *reference)
{
	sc_autofree char *full = NULL;
	size_t size;
	assert_true(asprintf(&full, "%s/%s/%s", getenv("SC_TEST_DATA"), reference, path) > 0);
	sc_autofree uint8_t *theirs = workdir_read(AT_FDCWD, full, &size);
	int node = node_of(view, path);
	sc_autofree uint8_t *ours = read_node(view, node);
	assert_same_bytes(full, theirs, size, ours, view->nodes[node].size_bytes);
}

static void views_are_casas_images(void **state)
{
	(void)state;
	static const struct {
		const char *directory, *ext, *reference;
		bool has_mask; /* CASA drops one that is all good */
	} cases[] = {
		{ "A1", ".image", "A1/cube.image", true },
		{ "A1", ".psf", "A1/cube.psf", false },
		{ "A2", ".image", "A2/cube.image", true },
		{ "A2u", ".image", "A2u/cube.image", true },
		{ "A6", ".image", "A6/cube.image", true },
		{ "B1/in", ".image", "B1/ref_p/cube.image", true },
		{ "B2/in", ".image", "B2/ref_p/cube.image", true },
		{ "B4c/in", ".image", "B4c/ref_p/cube.image", true },
		{ "B4d/in", ".image", "B4d/ref_p/cube.image", true },
		{ "B5a/in", ".image", "B5a/ref_p/cube.image", true },
		{ "B5b/in", ".image", "B5b/ref_p/cube.image", true },
		{ "B5c/in", ".image", "B5c/ref_p/cube.image", true },
		{ "B10/in", ".sumwt", "B10/ref_p/cube.sumwt", false },
		{ "B11/in", ".image", "B11/ref_p/cube.image", true },
	};
	if (!have_header_program())
		skip();
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct family family;
		family_open(&family, cases[i].directory, cases[i].ext);
		struct sc_view *view = build(&family, &casa);
		check_tree(view);
		if (view->has_mask != cases[i].has_mask)
			fail_msg("%s: mask %d", cases[i].directory, view->has_mask);
		assert_int_equal(view->nparts, family.product->nparts);
		assert_int_equal(view->ntruncated, 0);
		check_table(view, "table.dat", &view->pixels);
		check_tsm(view, "table.f0", &view->pixels);
		compare_array(view, "table.f0_TSM0", cases[i].reference);
		if (view->has_mask) {
			check_table(view, "mask0/table.dat", &view->mask);
			check_tsm(view, "mask0/table.f0", &view->mask);
			compare_array(view, "mask0/table.f0_TSM0", cases[i].reference);
		}
		assert_true(node_of(view, "logtable/table.dat") > 0 && node_of(view, "table.info") > 0 &&
			    node_of(view, "table.lock") > 0);
		sc_view_free(view);
		family_close(&family);
	}
}

/* Parts one after another: with their own tiles the view's pixel file is theirs, end to end. */
static void kept_tiles_are_the_parts_files(void **state)
{
	(void)state;
	struct family family;
	if (!have_header_program())
		skip();
	family_open(&family, "A1", ".image");
	struct sc_view *view = build(&family, &keep);
	static const char *const files[] = { "table.f0_TSM0", "mask0/table.f0_TSM0" };
	for (size_t k = 0; k < SC_COUNT_OF(files); k++) {
		int node = node_of(view, files[k]);
		sc_autofree uint8_t *data = read_node(view, node);
		size_t at = 0;
		for (size_t i = 0; i < view->nparts; i++) {
			char path[200];
			size_t size;
			snprintf(path, sizeof(path), "%s/%s", view->parts[i].name, files[k]);
			sc_autofree uint8_t *part = workdir_read(family.source.dirfd, path, &size);
			assert_memory_equal(data + at, part, size);
			at += size;
		}
		assert_int_equal(at, view->nodes[node].size_bytes);
	}
	sc_view_free(view);
	family_close(&family);
}

static void given_tiles_are_cut_to_the_shape(void **state)
{
	(void)state;
	const struct sc_view_options options = { .tiling = { SC_TILING_GIVEN, 4, { 32, 1000, 7, 5 } } };
	const struct sc_view_options flat = { .tiling = { SC_TILING_GIVEN, 3, { 32, 32, 1 } } };
	static const int64_t tile[] = { 32, 80, 1, 5 };
	struct family family;
	struct sc_view *view;
	struct sc_error err = { 0 };
	family_open(&family, "A1", ".image");
	assert_int_equal(sc_view_build(&family.source, family.product, &flat, &view, &err), -EINVAL);
	assert_true(has_words(err.text, "cube.image has 4 axes|3 lengths"));
	if (have_header_program()) {
		view = build(&family, &options);
		assert_memory_equal(view->pixels.tile, tile, sizeof(tile));
		assert_memory_equal(view->mask.tile, tile, sizeof(tile));
		check_tsm(view, "table.f0", &view->pixels);
		check_tsm(view, "mask0/table.f0", &view->mask);
		sc_view_free(view);
	}
	family_close(&family);
}

/* ---- what cannot be a view ---- */

static void fresh_family(void **state)
{
	assert_int_equal(workdir_clean(state), 0);
	for (int i = 0; i < 4; i++) {
		char from[64];
		snprintf(from, sizeof(from), "B1/in/cube.subcube.%d.image", i);
		workdir_copy(from, from + strlen("B1/in/"));
	}
}

static void change_width(struct sc_tsm *tsm)
{
	tsm->shape[0]--;
}

static void drop_default_mask(struct sc_tablefile *table)
{
	sc_record_remove(table->keywords, "Image_defaultmask");
}

static void remove_middle(void)
{
	workdir_remove("cube.subcube.1.image");
}

static void remove_two(void)
{
	workdir_remove("cube.subcube.0.image");
	workdir_remove("cube.subcube.2.image");
}

static void empty_middle(void)
{
	workdir_remove("cube.subcube.2.image");
	workdir_mkdir("cube.subcube.2.image");
}

static void narrow_last(void)
{
	part_edit_table("cube.subcube.3.image/table.dat", drop_default_mask);
	part_edit_tsm("cube.subcube.3.image/table.f0", change_width);
}

static void add_duplicate(void)
{
	workdir_mkdir("cube.subcube.03.image");
}

static void fifo_table(void)
{
	workdir_remove("cube.subcube.1.image/table.dat");
	assert_int_equal(mkfifoat(workdir_fd, "cube.subcube.1.image/table.dat", 0644), 0);
}

static void loop(void)
{
	workdir_remove("cube.subcube.1.image");
	assert_int_equal(symlinkat("cube.subcube.1.image", workdir_fd, "cube.subcube.1.image"), 0);
}

static void garble(void)
{
	uint8_t bytes[4096];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 11);
	workdir_write("cube.subcube.2.image/table.dat", bytes, sizeof(bytes));
}

static void what_cannot_be_a_view(void **state)
{
	static const struct {
		void (*damage)(void);
		int rc;
		const char *words;
	} cases[] = {
		{ remove_middle, -ENOENT, "cube.image: |cube.subcube.1.image is missing" },
		{ remove_two, -ENOENT, "cube.image: |cube.subcube.0.image, cube.subcube.2.image are missing" },
		{ empty_middle, -ENOENT, "cube.subcube.2.image/table.dat" },
		{ narrow_last, -EUCLEAN, "cube.subcube.3.image: its shape|cube.subcube.0.image" },
		{ add_duplicate, -EUCLEAN, "cube.image: |cube.subcube.03.image and cube.subcube.3.image" },
		{ fifo_table, -EUCLEAN, "cube.subcube.1.image/table.dat|not a regular file" },
		{ loop, -ELOOP, "cube.subcube.1.image" },
		{ garble, -EUCLEAN, "cube.subcube.2.image/table.dat" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct family family;
		struct sc_view *view = NULL;
		struct sc_error err = { 0 };
		fresh_family(state);
		cases[i].damage();
		family_open_at(&family, workdir, ".image");
		int rc = sc_view_build(&family.source, family.product, &keep, &view, &err);
		if (rc != cases[i].rc || !has_words(err.text, cases[i].words) || view)
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
		family_close(&family);
	}
}

static void make_every_second(unsigned count)
{
	for (unsigned i = 4; i < count; i++) {
		char name[64];
		snprintf(name, sizeof(name), "cube.subcube.%u.image", i);
		if (i % 2)
			workdir_mkdir(name);
	}
}

/* Runs of missing parts are named by their ends, and only the first ones of many. */
static void long_lists_of_missing_parts_are_cut(void **state)
{
	static const struct {
		unsigned last,
		    count; /* the last part becomes number `last`; empty ones at every odd number below `count` */
		const char *words;
	} cases[] = {
		{ 50, 0, "cube.image: cube.subcube.3.image to cube.subcube.49.image are missing" },
		{ 15, 14,
		  "cube.subcube.3.image to cube.subcube.4.image, cube.subcube.6.image, cube.subcube.8.image, "
		  "cube.subcube.10.image, cube.subcube.12.image and 1 more gap are missing" },
		{ 101, 100,
		  "cube.subcube.3.image to cube.subcube.4.image, |cube.subcube.12.image and 44 more gaps are missing" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct family family;
		struct sc_view *view;
		struct sc_error err = { 0 };
		char name[64];
		fresh_family(state);
		make_every_second(cases[i].count);
		snprintf(name, sizeof(name), "cube.subcube.%u.image", cases[i].last);
		assert_int_equal(renameat(workdir_fd, "cube.subcube.3.image", workdir_fd, name), 0);
		family_open_at(&family, workdir, ".image");
		assert_int_equal(sc_view_build(&family.source, family.product, &keep, &view, &err), -ENOENT);
		if (!has_words(err.text, cases[i].words))
			fail_msg("case %zu: %s", i, err.text);
		family_close(&family);
	}
}

static void truncated_parts_are_counted(void **state)
{
	struct family family;
	if (!have_header_program())
		skip();
	fresh_family(state);
	workdir_truncate("cube.subcube.1.image/table.f0_TSM0", 10);
	workdir_truncate("cube.subcube.2.image/mask0/table.f0_TSM0", 0);
	family_open_at(&family, workdir, ".image");
	struct sc_view *view = build(&family, &keep);
	assert_int_equal(view->ntruncated, 2);
	assert_true(has_words(view->truncated, "cube.subcube.1.image/table.f0_TSM0: 10 bytes long, expected "));
	sc_view_free(view);
	family_close(&family);
}

/* ---- who may look ---- */

static void access_of_directories(void **state)
{
	struct family family;
	struct sc_access access;
	fresh_family(state);
	assert_int_equal(fchmodat(workdir_fd, "cube.subcube.1.image", 0750, 0), 0);
	assert_int_equal(fchmodat(workdir_fd, "cube.subcube.2.image", 0705, 0), 0);
	const struct timespec times[] = { { 2000000000, 0 }, { 2000000000, 0 } };
	assert_int_equal(utimensat(workdir_fd, "cube.subcube.3.image", times, 0), 0);
	family_open_at(&family, workdir, ".image");
	workdir_remove("cube.subcube.0.image"); /* went away since: passed over */
	sc_view_directory_access(&family.source, family.product, &access);
	assert_true(access.any && access.uniform);
	assert_int_equal(access.mode, 0700);
	assert_int_equal(access.newest_ns, 2000000000000000000);
	for (int i = 1; i < 4; i++) {
		char name[64];
		snprintf(name, sizeof(name), "cube.subcube.%d.image", i);
		workdir_remove(name);
	}
	sc_view_directory_access(&family.source, family.product, &access);
	assert_false(access.any);
	family_close(&family);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_are_casas_images),
		cmocka_unit_test(kept_tiles_are_the_parts_files),
		cmocka_unit_test(given_tiles_are_cut_to_the_shape),
		cmocka_unit_test(what_cannot_be_a_view),
		cmocka_unit_test(long_lists_of_missing_parts_are_cut),
		cmocka_unit_test(truncated_parts_are_counted),
		cmocka_unit_test(access_of_directories),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
