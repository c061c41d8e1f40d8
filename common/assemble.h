/*
 * assemble.h - the parts of a product -> one header, the layouts of pixels and mask.
 *
 * Reads the headers of all parts, in order of number or of world coordinate,
 * finds what is missing, and lays parts and blanks side by side. Chooses no
 * tiles and makes no tables.
 */
#ifndef SC_ASSEMBLE_H
#define SC_ASSEMBLE_H

#include "view.h"

/*
 * Fills nparts, parts, pixels, mask, has_mask, files, warnings and the
 * truncated parts of `view`, whose name and source are set. What is there after
 * an error is freed with the view. On success the caller calls sc_header_clear.
 */
int sc_assemble(struct sc_view *view, const struct sc_product *product, const struct sc_view_options *options,
		struct sc_header *ret_header, struct sc_error *err);

/* Adds a sentence to view->warnings. */
int sc_assemble_warn(struct sc_view *view, struct sc_error *err, const char *format, ...) sc_printf_format(3, 4);

#endif
