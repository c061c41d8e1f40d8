#include "catalogpriv.h"

#include "clock.h"
#include "viewaccess.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* So often a view is tried whose parts change while it is built. */
#define ATTEMPTS 3

/* --- waiting --- */

/* Without the lock: whoever is woken asks again. */
static void wake(struct sc_waiter *waiters, bool ended)
{
	while (waiters) {
		struct sc_waiter *next = waiters->next;
		waiters->wake(waiters, ended);
		waiters = next;
	}
}

/* Those who wait for one of `wants`; others would ask for the same thing a second time. */
static void wake_waiters(struct sc_entry *entry, unsigned wants)
{
	struct sc_catalog *catalog = entry->catalog;
	struct sc_waiter *woken = NULL;
	pthread_mutex_lock(&catalog->lock);
	for (struct sc_waiter **place = &entry->waiters; *place;) {
		struct sc_waiter *waiter = *place;
		if (!(waiter->wants & wants)) {
			place = &waiter->next;
			continue;
		}
		*place = waiter->next;
		waiter->next = woken;
		woken = waiter;
	}
	bool ended = catalog->stopping;
	pthread_mutex_unlock(&catalog->lock);
	wake(woken, ended);
}

/* --- access --- */

/* What is shown of a directory: before there is a view, and without one. */
static void learn_access(struct sc_entry *entry)
{
	struct sc_catalog *catalog = entry->catalog;
	struct sc_access access;
	pthread_mutex_lock(&catalog->lock);
	struct sc_shared_product *product = entry->product;
	bool is_known = !entry->current || entry->current->access_known;
	product->references++;
	pthread_mutex_unlock(&catalog->lock);
	if (!is_known)
		sc_view_directory_access(catalog->source, &product->product, &access);
	pthread_mutex_lock(&catalog->lock);
	if (!is_known && entry->current && !entry->current->access_known) {
		entry->current->access = access;
		entry->current->access_known = true;
	}
	sc_shared_product_drop(product);
	pthread_mutex_unlock(&catalog->lock);
}

/* --- building --- */

/* What a job does to one entry: looks at the parts, and builds if that makes another view. */
struct renewal {
	struct sc_entry *entry;
	struct sc_shared_product *product;
	struct sc_settled settled;
	bool is_asked;                /* somebody waits for the view: what failed is tried again */
	bool in_place;                /* the current generation has no view yet: it becomes its */
	struct sc_generation *result; /* without nodes yet */
};

/* Whether any part that was settled is another one now. That others have become settled is for the next look. */
static bool has_changed(const struct renewal *renewal)
{
	static const struct sc_settle_options as_it_is = { 0 };
	const struct sc_settled *then = &renewal->settled;
	struct sc_settled now;
	/* A catalog's parts are where they are; and it may name very many. */
	if (then->product.kind != SC_PRODUCT_PARTS ||
	    sc_settle_look(renewal->entry->catalog->source, &then->product, &as_it_is, NULL, &now, NULL) < 0)
		return false;
	bool changed = !sc_identity_equal(&now.parts, &then->parts);
	sc_settled_clear(&now);
	return changed;
}

static void build(struct renewal *renewal)
{
	const struct sc_catalog *catalog = renewal->entry->catalog;
	struct sc_generation *result = renewal->result;
	struct sc_error err = { 0 };
	result->access = renewal->settled.access;
	result->access_known = true;
	int rc = sc_view_build(catalog->source, &renewal->settled.product, &catalog->options, &result->view, &err);
	if (rc < 0)
		result->failure = strdup(err.text);
	result->identity = renewal->settled.identity;
}

/* The generation that has the name, or will get it. */
static struct sc_generation *newest(const struct sc_entry *entry)
{
	return entry->next ? entry->next : entry->current;
}

/* With the lock. Whether the view of the parts as they are now is to be built; all else is done here. */
static bool must_build(struct renewal *renewal)
{
	struct sc_entry *entry = renewal->entry;
	struct sc_settled *settled = &renewal->settled;
	if (entry->gone)
		return false;
	if (settled->product.kind == SC_PRODUCT_PARTS && settled->product.nparts == 0) {
		sc_entry_hide(entry, settled);
		return false;
	}
	if (!entry->current && sc_entry_show(entry) < 0)
		return false;
	struct sc_generation *generation = newest(entry);
	if (!generation->view && !generation->failure && !renewal->is_asked)
		return false;
	/* Not where somebody who was let in by what was shown before may not see it any more. */
	renewal->in_place = !entry->current->view && (!entry->current->access_known ||
						      sc_access_equal(&entry->current->access, &settled->access));
	bool is_same = (generation->view || generation->failure) &&
		       sc_identity_equal(&generation->identity, &settled->identity);
	if (!is_same || (generation->failure && renewal->is_asked && renewal->in_place))
		return true;
	sc_generation_set_unsettled(generation, settled);
	entry->watched = true;
	return false;
}

