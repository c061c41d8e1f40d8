/*
 * copiedstate.h - copied.h's file `state`: a line with the hash (XXH3, 16 hexadecimal digits) of what follows, then
 * JSON:
 *
 *   { "version": 1,
 *     "arrays": [ pixels, mask ],      null: there is no file, else
 *        { "form": [ numbers of struct sc_copied_form ], "inode": of the file, "done": "1100" a digit for each layer }
 *     "parts": [ [ start, count, number, and inode, size, mtime and ctime in ns of pixels and mask ], ... ] }
 *
 * A file is written beside it, synced, and renamed to it.
 */
#ifndef SC_COPIEDSTATE_H
#define SC_COPIEDSTATE_H

#include "copied.h"

/* Fills `copied`, which has nothing but its directory, with what the file says; arrays have no descriptors yet.
 * -EUCLEAN: it is no good. */
int sc_copiedstate_read(struct sc_copied *copied, uint64_t ret_inodes[SC_COPIED_ARRAYS]);

int sc_copiedstate_write(const struct sc_copied *copied);

#endif
