/*
 * xattrs.h - the extended attributes of a view's directory, for programs that have a path only.
 *
 *   user.subcubefs.source      SOURCE/BASE, where the parts are
 *   user.subcubefs.generation  its number
 *   user.subcubefs.parts       how many there are
 *   user.subcubefs.missing     names of the parts that are shown as blank, with commas between; "" when none; where an
 *                              attribute has no room for all of them it ends in ",..."
 *   user.subcubefs.options     viewoptions.h: what makes the same image elsewhere
 */
#ifndef SC_XATTRS_H
#define SC_XATTRS_H

#include "catalog.h"

/* The names, each with its zero byte. */
extern const char sc_xattrs_names[];
extern const size_t sc_xattrs_names_size;

/* Whether the attribute is only known once the view is built. False for what is no attribute of ours, too. */
bool sc_xattrs_need_view(const char *name);

/* The value, with no zero byte that counts; the caller frees it. -ENODATA: no such attribute. `options`: of the mount. */
int sc_xattrs_get(struct sc_catalog *catalog, const struct sc_generation *generation, const char *options,
		  const char *name, char **ret_value);

#endif