/* With the lock; what was built becomes what is shown. */
static void publish(struct renewal *renewal)
{
	struct sc_entry *entry = renewal->entry;
	struct sc_generation *result = renewal->result, *current = entry->current;
	if (entry->gone || !current)
		return;
	result->failed_at_ns = sc_clock_ns(CLOCK_MONOTONIC);
	entry->watched = true;
	if (!renewal->in_place || current->view) {
		sc_generation_set_unsettled(result, &renewal->settled);
		sc_entry_set_next(entry, sc_steal_ptr(renewal->result));
		return;
	}
	free(current->failure);
	current->access = result->access;
	current->access_known = true;
	current->view = sc_steal_ptr(result->view);
	current->failure = sc_steal_ptr(result->failure);
	current->failed_at_ns = result->failed_at_ns;
	current->identity = result->identity;
	sc_generation_set_unsettled(current, &renewal->settled);
}

static int look(struct renewal *renewal)
{
	struct sc_entry *entry = renewal->entry;
	struct sc_catalog *catalog = entry->catalog;
	int64_t begun_ns = sc_clock_ns(CLOCK_MONOTONIC);
	struct sc_error err = { 0 };
	int rc = sc_settle_look(catalog->source, &renewal->product->product, &catalog->options.settle, &entry->memory,
				&renewal->settled, &err);
	if (rc == 0)
		sc_told_unsettled(&entry->told, entry->name, &renewal->settled);
	else
		sc_told_failure(&entry->told, entry->name, err.text);
	pthread_mutex_lock(&catalog->lock);
	entry->look_took_ns = sc_clock_ns(CLOCK_MONOTONIC) - begun_ns;
	entry->nlooks++;
	bool must = rc == 0 && must_build(renewal);
	if (must)
		renewal->result = sc_generation_new(++catalog->last_serial, &renewal->product->product);
	pthread_cond_broadcast(&catalog->looked);
	pthread_mutex_unlock(&catalog->lock);
	return rc;
}

static void tell(struct renewal *renewal)
{
	struct sc_entry *entry = renewal->entry;
	const struct sc_generation *result = renewal->result;
	if (result->view)
		sc_told_view(&entry->told, entry->name, result->view);
	else if (result->failure)
		sc_told_failure(&entry->told, entry->name, result->failure);
}

/* A failure is the answer then, for what was built may be of a part that somebody writes. */
static void fail_as_changing(struct renewal *renewal)
{
	struct sc_generation *result = renewal->result;
	sc_view_free(sc_steal_ptr(result->view));
	if (asprintf(&result->failure, "%s: its parts change each time they are read", result->name) < 0)
		result->failure = NULL;
}

static bool may_have_changed(const struct renewal *renewal)
{
	const struct sc_view *view = renewal->result->view;
	if (!view)
		return true;
	/* Where times do not count, the view is of what was there when it was read, finished or not. */
	return sc_settle_is_wanted(&renewal->entry->catalog->options.settle) &&
	       sc_settle_may_have_changed(&renewal->entry->memory, view->newest_ns);
}

/*
 * Parts were settled at the look, and the view is made of what was there some time later: somebody may have begun to
 * write one. False: it has to be done again, and that part will not be settled.
 */
static bool is_of_what_was_seen(struct renewal *renewal, bool is_last)
{
	if (!may_have_changed(renewal) || !has_changed(renewal))
		return true;
	if (is_last && renewal->result->view)
		fail_as_changing(renewal);
	return is_last;
}

/* False: the parts changed meanwhile, so that it has to be done again. */
static bool renew_once(struct renewal *renewal, bool is_last)
{
	struct sc_catalog *catalog = renewal->entry->catalog;
	bool is_right = true;
	pthread_mutex_lock(&catalog->lock);
	renewal->product = renewal->entry->product;
	renewal->product->references++;
	pthread_mutex_unlock(&catalog->lock);
	int rc = look(renewal);
	if (renewal->result) {
		build(renewal);
		is_right = is_of_what_was_seen(renewal, is_last);
		if (is_right)
			tell(renewal);
	}
	pthread_mutex_lock(&catalog->lock);
	if (renewal->result && is_right)
		publish(renewal);
	sc_shared_product_drop(renewal->product);
	pthread_mutex_unlock(&catalog->lock);
	sc_generation_free(sc_steal_ptr(renewal->result));
	if (rc == 0)
		sc_settled_clear(&renewal->settled);
	return is_right;
}

static void renew(struct sc_entry *entry, bool is_asked)
{
	struct renewal renewal = { .entry = entry, .is_asked = is_asked };
	for (int i = 1; i <= ATTEMPTS && !renew_once(&renewal, i == ATTEMPTS); i++)
		;
}

