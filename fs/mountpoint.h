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
	unsigned uid;          /* who mounted it */
	char type[64];         /* "fuse.subcubefs" */
};

/*
 * The real, absolute path of the directory `argument`. Refuses what cannot or
 * should not be mounted on, in words that say what to do. What a subcubefs of
 * ours that was killed has left there is cleared away. The caller frees *ret_path.
 */
int sc_mountpoint_resolve(const char *argument, char **ret_path, struct sc_error *err);

/*
 * N of /dev/fd/N, in place of a directory: whoever started the program has
 * mounted and handed over the device. -1: it is a directory.
 */
int sc_mountpoint_descriptor(const char *argument);

/* Refuses a descriptor that is not an open /dev/fuse, and keeps one from other programs. */
int sc_mountpoint_check_descriptor(const char *argument, struct sc_error *err);

/* Whether something is mounted on `path` (absolute, real). */
bool sc_mountpoint_mounted(const char *path, struct sc_mounted *ret_mounted);
bool sc_mountpoint_is_subcubefs(const struct sc_mounted *mounted);

/* Whether the program that answered for what is mounted on `path` is gone. May wait for one that is not. */
bool sc_mountpoint_is_dead(const char *path);

/* Refuses a directory that is not empty, whose contents would be hidden; the source itself is meant to be. */
int sc_mountpoint_check_empty(const char *path, int source_dirfd, struct sc_error *err);

/* The entry of the directory `dirfd` that `path` is; NULL when its parent is another directory. Points into `path`. */
const char *sc_mountpoint_entry_of(const char *path, int dirfd);

/* Unmounts lazily, so that it works on a busy mount too. */
void sc_mountpoint_detach(const char *path);

#endif
