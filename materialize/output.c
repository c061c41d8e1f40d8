#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "copied.h"
#include "ioutil.h"
#include "movejournal.h"
#include "replace.h"

#define LOCK_NAME "lock"

/* How often a work directory may vanish (its owner has just finished) between our opening and locking it. */
#define LOCK_ATTEMPTS 100

/* How long to wait for a lock: the children of a killed run may have to end a write or sync first. */
#define LOCK_WAIT_MS 1000
#define LOCK_STEP_MS 50

static struct sc_replace replace_of(const struct sc_output *output)
{
	return (struct sc_replace){
		.parent_fd = output->parent_fd, .work_fd = output->work_fd, .name = output->name, .label = output->path
	};
}

/* Whether the name may be used: free, or an image when that may be replaced. */
static int check_name(const struct sc_output *output, struct sc_error *err)
{
	struct sc_replace replace = replace_of(output);
	int rc = sc_replace_look(&replace, err);
	if (rc == 1 && !output->overwrite)
		return sc_error_set(err, -EEXIST, "%s exists; --overwrite replaces it", output->path);
	return rc < 0 ? rc : 0;
}

/*
 * Where everybody may make files, lists of what is to be moved or removed are believed only from this user, or from the
 * directory's owner: as the kernel follows links there. Asked of what is open, since the name may be another's at once.
 */
static int check_owner(const struct sc_output *output, int fd, uid_t user, const char *name, struct sc_error *err)
{
	struct stat parent, st;
	if (fstat(output->parent_fd, &parent) < 0)
		return sc_error_errno(err, -errno, "%s: cannot look at its directory", output->path);
	if (fstat(fd, &st) < 0)
		return sc_error_errno(err, -errno, "%s: cannot look at %s", output->path, name);
	if (!(parent.st_mode & S_IWOTH) || st.st_uid == user || st.st_uid == parent.st_uid)
		return 0;
	return sc_error_set(err, -EPERM,
			    "%s: %s, in a directory that everybody may write to, is another user's (%u): nothing is done with it",
			    output->path, name, (unsigned)st.st_uid);
}

/* "a/b/NAME/" -> "a/b" (or "/", ".") and "NAME". */
static int split_path(const char *path, char **ret_parent, char **ret_name, struct sc_error *err)
{
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		length--;
	size_t start = length;
	while (start > 0 && path[start - 1] != '/')
		start--;
	size_t parent_length = start;
	while (parent_length > 1 && path[parent_length - 1] == '/')
		parent_length--;
	sc_autofree char *name = strndup(path + start, length - start);
	sc_autofree char *parent = start ? strndup(path, parent_length) : strdup(".");
	if (!name || !parent)
		return sc_error_errno(err, -ENOMEM, "%s", path);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return sc_error_set(err, -EINVAL, "%s cannot be the name of an image", *path ? path : "an empty text");
	*ret_parent = sc_steal_ptr(parent);
	*ret_name = sc_steal_ptr(name);
	return 0;
}

static int open_parent(struct sc_output *output, const char *path, struct sc_error *err)
{
	sc_autofree char *parent = NULL;
	int rc = split_path(path, &parent, &output->name, err);
	if (rc < 0)
		return rc;
	output->path = strdup(path);
	if (!output->path || asprintf(&output->work_name, ".%s" SC_OUTPUT_WORK_SUFFIX, output->name) < 0) {
		output->work_name = NULL;
		return sc_error_errno(err, -ENOMEM, "%s", path);
	}
	if (strlen(output->work_name) > NAME_MAX)
		return sc_error_errno(err, -ENAMETOOLONG, "%s", path);
	output->parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (output->parent_fd < 0)
		return sc_error_errno(err, -errno, "%s: cannot open the directory of %s", parent, output->name);
	output->parent_path = realpath(parent, NULL);
	if (!output->parent_path)
		return sc_error_errno(err, -errno, "%s: cannot resolve the directory of %s", parent, output->name);
	return 0;
}

int sc_output_open(const char *path, bool overwrite, struct sc_output *ret_output, struct sc_error *err)
{
	struct sc_output output = {
		.overwrite = overwrite, .parent_fd = -1, .work_fd = -1, .lock_fd = -1, .image_fd = -1
	};
	int rc = open_parent(&output, path, err);
	if (rc == 0)
		rc = check_name(&output, err);
	if (rc < 0)
		sc_output_close(&output);
	else
		*ret_output = output;
	return rc;
}

