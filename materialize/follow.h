/*
 * follow.h - started beside an imaging run: copies each part as it is finished, so that little is left to do after the
 * last one.
 *
 * The pixels and the mask of a cube have their final shape from the first part on (options->view.nparts), so layers of
 * tiles are copied into files in the work directory (copied.h) as soon as all of their parts are finished. Which are is
 * told by settle.h, or by numbers on standard input. When all parts of all extensions are, the run goes on as any other
 * does, with a view of all parts, but takes these files for its arrays and leaves out what is copied in them from parts
 * that are still the same.
 *
 * A part whose last change is so short ago that another one might leave the same times behind is left for the end.
 */
#ifndef SC_FOLLOW_H
#define SC_FOLLOW_H

#include "image.h"
#include "input.h"
#include "progress.h"

struct sc_follow;

/*
 * Copies until all parts are finished: DONE comes with the input, as of sc_input_find, and with *ret_follow, both for
 * the caller to free. Another status, or 128 + the signal that asked to stop, comes with `err`; what was copied is then
 * left for the next run that follows.
 */
int sc_follow_run(const struct sc_options *options, struct sc_progress *progress, struct sc_input *input,
		  struct sc_follow **ret_follow, struct sc_error *err);

/* Gives an image of the input its output, locked, with what is copied, and why it was given up, if it was. */
void sc_follow_hand_over(struct sc_follow *follow, struct sc_image *image);

/* Images that were handed over must be closed before. */
void sc_follow_free(struct sc_follow *follow);

#endif
