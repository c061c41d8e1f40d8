/*
 * A view from the cache is the view that would be built, and comes from there
 * only as long as nothing that it was made of has changed.
 *
 * Whether a view was built is told by the header program: a build without it fails.
 */
#include "family.h"
#include "parts.h"
#include "words.h"

#include "view.h"
#include "viewcache.h"
#include "viewcodec.h"
#include "viewread.h"

static struct sc_viewcache *cache;

static int open_cache(void **state)
{
	if (workdir_clean(state) < 0)
		return -1;
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/cache", workdir) > 0);
	cache = sc_viewcache_open(path);
	if (!cache)
		return -1;
	cache->settle_ns = 0; /* the tests' files are young */
	return 0;
}

static int close_cache(void **state)
{
	(void)state;
	sc_viewcache_close(cache);
	return 0;
}

/* The options with the cache, and without a header program if `only_kept`. */
static int try_build(const struct family *family, const struct sc_view_options *options, bool only_kept,
		     struct sc_view **ret_view, struct sc_error *err)
{
	struct sc_view_options with_cache = *options;
	with_cache.cache = cache;
	sc_autofree char *before = getenv("SUBCUBEFS_HEADER") ? strdup(getenv("SUBCUBEFS_HEADER")) : NULL;
	if (only_kept)
		setenv("SUBCUBEFS_HEADER", "/nonexistent/header-program", 1);
	int rc = sc_view_build(&family->source, family->product, &with_cache, ret_view, err);
	if (only_kept && before)
		setenv("SUBCUBEFS_HEADER", before, 1);
	else if (only_kept)
		unsetenv("SUBCUBEFS_HEADER");
	return rc;
}

static struct sc_view *build(const struct family *family, const struct sc_view_options *options, bool only_kept)
{
	struct sc_view *view;
	struct sc_error err = { 0 };
	if (try_build(family, options, only_kept, &view, &err) < 0)
		fail_msg("%s", err.text);
	return view;
}

static bool is_kept(const struct family *family, const struct sc_view_options *options)
{
	struct sc_view *view;
	struct sc_error err = { 0 };
	if (try_build(family, options, true, &view, &err) < 0)
		return false;
	sc_view_free(view);
	return true;
}

/* --- equality --- */

static void expect_same_layout(const struct sc_layout *a, const struct sc_layout *b)
{
	assert_int_equal(a->ndim, b->ndim);
	assert_int_equal(a->axis, b->axis);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->bits, b->bits);
	assert_int_equal(a->swap_bytes, b->swap_bytes);
	assert_int_equal(a->big_endian, b->big_endian);
	assert_memory_equal(a->shape, b->shape, sizeof(a->shape));
	assert_memory_equal(a->tile, b->tile, (size_t)a->ndim * sizeof(a->tile[0]));
	assert_memory_equal(a->ntiles, b->ntiles, (size_t)a->ndim * sizeof(a->ntiles[0]));
	assert_int_equal(a->tile_bytes, b->tile_bytes);
	assert_int_equal(a->total_tiles, b->total_tiles);
	assert_int_equal(a->size_bytes, b->size_bytes);
	assert_int_equal(a->nslabs, b->nslabs);
	for (size_t i = 0; i < a->nslabs; i++) {
		assert_int_equal(a->slabs[i].start, b->slabs[i].start);
		assert_int_equal(a->slabs[i].count, b->slabs[i].count);
		assert_int_equal(a->slabs[i].storage, b->slabs[i].storage);
	}
	assert_int_equal(a->nstorages, b->nstorages);
	for (size_t i = 0; i < a->nstorages; i++) {
		const struct sc_storage *x = &a->storages[i], *y = &b->storages[i];
		assert_memory_equal(x->tile, y->tile, (size_t)a->ndim * sizeof(x->tile[0]));
		assert_int_equal(x->offset_bytes, y->offset_bytes);
		assert_int_equal(x->big_endian, y->big_endian);
		assert_string_equal(x->file, y->file);
		assert_true(sc_coding_equal(&x->coding, &y->coding));
	}
}

static void expect_same_parts(const struct sc_view *a, const struct sc_view *b)
{
	assert_int_equal(a->nparts, b->nparts);
	for (size_t i = 0; i < a->nparts; i++) {
		const struct sc_part *x = &a->parts[i], *y = &b->parts[i];
		assert_string_equal(x->name, y->name);
		assert_int_equal(x->blank, y->blank);
		assert_int_equal(x->number, y->number);
		assert_true(sc_file_id_equal(&x->pixels_id, &y->pixels_id));
		assert_true(sc_file_id_equal(&x->mask_id, &y->mask_id));
		assert_true(sc_identity_equal(&x->identity, &y->identity));
	}
}

