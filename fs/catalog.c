#include "catalogpriv.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A node that is asked for. `start`: a job of this entry has to be started once the lock is released.
 */
struct node {
	struct sc_generation *generation;
	unsigned index;
	struct sc_entry *start;
};

/* --- waiting --- */

/* Takes the waiter until the entry's job has found out what is wanted. */
static int wait_for(struct sc_catalog *catalog, struct sc_entry *entry, unsigned wants, struct sc_waiter *waiter,
		    struct sc_entry **ret_start)
{
	if (catalog->stopping)
		return -ENOTCONN;
	waiter->wants = wants;
	waiter->next = entry->waiters;
	entry->waiters = waiter;
	if (sc_entry_want(entry, wants, true))
		*ret_start = entry;
	return SC_CATALOG_WAIT;
}

/* Releases the lock and starts the job that was found necessary under it. */
static int unlock(struct sc_catalog *catalog, struct sc_entry *start, int rc)
{
	pthread_mutex_unlock(&catalog->lock);
	if (start)
		sc_entry_start(start);
	return rc;
}

/* --- nodes --- */

/* -ESTALE for a number that was never given out, or whose generation is gone. */
static int find_node(struct sc_catalog *catalog, uint64_t id, struct node *ret_node)
{
	unsigned index = (unsigned)(id & ((1 << SC_NODE_BITS) - 1));
	struct sc_generation *generation = sc_catalog_find_serial(catalog, id >> SC_NODE_BITS);
	if (!generation || !sc_generation_has_node(generation, index))
		return -ESTALE;
	*ret_node = (struct node){ .generation = generation, .index = index };
	return 0;
}

static int need_access(struct sc_catalog *catalog, struct node *node, struct sc_waiter *waiter)
{
	if (node->generation->access_known)
		return 0;
	if (!node->generation->entry)
		return -ESTALE;
	return wait_for(catalog, node->generation->entry, SC_WANT_ACCESS, waiter, &node->start);
}

/* The view that is necessary to say what is in a directory. */
static int need_view(struct sc_catalog *catalog, struct node *node, struct sc_waiter *waiter)
{
	struct sc_generation *generation = node->generation;
	if (generation->view)
		return sc_generation_is_directory(generation, node->index) ? 0 : -ENOTDIR;
	if (!generation->entry)
		return -ESTALE;
	bool has_failed = generation->failure &&
			  sc_clock_ns(CLOCK_MONOTONIC) - generation->failed_at_ns < SC_CATALOG_RETRY_NS;
	if (has_failed || waiter->wants == SC_WANT_VIEW)
		return -EIO;
	return wait_for(catalog, generation->entry, SC_WANT_VIEW, waiter, &node->start);
}

/*
 * A name is asked for: is its generation the right one? Of a view that nobody
 * used for a while the parts were not looked at, so that is done first.
 */
static int find_name(struct sc_catalog *catalog, const char *name, struct sc_waiter *waiter, struct node *node)
{
	struct sc_entry *entry = sc_entry_find(catalog, name);
	int64_t now_ns = sc_clock_ns(CLOCK_MONOTONIC);
	if (!entry || !entry->current)
		return -ENOENT;
	entry->used_ns = now_ns;
	sc_entry_advance(entry, now_ns);
	*node = (struct node){ .generation = entry->current };
	bool is_old = catalog->refreshing && entry->current->view && !entry->watched;
	if (is_old && waiter->wants != SC_WANT_CHECK && (!entry->running || entry->is_awaited))
		return wait_for(catalog, entry, SC_WANT_CHECK, waiter, &node->start);
	return need_access(catalog, node, waiter);
}

int sc_catalog_lookup(struct sc_catalog *catalog, uint64_t directory, const char *name, struct sc_waiter *waiter,
		      struct sc_catalog_node *ret_node)
{
	struct node node = { 0 };
	int rc;
	pthread_mutex_lock(&catalog->lock);
	if (directory == SC_CATALOG_ROOT) {
		rc = find_name(catalog, name, waiter, &node);
	} else {
		rc = find_node(catalog, directory, &node);
		if (rc == 0)
			rc = need_view(catalog, &node, waiter);
		if (rc == 0) {
			unsigned alias = node.index & SC_NODE_ALIAS;
			int child = sc_view_find(node.generation->view, node.index & ~SC_NODE_ALIAS, name);
			rc = child < 0 ? -ENOENT : 0;
			node.index = child < 0 ? 0 : (unsigned)child | alias;
		}
	}
	if (rc == 0)
		sc_generation_fill_node(node.generation, &catalog->owner, node.index, ret_node);
	return unlock(catalog, node.start, rc);
}

