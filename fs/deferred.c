#include "deferred.h"

#include <errno.h>
#include <string.h>

static void wake(struct sc_waiter *waiter, bool ended)
{
	struct sc_deferred *deferred = (struct sc_deferred *)((char *)waiter - offsetof(struct sc_deferred, waiter));
	if (!ended) {
		deferred->answer(deferred);
		return;
	}
	fuse_reply_err(deferred->request, ENOTCONN);
	free(deferred);
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
	*deferred = (struct sc_deferred){ .waiter.wake = wake, .request = request, .answer = answer, .id = id };
	memcpy(deferred->name, name, size);
	return deferred;
}
