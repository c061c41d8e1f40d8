/*
 * The directory of kept payloads: what is believed, what is not, and what goes when it grows.
 */
#include "workdir.h"

#include <dirent.h>

#include "viewcache.h"

static struct sc_viewcache *open_below(const char *name)
{
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", workdir, name) > 0);
	struct sc_viewcache *cache = sc_viewcache_open(path);
	assert_non_null(cache);
	return cache;
}

static bool has(struct sc_viewcache *cache, const char *key, const char *wanted)
{
	sc_autofree uint8_t *data = NULL;
	const uint8_t *payload;
	size_t size;
	int rc = sc_viewcache_get(cache, key, strlen(key), &data, &payload, &size);
	if (rc < 0) {
		assert_int_equal(rc, -ENOENT);
		return false;
	}
	assert_int_equal(size, strlen(wanted));
	assert_memory_equal(payload, wanted, size);
	return true;
}

static void put(struct sc_viewcache *cache, const char *key, const char *payload)
{
	sc_viewcache_put(cache, key, strlen(key), payload, strlen(payload));
}

/* The name of the only file in the directory, below the working directory. */
static void only_file(const char *directory, char *ret_path, size_t size)
{
	sc_autoclosedir DIR *dir = NULL;
	const char *name;
	unsigned count = 0;
	assert_int_equal(sc_io_open_directory(workdir_fd, directory, 0, &dir), 0);
	for (; sc_io_next_entry(dir, &name) > 0; count++)
		snprintf(ret_path, size, "%s/%s", directory, name);
	assert_int_equal(count, 1);
}

