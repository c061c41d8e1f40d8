#include "operations.h"

#include "complaints.h"
#include "viewoptions.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/* Nothing that was answered ever changes, so the kernel may keep it. Names that are not there may be typing errors. */
#define KEEP_SECONDS 3600.0
#define KEEP_ABSENT_SECONDS 1.0

#define XATTR_SOURCE "user.subcubefs.source"

static struct sc_service *service_of(fuse_req_t request)
{
	return fuse_req_userdata(request);
}

static void reply_error(fuse_req_t request, int code)
{
	fuse_reply_err(request, -code);
}

/* --- the session --- */

static void op_init(void *userdata, struct fuse_conn_info *connection)
{
	struct sc_service *service = userdata;
	connection->max_readahead = SC_KERNEL_READ_AHEAD;
	connection->max_background = SC_MAX_BACKGROUND;
	connection->congestion_threshold = SC_MAX_BACKGROUND * 3 / 4;
	/* libfuse wants it said twice. */
	connection->max_read = service->max_read;
	service->ready(service->context);
}

/* --- names and attributes --- */

/* The directory of a view has its final link count once the view is built; until then the kernel asks each time. */
static double attribute_seconds(const struct sc_catalog_node *node)
{
	return node->settled ? KEEP_SECONDS : 0;
}

static struct fuse_entry_param entry_of(const struct sc_catalog_node *node)
{
	return (struct fuse_entry_param){
		.ino = node->id,
		.attr = node->attr,
		.attr_timeout = attribute_seconds(node),
		.entry_timeout = KEEP_SECONDS,
	};
}

static void op_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct sc_catalog_node node;
	int rc = sc_catalog_lookup(service_of(request)->catalog, parent, name, &node);
	if (rc == -ENOENT) {
		struct fuse_entry_param absent = { .entry_timeout = KEEP_ABSENT_SECONDS };
		fuse_reply_entry(request, &absent);
	} else if (rc < 0) {
		reply_error(request, rc);
	} else {
		struct fuse_entry_param entry = entry_of(&node);
		fuse_reply_entry(request, &entry);
	}
}

static void op_getattr(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)file;
	struct sc_catalog_node node;
	int rc = sc_catalog_getattr(service_of(request)->catalog, id, &node);
	if (rc < 0)
		reply_error(request, rc);
	else
		fuse_reply_attr(request, &node.attr, attribute_seconds(&node));
}

static void op_statfs(fuse_req_t request, fuse_ino_t id)
{
	(void)id;
	struct statvfs st;
	if (fstatvfs(service_of(request)->source->dirfd, &st) < 0)
		reply_error(request, -errno);
	else
		fuse_reply_statfs(request, &st);
}

/* --- directories --- */

/*
 * That it is not there tells the kernel never to ask again, and to keep what
 * it reads. Nothing has to be done for an open directory; the view that it may
 * need is built when something in it is looked for or listed.
 */
static void op_opendir(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)id, (void)file;
	reply_error(request, -ENOSYS);
}

/* An entry without a node number: the kernel takes name and type, and looks it up when somebody wants more. */
static struct fuse_entry_param listed_entry_of(const struct sc_catalog_dirent *listed)
{
	struct fuse_entry_param entry = entry_of(&listed->node);
	if (!listed->has_attributes)
		entry.ino = 0;
	return entry;
}

static void read_directory(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, bool plus)
{
	struct sc_catalog *catalog = service_of(request)->catalog;
	sc_autofree char *buffer = malloc(size);
	if (!buffer) {
		reply_error(request, -ENOMEM);
		return;
	}
	size_t used = 0;
	for (;;) {
		struct sc_catalog_dirent listed;
		int rc = sc_catalog_read_directory(catalog, id, (uint64_t)offset, &listed);
		if (rc == -ENOENT)
			break;
		if (rc < 0) {
			reply_error(request, rc);
			return;
		}
		struct fuse_entry_param entry = listed_entry_of(&listed);
		size_t needed =
		    plus ? fuse_add_direntry_plus(request, buffer + used, size - used, listed.name, &entry, offset + 1)
			 : fuse_add_direntry(request, buffer + used, size - used, listed.name, &entry.attr, offset + 1);
		if (needed > size - used)
			break;
		used += needed;
		offset++;
	}
	fuse_reply_buf(request, buffer, used);
}

static void op_readdir(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)file;
	read_directory(request, id, size, offset, false);
}

static void op_readdirplus(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)file;
	read_directory(request, id, size, offset, true);
}

/* --- files --- */

/*
 * As for directories. The kernel asks each time only where each open file has
 * to be told to pass the page cache by.
 */
static void op_open(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	const struct sc_view *view;
	unsigned index;
	int rc = sc_catalog_open_file(service_of(request)->catalog, id, &view, &index);
	if (rc == 0 && ((file->flags & O_ACCMODE) != O_RDONLY || file->flags & O_TRUNC))
		rc = -EROFS;
	if (rc == 0 && !service_of(request)->direct_io)
		rc = -ENOSYS;
	if (rc < 0) {
		reply_error(request, rc);
		return;
	}
	file->direct_io = 1;
	fuse_reply_open(request, file);
}

