#include "partfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const struct sc_node *node_of(const struct sc_partfile *file)
{
	return &file->view->nodes[file->node];
}

static const struct sc_part *part_of(const struct sc_partfile *file)
{
	return &file->view->parts[file->slab];
}

static bool is_of_finished_image(const struct sc_partfile *file)
{
	return node_of(file)->kind == SC_NODE_FILE;
}

/* What the file was when the header was read. */
static const struct sc_file_id *noted_id(const struct sc_partfile *file)
{
	if (is_of_finished_image(file))
		return &node_of(file)->id;
	return node_of(file)->is_mask ? &part_of(file)->mask_id : &part_of(file)->pixels_id;
}

/* Its name inside the part; "" when the part is the file. */
static const char *inner_name(const struct sc_partfile *file)
{
	const struct sc_layout *layout = node_of(file)->layout;
	uint32_t storage = layout->slabs[file->slab].storage;
	assert(!sc_storage_is_fill(storage));
	return layout->storages[storage].file;
}

/* Where it was when the header was read: its path below the source, and its name in messages. */
static int path_of(const struct sc_partfile *file, char path[PATH_MAX], struct sc_error *err)
{
	const char *directory = is_of_finished_image(file) ? node_of(file)->path : part_of(file)->name;
	const char *inner = is_of_finished_image(file) ? "" : inner_name(file);
	if (snprintf(path, PATH_MAX, "%s%s%s", directory, inner[0] ? "/" : "", inner) >= PATH_MAX)
		return sc_error_set(err, -ENAMETOOLONG, "%s: its files' names are too long", directory);
	return 0;
}

/* Where it is when movevirtual has moved its part into the view's own directory, or back. False: nowhere. */
static bool moved_path_of(const struct sc_partfile *file, char path[PATH_MAX])
{
	if (is_of_finished_image(file))
		return false;
	const char *name = part_of(file)->name, *slash = strrchr(name, '/'), *view = file->view->name;
	const char *base = slash ? slash + 1 : name, *inner = inner_name(file);
	bool was_inside = slash && strncmp(name, view, strlen(view)) == 0 && name + strlen(view) == slash;
	return snprintf(path, PATH_MAX, "%s%s%s%s%s", was_inside ? "" : view, was_inside ? "" : "/", base,
			inner[0] ? "/" : "", inner) < PATH_MAX;
}

/* To rename a part that is a file changes that file's change time, and nothing else of it. */
static bool was_renamed(const struct sc_partfile *file, const struct sc_file_id *now)
{
	char path[PATH_MAX];
	struct stat st;
	struct sc_file_id but_changed = *noted_id(file);
	but_changed.ctime_ns = now->ctime_ns;
	if (is_of_finished_image(file) || inner_name(file)[0] || !sc_file_id_equal(now, &but_changed) ||
	    !moved_path_of(file, path) ||
	    fstatat(file->view->source->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	const struct sc_file_id there = sc_file_id_of(&st);
	return sc_file_id_equal(&there, now);
}

/* One sentence for all ways in which a file is lost, so that the log need not have two for one file. */
static int stale(const char *path, struct sc_error *err)
{
	return sc_error_set(err, -ESTALE, "%s: it changed or went away since its header was read", path);
}

static int check_id(const struct sc_partfile *file, const struct sc_file_id *now, struct sc_error *err)
{
	char path[PATH_MAX];
	if (sc_file_id_equal(now, noted_id(file)) || was_renamed(file, now))
		return 0;
	int rc = path_of(file, path, err);
	return rc < 0 ? rc : stale(path, err);
}

/* `code` is the storage's; a reader of the view would take some of them for the mount's own. */
static int as_answer(int code)
{
	switch (code) {
	case -ESTALE:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		return code;
	default:
		return -EIO;
	}
}

/* When the header was read there was a regular file. `err` says what is wrong already, but for that. */
static int explain_open(const char *path, int code, struct sc_error *err)
{
	switch (code) {
	case -ENOENT:
	case -ENOTDIR:
	case -ESTALE:
	case -EUCLEAN: /* a FIFO or a directory in its place */
	case -ELOOP:
		return stale(path, err);
	case -EACCES:
		return sc_error_set(err, -EIO, "%s: no permission to read it", path);
	default:
		return as_answer(code);
	}
}

int sc_partfile_open(const struct sc_partfile *file, int *ret_fd, struct sc_error *err)
{
	char path[PATH_MAX], moved[PATH_MAX];
	struct stat st;
	sc_autoclose int fd = -1;
	int rc = path_of(file, path, err);
	if (rc < 0)
		return rc;
	rc = sc_source_open_file(file->view->source, path, &fd, &st, err);
	if ((rc == -ENOENT || rc == -ENOTDIR) && moved_path_of(file, moved) &&
	    sc_source_open_file(file->view->source, moved, &fd, &st, NULL) == 0)
		rc = 0;
	if (rc < 0)
		return explain_open(path, rc, err);
	const struct sc_file_id now = sc_file_id_of(&st);
	rc = check_id(file, &now, err);
	if (rc == 0)
		*ret_fd = sc_steal_fd(&fd);
	return rc;
}

int sc_partfile_check(const struct sc_partfile *file, int fd, bool ask, struct sc_error *err)
{
	char path[PATH_MAX];
	struct sc_file_id now;
	int code = sc_file_id_ask(fd, ask, &now);
	if (code == 0)
		return check_id(file, &now, err);
	int rc = path_of(file, path, err);
	if (rc < 0)
		return rc;
	sc_error_errno(err, code, "%s: cannot stat", path);
	return as_answer(code);
}

int sc_partfile_unreadable(const struct sc_partfile *file, int code, uint64_t offset, size_t count,
			   struct sc_error *err)
{
	char path[PATH_MAX];
	int rc = path_of(file, path, err);
	if (rc < 0)
		return rc;
	/* It ends too early, or that is what the storage says. */
	const char *why = code == -EIO ? "" : strerror(-code);
	return sc_error_set(err, as_answer(code), "%s: cannot read %zu bytes at byte %llu of %llu%s%s", path, count,
			    (unsigned long long)offset, (unsigned long long)noted_id(file)->size_bytes,
			    why[0] ? ": " : "", why);
}
