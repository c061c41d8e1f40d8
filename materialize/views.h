/*
 * views.h - builds the views of all images, several at a time: a long family's
 * headers take seconds to read.
 */
#ifndef SC_VIEWS_H
#define SC_VIEWS_H

#include "input.h"
#include "view.h"

struct sc_views {
	size_t count;           /* as many as images in the input */
	struct sc_view **views; /* NULL where it failed: */
	struct sc_error *errors;
};

/*
 * A view that cannot be written (a part is truncated) is a failure too. Fails
 * as a whole only for want of memory. The input must outlive the views.
 */
int sc_views_build(const struct sc_input *input, const struct sc_view_options *options, unsigned nthreads,
		   struct sc_views *ret_views, struct sc_error *err);
void sc_views_clear(struct sc_views *views);

/* Logs what casacore would warn of, each sentence once. */
void sc_views_warn(const struct sc_views *views);

#endif
