/*
 * The mount's catalog over views that are made up here: this file defines
 * what view.h declares, so no part is ever read.
 */
#include "attributes.h"
#include "catalog.h"
#include "log.h"
#include "viewaccess.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

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
	char directory[32]; /* of the source, when it can change */
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
		scan.products[i].nparts = 1;
		scan.products[i].parts = calloc(1, sizeof(*scan.products[i].parts));
		assert_non_null(scan.products[i].parts);
		scan.products[i].parts[0].name = strdup("nothing");
	}
	builds = looks = 0;
	hold_slow = fail_builds = false;
	assert_int_equal(sc_log_open("test", "/dev/null", SC_LOG_ERROR, NULL), 0);
	static const struct sc_view_options options = { .missing = SC_MISSING_BLANK };
	const struct sc_catalog_options catalog_options = {
		.source = &fixture->source,
		.view = &options,
		.uid = 100,
		.gid = 200,
	};
	assert_int_equal(sc_catalog_new(&catalog_options, &scan, &fixture->catalog, NULL), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	assert_true(sc_catalog_stop(fixture->catalog, 10000));
	sc_catalog_free(fixture->catalog);
	sc_source_close(&fixture->source);
	free(fixture);
	return 0;
}

/* --- requests: as in the server, whoever is woken asks again at once, in the thread that wakes --- */

struct request {
	struct sc_waiter waiter;
	int (*ask)(struct request *request);
	struct sc_catalog *catalog;
	uint64_t id, position;
	const char *name;
	struct sc_catalog_node *node;
	struct sc_catalog_dirent *entry;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	int rc; /* SC_CATALOG_WAIT until it is answered */
};

static void answer(struct request *request, int rc)
{
	pthread_mutex_lock(&request->lock);
	request->rc = rc;
	pthread_cond_signal(&request->answered);
	pthread_mutex_unlock(&request->lock);
}

/* A request that waits may be answered, and gone, before this returns. */
static void ask(struct request *request)
{
	int rc = request->ask(request);
	if (rc != SC_CATALOG_WAIT)
		answer(request, rc);
}

static void wake(struct sc_waiter *waiter, bool ended)
{
	struct request *request = (struct request *)waiter;
	if (ended)
		answer(request, -ENOTCONN);
	else
		ask(request);
}

static int get_answer(struct request *request)
{
	request->waiter.wake = wake;
	request->rc = SC_CATALOG_WAIT;
	pthread_mutex_init(&request->lock, NULL);
	pthread_cond_init(&request->answered, NULL);
	ask(request);
	pthread_mutex_lock(&request->lock);
	while (request->rc == SC_CATALOG_WAIT)
		pthread_cond_wait(&request->answered, &request->lock);
	pthread_mutex_unlock(&request->lock);
	pthread_cond_destroy(&request->answered);
	pthread_mutex_destroy(&request->lock);
	return request->rc;
}

static int ask_lookup(struct request *request)
{
	return sc_catalog_lookup(request->catalog, request->id, request->name, &request->waiter, request->node);
}

static int catalog_lookup(struct sc_catalog *catalog, uint64_t directory, const char *name,
			  struct sc_catalog_node *ret_node)
{
	struct request request = {
		.ask = ask_lookup, .catalog = catalog, .id = directory, .name = name, .node = ret_node
	};
	return get_answer(&request);
}

static int ask_getattr(struct request *request)
{
	return sc_catalog_getattr(request->catalog, request->id, &request->waiter, request->node);
}

static int catalog_getattr(struct sc_catalog *catalog, uint64_t id, struct sc_catalog_node *ret_node)
{
	struct request request = { .ask = ask_getattr, .catalog = catalog, .id = id, .node = ret_node };
	return get_answer(&request);
}

static int ask_read_directory(struct request *request)
{
	return sc_catalog_read_directory(request->catalog, request->id, request->position, &request->waiter,
					 request->entry);
}

static int catalog_read_directory(struct sc_catalog *catalog, uint64_t id, uint64_t position,
				  struct sc_catalog_dirent *ret_entry)
{
	struct request request = {
		.ask = ask_read_directory, .catalog = catalog, .id = id, .position = position, .entry = ret_entry
	};
	return get_answer(&request);
}

static struct sc_catalog_node look_up(struct sc_catalog *catalog, uint64_t directory, const char *name)
{
	struct sc_catalog_node node;
	assert_int_equal(catalog_lookup(catalog, directory, name, &node), 0);
	return node;
}

