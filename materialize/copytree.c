#include "copytree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "identity.h"
#include "ioutil.h"
#include "readback.h"

/* A signal and the display of progress wait for one of these. */
#define RANGE_BYTES ((size_t)64 << 20)

/* A file or directory on its way; `label` is its path from the part on. */
struct entry {
	const struct sc_copytree *copy;
	const char *label;
	struct sc_error *err;
};

typedef int tree_visitor(const struct entry *entry, int from_dirfd, const char *from, int to_dirfd, const char *to);

static int fail(const struct entry *entry, int rc, const char *what)
{
	return sc_error_errno(entry->err, rc, "%s: %s", entry->label, what);
}

static int advance(const struct entry *entry, uint64_t bytes)
{
	return entry->copy->advance ? entry->copy->advance(entry->copy->context, bytes) : 0;
}

/* Opens what there is; never waits for a FIFO. */
static int open_entry(const struct entry *entry, int dirfd, const char *name, bool is_top, int *ret_fd,
		      struct stat *ret_stat)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (is_top ? 0 : O_NOFOLLOW));
	if (fd < 0 && errno == ELOOP)
		return sc_error_set(entry->err, -EINVAL, "%s is a symbolic link, which is not copied", entry->label);
	if (fd < 0)
		return fail(entry, -errno, "cannot open");
	if (fstat(fd, ret_stat) < 0) {
		int rc = -errno;
		close(fd);
		return fail(entry, rc, "cannot stat");
	}
	if (!S_ISREG(ret_stat->st_mode) && !S_ISDIR(ret_stat->st_mode)) {
		close(fd);
		return sc_error_set(entry->err, -EINVAL, "%s is neither a file nor a directory", entry->label);
	}
	*ret_fd = fd;
	return 0;
}

