/*
 * statusjson.h - what the mount shows, and what not and why, as JSON.
 *
 * Keys stay as they are (more may come):
 *   { "version": "0.1.0", "source": "/data/run",
 *     "images": [ {                              each generation that is shown, or has files open
 *       "name": "cube.image", "generation": 12,
 *       "current": true,                         false: it has been replaced
 *       "state": "shown",                        or "not looked into", "failed"
 *       "problem": null,                         why it failed, one sentence
 *       "parts": 998,                            null, like what follows, when it is not built
 *       "missing": ["cube.subcube.7.image"],     shown as blank
 *       "unsettled": [ { "part": "cube.subcube.7.image", "reason": "it changed less than 10 s ago" } ],
 *       "warnings": ["..."], "open": 2           files and directories
 *     } ],
 *     "not_shown": [ { "name": "cube.psf", "unsettled": [ ... ] } ],
 *     "reads": { "count": 10, "bytes": 1048576, "errors": 0 } }
 */
#ifndef SC_STATUSJSON_H
#define SC_STATUSJSON_H

#include "status.h"

/* Caller frees; NULL: out of memory. */
char *sc_statusjson_make(struct sc_catalog *catalog, const struct sc_status_reads *reads);

#endif
