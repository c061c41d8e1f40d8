#include "clone.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* From linux/magic.h and the file systems themselves. */
#define BTRFS_MAGIC 0x9123683e
#define XFS_MAGIC 0x58465342
#define BCACHEFS_MAGIC 0xca451a4e

/* Some network file systems tell a transfer size for their block; the largest block that disks have is this. */
#define SMALLEST_BLOCK_BYTES 4096
#define LARGEST_BLOCK_BYTES 65536

/* A refusal of fewer may be for the file's sake, not the file system's: Btrfs keeps small files in their inodes. */
#define TELLING_BYTES 65536

int sc_clone_target_init(int fd, struct sc_clone_target *ret_target)
{
	struct stat st;
	struct statfs fs;
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	uint64_t block = (uint64_t)fs.f_bsize;
	bool is_block = block >= SMALLEST_BLOCK_BYTES && block <= LARGEST_BLOCK_BYTES && (block & (block - 1)) == 0;
	*ret_target = (struct sc_clone_target){ .fd = fd,
						.device = st.st_dev,
						.size_bytes = (uint64_t)st.st_size,
						.block_bytes = is_block ? block : SMALLEST_BLOCK_BYTES };
	return 0;
}

static bool is_refused(const struct sc_cloner *cloner, dev_t from, dev_t to)
{
	for (size_t i = 0; i < cloner->nrefused; i++) {
		if (cloner->refused[i].from == from && cloner->refused[i].to == to)
			return true;
	}
	return false;
}

/* What says that these two file systems never will, not only these two files. */
static bool is_for_good(int code)
{
	return code == EOPNOTSUPP || code == ENOTTY || code == ENOSYS || code == EXDEV;
}

static void remember(struct sc_cloner *cloner, dev_t from, dev_t to)
{
	if (cloner->nrefused == SC_CLONER_REFUSED)
		return;
	cloner->refused[cloner->nrefused].from = from;
	cloner->refused[cloner->nrefused++].to = to;
}

static int clone_blocks(struct sc_cloner *cloner, int from_fd, uint64_t from_offset, const struct sc_clone_target *to,
			uint64_t to_offset, uint64_t length, uint64_t *ret_first, uint64_t *ret_behind)
{
	struct stat st;
	uint64_t block = to->block_bytes, first = (block - to_offset % block) % block, behind = length;
	if (fstat(from_fd, &st) < 0)
		return -errno;
	if (is_refused(cloner, st.st_dev, to->device))
		return -EOPNOTSUPP;
	if (from_offset % block != to_offset % block)
		return -EINVAL;
	if (from_offset + length != (uint64_t)st.st_size || to_offset + length < to->size_bytes)
		behind = behind >= (to_offset + length) % block ? behind - (to_offset + length) % block : 0;
	if (first >= behind)
		return -EINVAL;
	struct file_clone_range range = { .src_fd = from_fd,
					  .src_offset = from_offset + first,
					  .src_length = behind - first,
					  .dest_offset = to_offset + first };
	while (ioctl(to->fd, FICLONERANGE, &range) < 0) {
		if (errno == EINTR)
			continue;
		int code = errno;
		if (is_for_good(code) && behind - first >= TELLING_BYTES)
			remember(cloner, st.st_dev, to->device);
		return -code;
	}
	*ret_first = first;
	*ret_behind = behind;
	return 0;
}

int sc_clone_range(struct sc_cloner *cloner, int from_fd, uint64_t from_offset, const struct sc_clone_target *to,
		   uint64_t to_offset, uint64_t length, uint64_t *ret_first, uint64_t *ret_behind)
{
	*ret_first = *ret_behind = 0;
	if (cloner->reflink == SC_REFLINK_NEVER || length == 0)
		return 0;
	int rc = clone_blocks(cloner, from_fd, from_offset, to, to_offset, length, ret_first, ret_behind);
	/* Whatever the reason was, copying may do; if not, it has the better message. */
	return cloner->reflink == SC_REFLINK_ALWAYS ? rc : 0;
}

bool sc_clone_is_likely(int dirfd)
{
	struct statfs fs;
	if (fstatfs(dirfd, &fs) < 0)
		return false;
	unsigned magic = (unsigned)fs.f_type;
	return magic == BTRFS_MAGIC || magic == XFS_MAGIC || magic == BCACHEFS_MAGIC;
}
