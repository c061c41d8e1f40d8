/*
 * tsm.h - table.fN of a tiled storage manager: shapes and place of a one-cell hypercube.
 *
 *   "TiledCellStMan" v1:  IPosition default tile, object "TiledStMan"
 *   "TiledShapeStMan" v1: object "TiledStMan", IPosition default tile, row map (one row, one real cube behind a dummy)
 *   "TiledColumnStMan" v1: IPosition tile, object "TiledStMan"
 *   "TiledStMan": v1 big-endian pixels; v2 + Bool big-endian; v3 + Bool, 64-bit counts.
 *      u32 sequence, rows, u32 ncolumns, i32 data types, String hypercolumn, cache size, u32 ndim,
 *      files: count, per file Bool, u32 version, u32 number, length (32 bits in version 1, 64 in version 2)
 *      cubes: count, per cube u32 version, "Record" values, Bool extensible, u32 ndim, IPosition cube shape,
 *             IPosition tile shape, i32 file, offset (32 bits in version 1, 64 in version 2)
 *
 * Source: casacore, tables/DataMan/{TiledStMan,TiledCellStMan,TSMFile,TSMCube}.cc.
 *
 * Shapes are in pixels, x first (Fortran order).
 */
#ifndef SC_TSM_H
#define SC_TSM_H

#include "record.h"

struct sc_tsm {
	char manager[32]; /* as above; the encoder writes "TiledCellStMan" only */
	bool big_endian;
	uint32_t sequence; /* N of table.fN */
	enum sc_type type; /* of a pixel: FLOAT, DOUBLE, COMPLEX, DCOMPLEX, BOOL (others are decoded too) */
	char hypercolumn[64]; /* "map", "PagedArray" */
	uint64_t max_cache_bytes;
	int ndim;
	int64_t default_tile[SC_MAXDIM];
	int64_t shape[SC_MAXDIM];
	int64_t tile[SC_MAXDIM];
	uint32_t file; /* M of table.fN_TSMM */
	uint64_t file_bytes; /* what the header says; casacore does not rely on it, neither do we */
	uint64_t offset_bytes; /* of the cube in that file */
};

/*
 * Bits of one element (Bool 1, float 32, ... dcomplex 128); 0 for a type that
 * cannot be a pixel.
 */
unsigned sc_tsm_type_bits(enum sc_type type);

/* Whether it is one of those above: others have no tiles. */
bool sc_tsm_is_tiled(const char *manager);

/* Accepts one row with one cube and one data column; shapes are checked (no zero, no overflow: every byte offset fits int64_t). */
int sc_tsm_decode(const void *data, size_t size, const char *label, struct sc_tsm *ret_tsm, struct sc_error *err);

/* As casacore's TiledCellStMan of one row writes it. The caller frees *ret_data. */
int sc_tsm_encode(const struct sc_tsm *tsm, uint8_t **ret_data, size_t *ret_size);

#endif
