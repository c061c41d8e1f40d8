/*
 * readback.h - compares what was written with what the storage gives back.
 *
 * What the kernel has cached of a file says nothing about the disk. Where the file system can, reads
 * go around the cache (O_DIRECT); where not, what is cached is dropped before. Neither helps against a disk that lies, and
 * a file system in memory has nothing else to read from.
 */
#ifndef SC_READBACK_H
#define SC_READBACK_H

#include "base.h"

/*
 * From now on reads of the open file, which must be synced, come from the storage. It is the open file that is changed, so
 * other processes that have inherited the descriptor read likewise.
 */
void sc_readback_begin(int fd);

/* Whether the file has these bytes at `offset`: 0 when it has, 1 when not (or when it ends before), or -errno. */
int sc_readback_compare(int fd, const void *wanted, size_t count, uint64_t offset);

#endif
