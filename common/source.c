#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "ioutil.h"
#include "ownmount.h"

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

static bool is_below(int dirfd, int fd)
{
	char directory[PATH_MAX], path[PATH_MAX];
	sc_io_path_of(dirfd, directory);
	sc_io_path_of(fd, path);
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

/* Whether the kernel might open it all the same, was it but asked in another way. */
static bool is_refusal(int code)
{
	switch (code) {
	case -ELOOP:
	case -EXDEV:
	case -ENOSYS:
	case -EPERM: /* some containers forbid what they do not know */
	case -EAGAIN: /* something was renamed meanwhile */
		return true;
	default:
		return false;
	}
}

static int open_below(int dirfd, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags, .resolve = RESOLVE_BENEATH };
	int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	fd = fd < 0 ? -errno : fd;
	return fd != -ELOOP && is_refusal(fd) ? open_found(dirfd, path, flags) : fd;
}

static int check_detour(const struct sc_source *source, const char *path, struct sc_error *err)
{
	int rc = sc_ownmount_check(source->dirfd, path, source->mount_device);
	if (rc < 0 && rc != -ELOOP)
		return sc_error_errno(err, rc, "%s: cannot be looked at", path);
	return rc < 0 ? sc_error_set(err, rc, "%s: it leads into the mount itself", path) : 0;
}

int sc_source_check(const struct sc_source *source, const char *path, struct sc_error *err)
{
	if (source->mount_device == 0)
		return 0;
	sc_autoclose int fd = sc_io_open_straight(source->dirfd, path, O_PATH | O_CLOEXEC);
	if (sc_io_is_shortage(fd))
		return sc_error_errno(err, fd, "%s: cannot be looked at", path);
	return is_refusal(fd) ? check_detour(source, path, err) : 0;
}

int sc_source_check_part(const struct sc_source *source, const char *part, struct sc_error *err)
{
	return strchr(part, '/') ? sc_source_check(source, part, err) : 0;
}

bool sc_source_is_covered(const struct sc_source *source)
{
	return sc_source_check(source, source->path, NULL) < 0;
}

bool sc_source_is_in_place(const struct sc_source *source)
{
	struct stat there, opened;
	if (stat(source->path, &there) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return fstat(source->dirfd, &opened) == 0 && there.st_dev == opened.st_dev && there.st_ino == opened.st_ino;
}

int sc_source_stat(const struct sc_source *source, const char *path, struct stat *ret_stat, struct sc_error *err)
{
	int rc = fstatat(source->dirfd, path, ret_stat, AT_SYMLINK_NOFOLLOW);
	if (rc == 0 && S_ISLNK(ret_stat->st_mode)) {
		rc = check_detour(source, path, err);
		if (rc < 0)
			return rc;
		rc = fstatat(source->dirfd, path, ret_stat, 0);
	}
	return rc < 0 ? sc_error_errno(err, -errno, "%s: cannot stat", path) : 0;
}

static int open_anywhere(int dirfd, const char *path, int flags)
{
	int fd = openat(dirfd, path, flags);
	return fd < 0 ? -errno : fd;
}

/* Most paths have no link and stay in the file system: so they lead neither out of the source nor into the mount. */
static int open_in(const struct sc_source *source, const char *path, int flags, int *ret_fd, struct sc_error *err)
{
	int fd = sc_io_open_straight(source->dirfd, path, flags);
	if (is_refusal(fd)) {
		fd = check_detour(source, path, err);
		if (fd < 0)
			return fd;
		fd = source->follow_links ? open_anywhere(source->dirfd, path, flags)
					  : open_below(source->dirfd, path, flags);
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
