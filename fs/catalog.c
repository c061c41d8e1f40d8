#include "catalog.h"

#include "attributes.h"
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NODE_BITS 8
_Static_assert(SC_VIEW_MAXNODES <= 1 << NODE_BITS, "a view's nodes must fit into the low bits of a node number");

enum build_state { NOT_BUILT, BUILDING, BUILT, FAILED };

/* A product and its view. */
struct entry {
	const struct sc_product *product;
	char *name;
	uint64_t serial;

	pthread_mutex_t access_lock; /* held while the parts' directories are looked at */
	bool access_known;
	struct sc_access access;

	pthread_mutex_t build_lock; /* guards the rest; never held while building */
	pthread_cond_t build_ended;
	enum build_state state;
	_Atomic(struct sc_view *) view; /* set once */
	int64_t failed_at_ns;
	char *failure; /* the last one that was logged */
};

struct sc_catalog {
	const struct sc_source *source;
	struct sc_scan scan;
	struct sc_view_options options;
	struct sc_owner owner;
	size_t nentries;
	struct entry *entries; /* by name; entry i has serial i + 1 */
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Looks at the parts' directories once. */
static const struct sc_access *directory_access(struct sc_catalog *catalog, struct entry *entry)
{
	pthread_mutex_lock(&entry->access_lock);
	if (!entry->access_known) {
		sc_view_directory_access(catalog->source, entry->product, &entry->access);
		entry->access_known = true;
	}
	pthread_mutex_unlock(&entry->access_lock);
	return &entry->access;
}

static bool access_is_known(struct entry *entry)
{
	pthread_mutex_lock(&entry->access_lock);
	bool known = entry->access_known;
	pthread_mutex_unlock(&entry->access_lock);
	return known;
}

/* --- views --- */

static int view_failed(struct entry *entry, const struct sc_error *err)
{
	entry->failed_at_ns = now_ns();
	if (!entry->failure || strcmp(entry->failure, err->text) != 0) {
		/* Some errors are about the whole view and name it themselves. */
		bool names_it = strncmp(err->text, entry->name, strlen(entry->name)) == 0;
		sc_log(SC_LOG_ERROR, "%s%s%s", names_it ? "" : entry->name, names_it ? "" : ": ", err->text);
		free(entry->failure);
		entry->failure = strdup(err->text);
	}
	return -EIO;
}

static void view_succeeded(struct entry *entry, const struct sc_view *view)
{
	for (size_t i = 0; i < view->nwarnings; i++)
		sc_log(SC_LOG_WARNING, "%s: %s", entry->name, view->warnings[i]);
	if (view->truncated)
		sc_log(SC_LOG_WARNING, "%s: %s", entry->name, view->truncated);
}

static int build(struct sc_catalog *catalog, struct entry *entry, struct sc_view **ret_view)
{
	struct sc_error err = { 0 };
	struct sc_view *view = NULL;
	int rc = sc_view_build(catalog->source, entry->product, &catalog->options, &view, &err);

	pthread_mutex_lock(&entry->build_lock);
	if (rc < 0) {
		rc = view_failed(entry, &err);
		entry->state = FAILED;
	} else {
		view_succeeded(entry, view);
		atomic_store_explicit(&entry->view, view, memory_order_release);
		entry->state = BUILT;
		*ret_view = view;
	}
	pthread_cond_broadcast(&entry->build_ended);
	pthread_mutex_unlock(&entry->build_lock);
	return rc;
}

static struct sc_view *built_view(struct entry *entry)
{
	return atomic_load_explicit(&entry->view, memory_order_acquire);
}

static int get_view(struct sc_catalog *catalog, struct entry *entry, struct sc_view **ret_view)
{
	*ret_view = built_view(entry);
	if (*ret_view)
		return 0;
	pthread_mutex_lock(&entry->build_lock);
	while (entry->state == BUILDING)
		pthread_cond_wait(&entry->build_ended, &entry->build_lock);
	bool mine = entry->state == NOT_BUILT ||
		    (entry->state == FAILED && now_ns() - entry->failed_at_ns >= SC_CATALOG_RETRY_NS);
	if (mine)
		entry->state = BUILDING;
	pthread_mutex_unlock(&entry->build_lock);
	if (mine)
		return build(catalog, entry, ret_view);
	*ret_view = built_view(entry);
	return *ret_view ? 0 : -EIO;
}

/* --- nodes --- */

static uint64_t node_id(const struct entry *entry, unsigned index)
{
	return entry->serial << NODE_BITS | index;
}

/* The product and the place in its view that a node number means; -ESTALE for a number that was never given out. */
static int find_node(struct sc_catalog *catalog, uint64_t id, struct entry **ret_entry, unsigned *ret_index)
{
	uint64_t serial = id >> NODE_BITS;
	unsigned index = (unsigned)(id & ((1 << NODE_BITS) - 1));
	if (serial == 0 || serial > catalog->nentries)
		return -ESTALE;
	struct entry *entry = &catalog->entries[serial - 1];
	if (index > 0) {
		const struct sc_view *view = built_view(entry);
		if (!view || index >= view->nnodes)
			return -ESTALE;
	}
	*ret_entry = entry;
	*ret_index = index;
	return 0;
}

static nlink_t count_links(const struct sc_view *view, unsigned directory)
{
	nlink_t links = 2;
	for (unsigned i = 1; i < view->nnodes; i++)
		links += view->nodes[i].parent == directory && view->nodes[i].kind == SC_NODE_DIRECTORY;
	return links;
}

/*
 * A directory whose sub-directories are not known yet has a link count of 1,
 * as on Btrfs: programs that count sub-directories by it then look.
 */
static void fill_node(struct sc_catalog *catalog, struct entry *entry, unsigned index, struct sc_catalog_node *ret_node)
{
	const struct sc_view *view = built_view(entry);
	struct stat *st = &ret_node->attr;
	*ret_node = (struct sc_catalog_node){ .id = node_id(entry, index), .settled = view != NULL };
	if (index == 0 || view->nodes[index].kind == SC_NODE_DIRECTORY) {
		sc_attributes_directory(&catalog->owner, directory_access(catalog, entry), st);
		st->st_nlink = view ? count_links(view, index) : 1;
	} else {
		sc_attributes_file(&catalog->owner, &view->files, view->nodes[index].size_bytes, st);
	}
	st->st_ino = ret_node->id;
}

static int compare_name(const void *name, const void *entry)
{
	return strcmp(name, ((const struct entry *)entry)->name);
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->product->base, b->product->base);
}

