/*
 * list.h - --list: what there is to materialize.
 */
#ifndef SC_LIST_H
#define SC_LIST_H

#include "options.h"

/* Returns the exit status: SC_STATUS_FAILED also when a family is there but cannot be read. */
int sc_list_run(const struct sc_options *options);

#endif
