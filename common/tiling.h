/*
 * tiling.h - which tile shape a view gets.
 *
 * Pure functions; shapes in pixels, x first.
 */
#ifndef SC_TILING_H
#define SC_TILING_H

#include "layout.h"

enum sc_tiling_mode {
	SC_TILING_KEEP, /* the parts' own tiles: a plain copy of byte ranges where that is possible */
	SC_TILING_CASA, /* what casacore chooses for a new image of the shape */
	SC_TILING_AUTO, /* casa, or a balanced tile where casa's is far too deep for planes */
	SC_TILING_GIVEN,
};

struct sc_tiling {
	enum sc_tiling_mode mode;
	int ndim;                /* GIVEN: number of lengths */
	int64_t tile[SC_MAXDIM]; /* GIVEN */
};

/* Parses "keep", "casa", "auto" or "X,Y,S,C". */
int sc_tiling_parse(const char *text, struct sc_tiling *ret_tiling, struct sc_error *err);

/* casacore's TiledShape(shape).tileShape(): 32768 pixels, tolerance 0.5 (lattices/Lattices/TiledShape.cc). */
void sc_tiling_casa(int ndim, const int64_t *shape, int64_t *ret_tile);

/*
 * casa's tile unless reading one plane would touch more than 20 times the
 * plane's bytes; then a tile of about as many pixels by which a plane (all
 * pixels of one channel) and a spectrum (all channels of one pixel) touch equally many bytes.
 */
void sc_tiling_auto(int ndim, const int64_t *shape, int axis, int64_t *ret_tile);

/*
 * The parts' tiles: the commonest storage's tile, its depth on the axis cut so
 * that tiles never straddle parts where that leaves tiles of a useful size.
 * `fallback` (may be NULL) is taken when no slab has a storage.
 */
void sc_tiling_keep(const struct sc_layout *layout, const int64_t *fallback, int64_t *ret_tile, bool *ret_big_endian);

#endif
