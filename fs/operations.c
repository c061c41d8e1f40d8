#include "operations.h"

#include "checks.h"
#include "complaints.h"
#include "deferred.h"
#include "refusals.h"
#include "xattrs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/*
 * A node's attributes and what is in a view never change, so the kernel may keep them. Names that are not there may be
 * typing errors.
 */
#define KEEP_SECONDS 3600.0
#define KEEP_ABSENT_SECONDS 1.0

/* Where the source is looked at again, names may go over to other nodes: the kernel is told, but asks now and then. */
#define KEEP_NAME_SECONDS 1.0

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

static int look_up(const struct sc_service *service, struct sc_deferred *deferred, struct sc_catalog_node *ret_node)
{
	const char *name = deferred->name;
	bool is_status = deferred->id == SC_CATALOG_ROOT ? strcmp(name, SC_STATUS_NAME) == 0 : sc_status_owns(deferred->id);
	if (is_status)
		return sc_status_lookup(service->status, deferred->id, name, &deferred->waiter, ret_node);
	return sc_catalog_lookup(service->catalog, deferred->id, name, &deferred->waiter, ret_node);
}

static void answer_lookup(struct sc_deferred *deferred)
{
	struct sc_catalog_node node;
	const struct sc_service *service = service_of(deferred->request);
	int rc = look_up(service, deferred, &node);
	if (rc == SC_CATALOG_WAIT)
		return;
	if (rc == -ENOENT) {
		struct fuse_entry_param absent = { .entry_timeout = service->checks ? 0 : KEEP_ABSENT_SECONDS };
		fuse_reply_entry(deferred->request, &absent);
	} else if (rc < 0) {
		reply_error(deferred->request, rc);
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
		reply_error(request, rc);
		return;
	}
	struct sc_deferred *deferred = sc_defer(request, answer_lookup, parent, name);
	if (deferred)
		answer_lookup(deferred);
}

static void answer_getattr(struct sc_deferred *deferred)
{
	struct sc_catalog_node node;
	const struct sc_service *service = service_of(deferred->request);
	int rc = sc_status_owns(deferred->id)
		     ? sc_status_getattr(service->status, deferred->id, &node)
		     : sc_catalog_getattr(service->catalog, deferred->id, &deferred->waiter, &node);
	if (rc == SC_CATALOG_WAIT)
		return;
	if (rc < 0)
		reply_error(deferred->request, rc);
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
	reply_error(request, sc_checks_permit(request, id, mask));
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

/* --- what is open --- */

/* What file->fh means: a node that is open, where opens are counted; else 0. */
static struct sc_opened *opened_of(const struct fuse_file_info *file)
{
	return file ? (struct sc_opened *)(uintptr_t)file->fh : NULL;
}

/* What was open at the end of a busy mount is never released: the list is for freeing that. */
struct open_node {
	struct sc_opened opened; /* first: file->fh points to it */
	struct open_node *previous, *next;
};

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct open_node *first_open;

static struct open_node *note_open(const struct sc_opened *opened)
{
	struct open_node *node = malloc(sizeof(*node));
	if (!node)
		return NULL;
	pthread_mutex_lock(&open_lock);
	*node = (struct open_node){ .opened = *opened, .next = first_open };
	if (first_open)
		first_open->previous = node;
	first_open = node;
	pthread_mutex_unlock(&open_lock);
	return node;
}

static void forget_open(struct open_node *node)
{
	pthread_mutex_lock(&open_lock);
	if (node->next)
		node->next->previous = node->previous;
	if (node->previous)
		node->previous->next = node->next;
	else
		first_open = node->next;
	pthread_mutex_unlock(&open_lock);
	free(node);
}

static void op_destroy(void *userdata)
{
	(void)userdata;
	while (first_open)
		forget_open(first_open);
}

static void reply_open(fuse_req_t request, const struct sc_opened *opened, struct fuse_file_info *file)
{
	struct sc_catalog *catalog = service_of(request)->catalog;
	struct open_node *kept = note_open(opened);
	if (kept) {
		file->fh = (uintptr_t)&kept->opened;
		/* Fails where the process was interrupted, and nothing will be released. */
		if (fuse_reply_open(request, file) == 0)
			return;
		forget_open(kept);
	} else {
		reply_error(request, -ENOMEM);
	}
	sc_catalog_release(catalog, opened);
}

/* Of a file or a directory. */
static void op_release(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)id;
	struct sc_opened *opened = opened_of(file);
	if (opened) {
		sc_catalog_release(service_of(request)->catalog, opened);
		forget_open((struct open_node *)opened);
	}
	reply_error(request, 0);
}

