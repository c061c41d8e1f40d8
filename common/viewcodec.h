/*
 * viewcodec.h - a view <-> bytes, and the key under which they are kept.
 *
 * What is decoded may come from a damaged or made-up file: every length, index
 * and name is checked, and a view that could not have been built is -EUCLEAN.
 * The files' versions when it was built are in it as hashes; whether they still are that, viewfresh.h tells.
 */
#ifndef SC_VIEWCODEC_H
#define SC_VIEWCODEC_H

#include "view.h"

/* All that shapes a view but the parts themselves: the source, the product's name, the options, the program. */
int sc_viewcodec_key(const struct sc_source *source, const struct sc_product *product,
		     const struct sc_view_options *options, uint8_t **ret_key, size_t *ret_size);

/* 0 or -errno. The caller frees *ret_data. The view has no nodes of the kind FILE and no miscinfo. */
int sc_viewcodec_encode(const struct sc_view *view, const struct sc_product *product, uint8_t **ret_data,
			size_t *ret_size);

/*
 * Fills `view`, whose name and source are set, but for the identities of the pixels' and masks' files. -EUCLEAN: no view of
 * this product. What is there after an error is freed with the view.
 */
int sc_viewcodec_decode(const uint8_t *data, size_t size, const struct sc_product *product, struct sc_view *view);

#endif
