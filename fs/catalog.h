/*
 * catalog.h - what the mount shows: the products of a scan as a tree of nodes
 * with attributes. Knows nothing of FUSE.
 *
 *   node 1                   the root: one directory BASE.EXT for each product
 *   node serial << 8 | index node `index` of the view that has this serial number
 *
 * A serial number belongs to one view for ever, so a node's number is never
 * used again and always means the same bytes.
 *
 * A product's view is built at the first look into it, by one thread; others
 * that want the same view wait, all else goes on. The attributes of a view's
 * directory need the parts' directories only and never build anything.
 *
 * Thread-safe. Functions return 0 or -errno; what went wrong with a view goes
 * to the log, and its callers get -EIO.
 */
#ifndef SC_CATALOG_H
#define SC_CATALOG_H

#include "scan.h"
#include "view.h"

#include <sys/stat.h>

#define SC_CATALOG_ROOT UINT64_C(1)

/* A view that could not be built is not tried again before this time. */
#define SC_CATALOG_RETRY_NS INT64_C(2000000000)

struct sc_catalog;

struct sc_catalog_node {
	uint64_t id;
	struct stat attr;
	bool settled; /* the attributes are final: false for the directory of a view that is not built yet */
};

struct sc_catalog_dirent {
	const char *name;    /* as long-lived as the catalog */
	bool has_attributes; /* else only id, st_ino and the type in st_mode are set in `node` */
	struct sc_catalog_node node;
};

/*
 * Takes over what is in `scan`. `source` must outlive the catalog. `uid` and
 * `gid` are the mounting user's.
 */
int sc_catalog_new(const struct sc_source *source, struct sc_scan *scan, const struct sc_view_options *options,
		   uid_t uid, gid_t gid, struct sc_catalog **ret_catalog, struct sc_error *err);
void sc_catalog_free(struct sc_catalog *catalog);

size_t sc_catalog_count(const struct sc_catalog *catalog);

int sc_catalog_lookup(struct sc_catalog *catalog, uint64_t directory, const char *name,
		      struct sc_catalog_node *ret_node);
int sc_catalog_getattr(struct sc_catalog *catalog, uint64_t id, struct sc_catalog_node *ret_node);

/* The entry number `position` of a directory, from 0, "." and ".." included; -ENOENT behind the last. */
int sc_catalog_read_directory(struct sc_catalog *catalog, uint64_t id, uint64_t position,
			      struct sc_catalog_dirent *ret_entry);

/* The view and the index in it of a file. */
int sc_catalog_open_file(struct sc_catalog *catalog, uint64_t id, const struct sc_view **ret_view, unsigned *ret_index);

/* SOURCE/BASE, where the parts of the view whose directory `id` is are; -ENODATA for other nodes. Caller frees. */
int sc_catalog_source(struct sc_catalog *catalog, uint64_t id, char **ret_path);

/* Lets `forget` see every view that was built, before the catalog is freed. */
void sc_catalog_each_view(struct sc_catalog *catalog, void (*forget)(void *context, const struct sc_view *view),
			  void *context);

#endif
