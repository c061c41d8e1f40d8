/*
 * catalogpriv.h - what the catalog's parts share: requests (catalog.c), names and their generations (entries.c),
 * what a scan makes of the names (update.c), and the jobs that look at parts and build views (renew.c).
 *
 * One lock guards all of it but what is said to belong to jobs, and what stays as it was made. It is never held
 * while files of the source are looked at, views are built, or waiters are woken; memory is freed under it.
 */
#ifndef SC_CATALOGPRIV_H
#define SC_CATALOGPRIV_H

#include "builder.h"
#include "catalog.h"
#include "opens.h"
#include "told.h"

#include <pthread.h>

/* Jobs that look at parts and build, at one time. */
#define SC_CATALOG_THREADS 16

/* A product of the last scan; jobs use it while the next scan brings another one. */
struct sc_shared_product {
	size_t references;
	struct sc_product product;
};

/* What a job shall find out. */
enum { SC_WANT_ACCESS = 1, SC_WANT_VIEW = 2, SC_WANT_CHECK = 4 };

/* A name, and the generations of its image. */
struct sc_entry {
	struct sc_catalog *catalog;
	char *name;
	uint64_t ordinal; /* from 1; names keep their place in the listing */
	struct sc_shared_product *product;
	struct sc_generation *current; /* NULL: it is not shown, no part of it is settled */
	struct sc_generation *next;    /* built, and waiting to become the current one */
	int64_t next_since_ns;
	size_t nunsettled; /* when it is not shown */
	struct sc_unsettled *unsettled;
	int64_t used_ns; /* last request */
	bool watched;    /* its parts are looked at as long as it is used, so the current generation is the right one */
	bool gone;       /* not in the source any more; freed when its job ends */

	struct sc_job job; /* one at a time */
	bool running;
	bool is_awaited; /* the job was started by a request: those that come meanwhile wait too */
	unsigned wants;
	struct sc_waiter *waiters;
	uint64_t nlooks;      /* that have ended */
	int64_t look_took_ns; /* the last one */
	struct sc_settle_memory memory; /* the job's own; before the entry is known, sc_catalog_update's */
	struct sc_told told;            /* the job's own */
};

struct sc_catalog {
	const struct sc_source *source;
	struct sc_view_options options;
	struct sc_way way;
	bool refreshing;
	int64_t grace_ns;
	struct sc_builder *builder;

	pthread_mutex_t lock;
	pthread_cond_t looked; /* a look has ended */
	struct sc_owner owner;
	char *problem; /* of the last look at the source; NULL: none */
	bool stopping;
	void (*forget)(void *context, const struct sc_view *view);
	void *context;
	size_t nentries;
	/* Only sc_catalog_update changes them: its thread reads them without the lock. */
	struct sc_entry **by_name, **by_ordinal;
	uint64_t last_ordinal, last_serial;
	size_t ngenerations, capacity;
	struct sc_generation **generations; /* all that have nodes, by serial */
	struct sc_generation *unused; /* without nodes, to be freed */
	struct sc_job sweep;          /* frees them */
	bool sweeping;
	struct sc_opens opens;
	struct sc_catalog_change *first_change, **last_change;
};

/* --- entries.c; with the lock, but for those that free: nobody else knows what they are given --- */

struct sc_entry *sc_entry_find(const struct sc_catalog *catalog, const char *name);
struct sc_generation *sc_catalog_find_serial(const struct sc_catalog *catalog, uint64_t serial);

/* Gives the entry a generation that is not built yet. 0 or -ENOMEM. */
int sc_entry_show(struct sc_entry *entry);

/* No name any more; takes over what is unsettled. */
void sc_entry_hide(struct sc_entry *entry, struct sc_settled *settled);

/* `generation` gets the name when that is due; takes over the reference. */
void sc_entry_set_next(struct sc_entry *entry, struct sc_generation *generation);

/* Lets the next generation get the name if that is due. */
void sc_entry_advance(struct sc_entry *entry, int64_t now_ns);

void sc_entry_free(struct sc_entry *entry);
void sc_catalog_free_generation(struct sc_catalog *catalog, struct sc_generation *generation);
void sc_catalog_free_unused(struct sc_catalog *catalog, struct sc_generation *unused);

/* --- update.c; with the lock --- */

void sc_shared_product_drop(struct sc_shared_product *product);

/* --- renew.c --- */

/* With the lock. True: a job has to be started with sc_entry_start, without the lock. */
bool sc_entry_want(struct sc_entry *entry, unsigned wants, bool is_awaited);
void sc_entry_start(struct sc_entry *entry);

#endif