int sc_catalog_lookup(struct sc_catalog *catalog, uint64_t directory, const char *name,
		      struct sc_catalog_node *ret_node)
{
	struct entry *entry;
	if (directory == SC_CATALOG_ROOT) {
		entry = bsearch(name, catalog->entries, catalog->nentries, sizeof(*entry), compare_name);
		if (!entry)
			return -ENOENT;
		fill_node(catalog, entry, 0, ret_node);
		return 0;
	}
	unsigned index;
	struct sc_view *view;
	int rc = find_node(catalog, directory, &entry, &index);
	if (rc == 0)
		rc = get_view(catalog, entry, &view);
	if (rc < 0)
		return rc;
	if (view->nodes[index].kind != SC_NODE_DIRECTORY)
		return -ENOTDIR;
	int child = sc_view_find(view, index, name);
	if (child < 0)
		return -ENOENT;
	fill_node(catalog, entry, (unsigned)child, ret_node);
	return 0;
}

int sc_catalog_getattr(struct sc_catalog *catalog, uint64_t id, struct sc_catalog_node *ret_node)
{
	if (id == SC_CATALOG_ROOT) {
		*ret_node = (struct sc_catalog_node){ .id = id, .attr = catalog->owner.root, .settled = true };
		ret_node->attr.st_ino = id;
		ret_node->attr.st_nlink = 2 + catalog->nentries;
		return 0;
	}
	struct entry *entry;
	unsigned index;
	int rc = find_node(catalog, id, &entry, &index);
	if (rc == 0)
		fill_node(catalog, entry, index, ret_node);
	return rc;
}

/* "." and "..": programs read no more than the number and the type there. */
static void fill_dots(uint64_t id, bool is_parent, struct sc_catalog_dirent *ret_entry)
{
	*ret_entry = (struct sc_catalog_dirent){
		.name = is_parent ? ".." : ".",
		.node = { .id = id, .attr = { .st_ino = id, .st_mode = S_IFDIR } },
	};
}

/* Listing the root must not look at every part: attributes come along only where they are known already. */
static int read_root(struct sc_catalog *catalog, uint64_t position, struct sc_catalog_dirent *ret_entry)
{
	if (position >= catalog->nentries)
		return -ENOENT;
	struct entry *entry = &catalog->entries[position];
	uint64_t id = node_id(entry, 0);
	*ret_entry = (struct sc_catalog_dirent){
		.name = entry->name,
		.has_attributes = access_is_known(entry),
		.node = { .id = id, .attr = { .st_ino = id, .st_mode = S_IFDIR } },
	};
	if (ret_entry->has_attributes)
		fill_node(catalog, entry, 0, &ret_entry->node);
	return 0;
}

int sc_catalog_read_directory(struct sc_catalog *catalog, uint64_t id, uint64_t position,
			      struct sc_catalog_dirent *ret_entry)
{
	struct entry *entry = NULL;
	unsigned index = 0;
	struct sc_view *view = NULL;
	if (id != SC_CATALOG_ROOT) {
		int rc = find_node(catalog, id, &entry, &index);
		if (rc == 0)
			rc = get_view(catalog, entry, &view);
		if (rc == 0 && view->nodes[index].kind != SC_NODE_DIRECTORY)
			rc = -ENOTDIR;
		if (rc < 0)
			return rc;
	}
	if (position == 0) {
		fill_dots(id, false, ret_entry);
		return 0;
	}
	if (position == 1) {
		fill_dots(index > 0 ? node_id(entry, view->nodes[index].parent) : SC_CATALOG_ROOT, true, ret_entry);
		return 0;
	}
	position -= 2;
	if (!view)
		return read_root(catalog, position, ret_entry);
	for (unsigned i = 1; i < view->nnodes; i++) {
		if (view->nodes[i].parent != index || position-- > 0)
			continue;
		*ret_entry = (struct sc_catalog_dirent){ .name = view->nodes[i].name, .has_attributes = true };
		fill_node(catalog, entry, i, &ret_entry->node);
		return 0;
	}
	return -ENOENT;
}

