#include "killable.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/*
 * Who gets from WAITING to another state answers the request. An interrupt before that may be told from within
 * fuse_req_interrupt_func, where libfuse goes on to use the request.
 */
enum state { BEGINNING, WAITING, KILLED, ANSWERED };

static bool change(struct sc_killable *killable, int from, int to)
{
	return atomic_compare_exchange_strong(&killable->state, &from, to);
}

/* `thread` is 0 for one in another PID namespace: of that nothing is known. */
static bool is_being_killed(pid_t thread)
{
	char path[64], line[256];
	unsigned long long pending = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	FILE *status = thread > 0 ? fopen(path, "re") : NULL;
	while (status && fgets(line, sizeof(line), status)) {
		if (sscanf(line, "SigPnd: %llx", &pending) == 1)
			break;
	}
	if (status)
		fclose(status);
	return pending >> (SIGKILL - 1) & 1;
}

/* Once the state is KILLED, nothing of `data` may be used. */
static void interrupted(fuse_req_t request, void *data)
{
	struct sc_killable *killable = data;
	if (!is_being_killed(fuse_req_ctx(request)->pid) || change(killable, BEGINNING, KILLED))
		return;
	if (change(killable, WAITING, KILLED))
		fuse_reply_err(request, EINTR);
}

bool sc_killable_begin(struct sc_killable *killable, fuse_req_t request)
{
	atomic_init(&killable->state, BEGINNING);
	fuse_req_interrupt_func(request, interrupted, killable);
	if (change(killable, BEGINNING, WAITING))
		return true;
	fuse_req_interrupt_func(request, NULL, NULL);
	return false;
}

bool sc_killable_end(struct sc_killable *killable, fuse_req_t request)
{
	if (!change(killable, WAITING, ANSWERED))
		return false;
	/* Waits for an interrupt that is being told. */
	fuse_req_interrupt_func(request, NULL, NULL);
	return true;
}

bool sc_killable_is_killed(const struct sc_killable *killable)
{
	return atomic_load(&killable->state) == KILLED;
}
