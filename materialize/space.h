/*
 * space.h - what a run will need on disk, and what there is.
 */
#ifndef SC_SPACE_H
#define SC_SPACE_H

#include "image.h"

struct sc_space {
	uint64_t needed_bytes; /* by all images that are pending together */
	uint64_t free_bytes;   /* for this user */
	bool is_known;         /* free_bytes; some network file systems tell nothing */
};

struct sc_space sc_space_of(const struct sc_image *images, size_t nimages);

/* Better said now than after an hour; what others write meanwhile can't be known. Fails all pending images. */
void sc_space_check(struct sc_image *images, size_t nimages);

#endif
