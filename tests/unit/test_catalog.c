/*
 * The mount's catalog over views that are made up here: this file defines
 * what view.h declares, so no part is ever read.
 */
#include "attributes.h"
#include "catalog.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- the made-up views --- */

static atomic_int builds, looks; /* how often a view was built, and parts' directories were looked at */
static atomic_bool hold_slow;    /* builds of "slow" wait as long as this is set */
static atomic_bool fail_builds;

static const struct {
	const char *name;
	unsigned parent;
	enum sc_node_kind kind;
	uint64_t size_bytes;
} made_up[] = {
	{ "", 0, SC_NODE_DIRECTORY, 0 },
	{ "logtable", 0, SC_NODE_DIRECTORY, 0 },
	{ "mask0", 0, SC_NODE_DIRECTORY, 0 },
	{ "table.dat", 0, SC_NODE_BYTES, 513 },
	{ "table.f0_TSM0", 0, SC_NODE_ARRAY, UINT64_C(1) << 40 },
	{ "table.dat", 2, SC_NODE_BYTES, 0 },
};

int sc_view_build(const struct sc_source *source, const struct sc_product *product,
		  const struct sc_view_options *options, struct sc_view **ret_view, struct sc_error *err)
{
	assert_int_equal(options->tiling.mode, SC_TILING_KEEP);
	builds++;
	while (hold_slow && strcmp(product->base, "slow") == 0)
		usleep(1000);
	if (fail_builds)
		return sc_error_set(err, -EUCLEAN, "%s.subcube.0%s: broken", product->base, product->ext);
	struct sc_view *view = calloc(1, sizeof(*view));
	assert_non_null(view);
	view->source = source;
	view->nnodes = SC_COUNT_OF(made_up);
	for (unsigned i = 0; i < view->nnodes; i++) {
		view->nodes[i].name = (char *)made_up[i].name;
		view->nodes[i].parent = made_up[i].parent;
		view->nodes[i].kind = made_up[i].kind;
		view->nodes[i].size_bytes = made_up[i].size_bytes;
	}
	view->files = (struct sc_access){ .any = true, .uniform = true, .uid = 7, .gid = 8, .mode = 0664 };
	*ret_view = view;
	return 0;
}

void sc_view_free(struct sc_view *view)
{
	free(view);
}

