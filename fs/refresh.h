/*
 * refresh.h - looks at the source again and again, and keeps the catalog up with it.
 *
 * One thread that serves no request: each period it reads the source's directories, looks who may see them, and at the parts
 * of the views that are in use; never for more than a twentieth of the time. Then
 * names go over to new generations, and the kernel is told of it by other threads:
 * it may have to wait for a read that hangs.
 */
#ifndef SC_REFRESH_H
#define SC_REFRESH_H

#include "catalog.h"

struct sc_refresh;

struct sc_refresh_options {
	struct sc_catalog *catalog;
	const struct sc_source *source;
	struct sc_scan_options scan;
	int64_t period_ns;
	/* Makes the kernel forget; called by any thread. */
	void (*tell)(void *context, const struct sc_catalog_change *change);
	void *context;
};

/* Starts the thread. 0 or -errno. */
int sc_refresh_start(const struct sc_refresh_options *options, struct sc_refresh **ret_refresh);

/* False: the thread has not ended in so long, it waits for the storage; then nothing that it uses can be freed. */
bool sc_refresh_stop(struct sc_refresh *refresh, unsigned patience_ms);
void sc_refresh_free(struct sc_refresh *refresh); /* after it was stopped */

#endif
