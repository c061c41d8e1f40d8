/*
 * worlds.h - the world coordinates of all pixels along the concatenation axis, part after part.
 *
 * Frequencies in Hz on a spectral axis, else as concataxis.h says. Whether they go on as they began is noted while parts
 * are added; what that means for the axis is concataxis.h's to say. Not thread-safe.
 */
#ifndef SC_WORLDS_H
#define SC_WORLDS_H

#include "concataxis.h"
#include "gaps.h"

/* Starts as { 0 }; the caller calls sc_worlds_clear. */
struct sc_worlds {
	size_t count, capacity;
	double *values;
	size_t nparts, parts_capacity;
	size_t *starts;      /* the first pixel of each part */
	char *last_name;     /* of the part added last */
	char *order_problem; /* the first place where they turn, a sentence with `hint`; NULL: they do not */
	const char *hint;    /* what to do about that; not owned */
};

void sc_worlds_clear(struct sc_worlds *worlds);

/*
 * Adds a part of `npixels` on the axis; `coords` are its coordinates. *ret_increment is 0 when it has none. -EFBIG: no cube
 * has as many channels.
 */
int sc_worlds_add(struct sc_worlds *worlds, const struct sc_concataxis *axis, const struct sc_record *coords,
		  const char *name, int64_t npixels, double *ret_increment, struct sc_error *err);

/* First and last value of part `index`, in order of adding. */
void sc_worlds_of_part(const struct sc_worlds *worlds, size_t index, double *ret_first, double *ret_last);

/* Puts the gaps' channels between those of the parts, where no single part can be asked for afterwards. */
int sc_worlds_insert_gaps(struct sc_worlds *worlds, const struct sc_gap *gaps, size_t ngaps, struct sc_error *err);

#endif
