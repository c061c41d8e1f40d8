/*
 * remembering.h - a test program whose file system remembers attributes, as NFS does.
 *
 * Of one file, all looks tell what it was when it was remembered, but for those that have the server asked
 * (AT_STATX_FORCE_SYNC). The functions stand in place of the C library's.
 */
#ifndef SC_REMEMBERING_H
#define SC_REMEMBERING_H

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct statx remembered; /* stx_ino 0: none */

int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *ret_stx)
{
	int rc = (int)syscall(SYS_statx, dirfd, path, flags, mask, ret_stx);
	if (rc == 0 && remembered.stx_ino && ret_stx->stx_ino == remembered.stx_ino && !(flags & AT_STATX_FORCE_SYNC))
		*ret_stx = remembered;
	return rc;
}

int fstatat(int dirfd, const char *path, struct stat *ret_st, int flags)
{
	struct statx stx;
	if (statx(dirfd, path, flags, STATX_BASIC_STATS, &stx) < 0)
		return -1;
	*ret_st = (struct stat){
		.st_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
		.st_ino = stx.stx_ino,
		.st_mode = stx.stx_mode,
		.st_nlink = stx.stx_nlink,
		.st_uid = stx.stx_uid,
		.st_gid = stx.stx_gid,
		.st_size = (off_t)stx.stx_size,
		.st_blksize = (blksize_t)stx.stx_blksize,
		.st_blocks = (blkcnt_t)stx.stx_blocks,
		.st_atim = { stx.stx_atime.tv_sec, stx.stx_atime.tv_nsec },
		.st_mtim = { stx.stx_mtime.tv_sec, stx.stx_mtime.tv_nsec },
		.st_ctim = { stx.stx_ctime.tv_sec, stx.stx_ctime.tv_nsec },
	};
	return 0;
}

int fstat(int fd, struct stat *ret_st)
{
	return fstatat(fd, "", ret_st, AT_EMPTY_PATH);
}

/* NULL: no file any more. */
static inline void remember(const char *path)
{
	remembered = (struct statx){ 0 };
	if (path)
		assert_int_equal(syscall(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &remembered), 0);
}

#endif
