/*
 * mountpoint.h - the directory that is mounted on: its real path, what is
 * mounted there, and letting go of it.
 *
 * What is mounted is read from /proc/self/mountinfo, never from the mount
 * itself: a dead or hanging mount cannot block this.
 */
#ifndef SC_MOUNTPOINT_H
#define SC_MOUNTPOINT_H

#include "base.h"
#include "error.h"

/* What is mounted on a directory, on top. */
struct sc_mounted {
	unsigned major, minor; /* of the mounted file system's device: no two live ones share it */
	char type[64];         /* "fuse.subcubefs" */
};

/*
 * The real, absolute path of the directory `argument`. Refuses what cannot or
 * should not be mounted on, in words that say what to do. The caller frees *ret_path.
 */
int sc_mountpoint_resolve(const char *argument, char **ret_path, struct sc_error *err);

/* Whether something is mounted on `path` (absolute, real). */
bool sc_mountpoint_mounted(const char *path, struct sc_mounted *ret_mounted);
bool sc_mountpoint_is_subcubefs(const struct sc_mounted *mounted);

/* The entry of the directory `dirfd` that `path` is; NULL when its parent is another directory. Points into `path`. */
const char *sc_mountpoint_entry_of(const char *path, int dirfd);

/* Unmounts lazily, so that it works on a busy mount too. */
void sc_mountpoint_detach(const char *path);

#endif
