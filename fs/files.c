#include "files.h"

#include "checks.h"
#include "complaints.h"
#include "handles.h"
#include "killable.h"

#include <errno.h>
#include <fcntl.h>

static int open_node(fuse_req_t request, fuse_ino_t id, struct sc_opened *ret_opened)
{
	*ret_opened = (struct sc_opened){ 0 };
	if (sc_status_owns(id))
		return sc_status_read(sc_service_of(request)->status, id, 0, NULL, 0) < 0 ? -ESTALE : 0;
	return sc_catalog_open_file(sc_service_of(request)->catalog, id, fuse_req_ctx(request)->pid, ret_opened);
}

/*
 * ENOSYS tells the kernel never to ask again, and to keep what it reads. It asks each time where views can be replaced,
 * or where each open file has to be told to pass the page cache by.
 */
void sc_files_open(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	const struct sc_service *service = sc_service_of(request);
	struct sc_opened opened;
	int rc = sc_checks_permit(request, id, R_OK);
	if (rc == 0)
		rc = open_node(request, id, &opened);
	if (rc < 0) {
		sc_reply_error(request, rc);
		return;
	}
	if ((file->flags & O_ACCMODE) != O_RDONLY || file->flags & O_TRUNC)
		rc = -EROFS;
	else if (!service->refreshing && !service->direct_io && !service->checks)
		rc = -ENOSYS;
	if (rc < 0) {
		if (opened.generation)
			sc_catalog_release(service->catalog, &opened);
		sc_reply_error(request, rc);
		return;
	}
	/* The bytes of a node never change: what is cached stays right. */
	file->direct_io = service->direct_io != 0;
	file->keep_cache = !file->direct_io;
	if (opened.generation)
		sc_handles_reply(request, &opened, file);
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
	    buffer ? sc_status_read(sc_service_of(request)->status, id, (uint64_t)offset, buffer, size) : -ENOMEM;
	if (count < 0)
		sc_reply_error(request, (int)count);
	else
		fuse_reply_buf(request, buffer, (size_t)count);
}

static void complain(uint64_t id, const struct sc_opened *opened, int code, struct sc_error *err)
{
	const struct sc_view *view = opened->generation->view;
	const char *name = view->nodes[opened->index].name;
	if (!*err->text)
		sc_error_errno(err, code, "cannot be read");
	/* Once for each file and generation: that is what a node's number means. */
	if (code == -ESTALE)
		sc_complain_once(id, "%s: %s: %s", view->name, name, err->text);
	else
		sc_complain("%s: %s: %s", view->name, name, err->text);
}

static void read_file(fuse_req_t request, fuse_ino_t id, const struct sc_opened *opened, size_t size, off_t offset)
{
	struct sc_service *service = sc_service_of(request);
	struct sc_killable killable;
	struct sc_buffer *buffer = sc_buffers_take(service->buffers, size);
	if (!buffer || !sc_killable_begin(&killable, request)) {
		sc_reply_error(request, buffer ? -EINTR : -ENOMEM);
		if (buffer)
			sc_buffers_give_back(service->buffers, buffer);
		return;
	}
	struct sc_error err = { 0 };
	ssize_t count = sc_view_read(service->reader, opened->generation->view, opened->index, (uint64_t)offset,
				     buffer->data, size, &err);
	count_read(service, count);
	if (count < 0)
		complain(id, opened, (int)count, &err);
	if (sc_killable_end(&killable, request)) {
		if (count < 0)
			sc_reply_error(request, (int)count);
		else
			fuse_reply_buf(request, buffer->data, (size_t)count);
	}
	sc_buffers_give_back(service->buffers, buffer);
}

void sc_files_read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *file)
{
	struct sc_catalog *catalog = sc_service_of(request)->catalog;
	(void)file;
	if (sc_status_owns(id)) {
		read_status(request, id, size, offset);
		return;
	}
	struct sc_opened held;
	/* Also of an open file: who is killed may close it while his read goes on. */
	int rc = sc_catalog_hold_file(catalog, id, &held);
	if (rc < 0) {
		sc_reply_error(request, rc);
		return;
	}
	read_file(request, id, &held, size, offset);
	sc_catalog_release(catalog, &held);
}
