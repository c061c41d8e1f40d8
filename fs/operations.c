#include "operations.h"

#include "checks.h"
#include "deferred.h"
#include "files.h"
#include "handles.h"
#include "nodes.h"
#include "refusals.h"
#include "xattrs.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/*
 * A node's attributes and what is in a view never change, so the kernel may keep them. Names that are not there may be
 * typing errors.
 */
#define KEEP_SECONDS 3600.0
#define KEEP_ABSENT_SECONDS 1.0

/* Where the source is looked at again, names may go over to other nodes. */
#define KEEP_NAME_SECONDS 1.0

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
static double attribute_seconds(const struct sc_service *service, const struct sc_catalog_node *node)
{
	if (!node->settled)
		return 0;
	return node->id == SC_CATALOG_ROOT && service->refreshing ? KEEP_NAME_SECONDS : KEEP_SECONDS;
}

static struct fuse_entry_param entry_of(const struct sc_service *service, fuse_ino_t parent,
					const struct sc_catalog_node *node)
{
	double seconds = KEEP_SECONDS;
	/* A text that has changed is another node. */
	if (service->checks || sc_status_owns(parent))
		seconds = 0;
	else if (parent == SC_CATALOG_ROOT && service->refreshing)
		seconds = KEEP_NAME_SECONDS;
	return (struct fuse_entry_param){
		.ino = node->id,
		.attr = node->attr,
		.attr_timeout = attribute_seconds(service, node),
		.entry_timeout = seconds,
	};
}

static void answer_lookup(struct sc_deferred *deferred)
{
	struct sc_catalog_node node;
	const struct sc_service *service = deferred->service;
	int rc = sc_nodes_lookup(service, deferred->id, deferred->name, &deferred->waiter, &node);
	if (!sc_deferred_may_answer(deferred, rc))
		return;
	if (rc == -ENOENT) {
		struct fuse_entry_param absent = { .entry_timeout = service->checks ? 0 : KEEP_ABSENT_SECONDS };
		fuse_reply_entry(deferred->request, &absent);
	} else if (rc < 0) {
		sc_reply_error(deferred->request, rc);
	} else {
		struct fuse_entry_param entry = entry_of(service, deferred->id, &node);
		fuse_reply_entry(deferred->request, &entry);
	}
	free(deferred);
}

static void op_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	int rc = sc_checks_permit(request, parent, X_OK);
	if (rc < 0) {
		sc_reply_error(request, rc);
		return;
	}
	struct sc_deferred *deferred = sc_defer(request, answer_lookup, parent, name);
	if (deferred)
		answer_lookup(deferred);
}

static void answer_getattr(struct sc_deferred *deferred)
{
	struct sc_catalog_node node;
	const struct sc_service *service = deferred->service;
	int rc = sc_nodes_getattr(service, deferred->id, &deferred->waiter, &node);
	if (!sc_deferred_may_answer(deferred, rc))
		return;
	if (rc < 0)
		sc_reply_error(deferred->request, rc);
	else
		fuse_reply_attr(deferred->request, &node.attr, attribute_seconds(service, &node));
	free(deferred);
}

static void op_getattr(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)file;
	struct sc_deferred *deferred = sc_defer(request, answer_getattr, id, "");
	if (deferred)
		answer_getattr(deferred);
}

/* Asked by access(2), and only where the kernel does not check by itself. */
static void op_access(fuse_req_t request, fuse_ino_t id, int mask)
{
	sc_reply_error(request, sc_checks_permit(request, id, mask));
}

static void op_statfs(fuse_req_t request, fuse_ino_t id)
{
	(void)id;
	struct statvfs st;
	if (fstatvfs(sc_service_of(request)->source->dirfd, &st) < 0)
		sc_reply_error(request, -errno);
	else
		fuse_reply_statfs(request, &st);
}

/* --- directories --- */

/*
 * As for files, the kernel is told never to ask again where that can be.
 * Nothing has to be done for an open directory; the view that it may need is
 * built when something in it is looked for or listed. Where views can be
 * replaced, one stays whose directory is open; of the root's listing nothing is kept.
 */
static void op_opendir(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	const struct sc_service *service = sc_service_of(request);
	struct sc_opened opened;
	int rc = sc_checks_permit(request, id, R_OK);
	if (rc == 0 && !service->refreshing && !service->checks)
		rc = -ENOSYS;
	if (rc == 0 && (id == SC_CATALOG_ROOT || sc_status_owns(id))) {
		fuse_reply_open(request, file);
		return;
	}
	if (rc == 0)
		rc = sc_catalog_open_directory(service->catalog, id, &opened);
	if (rc < 0) {
		sc_reply_error(request, rc);
		return;
	}
	file->keep_cache = file->cache_readdir = 1;
	sc_handles_reply(request, &opened, file);
}

/* An entry without a node number: the kernel takes name and type, and looks it up when somebody wants more. */
static struct fuse_entry_param listed_entry_of(const struct sc_service *service, fuse_ino_t parent,
					       const struct sc_catalog_dirent *listed)
{
	struct fuse_entry_param entry = entry_of(service, parent, &listed->node);
	if (!listed->has_attributes)
		entry.ino = 0;
	return entry;
}

