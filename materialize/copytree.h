/*
 * copytree.h - a part copied whole, file by file: cloned where the file system can.
 *
 * Regular files and directories only; modes and times are kept.
 */
#ifndef SC_COPYTREE_H
#define SC_COPYTREE_H

#include "clone.h"
#include "error.h"

struct sc_copytree {
	uint8_t *buffer; /* of buffer_bytes */
	size_t buffer_bytes;
	/* Told of bytes copied or compared; not 0 (a -errno) stops with that code. May be NULL. */
	int (*advance)(void *context, uint64_t bytes);
	void *context;
	struct sc_cloner *cloner;
};

/* Copies the directory (or file) `from` to the new name `to`; `from` itself may be a symbolic link, what is in it may
 * not. */
int sc_copytree_copy(const struct sc_copytree *copy, int from_dirfd, const char *from, int to_dirfd, const char *to,
		     struct sc_error *err);

/*
 * Whether `to` has the same entries and bytes as `from`: -EIO says where it has not. What is cached of `to`, which must
 * be synced, is dropped first, so that what the disk has is what is compared.
 */
int sc_copytree_compare(const struct sc_copytree *copy, int from_dirfd, const char *from, int to_dirfd, const char *to,
			struct sc_error *err);

#endif
