/*
 * refusals.h - the kernel's requests that write: all are answered with EROFS.
 *
 * The mount is read-only, so the kernel refuses these by itself; but the
 * mount can be made by others (/dev/fd/N) or remounted.
 */
#ifndef SC_REFUSALS_H
#define SC_REFUSALS_H

#include <fuse_lowlevel.h>

void sc_refuse_setattr(fuse_req_t request, fuse_ino_t id, struct stat *attr, int what, struct fuse_file_info *file);
void sc_refuse_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device);
void sc_refuse_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode);
void sc_refuse_remove(fuse_req_t request, fuse_ino_t parent, const char *name);
void sc_refuse_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name);
void sc_refuse_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned int flags);
void sc_refuse_link(fuse_req_t request, fuse_ino_t id, fuse_ino_t new_parent, const char *new_name);
void sc_refuse_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *file);
void sc_refuse_write(fuse_req_t request, fuse_ino_t id, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *file);
void sc_refuse_fallocate(fuse_req_t request, fuse_ino_t id, int mode, off_t offset, off_t length,
			 struct fuse_file_info *file);
void sc_refuse_setxattr(fuse_req_t request, fuse_ino_t id, const char *name, const char *value, size_t size, int flags);
void sc_refuse_removexattr(fuse_req_t request, fuse_ino_t id, const char *name);

#endif
