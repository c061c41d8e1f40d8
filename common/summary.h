/*
 * summary.h - the facts of one product that a user wants to know before anything is done with it.
 *
 * They come from the view of it, so from the cache when one is given, and are those of the image that the view shows.
 */
#ifndef SC_SUMMARY_H
#define SC_SUMMARY_H

#include "beamrange.h"
#include "view.h"

struct sc_summary {
	char *base, *ext; /* "cube", ".image" */
	enum sc_product_kind kind;
	size_t nparts;      /* that are there and not left out; 0 of a finished image */
	uint64_t nmissing;  /* parts */
	int ndim;           /* 0: nothing is known from here on, `problem` says why */
	int64_t shape[SC_MAXDIM];
	bool has_frequencies;
	int64_t nchan;      /* on the spectral axis, with frequencies */
	double hz[2];       /* of the first and the last channel, in the native frame */
	char frame[16];     /* "LSRK"; "" when it is not known */
	char *unit;         /* "Jy/beam", may be empty; NULL with ndim 0 */
	struct sc_beamrange beams;
	bool has_mask;
	uint64_t size_bytes; /* of the files of pixels and masks */
	size_t nwarnings;
	char **warnings;     /* what materializing would warn of */
	char *problem;       /* NULL, or why it cannot be read, or not all of it; one sentence */
};

/* What is wrong with the product is no error but `problem`. -ENOMEM only. The caller calls sc_summary_clear. */
int sc_summary_make(const struct sc_source *source, const struct sc_product *product,
		    const struct sc_view_options *options, struct sc_summary *ret_summary);
void sc_summary_clear(struct sc_summary *summary);

#endif