static void what_was_put_is_got(void **state)
{
	(void)state;
	struct stat st;
	struct sc_viewcache *cache = open_below("a/b/cache");
	assert_false(has(cache, "key", ""));
	put(cache, "key", "payload");
	put(cache, "", "of the empty key");
	put(cache, "empty", "");
	assert_true(has(cache, "key", "payload"));
	assert_true(has(cache, "", "of the empty key"));
	assert_true(has(cache, "empty", ""));
	assert_false(has(cache, "other", ""));
	put(cache, "key", "another");
	assert_true(has(cache, "key", "another"));
	sc_viewcache_close(cache);
	cache = open_below("a/b/cache");
	assert_true(has(cache, "key", "another"));
	sc_viewcache_close(cache);
	assert_int_equal(fstatat(workdir_fd, "a/b/cache", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void files_are_the_users_own(void **state)
{
	(void)state;
	char path[200];
	struct stat st;
	struct sc_viewcache *cache = open_below("cache");
	umask(0);
	put(cache, "key", "payload");
	umask(022);
	only_file("cache", path, sizeof(path));
	assert_int_equal(fstatat(workdir_fd, path, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(workdir_fd, path, 12345, 12345, 0), 0);
		assert_false(has(cache, "key", "payload"));
		put(cache, "key", "payload");
		assert_true(has(cache, "key", "payload"));
	}
	/* A name that is no file of ours: neither waited for nor followed into nonsense. */
	assert_int_equal(unlinkat(workdir_fd, path, 0), 0);
	assert_int_equal(mkfifoat(workdir_fd, path, 0600), 0);
	assert_false(has(cache, "key", "payload"));
	sc_viewcache_close(cache);
}

/* Every cut and every flipped bit. */
static void damage_is_not_believed(void **state)
{
	(void)state;
	char path[200];
	size_t size;
	struct sc_viewcache *cache = open_below("cache");
	put(cache, "key", "some payload");
	only_file("cache", path, sizeof(path));
	sc_autofree uint8_t *good = workdir_read(workdir_fd, path, &size);
	for (size_t cut = 0; cut < size; cut++) {
		workdir_write(path, good, cut);
		assert_false(has(cache, "key", ""));
	}
	for (size_t bit = 0; bit < 8 * size; bit++) {
		good[bit / 8] ^= (uint8_t)(1 << bit % 8);
		workdir_write(path, good, size);
		good[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(has(cache, "key", ""));
	}
	sc_autofree uint8_t *longer = calloc(1, size + 1);
	memcpy(longer, good, size);
	workdir_write(path, longer, size + 1);
	assert_false(has(cache, "key", ""));
	workdir_write(path, good, size);
	assert_true(has(cache, "key", "some payload"));
	/* Under the name of another key. */
	put(cache, "other", "x");
	assert_int_equal(unlinkat(workdir_fd, path, 0), 0);
	char other[200];
	only_file("cache", other, sizeof(other));
	assert_int_equal(renameat(workdir_fd, other, workdir_fd, path), 0);
	assert_false(has(cache, "key", ""));
	sc_viewcache_close(cache);
}

static void the_longest_unused_goes(void **state)
{
	(void)state;
	static const char *const keys[] = { "a", "b", "c", "d" };
	char payload[1001];
	memset(payload, 'x', sizeof(payload));
	payload[1000] = 0;
	struct sc_viewcache *cache = open_below("cache");
	cache->max_bytes = 3500;
	for (int i = 0; i < 3; i++) {
		put(cache, keys[i], payload);
		usleep(20000);
	}
	assert_true(has(cache, "a", payload)); /* used again */
	usleep(20000);
	put(cache, "d", payload);
	assert_true(has(cache, "a", payload));
	assert_false(has(cache, "b", payload));
	assert_true(has(cache, "c", payload));
	assert_true(has(cache, "d", payload));
	/* What is larger than all is allowed to be is not kept, and drives nothing out. */
	cache->max_bytes = 1000;
	put(cache, "e", payload);
	cache->max_bytes = 3500;
	assert_true(has(cache, "d", payload));
	assert_false(has(cache, "e", payload));
	sc_viewcache_close(cache);
}

static void what_the_dead_left_goes(void **state)
{
	(void)state;
	struct sc_viewcache *cache = open_below("cache");
	workdir_write("cache/.new-0123456789abcdef", "half", 4);
	workdir_write("cache/.new-fresh", "half", 4);
	workdir_write("cache/foreign", "a user's own", 12);
	const struct timespec old[] = { { 1000000000, 0 }, { 1000000000, 0 } };
	assert_int_equal(utimensat(workdir_fd, "cache/.new-0123456789abcdef", old, 0), 0);
	assert_int_equal(utimensat(workdir_fd, "cache/foreign", old, 0), 0);
	cache->max_bytes = 100;
	put(cache, "key", "payload");
	assert_int_equal(faccessat(workdir_fd, "cache/.new-0123456789abcdef", F_OK, 0), -1);
	assert_int_equal(faccessat(workdir_fd, "cache/.new-fresh", F_OK, 0), 0);
	assert_int_equal(faccessat(workdir_fd, "cache/foreign", F_OK, 0), 0);
	sc_viewcache_close(cache);
}

static void expect_unused(const char *path)
{
	struct sc_viewcache *cache = sc_viewcache_open(path);
	assert_non_null(cache);
	put(cache, "key", "payload");
	assert_false(has(cache, "key", "payload"));
	assert_int_equal(cache->dirfd, -1);
	assert_true(cache->problem[0]);
	sc_viewcache_close(cache);
}

static void no_directory_is_no_error(void **state)
{
	(void)state;
	char path[200];
	workdir_write("file", "x", 1);
	snprintf(path, sizeof(path), "%s/file", workdir);
	expect_unused(path);
	snprintf(path, sizeof(path), "%s/file/below", workdir);
	expect_unused(path);
	workdir_mkdir("open");
	assert_int_equal(fchmodat(workdir_fd, "open", 0777, 0), 0);
	snprintf(path, sizeof(path), "%s/open", workdir);
	expect_unused(path);
	if (geteuid() == 0) {
		workdir_mkdir("theirs");
		assert_int_equal(fchownat(workdir_fd, "theirs", 12345, 12345, 0), 0);
		snprintf(path, sizeof(path), "%s/theirs", workdir);
		expect_unused(path);
	}
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	expect_unused(NULL);
}

/* The directory is removed, or becomes another thing, while it is in use. */
static void a_directory_that_goes_is_no_error(void **state)
{
	(void)state;
	struct sc_viewcache *cache = open_below("cache");
	put(cache, "key", "payload");
	workdir_remove("cache");
	assert_false(has(cache, "key", "payload"));
	put(cache, "key", "payload");
	assert_false(has(cache, "key", "payload"));
	sc_viewcache_close(cache);
}

static void the_users_directory_is_found(void **state)
{
	(void)state;
	static const struct {
		const char *xdg, *home, *expected;
	} cases[] = { { "/xdg", "/home", "/xdg/subcubefs" },
		      { "", "/home", "/home/.cache/subcubefs" },
		      { "relative", "/home", "/home/.cache/subcubefs" } };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		char xdg[300], home[300], expected[300];
		bool is_path = cases[i].xdg[0] == '/';
		snprintf(xdg, sizeof(xdg), "%s%s", is_path ? workdir : "", cases[i].xdg);
		snprintf(home, sizeof(home), "%s%s", workdir, cases[i].home);
		snprintf(expected, sizeof(expected), "%s%s", workdir, cases[i].expected);
		setenv("XDG_CACHE_HOME", xdg, 1);
		setenv("HOME", home, 1);
		struct sc_viewcache *cache = sc_viewcache_open(NULL);
		assert_string_equal(cache->path, expected);
		put(cache, "key", "payload");
		assert_true(has(cache, "key", "payload"));
		sc_viewcache_close(cache);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_put_is_got, workdir_clean),
		cmocka_unit_test_setup(files_are_the_users_own, workdir_clean),
		cmocka_unit_test_setup(damage_is_not_believed, workdir_clean),
		cmocka_unit_test_setup(the_longest_unused_goes, workdir_clean),
		cmocka_unit_test_setup(what_the_dead_left_goes, workdir_clean),
		cmocka_unit_test_setup(a_directory_that_goes_is_no_error, workdir_clean),
		cmocka_unit_test_setup(the_users_directory_is_found, workdir_clean),
		cmocka_unit_test_setup(no_directory_is_no_error, workdir_clean),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
