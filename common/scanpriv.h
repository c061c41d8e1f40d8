/*
 * scanpriv.h - what the two halves of a scan share: loose parts (scan.c) and products in one piece (scanwhole.c).
 */
#ifndef SC_SCANPRIV_H
#define SC_SCANPRIV_H

#include "scan.h"

#define SC_SCAN_NKNOWN_EXTENSIONS 9
extern const char *const sc_scan_known_extensions[SC_SCAN_NKNOWN_EXTENSIONS];

/* Whether the part has the file. What leads into the mount itself has none. */
bool sc_scan_entry_exists(const struct sc_source *source, const char *part, const char *file);

/* Directories that may be products without loose parts. */
struct sc_candidates {
	size_t count;
	char **names;
};

/* Adds the products that have no loose parts: where there are any, these count. 0 or -ENOMEM. */
int sc_scan_add_whole_products(const struct sc_source *source, const struct sc_scan_options *options,
			       const struct sc_candidates *candidates, struct sc_scan *scan);

#endif
