/*
 * layout.h - pure arithmetic: where each byte of a view's tiled array comes from.
 *
 * The array (pixels or mask) of a view of shape `shape`, cut into tiles of
 * shape `tile`, is the concatenation of slabs along `axis`, one for each part:
 *
 *    channel   0        7        14       21  24        (axis = 3)
 *    slab      |   0    |   1    |   2    | 3 |
 *    tiles     |  |  |  |  |  |  |  |  |  |  |  padded
 *
 * A view tile is a *range* of one part's file when it lies inside one slab and
 * the part stores just these pixels in just this order; it is *filled* when no
 * part stores it (an all-good mask, a missing part); all other tiles are *gathered*.
 * Ranges are computed, never stored: a layout has memory for its slabs only.
 *
 * Bytes of a tile: ceil(pixels x bits / 8); of a file: number of tiles x that.
 * Source: casacore, tables/DataMan/TSMCube.cc.
 *
 * A layout is immutable once made; any number of threads may use it.
 */
#ifndef SC_LAYOUT_H
#define SC_LAYOUT_H

#include "base.h"
#include "coding.h"
#include "error.h"
#include "record.h"

/* How a part stores its slab. Few parts differ, so storages are shared by index. */
struct sc_storage {
	int64_t tile[SC_MAXDIM];
	uint64_t offset_bytes; /* of the hypercube in the file */
	bool big_endian;
	char file[320];          /* inside the part's directory; "": the part is the file */
	struct sc_coding coding; /* not plain: every tile is gathered */
};

/*
 * Slabs with nothing on disk. All bits set are a mask that is good everywhere,
 * or NaN in every type and byte order; all bits clear a mask that is bad
 * everywhere, or 0.
 */
#define SC_STORAGE_ONES UINT32_MAX
#define SC_STORAGE_ZEROS (UINT32_MAX - 1)

static inline bool sc_storage_is_fill(uint32_t storage)
{
	return storage >= SC_STORAGE_ZEROS;
}

struct sc_slab {
	int64_t start, count; /* along the axis */
	uint32_t storage;     /* index, SC_STORAGE_ONES or SC_STORAGE_ZEROS */
};

struct sc_layout {
	int ndim, axis;
	enum sc_type type;   /* of an element: BOOL, FLOAT, DOUBLE, COMPLEX, DCOMPLEX */
	unsigned bits;       /* of an element */
	unsigned swap_bytes; /* what is reversed when byte orders differ: 4 or 8, complex types swap their halves; 0 for
				Bool */
	bool big_endian;     /* of the view */
	int64_t shape[SC_MAXDIM], tile[SC_MAXDIM], ntiles[SC_MAXDIM];
	uint64_t tile_bytes, total_tiles, size_bytes;
	size_t nslabs, nstorages;
	struct sc_slab *slabs;
	struct sc_storage *storages;
};

/*
 * Building: init, add the slabs in order, then set the tile shape. The shape's
 * length on the axis is the sum of the slabs'.
 */
int sc_layout_init(struct sc_layout *layout, int ndim, const int64_t *plane_shape, int axis, enum sc_type type,
		   struct sc_error *err);
/* The index of `storage`, which is added when it is new. */
int sc_layout_add_storage(struct sc_layout *layout, const struct sc_storage *storage, uint32_t *ret_index,
			  struct sc_error *err);
int sc_layout_add_slab(struct sc_layout *layout, int64_t count, uint32_t storage, struct sc_error *err);
/* Checks 1 <= tile <= any, computes the counts; an array of more bytes than an off_t is an error. */
int sc_layout_set_tile(struct sc_layout *layout, const int64_t *tile, bool big_endian, struct sc_error *err);
void sc_layout_clear(struct sc_layout *layout);

/* Larger tiles are neither gathered nor written, as one is held in memory: -EIO. */
#define SC_LAYOUT_MAX_TILE_BYTES (UINT64_C(1) << 30)
int sc_layout_check_tile(const struct sc_layout *layout, struct sc_error *err);

enum sc_piece_kind { SC_PIECE_RANGE, SC_PIECE_FILL, SC_PIECE_GATHER };

/* A run of bytes of the view's file. */
struct sc_piece {
	enum sc_piece_kind kind;
	uint64_t offset, length; /* in the view's file */
	size_t slab;             /* RANGE: whose file */
	uint64_t file_offset;    /* RANGE: where in it */
	uint8_t fill;            /* FILL: the byte */
	uint64_t tile;           /* GATHER: number of the (one) tile it lies in */
	uint64_t tile_offset;    /* GATHER: where in that tile it starts */
};

/*
 * The piece that begins at `offset`, at most `limit` bytes long; ranges of
 * neighbouring tiles are joined. offset < size_bytes, limit > 0.
 */
void sc_layout_piece(const struct sc_layout *layout, uint64_t offset, uint64_t limit, struct sc_piece *ret_piece);

/* Splits a tile number into its indices on each axis. */
void sc_layout_tile_indices(const struct sc_layout *layout, uint64_t tile, int64_t indices[SC_MAXDIM]);

/* The slab that holds channel `position` of the axis (binary search). */
size_t sc_layout_find_slab(const struct sc_layout *layout, int64_t position);

#endif
