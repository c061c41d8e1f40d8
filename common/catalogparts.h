/*
 * catalogparts.h - a product that is a catalog (imageconcat.json) -> the same product with its parts.
 */
#ifndef SC_CATALOGPARTS_H
#define SC_CATALOGPARTS_H

#include "scan.h"

/*
 * Reads the catalog BASE.EXT of the source. The parts are those it names, in
 * its order; `*ret_axis` is its pixel axis. Names that depend on a reader's
 * working directory are an error. The caller calls sc_catalogparts_clear.
 */
int sc_catalogparts_read(const struct sc_source *source, const struct sc_product *product,
			 struct sc_product *ret_product, int *ret_axis, struct sc_error *err);
void sc_catalogparts_clear(struct sc_product *product);

#endif