/* Calls `visit` for all that is in the directory `fd`; returns their number in *ret_count. */
static int visit_all(const struct entry *entry, int fd, int to_fd, tree_visitor *visit, size_t *ret_count)
{
	sc_autoclosedir DIR *dir = NULL;
	int rc = sc_io_open_directory(fd, ".", 0, &dir);
	if (rc < 0)
		return fail(entry, rc, "cannot read the directory");
	const char *name;
	*ret_count = 0;
	while ((rc = sc_io_next_entry(dir, &name)) > 0) {
		++*ret_count;
		if (!visit)
			continue;
		sc_autofree char *label = NULL;
		if (asprintf(&label, "%s/%s", entry->label, name) < 0)
			label = NULL;
		struct entry child = { entry->copy, label ? label : name, entry->err };
		rc = visit(&child, fd, name, to_fd, name);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? fail(entry, rc, "cannot read the directory") : 0;
}

/* A file that would run as its owner would run as whoever copies it. */
static int set_attributes(const struct entry *entry, int fd, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	mode_t kept = S_ISDIR(st->st_mode) ? 07777 : 0777;
	if (fchmod(fd, st->st_mode & kept) < 0 || futimens(fd, times) < 0)
		return fail(entry, -errno, "cannot set mode and times of the copy");
	return 0;
}

/* What a file system says that has no such call, or not between these two files. */
static bool is_unsupported(int rc)
{
	return rc == -EOPNOTSUPP || rc == -EXDEV || rc == -EINVAL || rc == -ENOTTY || rc == -ENOSYS || rc == -EBADF ||
	       rc == -EPERM || rc == -ETXTBSY;
}

/* 1: not supported, nothing was copied. */
static int copy_in_kernel(const struct entry *entry, int from_fd, int to_fd, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		ssize_t count = copy_file_range(from_fd, NULL, to_fd, NULL, RANGE_BYTES, 0);
		if (count < 0 && errno == EINTR)
			continue;
		if (done == 0 && (count == 0 || (count < 0 && is_unsupported(-errno))))
			return 1;
		if (count < 0)
			return fail(entry, -errno, "cannot copy");
		if (count == 0)
			return sc_error_set(entry->err, -ESTALE, "%s changed while it was copied", entry->label);
		done += (uint64_t)count;
		int rc = advance(entry, (uint64_t)count);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int copy_through_memory(const struct entry *entry, int from_fd, int to_fd, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		size_t count =
		    size - done < entry->copy->buffer_bytes ? (size_t)(size - done) : entry->copy->buffer_bytes;
		int rc = sc_io_pread_full(from_fd, entry->copy->buffer, count, done);
		if (rc == 0)
			rc = sc_io_pwrite_full(to_fd, entry->copy->buffer, count, done);
		if (rc < 0)
			return fail(entry, rc, "cannot copy");
		done += count;
		rc = advance(entry, count);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int copy_all(const struct entry *entry, int from_fd, int to_fd, uint64_t size)
{
	struct sc_cloner *cloner = entry->copy->cloner;
	struct sc_clone_target to;
	uint64_t first = 0, behind = 0;
	int rc = sc_clone_target_init(to_fd, &to);
	if (rc == 0)
		rc = sc_clone_range(cloner, from_fd, 0, &to, 0, size, &first, &behind);
	if (rc < 0)
		return fail(entry, rc, "cannot clone it");
	if (behind == size)
		return advance(entry, size);
	/* It may clone as well. */
	rc = cloner->reflink == SC_REFLINK_NEVER ? 1 : copy_in_kernel(entry, from_fd, to_fd, size);
	return rc == 1 ? copy_through_memory(entry, from_fd, to_fd, size) : rc;
}

static int copy_bytes(const struct entry *entry, int from_fd, int to_fd, const struct stat *st)
{
	const struct sc_file_id before = sc_file_id_of(st);
	struct sc_file_id now;
	int rc = copy_all(entry, from_fd, to_fd, (uint64_t)st->st_size);
	if (rc < 0)
		return rc;
	rc = sc_file_id_ask(from_fd, true, &now);
	if (rc < 0)
		return fail(entry, rc, "cannot stat");
	if (!sc_file_id_equal(&now, &before))
		return sc_error_set(entry->err, -ESTALE, "%s changed while it was copied", entry->label);
	return 0;
}

static int copy_file(const struct entry *entry, int from_fd, const struct stat *st, int to_dirfd, const char *to)
{
	int fd = openat(to_dirfd, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(entry, -errno, "cannot make the copy");
	int rc = copy_bytes(entry, from_fd, fd, st);
	if (rc == 0)
		rc = set_attributes(entry, fd, st);
	if (close(fd) < 0 && rc == 0)
		rc = fail(entry, -errno, "cannot copy");
	return rc;
}

static int copy_child(const struct entry *entry, int from_dirfd, const char *from, int to_dirfd, const char *to);

static int copy_directory(const struct entry *entry, int from_fd, const struct stat *st, int to_dirfd, const char *to)
{
	size_t count;
	if (mkdirat(to_dirfd, to, 0700) < 0)
		return fail(entry, -errno, "cannot make the copy");
	sc_autoclose int fd = openat(to_dirfd, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(entry, -errno, "cannot open the copy");
	int rc = visit_all(entry, from_fd, fd, copy_child, &count);
	return rc == 0 ? set_attributes(entry, fd, st) : rc;
}

static int copy_entry(const struct entry *entry, int from_dirfd, const char *from, bool is_top, int to_dirfd,
		      const char *to)
{
	sc_autoclose int fd = -1;
	struct stat st;
	int rc = open_entry(entry, from_dirfd, from, is_top, &fd, &st);
	if (rc < 0)
		return rc;
	return S_ISDIR(st.st_mode) ? copy_directory(entry, fd, &st, to_dirfd, to)
				   : copy_file(entry, fd, &st, to_dirfd, to);
}

static int copy_child(const struct entry *entry, int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	return copy_entry(entry, from_dirfd, from, false, to_dirfd, to);
}

int sc_copytree_copy(const struct sc_copytree *copy, int from_dirfd, const char *from, int to_dirfd, const char *to,
		     struct sc_error *err)
{
	struct entry entry = { copy, from, err };
	return copy_entry(&entry, from_dirfd, from, true, to_dirfd, to);
}

static int differ(const struct entry *entry)
{
	return sc_error_set(entry->err, -EIO, "%s: the copy, read back, is not what was copied", entry->label);
}

static int compare_files(const struct entry *entry, int from_fd, const struct stat *st, int to_fd)
{
	uint8_t *wanted = entry->copy->buffer;
	uint64_t size = (uint64_t)st->st_size;
	sc_readback_begin(to_fd);
	for (uint64_t done = 0; done < size;) {
		size_t most = entry->copy->buffer_bytes, count = size - done < most ? (size_t)(size - done) : most;
		int rc = sc_io_pread_full(from_fd, wanted, count, done);
		if (rc == 0)
			rc = sc_readback_compare(to_fd, wanted, count, done);
		if (rc < 0)
			return fail(entry, rc, "cannot read it back");
		if (rc > 0)
			return differ(entry);
		done += count;
		rc = advance(entry, count);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int compare_child(const struct entry *entry, int from_dirfd, const char *from, int to_dirfd, const char *to);

static int compare_entry(const struct entry *entry, int from_dirfd, const char *from, bool is_top, int to_dirfd,
			 const char *to)
{
	sc_autoclose int from_fd = -1, to_fd = -1;
	struct stat from_stat, to_stat;
	size_t from_count, to_count;
	int rc = open_entry(entry, from_dirfd, from, is_top, &from_fd, &from_stat);
	if (rc == 0)
		rc = open_entry(entry, to_dirfd, to, false, &to_fd, &to_stat);
	if (rc < 0)
		return rc;
	if ((from_stat.st_mode & S_IFMT) != (to_stat.st_mode & S_IFMT))
		return differ(entry);
	if (S_ISREG(from_stat.st_mode))
		return from_stat.st_size == to_stat.st_size ? compare_files(entry, from_fd, &from_stat, to_fd)
							    : differ(entry);
	rc = visit_all(entry, from_fd, to_fd, compare_child, &from_count);
	if (rc == 0)
		rc = visit_all(entry, to_fd, -1, NULL, &to_count);
	return rc == 0 && from_count != to_count ? differ(entry) : rc;
}

static int compare_child(const struct entry *entry, int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	return compare_entry(entry, from_dirfd, from, false, to_dirfd, to);
}

int sc_copytree_compare(const struct sc_copytree *copy, int from_dirfd, const char *from, int to_dirfd, const char *to,
			struct sc_error *err)
{
	struct entry entry = { copy, from, err };
	return compare_entry(&entry, from_dirfd, from, true, to_dirfd, to);
}
