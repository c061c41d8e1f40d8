/*
 * listing.h - the families of a source as a table for people, or as JSON for programs (--list).
 *
 * JSON, whose keys stay as they are (more may come):
 *   { "source": "/data/run",
 *     "bytes_per_second": 500000000,              what times are estimated with
 *     "families": [ {
 *       "name": "cube.image", "base": "cube", "extension": ".image",
 *       "kind": "parts",                          or "catalog" (a virtual image), "paged" (a finished image)
 *       "shape": [512, 512, 1, 1000],             null, like all that follows, when the headers cannot be read
 *       "channels": 1000,                         null without a spectral axis
 *       "frequency_hz": [1.4e9, 1.5e9],           of the first and the last channel; null without
 *       "frame": "LSRK", "unit": "Jy/beam",       null: none
 *       "beam_arcsec": { "major": [2.9, 3.1], "minor": [1.9, 2.0] },     null: none
 *       "flagged_beams": 1,                       left out of these, of channels that are flagged altogether
 *       "mask": true,
 *       "parts": 1000, "missing": 0,
 *       "size_bytes": 1048576000,                 of pixels and masks
 *       "estimated_seconds": 2.1,                 to write it out with pixels of its own; null: is, or cannot be
 *       "warnings": ["..."], "problem": null      one sentence on what cannot be read
 *     } ] }
 */
#ifndef SC_LISTING_H
#define SC_LISTING_H

#include "summary.h"

/* What is taken for the time that a copy needs: a good disk's speed. */
#define SC_LISTING_BYTES_PER_SECOND 500e6

struct sc_listing {
	char *source; /* path */
	size_t count;
	struct sc_summary *summaries;
};

struct sc_listing_request {
	const char *source;               /* a directory, or DIR/BASE */
	const struct sc_pattern *pattern; /* of the parts' names; NULL: the known ones */
	struct sc_view_options view;
	const char *cache_dir; /* NULL: the user's */
	bool no_cache, follow_links;
	size_t nextensions; /* 0: all */
	char **extensions;  /* ".image" */
};

/*
 * Summarizes what is in a source, several families at a time. Views are those that a mount shows, so that both have
 * use of what the other left in the cache: with the parts' tiles. -ENOENT: there is nothing to list. The caller calls
 * sc_listing_clear.
 */
int sc_listing_make(const struct sc_listing_request *request, struct sc_listing *ret_listing, struct sc_error *err);
void sc_listing_clear(struct sc_listing *listing);

/* Whether any of them has a problem. */
bool sc_listing_has_problems(const struct sc_listing *listing);

/* To write it with pixels of its own, roughly. */
double sc_listing_seconds(const struct sc_summary *summary);

/* Lines that end with a newline; the caller frees them. NULL: out of memory. */
char *sc_listing_text(const struct sc_listing *listing, bool as_json);

/* The two forms of it. */
char *sc_listing_table(const struct sc_listing *listing);
char *sc_listing_json(const struct sc_listing *listing);

#endif
