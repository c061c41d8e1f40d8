#include "catalogpriv.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- products --- */

static struct sc_shared_product *share(struct sc_product *product)
{
	struct sc_shared_product *shared = calloc(1, sizeof(*shared));
	if (!shared)
		return NULL;
	shared->references = 1;
	shared->product = *product;
	*product = (struct sc_product){ 0 };
	return shared;
}

void sc_shared_product_drop(struct sc_shared_product *product)
{
	if (!product || --product->references > 0)
		return;
	sc_product_clear(&product->product);
	free(product);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_product(const struct sc_product *a, const struct sc_product *b)
{
	if (a->kind != b->kind || a->nparts != b->nparts || a->first_number != b->first_number ||
	    a->last_number != b->last_number || a->listed != b->listed || a->pattern != b->pattern ||
	    !same_text(a->base, b->base) || !same_text(a->problem, b->problem))
		return false;
	for (size_t i = 0; i < a->nparts; i++) {
		if (strcmp(a->parts[i].name, b->parts[i].name) != 0)
			return false;
	}
	return true;
}

/* --- entries --- */

static struct sc_entry *new_entry(struct sc_catalog *catalog, struct sc_product *product)
{
	struct sc_entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->catalog = catalog;
	entry->memory.begun_ns = sc_clock_ns(CLOCK_REALTIME);
	if (asprintf(&entry->name, "%s%s", product->base, product->ext) < 0)
		entry->name = NULL;
	entry->product = share(product);
	if (!entry->name || !entry->product) {
		sc_entry_free(entry);
		return NULL;
	}
	return entry;
}

/* --- a new scan --- */

static int compare_products(const void *left, const void *right)
{
	const struct sc_product *a = left, *b = right;
	char a_name[2 * NAME_MAX + 1], b_name[2 * NAME_MAX + 1];
	snprintf(a_name, sizeof(a_name), "%s%s", a->base, a->ext);
	snprintf(b_name, sizeof(b_name), "%s%s", b->base, b->ext);
	int order = strcmp(a_name, b_name);
	return order ? order : strcmp(a->base, b->base);
}

/* The entries of the next state of affairs: those that stay, and new ones. */
struct update {
	struct sc_catalog *catalog;
	size_t count;
	struct sc_entry **entries;
};

/* Two families can want one name: a.subcube.0.b.c and a.b.subcube.0.c. */
static bool is_twin(const struct update *update, const char *name, const struct sc_product *product)
{
	const struct sc_entry *last = update->count > 0 ? update->entries[update->count - 1] : NULL;
	if (!last || strcmp(last->name, name) != 0)
		return false;
	if (!sc_entry_find(update->catalog, name))
		sc_log(SC_LOG_WARNING, "%s: families '%s' and '%s' both have this image; only the first is shown", name,
		       last->product->product.base, product->base);
	return true;
}

/* Mostly the first part is settled, and no other has to be looked at. */
static int show_if_settled(struct sc_entry *entry)
{
	struct sc_catalog *catalog = entry->catalog;
	const struct sc_product *product = &entry->product->product;
	const struct sc_settle_options *options = &catalog->options.settle;
	struct sc_settled settled = { 0 };
	int rc = 0;
	bool any = sc_settle_any(catalog->source, product, options);
	if (!any) {
		rc = sc_settle_look(catalog->source, product, options, &entry->memory, &settled, NULL);
		any = rc == 0 && settled.product.nparts > 0;
	}
	pthread_mutex_lock(&catalog->lock);
	if (rc == 0 && any)
		rc = sc_entry_show(entry);
	else if (rc == 0)
		sc_entry_hide(entry, &settled);
	pthread_mutex_unlock(&catalog->lock);
	sc_settled_clear(&settled);
	return rc;
}

static int add_product(struct update *update, struct sc_product *product)
{
	struct sc_catalog *catalog = update->catalog;
	sc_autofree char *name = NULL;
	if (asprintf(&name, "%s%s", product->base, product->ext) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	if (is_twin(update, name, product))
		return 0;
	struct sc_entry *entry = sc_entry_find(catalog, name);
	if (!entry) {
		entry = new_entry(catalog, product);
		if (!entry)
			return -ENOMEM;
		update->entries[update->count++] = entry;
		return show_if_settled(entry);
	}
	update->entries[update->count++] = entry;
	if (same_product(&entry->product->product, product))
		return 0;
	struct sc_shared_product *shared = share(product);
	if (!shared)
		return -ENOMEM;
	pthread_mutex_lock(&catalog->lock);
	sc_shared_product_drop(entry->product);
	entry->product = shared;
	pthread_mutex_unlock(&catalog->lock);
	return 0;
}

static int compare_ordinals(const void *left, const void *right)
{
	const struct sc_entry *a = *(struct sc_entry *const *)left, *b = *(struct sc_entry *const *)right;
	return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/* New ones come last in listings. */
static struct sc_entry **in_order(struct update *update)
{
	struct sc_entry **ordered = calloc(update->count + 1, sizeof(struct sc_entry *));
	for (size_t i = 0; ordered && i < update->count; i++) {
		if (update->entries[i]->ordinal == 0)
			update->entries[i]->ordinal = ++update->catalog->last_ordinal;
		ordered[i] = update->entries[i];
	}
	if (ordered && update->count > 0)
		qsort(ordered, update->count, sizeof(struct sc_entry *), compare_ordinals);
	return ordered;
}

/* Those that are not among the entries of the update. Whose job runs is freed by that. */
static void drop_gone(struct sc_catalog *catalog, const struct update *update)
{
	struct sc_settled nothing = { 0 };
	size_t k = 0;
	for (size_t i = 0; i < catalog->nentries; i++) {
		struct sc_entry *entry = catalog->by_name[i];
		while (k < update->count && strcmp(update->entries[k]->name, entry->name) < 0)
			k++;
		if (k < update->count && update->entries[k] == entry)
			continue;
		sc_entry_hide(entry, &nothing);
		entry->gone = true;
		if (!entry->running)
			sc_entry_free(entry);
	}
}

static void free_new(struct update *update)
{
	struct sc_settled nothing = { 0 };
	for (size_t i = 0; i < update->count; i++) {
		struct sc_entry *entry = update->entries[i];
		if (sc_entry_find(update->catalog, entry->name) == entry)
			continue;
		sc_entry_hide(entry, &nothing);
		sc_entry_free(entry);
	}
}

int sc_catalog_update(struct sc_catalog *catalog, struct sc_scan *scan)
{
	struct update update = { .catalog = catalog };
	int rc = 0;
	update.entries = calloc(scan->nproducts + 1, sizeof(struct sc_entry *));
	if (!update.entries)
		rc = -ENOMEM;
	if (rc == 0 && scan->nproducts > 0)
		qsort(scan->products, scan->nproducts, sizeof(*scan->products), compare_products);
	for (size_t i = 0; rc == 0 && i < scan->nproducts; i++)
		rc = add_product(&update, &scan->products[i]);
	sc_scan_clear(scan);
	struct sc_entry **ordered = rc == 0 ? in_order(&update) : NULL;
	if (!ordered) {
		pthread_mutex_lock(&catalog->lock);
		free_new(&update);
		pthread_mutex_unlock(&catalog->lock);
		free(update.entries);
		return rc < 0 ? rc : -ENOMEM;
	}
	pthread_mutex_lock(&catalog->lock);
	drop_gone(catalog, &update);
	free(catalog->by_name);
	free(catalog->by_ordinal);
	catalog->by_name = update.entries;
	catalog->by_ordinal = ordered;
	catalog->nentries = update.count;
	pthread_mutex_unlock(&catalog->lock);
	return 0;
}

/* --- making and freeing --- */

int sc_catalog_new(const struct sc_catalog_options *options, struct sc_scan *scan, struct sc_catalog **ret_catalog,
		   struct sc_error *err)
{
	struct sc_catalog *catalog = calloc(1, sizeof(*catalog));
	if (!catalog)
		return sc_error_errno(err, -ENOMEM, "%s", options->source->path);
	catalog->source = options->source;
	catalog->options = *options->view;
	catalog->owner = (struct sc_owner){ .uid = options->uid, .gid = options->gid };
	catalog->refreshing = options->refreshing;
	catalog->grace_ns = options->grace_ns;
	catalog->last_change = &catalog->first_change;
	pthread_mutex_init(&catalog->lock, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&catalog->looked, &attributes);
	pthread_condattr_destroy(&attributes);
	catalog->builder = sc_builder_new(SC_CATALOG_THREADS);
	int rc = catalog->builder ? sc_catalog_update(catalog, scan) : -ENOMEM;
	if (rc < 0)
		sc_error_errno(err, rc, "%s", options->source->path);
	else
		rc = sc_way_open(options->source, &catalog->way, err);
	if (rc == 0)
		rc = sc_catalog_look_at_root(catalog, err);
	if (rc < 0) {
		sc_catalog_free(catalog);
		return rc;
	}
	*ret_catalog = catalog;
	return 0;
}

int sc_catalog_look_at_root(struct sc_catalog *catalog, struct sc_error *err)
{
	struct stat root;
	int rc = sc_attributes_root(catalog->source, &catalog->way, catalog->owner.uid, catalog->owner.gid, &root);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s", catalog->source->path);
	pthread_mutex_lock(&catalog->lock);
	catalog->owner.root = root;
	pthread_mutex_unlock(&catalog->lock);
	return 0;
}

void sc_catalog_set_forget(struct sc_catalog *catalog, void (*forget)(void *context, const struct sc_view *view),
			   void *context)
{
	catalog->forget = forget;
	catalog->context = context;
}

bool sc_catalog_stop(struct sc_catalog *catalog, unsigned patience_ms)
{
	pthread_mutex_lock(&catalog->lock);
	catalog->stopping = true;
	pthread_cond_broadcast(&catalog->looked);
	pthread_mutex_unlock(&catalog->lock);
	return sc_builder_stop(catalog->builder, patience_ms);
}

void sc_catalog_free(struct sc_catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < catalog->nentries; i++) {
		sc_generation_free(catalog->by_name[i]->next);
		sc_entry_free(catalog->by_name[i]);
	}
	for (size_t i = 0; i < catalog->ngenerations; i++)
		sc_catalog_free_generation(catalog, catalog->generations[i]);
	sc_catalog_free_unused(catalog, catalog->unused);
	while (catalog->first_change) {
		struct sc_catalog_change *change = catalog->first_change;
		catalog->first_change = change->next;
		free(change);
	}
	sc_way_close(&catalog->way);
	free(catalog->problem);
	free(catalog->generations);
	free(catalog->by_name);
	free(catalog->by_ordinal);
	sc_opens_clear(&catalog->opens);
	sc_builder_free(catalog->builder);
	pthread_cond_destroy(&catalog->looked);
	pthread_mutex_destroy(&catalog->lock);
	free(catalog);
}
