/*
 * What libfuse leaves out of its answer to the kernel's INIT.
 *
 * Versions 3.14 to 3.16 want FUSE_PARALLEL_DIROPS but do not say so. Without it the kernel lets in one lookup or listing of a
 * directory at a time, so that one name which has to wait for storage holds up all names of the root.
 */
#pragma once

struct fuse_session;

/* For a session that is mounted and not yet served. 0, also where libfuse says it itself or is too old, or -errno. */
int sc_initreply_amend(struct fuse_session *session);
