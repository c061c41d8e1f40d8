#include "ioutil.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

int sc_io_open_regular(int dirfd, const char *path, const char *label, int *ret_fd, struct stat *ret_stat,
		       struct sc_error *err)
{
	int fd = openat(dirfd, path, SC_IO_OPEN_FLAGS);
	if (fd < 0)
		return sc_error_errno(err, -errno, "%s: cannot open", label);
	return sc_io_take_regular(fd, label, ret_fd, ret_stat, err);
}

int sc_io_take_regular(int opened_fd, const char *label, int *ret_fd, struct stat *ret_stat, struct sc_error *err)
{
	sc_autoclose int fd = opened_fd;
	struct stat st;
	if (fstat(fd, &st) < 0)
		return sc_error_errno(err, -errno, "%s: cannot stat", label);
	if (!S_ISREG(st.st_mode))
		return sc_error_set(err, -EUCLEAN, "%s: not a regular file", label);
	if (ret_stat)
		*ret_stat = st;
	*ret_fd = sc_steal_fd(&fd);
	return 0;
}

int sc_io_read_open(int fd, const struct stat *st, const char *label, size_t max_bytes, uint8_t **ret_data,
		    struct sc_error *err)
{
	if ((uint64_t)st->st_size > max_bytes)
		return sc_error_set(err, -EUCLEAN, "%s: %lld bytes, expected a header of at most %zu", label,
				    (long long)st->st_size, max_bytes);
	size_t size = (size_t)st->st_size;
	sc_autofree uint8_t *data = malloc(size + 1);
	if (!data)
		return sc_error_errno(err, -ENOMEM, "%s: cannot read", label);
	int rc = sc_io_pread_full(fd, data, size, 0);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot read", label);
	data[size] = 0;
	*ret_data = sc_steal_ptr(data);
	return 0;
}

int sc_io_read_file(int dirfd, const char *path, const char *label, size_t max_bytes, uint8_t **ret_data,
		    size_t *ret_size, struct sc_error *err)
{
	sc_autoclose int fd = -1;
	struct stat st;
	int rc = sc_io_open_regular(dirfd, path, label, &fd, &st, err);
	if (rc < 0)
		return rc;
	rc = sc_io_read_open(fd, &st, label, max_bytes, ret_data, err);
	if (rc < 0)
		return rc;
	*ret_size = (size_t)st.st_size;
	return 0;
}

