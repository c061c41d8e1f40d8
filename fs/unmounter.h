/*
 * unmounter.h - a process of its own that unmounts.
 *
 *   serving process                         unmounter
 *   starts it, mounts, gives up  ------->   waits; ignores signals
 *   its privileges, serves
 *   asks  ------------------------------>   unmounts, lazily, what it is told to if it is still there
 *   closes its end, or dies  ----------->   ends
 *
 * It must be there before the privileges are gone: with no_new_privs set, the
 * setuid program fusermount3 cannot unmount, and neither can who was root. The
 * mount of a process that was killed stays: readers get ENOTCONN, which shows
 * that something is wrong, and not the empty directory below. The next mount
 * clears it away; who wants it gone at once says auto_unmount. (libfuse's own fails for users: fusermount3
 * asks as root, whom such a mount does not let in.)
 *
 * One thread at a time.
 */
#ifndef SC_UNMOUNTER_H
#define SC_UNMOUNTER_H

#include "mountpoint.h"

struct sc_unmounter {
	int fd; /* -1: none was started */
};

enum sc_unmount {
	SC_UNMOUNT,       /* a living mount */
	SC_UNMOUNT_ABORT, /* and all its readers get errors now, where that is permitted */
	SC_UNMOUNT_DEAD,  /* only when it does not live any more */
};

/* Remembers where the program's arguments are: the unmounter's name takes their place. Call it first of all. */
void sc_unmounter_init(int argc, char **argv);

/*
 * Absolute and real, `mountpoint` is what it can unmount and nothing else. `clear_dead`: it does so by itself when
 * the serving process has died.
 */
int sc_unmounter_start(const char *mountpoint, bool clear_dead, struct sc_unmounter *ret_unmounter,
		       struct sc_error *err);

/* `mounted`: what to unmount, and nothing else; NULL: any subcubefs that is there. Waits for it, but not for ever. */
void sc_unmounter_unmount(const struct sc_unmounter *unmounter, const struct sc_mounted *mounted, enum sc_unmount how);

/* Lets it end. */
void sc_unmounter_stop(struct sc_unmounter *unmounter);

#endif
