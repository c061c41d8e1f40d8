/*
 * list.h - --list: what a mount of the source would show.
 */
#ifndef SC_LIST_H
#define SC_LIST_H

#include "options.h"

/* Returns the exit status: SC_EXIT_FAILURE also when a family is there but cannot be read. */
int sc_list_run(const struct sc_options *options);

#endif