static void op_read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)file;
	struct sc_service *service = service_of(request);
	const struct sc_view *view;
	unsigned index;
	int rc = sc_catalog_open_file(service->catalog, id, &view, &index);
	if (rc < 0) {
		reply_error(request, rc);
		return;
	}
	struct sc_buffer *buffer = sc_buffers_take(service->buffers, size);
	if (!buffer) {
		reply_error(request, -ENOMEM);
		return;
	}
	struct sc_error err = { 0 };
	ssize_t count = sc_view_read(service->reader, view, index, (uint64_t)offset, buffer->data, size, &err);
	if (count < 0) {
		if (!*err.text)
			sc_error_errno(&err, (int)count, "cannot be read");
		if (count == -ESTALE)
			sc_complain_once(id, "%s: %s: %s", view->name, view->nodes[index].name, err.text);
		else
			sc_complain("%s: %s: %s", view->name, view->nodes[index].name, err.text);
		reply_error(request, (int)count);
	} else {
		fuse_reply_buf(request, buffer->data, (size_t)count);
	}
	sc_buffers_give_back(service->buffers, buffer);
}

/* --- extended attributes --- */

/* `size` 0 asks how long the value is. */
static void reply_xattr(fuse_req_t request, const char *value, size_t length, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(request, length);
	else if (length > size)
		reply_error(request, -ERANGE);
	else
		fuse_reply_buf(request, value, length);
}

/*
 * Only of the users' kind there are any. That others are not supported, rather
 * than absent, keeps ls from asking for each file's security context.
 */
static void op_getxattr(fuse_req_t request, fuse_ino_t id, const char *name, size_t size)
{
	if (strncmp(name, "user.", strlen("user.")) != 0) {
		reply_error(request, -EOPNOTSUPP);
		return;
	}
	sc_autofree char *path = NULL;
	const struct sc_service *service = service_of(request);
	bool is_options = strcmp(name, SC_VIEWOPTIONS_ATTRIBUTE) == 0;
	int rc = is_options || strcmp(name, XATTR_SOURCE) == 0 ? sc_catalog_source(service->catalog, id, &path) : -ENODATA;
	const char *value = is_options ? service->options : path;
	if (rc < 0)
		reply_error(request, rc);
	else
		reply_xattr(request, value, strlen(value), size);
}

static void op_listxattr(fuse_req_t request, fuse_ino_t id, size_t size)
{
	static const char names[] = XATTR_SOURCE "\0" SC_VIEWOPTIONS_ATTRIBUTE;
	sc_autofree char *path = NULL;
	int rc = sc_catalog_source(service_of(request)->catalog, id, &path);
	if (rc < 0 && rc != -ENODATA)
		reply_error(request, rc);
	else
		reply_xattr(request, names, rc < 0 ? 0 : sizeof(names), size);
}

/*
 * --- whatever writes ---
 *
 * The mount is read-only, so the kernel refuses these by itself; but the
 * mount can be made by others (/dev/fd/N) or remounted.
 */

static void op_setattr(fuse_req_t request, fuse_ino_t id, struct stat *attr, int what, struct fuse_file_info *file)
{
	(void)id, (void)attr, (void)what, (void)file;
	reply_error(request, -EROFS);
}

static void op_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	(void)parent, (void)name, (void)mode, (void)device;
	reply_error(request, -EROFS);
}

static void op_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent, (void)name, (void)mode;
	reply_error(request, -EROFS);
}

/* unlink, rmdir */
static void op_remove(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	reply_error(request, -EROFS);
}

static void op_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target, (void)parent, (void)name;
	reply_error(request, -EROFS);
}

static void op_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned int flags)
{
	(void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
	reply_error(request, -EROFS);
}

static void op_link(fuse_req_t request, fuse_ino_t id, fuse_ino_t new_parent, const char *new_name)
{
	(void)id, (void)new_parent, (void)new_name;
	reply_error(request, -EROFS);
}

static void op_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *file)
{
	(void)parent, (void)name, (void)mode, (void)file;
	reply_error(request, -EROFS);
}

static void op_write(fuse_req_t request, fuse_ino_t id, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *file)
{
	(void)id, (void)data, (void)size, (void)offset, (void)file;
	reply_error(request, -EROFS);
}

static void op_fallocate(fuse_req_t request, fuse_ino_t id, int mode, off_t offset, off_t length,
			 struct fuse_file_info *file)
{
	(void)id, (void)mode, (void)offset, (void)length, (void)file;
	reply_error(request, -EROFS);
}

static void op_setxattr(fuse_req_t request, fuse_ino_t id, const char *name, const char *value, size_t size, int flags)
{
	(void)id, (void)name, (void)value, (void)size, (void)flags;
	reply_error(request, -EROFS);
}

static void op_removexattr(fuse_req_t request, fuse_ino_t id, const char *name)
{
	(void)id, (void)name;
	reply_error(request, -EROFS);
}

/*
 * No getlk, setlk and flock: then the kernel keeps locks inside the mount, and
 * none ever reaches the sources. No access: default_permissions has the kernel
 * check. No release and no forget: a node costs nothing while it is open or known.
 */
const struct fuse_lowlevel_ops sc_operations = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.statfs = op_statfs,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.open = op_open,
	.read = op_read,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setattr = op_setattr,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_remove,
	.rmdir = op_remove,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.create = op_create,
	.write = op_write,
	.fallocate = op_fallocate,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
};
