/*
 * passthrough.h - the view of a product that is a finished image already.
 *
 * Its files are served as they are, so that a path into a mount stays valid
 * from the imaging run to the final product.
 */
#ifndef SC_PASSTHROUGH_H
#define SC_PASSTHROUGH_H

#include "view.h"

/* Fills nodes and files of `view`, whose name and source are set: the directory `path` and those in it. */
int sc_passthrough(struct sc_view *view, const char *path, struct sc_error *err);

#endif
