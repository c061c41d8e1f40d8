/*
 * settling.h - parts that are still being written are not read, moved or removed.
 *
 * A run usually starts when the imager has just ended, so it waits until the parts have been left alone for as long as
 * options->view.settle says (settle.h). It waits no longer than that: what is changed again meanwhile, or is locked, belongs to
 * an imager that is still at work.
 */
#ifndef SC_SETTLING_H
#define SC_SETTLING_H

#include "input.h"
#include "settle.h"

/* What was seen of the products' parts while waiting; starts as { 0 }. */
struct sc_settling {
	size_t count; /* products */
	struct sc_settle_memory *memories;
};

void sc_settling_clear(struct sc_settling *settling);

/*
 * Finds the input as sc_input_find does, and waits until all of its parts are settled; with options->wait for as long as
 * it takes. What came or went meanwhile is found too. FAILED: a part is not, and `err` says why and what to do.
 */
enum sc_status sc_settling_find(const struct sc_options *options, struct sc_settling *settling, struct sc_input *input,
				struct sc_error *err);

/* Looks again, before parts are taken: -EBUSY names one that somebody has begun to write. */
int sc_settling_check(const struct sc_options *options, const struct sc_source *source,
		      const struct sc_product *product, struct sc_settle_memory *memory, struct sc_error *err);

#endif