int sc_catalog_find_generation(struct sc_catalog *catalog, uint64_t serial, const char *name, struct sc_waiter *waiter,
			       struct sc_catalog_node *ret_node)
{
	struct node node = { .index = SC_NODE_ALIAS };
	pthread_mutex_lock(&catalog->lock);
	node.generation = sc_catalog_find_serial(catalog, serial);
	int rc = node.generation && (!name || strcmp(name, node.generation->name) == 0) ? 0 : -ENOENT;
	if (rc == 0)
		rc = need_access(catalog, &node, waiter);
	if (rc == 0)
		sc_generation_fill_node(node.generation, &catalog->owner, node.index, ret_node);
	return unlock(catalog, node.start, rc);
}

static nlink_t count_shown(const struct sc_catalog *catalog)
{
	nlink_t count = 0;
	for (size_t i = 0; i < catalog->nentries; i++)
		count += catalog->by_name[i]->current != NULL;
	return count;
}

int sc_catalog_getattr(struct sc_catalog *catalog, uint64_t id, struct sc_waiter *waiter,
		       struct sc_catalog_node *ret_node)
{
	struct node node = { 0 };
	int rc = 0;
	pthread_mutex_lock(&catalog->lock);
	if (id == SC_CATALOG_ROOT) {
		*ret_node = (struct sc_catalog_node){ .id = id, .attr = catalog->owner.root, .settled = true };
		ret_node->attr.st_ino = id;
		ret_node->attr.st_nlink = 2 + count_shown(catalog);
		return unlock(catalog, NULL, 0);
	}
	rc = find_node(catalog, id, &node);
	if (rc == 0)
		rc = need_access(catalog, &node, waiter);
	if (rc == 0)
		sc_generation_fill_node(node.generation, &catalog->owner, node.index, ret_node);
	return unlock(catalog, node.start, rc);
}

/* --- directories --- */

/* "." and "..": programs read no more than the number and the type there. */
static void fill_dots(uint64_t id, bool is_parent, struct sc_catalog_dirent *ret_entry)
{
	*ret_entry = (struct sc_catalog_dirent){
		.name = ".",
		.next = is_parent ? 2 : 1,
		.node = { .id = id, .attr = { .st_ino = id, .st_mode = S_IFDIR } },
	};
	if (is_parent)
		strcpy(ret_entry->name, "..");
}

/* A name's ordinal stays when others come and go; the first one, 1, is at position 2. */
static size_t find_ordinal(const struct sc_catalog *catalog, uint64_t ordinal)
{
	size_t from = 0, behind = catalog->nentries;
	while (from < behind) {
		size_t middle = from + (behind - from) / 2;
		if (catalog->by_ordinal[middle]->ordinal < ordinal)
			from = middle + 1;
		else
			behind = middle;
	}
	return from;
}

/* Listing the root must not look at every part: attributes come along only where they are known already. */
static int read_root(struct sc_catalog *catalog, uint64_t position, struct sc_catalog_dirent *ret_entry)
{
	size_t i = find_ordinal(catalog, position - 1);
	while (i < catalog->nentries && !catalog->by_ordinal[i]->current)
		i++;
	if (i == catalog->nentries)
		return -ENOENT;
	const struct sc_entry *entry = catalog->by_ordinal[i];
	const struct sc_generation *generation = entry->current;
	uint64_t id = sc_generation_node(generation, 0);
	*ret_entry = (struct sc_catalog_dirent){
		.next = entry->ordinal + 2,
		.has_attributes = generation->access_known && (!catalog->refreshing || entry->watched),
		.node = { .id = id, .attr = { .st_ino = id, .st_mode = S_IFDIR } },
	};
	snprintf(ret_entry->name, sizeof(ret_entry->name), "%s", entry->name);
	if (ret_entry->has_attributes)
		sc_generation_fill_node(generation, &catalog->owner, 0, &ret_entry->node);
	return 0;
}

static int read_view(struct sc_catalog *catalog, const struct node *node, uint64_t position,
		     struct sc_catalog_dirent *ret_entry)
{
	const struct sc_view *view = node->generation->view;
	unsigned alias = node->index & SC_NODE_ALIAS, directory = node->index & ~SC_NODE_ALIAS;
	for (unsigned i = 1; i < view->nnodes; i++) {
		if (view->nodes[i].parent != directory || i + 1 < position)
			continue;
		*ret_entry = (struct sc_catalog_dirent){ .has_attributes = true, .next = i + 2 };
		snprintf(ret_entry->name, sizeof(ret_entry->name), "%s", view->nodes[i].name);
		sc_generation_fill_node(node->generation, &catalog->owner, i | alias, &ret_entry->node);
		return 0;
	}
	return -ENOENT;
}

