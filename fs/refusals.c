#include "refusals.h"

#include <errno.h>

void sc_refuse_setattr(fuse_req_t request, fuse_ino_t id, struct stat *attr, int what, struct fuse_file_info *file)
{
	(void)id, (void)attr, (void)what, (void)file;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	(void)parent, (void)name, (void)mode, (void)device;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent, (void)name, (void)mode;
	fuse_reply_err(request, EROFS);
}

/* unlink, rmdir */
void sc_refuse_remove(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target, (void)parent, (void)name;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned int flags)
{
	(void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_link(fuse_req_t request, fuse_ino_t id, fuse_ino_t new_parent, const char *new_name)
{
	(void)id, (void)new_parent, (void)new_name;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *file)
{
	(void)parent, (void)name, (void)mode, (void)file;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_write(fuse_req_t request, fuse_ino_t id, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *file)
{
	(void)id, (void)data, (void)size, (void)offset, (void)file;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_fallocate(fuse_req_t request, fuse_ino_t id, int mode, off_t offset, off_t length,
			 struct fuse_file_info *file)
{
	(void)id, (void)mode, (void)offset, (void)length, (void)file;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_setxattr(fuse_req_t request, fuse_ino_t id, const char *name, const char *value, size_t size, int flags)
{
	(void)id, (void)name, (void)value, (void)size, (void)flags;
	fuse_reply_err(request, EROFS);
}

void sc_refuse_removexattr(fuse_req_t request, fuse_ino_t id, const char *name)
{
	(void)id, (void)name;
	fuse_reply_err(request, EROFS);
}
