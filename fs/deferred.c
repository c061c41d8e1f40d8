#include "deferred.h"

#include <errno.h>
#include <string.h>

static void wake(struct sc_waiter *waiter, bool ended)
{
	struct sc_deferred *deferred = (struct sc_deferred *)((char *)waiter - offsetof(struct sc_deferred, waiter));
	if (!ended && !sc_killable_is_killed(&deferred->killable)) {
		deferred->answer(deferred);
	} else if (sc_deferred_may_answer(deferred, -ENOTCONN)) {
		fuse_reply_err(deferred->request, ENOTCONN);
		free(deferred);
	}
}

struct sc_deferred *sc_defer(fuse_req_t request, void (*answer)(struct sc_deferred *deferred), fuse_ino_t id,
			     const char *name)
{
	size_t size = strlen(name) + 1;
	struct sc_deferred *deferred = malloc(sizeof(*deferred) + size);
	if (!deferred) {
		fuse_reply_err(request, ENOMEM);
		return NULL;
	}
	*deferred = (struct sc_deferred){ .waiter.wake = wake,
					 .request = request,
					 .service = sc_service_of(request),
					 .answer = answer,
					 .id = id };
	memcpy(deferred->name, name, size);
	if (sc_killable_begin(&deferred->killable, request))
		return deferred;
	free(deferred);
	fuse_reply_err(request, EINTR);
	return NULL;
}

bool sc_deferred_may_answer(struct sc_deferred *deferred, int rc)
{
	if (rc == SC_CATALOG_WAIT)
		return false;
	if (sc_killable_end(&deferred->killable, deferred->request))
		return true;
	free(deferred);
	return false;
}