/* What reading a directory's first entry gives. */
static int begin_listing(struct sc_catalog *catalog, uint64_t directory)
{
	struct sc_catalog_dirent entry;
	return catalog_read_directory(catalog, directory, 0, &entry);
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
		assert_int_equal(catalog_read_directory(catalog, SC_CATALOG_ROOT, i, &entry), 0);
		assert_string_equal(entry.name, expected[i]);
		assert_false(entry.has_attributes);
		assert_true(S_ISDIR(entry.node.attr.st_mode));
		assert_int_equal(entry.node.attr.st_ino, entry.node.id);
	}
	assert_int_equal(catalog_read_directory(catalog, SC_CATALOG_ROOT, SC_COUNT_OF(expected), &entry), -ENOENT);
	assert_int_equal(sc_catalog_count(catalog), 5);
	struct sc_catalog_node root;
	assert_int_equal(catalog_getattr(catalog, SC_CATALOG_ROOT, &root), 0);
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
	assert_int_equal(catalog_read_directory(catalog, SC_CATALOG_ROOT, 5, &entry), 0);
	assert_string_equal(entry.name, "mixed.pb");
	assert_true(entry.has_attributes);
	assert_int_equal(catalog_lookup(catalog, SC_CATALOG_ROOT, "cube", &node), -ENOENT);
}

static void a_look_inside_builds_the_view_once(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	struct sc_catalog_node node;
	assert_int_equal(catalog_lookup(catalog, view, "nothing", &node), -ENOENT);
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
	struct sc_opened opened;
	assert_int_equal(sc_catalog_open_file(catalog, node.id, 1, &opened), 0);
	assert_int_equal(opened.index, 3);
	sc_catalog_release(catalog, &opened);
	assert_int_equal(sc_catalog_open_file(catalog, view, 1, &opened), -EISDIR);
	assert_int_equal(begin_listing(catalog, node.id), -ENOTDIR);
	assert_int_equal(catalog_lookup(catalog, node.id, "x", &node), -ENOTDIR);
	assert_int_equal(builds, 1);
}

static void a_view_is_listed_with_attributes(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "cube.psf").id;
	static const char *const expected[] = { ".", "..", "logtable", "mask0", "table.dat", "table.f0_TSM0" };
	struct sc_catalog_dirent entry;
	for (size_t i = 0; i < SC_COUNT_OF(expected); i++) {
		assert_int_equal(catalog_read_directory(catalog, view, i, &entry), 0);
		assert_string_equal(entry.name, expected[i]);
		assert_int_equal(entry.has_attributes, i >= 2);
	}
	assert_int_equal(entry.node.attr.st_size, INT64_C(1) << 40);
	assert_int_equal(catalog_read_directory(catalog, view, SC_COUNT_OF(expected), &entry), -ENOENT);

	struct sc_catalog_node mask = look_up(catalog, view, "mask0");
	assert_int_equal(mask.attr.st_nlink, 2);
	assert_int_equal(catalog_read_directory(catalog, mask.id, 1, &entry), 0);
	assert_int_equal(entry.node.id, view);
	assert_int_equal(catalog_read_directory(catalog, mask.id, 2, &entry), 0);
	assert_string_equal(entry.name, "table.dat");
	assert_int_equal(entry.node.attr.st_blocks, 0);
	assert_int_equal(catalog_read_directory(catalog, view, 1, &entry), 0);
	assert_int_equal(entry.node.id, SC_CATALOG_ROOT);
}

static void a_broken_view_is_tried_again_after_a_while(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	fail_builds = true;
	struct sc_catalog_node node;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(catalog_lookup(catalog, view, "table.dat", &node), -EIO);
		assert_int_equal(begin_listing(catalog, view), -EIO);
	}
	assert_int_equal(builds, 1);
	usleep(SC_CATALOG_RETRY_NS / 1000 + 50000);
	assert_int_equal(builds, 1);
	/* Its directory and all others stay visible. */
	look_up(catalog, SC_CATALOG_ROOT, "cube.image");
	fail_builds = false;
	assert_int_equal(begin_listing(catalog, look_up(catalog, SC_CATALOG_ROOT, "cube.psf").id), 0);
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
	struct sc_opened held;
	assert_int_equal(sc_catalog_hold_view(catalog, view, false, NULL, &held), 0);
	sc_autofree char *path = NULL;
	assert_int_equal(sc_catalog_source(catalog, held.generation, &path), 0);
	assert_string_equal(path, "/cube");
	sc_catalog_release(catalog, &held);
	assert_int_equal(sc_catalog_hold_view(catalog, SC_CATALOG_ROOT, false, NULL, &held), -ENODATA);
	assert_int_equal(sc_catalog_hold_view(catalog, look_up(catalog, view, "mask0").id, false, NULL, &held), -ENODATA);
}