static void expect_same_nodes(const struct sc_view *a, const struct sc_view *b)
{
	assert_int_equal(a->nnodes, b->nnodes);
	for (unsigned i = 0; i < a->nnodes; i++) {
		const struct sc_node *x = &a->nodes[i], *y = &b->nodes[i];
		assert_string_equal(x->name, y->name);
		assert_int_equal(x->parent, y->parent);
		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->size_bytes, y->size_bytes);
		assert_int_equal(x->is_mask, y->is_mask);
		if (x->kind == SC_NODE_BYTES)
			assert_memory_equal(x->bytes, y->bytes, x->size_bytes);
		if (x->kind == SC_NODE_ARRAY) {
			assert_ptr_equal(x->layout, x->is_mask ? &a->mask : &a->pixels);
			assert_ptr_equal(y->layout, y->is_mask ? &b->mask : &b->pixels);
		}
	}
}

static void expect_same_view(const struct sc_view *a, const struct sc_view *b)
{
	assert_string_equal(a->name, b->name);
	assert_ptr_equal(a->source, b->source);
	expect_same_layout(&a->pixels, &b->pixels);
	expect_same_layout(&a->mask, &b->mask);
	assert_int_equal(a->axis_differs, b->axis_differs);
	assert_int_equal(a->has_mask, b->has_mask);
	expect_same_parts(a, b);
	assert_int_equal(a->files.any, b->files.any);
	assert_int_equal(a->files.uniform, b->files.uniform);
	assert_int_equal(a->files.uid, b->files.uid);
	assert_int_equal(a->files.gid, b->files.gid);
	assert_int_equal(a->files.mode, b->files.mode);
	assert_int_equal(a->files.newest_ns, b->files.newest_ns);
	assert_int_equal(a->nwarnings, b->nwarnings);
	for (size_t i = 0; i < a->nwarnings; i++)
		assert_string_equal(a->warnings[i], b->warnings[i]);
	assert_int_equal(a->ntruncated, b->ntruncated);
	assert_int_equal(a->truncated != NULL, b->truncated != NULL);
	if (a->truncated)
		assert_string_equal(a->truncated, b->truncated);
	expect_same_nodes(a, b);
}

/* Built without a cache, built with one, taken from it: three times the same. */
static void expect_kept_is_built(const struct family *family, const struct sc_view_options *options)
{
	struct sc_view *plain;
	struct sc_error err = { 0 };
	if (sc_view_build(&family->source, family->product, options, &plain, &err) < 0)
		fail_msg("%s", err.text);
	struct sc_view *first = build(family, options, false), *kept = build(family, options, true);
	expect_same_view(plain, first);
	expect_same_view(first, kept);
	sc_view_free(plain);
	sc_view_free(first);
	sc_view_free(kept);
}

static void every_family_comes_back_as_it_was_built(void **state)
{
	(void)state;
	static const struct {
		const char *directory, *ext; /* one that it has */
	} families[] = { { "A1", ".image" },	{ "A2", ".image" },	{ "A2u", ".image" },   { "A5", ".weight" },
			 { "A6", ".image" },	{ "B1/in", ".image" },	{ "B2/in", ".image" }, { "B4c/in", ".image" },
			 { "B4cd/in", ".image" }, { "B4d/in", ".image" }, { "B5a/in", ".image" }, { "B5b/in", ".image" },
			 { "B5c/in", ".image" }, { "B10/in", ".sumwt" },  { "B11/in", ".image" } };
	unsigned count = 0;
	for (size_t i = 0; i < SC_COUNT_OF(families); i++) {
		struct family family;
		family_open(&family, families[i].directory, families[i].ext);
		for (size_t k = 0; k < family.scan.nproducts; k++) {
			static const enum sc_tiling_mode tilings[] = { SC_TILING_KEEP, SC_TILING_CASA };
			struct sc_view_options options = { .tiling.mode = tilings[count % 2],
							   .missing = SC_MISSING_BLANK,
							   .all_history = count % 3 == 0 };
			family.product = &family.scan.products[k];
			if (family.product->kind != SC_PRODUCT_PARTS)
				continue;
			expect_kept_is_built(&family, &options);
			count++;
		}
		family_close(&family);
	}
	assert_in_range(count, 30, 100);
}