int sc_catalog_open_file(struct sc_catalog *catalog, uint64_t id, const struct sc_view **ret_view, unsigned *ret_index)
{
	struct entry *entry;
	unsigned index;
	if (id == SC_CATALOG_ROOT)
		return -EISDIR;
	int rc = find_node(catalog, id, &entry, &index);
	if (rc < 0)
		return rc;
	const struct sc_view *view = built_view(entry);
	if (index == 0 || view->nodes[index].kind == SC_NODE_DIRECTORY)
		return -EISDIR;
	*ret_view = view;
	*ret_index = index;
	return 0;
}

int sc_catalog_source(struct sc_catalog *catalog, uint64_t id, char **ret_path)
{
	struct entry *entry;
	unsigned index;
	if (id == SC_CATALOG_ROOT)
		return -ENODATA;
	int rc = find_node(catalog, id, &entry, &index);
	if (rc < 0)
		return rc;
	if (index > 0)
		return -ENODATA;
	const char *directory = catalog->source->path;
	bool is_slash = strcmp(directory, "/") == 0;
	return asprintf(ret_path, "%s/%s", is_slash ? "" : directory, entry->product->base) < 0 ? -ENOMEM : 0;
}

void sc_catalog_each_view(struct sc_catalog *catalog, void (*forget)(void *context, const struct sc_view *view),
			  void *context)
{
	for (size_t i = 0; i < catalog->nentries; i++) {
		if (built_view(&catalog->entries[i]))
			forget(context, built_view(&catalog->entries[i]));
	}
}

/* --- making and freeing --- */

/* Two families can want one name: a.subcube.0.b.c and a.b.subcube.0.c. */
static void drop_twins(struct sc_catalog *catalog)
{
	size_t kept = 0;
	for (size_t i = 0; i < catalog->nentries; i++) {
		struct entry *entry = &catalog->entries[i];
		if (kept > 0 && strcmp(catalog->entries[kept - 1].name, entry->name) == 0) {
			sc_log(SC_LOG_WARNING,
			       "%s: families '%s' and '%s' both have this image; only the first is shown", entry->name,
			       catalog->entries[kept - 1].product->base, entry->product->base);
			free(entry->name);
		} else {
			catalog->entries[kept++] = *entry;
		}
	}
	catalog->nentries = kept;
}

static int fill_entries(struct sc_catalog *catalog)
{
	const struct sc_scan *scan = &catalog->scan;
	catalog->entries = calloc(scan->nproducts ? scan->nproducts : 1, sizeof(*catalog->entries));
	if (!catalog->entries)
		return -ENOMEM;
	for (; catalog->nentries < scan->nproducts; catalog->nentries++) {
		struct entry *entry = &catalog->entries[catalog->nentries];
		entry->product = &scan->products[catalog->nentries];
		if (asprintf(&entry->name, "%s%s", entry->product->base, entry->product->ext) < 0)
			return -ENOMEM;
	}
	qsort(catalog->entries, catalog->nentries, sizeof(*catalog->entries), compare_entries);
	drop_twins(catalog);
	for (size_t i = 0; i < catalog->nentries; i++) {
		struct entry *entry = &catalog->entries[i];
		entry->serial = i + 1;
		pthread_mutex_init(&entry->access_lock, NULL);
		pthread_mutex_init(&entry->build_lock, NULL);
		pthread_cond_init(&entry->build_ended, NULL);
	}
	return 0;
}

int sc_catalog_new(const struct sc_source *source, struct sc_scan *scan, const struct sc_view_options *options,
		   uid_t uid, gid_t gid, struct sc_catalog **ret_catalog, struct sc_error *err)
{
	struct sc_catalog *catalog = calloc(1, sizeof(*catalog));
	if (!catalog)
		return sc_error_errno(err, -ENOMEM, "%s", source->path);
	catalog->source = source;
	catalog->options = *options;
	catalog->scan = *scan;
	*scan = (struct sc_scan){ 0 };
	int rc = fill_entries(catalog);
	if (rc < 0)
		sc_error_errno(err, rc, "%s", source->path);
	else
		rc = sc_attributes_init(source, uid, gid, &catalog->owner, err);
	if (rc < 0) {
		sc_catalog_free(catalog);
		return rc;
	}
	*ret_catalog = catalog;
	return 0;
}

void sc_catalog_free(struct sc_catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < catalog->nentries; i++) {
		struct entry *entry = &catalog->entries[i];
		struct sc_view *view = built_view(entry);
		if (view)
			sc_view_free(view);
		free(entry->failure);
		free(entry->name);
	}
	free(catalog->entries);
	sc_scan_clear(&catalog->scan);
	free(catalog);
}

size_t sc_catalog_count(const struct sc_catalog *catalog)
{
	return catalog->nentries;
}
