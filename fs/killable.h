/*
 * killable.h - who is killed while he waits for an answer is let go.
 *
 * The kernel keeps everybody whose request we have until we answer, whatever kills him; all we
 * get is an interrupt. It sends one for any signal, and most programs do not expect EINTR of a file. A signal that will end
 * the process, though, has become SIGKILL in each of its threads by then (kernel/signal.c, complete_signal): who has
 * that pending is answered at once. What was begun for him goes on.
 */
#ifndef SC_KILLABLE_H
#define SC_KILLABLE_H

#include "base.h"

#include <fuse_lowlevel.h>

#include <stdatomic.h>

struct sc_killable {
	atomic_int state;
};

/*
 * Before a request may have to wait. False: he is being killed already, and the caller answers. Else the request, and
 * `killable`, are to stay until sc_killable_end has been called, by any thread.
 */
bool sc_killable_begin(struct sc_killable *killable, fuse_req_t request);

/* Before the request is answered. False: it has been, and is no more. */
bool sc_killable_end(struct sc_killable *killable, fuse_req_t request);

/* Whether it is of no use to go on, between the two. */
bool sc_killable_is_killed(const struct sc_killable *killable);

#endif
