#include "attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int count_slashes(const char *path)
{
	int count = 0;
	for (; *path; path++)
		count += *path == '/';
	return count;
}

int sc_way_open(const struct sc_source *source, struct sc_way *ret_way, struct sc_error *err)
{
	sc_autofree char *above = strdup(source->path);
	struct sc_way way = { .dirfds = calloc((size_t)count_slashes(source->path) + 1, sizeof(*way.dirfds)) };
	if (!above || !way.dirfds) {
		sc_way_close(&way);
		return sc_error_errno(err, -ENOMEM, "%s", source->path);
	}
	for (char *slash; (slash = strrchr(above, '/'));) {
		/* The last round opens "/". */
		bool is_last = slash == above;
		slash[is_last] = '\0';
		int fd = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			way.dirfds[way.count++] = fd;
		way.unknown |= fd < 0;
		if (is_last)
			break;
	}
	*ret_way = way;
	return 0;
}

void sc_way_close(struct sc_way *way)
{
	for (size_t i = 0; i < way->count; i++)
		close(way->dirfds[i]);
	free(way->dirfds);
	*way = (struct sc_way){ 0 };
}

/*
 * Whether everybody may pass all directories above SOURCE. Then the mode of
 * SOURCE itself decides who may enter the mount, as it does for the parts.
 */
static bool way_is_open(const struct sc_way *way)
{
	for (size_t i = 0; i < way->count; i++) {
		struct stat st;
		int fd = way->dirfds[i];
		if (fstat(fd, &st) < 0 || (st.st_mode & 0111) != 0111 || sc_access_has_acl(fd, "."))
			return false;
	}
	return !way->unknown;
}

/*
 * The root lists names that SOURCE lists, and leads to all views: whoever
 * could not list SOURCE must not get in here. Where modes cannot say who that
 * is, it is the mounting user alone. Views can then be as open as their parts.
 */
int sc_attributes_root(const struct sc_source *source, const struct sc_way *way, uid_t uid, gid_t gid,
		       struct stat *ret_root)
{
	struct stat root;
	if (fstat(source->dirfd, &root) < 0)
		return -errno;
	bool shared = way_is_open(way) && !sc_access_has_acl(source->dirfd, ".");
	root.st_mode = S_IFDIR | (shared ? root.st_mode & 0555 : 0500);
	if (!shared) {
		root.st_uid = uid;
		root.st_gid = gid;
	}
	root.st_size = 0;
	root.st_blocks = 0;
	root.st_blksize = SC_BEST_READ_BYTES;
	*ret_root = root;
	return 0;
}

static void set_times(struct stat *st, int64_t ns)
{
	struct timespec when = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	if (when.tv_nsec < 0) {
		when.tv_sec--;
		when.tv_nsec += 1000000000;
	}
	st->st_atim = st->st_mtim = st->st_ctim = when;
}

/* `readable`: the bits that such a node can have at most. */
static void set_access(const struct sc_owner *owner, const struct sc_access *parts, mode_t readable, struct stat *st)
{
	if (parts->any && parts->uniform) {
		st->st_uid = parts->uid;
		st->st_gid = parts->gid;
		st->st_mode |= parts->mode & readable;
	} else {
		st->st_uid = owner->uid;
		st->st_gid = owner->gid;
		st->st_mode |= readable & 0700;
	}
	if (parts->any)
		set_times(st, parts->newest_ns);
	else
		st->st_atim = st->st_mtim = st->st_ctim = owner->root.st_mtim;
}

void sc_attributes_directory(const struct sc_owner *owner, const struct sc_access *parts, struct stat *ret_stat)
{
	*ret_stat = (struct stat){ .st_mode = S_IFDIR, .st_blksize = SC_BEST_READ_BYTES };
	set_access(owner, parts, 0555, ret_stat);
}

void sc_attributes_file(const struct sc_owner *owner, const struct sc_access *parts, uint64_t size_bytes,
			struct stat *ret_stat)
{
	*ret_stat = (struct stat){
		.st_mode = S_IFREG,
		.st_nlink = 1,
		.st_size = (off_t)size_bytes,
		.st_blocks = (blkcnt_t)(size_bytes / 512 + (size_bytes % 512 > 0)),
		.st_blksize = SC_BEST_READ_BYTES,
	};
	set_access(owner, parts, 0444, ret_stat);
}
