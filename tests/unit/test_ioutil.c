#include "testdata.h"

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
	struct stat st;
	sc_autofree uint8_t *data = NULL;
	size_t size = 0;
	write_file("f", "hello");
	assert_int_equal(sc_io_read_file(dirfd_, "f", "label", 5, &data, &size, &st, &err), 0);
	assert_int_equal(size, 5);
	assert_int_equal(st.st_size, 5);
	assert_memory_equal(data, "hello", 6); /* with a NUL behind it */
}

static void refuses_what_is_too_large_or_absent(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	uint8_t *data = NULL;
	size_t size;
	write_file("f", "hello");
	assert_int_equal(sc_io_read_file(dirfd_, "f", "label", 4, &data, &size, NULL, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "label: 5 bytes"));
	assert_int_equal(sc_io_read_file(dirfd_, "absent", "label", 4, &data, &size, NULL, &err), -ENOENT);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_whole_files),
		cmocka_unit_test(refuses_what_is_too_large_or_absent),
		cmocka_unit_test(refuses_what_is_no_regular_file),
		cmocka_unit_test(reads_and_writes_at_offsets),
		cmocka_unit_test(removes_trees_but_follows_no_link),
	};
	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
