#include "catalogpriv.h"

#include "clock.h"

#include <errno.h>
#include <string.h>

/* --- generations --- */

struct sc_generation *sc_catalog_find_serial(const struct sc_catalog *catalog, uint64_t serial)
{
	size_t from = 0, behind = catalog->ngenerations;
	while (from < behind) {
		size_t middle = from + (behind - from) / 2;
		if (catalog->generations[middle]->serial < serial)
			from = middle + 1;
		else
			behind = middle;
	}
	return from < catalog->ngenerations && catalog->generations[from]->serial == serial
		   ? catalog->generations[from]
		   : NULL;
}

/* Makes a generation's nodes known. They are in the order in which they got their numbers, mostly. */
static int add_generation(struct sc_catalog *catalog, struct sc_generation *generation)
{
	struct sc_generation **grown =
	    sc_grow(catalog->generations, catalog->ngenerations + 1, &catalog->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	catalog->generations = grown;
	size_t at = catalog->ngenerations++;
	for (; at > 0 && catalog->generations[at - 1]->serial > generation->serial; at--)
		catalog->generations[at] = catalog->generations[at - 1];
	catalog->generations[at] = generation;
	return 0;
}

/* Out of memory, the kernel is not told: whoever has it open may be shown what was read before. */
static void note_change(struct sc_catalog *catalog, const struct sc_generation *replaced)
{
	struct sc_catalog_change *change = catalog->refreshing ? calloc(1, sizeof(*change)) : NULL;
	if (!change)
		return;
	change->serial = replaced->serial;
	change->nnodes = replaced->view ? replaced->view->nnodes : 1;
	*catalog->last_change = change;
	catalog->last_change = &change->next;
}

static void replace(struct sc_entry *entry)
{
	struct sc_generation *generation = sc_steal_ptr(entry->current);
	note_change(entry->catalog, generation);
	generation->entry = NULL;
	generation->replaced_ns = sc_clock_ns(CLOCK_MONOTONIC);
	generation->references--;
}

/* One that never had the name has no nodes. */
static void drop_next(struct sc_entry *entry)
{
	sc_generation_free(sc_steal_ptr(entry->next));
}

void sc_entry_set_next(struct sc_entry *entry, struct sc_generation *generation)
{
	int64_t now_ns = sc_clock_ns(CLOCK_MONOTONIC);
	if (!entry->next)
		entry->next_since_ns = now_ns;
	drop_next(entry);
	entry->next = generation;
	sc_entry_advance(entry, now_ns);
}

void sc_entry_advance(struct sc_entry *entry, int64_t now_ns)
{
	if (!entry->next || !entry->current ||
	    (now_ns - entry->current->opened_ns < SC_CATALOG_QUIET_NS &&
	     now_ns - entry->next_since_ns < SC_CATALOG_SWITCH_NS) ||
	    add_generation(entry->catalog, entry->next) < 0)
		return;
	replace(entry);
	entry->current = sc_steal_ptr(entry->next);
	entry->current->entry = entry;
}

/* What is replaced and not open has no nodes any more. */
static void take_unused(struct sc_catalog *catalog, int64_t now_ns)
{
	size_t kept = 0;
	for (size_t i = 0; i < catalog->ngenerations; i++) {
		struct sc_generation *generation = catalog->generations[i];
		if (!generation->entry && generation->references == 0 &&
		    now_ns - generation->replaced_ns >= catalog->grace_ns) {
			generation->next_unused = catalog->unused;
			catalog->unused = generation;
		} else {
			catalog->generations[kept++] = generation;
		}
	}
	catalog->ngenerations = kept;
}

void sc_catalog_free_generation(struct sc_catalog *catalog, struct sc_generation *generation)
{
	if (catalog->forget && generation->view)
		catalog->forget(catalog->context, generation->view);
	sc_generation_free(generation);
}

void sc_catalog_free_unused(struct sc_catalog *catalog, struct sc_generation *unused)
{
	while (unused) {
		struct sc_generation *next = unused->next_unused;
		sc_catalog_free_generation(catalog, unused);
		unused = next;
	}
}

static struct sc_generation *next_unused(struct sc_catalog *catalog)
{
	pthread_mutex_lock(&catalog->lock);
	struct sc_generation *unused = sc_steal_ptr(catalog->unused);
	catalog->sweeping = unused != NULL;
	pthread_mutex_unlock(&catalog->lock);
	return unused;
}

static void run_sweep(struct sc_job *job)
{
	struct sc_catalog *catalog = (struct sc_catalog *)((char *)job - offsetof(struct sc_catalog, sweep));
	struct sc_generation *unused;
	while ((unused = next_unused(catalog)))
		sc_catalog_free_unused(catalog, unused);
}

struct sc_catalog_change *sc_catalog_advance(struct sc_catalog *catalog)
{
	pthread_mutex_lock(&catalog->lock);
	for (size_t i = 0; i < catalog->nentries; i++)
		sc_entry_advance(catalog->by_name[i], sc_clock_ns(CLOCK_MONOTONIC));
	struct sc_catalog_change *changes = sc_steal_ptr(catalog->first_change);
	catalog->last_change = &catalog->first_change;
	take_unused(catalog, sc_clock_ns(CLOCK_MONOTONIC));
	bool start = catalog->unused && !catalog->sweeping && !catalog->stopping;
	catalog->sweeping |= start;
	pthread_mutex_unlock(&catalog->lock);
	/* A read ahead that hangs may have to be waited for, and that is nothing for the caller. */
	if (start) {
		catalog->sweep.run = run_sweep;
		sc_builder_add(catalog->builder, &catalog->sweep);
	}
	return changes;
}

/* --- names --- */

static int compare_name(const void *name, const void *entry)
{
	return strcmp(name, (*(struct sc_entry *const *)entry)->name);
}

struct sc_entry *sc_entry_find(const struct sc_catalog *catalog, const char *name)
{
	struct sc_entry **found =
	    catalog->nentries > 0
		? bsearch(name, catalog->by_name, catalog->nentries, sizeof(struct sc_entry *), compare_name)
		: NULL;
	return found ? *found : NULL;
}

static void free_unsettled(struct sc_entry *entry)
{
	sc_unsettled_free(entry->nunsettled, entry->unsettled);
	entry->nunsettled = 0;
	entry->unsettled = NULL;
}

int sc_entry_show(struct sc_entry *entry)
{
	struct sc_catalog *catalog = entry->catalog;
	struct sc_generation *generation =
	    sc_generation_new(catalog->last_serial + 1, &entry->product->product);
	if (!generation || add_generation(catalog, generation) < 0) {
		sc_generation_free(generation);
		return -ENOMEM;
	}
	catalog->last_serial++;
	generation->entry = entry;
	entry->current = generation;
	entry->watched = false;
	free_unsettled(entry);
	return 0;
}

void sc_entry_hide(struct sc_entry *entry, struct sc_settled *settled)
{
	if (entry->current)
		replace(entry);
	drop_next(entry);
	free_unsettled(entry);
	entry->watched = false;
	entry->nunsettled = settled->nunsettled;
	entry->unsettled = sc_steal_ptr(settled->unsettled);
	settled->nunsettled = 0;
}

void sc_entry_free(struct sc_entry *entry)
{
	sc_shared_product_drop(entry->product);
	sc_settle_forget(&entry->memory);
	free_unsettled(entry);
	sc_told_clear(&entry->told);
	free(entry->name);
	free(entry);
}
