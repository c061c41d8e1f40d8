/*
 * gather.h - the general path: pixels of parts whose tiles, byte orders or bit
 * masks do not line up with the view's.
 *
 * A box is a rectangle of the view's array. Its buffer holds the elements in
 * Fortran order, in the view's byte order; Bool elements take a byte each (0, 1).
 * Functions are thread-safe as far as `read` is.
 */
#ifndef SC_GATHER_H
#define SC_GATHER_H

#include "layout.h"

/* Reads exactly `count` bytes at `offset` of the file that slab `slab` is stored in. 0 or -errno. */
typedef int sc_gather_read(void *context, size_t slab, uint64_t offset, void *buffer, size_t count,
			   struct sc_error *err);

/* Bytes of an element in a box. */
unsigned sc_gather_element_bytes(const struct sc_layout *layout);

/* Fills `box` (product of `count` elements). Every part tile that it touches is read once. */
int sc_gather_box(const struct sc_layout *layout, const int64_t *start, const int64_t *count, uint8_t *box,
		  sc_gather_read *read, void *context, struct sc_error *err);

/*
 * Cuts the view tile with the given indices out of a box that holds all of its
 * pixels that are inside the array; what is outside becomes 0. Writes layout->tile_bytes bytes.
 */
void sc_gather_cut_tile(const struct sc_layout *layout, const int64_t *tile_indices, const int64_t *box_start,
			const int64_t *box_count, const uint8_t *box, uint8_t *ret_tile);

/* Both in one, for one tile. */
int sc_gather_tile(const struct sc_layout *layout, uint64_t tile, uint8_t *ret_tile, sc_gather_read *read,
		   void *context, struct sc_error *err);

#endif
