/*
 * headerdir.h - a directory to work in for tests of the header program's client:
 * scripts that take the program's place, and the scratch directories.
 */
#ifndef SC_HEADERDIR_H
#define SC_HEADERDIR_H

#include "testdata.h"

#include "ioutil.h"
#include "source.h"

#include <dirent.h>
#include <fcntl.h>

static char workdir[] = "/tmp/sc-test-headerclient-XXXXXX";
static int workdir_fd;
static struct sc_source workdir_source = { .path = workdir };

static void write_file(int dirfd, const char *path, const char *text, mode_t mode)
{
	sc_autoclose int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, text, strlen(text)), 0);
}

static void use_script(const char *text)
{
	char path[256];
	write_file(workdir_fd, "program", text, 0700);
	snprintf(path, sizeof(path), "%s/program", workdir);
	setenv("SUBCUBEFS_HEADER", path, 1);
}

/* Nothing may be left of any run. */
static int no_scratch_left(void **state)
{
	(void)state;
	unsetenv("SUBCUBEFS_HEADER");
	DIR *dir = opendir(workdir);
	int left = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		left += strncmp(entry->d_name, "subcubefs-header-", 17) == 0;
	closedir(dir);
	return left ? -1 : 0;
}

static int make_workdir(void **state)
{
	(void)state;
	if (!mkdtemp(workdir))
		return -1;
	workdir_source.dirfd = workdir_fd = open(workdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return workdir_fd < 0 || setenv("TMPDIR", workdir, 1) < 0 ? -1 : 0;
}

static int remove_workdir(void **state)
{
	(void)state;
	close(workdir_fd);
	return sc_io_remove_tree(AT_FDCWD, workdir);
}

#endif
