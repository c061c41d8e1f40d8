/*
 * view.h - the immutable tree of directories and files that is one CASA image.
 *
 *   BASE.EXT/          table.dat table.f0 table.info table.lock   bytes made once
 *                      table.f0_TSM0                              the parts' pixels: a layout
 *     logtable/        table.dat table.f0 ...                     bytes
 *     mask0/           table.dat table.f0 ... table.f0_TSM0       bytes and a layout
 *
 * A view is built once from a product of a scan, or read from the cache when
 * none of the parts has changed, then served (fs) or written
 * (materialize). A product that is a finished image already is passed through,
 * file by file. A view never changes, so any number of threads may use it; it
 * keeps a pointer to its source, which must outlive it.
 */
#ifndef SC_VIEW_H
#define SC_VIEW_H

#include "header.h"
#include "layout.h"
#include "scan.h"
#include "settle.h"
#include "subcube.h"
#include "tiling.h"

enum sc_node_kind {
	SC_NODE_DIRECTORY,
	SC_NODE_BYTES,
	SC_NODE_ARRAY,
	SC_NODE_FILE, /* a file of a finished image, as it is */
};

#define SC_VIEW_MAXNODES 48

/* Of a view that is only arrays. */
#define SC_VIEW_PIXELS "pixels"
#define SC_VIEW_MASK "mask"

struct sc_viewcache;

struct sc_node {
	char *name;      /* "" for the root */
	unsigned parent; /* index; the root is its own parent */
	enum sc_node_kind kind;
	uint64_t size_bytes;            /* of a file; 0 for directories */
	const uint8_t *bytes;           /* BYTES */
	const struct sc_layout *layout; /* ARRAY */
	bool is_mask;                   /* ARRAY: the mask, not the pixels */
	char *path;                     /* FILE: below the source, owned */
	struct sc_file_id id;           /* FILE: when the view was built */
};

struct sc_part {
	char *name; /* directory name in the source; of a blank one: of the missing part or parts */
	bool blank; /* missing: nothing on disk */
	uint64_t number;
	struct sc_file_id pixels_id, mask_id; /* when the header was read */
	struct sc_identity identity;          /* of all its files, see subcube.h */
};

struct sc_view {
	char *name; /* BASE.EXT */
	const struct sc_source *source;
	unsigned nnodes;
	struct sc_node nodes[SC_VIEW_MAXNODES]; /* parents before children; [0] is the root */
	struct sc_layout pixels, mask;
	bool axis_differs; /* casacore may number the axis otherwise when it has only the parts, see header.h */
	bool has_mask;
	size_t nparts;
	struct sc_part *parts;  /* slab i of both layouts is part i */
	struct sc_access files; /* of the parts' files: mode bits, owner, newest time */
	size_t nwarnings;
	char **warnings;            /* what casacore would warn of, one sentence each */
	size_t ntruncated;          /* parts whose pixel or mask file is too short: reads there fail with -EIO */
	char *truncated;            /* one sentence on the first of them, NULL when none */
	struct sc_record *miscinfo; /* the final one, with options.keep_miscinfo; NULL: none */
	int64_t newest_ns;          /* when a file that its bytes come from changed last, since 1970 */
	struct sc_identity history; /* of the log tables, with options.cache */
};

/* What becomes of missing parts. */
enum sc_missing {
	SC_MISSING_ERROR,
	SC_MISSING_SKIP,  /* the cube is shorter */
	SC_MISSING_BLANK, /* NaN and masked, or 0 in products that add up */
};

struct sc_view_options {
	struct sc_tiling tiling;
	struct sc_header_options header;
	enum sc_missing missing;
	uint64_t nparts;    /* how many there should be; higher numbers are left out; 0: not given */
	int64_t nchan;      /* channels of the complete cube; 0: not given */
	bool reorder;       /* by world coordinate instead of number */
	bool all_history;   /* all parts' rows, not the first one's only */
	bool arrays_only;   /* no tables: the view is two files, SC_VIEW_PIXELS and SC_VIEW_MASK. Never from the cache */
	bool keep_miscinfo; /* in the view, for whoever writes a catalog; a long cube's is large. Never from the cache */
	/* Which parts sc_settle_look leaves out of the product: building a view takes what it is given. */
	struct sc_settle_options settle;
	struct sc_viewcache *cache; /* where built views are kept; NULL: nowhere. Shapes nothing */
};

/*
 * Reads the headers of all parts of `product` and builds the view. Errors
 * name the part; a missing part is -ENOENT. The caller frees it with
 * sc_view_free. Thread-safe.
 */
int sc_view_build(const struct sc_source *source, const struct sc_product *product,
		  const struct sc_view_options *options, struct sc_view **ret_view, struct sc_error *err);
void sc_view_free(struct sc_view *view);

/* The child `name` of a directory node, or -1. */
int sc_view_find(const struct sc_view *view, unsigned directory, const char *name);

/* Parts that are there, without the blank ones. */
size_t sc_view_count_parts(const struct sc_view *view);

#endif
