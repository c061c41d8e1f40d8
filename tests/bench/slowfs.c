/*
 * slowfs - shows a directory read-only, as from storage where each read takes a while.
 *
 *   slowfs [-f] LATENCY_MS SOURCE MOUNTPOINT
 *
 * A read that reaches it sleeps before it is answered; everything else is as quick as FUSE is. Requests are served by
 * up to THREADS threads, so reads that are asked for at the same time sleep at the same time, as on remote storage.
 * The kernel caches pages and reads ahead within a file, as it does for a network file system: what was read before
 * costs nothing, and a file that is read sequentially costs one read for each read-ahead window. Names and attributes
 * are cached for an hour: the source does not change.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 128
#define CACHED_S 3600

static int source_fd;
static struct timespec latency;

/* FUSE's paths begin with a slash; ours are relative to the source. */
static const char *inside(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static void *slow_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	config->use_ino = 1;
	config->entry_timeout = config->attr_timeout = config->negative_timeout = CACHED_S;
	config->kernel_cache = 1;
	conn->max_background = THREADS;
	return NULL;
}

static int slow_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
	int rc = info ? fstat((int)info->fh, st) : fstatat(source_fd, inside(path), st, AT_SYMLINK_NOFOLLOW);
	return rc < 0 ? -errno : 0;
}

static int slow_readlink(const char *path, char *target, size_t size)
{
	ssize_t length = readlinkat(source_fd, inside(path), target, size - 1);
	if (length < 0)
		return -errno;
	target[length] = 0;
	return 0;
}

static int slow_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
			enum fuse_readdir_flags flags)
{
	(void)offset;
	(void)info;
	(void)flags;
	int fd = openat(source_fd, inside(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		struct stat st = { .st_ino = entry->d_ino, .st_mode = (mode_t)entry->d_type << 12 };
		if (fill(buffer, entry->d_name, &st, 0, 0))
			break;
	}
	closedir(dir);
	return 0;
}

static int slow_open(const char *path, struct fuse_file_info *info)
{
	if ((info->flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	int fd = openat(source_fd, inside(path), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	info->fh = (uint64_t)fd;
	return 0;
}

static int slow_release(const char *path, struct fuse_file_info *info)
{
	(void)path;
	close((int)info->fh);
	return 0;
}

static int slow_read(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *info)
{
	(void)path;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &latency, NULL);
	ssize_t got = pread((int)info->fh, buffer, size, offset);
	return got < 0 ? -errno : (int)got;
}

static const struct fuse_operations operations = {
	.init = slow_init,
	.getattr = slow_getattr,
	.readlink = slow_readlink,
	.readdir = slow_readdir,
	.open = slow_open,
	.release = slow_release,
	.read = slow_read,
};

int main(int argc, char **argv)
{
	int first = argc > 1 && strcmp(argv[1], "-f") == 0 ? 2 : 1;
	char *end = NULL;
	double ms = argc == first + 3 ? strtod(argv[first], &end) : -1;
	if (!(ms >= 0 && ms < 1000 && *end == 0)) {
		fputs("Usage: slowfs [-f] LATENCY_MS SOURCE MOUNTPOINT\n", stderr);
		return 2;
	}
	latency.tv_nsec = (long)(ms * 1e6);
	source_fd = open(argv[first + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source_fd < 0) {
		perror(argv[first + 1]);
		return 1;
	}
	char threads[64];
	snprintf(threads, sizeof(threads), "ro,fsname=slowfs,max_idle_threads=%d%s", THREADS,
		 FUSE_USE_VERSION >= 312 ? ",max_threads=128" : "");
	char *arguments[] = { argv[0], argv[first + 2], "-o", threads, first == 2 ? "-f" : NULL, NULL };
	return fuse_main(first == 2 ? 5 : 4, arguments, &operations, NULL);
}