/* Returns the number of bytes; why there are no more is in `*ret_rc`: SC_CATALOG_WAIT, or -errno, or 0: no room. */
static size_t fill_directory(struct sc_deferred *deferred, char *buffer, int *ret_rc)
{
	const struct sc_service *service = deferred->service;
	size_t used = 0, size = deferred->size;
	uint64_t position = (uint64_t)deferred->offset;
	struct sc_catalog_dirent listed;
	while ((*ret_rc = sc_nodes_read_directory(service, deferred->id, position, &deferred->waiter, &listed)) == 0) {
		struct fuse_entry_param entry = listed_entry_of(service, deferred->id, &listed);
		off_t next = (off_t)listed.next;
		size_t needed = deferred->plus ? fuse_add_direntry_plus(deferred->request, buffer + used, size - used,
									listed.name, &entry, next)
					       : fuse_add_direntry(deferred->request, buffer + used, size - used,
								   listed.name, &entry.attr, next);
		if (needed > size - used)
			return used;
		used += needed;
		position = listed.next;
	}
	return used;
}

static void answer_readdir(struct sc_deferred *deferred)
{
	int rc = -ENOMEM;
	sc_autofree char *buffer = malloc(deferred->size);
	size_t used = buffer ? fill_directory(deferred, buffer, &rc) : 0;
	if (!sc_deferred_may_answer(deferred, rc))
		return;
	if (rc < 0 && rc != -ENOENT)
		sc_reply_error(deferred->request, rc);
	else
		fuse_reply_buf(deferred->request, buffer, used);
	free(deferred);
}

static void read_directory(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, bool plus)
{
	struct sc_deferred *deferred = sc_defer(request, answer_readdir, id, "");
	if (!deferred)
		return;
	deferred->size = size;
	deferred->offset = offset;
	deferred->plus = plus;
	answer_readdir(deferred);
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

/* --- extended attributes --- */

/* `size` 0 asks how long the value is. */
static void reply_xattr(fuse_req_t request, const char *value, size_t length, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(request, length);
	else if (length > size)
		sc_reply_error(request, -ERANGE);
	else
		fuse_reply_buf(request, value, length);
}

static void answer_getxattr(struct sc_deferred *deferred)
{
	struct sc_catalog *catalog = deferred->service->catalog;
	struct sc_opened held;
	sc_autofree char *value = NULL;
	int rc = sc_catalog_hold_view(catalog, deferred->id, sc_xattrs_need_view(deferred->name), &deferred->waiter,
				      &held);
	if (rc == 0) {
		rc = sc_xattrs_get(catalog, held.generation, deferred->service->options, deferred->name,
				   &value);
		sc_catalog_release(catalog, &held);
	}
	if (!sc_deferred_may_answer(deferred, rc))
		return;
	if (rc < 0)
		sc_reply_error(deferred->request, rc);
	else
		reply_xattr(deferred->request, value, strlen(value), deferred->size);
	free(deferred);
}

/*
 * Only of the users' kind there are any. That others are not supported, rather
 * than absent, keeps ls from asking for each file's security context.
 */
static void op_getxattr(fuse_req_t request, fuse_ino_t id, const char *name, size_t size)
{
	if (strncmp(name, "user.", strlen("user.")) != 0 || sc_status_owns(id)) {
		sc_reply_error(request, sc_status_owns(id) ? -ENODATA : -EOPNOTSUPP);
		return;
	}
	int rc = sc_checks_permit(request, id, R_OK);
	struct sc_deferred *deferred = rc == 0 ? sc_defer(request, answer_getxattr, id, name) : NULL;
	if (rc < 0)
		sc_reply_error(request, rc);
	if (!deferred)
		return;
	deferred->size = size;
	answer_getxattr(deferred);
}

static void op_listxattr(fuse_req_t request, fuse_ino_t id, size_t size)
{
	struct sc_catalog *catalog = sc_service_of(request)->catalog;
	struct sc_opened held;
	int rc = sc_status_owns(id) ? -ENODATA : sc_catalog_hold_view(catalog, id, false, NULL, &held);
	if (rc < 0 && rc != -ENODATA) {
		sc_reply_error(request, rc);
		return;
	}
	if (rc == 0)
		sc_catalog_release(catalog, &held);
	reply_xattr(request, sc_xattrs_names, rc == 0 ? sc_xattrs_names_size : 0, size);
}

/*
 * No getlk, setlk and flock: then the kernel keeps locks inside the mount, and
 * none ever reaches the sources. No forget: that the kernel knows a node keeps nothing.
 */
const struct fuse_lowlevel_ops sc_operations = {
	.init = op_init,
	.destroy = sc_handles_destroy,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.access = op_access,
	.statfs = op_statfs,
	.opendir = op_opendir,
	.releasedir = sc_handles_release,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.open = sc_files_open,
	.release = sc_handles_release,
	.read = sc_files_read,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setattr = sc_refuse_setattr,
	.mknod = sc_refuse_mknod,
	.mkdir = sc_refuse_mkdir,
	.unlink = sc_refuse_remove,
	.rmdir = sc_refuse_remove,
	.symlink = sc_refuse_symlink,
	.rename = sc_refuse_rename,
	.link = sc_refuse_link,
	.create = sc_refuse_create,
	.write = sc_refuse_write,
	.fallocate = sc_refuse_fallocate,
	.setxattr = sc_refuse_setxattr,
	.removexattr = sc_refuse_removexattr,
};
