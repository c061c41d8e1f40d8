/*
 * privileges.h - no more of them than needed: as whom the program works, and
 * what it gives up once it has mounted.
 *
 *   started by       reads, serves                             unmounts
 *   a user           as himself, no_new_privs                  the unmounter (fusermount3 is setuid root)
 *   root             as root, but for capabilities less        the unmounter
 *                    those that pass permissions of files
 *   root, --user     as that user, who has none                the unmounter, still root
 *
 * Not thread-safe: for the time before there are threads.
 */
#ifndef SC_PRIVILEGES_H
#define SC_PRIVILEGES_H

#include "base.h"
#include "error.h"

#include <sys/types.h>

/* Whom --user names. */
struct sc_user {
	uid_t uid;
	gid_t gid;
	int ngroups;
	gid_t *groups;
	char *home; /* NULL: a number that no user has */
};

/*
 * Looks up a user by name or number; a number needs no entry in the user
 * database, its group is the same number then. The caller calls sc_user_clear.
 */
int sc_user_find(const char *name, struct sc_user *ret_user, struct sc_error *err);
void sc_user_clear(struct sc_user *user);

/*
 * Root works with this user's permissions and home directory until it takes
 * its own back; supplementary groups and the home directory remain the user's.
 */
int sc_privileges_lend(const struct sc_user *user, struct sc_error *err);
int sc_privileges_take_back(struct sc_error *err);

/*
 * For good: becomes `user` when that is not NULL, gives up all capabilities
 * but those over permissions of files that root has, and sets no_new_privs.
 */
int sc_privileges_drop(const struct sc_user *user, struct sc_error *err);

/*
 * For good: root keeps nothing but the rights to unmount and to get to the mountpoint, which may be in somebody's own
 * directory; others change nothing, for fusermount3 has to gain its own.
 */
void sc_privileges_keep_unmounting(void);

#endif
