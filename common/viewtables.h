/*
 * viewtables.h - the template tables that casacore made for a 1 x 1 x ... image -> the view's own.
 *
 * table.dat gets the final keywords (coordinates, units, image info, miscinfo,
 * the mask's box), table.f0 the shape, the tiles and the byte order. casacore would
 * write every pixel of a new image, and define a long cube's miscinfo in quadratic time.
 */
#ifndef SC_VIEWTABLES_H
#define SC_VIEWTABLES_H

#include "header.h"
#include "headerclient.h"
#include "layout.h"

/* Where the arrays of the finished tables are. */
struct sc_viewtables {
	char pixels_file[64]; /* "table.f0_TSM0" */
	char mask_file[64];   /* "mask0/table.f0_TSM0" */
};

/* Changes the template's files in place. `mask` is NULL when the view has none. */
int sc_viewtables_finish(const struct sc_header *header, const struct sc_layout *pixels, const struct sc_layout *mask,
			 struct sc_template *files, struct sc_viewtables *ret_tables, struct sc_error *err);

#endif
