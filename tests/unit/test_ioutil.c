#include "testdata.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static char scratch[] = "/tmp/sc-test-ioutil-XXXXXX";
static int dirfd_ = -1;

static int make_scratch(void **state)
{
	(void)state;
	if (!mkdtemp(scratch))
		return -1;
	dirfd_ = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ < 0;
}

static int remove_scratch(void **state)
{
	(void)state;
	close(dirfd_);
	return sc_io_remove_tree(AT_FDCWD, scratch);
}

static void write_file(const char *name, const char *bytes)
{
	sc_autoclose int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, bytes, strlen(bytes)), 0);
}

static void reads_whole_files(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	sc_autofree uint8_t *data = NULL;
	size_t size = 0;
	write_file("f", "hello");
	assert_int_equal(sc_io_read_file(dirfd_, "f", "label", 5, &data, &size, &err), 0);
	assert_int_equal(size, 5);
	assert_memory_equal(data, "hello", 6); /* with a NUL behind it */
}

static void refuses_what_is_too_large_or_absent(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	uint8_t *data = NULL;
	size_t size;
	write_file("f", "hello");
	assert_int_equal(sc_io_read_file(dirfd_, "f", "label", 4, &data, &size, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "label: 5 bytes"));
	assert_int_equal(sc_io_read_file(dirfd_, "absent", "label", 4, &data, &size, &err), -ENOENT);
	assert_null(data);
}

static void refuses_what_is_no_regular_file(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	int fd = -1;
	/* Would block for ever if it waited for a writer. */
	assert_int_equal(mkfifoat(dirfd_, "fifo", 0600), 0);
	assert_int_equal(sc_io_open_regular(dirfd_, "fifo", "fifo", &fd, NULL, &err), -EUCLEAN);
	assert_string_equal(err.text, "fifo: not a regular file");
	assert_int_equal(sc_io_open_regular(dirfd_, ".", "dot", &fd, NULL, &err), -EUCLEAN);
	assert_int_equal(sc_io_open_regular(AT_FDCWD, "/dev/null", "null", &fd, NULL, &err), -EUCLEAN);
	assert_int_equal(fd, -1);
}

static void reads_and_writes_at_offsets(void **state)
{
	(void)state;
	char buffer[8] = "";
	sc_autoclose int fd = openat(dirfd_, "p", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(sc_io_pwrite_full(fd, "world", 5, 3), 0);
	assert_int_equal(sc_io_pread_full(fd, buffer, 5, 3), 0);
	assert_string_equal(buffer, "world");
	assert_int_equal(sc_io_pread_full(fd, buffer, 6, 3), -EIO);
	assert_int_equal(sc_io_pread_full(fd, buffer, 0, 100), 0);
	assert_int_equal(sc_io_pread_full(-1, buffer, 1, 0), -EBADF);
}

static void removes_trees_but_follows_no_link(void **state)
{
	(void)state;
	struct stat st;
	write_file("keep", "kept");
	assert_int_equal(mkdirat(dirfd_, "t", 0700), 0);
	assert_int_equal(mkdirat(dirfd_, "t/d", 0700), 0);
	assert_int_equal(mkdirat(dirfd_, "k", 0700), 0);
	write_file("t/d/f", "gone");
	write_file("k/f", "kept");
	assert_int_equal(symlinkat("../../keep", dirfd_, "t/d/file-link"), 0);
	assert_int_equal(symlinkat("../../k", dirfd_, "t/d/dir-link"), 0);
	assert_int_equal(sc_io_remove_tree(dirfd_, "t"), 0);
	assert_int_equal(fstatat(dirfd_, "t", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(fstatat(dirfd_, "keep", &st, 0), 0);
	assert_int_equal(fstatat(dirfd_, "k/f", &st, 0), 0);
	assert_int_equal(sc_io_remove_tree(dirfd_, "t"), 0); /* not there: no error */
	assert_int_equal(sc_io_remove_tree(dirfd_, "keep"), 0);
	assert_int_equal(fstatat(dirfd_, "keep", &st, 0), -1);
}

/* In a mount namespace of its own. Exits with 0 when it went as it should, 1 when not, 2: nothing can be mounted here. */
static void remove_with_a_mount_in_it(bool is_top)
{
	struct stat st;
	char at[128], from[128];
	snprintf(at, sizeof(at), "%s/m/%s", scratch, is_top ? "" : "d/on");
	snprintf(from, sizeof(from), "%s/precious", scratch);
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(from, at, NULL, MS_BIND, NULL) < 0)
		_exit(2);
	/* What was opened before is without that mount. */
	int fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = sc_io_remove_tree(fd, "m");
	_exit(rc == -EBUSY && fstatat(fd, "precious/f", &st, 0) == 0 ? 0 : 1);
}

/* Of the same file system, so that no device number tells. */
static void removes_nothing_of_what_is_mounted_in_a_tree(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dirfd_, "precious", 0700), 0);
	write_file("precious/f", "kept");
	for (int is_top = 0; is_top < 2; is_top++) {
		assert_int_equal(sc_io_remove_tree(dirfd_, "m"), 0);
		assert_int_equal(mkdirat(dirfd_, "m", 0700), 0);
		assert_int_equal(mkdirat(dirfd_, "m/d", 0700), 0);
		assert_int_equal(mkdirat(dirfd_, "m/d/on", 0700), 0);
		pid_t child = fork();
		int status;
		if (child == 0)
			remove_with_a_mount_in_it(is_top);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
			skip();
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

/* Root may write to all directories: as somebody else. */
static void remove_own_in_child(void)
{
	if (geteuid() == 0 && (fchown(dirfd_, 54321, 54321) < 0 || setgid(54321) < 0 || setuid(54321) < 0))
		_exit(2);
	if (mkdirat(dirfd_, "own", 0700) < 0 || mkdirat(dirfd_, "own/a", 0700) < 0 ||
	    mkdirat(dirfd_, "own/a/b", 0700) < 0 || mknodat(dirfd_, "own/a/f", S_IFREG | 0400, 0) < 0 || symlinkat("..", dirfd_, "own/a/b/link") < 0 ||
	    fchmodat(dirfd_, "own/a/b", 0, 0) < 0 || fchmodat(dirfd_, "own/a", 0555, 0) < 0)
		_exit(2);
	if (sc_io_remove_tree(dirfd_, "own") != -EACCES)
		_exit(1);
	_exit(sc_io_remove_own_tree(dirfd_, "own") == 0 && sc_io_exists(dirfd_, "own") == 0 ? 0 : 1);
}

static void removes_what_was_made_here_whatever_its_modes(void **state)
{
	(void)state;
	int status;
	pid_t child = fork();
	if (child == 0)
		remove_own_in_child();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_whole_files),
		cmocka_unit_test(refuses_what_is_too_large_or_absent),
		cmocka_unit_test(refuses_what_is_no_regular_file),
		cmocka_unit_test(reads_and_writes_at_offsets),
		cmocka_unit_test(removes_trees_but_follows_no_link),
		cmocka_unit_test(removes_nothing_of_what_is_mounted_in_a_tree),
		cmocka_unit_test(removes_what_was_made_here_whatever_its_modes),
	};
	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
