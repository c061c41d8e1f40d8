/*
 * materialize.h - the whole run: find, build the views, lock the outputs, copy,
 * commit, say how it went.
 *
 *    headers are kept      input -> outputs free? -> views -> parts safe? -> --dry-run ends here
 *    hidden files only     locks of all -> recover -> space? -> empty images -> plan -> pool of children
 *    again, to compare     with --verify, --overwrite, --remove-subcubes: all that was written, read back
 *    under final names     each image as soon as it is complete and synced, or compared
 *    the parts             with --remove-subcubes: removed when all images are made
 *
 * Before the input is looked for, what killed runs left is swept away (sweep.h; not by --dry-run); with --follow, parts are copied into hidden
 * files while they come (follow.h). With --wait, a run that finds another one at work begins anew after it.
 */
#ifndef SC_MATERIALIZE_H
#define SC_MATERIALIZE_H

#include "options.h"

/* Returns the exit status: an enum sc_status, or 128 + signal. */
int sc_materialize(const struct sc_options *options);

#endif
