/*
 * sweep.h - what dead runs left beside images: their work directories (output.h) are repaired and cleared before
 * anything new is begun, also where the name that they were made for is not written this time.
 */
#ifndef SC_SWEEP_H
#define SC_SWEEP_H

#include "error.h"

/*
 * Clears what belongs to the images `path` and `path`.EXT. What another process is at work on stays, and so does what
 * --resume, --undo and --follow need. -EINPROGRESS: the parts of one of them are not all removed (remove.h), or moved,
 * which --resume is to finish. Other trouble is none of the caller's. Without `err`, a move that is not finished is
 * passed over.
 */
int sc_sweep(const char *path, struct sc_error *err);

/*
 * Whether a dead run has taken parts of `base` out of the directory, into an image of any name that it did not finish,
 * or removed some of those of one that is complete: -EINPROGRESS, which says so. They are not simply missing.
 */
int sc_sweep_look(const char *directory, const char *base, struct sc_error *err);

/* The NAME of a work directory's name, when that is of BASE or BASE.EXT; the caller frees it. NULL: it is not. */
char *sc_sweep_name(const char *work_name, const char *base);

#endif
