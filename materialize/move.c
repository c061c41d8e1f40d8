#include "move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "catalog.h"
#include "imageconcat.h"
#include "ioutil.h"
#include "replace.h"

static void step_done(const struct sc_move *move)
{
	if (move->after_step)
		move->after_step();
}

/* The directory that a part comes from; parts come from few, mostly from one. */
struct origin {
	char *path;
	int fd;
};

static void origin_clear(struct origin *origin)
{
	free(origin->path);
	if (origin->fd >= 0)
		close(origin->fd);
	*origin = (struct origin){ .fd = -1 };
}

#define sc_autoorigin __attribute__((cleanup(origin_clear)))

/* Opens the directory of `from`, a path relative to parent_fd; the one before is synced when `sync`. Returns the name
 * in it. */
static int origin_open(struct origin *origin, int parent_fd, const char *from, bool sync, const char **ret_name,
		       struct sc_error *err)
{
	sc_autofree char *path = sc_io_directory_of(from, ret_name);
	if (!path)
		return sc_error_errno(err, -ENOMEM, "%s", from);
	if (origin->path && strcmp(origin->path, path) == 0)
		return 0;
	if (sync && origin->fd >= 0 && fsync(origin->fd) < 0)
		return sc_error_errno(err, -errno, "%s: cannot sync the directory", origin->path);
	int fd = openat(parent_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sc_error_errno(err, -errno, "%s: cannot open its directory", from);
	origin_clear(origin);
	origin->path = sc_steal_ptr(path);
	origin->fd = fd;
	return 0;
}

/* ---- before anything is moved ---- */

/* Whether the file system itself would let us rename an entry of this directory. */
static int check_directory(int fd, const char *path, const struct stat *parent, struct stat *ret_stat,
			   struct sc_error *err)
{
	if (fstat(fd, ret_stat) < 0)
		return sc_error_errno(err, -errno, "%s: cannot stat its directory", path);
	if (ret_stat->st_dev != parent->st_dev)
		return sc_error_set(err, -EXDEV, "%s cannot be moved: it is on another file system", path);
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return sc_error_errno(err, -errno, "%s cannot be moved out of its directory", path);
	return 0;
}

static int check_part(int dirfd, const char *name, const char *path, const struct stat *directory, struct sc_error *err)
{
	struct stat st;
	struct statx extended;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return sc_error_errno(err, -errno, "%s: cannot stat", path);
	if (S_ISLNK(st.st_mode))
		return sc_error_set(err, -EINVAL, "%s cannot be moved: it is a symbolic link", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return sc_error_set(err, -EINVAL, "%s cannot be moved: it is neither a directory nor a file", path);
	bool is_mount = st.st_dev != directory->st_dev;
	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &extended) == 0 &&
	    extended.stx_attributes_mask & extended.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		is_mount = true;
	if (is_mount)
		return sc_error_set(err, -EBUSY, "%s cannot be moved: something is mounted on it", path);
	/* A directory's ".." changes when it is moved. */
	if (S_ISDIR(st.st_mode) && faccessat(dirfd, name, W_OK, AT_EACCESS) < 0)
		return sc_error_errno(err, -errno, "%s cannot be moved", path);
	if (sc_io_is_kept_by_sticky(directory, &st))
		return sc_error_set(err, -EPERM,
				    "%s cannot be moved out of its sticky directory: it is somebody else's", path);
	return 0;
}

static int check_parts(size_t count, char *const *paths, int parent_fd, struct sc_error *err)
{
	sc_autoorigin struct origin origin = { .fd = -1 };
	struct stat parent, directory = { 0 };
	if (fstat(parent_fd, &parent) < 0)
		return sc_error_errno(err, -errno, "cannot stat the directory of the output");
	for (size_t i = 0; i < count; i++) {
		const char *name;
		int before = origin.fd, rc = origin_open(&origin, parent_fd, paths[i], false, &name, err);
		if (rc == 0 && (before < 0 || before != origin.fd || i == 0))
			rc = check_directory(origin.fd, paths[i], &parent, &directory, err);
		if (rc == 0)
			rc = check_part(origin.fd, name, paths[i], &directory, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int sc_move_check(const struct sc_partlist *parts, const struct sc_output *output, struct sc_error *err)
{
	return check_parts(parts->count, parts->paths, output->parent_fd, err);
}

int sc_move_write_journal(const struct sc_movejournal *journal, int dirfd, const char *file, const char *label,
			  struct sc_error *err)
{
	sc_autofree char *data = NULL, *part = NULL;
	size_t size;
	int rc = sc_movejournal_encode(journal, &data, &size, err);
	if (rc < 0)
		return rc;
	if (asprintf(&part, "%s" SC_MOVEJOURNAL_PART, file) < 0) {
		part = NULL;
		return sc_error_errno(err, -ENOMEM, "%s", label);
	}
	rc = sc_catalog_write_file(dirfd, part, data, size);
	if (rc == 0 && renameat(dirfd, part, dirfd, file) < 0)
		rc = -errno;
	if (rc == 0 && fsync(dirfd) < 0)
		rc = -errno;
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot write down its subcubes", label) : 0;
}

int sc_move_prepare(const struct sc_partlist *parts, const struct sc_output *output, const char *base,
		    struct sc_error *err)
{
	struct sc_movejournal journal = { .base = strdup(base) };
	int rc = 0;
	journal.parts = calloc(parts->count, sizeof(*journal.parts));
	if (!journal.base || !journal.parts)
		rc = -ENOMEM;
	for (size_t i = 0; i < parts->count && rc == 0; i++) {
		struct sc_imageconcat_image image;
		rc = sc_imageconcat_place(output->parent_path, output->name, parts->paths[i], &image);
		if (rc < 0)
			break;
		char *name = strdup(parts->names[i]);
		journal.parts[journal.nparts++] = (struct sc_moved_part){ image.path, name };
		rc = name ? 0 : -ENOMEM;
	}
	if (rc < 0)
		sc_error_errno(err, rc, "%s", output->path);
	else
		rc = sc_move_write_journal(&journal, output->image_fd, SC_MOVEJOURNAL_FILE, output->path, err);
	sc_movejournal_clear(&journal);
	return rc;
}

/* ---- opening ---- */

/* A journal for an image that was made without one: its parts belong beside it. */
static int journal_of_catalog(const struct sc_output *output, int image_fd, struct sc_movejournal *journal,
			      struct sc_error *err)
{
	struct sc_imageconcat catalog;
	int rc = sc_imageconcat_read(image_fd, &catalog, err);
	if (rc < 0) {
		sc_error_prefix(err, "%s", output->path);
		return rc;
	}
	journal->base = strdup(output->name);
	journal->parts = calloc(catalog.nimages, sizeof(*journal->parts));
	if (!journal->base || !journal->parts)
		rc = sc_error_errno(err, -ENOMEM, "%s", output->path);
	for (size_t i = 0; i < catalog.nimages && rc == 0; i++) {
		const struct sc_imageconcat_image *image = &catalog.images[i];
		struct sc_moved_part part = { strdup(image->path), strdup(image->path) };
		journal->parts[journal->nparts++] = part;
		if (!part.from || !part.name)
			rc = sc_error_errno(err, -ENOMEM, "%s", output->path);
		else if (image->place != SC_IMAGECONCAT_INSIDE || strchr(image->path, '/'))
			rc = sc_error_set(err, -ENOENT, "%s: %s was not moved into it", output->path, image->path);
	}
	sc_imageconcat_clear(&catalog);
	return rc;
}

/* The one that this run made has NAME by now. */
static int open_image(const struct sc_output *output, int *ret_fd, struct sc_error *err)
{
	if (output->image_fd < 0)
		return sc_output_open_image(output, ret_fd, err);
	*ret_fd = fcntl(output->image_fd, F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? sc_error_errno(err, -errno, "%s: cannot open", output->path) : 0;
}

int sc_move_open(const struct sc_output *output, struct sc_move *ret_move, struct sc_error *err)
{
	struct sc_move move = { .output = output, .image_fd = -1 };
	int rc = open_image(output, &move.image_fd, err);
	if (rc < 0)
		return rc;
	rc = sc_movejournal_read(move.image_fd, output->path, SC_MOVEJOURNAL_FILE, &move.journal, err);
	if (rc == -ENOENT)
		rc = sc_movejournal_read(move.image_fd, output->path, SC_MOVEJOURNAL_DONE, &move.journal, err);
	if (rc == -ENOENT)
		rc = journal_of_catalog(output, move.image_fd, &move.journal, err);
	if (rc < 0)
		sc_move_close(&move);
	else
		*ret_move = move;
	return rc;
}

void sc_move_close(struct sc_move *move)
{
	sc_movejournal_clear(&move->journal);
	if (move->image_fd >= 0)
		close(sc_steal_fd(&move->image_fd));
}

/* ---- moving ---- */

enum place { ANYWHERE, INSIDE, OUTSIDE };

/*
 * Where the parts are: before the first is touched, in one place each; after that, all where they were to go, for somebody
 * else may have taken one away. 0, or an error that names one.
 */
static int look_at_parts(const struct sc_move *move, enum place wanted, struct sc_error *err)
{
	sc_autoorigin struct origin origin = { .fd = -1 };
	for (size_t i = 0; i < move->journal.nparts; i++) {
		const struct sc_moved_part *part = &move->journal.parts[i];
		const char *name;
		int rc = origin_open(&origin, move->output->parent_fd, part->from, false, &name, err);
		if (rc < 0)
			return rc;
		int is_there = sc_io_exists(origin.fd, name), is_inside = sc_io_exists(move->image_fd, part->name);
		if (is_there < 0 || is_inside < 0)
			return sc_error_errno(err, is_there < 0 ? is_there : is_inside, "%s: cannot look for it",
					      part->from);
		if (is_there && is_inside)
			return sc_error_set(
			    err, -EEXIST,
			    "%s is in %s, but there is another one where it was (%s): move one of them away",
			    part->name, move->output->path, part->from);
		if (!is_there && !is_inside)
			return sc_error_set(err, -ENOENT, "%s is neither in %s nor where it was (%s)", part->name,
					    move->output->path, part->from);
		if (wanted != ANYWHERE && is_inside != (wanted == INSIDE))
			return sc_error_set(err, -ENOENT, "%s is not where it was moved to", part->from);
	}
	return 0;
}

/* Renames when the old name is there and the new one is not. -ENOENT: neither is. */
static int rename_once(const struct sc_move *move, int from_fd, const char *from, int to_fd, const char *to)
{
	int is_there = sc_io_exists(from_fd, from);
	if (is_there < 0)
		return is_there;
	if (!is_there) {
		int is_done = sc_io_exists(to_fd, to);
		return is_done > 0 ? 0 : is_done < 0 ? is_done : -ENOENT;
	}
	int rc = renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
	if (rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP) {
		rc = sc_io_exists(to_fd, to);
		rc = rc > 0 ? -EEXIST : rc;
		if (rc == 0 && renameat(from_fd, from, to_fd, to) < 0)
			rc = -errno;
	}
	if (rc == 0)
		step_done(move);
	return rc;
}

static int move_parts(const struct sc_move *move, bool inward, struct sc_error *err)
{
	sc_autoorigin struct origin origin = { .fd = -1 };
	for (size_t i = 0; i < move->journal.nparts; i++) {
		const struct sc_moved_part *part = &move->journal.parts[i];
		const char *name;
		int rc = origin_open(&origin, move->output->parent_fd, part->from, true, &name, err);
		if (rc < 0)
			return rc;
		rc = inward ? rename_once(move, origin.fd, name, move->image_fd, part->name)
			    : rename_once(move, move->image_fd, part->name, origin.fd, name);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s: cannot move it %s %s", part->from,
					      inward ? "into" : "out of", move->output->path);
	}
	if ((origin.fd >= 0 && fsync(origin.fd) < 0) || fsync(move->image_fd) < 0)
		return sc_error_errno(err, -errno, "%s: cannot sync what was moved", move->output->path);
	return look_at_parts(move, inward ? INSIDE : OUTSIDE, err);
}

/* Renames a file of the image, if it is there, and makes that durable. */
static int rename_file(const struct sc_move *move, const char *from, const char *to, struct sc_error *err)
{
	int rc = rename_once(move, move->image_fd, from, move->image_fd, to);
	if (rc == -ENOENT)
		rc = 0;
	if (rc == 0 && fsync(move->image_fd) < 0)
		rc = -errno;
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot rename %s in it", move->output->path, from) : 0;
}

int sc_move_forward(struct sc_move *move, struct sc_error *err)
{
	if (sc_io_exists(move->image_fd, SC_MOVE_CATALOG_PART) <= 0 &&
	    sc_io_exists(move->image_fd, SC_IMAGECONCAT_FILE) <= 0)
		return sc_error_set(err, -ENOENT, "%s: it has no %s", move->output->path, SC_IMAGECONCAT_FILE);
	int rc = look_at_parts(move, ANYWHERE, err);
	if (rc == 0)
		rc = move_parts(move, true, err);
	if (rc == 0)
		rc = rename_file(move, SC_MOVE_CATALOG_PART, SC_IMAGECONCAT_FILE, err);
	if (rc == 0)
		rc = rename_file(move, SC_MOVEJOURNAL_FILE, SC_MOVEJOURNAL_DONE, err);
	return rc;
}

/* ---- moving back ---- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted names of all that may be in the image's directory, with or without its parts. */
static const char **known_names(const struct sc_move *move, bool with_parts, size_t *ret_count)
{
	static const char *const own[] = { SC_IMAGECONCAT_FILE, SC_MOVE_CATALOG_PART, SC_MOVEJOURNAL_FILE,
					   SC_MOVEJOURNAL_FILE SC_MOVEJOURNAL_PART, SC_MOVEJOURNAL_DONE };
	size_t count = SC_COUNT_OF(own) + (with_parts ? move->journal.nparts : 0);
	const char **names = calloc(count, sizeof(*names));
	for (size_t i = 0; names && i < count; i++)
		names[i] = i < SC_COUNT_OF(own) ? own[i] : move->journal.parts[i - SC_COUNT_OF(own)].name;
	if (names)
		qsort(names, count, sizeof(*names), compare_texts);
	*ret_count = count;
	return names;
}

/* What nobody of us put there must not go along with the directory; nor, once they are moved, a part. */
static int look_for_strangers(const struct sc_move *move, bool with_parts, struct sc_error *err)
{
	size_t count;
	sc_autofree const char **names = known_names(move, with_parts, &count);
	sc_autoclosedir DIR *dir = NULL;
	int rc = names ? sc_io_open_directory(move->image_fd, ".", 0, &dir) : -ENOMEM;
	const char *name;
	while (rc >= 0 && (rc = sc_io_next_entry(dir, &name)) > 0) {
		if (!bsearch(&name, names, count, sizeof(*names), compare_texts))
			return sc_error_set(err, -ENOTEMPTY, "%s: there is also %s in it: move that away first",
					    move->output->path, name);
	}
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot look into it", move->output->path) : 0;
}

/* NAME goes, and what it was before (in the work directory, see replace.h) comes back. */
static int take_away(const struct sc_move *move)
{
	const struct sc_output *output = move->output;
	int has_old = sc_io_exists(output->work_fd, SC_REPLACE_OLD);
	int has_image = sc_io_exists(output->work_fd, SC_REPLACE_IMAGE);
	if (has_old < 0 || has_image < 0)
		return has_old < 0 ? has_old : has_image;
	if (has_old) {
		/* Without its journal a crash in between is repaired by putting the old one back. */
		if (unlinkat(output->work_fd, SC_REPLACE_JOURNAL, 0) < 0 && errno != ENOENT)
			return -errno;
		if (fsync(output->work_fd) < 0)
			return -errno;
		if (renameat(output->parent_fd, output->name, output->work_fd, SC_REPLACE_IMAGE) < 0)
			return -errno;
		step_done(move);
		if (renameat(output->work_fd, SC_REPLACE_OLD, output->parent_fd, output->name) < 0)
			return -errno;
	} else if (has_image) {
		if (renameat2(output->work_fd, SC_REPLACE_IMAGE, output->parent_fd, output->name, RENAME_EXCHANGE) < 0)
			return -errno;
	} else if (renameat(output->parent_fd, output->name, output->work_fd, SC_REPLACE_IMAGE) < 0) {
		return -errno;
	}
	step_done(move);
	return fsync(output->parent_fd) < 0 || fsync(output->work_fd) < 0 ? -errno : 0;
}

int sc_move_back(struct sc_move *move, struct sc_error *err)
{
	int rc = look_at_parts(move, ANYWHERE, err);
	if (rc == 0)
		rc = look_for_strangers(move, true, err);
	if (rc < 0)
		return rc;
	/* From here on it is unfinished, until it is gone. */
	rc = rename_file(move, SC_MOVEJOURNAL_DONE, SC_MOVEJOURNAL_FILE, err);
	if (rc == 0 && sc_io_exists(move->image_fd, SC_MOVEJOURNAL_FILE) <= 0)
		rc = sc_move_write_journal(&move->journal, move->image_fd, SC_MOVEJOURNAL_FILE, move->output->path,
					   err);
	if (rc == 0)
		rc = rename_file(move, SC_IMAGECONCAT_FILE, SC_MOVE_CATALOG_PART, err);
	if (rc == 0)
		rc = move_parts(move, false, err);
	if (rc == 0)
		rc = look_for_strangers(move, false, err);
	if (rc < 0)
		return rc;
	rc = take_away(move);
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot remove it", move->output->path) : 0;
}
