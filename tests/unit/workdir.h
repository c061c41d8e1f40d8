/*
 * workdir.h - a temporary directory for tests that make, copy and damage files.
 *
 * One directory a test program; paths are relative to workdir_fd. Functions
 * fail the test when they cannot do what they say.
 */
#ifndef SC_WORKDIR_H
#define SC_WORKDIR_H

#include "source.h"
#include "words.h"

#include <sys/stat.h>

static char workdir[] = "/tmp/sc-test-XXXXXX";
static int workdir_fd = -1;

/* The directory as a source; it holds no name of its own. */
static inline struct sc_source *workdir_source(void)
{
	static struct sc_source source;
	source = (struct sc_source){ .path = workdir, .dirfd = workdir_fd };
	return &source;
}

static inline int workdir_setup(void **state)
{
	(void)state;
	if (!mkdtemp(workdir))
		return -1;
	workdir_fd = open(workdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return workdir_fd < 0 ? -1 : 0;
}

static inline int workdir_teardown(void **state)
{
	(void)state;
	close(workdir_fd);
	return sc_io_remove_tree(AT_FDCWD, workdir);
}

/* For one test: all that is in the directory goes. */
static inline int workdir_clean(void **state)
{
	(void)state;
	close(workdir_fd);
	if (sc_io_remove_tree(AT_FDCWD, workdir) < 0 || mkdir(workdir, 0700) < 0)
		return -1;
	workdir_fd = open(workdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return workdir_fd < 0 ? -1 : 0;
}

static inline void workdir_mkdir(const char *path)
{
	if (mkdirat(workdir_fd, path, 0755) < 0 && errno != EEXIST)
		fail_msg("%s: %s", path, strerror(errno));
}

static inline void workdir_write(const char *path, const void *data, size_t size)
{
	sc_autoclose int fd = openat(workdir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || sc_io_write_full(fd, data, size) < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

static inline uint8_t *workdir_read(int dirfd, const char *path, size_t *ret_size)
{
	uint8_t *data = NULL;
	struct sc_error err = { 0 };
	if (sc_io_read_file(dirfd, path, path, 1 << 30, &data, ret_size, &err) < 0)
		fail_msg("%s", err.text);
	return data;
}

static inline void workdir_remove(const char *path)
{
	assert_int_equal(sc_io_remove_tree(workdir_fd, path), 0);
}

static inline void workdir_truncate(const char *path, off_t size)
{
	sc_autoclose int fd = openat(workdir_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, size) < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

static const char *workdir_copy_from, *workdir_copy_to;

static int workdir_copy_step(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	sc_autofree char *to = NULL;
	assert_true(asprintf(&to, "%s%s", workdir_copy_to, path + strlen(workdir_copy_from)) > 0);
	if (kind == FTW_D) {
		workdir_mkdir(to);
	} else {
		size_t size;
		sc_autofree uint8_t *data = workdir_read(AT_FDCWD, path, &size);
		workdir_write(to, data, size);
	}
	return 0;
}

/* Copies the directory $SC_TEST_DATA/FROM; skips the test without data. */
static inline void workdir_copy(const char *from, const char *to)
{
	const char *root = getenv("SC_TEST_DATA");
	if (!root || !*root)
		skip();
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", root, from) > 0);
	workdir_copy_from = path;
	workdir_copy_to = to;
	if (nftw(path, workdir_copy_step, 16, FTW_PHYS) != 0)
		fail_msg("%s: %s", path, strerror(errno));
}

#endif
