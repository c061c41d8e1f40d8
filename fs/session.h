/*
 * session.h - one FUSE session: mounted, served by many threads, and always
 * ended: by fusermount3 -u, or by SIGTERM and SIGINT (SIGHUP too in the
 * foreground), on a busy mount as well.
 */
#ifndef SC_SESSION_H
#define SC_SESSION_H

#include "error.h"
#include "operations.h"
#include "options.h"
#include "privileges.h"

struct sc_session;

/*
 * Reads the mount options without mounting. `name` is what df shows as the
 * source. Returns 0, or the status to exit with after a message.
 */
int sc_session_new(const struct sc_options *options, const char *name, struct sc_service *service,
		   struct sc_session **ret_session);
void sc_session_free(struct sc_session *session);

/*
 * Mounts on `mountpoint` (absolute, real), gives up all privileges that are not
 * needed, for good (as `user` when that is not NULL), and answers requests until the
 * mount's end. Must be called in the main thread, before there are others.
 * Leaves no mount, whatever happens.
 */
int sc_session_serve(struct sc_session *session, const char *mountpoint, bool foreground, const struct sc_user *user,
		     struct sc_error *err);

/* The device of what is mounted, as in st_dev; 0: not known. */
dev_t sc_session_device(const struct sc_session *session);

/* Makes the kernel forget what is not so any more; the context is the session. Never in a thread that serves requests. */
void sc_session_tell(void *session, const struct sc_catalog_change *change);

#endif