int sc_output_open_existing(const char *path, struct sc_output *ret_output, struct sc_error *err)
{
	struct sc_output output = { .parent_fd = -1, .work_fd = -1, .lock_fd = -1, .image_fd = -1 };
	int rc = open_parent(&output, path, err);
	if (rc == 0) {
		sc_autoclose int fd = openat(output.parent_fd, output.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		rc = fd < 0 ? 0 : check_owner(&output, fd, geteuid(), output.name, err);
	}
	if (rc < 0)
		sc_output_close(&output);
	else
		*ret_output = output;
	return rc;
}

int sc_output_open_image(const struct sc_output *output, int *ret_fd, struct sc_error *err)
{
	sc_autoclose int fd =
	    openat(output->parent_fd, output->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sc_error_errno(err, -errno, "%s: cannot open", output->path);
	int rc = check_owner(output, fd, geteuid(), output->name, err);
	if (rc == 0)
		*ret_fd = sc_steal_fd(&fd);
	return rc;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* 1: locked, and still the file that others would lock; 0: no longer that file. */
static int lock_file(const struct sc_output *output, int lock_fd, bool is_new, struct sc_error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(lock_fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return sc_error_set(err, -EBUSY, "%s: another subcube-materialize is at work on it",
					    output->path);
		/* Some cluster file systems are mounted without locks: then a new work directory is as good as one. */
		if (!is_new)
			return sc_error_errno(err, -errno,
					      "%s: cannot lock %s beside it (if nothing is at work on it, remove that)",
					      output->path, output->work_name);
	}
	sc_autofree char *path = NULL;
	if (asprintf(&path, "%s/%s", output->work_name, LOCK_NAME) < 0) {
		path = NULL;
		return sc_error_errno(err, -ENOMEM, "%s: cannot lock", output->path);
	}
	struct stat locked, named;
	if (fstat(lock_fd, &locked) < 0)
		return sc_error_errno(err, -errno, "%s: cannot lock", output->path);
	return fstatat(output->parent_fd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 && is_same_file(&locked, &named);
}

/* 1: opened; 0: it went away in between. */
static int open_work_directory(const struct sc_output *output, int *ret_fd, struct sc_error *err)
{
	int fd = openat(output->parent_fd, output->work_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return sc_error_errno(err, -errno, "%s: cannot open the work directory %s beside it", output->path,
				      output->work_name);
	*ret_fd = fd;
	return 1;
}

/* 1: opened; 0: it went away in between, or somebody else was there first. */
static int open_lock(const struct sc_output *output, int work_fd, bool is_new, int *ret_fd, struct sc_error *err)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (is_new ? O_EXCL : 0);
	int fd = openat(work_fd, LOCK_NAME, flags, 0666);
	if (fd < 0 && (errno == ENOENT || (is_new && errno == EEXIST)))
		return 0;
	if (fd < 0) {
		int rc = -errno;
		if (is_new)
			unlinkat(output->parent_fd, output->work_name, AT_REMOVEDIR);
		return sc_error_errno(err, rc, "%s: cannot open %s/%s beside it", output->path, output->work_name,
				      LOCK_NAME);
	}
	*ret_fd = fd;
	return 1;
}

/*
 * 1: it may be used. A new one may have been exchanged for another's, too. What this user makes may be another's by number, nobody's
 * on some servers: then so is the lock, `made_fd` (-1: there was one).
 */
static int check_work_owner(const struct sc_output *output, int work_fd, int made_fd, struct sc_error *err)
{
	struct stat made;
	uid_t user = made_fd >= 0 && fstat(made_fd, &made) == 0 ? made.st_uid : geteuid();
	int rc = check_owner(output, work_fd, user, output->work_name, err);
	return rc < 0 ? rc : 1;
}

/* 1: locked; 0: the work directory went away in between, try again. */
static int try_lock(struct sc_output *output, struct sc_error *err)
{
	sc_autoclose int work_fd = -1, lock_fd = -1;
	bool is_new = mkdirat(output->parent_fd, output->work_name, 0777) == 0;
	if (!is_new && errno != EEXIST)
		return sc_error_errno(err, -errno, "%s: cannot make the work directory %s beside it", output->path,
				      output->work_name);
	int rc = open_work_directory(output, &work_fd, err);
	if (rc > 0 && !is_new)
		rc = check_work_owner(output, work_fd, -1, err);
	if (rc > 0)
		rc = open_lock(output, work_fd, is_new, &lock_fd, err);
	if (rc > 0 && is_new)
		rc = check_work_owner(output, work_fd, lock_fd, err);
	if (rc > 0)
		rc = lock_file(output, lock_fd, is_new, err);
	if (rc <= 0)
		return rc;
	output->work_fd = sc_steal_fd(&work_fd);
	output->lock_fd = sc_steal_fd(&lock_fd);
	return 1;
}

static int lock_within(struct sc_output *output, unsigned wait_ms, struct sc_error *err)
{
	unsigned waited_ms = 0;
	for (int i = 0; i < LOCK_ATTEMPTS; i++) {
		struct sc_error failure = { 0 };
		int rc = try_lock(output, &failure);
		if (rc > 0)
			return 0;
		if (rc == -EBUSY && waited_ms < wait_ms) {
			usleep(LOCK_STEP_MS * 1000);
			waited_ms += LOCK_STEP_MS;
		} else if (rc < 0) {
			if (err)
				*err = failure;
			return rc;
		}
	}
	return sc_error_set(err, -EBUSY, "%s: another subcube-materialize is at work on it", output->path);
}

int sc_output_lock(struct sc_output *output, struct sc_error *err)
{
	return output->lock_fd >= 0 ? 0 : lock_within(output, LOCK_WAIT_MS, err);
}

int sc_output_try_lock(struct sc_output *output, struct sc_error *err)
{
	return lock_within(output, 0, err);
}

/* The lock file goes last: until then nobody else takes the directory for free. */
static int empty_work_directory(const struct sc_output *output)
{
	/* The journal behind the old image: see sc_replace_repair. */
	static const char *const names[] = { SC_REPLACE_OLD, SC_REPLACE_IMAGE, SC_REPLACE_JOURNAL,
					     SC_OUTPUT_REMOVAL SC_MOVEJOURNAL_PART, SC_COPIED_DIRECTORY };
	for (size_t i = 0; i < SC_COUNT_OF(names) - output->keeps_copied; i++) {
		int rc = sc_io_remove_own_tree(output->work_fd, names[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int sc_output_clear(struct sc_output *output, struct sc_error *err)
{
	struct sc_replace replace = replace_of(output);
	int rc = sc_replace_repair(&replace, err);
	if (rc < 0) {
		/* What is in it must stay for the user to look at, so it is no longer ours to discard. */
		close(sc_steal_fd(&output->work_fd));
		return rc;
	}
	rc = empty_work_directory(output);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot empty the work directory %s beside it", output->path,
				      output->work_name);
	return 0;
}

int sc_output_recover(struct sc_output *output, struct sc_error *err)
{
	int rc = sc_output_clear(output, err);
	return rc == 0 ? check_name(output, err) : rc;
}

int sc_output_create(struct sc_output *output, struct sc_error *err)
{
	if (mkdirat(output->work_fd, SC_REPLACE_IMAGE, 0777) < 0)
		return sc_error_errno(err, -errno, "%s: cannot make it", output->path);
	output->image_fd = openat(output->work_fd, SC_REPLACE_IMAGE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (output->image_fd < 0)
		return sc_error_errno(err, -errno, "%s: cannot open it", output->path);
	return 0;
}

/* Syncs all files below a directory, then the directory. */
static int sync_tree(int parent_fd, const char *path)
{
	const char *name;
	sc_autoclosedir DIR *dir = NULL;
	int rc = sc_io_open_directory(parent_fd, path, O_NOFOLLOW, &dir);
	while (rc >= 0 && (rc = sc_io_next_entry(dir, &name)) > 0) {
		struct stat st;
		sc_autoclose int fd = openat(dirfd(dir), name, SC_IO_OPEN_FLAGS | O_NOFOLLOW);
		if (fd < 0 || fstat(fd, &st) < 0)
			return -errno;
		if (S_ISDIR(st.st_mode))
			rc = sync_tree(fd, ".");
		else if (fsync(fd) < 0)
			rc = -errno;
	}
	return rc == 0 && fsync(dirfd(dir)) < 0 ? -errno : rc;
}

int sc_output_sync(const struct sc_output *output, struct sc_error *err)
{
	int rc = sync_tree(output->image_fd, ".");
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot sync it", output->path);
	return 0;
}

static void remove_work_directory(struct sc_output *output)
{
	/* Whatever cannot be removed is left to the next run, together with the lock file. */
	if (empty_work_directory(output) < 0 || faccessat(output->work_fd, SC_COPIED_DIRECTORY, F_OK, 0) == 0)
		return;
	unlinkat(output->work_fd, LOCK_NAME, 0);
	unlinkat(output->parent_fd, output->work_name, AT_REMOVEDIR);
}

int sc_output_publish(struct sc_output *output, struct sc_error *err)
{
	struct sc_replace replace = replace_of(output);
	/* What was copied is in the image now, and must not be written to any more. */
	output->keeps_copied = false;
	int rc = sc_io_remove_own_tree(output->work_fd, SC_COPIED_DIRECTORY);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot empty its work directory", output->path);
	return sc_replace_commit(&replace, output->overwrite, err);
}

int sc_output_commit(struct sc_output *output, struct sc_error *err)
{
	int rc = sc_output_publish(output, err);
	if (rc == 0)
		remove_work_directory(output);
	return rc;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(sc_steal_fd(fd));
}

void sc_output_discard(struct sc_output *output)
{
	/* An old image that could not be put back (replace.c) must survive. */
	struct sc_replace replace = replace_of(output);
	if (output->work_fd >= 0 && sc_replace_repair(&replace, NULL) == 0)
		remove_work_directory(output);
	close_fd(&output->image_fd);
	close_fd(&output->work_fd);
	close_fd(&output->lock_fd);
}

void sc_output_abandon(struct sc_output *output)
{
	close_fd(&output->image_fd);
	close_fd(&output->work_fd);
	close_fd(&output->lock_fd);
}

void sc_output_close(struct sc_output *output)
{
	sc_output_abandon(output);
	close_fd(&output->parent_fd);
	free(output->path);
	free(output->name);
	free(output->work_name);
	free(output->parent_path);
	memset(output, 0, sizeof(*output));
	output->parent_fd = output->work_fd = output->lock_fd = output->image_fd = -1;
}
