#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "ioutil.h"

int sc_source_open(const char *argument, bool only_base, struct sc_source *ret_source, struct sc_error *err)
{
	sc_autofree char *text = strdup(argument);
	if (!text)
		return sc_error_errno(err, -ENOMEM, "%s", argument);
	for (size_t length = strlen(text); length > 1 && text[length - 1] == '/'; length--)
		text[length - 1] = 0;

	sc_autoclose int fd = -1;
	sc_autofree char *base = NULL;
	const char *directory = text;
	if (!only_base)
		fd = open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		if (!only_base && errno != ENOENT && errno != ENOTDIR)
			return sc_error_errno(err, -errno, "%s: cannot open", text);
		char *slash = strrchr(text, '/');
		base = strdup(slash ? slash + 1 : text);
		if (!base)
			return sc_error_errno(err, -ENOMEM, "%s", argument);
		if (base[0] == 0)
			return sc_error_set(err, -EINVAL, "%s: expected DIR/BASE", argument);
		if (slash)
			slash[slash == text ? 1 : 0] = 0;
		else
			directory = ".";
		fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return sc_error_errno(err, -errno, "%s: cannot open the directory %s", argument, directory);
	}
	char *path = realpath(directory, NULL);
	if (!path)
		return sc_error_errno(err, -errno, "%s: cannot resolve", directory);
	*ret_source = (struct sc_source){ .path = path, .base = sc_steal_ptr(base), .dirfd = sc_steal_fd(&fd) };
	return 0;
}

void sc_source_close(struct sc_source *source)
{
	if (source->dirfd >= 0)
		close(source->dirfd);
	free(source->path);
	free(source->base);
	*source = (struct sc_source){ .dirfd = -1 };
}

/* ---- files in it ---- */

/* Where an open descriptor is; the path is empty when that cannot be told. */
static void path_of(int fd, char path[PATH_MAX])
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	path[length > 0 ? length : 0] = 0;
}

static bool is_below(int dirfd, int fd)
{
	char directory[PATH_MAX], path[PATH_MAX];
	path_of(dirfd, directory);
	path_of(fd, path);
	size_t length = strlen(directory);
	if (length == 1) /* "/" */
		return path[0] == '/';
	return length > 1 && strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/*
 * For what openat2 does not let through: absolute paths and links, which may lead into the source all the same, and where
 * there is no openat2. What was found is looked at before it is opened, and what is opened is what was found.
 */
static int open_found(int dirfd, const char *path, int flags)
{
	char found[64];
	sc_autoclose int place = openat(dirfd, path, O_PATH | O_CLOEXEC);
	if (place < 0)
		return -errno;
	if (!is_below(dirfd, place))
		return -EXDEV;
	snprintf(found, sizeof(found), "/proc/self/fd/%d", place);
	int fd = open(found, flags);
	return fd < 0 ? -errno : fd;
}

static int open_below(int dirfd, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags, .resolve = RESOLVE_BENEATH };
	int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EXDEV:
	case ENOSYS:
	case EPERM: /* some containers forbid what they do not know */
	case EAGAIN: /* something was renamed meanwhile */
		return open_found(dirfd, path, flags);
	default:
		return -errno;
	}
}

static int open_in(const struct sc_source *source, const char *path, int flags, int *ret_fd, struct sc_error *err)
{
	int fd;
	if (source->follow_links) {
		fd = openat(source->dirfd, path, flags);
		fd = fd < 0 ? -errno : fd;
	} else {
		fd = open_below(source->dirfd, path, flags);
	}
	if (fd == -EXDEV)
		return sc_error_set(err, fd, "%s: it leads out of %s; --follow-links allows that", path, source->path);
	if (fd < 0)
		return sc_error_errno(err, fd, "%s: cannot open", path);
	*ret_fd = fd;
	return 0;
}

int sc_source_open_file(const struct sc_source *source, const char *path, int *ret_fd, struct stat *ret_stat,
			struct sc_error *err)
{
	int fd, rc = open_in(source, path, SC_IO_OPEN_FLAGS, &fd, err);
	return rc < 0 ? rc : sc_io_take_regular(fd, path, ret_fd, ret_stat, err);
}

int sc_source_open_directory(const struct sc_source *source, const char *path, DIR **ret_dir, struct sc_error *err)
{
	sc_autoclose int fd = -1;
	int rc = open_in(source, path, SC_IO_OPEN_FLAGS | O_DIRECTORY, &fd, err);
	if (rc < 0)
		return rc;
	*ret_dir = fdopendir(fd);
	if (!*ret_dir)
		return sc_error_errno(err, -errno, "%s: cannot open", path);
	sc_steal_fd(&fd); /* it is the stream's now */
	return 0;
}

int sc_source_read_file(const struct sc_source *source, const char *path, size_t max_bytes, uint8_t **ret_data,
			size_t *ret_size, struct sc_error *err)
{
	struct stat st;
	sc_autoclose int fd = -1;
	int rc = sc_source_open_file(source, path, &fd, &st, err);
	if (rc == 0)
		rc = sc_io_read_open(fd, &st, path, max_bytes, ret_data, err);
	if (rc == 0)
		*ret_size = (size_t)st.st_size;
	return rc;
}
