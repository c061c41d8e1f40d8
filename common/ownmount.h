/*
 * ownmount.h - whether a path leads into the mount that is made from the source.
 *
 * Who serves a mount must look up no name in it: he would wait for his own answer, and no signal ends that. A link in a
 * part, or the name of a part in a catalog, may lead there.
 */
#ifndef SC_OWNMOUNT_H
#define SC_OWNMOUNT_H

#include "base.h"

#include <sys/types.h>

/*
 * 0, -ELOOP when it does, or another -errno when that cannot be found out: `device` is the mount's (st_dev), 0 for none. `path` is relative to `dirfd`, or absolute. What
 * cannot be found or entered leads nowhere. Asks the mount nothing. It is a look before the path is used: whoever
 * makes a link in between is not found out. Thread-safe.
 */
int sc_ownmount_check(int dirfd, const char *path, dev_t device);

#endif
