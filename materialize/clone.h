/*
 * clone.h - ranges of one file shared with another in place of being copied, where the file system can: Btrfs, XFS,
 * bcachefs, some network file systems.
 *
 * What is shared becomes two when either file is written to. Only whole blocks can be: both offsets must be
 * multiples of the block, and the length too, unless the range ends where both files end.
 *
 * A cloner belongs to one process.
 */
#ifndef SC_CLONE_H
#define SC_CLONE_H

#include "base.h"

#include <sys/types.h>

enum sc_reflink {
	SC_REFLINK_AUTO,   /* clone what can be, copy the rest */
	SC_REFLINK_ALWAYS, /* what cannot be cloned is an error */
	SC_REFLINK_NEVER,
};

#define SC_CLONER_REFUSED 16

struct sc_cloner {
	enum sc_reflink reflink;
	/* File systems between which it is not possible: not asked for each range again. */
	size_t nrefused;
	struct {
		dev_t from, to;
	} refused[SC_CLONER_REFUSED];
};

/* The file that is written; its size and file system do not change while it is. */
struct sc_clone_target {
	int fd;
	dev_t device;
	uint64_t size_bytes, block_bytes;
};

int sc_clone_target_init(int fd, struct sc_clone_target *ret_target);

/*
 * Shares the blocks of a range; what of it is then left to be copied lies before *ret_first and from *ret_behind on,
 * counted from the range's begin (both 0 when nothing is shared). -errno only when the reflink mode is ALWAYS and no
 * block could be shared. The caller checks what the source was before and after, as when it copies.
 */
int sc_clone_range(struct sc_cloner *cloner, int from_fd, uint64_t from_offset, const struct sc_clone_target *to,
		   uint64_t to_offset, uint64_t length, uint64_t *ret_first, uint64_t *ret_behind);

/* Whether a directory's file system is of a kind that clones, so that copies may need no space. */
bool sc_clone_is_likely(int dirfd);

#endif