static void unknown_numbers_are_stale(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	struct sc_catalog_node node;
	struct sc_catalog_dirent entry;
	struct sc_opened opened;
	uint64_t inside_unbuilt = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id + 1;
	const uint64_t unknown[] = { 0, 2, 255, inside_unbuilt, UINT64_C(6) << 8, UINT64_MAX };
	for (size_t i = 0; i < SC_COUNT_OF(unknown); i++) {
		assert_int_equal(catalog_getattr(catalog, unknown[i], &node), -ESTALE);
		assert_int_equal(catalog_lookup(catalog, unknown[i], "x", &node), -ESTALE);
		assert_int_equal(begin_listing(catalog, unknown[i]), -ESTALE);
		assert_int_equal(catalog_read_directory(catalog, unknown[i], 0, &entry), -ESTALE);
		assert_int_equal(sc_catalog_open_file(catalog, unknown[i], 1, &opened), -ESTALE);
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

/* --- a source that changes --- */

static char ready_file[PATH_MAX + 1];

static int set_up_changing(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	assert_non_null(fixture);
	strcpy(fixture->directory, "/tmp/sc-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	fixture->source = (struct sc_source){ .path = strdup(fixture->directory),
					      .dirfd = open(fixture->directory, O_RDONLY | O_DIRECTORY) };
	assert_int_equal(close(openat(fixture->source.dirfd, "part", O_CREAT | O_WRONLY, 0600)), 0);
	struct sc_scan scan = { .nproducts = 1, .products = calloc(1, sizeof(*scan.products)) };
	assert_non_null(scan.products);
	scan.products[0] = (struct sc_product){ .base = strdup("cube"), .ext = strdup(".image"), .nparts = 1 };
	scan.products[0].parts = calloc(1, sizeof(*scan.products[0].parts));
	assert_non_null(scan.products[0].parts);
	scan.products[0].parts[0].name = strdup("part");
	builds = looks = 0;
	hold_slow = fail_builds = false;
	assert_int_equal(sc_log_open("test", "/dev/null", SC_LOG_ERROR, NULL), 0);
	static const struct sc_view_options options = { .missing = SC_MISSING_BLANK, .settle.ready_file = ready_file };
	strcpy(ready_file, "part");
	const struct sc_catalog_options catalog_options = {
		.source = &fixture->source,
		.view = &options,
		.refreshing = true,
	};
	assert_int_equal(sc_catalog_new(&catalog_options, &scan, &fixture->catalog, NULL), 0);
	*state = fixture;
	return 0;
}

static int tear_down_changing(void **state)
{
	struct fixture *fixture = *state;
	unlinkat(fixture->source.dirfd, "part", 0);
	rmdir(fixture->directory);
	return tear_down(state);
}

static void change_part(const struct fixture *fixture, int64_t seconds)
{
	const struct timespec time = { .tv_sec = seconds }, times[] = { time, time };
	assert_int_equal(utimensat(fixture->source.dirfd, "part", times, 0), 0);
}

/* What the kernel is told. */
static void advance(struct sc_catalog *catalog, unsigned *ret_count)
{
	struct sc_catalog_change *change = sc_catalog_advance(catalog);
	while (change) {
		struct sc_catalog_change *next = change->next;
		++*ret_count;
		free(change);
		change = next;
	}
}

static void count_generation(void *count, const struct sc_generation *generation)
{
	(void)generation;
	++*(size_t *)count;
}

static void no_hidden(void *context, const struct sc_product *product, size_t nunsettled,
		      const struct sc_unsettled *unsettled)
{
	(void)context, (void)product, (void)nunsettled, (void)unsettled;
	fail();
}

static void a_thousand_generations(void **state)
{
	struct fixture *fixture = *state;
	struct sc_catalog *catalog = fixture->catalog;
	uint64_t id = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	struct sc_catalog_node node = look_up(catalog, id, "table.dat");
	struct sc_opened first;
	unsigned changes = 0;
	advance(catalog, &changes);
	assert_int_equal(sc_catalog_open_file(catalog, node.id, 1, &first), 0);
	usleep(SC_CATALOG_QUIET_NS / 1000);
	changes = 0;
	for (int i = 1; i <= 1000; i++) {
		change_part(fixture, i);
		uint64_t now = id;
		while (now == id) {
			sc_catalog_check(catalog, 10);
			advance(catalog, &changes);
			now = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
		}
		/* No number comes again. */
		assert_true(now > id);
		id = now;
	}
	advance(catalog, &changes);
	assert_int_equal(changes, 1000);
	/* The current one, and the one that is open. */
	size_t count = 0;
	sc_catalog_each(catalog, count_generation, no_hidden, &count);
	assert_int_equal(count, 2);
	assert_int_equal(first.generation->view->nodes[first.index].size_bytes, 513);
	assert_int_equal(catalog_getattr(catalog, node.id, &node), 0);
	sc_catalog_release(catalog, &first);
	advance(catalog, &changes);
	assert_int_equal(catalog_getattr(catalog, node.id, &node), -ESTALE);
}

static void a_name_waits_while_its_files_are_opened(void **state)
{
	struct fixture *fixture = *state;
	struct sc_catalog *catalog = fixture->catalog;
	uint64_t id = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	uint64_t table = look_up(catalog, id, "table.dat").id;
	struct sc_opened opened;
	unsigned changes = 0;
	int last_builds = builds;
	struct timespec begun, now;
	assert_int_equal(sc_catalog_open_file(catalog, table, 1, &opened), 0);
	sc_catalog_release(catalog, &opened);
	change_part(fixture, 1);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (builds == last_builds) {
		sc_catalog_check(catalog, 10);
		advance(catalog, &changes);
	}
	assert_int_equal(builds, last_builds + 1);
	assert_int_equal(look_up(catalog, SC_CATALOG_ROOT, "cube.image").id, id);
	/* Somebody opens it again and again: it has to go over all the same. */
	do {
		if (sc_catalog_open_file(catalog, table, 1, &opened) == 0)
			sc_catalog_release(catalog, &opened);
		usleep(50000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (look_up(catalog, SC_CATALOG_ROOT, "cube.image").id == id);
	assert_in_range(now.tv_sec - begun.tv_sec, SC_CATALOG_SWITCH_NS / 1000000000 - 1, 60);
	/* In the middle of opening the old one, it gets none of the new one. */
	id = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	table = look_up(catalog, id, "table.dat").id;
	assert_int_equal(sc_catalog_open_file(catalog, table, 1, &opened), -ESTALE);
	assert_int_equal(sc_catalog_open_file(catalog, table, 1, &opened), -ESTALE);
	assert_int_equal(sc_catalog_open_file(catalog, table, 1, &opened), 0);
	sc_catalog_release(catalog, &opened);
	/* Nobody opens it: it goes over as soon as it can. */
	usleep(SC_CATALOG_QUIET_NS / 1000);
	change_part(fixture, 2);
	sc_catalog_check(catalog, 10);
	for (int i = 0; i < 5000 && look_up(catalog, SC_CATALOG_ROOT, "cube.image").id == id; i++)
		usleep(1000);
	assert_true(look_up(catalog, SC_CATALOG_ROOT, "cube.image").id > id);
}

static void forget_when_told(void *semaphore, const struct sc_view *view)
{
	(void)view;
	sem_wait(semaphore);
}

/* As where a read ahead hangs: the source is looked at, and names go over, all the same. */
static void what_cannot_be_freed_yet_holds_up_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct sc_catalog *catalog = fixture->catalog;
	sem_t may_forget;
	sem_init(&may_forget, 0, 0);
	sc_catalog_set_forget(catalog, forget_when_told, &may_forget);
	uint64_t id = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	for (int i = 1; i <= 3; i++) {
		uint64_t last = id;
		unsigned changes = 0;
		look_up(catalog, id, "table.dat");
		change_part(fixture, i);
		for (; id == last; id = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id) {
			sc_catalog_check(catalog, 10);
			advance(catalog, &changes);
		}
		struct sc_catalog_node node;
		advance(catalog, &changes);
		assert_int_equal(catalog_getattr(catalog, last, &node), -ESTALE);
	}
	for (int i = 0; i < 4; i++)
		sem_post(&may_forget);
	assert_true(sc_catalog_stop(catalog, 10000));
	sc_catalog_set_forget(catalog, NULL, NULL);
	sem_destroy(&may_forget);
}

/* As without memory: nobody waits for ever for what cannot be found out. */
static void parts_that_cannot_be_looked_at_are_an_error(void **state)
{
	struct sc_catalog *catalog = ((struct fixture *)*state)->catalog;
	uint64_t view = look_up(catalog, SC_CATALOG_ROOT, "cube.image").id;
	struct sc_catalog_node node;
	memset(ready_file, 'x', PATH_MAX);
	assert_int_equal(catalog_lookup(catalog, view, "table.dat", &node), -EIO);
	assert_int_equal(begin_listing(catalog, view), -EIO);
	assert_int_equal(builds, 0);
	strcpy(ready_file, "part");
	look_up(catalog, view, "table.dat");
}

#define CHANGING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_changing, tear_down_changing)
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
		CHANGING_TEST(a_thousand_generations),
		CHANGING_TEST(a_name_waits_while_its_files_are_opened),
		CHANGING_TEST(what_cannot_be_freed_yet_holds_up_nothing),
		CHANGING_TEST(parts_that_cannot_be_looked_at_are_an_error),
		cmocka_unit_test(times_before_1970_are_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
