#include "write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "ioutil.h"
#include "readback.h"
#include "task.h"

/* A file's share of blocks, directories and inodes. */
#define OVERHEAD_BYTES 8192

static int make_directory(int parent_fd, const char *name, int *ret_fd)
{
	if (mkdirat(parent_fd, name, 0777) < 0)
		return -errno;
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int allocate(int fd, uint64_t bytes)
{
	if (bytes == 0)
		return 0;
	while (fallocate(fd, 0, 0, (off_t)bytes) < 0) {
		if (errno == EINTR)
			continue;
		/* glibc's posix_fallocate would write every block instead. */
		if (errno != EOPNOTSUPP && errno != ENOSYS)
			return -errno;
		return ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0;
	}
	return 0;
}

/* An array's file: of its size, with blocks for it where it will not share those of the parts. */
static int size_array(const struct sc_view *view, unsigned node, int fd, enum sc_reflink reflink)
{
	uint64_t bytes = view->nodes[node].size_bytes;
	if (reflink == SC_REFLINK_NEVER)
		return allocate(fd, bytes);
	if (ftruncate(fd, (off_t)bytes) < 0)
		return -errno;
	return sc_task_clones(view, node, fd, reflink) ? 0 : allocate(fd, bytes);
}

#define OPEN_FLAGS (O_RDWR | O_NOFOLLOW | O_CLOEXEC)

int sc_write_array(const struct sc_view *view, unsigned number, int parent_fd, enum sc_reflink reflink, int *ret_fd)
{
	const char *name = view->nodes[number].name;
	sc_autoclose int fd = openat(parent_fd, name, OPEN_FLAGS | O_CREAT | O_EXCL, 0666);
	if (fd < 0)
		return -errno;
	int rc = size_array(view, number, fd, reflink);
	if (rc == 0)
		*ret_fd = sc_steal_fd(&fd);
	return rc;
}

static int make_array(const struct sc_view *view, unsigned number, int parent_fd, const struct sc_copied *copied,
		      enum sc_reflink reflink, int *ret_fd)
{
	const struct sc_node *node = &view->nodes[number];
	if (!copied || !sc_copied_take(copied, node->is_mask, parent_fd, node->name))
		return sc_write_array(view, number, parent_fd, reflink, ret_fd);
	*ret_fd = openat(parent_fd, node->name, OPEN_FLAGS);
	return *ret_fd < 0 ? -errno : 0;
}

static int make_small_file(const struct sc_node *node, int parent_fd)
{
	sc_autoclose int fd = openat(parent_fd, node->name, OPEN_FLAGS | O_CREAT | O_EXCL, 0666);
	if (fd < 0)
		return -errno;
	int rc = sc_io_write_full(fd, node->bytes, node->size_bytes);
	if (close(sc_steal_fd(&fd)) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

int sc_write_create(const struct sc_view *view, int image_fd, const char *label, const struct sc_copied *copied,
		    enum sc_reflink reflink, struct sc_write *ret_write, struct sc_error *err)
{
	struct sc_write made = { .nnodes = view->nnodes };
	int directories[SC_VIEW_MAXNODES];
	int rc = 0;
	for (unsigned i = 0; i < SC_VIEW_MAXNODES; i++)
		made.fds[i] = directories[i] = -1;
	for (unsigned i = 1; i < view->nnodes && rc == 0; i++) {
		const struct sc_node *node = &view->nodes[i];
		int parent_fd = node->parent ? directories[node->parent] : image_fd;
		if (node->kind == SC_NODE_DIRECTORY)
			rc = make_directory(parent_fd, node->name, &directories[i]);
		else if (node->kind == SC_NODE_ARRAY)
			rc = make_array(view, i, parent_fd, copied, reflink, &made.fds[i]);
		else
			rc = make_small_file(node, parent_fd);
		if (rc < 0)
			sc_error_errno(err, rc, "%s: cannot make %s in it", label, node->name);
	}
	for (unsigned i = 0; i < view->nnodes; i++) {
		if (directories[i] >= 0)
			close(directories[i]);
	}
	if (rc < 0)
		sc_write_close(&made, label, NULL);
	else
		*ret_write = made;
	return rc;
}

int sc_write_sync(const struct sc_write *write, const char *label, struct sc_error *err)
{
	for (unsigned i = 0; i < write->nnodes; i++) {
		if (write->fds[i] >= 0 && fsync(write->fds[i]) < 0)
			return sc_error_errno(err, -errno, "%s: cannot sync it", label);
	}
	return 0;
}

void sc_write_read_back(const struct sc_write *write)
{
	for (unsigned i = 0; i < write->nnodes; i++) {
		if (write->fds[i] >= 0)
			sc_readback_begin(write->fds[i]);
	}
}

static int compare_file(const struct sc_view *view, const struct sc_node *node, int image_fd, const char *label,
			struct sc_error *err)
{
	sc_autofree char *path = NULL;
	if (asprintf(&path, "%s%s%s", view->nodes[node->parent].name, node->parent ? "/" : "", node->name) < 0)
		path = NULL;
	if (!path)
		return sc_error_errno(err, -ENOMEM, "%s: cannot read it back", label);
	sc_autoclose int fd = openat(image_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
	if (rc == 0) {
		sc_readback_begin(fd);
		rc = sc_readback_compare(fd, node->bytes, node->size_bytes, 0);
	}
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot read %s in it back", label, path);
	if (rc > 0 || (uint64_t)st.st_size != node->size_bytes)
		return sc_error_set(err, -EIO, "%s: %s in it, read back, is not what was written", label, path);
	return 0;
}

int sc_write_compare(const struct sc_view *view, int image_fd, const char *label, struct sc_error *err)
{
	for (unsigned i = 0; i < view->nnodes; i++) {
		const struct sc_node *node = &view->nodes[i];
		int rc = node->kind == SC_NODE_BYTES ? compare_file(view, node, image_fd, label, err) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

int sc_write_close(struct sc_write *write, const char *label, struct sc_error *err)
{
	int rc = 0;
	for (unsigned i = 0; i < write->nnodes; i++) {
		if (write->fds[i] >= 0 && close(sc_steal_fd(&write->fds[i])) < 0 && rc == 0)
			rc = sc_error_errno(err, -errno, "%s: cannot write", label);
	}
	return rc;
}

uint64_t sc_write_bytes(const struct sc_view *view)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; i < view->nnodes; i++)
		bytes += view->nodes[i].size_bytes + OVERHEAD_BYTES;
	return bytes;
}
