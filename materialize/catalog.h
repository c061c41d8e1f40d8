/*
 * catalog.h - writes the imageconcat.json of a virtual image.
 */
#ifndef SC_CATALOG_H
#define SC_CATALOG_H

#include "output.h"
#include "partlist.h"

/*
 * Writes `file` in the image's directory and syncs it. `inside`: the parts are (or will be) in that directory. Logs a
 * warning when something of miscinfo cannot be held.
 */
int sc_catalog_write(const struct sc_view *view, const struct sc_partlist *parts, const struct sc_output *output,
		     const char *file, bool inside, bool tempclose, struct sc_error *err);

/* Writes and syncs a new small file. */
int sc_catalog_write_file(int dirfd, const char *name, const void *data, size_t size);

#endif