static uint64_t parent_of(const struct node *node)
{
	unsigned alias = node->index & SC_NODE_ALIAS, index = node->index & ~SC_NODE_ALIAS;
	if (index > 0)
		return sc_generation_node(node->generation, node->generation->view->nodes[index].parent | alias);
	return alias ? sc_generation_node(node->generation, SC_NODE_HOME) : SC_CATALOG_ROOT;
}

int sc_catalog_read_directory(struct sc_catalog *catalog, uint64_t id, uint64_t position, struct sc_waiter *waiter,
			      struct sc_catalog_dirent *ret_entry)
{
	struct node node = { 0 };
	bool is_root = id == SC_CATALOG_ROOT;
	int rc = 0;
	pthread_mutex_lock(&catalog->lock);
	if (!is_root)
		rc = find_node(catalog, id, &node);
	if (!is_root && rc == 0)
		rc = need_view(catalog, &node, waiter);
	if (rc == 0 && position < 2)
		fill_dots(position == 0 || is_root ? id : parent_of(&node), position == 1, ret_entry);
	else if (rc == 0)
		rc = is_root ? read_root(catalog, position, ret_entry) : read_view(catalog, &node, position, ret_entry);
	return unlock(catalog, node.start, rc);
}

/* --- files --- */

static void hold(const struct node *node, struct sc_opened *ret_opened)
{
	node->generation->references++;
	*ret_opened = (struct sc_opened){ .generation = node->generation, .index = node->index & ~SC_NODE_ALIAS };
}

static void hold_open(const struct node *node, struct sc_opened *ret_opened)
{
	hold(node, ret_opened);
	ret_opened->is_open = true;
	node->generation->nopen++;
	if (node->generation->entry)
		node->generation->entry->used_ns = sc_clock_ns(CLOCK_MONOTONIC);
}

static int find_file(struct sc_catalog *catalog, uint64_t id, struct node *node)
{
	int rc = id == SC_CATALOG_ROOT ? -EISDIR : find_node(catalog, id, node);
	return rc == 0 && sc_generation_is_directory(node->generation, node->index) ? -EISDIR : rc;
}

int sc_catalog_hold_file(struct sc_catalog *catalog, uint64_t id, struct sc_opened *ret_opened)
{
	struct node node = { 0 };
	pthread_mutex_lock(&catalog->lock);
	int rc = find_file(catalog, id, &node);
	if (rc == 0)
		hold(&node, ret_opened);
	return unlock(catalog, NULL, rc);
}

/* Who names a generation means it, whatever he has open besides. */
static int note_open(struct sc_catalog *catalog, const struct node *node, pid_t pid)
{
	struct sc_generation *generation = node->generation;
	int64_t now_ns = sc_clock_ns(CLOCK_MONOTONIC);
	if (node->index & SC_NODE_ALIAS)
		return 0;
	int rc = sc_opens_note(&catalog->opens, pid, generation->name_hash, generation->serial, now_ns);
	if (rc == 0)
		generation->opened_ns = now_ns;
	return rc;
}

int sc_catalog_open_file(struct sc_catalog *catalog, uint64_t id, pid_t pid, struct sc_opened *ret_opened)
{
	struct node node = { 0 };
	pthread_mutex_lock(&catalog->lock);
	int rc = find_file(catalog, id, &node);
	if (rc == 0)
		rc = note_open(catalog, &node, pid);
	if (rc == 0) {
		hold_open(&node, ret_opened);
		ret_opened->pid = node.index & SC_NODE_ALIAS ? 0 : pid;
	}
	return unlock(catalog, NULL, rc);
}

int sc_catalog_open_directory(struct sc_catalog *catalog, uint64_t id, struct sc_opened *ret_opened)
{
	struct node node = { 0 };
	pthread_mutex_lock(&catalog->lock);
	int rc = find_node(catalog, id, &node);
	if (rc == 0)
		hold_open(&node, ret_opened);
	return unlock(catalog, NULL, rc);
}

void sc_catalog_release(struct sc_catalog *catalog, const struct sc_opened *opened)
{
	struct sc_generation *generation = opened->generation;
	pthread_mutex_lock(&catalog->lock);
	if (opened->pid)
		sc_opens_note_close(&catalog->opens, opened->pid, generation->name_hash, generation->serial,
				    sc_clock_ns(CLOCK_MONOTONIC));
	generation->nopen -= opened->is_open;
	generation->references--;
	unlock(catalog, NULL, 0);
}

int sc_catalog_hold_view(struct sc_catalog *catalog, uint64_t id, bool built, struct sc_waiter *waiter,
			 struct sc_opened *ret_opened)
{
	struct node node = { 0 };
	pthread_mutex_lock(&catalog->lock);
	int rc = id == SC_CATALOG_ROOT ? -ENODATA : find_node(catalog, id, &node);
	if (rc == 0 && (node.index & ~SC_NODE_ALIAS) != 0)
		rc = -ENODATA;
	if (rc == 0 && built)
		rc = need_view(catalog, &node, waiter);
	if (rc == 0)
		hold(&node, ret_opened);
	return unlock(catalog, node.start, rc);
}