int sc_view_find(const struct sc_view *view, unsigned directory, const char *name)
{
	for (unsigned i = 1; i < view->nnodes; i++) {
		if (view->nodes[i].parent == directory && strcmp(view->nodes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

void sc_view_directory_access(const struct sc_source *source, const struct sc_product *product,
			      struct sc_access *ret_access)
{
	(void)source;
	looks++;
	*ret_access = (struct sc_access){
		.any = true,
		.uniform = strcmp(product->base, "mixed") != 0,
		.uid = 7,
		.gid = 8,
		.mode = 0775,
		.newest_ns = INT64_C(1500000000),
	};
}

/* --- a catalog of them --- */

struct fixture {
	struct sc_source source;
	struct sc_catalog *catalog;
};

static const char *const names[][2] = {
	{ "slow", ".image" }, { "cube", ".image" }, { "a.b", ".c" },
	{ "cube", ".psf" },   { "mixed", ".pb" },   { "a", ".b.c" },
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	assert_non_null(fixture);
	fixture->source = (struct sc_source){ .path = strdup("/"), .dirfd = open("/", O_RDONLY | O_DIRECTORY) };
	struct sc_scan scan = { .nproducts = SC_COUNT_OF(names) };
	scan.products = calloc(scan.nproducts, sizeof(*scan.products));
	assert_non_null(scan.products);
	for (size_t i = 0; i < scan.nproducts; i++) {
		scan.products[i].base = strdup(names[i][0]);
		scan.products[i].ext = strdup(names[i][1]);
	}
	builds = looks = 0;
	hold_slow = fail_builds = false;
	assert_int_equal(sc_log_open("test", "/dev/null", SC_LOG_ERROR, NULL), 0);
	static const struct sc_view_options options = { .missing = SC_MISSING_BLANK };
	struct sc_error err = { 0 };
	assert_int_equal(sc_catalog_new(&fixture->source, &scan, &options, 100, 200, &fixture->catalog, &err), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	sc_catalog_free(fixture->catalog);
	sc_source_close(&fixture->source);
	free(fixture);
	return 0;
}

static struct sc_catalog_node look_up(struct sc_catalog *catalog, uint64_t directory, const char *name)
{
	struct sc_catalog_node node;
	assert_int_equal(sc_catalog_lookup(catalog, directory, name, &node), 0);
	return node;
}

/* What reading a directory's first entry gives. */
static int begin_listing(struct sc_catalog *catalog, uint64_t directory)
{
	struct sc_catalog_dirent entry;
	return sc_catalog_read_directory(catalog, directory, 0, &entry);
}

static void the_root_is_listed_without_looking_at_parts(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	/* By name; a.subcube.N.b.c and a.b.subcube.N.c share a name, one is left out. */
	static const char *const expected[] = {
		".", "..", "a.b.c", "cube.image", "cube.psf", "mixed.pb", "slow.image"
	};
	struct sc_catalog_dirent entry;
	for (size_t i = 0; i < SC_COUNT_OF(expected); i++) {
		assert_int_equal(sc_catalog_read_directory(catalog, SC_CATALOG_ROOT, i, &entry), 0);
		assert_string_equal(entry.name, expected[i]);
		assert_false(entry.has_attributes);
		assert_true(S_ISDIR(entry.node.attr.st_mode));
		assert_int_equal(entry.node.attr.st_ino, entry.node.id);
	}
	assert_int_equal(sc_catalog_read_directory(catalog, SC_CATALOG_ROOT, SC_COUNT_OF(expected), &entry), -ENOENT);
	assert_int_equal(sc_catalog_count(catalog), 5);
	struct sc_catalog_node root;
	assert_int_equal(sc_catalog_getattr(catalog, SC_CATALOG_ROOT, &root), 0);
	assert_int_equal(root.attr.st_nlink, 7);
	assert_int_equal(root.attr.st_mode & ~07777U, S_IFDIR);
	assert_int_equal(root.attr.st_mode & 0222, 0);
	assert_int_equal(looks, 0);
	assert_int_equal(builds, 0);
}

static void a_view_has_attributes_before_it_is_built(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	struct sc_catalog_node node = look_up(catalog, SC_CATALOG_ROOT, "cube.image");
	assert_int_equal(node.attr.st_mode, S_IFDIR | 0555);
	assert_int_equal(node.attr.st_uid, 7);
	assert_int_equal(node.attr.st_gid, 8);
	assert_int_equal(node.attr.st_nlink, 1);
	assert_int_equal(node.attr.st_mtim.tv_sec, 1);
	assert_int_equal(node.attr.st_mtim.tv_nsec, 500000000);
	assert_false(node.settled);
	node = look_up(catalog, SC_CATALOG_ROOT, "mixed.pb");
	assert_int_equal(node.attr.st_mode, S_IFDIR | 0500);
	assert_int_equal(node.attr.st_uid, 100);
	assert_int_equal(node.attr.st_gid, 200);
	look_up(catalog, SC_CATALOG_ROOT, "mixed.pb");
	assert_int_equal(looks, 2);
	assert_int_equal(builds, 0);
	/* What is known comes along with the listing. */
	struct sc_catalog_dirent entry;
	assert_int_equal(sc_catalog_read_directory(catalog, SC_CATALOG_ROOT, 5, &entry), 0);
	assert_string_equal(entry.name, "mixed.pb");
	assert_true(entry.has_attributes);
	assert_int_equal(sc_catalog_lookup(catalog, SC_CATALOG_ROOT, "cube", &node), -ENOENT);
}

static void a_look_inside_builds_the_view_once(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	struct sc_catalog_node node;
	assert_int_equal(sc_catalog_lookup(catalog, view, "nothing", &node), -ENOENT);
	assert_int_equal(begin_listing(catalog, view), 0);
	assert_int_equal(builds, 1);

	node = look_up(catalog, SC_CATALOG_ROOT, "cube.image");
	assert_int_equal(node.id, view);
	assert_int_equal(node.attr.st_nlink, 4);
	assert_true(node.settled);

	node = look_up(catalog, view, "table.dat");
	assert_int_equal(node.attr.st_mode, S_IFREG | 0444);
	assert_int_equal(node.attr.st_size, 513);
	assert_int_equal(node.attr.st_blocks, 2);
	assert_int_equal(node.attr.st_nlink, 1);
	const struct sc_view *found;
	unsigned index;
	assert_int_equal(sc_catalog_open_file(catalog, node.id, &found, &index), 0);
	assert_int_equal(index, 3);
	assert_int_equal(sc_catalog_open_file(catalog, view, &found, &index), -EISDIR);
	assert_int_equal(begin_listing(catalog, node.id), -ENOTDIR);
	assert_int_equal(sc_catalog_lookup(catalog, node.id, "x", &node), -ENOTDIR);
	assert_int_equal(builds, 1);
}

static void a_view_is_listed_with_attributes(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "cube.psf").id;
	static const char *const expected[] = { ".", "..", "logtable", "mask0", "table.dat", "table.f0_TSM0" };
	struct sc_catalog_dirent entry;
	for (size_t i = 0; i < SC_COUNT_OF(expected); i++) {
		assert_int_equal(sc_catalog_read_directory(catalog, view, i, &entry), 0);
		assert_string_equal(entry.name, expected[i]);
		assert_int_equal(entry.has_attributes, i >= 2);
	}
	assert_int_equal(entry.node.attr.st_size, INT64_C(1) << 40);
	assert_int_equal(sc_catalog_read_directory(catalog, view, SC_COUNT_OF(expected), &entry), -ENOENT);

	struct sc_catalog_node mask = look_up(catalog, view, "mask0");
	assert_int_equal(mask.attr.st_nlink, 2);
	assert_int_equal(sc_catalog_read_directory(catalog, mask.id, 1, &entry), 0);
	assert_int_equal(entry.node.id, view);
	assert_int_equal(sc_catalog_read_directory(catalog, mask.id, 2, &entry), 0);
	assert_string_equal(entry.name, "table.dat");
	assert_int_equal(entry.node.attr.st_blocks, 0);
	assert_int_equal(sc_catalog_read_directory(catalog, view, 1, &entry), 0);
	assert_int_equal(entry.node.id, SC_CATALOG_ROOT);
}

static void a_broken_view_is_tried_again_after_a_while(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	fail_builds = true;
	struct sc_catalog_node node;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(sc_catalog_lookup(catalog, view, "table.dat", &node), -EIO);
		assert_int_equal(begin_listing(catalog, view), -EIO);
	}
	assert_int_equal(builds, 1);
	/* Its directory and all others stay visible. */
	look_up(catalog, SC_CATALOG_ROOT, "cube.image");
	fail_builds = false;
	assert_int_equal(begin_listing(catalog, look_up(catalog, SC_CATALOG_ROOT, "cube.psf").id), 0);
	usleep(SC_CATALOG_RETRY_NS / 1000 + 50000);
	look_up(catalog, view, "table.dat");
	assert_int_equal(builds, 3);
}

static void *open_slow_view(void *catalog)
{
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "slow.image").id;
	assert_int_equal(begin_listing(catalog, view), 0);
	return NULL;
}

static void a_slow_build_holds_up_nobody_else(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	pthread_t threads[8];
	hold_slow = true;
	for (size_t i = 0; i < SC_COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_slow_view, catalog), 0);
	while (builds == 0)
		usleep(1000);
	/* This would never return if it waited for the slow view. */
	assert_int_equal(begin_listing(catalog, look_up(catalog, SC_CATALOG_ROOT, "cube.image").id), 0);
	look_up(catalog, SC_CATALOG_ROOT, "slow.image");
	hold_slow = false;
	for (size_t i = 0; i < SC_COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(builds, 2);
}

static void the_source_of_a_view_is_known(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	sc_autofree char *path = NULL;
	assert_int_equal(sc_catalog_source(catalog, view, &path), 0);
	assert_string_equal(path, "/cube");
	char *none;
	assert_int_equal(sc_catalog_source(catalog, SC_CATALOG_ROOT, &none), -ENODATA);
	assert_int_equal(sc_catalog_source(catalog, look_up(catalog, view, "mask0").id, &none), -ENODATA);
}

static void unknown_numbers_are_stale(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	struct sc_catalog_node node;
	struct sc_catalog_dirent entry;
	const struct sc_view *view;
	unsigned index;
	uint64_t inside_unbuilt = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id + 1;
	const uint64_t unknown[] = { 0, 2, 255, inside_unbuilt, UINT64_C(6) << 8, UINT64_MAX };
	for (size_t i = 0; i < SC_COUNT_OF(unknown); i++) {
		assert_int_equal(sc_catalog_getattr(catalog, unknown[i], &node), -ESTALE);
		assert_int_equal(sc_catalog_lookup(catalog, unknown[i], "x", &node), -ESTALE);
		assert_int_equal(begin_listing(catalog, unknown[i]), -ESTALE);
		assert_int_equal(sc_catalog_read_directory(catalog, unknown[i], 0, &entry), -ESTALE);
		assert_int_equal(sc_catalog_open_file(catalog, unknown[i], &view, &index), -ESTALE);
	}
	assert_int_equal(builds, 0);
}

static void times_before_1970_are_times(void **state)
{
	(void)state;
	const struct sc_owner owner = { .uid = 1, .gid = 2 };
	const struct sc_access parts = { .any = true, .uniform = true, .mode = 0777, .newest_ns = -1 };
	struct stat st;
	sc_attributes_file(&owner, &parts, 512, &st);
	assert_int_equal(st.st_mtim.tv_sec, -1);
	assert_int_equal(st.st_mtim.tv_nsec, 999999999);
	assert_int_equal(st.st_blocks, 1);
	assert_int_equal(st.st_mode, S_IFREG | 0444);
}

#define CATALOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(the_root_is_listed_without_looking_at_parts),
		CATALOG_TEST(a_view_has_attributes_before_it_is_built),
		CATALOG_TEST(a_look_inside_builds_the_view_once),
		CATALOG_TEST(a_view_is_listed_with_attributes),
		CATALOG_TEST(a_broken_view_is_tried_again_after_a_while),
		CATALOG_TEST(a_slow_build_holds_up_nobody_else),
		CATALOG_TEST(the_source_of_a_view_is_known),
		CATALOG_TEST(unknown_numbers_are_stale),
		cmocka_unit_test(times_before_1970_are_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
