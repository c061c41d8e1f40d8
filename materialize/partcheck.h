/*
 * partcheck.h - whether parts are still what they were when the view was built: what was read in between is then of
 * one version.
 */
#ifndef SC_PARTCHECK_H
#define SC_PARTCHECK_H

#include "view.h"

/* All of them, several at a time; -ESTALE names the first that is not. The file server is asked, for each file. */
int sc_partcheck_all(const struct sc_view *view, struct sc_error *err);

#endif