int sc_catalog_source(struct sc_catalog *catalog, const struct sc_generation *generation, char **ret_path)
{
	const char *directory = catalog->source->path;
	pthread_mutex_lock(&catalog->lock);
	bool is_current = generation->entry != NULL;
	pthread_mutex_unlock(&catalog->lock);
	if (!is_current || sc_source_is_covered(catalog->source) || !sc_source_is_in_place(catalog->source))
		return -ESTALE;
	if (asprintf(ret_path, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, generation->base) < 0)
		return -ENOMEM;
	return 0;
}

/* --- what the mount tells about itself --- */

const char *sc_catalog_source_path(const struct sc_catalog *catalog)
{
	return catalog->source->path;
}

void sc_catalog_set_problem(struct sc_catalog *catalog, const char *problem)
{
	char *text = problem ? strdup(problem) : NULL;
	pthread_mutex_lock(&catalog->lock);
	char *old = catalog->problem;
	catalog->problem = text;
	pthread_mutex_unlock(&catalog->lock);
	free(old);
}

char *sc_catalog_problem(struct sc_catalog *catalog)
{
	pthread_mutex_lock(&catalog->lock);
	char *text = catalog->problem ? strdup(catalog->problem) : NULL;
	pthread_mutex_unlock(&catalog->lock);
	return text;
}

int sc_catalog_next_generation(struct sc_catalog *catalog, uint64_t serial, struct sc_catalog_listed *ret_listed)
{
	int rc = -ENOENT;
	pthread_mutex_lock(&catalog->lock);
	for (size_t i = 0; i < catalog->ngenerations && rc < 0; i++) {
		const struct sc_generation *generation = catalog->generations[i];
		if (generation->serial < serial || (!generation->entry && generation->nopen == 0))
			continue;
		ret_listed->serial = generation->serial;
		snprintf(ret_listed->name, sizeof(ret_listed->name), "%s", generation->name);
		rc = 0;
	}
	pthread_mutex_unlock(&catalog->lock);
	return rc;
}

uint64_t sc_catalog_new_serial(struct sc_catalog *catalog)
{
	pthread_mutex_lock(&catalog->lock);
	uint64_t serial = ++catalog->last_serial;
	pthread_mutex_unlock(&catalog->lock);
	return serial;
}

struct stat sc_catalog_root_stat(struct sc_catalog *catalog)
{
	pthread_mutex_lock(&catalog->lock);
	struct stat root = catalog->owner.root;
	pthread_mutex_unlock(&catalog->lock);
	return root;
}

size_t sc_catalog_count(struct sc_catalog *catalog)
{
	pthread_mutex_lock(&catalog->lock);
	size_t count = count_shown(catalog);
	pthread_mutex_unlock(&catalog->lock);
	return count;
}

char *sc_catalog_describe_hidden(struct sc_catalog *catalog)
{
	char *text = NULL;
	size_t nhidden = 0;
	const struct sc_entry *first = NULL;
	pthread_mutex_lock(&catalog->lock);
	for (size_t i = 0; i < catalog->nentries; i++) {
		if (catalog->by_name[i]->current)
			continue;
		first = first ? first : catalog->by_name[i];
		nhidden++;
	}
	if (first && first->nunsettled > 0) {
		char more[40] = "";
		if (nhidden > 1)
			snprintf(more, sizeof(more), " and %zu more", nhidden - 1);
		if (asprintf(&text, "%s%s: not shown %s, no part of it is settled: %s: %s", first->name, more,
			     catalog->refreshing ? "yet" : "(--refresh=0)", first->unsettled[0].name,
			     first->unsettled[0].reason) < 0)
			text = NULL;
	}
	pthread_mutex_unlock(&catalog->lock);
	return text;
}

void sc_catalog_each(struct sc_catalog *catalog, void (*see)(void *context, const struct sc_generation *generation),
		     void (*see_hidden)(void *context, const struct sc_product *product, size_t nunsettled,
					const struct sc_unsettled *unsettled),
		     void *context)
{
	pthread_mutex_lock(&catalog->lock);
	for (size_t i = 0; i < catalog->ngenerations; i++)
		see(context, catalog->generations[i]);
	for (size_t i = 0; i < catalog->nentries; i++) {
		const struct sc_entry *entry = catalog->by_name[i];
		if (!entry->current)
			see_hidden(context, &entry->product->product, entry->nunsettled, entry->unsettled);
	}
	pthread_mutex_unlock(&catalog->lock);
}
