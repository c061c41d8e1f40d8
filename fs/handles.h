/*
 * handles.h - what the kernel has open, where opens are counted: file->fh points to it, else it is 0.
 *
 * Thread-safe.
 */
#ifndef SC_HANDLES_H
#define SC_HANDLES_H

#include "operations.h"

/* Answers a request to open what is `opened` now; it is released when that does not come about. */
void sc_handles_reply(fuse_req_t request, const struct sc_opened *opened, struct fuse_file_info *file);

/* The kernel's requests. */
void sc_handles_release(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file);
void sc_handles_destroy(void *userdata);

#endif
