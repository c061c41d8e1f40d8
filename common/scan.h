/*
 * scan.h - a directory -> the families in it: base, extension, ordered parts, gaps.
 *
 * A part is an entry whose name follows a pattern (names.h): pclean's
 * BASE.subcube.N.EXT, CASA's BASE.workdirectory/BASE.nN.EXT, or the user's own.
 * All parts of one BASE and EXT make one product, in order of N. A product is
 * taken for images when one of its parts looks like one (a directory with
 * table.dat and pixels or a history; a file whose extension ends in .fits), or when its extension is one that imagers
 * write; so a subcube measurement set or a log file is no product.
 *
 * A product without loose parts may still be there as an image BASE.EXT: a
 * catalog of parts (imageconcat.json), wherever these are, or a finished paged image.
 *
 * Only directories are read, no file is opened.
 */
#ifndef SC_SCAN_H
#define SC_SCAN_H

#include "base.h"
#include "error.h"
#include "names.h"
#include "source.h"

struct sc_part_name {
	char *name;      /* "cube.subcube.3.image" */
	uint64_t number; /* 3 */
};

enum sc_product_kind {
	SC_PRODUCT_PARTS,   /* loose parts */
	SC_PRODUCT_CATALOG, /* a directory with imageconcat.json, which names the parts */
	SC_PRODUCT_PAGED,   /* a finished image */
};

struct sc_product {
	enum sc_product_kind kind;
	char *base;                 /* "cube" */
	char *ext;                  /* ".image" */
	size_t nparts;              /* 0 for CATALOG and PAGED */
	struct sc_part_name *parts; /* by ascending number */
	/*
	 * The numbers a complete product has: to the highest that any product of
	 * the family has. What is absent in between is missing.
	 */
	uint64_t first_number, last_number;
	bool listed;                      /* the parts are named one by one: no family, nothing can be missing */
	const struct sc_pattern *pattern; /* of the parts' names */
	char *problem;                    /* NULL, or why the parts cannot be one cube: two of them have one number */
};

struct sc_scan {
	size_t nproducts;
	struct sc_product *products; /* by base, then extension */
};

struct sc_scan_options {
	const char *exclude; /* an entry that is never touched: a mount point inside the source; NULL: none */
	const struct sc_pattern *pattern; /* of the parts' names, outlives the scan; NULL: the known ones */
	bool without_finished;            /* leave out what is a paged image already */
};

/* Reads the source's directory. No product is no error. */
int sc_scan_source(const struct sc_source *source, const struct sc_scan_options *options, struct sc_scan *ret_scan,
		   struct sc_error *err);
void sc_scan_clear(struct sc_scan *scan);

/* For a product that was taken out of a scan. */
void sc_product_clear(struct sc_product *product);

/* The name that part `number` of the product has or would have; the caller frees it, NULL: out of memory. */
char *sc_scan_part_name(const struct sc_product *product, uint64_t number);

#endif
