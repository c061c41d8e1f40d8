/*
 * partlock.h - keeps materializers that move or remove parts from others that work with the same parts.
 *
 * The first part of a family stands for all of them: who reads locks it shared, who takes parts away exclusively. The lock
 * is flock's, on the part's directory or file: nothing is written, casacore, which locks in another way, is not
 * disturbed, and it goes along when the part is renamed. It belongs to the open file, so forked children
 * hold it too. Where a file system has no such locks, it is as if nobody else were there: what then protects the parts is that they are
 * looked at before they are taken.
 */
#ifndef SC_PARTLOCK_H
#define SC_PARTLOCK_H

#include "error.h"

/* -EBUSY: another process has the part. The caller closes *ret_fd, which is -1 without a lock. */
int sc_partlock_take(int dirfd, const char *part, bool exclusive, int *ret_fd, struct sc_error *err);

#endif