/* --- jobs --- */

/* Who asked while the view was built, or while that failed, has the answer already. */
static bool has_answer(const struct sc_entry *entry)
{
	struct sc_catalog *catalog = entry->catalog;
	pthread_mutex_lock(&catalog->lock);
	const struct sc_generation *current = entry->current;
	bool has = !current || current->view ||
		   (current->failure && sc_clock_ns(CLOCK_MONOTONIC) - current->failed_at_ns < SC_CATALOG_RETRY_NS);
	pthread_mutex_unlock(&catalog->lock);
	return has;
}

/* What is wanted next; 0: nothing, and the job has ended. */
static unsigned take_wants(struct sc_entry *entry, struct sc_waiter **ret_waiters, bool *ret_gone, bool *ret_ended)
{
	struct sc_catalog *catalog = entry->catalog;
	pthread_mutex_lock(&catalog->lock);
	unsigned wants = entry->gone || catalog->stopping ? 0 : entry->wants;
	entry->wants = 0;
	*ret_gone = entry->gone;
	*ret_ended = catalog->stopping;
	*ret_waiters = NULL;
	if (wants == 0) {
		entry->running = entry->is_awaited = false;
		*ret_waiters = sc_steal_ptr(entry->waiters);
		pthread_cond_broadcast(&catalog->looked);
	}
	pthread_mutex_unlock(&catalog->lock);
	return wants;
}

static void run_job(struct sc_job *job)
{
	struct sc_entry *entry = (struct sc_entry *)((char *)job - offsetof(struct sc_entry, job));
	struct sc_waiter *waiters;
	unsigned wants;
	bool gone, ended;
	while ((wants = take_wants(entry, &waiters, &gone, &ended)) != 0) {
		learn_access(entry);
		wake_waiters(entry, SC_WANT_ACCESS);
		bool is_asked = wants & SC_WANT_VIEW && !has_answer(entry);
		if (is_asked || wants & SC_WANT_CHECK)
			renew(entry, is_asked);
		wake_waiters(entry, wants);
	}
	/* The entry is another job's from here on, or nobody's. */
	if (gone)
		sc_entry_free(entry);
	wake(waiters, ended);
}

bool sc_entry_want(struct sc_entry *entry, unsigned wants, bool is_awaited)
{
	bool start = !entry->running;
	entry->wants |= wants;
	if (start) {
		entry->running = true;
		entry->is_awaited = is_awaited;
		entry->job.run = run_job;
	}
	return start;
}

void sc_entry_start(struct sc_entry *entry)
{
	sc_builder_add(entry->catalog->builder, &entry->job);
}

/* --- looking again --- */

/* Not used for so long: its parts are of no interest until somebody asks again. */
#define IN_USE_NS INT64_C(30000000000)

/* With the lock. Whether the entry's parts are to be looked at; one that nobody uses any more is looked at when it is asked for. */
static bool wants_check(struct sc_entry *entry, int64_t now_ns)
{
	if (!entry->current)
		return true;
	if (now_ns - entry->used_ns >= IN_USE_NS && entry->current->nopen == 0) {
		entry->watched = false;
		return false;
	}
	return entry->current->view || entry->current->failure;
}

/* Waits until the entry's parts were looked at; the building that may follow is not waited for. */
static int64_t wait_for_look(struct sc_entry *entry, uint64_t nlooks, const struct timespec *end)
{
	struct sc_catalog *catalog = entry->catalog;
	int rc = 0;
	while (entry->nlooks == nlooks && entry->running && !catalog->stopping && rc == 0)
		rc = pthread_cond_timedwait(&catalog->looked, &catalog->lock, end);
	return entry->nlooks > nlooks ? entry->look_took_ns : 0;
}

int64_t sc_catalog_check(struct sc_catalog *catalog, unsigned patience_s)
{
	int64_t took_ns = 0;
	for (size_t i = 0; i < catalog->nentries; i++) {
		struct sc_entry *entry = catalog->by_name[i];
		struct timespec end;
		pthread_mutex_lock(&catalog->lock);
		uint64_t nlooks = entry->nlooks;
		bool start = !entry->running && !catalog->stopping &&
			     wants_check(entry, sc_clock_ns(CLOCK_MONOTONIC)) &&
			     sc_entry_want(entry, SC_WANT_CHECK, false);
		pthread_mutex_unlock(&catalog->lock);
		if (!start)
			continue;
		sc_entry_start(entry);
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec += patience_s;
		pthread_mutex_lock(&catalog->lock);
		took_ns += wait_for_look(entry, nlooks, &end);
		pthread_mutex_unlock(&catalog->lock);
	}
	return took_ns;
}
