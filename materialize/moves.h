/*
 * moves.h - --resume and --undo: finds the images of a BASE that parts were moved into, and finishes or undoes each.
 */
#ifndef SC_MOVES_H
#define SC_MOVES_H

#include "options.h"

/* Returns the exit status. */
int sc_moves_run(const struct sc_options *options);

#endif