/* --- directories --- */

/*
 * ENOSYS tells the kernel never to ask again, and to keep what it reads.
 * Nothing has to be done for an open directory; the view that it may need is
 * built when something in it is looked for or listed. Where views can be
 * replaced, one stays whose directory is open; of the root's listing nothing is kept.
 */
static void op_opendir(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	const struct sc_service *service = service_of(request);
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
		reply_error(request, rc);
		return;
	}
	file->keep_cache = file->cache_readdir = 1;
	reply_open(request, &opened, file);
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

static int read_entry(const struct sc_service *service, struct sc_deferred *deferred, uint64_t position,
		      struct sc_catalog_dirent *ret_entry)
{
	if (sc_status_owns(deferred->id))
		return sc_status_read_directory(service->status, deferred->id, position, ret_entry);
	return sc_catalog_read_directory(service->catalog, deferred->id, position, &deferred->waiter, ret_entry);
}

/* Returns the number of bytes; why there are no more is in `*ret_rc`: SC_CATALOG_WAIT, or -errno, or 0: no room. */
static size_t fill_directory(struct sc_deferred *deferred, char *buffer, int *ret_rc)
{
	const struct sc_service *service = service_of(deferred->request);
	size_t used = 0, size = deferred->size;
	uint64_t position = (uint64_t)deferred->offset;
	struct sc_catalog_dirent listed;
	while ((*ret_rc = read_entry(service, deferred, position, &listed)) == 0) {
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
	if (rc == SC_CATALOG_WAIT)
		return;
	if (rc < 0 && rc != -ENOENT)
		reply_error(deferred->request, rc);
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

/* --- files --- */

static int open_node(fuse_req_t request, fuse_ino_t id, struct sc_opened *ret_opened)
{
	*ret_opened = (struct sc_opened){ 0 };
	if (sc_status_owns(id))
		return sc_status_read(service_of(request)->status, id, 0, NULL, 0) < 0 ? -ESTALE : 0;
	return sc_catalog_open_file(service_of(request)->catalog, id, fuse_req_ctx(request)->pid, ret_opened);
}

/*
 * As for directories. The kernel asks each time where views can be replaced, or
 * where each open file has to be told to pass the page cache by.
 */
static void op_open(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	const struct sc_service *service = service_of(request);
	struct sc_opened opened;
	int rc = sc_checks_permit(request, id, R_OK);
	if (rc == 0)
		rc = open_node(request, id, &opened);
	if (rc < 0) {
		reply_error(request, rc);
		return;
	}
	if ((file->flags & O_ACCMODE) != O_RDONLY || file->flags & O_TRUNC)
		rc = -EROFS;
	else if (!service->refreshing && !service->direct_io && !service->checks)
		rc = -ENOSYS;
	if (rc < 0) {
		if (opened.generation)
			sc_catalog_release(service->catalog, &opened);
		reply_error(request, rc);
		return;
	}
	/* The bytes of a node never change: what is cached stays right. */
	file->direct_io = service->direct_io != 0;
	file->keep_cache = !file->direct_io;
	if (opened.generation)
		reply_open(request, &opened, file);
	else
		fuse_reply_open(request, file);
}

static void count_read(struct sc_service *service, ssize_t count)
{
	atomic_fetch_add_explicit(&service->reads.count, 1, memory_order_relaxed);
	if (count < 0)
		atomic_fetch_add_explicit(&service->reads.errors, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&service->reads.bytes, (uint64_t)count, memory_order_relaxed);
}

static void read_status(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset)
{
	sc_autofree char *buffer = malloc(size);
	ssize_t count =
	    buffer ? sc_status_read(service_of(request)->status, id, (uint64_t)offset, buffer, size) : -ENOMEM;
	if (count < 0)
		reply_error(request, (int)count);
	else
		fuse_reply_buf(request, buffer, (size_t)count);
}

static void read_file(fuse_req_t request, fuse_ino_t id, const struct sc_opened *opened, size_t size, off_t offset)
{
	struct sc_service *service = service_of(request);
	const struct sc_view *view = opened->generation->view;
	struct sc_buffer *buffer = sc_buffers_take(service->buffers, size);
	if (!buffer) {
		reply_error(request, -ENOMEM);
		return;
	}
	struct sc_error err = { 0 };
	ssize_t count =
	    sc_view_read(service->reader, view, opened->index, (uint64_t)offset, buffer->data, size, &err);
	count_read(service, count);
	if (count < 0) {
		if (!*err.text)
			sc_error_errno(&err, (int)count, "cannot be read");
		/* Once for each file and generation: that is what a node's number means. */
		if (count == -ESTALE)
			sc_complain_once(id, "%s: %s: %s", view->name, view->nodes[opened->index].name, err.text);
		else
			sc_complain("%s: %s: %s", view->name, view->nodes[opened->index].name, err.text);
		reply_error(request, (int)count);
	} else {
		fuse_reply_buf(request, buffer->data, (size_t)count);
	}
	sc_buffers_give_back(service->buffers, buffer);
}

static void op_read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *file)
{
	struct sc_catalog *catalog = service_of(request)->catalog;
	const struct sc_opened *open = opened_of(file);
	if (open) {
		read_file(request, id, open, size, offset);
		return;
	}
	if (sc_status_owns(id)) {
		read_status(request, id, size, offset);
		return;
	}
	struct sc_opened held;
	int rc = sc_catalog_hold_file(catalog, id, &held);
	if (rc < 0) {
		reply_error(request, rc);
		return;
	}
	read_file(request, id, &held, size, offset);
	sc_catalog_release(catalog, &held);
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

static void answer_getxattr(struct sc_deferred *deferred)
{
	struct sc_catalog *catalog = service_of(deferred->request)->catalog;
	struct sc_opened held;
	sc_autofree char *value = NULL;
	int rc = sc_catalog_hold_view(catalog, deferred->id, sc_xattrs_need_view(deferred->name), &deferred->waiter,
				      &held);
	if (rc == SC_CATALOG_WAIT)
		return;
	if (rc == 0) {
		rc = sc_xattrs_get(catalog, held.generation, service_of(deferred->request)->options, deferred->name,
				   &value);
		sc_catalog_release(catalog, &held);
	}
	if (rc < 0)
		reply_error(deferred->request, rc);
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
		reply_error(request, sc_status_owns(id) ? -ENODATA : -EOPNOTSUPP);
		return;
	}
	int rc = sc_checks_permit(request, id, R_OK);
	struct sc_deferred *deferred = rc == 0 ? sc_defer(request, answer_getxattr, id, name) : NULL;
	if (rc < 0)
		reply_error(request, rc);
	if (!deferred)
		return;
	deferred->size = size;
	answer_getxattr(deferred);
}

static void op_listxattr(fuse_req_t request, fuse_ino_t id, size_t size)
{
	struct sc_catalog *catalog = service_of(request)->catalog;
	struct sc_opened held;
	int rc = sc_status_owns(id) ? -ENODATA : sc_catalog_hold_view(catalog, id, false, NULL, &held);
	if (rc < 0 && rc != -ENODATA) {
		reply_error(request, rc);
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
	.destroy = op_destroy,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.access = op_access,
	.statfs = op_statfs,
	.opendir = op_opendir,
	.releasedir = op_release,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.open = op_open,
	.release = op_release,
	.read = op_read,
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
