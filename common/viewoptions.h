/*
 * viewoptions.h - the options that say what a view holds, which both programs
 * understand alike: the same options give the same bytes.
 *
 *   missing=error|skip|blank  nparts=N  nchan=TOTAL  history=first|all
 *   miscinfo=merge|first  axis=spectral|N  reorder  relax  strict
 *   settle=SECONDS  ready-file=PATTERN
 */
#ifndef SC_VIEWOPTIONS_H
#define SC_VIEWOPTIONS_H

#include "view.h"

/*
 * Sets the option `name` ("missing", without dashes) to `value`, NULL for an
 * option without one; a text stays the caller's and must outlive the options. -EINVAL: not a value that the option takes; -ENOENT: no such option.
 */
int sc_viewoptions_set(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err);

/*
 * What shapes the images, as lines "NAME=VALUE" or "NAME" which sc_viewoptions_set takes in another program: a mount
 * tells it with the extended attribute SC_VIEWOPTIONS_ATTRIBUTE, and after it, by whoever opened the source,
 * "pattern=PATTERN" and "follow-links". The caller frees it. NULL: out of memory.
 */
char *sc_viewoptions_format(const struct sc_view_options *options);

/* Of a view's directory on a mount: the lines that make the same image elsewhere. */
#define SC_VIEWOPTIONS_ATTRIBUTE "user.subcubefs.options"

#endif