int sc_io_pread_full(int fd, void *buffer, size_t count, uint64_t offset)
{
	uint8_t *to = buffer;
	while (count > 0) {
		ssize_t got = pread(fd, to, count, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO;
		to += got;
		offset += (uint64_t)got;
		count -= (size_t)got;
	}
	return 0;
}

int sc_io_write_full(int fd, const void *buffer, size_t count)
{
	const uint8_t *from = buffer;
	while (count > 0) {
		ssize_t put = write(fd, from, count);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		from += put;
		count -= (size_t)put;
	}
	return 0;
}

int sc_io_pwrite_full(int fd, const void *buffer, size_t count, uint64_t offset)
{
	const uint8_t *from = buffer;
	while (count > 0) {
		ssize_t put = pwrite(fd, from, count, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		from += put;
		offset += (uint64_t)put;
		count -= (size_t)put;
	}
	return 0;
}

int sc_io_open_directory(int dirfd, const char *path, int flags, DIR **ret_dir)
{
	sc_autoclose int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	if (fd < 0)
		return -errno;
	DIR *dir = fdopendir(fd);
	if (!dir)
		return -errno;
	sc_steal_fd(&fd); /* it is the stream's now */
	*ret_dir = dir;
	return 0;
}

int sc_io_next_entry(DIR *dir, const char **ret_name)
{
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(dir);
		if (!entry)
			return -errno;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		*ret_name = entry->d_name;
		return 1;
	}
}

void sc_io_hold_standard(void)
{
	int fd;
	/* It gets the lowest number that is free. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

bool sc_io_is_kept_by_sticky(const struct stat *directory, const struct stat *entry)
{
	uid_t user = geteuid();
	return directory->st_mode & S_ISVTX && user != 0 && user != entry->st_uid && user != directory->st_uid;
}

bool sc_io_leads_out(const char *path)
{
	for (const char *at = path; *at;) {
		size_t length = strcspn(at, "/");
		if (length == 2 && at[0] == '.' && at[1] == '.')
			return true;
		at += length + (at[length] == '/');
	}
	return false;
}

char *sc_io_directory_of(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

int sc_io_names_append(struct sc_io_names *names, const char *name)
{
	char **grown = sc_grow(names->items, names->count + 1, &names->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	names->items = grown;
	grown[names->count] = strdup(name);
	if (!grown[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

void sc_io_names_sort(struct sc_io_names *names)
{
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
}

int sc_io_names_add(struct sc_io_names *names, DIR *dir)
{
	const char *name;
	int rc;
	while ((rc = sc_io_next_entry(dir, &name)) > 0) {
		if (sc_io_names_append(names, name) < 0)
			return -ENOMEM;
	}
	sc_io_names_sort(names);
	return rc;
}

void sc_io_names_clear(struct sc_io_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct sc_io_names){ 0 };
}

int sc_io_exists(int dirfd, const char *name)
{
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

int sc_io_open_straight(int dirfd, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };
	int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

void sc_io_path_of(int fd, char path[PATH_MAX])
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	path[length > 0 ? length : 0] = 0;
}

/* ---- removing ---- */

/* Also one of the same file system; of that, kernels before 5.8 do not tell. */
static bool is_mounted(int fd)
{
	struct statx here, above;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &here) < 0)
		return false;
	if (here.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return here.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return statx(fd, "..", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &above) == 0 &&
	       (here.stx_dev_major != above.stx_dev_major || here.stx_dev_minor != above.stx_dev_minor);
}

/* Where that fails, removing will say so. */
static void let_owner_write(int fd)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
		fchmod(fd, (st.st_mode & 07777) | S_IRWXU);
}

static int open_tree(int dirfd_, const char *path, bool is_own, DIR **ret_dir)
{
	int rc = sc_io_open_directory(dirfd_, path, O_NOFOLLOW, ret_dir);
	if (rc == -EACCES && is_own && fchmodat(dirfd_, path, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
		rc = sc_io_open_directory(dirfd_, path, O_NOFOLLOW, ret_dir);
	if (rc < 0)
		return rc;
	if (is_mounted(dirfd(*ret_dir)))
		return -EBUSY;
	if (is_own)
		let_owner_write(dirfd(*ret_dir));
	return 0;
}

static int remove_tree(int dirfd, const char *path, bool is_own);

static int remove_entries(DIR *dir, bool is_own)
{
	const char *name;
	int rc;
	while ((rc = sc_io_next_entry(dir, &name)) > 0) {
		if (unlinkat(dirfd(dir), name, 0) == 0 || errno == ENOENT)
			continue;
		rc = -errno;
		/* POSIX has EPERM for a directory; of a file it is the reason. */
		if (rc == -EISDIR || rc == -EPERM) {
			int tree_rc = remove_tree(dirfd(dir), name, is_own);
			rc = tree_rc == -ENOTDIR ? rc : tree_rc;
		}
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int remove_tree(int dirfd, const char *path, bool is_own)
{
	sc_autoclosedir DIR *dir = NULL;
	int rc = open_tree(dirfd, path, is_own, &dir);
	if (rc == -ENOENT)
		return 0;
	if ((rc == -ENOTDIR || rc == -ELOOP) && unlinkat(dirfd, path, 0) == 0)
		return 0;
	if (rc == 0)
		rc = remove_entries(dir, is_own);
	if (rc == 0 && unlinkat(dirfd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = -errno;
	return rc;
}

int sc_io_remove_tree(int dirfd, const char *path)
{
	return remove_tree(dirfd, path, false);
}

int sc_io_remove_own_tree(int dirfd, const char *path)
{
	return remove_tree(dirfd, path, true);
}
