/*
 * materialize.h - the whole run: find, build the views, lock the outputs, copy,
 * commit, say how it went.
 *
 *    nothing is written    input -> outputs free? -> views
 *    hidden files only     locks of all -> recover -> space? -> empty images -> plan -> pool of children
 *    again, to compare     with --remove-subcubes: all that was written, read back
 *    under final names     each image as soon as it is complete and synced
 *    the parts             removed when all images are made
 */
#ifndef SC_MATERIALIZE_H
#define SC_MATERIALIZE_H

#include "options.h"

/* Returns the exit status: an enum sc_status, or 128 + signal. */
int sc_materialize(const struct sc_options *options);

#endif