static void copy_parts(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char from[64], to[64];
		snprintf(from, sizeof(from), "A1/cube.subcube.%u.image", i);
		snprintf(to, sizeof(to), "run/cube.subcube.%u.image", i);
		workdir_copy(from, to);
	}
}

static void open_run(struct family *family)
{
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/run", workdir) > 0);
	family_open_at(family, path, ".image");
}

static void add_symlink(const char *from, const char *to)
{
	assert_int_equal(symlinkat(from, workdir_fd, to), 0);
}

/* Missing parts, truncated ones, none with the same storage, and an order that is not that of the numbers. */
static void odd_views_come_back_too(void **state)
{
	(void)state;
	struct family family;
	struct sc_view_options options = { .missing = SC_MISSING_BLANK };
	workdir_mkdir("run");
	copy_parts(6);
	workdir_remove("run/cube.subcube.0.image");
	workdir_remove("run/cube.subcube.3.image");
	workdir_truncate("run/cube.subcube.2.image/table.f0_TSM0", 1000);
	workdir_truncate("run/cube.subcube.4.image/mask0/table.f0_TSM0", 0);
	open_run(&family);
	expect_kept_is_built(&family, &options);
	struct sc_view *kept = build(&family, &options, true);
	assert_int_equal(kept->ntruncated, 2);
	assert_true(kept->parts[0].blank);
	assert_in_range(kept->nwarnings, 2, 10);
	sc_view_free(kept);
	options.missing = SC_MISSING_SKIP;
	options.reorder = true;
	expect_kept_is_built(&family, &options);
	family_close(&family);
}

/* --- what makes a kept view stale --- */

static void touch(const char *path)
{
	assert_int_equal(utimensat(workdir_fd, path, NULL, 0), 0);
}

/* The same size and times of content as before. */
static void rewrite(const char *path)
{
	struct stat st;
	size_t size;
	sc_autofree uint8_t *data = workdir_read(workdir_fd, path, &size);
	assert_int_equal(fstatat(workdir_fd, path, &st, 0), 0);
	data[size - 1] ^= 1;
	workdir_write(path, data, size);
	const struct timespec times[] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(workdir_fd, path, times, 0), 0);
}

static void replace(const char *path)
{
	struct stat st;
	size_t size;
	sc_autofree uint8_t *data = workdir_read(workdir_fd, path, &size);
	assert_int_equal(fstatat(workdir_fd, path, &st, 0), 0);
	workdir_write("run/new", data, size);
	const struct timespec times[] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(workdir_fd, "run/new", times, 0), 0);
	assert_int_equal(renameat(workdir_fd, "run/new", workdir_fd, path), 0);
}

static void truncate_half(const char *path)
{
	struct stat st;
	assert_int_equal(fstatat(workdir_fd, path, &st, 0), 0);
	workdir_truncate(path, st.st_size / 2);
}

static void change_mode(const char *path)
{
	assert_int_equal(fchmodat(workdir_fd, path, 0600, 0), 0);
}

static void add_file(const char *path)
{
	workdir_write(path, "x", 1);
}

static void add_part(const char *path)
{
	add_symlink("cube.subcube.3.image", path);
}

#define PART "run/cube.subcube.1.image/"
#define FIRST "run/cube.subcube.0.image/"

static const struct {
	void (*change)(const char *path);
	const char *path;
} changes[] = {
	{ touch, PART "table.dat" },
	{ touch, PART "table.f0" },
	{ touch, PART "table.f0_TSM0" },
	{ touch, PART "mask0/table.dat" },
	{ touch, PART "mask0/table.f0" },
	{ touch, PART "mask0/table.f0_TSM0" },
	{ touch, FIRST "logtable/table.dat" },
	{ touch, FIRST "logtable/table.f0" },
	{ rewrite, PART "table.dat" },
	{ rewrite, PART "table.f0_TSM0" },
	{ rewrite, FIRST "logtable/table.f0" },
	{ replace, PART "table.dat" },
	{ replace, PART "mask0/table.f0_TSM0" },
	{ truncate_half, PART "table.f0_TSM0" },
	{ truncate_half, PART "table.dat" },
	{ change_mode, PART "table.f0" },
	{ change_mode, PART "mask0/table.f0_TSM0" },
	{ add_file, FIRST "logtable/table.f0i_new" },
	{ add_file, PART "imageconcat.json" },
	{ workdir_remove, PART "mask0" },
	{ workdir_remove, PART "table.f0_TSM0" },
	{ workdir_remove, FIRST "logtable" },
	{ workdir_remove, "run/cube.subcube.1.image" },
	{ workdir_remove, "run/cube.subcube.3.image" },
	{ add_part, "run/cube.subcube.4.image" },
};

