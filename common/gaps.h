/*
 * gaps.h - how many channels missing parts had, told by those that are there.
 *
 * Parts have numbers; a number that is absent is a missing part. Between two
 * parts the jump in frequency tells how many channels are missing; at the ends
 * only the other parts' length does, when all have equally many channels, or
 * the total that the user gives.
 *
 * Pure arithmetic. World values are frequencies in Hz of channel centres.
 */
#ifndef SC_GAPS_H
#define SC_GAPS_H

#include "base.h"
#include "error.h"

struct sc_gap_part {
	const char *name; /* for messages, not owned */
	uint64_t number;
	int64_t nchan;
	double first_hz, last_hz;
};

struct sc_gap_request {
	size_t nparts;                   /* at least 1 */
	const struct sc_gap_part *parts; /* by number, ascending */
	uint64_t first_number;           /* of a complete family: 0, or 1 for CASA's own */
	uint64_t last_number;            /* of a complete family */
	double increment_hz;             /* of the first part; may be 0 when unknown */
	int64_t total_nchan;             /* of the complete cube; 0: not given */
};

/* A run of missing parts. */
struct sc_gap {
	size_t before;                      /* it comes before this part; nparts: behind the last */
	uint64_t first_number, last_number; /* of the missing parts */
	int64_t nchan;                      /* 0: the neighbours' frequencies leave no room */
	double first_hz, increment_hz;      /* of its channels */
};

/*
 * The gaps in order; the caller frees *ret_gaps. It is an error, which names
 * the suspects, when a gap is not a whole number of channels wide, when parts
 * overlap, or when nothing tells the length of a missing end.
 */
int sc_gaps_find(const struct sc_gap_request *request, struct sc_gap **ret_gaps, size_t *ret_ngaps,
		 struct sc_error *err);

#endif
