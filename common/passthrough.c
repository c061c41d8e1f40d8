#include "ioutil.h"
#include "passthrough.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* An image's directory holds those of its history and masks; there is nothing below them. */
#define DEPTH_MAX 1

/* Of table.lock: who waits for a lock, and counters. It has a few hundred. */
#define LOCK_BYTES_MAX ((size_t)1 << 20)

static int out_of_memory(const struct sc_view *view, struct sc_error *err)
{
	return sc_error_errno(err, -ENOMEM, "%s: cannot build the view", view->name);
}

static int add_node(struct sc_view *view, unsigned parent, const char *name, enum sc_node_kind kind,
		    struct sc_node **ret_node, struct sc_error *err)
{
	if (view->nnodes == SC_VIEW_MAXNODES)
		return sc_error_set(err, -EUCLEAN, "%s: more than %d files and directories in an image", view->name,
				    SC_VIEW_MAXNODES - 1);
	char *copy = strdup(name);
	if (!copy)
		return out_of_memory(view, err);
	struct sc_node *node = &view->nodes[view->nnodes++];
	*node = (struct sc_node){ .name = copy, .parent = parent, .kind = kind };
	*ret_node = node;
	return 0;
}

/* What casacore needs of it to open a table; whoever has the finished image open changes it, and is none of the mount's business. */
static int add_lock_file(struct sc_view *view, unsigned parent, const char *name, const char *path, const struct stat *st,
			 struct sc_error *err)
{
	struct sc_node *node;
	sc_autofree uint8_t *data = NULL;
	size_t size;
	int rc = sc_source_read_file(view->source, path, LOCK_BYTES_MAX, &data, &size, err);
	if (rc == 0)
		rc = add_node(view, parent, name, SC_NODE_BYTES, &node, err);
	if (rc < 0)
		return rc;
	node->bytes = sc_steal_ptr(data);
	node->size_bytes = size;
	sc_access_add(&view->files, st, sc_access_has_acl(view->source->dirfd, path));
	return 0;
}

static int add_file(struct sc_view *view, unsigned parent, const char *name, const char *path, const struct stat *st,
		    struct sc_error *err)
{
	struct sc_node *node;
	int rc = add_node(view, parent, name, SC_NODE_FILE, &node, err);
	if (rc < 0)
		return rc;
	node->path = strdup(path);
	node->id = sc_file_id_of(st);
	node->size_bytes = node->id.size_bytes;
	sc_access_add(&view->files, st, sc_access_has_acl(view->source->dirfd, path));
	return node->path ? 0 : out_of_memory(view, err);
}

static int add_directory(struct sc_view *view, unsigned node, const char *path, unsigned depth, struct sc_error *err);

/* Files and directories only: what else lies in an image is not the image's. */
static int add_entry(struct sc_view *view, unsigned parent, const char *directory, const char *name, unsigned depth,
		     struct sc_error *err)
{
	char path[PATH_MAX];
	struct stat st;
	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return sc_error_set(err, -ENAMETOOLONG, "%s: its files' names are too long", directory);
	if (fstatat(view->source->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return sc_error_errno(err, -errno, "%s: cannot stat", path);
	if (S_ISREG(st.st_mode) && strcmp(name, "table.lock") == 0)
		return add_lock_file(view, parent, name, path, &st, err);
	if (S_ISREG(st.st_mode))
		return add_file(view, parent, name, path, &st, err);
	if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
		return 0;
	sc_access_add_way(&view->files, &st, sc_access_has_acl(view->source->dirfd, path));
	struct sc_node *node;
	int rc = add_node(view, parent, name, SC_NODE_DIRECTORY, &node, err);
	return rc < 0 ? rc : add_directory(view, (unsigned)(node - view->nodes), path, depth + 1, err);
}

static int add_directory(struct sc_view *view, unsigned node, const char *path, unsigned depth, struct sc_error *err)
{
	sc_autoclosedir DIR *directory = NULL;
	int rc = sc_io_open_directory(view->source->dirfd, path, O_NOFOLLOW, &directory);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot read the directory", path);
	const char *name;
	while ((rc = sc_io_next_entry(directory, &name)) > 0) {
		rc = add_entry(view, node, path, name, depth, err);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot read the directory", path) : 0;
}

int sc_passthrough(struct sc_view *view, const char *path, struct sc_error *err)
{
	struct sc_node *root;
	int rc = add_node(view, 0, "", SC_NODE_DIRECTORY, &root, err);
	return rc < 0 ? rc : add_directory(view, 0, path, 0, err);
}