static void any_change_is_seen(void **state)
{
	const struct sc_view_options options = { .missing = SC_MISSING_BLANK };
	for (size_t i = 0; i < SC_COUNT_OF(changes); i++) {
		struct family family;
		close_cache(state);
		assert_int_equal(open_cache(state), 0);
		workdir_mkdir("run");
		copy_parts(4);
		open_run(&family);
		sc_view_free(build(&family, &options, false));
		if (!is_kept(&family, &options))
			fail_msg("change %zu: not kept", i);
		family_close(&family);
		/* So that times differ where clocks are coarse. */
		usleep(20000);
		changes[i].change(changes[i].path);
		open_run(&family);
		if (is_kept(&family, &options))
			fail_msg("change %zu of %s is not seen", i, changes[i].path);
		family_close(&family);
	}
}

/* What is not read does not count. */
static void other_files_do_not_matter(void **state)
{
	(void)state;
	struct family family;
	const struct sc_view_options options = { .missing = SC_MISSING_BLANK };
	workdir_mkdir("run");
	copy_parts(3);
	open_run(&family);
	sc_view_free(build(&family, &options, false));
	touch(PART "table.lock");
	touch(PART "logtable/table.f0");
	assert_true(is_kept(&family, &options));
	family_close(&family);
}

static void other_options_are_other_views(void **state)
{
	(void)state;
	static const struct sc_view_options others[] = {
		{ .missing = SC_MISSING_SKIP },
		{ .tiling.mode = SC_TILING_CASA },
		{ .tiling = { SC_TILING_GIVEN, 4, { 8, 8, 1, 1 } } },
		{ .tiling = { SC_TILING_GIVEN, 4, { 8, 8, 1, 2 } } },
		{ .header = { .axis_given = true, .axis = 0 } },
		{ .header = { .axis_given = true, .axis = 1 } },
		{ .header.strict = true },
		{ .header.first_miscinfo = true },
		{ .nparts = 3 },
		{ .nparts = 5 },
		{ .nchan = 3 },
		{ .reorder = true },
		{ .all_history = true },
		{ .keep_miscinfo = true },
	};
	struct family family;
	const struct sc_view_options options = { 0 };
	workdir_mkdir("run");
	copy_parts(3);
	open_run(&family);
	sc_view_free(build(&family, &options, false));
	assert_true(is_kept(&family, &options));
	for (size_t i = 0; i < SC_COUNT_OF(others); i++) {
		if (is_kept(&family, &others[i]))
			fail_msg("option %zu does not count", i);
	}
	family_close(&family);
}

static void young_files_are_not_trusted(void **state)
{
	(void)state;
	struct family family;
	const struct sc_view_options options = { 0 };
	cache->settle_ns = INT64_C(3600) * 1000000000;
	workdir_mkdir("run");
	copy_parts(3);
	open_run(&family);
	sc_view_free(build(&family, &options, false));
	assert_false(is_kept(&family, &options));
	cache->settle_ns = 0;
	sc_view_free(build(&family, &options, false));
	assert_true(is_kept(&family, &options));
	/* A time to come is no time at which anything has settled. */
	const struct timespec times[] = { { 4000000000, 0 }, { 4000000000, 0 } };
	assert_int_equal(utimensat(workdir_fd, PART "table.dat", times, 0), 0);
	sc_view_free(build(&family, &options, false));
	assert_false(is_kept(&family, &options));
	family_close(&family);
}

/* The reason may be gone the next time. */
static void a_view_without_its_history_is_not_kept(void **state)
{
	(void)state;
	struct family family;
	const struct sc_view_options options = { 0 };
	workdir_mkdir("run");
	copy_parts(3);
	workdir_truncate(FIRST "logtable/table.dat", 100);
	open_run(&family);
	struct sc_view *view = build(&family, &options, false);
	assert_int_equal(view->nwarnings, 1);
	sc_view_free(view);
	assert_false(is_kept(&family, &options));
	family_close(&family);
}

/* --- damage --- */

