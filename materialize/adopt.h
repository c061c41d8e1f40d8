/*
 * adopt.h - BASE is one image of a mount: the options of the mount that shape its images are taken over, so that what is
 * written is what the mount shows.
 */
#ifndef SC_ADOPT_H
#define SC_ADOPT_H

#include "options.h"

/* What was given on the command line stays. Nothing is done when BASE is no image of a mount, or of one that tells none. */
int sc_adopt_mount(struct sc_options *options, struct sc_error *err);

#endif