static void read_kept_file(char *ret_path, size_t path_size, uint8_t **ret_data, size_t *ret_size)
{
	sc_autoclosedir DIR *dir = NULL;
	const char *name;
	assert_int_equal(sc_io_open_directory(workdir_fd, "cache", 0, &dir), 0);
	assert_int_equal(sc_io_next_entry(dir, &name), 1);
	snprintf(ret_path, path_size, "cache/%s", name);
	*ret_data = workdir_read(workdir_fd, ret_path, ret_size);
}

static void a_damaged_file_is_made_anew(void **state)
{
	(void)state;
	struct family family;
	char path[200];
	size_t size;
	const struct sc_view_options options = { 0 };
	workdir_mkdir("run");
	copy_parts(3);
	open_run(&family);
	struct sc_view *built = build(&family, &options, false);
	uint8_t *good = NULL;
	read_kept_file(path, sizeof(path), &good, &size);
	for (size_t i = 0; i < 60; i++) {
		size_t at = i * size / 60;
		workdir_write(path, good, at);
		assert_false(is_kept(&family, &options));
		good[at] ^= 0x10;
		workdir_write(path, good, size);
		good[at] ^= 0x10;
		assert_false(is_kept(&family, &options));
	}
	struct sc_view *again = build(&family, &options, false);
	expect_same_view(built, again);
	assert_true(is_kept(&family, &options));
	sc_view_free(again);
	sc_view_free(built);
	free(good);
	family_close(&family);
}

/* Looks at all that is in a view, whatever it is. */
static void use_view(const struct sc_view *view)
{
	for (unsigned i = 0; i < view->nnodes; i++) {
		const struct sc_node *node = &view->nodes[i];
		struct sc_piece piece;
		if (node->kind == SC_NODE_ARRAY && node->size_bytes > 0) {
			sc_layout_piece(node->layout, 0, 1, &piece);
			sc_layout_piece(node->layout, node->size_bytes - 1, 1, &piece);
		}
	}
}

/* Without the checksum in front of it: every cut and flipped bits must be safe, the wrong view excepted. */
static void the_decoder_is_safe(void **state)
{
	(void)state;
	struct family family;
	uint8_t *data = NULL;
	size_t size;
	unsigned refused = 0;
	const struct sc_view_options options = { .missing = SC_MISSING_BLANK };
	workdir_mkdir("run");
	copy_parts(4);
	workdir_remove("run/cube.subcube.1.image");
	workdir_truncate("run/cube.subcube.2.image/table.f0_TSM0", 1000);
	open_run(&family);
	struct sc_view *view = build(&family, &options, false);
	assert_int_equal(sc_viewcodec_encode(view, family.product, &data, &size), 0);
	sc_view_free(view);
	/* The tables' bytes, most of all, are data to the decoder: what is before them is its own. */
	for (size_t step = 0; step < 2 * size + 3000 * 8; step++) {
		bool is_cut = step < size, is_spread = !is_cut && step < 2 * size;
		size_t at = is_cut ? step : is_spread ? step - size : (step - 2 * size) / 8;
		if ((is_cut || is_spread) && at > 3000 && at % 37 != 0)
			continue;
		uint8_t bit = is_cut ? 0 : (uint8_t)(1 << step % 8);
		sc_autofree uint8_t *copy = malloc(is_cut ? at + 1 : size);
		memcpy(copy, data, is_cut ? at : size);
		copy[is_cut ? 0 : at] ^= bit;
		struct sc_view *decoded = calloc(1, sizeof(*decoded));
		decoded->source = &family.source;
		if (sc_viewcodec_decode(copy, is_cut ? at : size, family.product, decoded) == 0)
			use_view(decoded);
		else
			refused++;
		sc_view_free(decoded);
	}
	assert_in_range(refused, size / 37, 3 * size);
	free(data);
	family_close(&family);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_family_comes_back_as_it_was_built, open_cache, close_cache),
		cmocka_unit_test_setup_teardown(odd_views_come_back_too, open_cache, close_cache),
		cmocka_unit_test_setup_teardown(any_change_is_seen, open_cache, close_cache),
		cmocka_unit_test_setup_teardown(other_files_do_not_matter, open_cache, close_cache),
		cmocka_unit_test_setup_teardown(other_options_are_other_views, open_cache, close_cache),
		cmocka_unit_test_setup_teardown(young_files_are_not_trusted, open_cache, close_cache),
		cmocka_unit_test_setup_teardown(a_view_without_its_history_is_not_kept, open_cache, close_cache),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_made_anew, open_cache, close_cache),
		cmocka_unit_test_setup_teardown(the_decoder_is_safe, open_cache, close_cache),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
