#include "layout.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "tsm.h"

int sc_layout_init(struct sc_layout *layout, int ndim, const int64_t *plane_shape, int axis, enum sc_type type,
		   struct sc_error *err)
{
	memset(layout, 0, sizeof(*layout));
	unsigned bits = sc_tsm_type_bits(type);
	if (bits == 0)
		return sc_error_set(err, -EUCLEAN, "%s cannot be a pixel's type", sc_type_name(type));
	assert(ndim >= 1 && ndim <= SC_MAXDIM && axis >= 0 && axis < ndim);
	layout->ndim = ndim;
	layout->axis = axis;
	layout->type = type;
	layout->bits = bits;
	if (type == SC_TYPE_COMPLEX || type == SC_TYPE_DCOMPLEX)
		layout->swap_bytes = bits / 16;
	else
		layout->swap_bytes = bits / 8; /* Bool: 0 */
	memcpy(layout->shape, plane_shape, (size_t)ndim * sizeof(*plane_shape));
	layout->shape[axis] = 0;
	return 0;
}

static bool same_storage(const struct sc_layout *layout, const struct sc_storage *a, const struct sc_storage *b)
{
	return a->offset_bytes == b->offset_bytes && a->big_endian == b->big_endian &&
	       sc_coding_equal(&a->coding, &b->coding) &&
	       memcmp(a->tile, b->tile, (size_t)layout->ndim * sizeof(a->tile[0])) == 0 &&
	       strcmp(a->file, b->file) == 0;
}

int sc_layout_add_storage(struct sc_layout *layout, const struct sc_storage *storage, uint32_t *ret_index,
			  struct sc_error *err)
{
	/* Backwards: neighbouring parts are nearly always stored alike. */
	for (size_t i = layout->nstorages; i-- > 0;) {
		if (same_storage(layout, &layout->storages[i], storage)) {
			*ret_index = (uint32_t)i;
			return 0;
		}
	}
	struct sc_storage *grown = reallocarray(layout->storages, layout->nstorages + 1, sizeof(*grown));
	if (!grown)
		return sc_error_errno(err, -ENOMEM, "cannot lay out the parts");
	layout->storages = grown;
	grown[layout->nstorages] = *storage;
	*ret_index = (uint32_t)layout->nstorages++;
	return 0;
}

int sc_layout_add_slab(struct sc_layout *layout, int64_t count, uint32_t storage, struct sc_error *err)
{
	struct sc_slab slab = { .start = layout->shape[layout->axis], .count = count, .storage = storage };
	assert(count > 0 && (sc_storage_is_fill(storage) || storage < layout->nstorages));
	if (__builtin_add_overflow(slab.start, count, &layout->shape[layout->axis]))
		return sc_error_set(err, -EUCLEAN, "the parts have more channels together than a number can hold");
	/* Grown by doubling: the capacity is the next power of two. */
	if ((layout->nslabs & (layout->nslabs - 1)) == 0) {
		size_t capacity = layout->nslabs ? 2 * layout->nslabs : 1;
		struct sc_slab *grown = reallocarray(layout->slabs, capacity, sizeof(*grown));
		if (!grown)
			return sc_error_errno(err, -ENOMEM, "cannot lay out the parts");
		layout->slabs = grown;
	}
	layout->slabs[layout->nslabs++] = slab;
	return 0;
}

int sc_layout_set_tile(struct sc_layout *layout, const int64_t *tile, bool big_endian, struct sc_error *err)
{
	uint64_t pixels = 1, total = 1, bits;
	bool overflow = false;
	for (int i = 0; i < layout->ndim; i++) {
		if (tile[i] < 1)
			return sc_error_set(err, -EINVAL, "a tile's length must be at least 1, not %lld",
					    (long long)tile[i]);
		layout->tile[i] = tile[i];
		layout->ntiles[i] = (layout->shape[i] - 1) / tile[i] + 1;
		overflow |= __builtin_mul_overflow(pixels, (uint64_t)tile[i], &pixels);
		overflow |= __builtin_mul_overflow(total, (uint64_t)layout->ntiles[i], &total);
	}
	overflow |= __builtin_mul_overflow(pixels, (uint64_t)layout->bits, &bits);
	layout->tile_bytes = (bits - 1) / 8 + 1;
	layout->total_tiles = total;
	overflow |= __builtin_mul_overflow(layout->tile_bytes, total, &layout->size_bytes);
	if (overflow || layout->size_bytes > INT64_MAX)
		return sc_error_set(err, -EFBIG, "the image would be larger than a file can be");
	layout->big_endian = big_endian;
	return 0;
}

int sc_layout_check_tile(const struct sc_layout *layout, struct sc_error *err)
{
	if (layout->tile_bytes <= SC_LAYOUT_MAX_TILE_BYTES)
		return 0;
	return sc_error_set(err, -EIO, "a tile of %llu MiB does not fit into memory, expected at most %llu MiB",
			    (unsigned long long)(layout->tile_bytes >> 20),
			    (unsigned long long)(SC_LAYOUT_MAX_TILE_BYTES >> 20));
}

void sc_layout_clear(struct sc_layout *layout)
{
	free(layout->slabs);
	free(layout->storages);
	memset(layout, 0, sizeof(*layout));
}

void sc_layout_tile_indices(const struct sc_layout *layout, uint64_t tile, int64_t indices[SC_MAXDIM])
{
	for (int i = 0; i < layout->ndim; i++) {
		indices[i] = (int64_t)(tile % (uint64_t)layout->ntiles[i]);
		tile /= (uint64_t)layout->ntiles[i];
	}
}

size_t sc_layout_find_slab(const struct sc_layout *layout, int64_t position)
{
	size_t low = 0, high = layout->nslabs;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (layout->slabs[middle].start <= position)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint64_t tile_pixels(const struct sc_layout *layout, const int64_t *tile)
{
	uint64_t pixels = 1;
	for (int i = 0; i < layout->ndim; i++)
		pixels *= (uint64_t)tile[i];
	return pixels;
}

/* Whether the part's tile is the view's tile but for its depth along the axis. */
static bool same_cross_section(const struct sc_layout *layout, const struct sc_storage *storage)
{
	for (int i = 0; i < layout->ndim; i++) {
		if (i != layout->axis && storage->tile[i] != layout->tile[i])
			return false;
	}
	return true;
}

/*
 * Whether a tile's channels are slowest in it, so that some of them are one
 * run of bytes: every axis behind the concatenation's has tiles of length 1.
 */
static bool channels_slowest(const struct sc_layout *layout, const struct sc_storage *storage)
{
	for (int i = layout->axis + 1; i < layout->ndim; i++) {
		if (storage->tile[i] != 1)
			return false;
	}
	return true;
}

/* Where the view tile `indices`, which lies in `slab`, begins in the part's file; false when it is no range of it. */
static bool range_of_tile(const struct sc_layout *layout, const int64_t *indices, const struct sc_slab *slab,
			  uint64_t *ret_offset)
{
	const struct sc_storage *storage = &layout->storages[slab->storage];
	int axis = layout->axis;
	if (storage->coding.kind != SC_CODING_PLAIN || !same_cross_section(layout, storage))
		return false;
	if (layout->swap_bytes && storage->big_endian != layout->big_endian)
		return false;

	int64_t depth = layout->tile[axis], part_depth = storage->tile[axis];
	int64_t local = indices[axis] * depth - slab->start;
	int64_t inside = local % part_depth;
	uint64_t part_tile_bits = tile_pixels(layout, storage->tile) * layout->bits;
	uint64_t plane_bits = part_tile_bits / (uint64_t)part_depth;
	if (depth != part_depth || inside != 0) {
		if (inside + depth > part_depth || !channels_slowest(layout, storage))
			return false;
		if ((uint64_t)inside * plane_bits % 8 != 0 || (uint64_t)depth * plane_bits % 8 != 0)
			return false;
	}

	uint64_t tile_number = 0, stride = 1;
	for (int i = 0; i < layout->ndim; i++) {
		bool is_axis = i == axis;
		uint64_t index = (uint64_t)(is_axis ? local / part_depth : indices[i]);
		uint64_t ntiles = (uint64_t)(is_axis ? (slab->count - 1) / part_depth + 1 : layout->ntiles[i]);
		tile_number += index * stride;
		stride *= ntiles;
	}
	*ret_offset =
	    storage->offset_bytes + tile_number * ((part_tile_bits - 1) / 8 + 1) + (uint64_t)inside * plane_bits / 8;
	return true;
}

/* What one whole tile is; offsets are those of its first byte. */
static void classify_tile(const struct sc_layout *layout, uint64_t tile, struct sc_piece *piece)
{
	int64_t indices[SC_MAXDIM];
	sc_layout_tile_indices(layout, tile, indices);
	int axis = layout->axis;
	int64_t first = indices[axis] * layout->tile[axis];
	int64_t behind = first + layout->tile[axis];
	if (behind > layout->shape[axis])
		behind = layout->shape[axis];

	size_t number = sc_layout_find_slab(layout, first);
	const struct sc_slab *slab = &layout->slabs[number];
	*piece = (struct sc_piece){
		.kind = SC_PIECE_GATHER, .offset = tile * layout->tile_bytes, .length = layout->tile_bytes, .tile = tile
	};
	if (behind > slab->start + slab->count)
		return;
	if (sc_storage_is_fill(slab->storage)) {
		piece->kind = SC_PIECE_FILL;
		piece->fill = slab->storage == SC_STORAGE_ONES ? 0xff : 0;
	} else if (range_of_tile(layout, indices, slab, &piece->file_offset)) {
		piece->kind = SC_PIECE_RANGE;
		piece->slab = number;
	}
}

static bool continues(const struct sc_piece *piece, const struct sc_piece *next)
{
	if (piece->kind != next->kind)
		return false;
	if (piece->kind == SC_PIECE_RANGE)
		return piece->slab == next->slab && piece->file_offset + piece->length == next->file_offset;
	return piece->kind == SC_PIECE_FILL && piece->fill == next->fill;
}

void sc_layout_piece(const struct sc_layout *layout, uint64_t offset, uint64_t limit, struct sc_piece *ret_piece)
{
	assert(offset < layout->size_bytes && limit > 0);
	struct sc_piece piece, next;
	uint64_t tile = offset / layout->tile_bytes, skip = offset % layout->tile_bytes;
	classify_tile(layout, tile, &piece);
	piece.offset += skip;
	piece.length -= skip;
	piece.file_offset += skip;
	piece.tile_offset = skip;
	while (piece.length < limit && ++tile < layout->total_tiles) {
		classify_tile(layout, tile, &next);
		if (!continues(&piece, &next))
			break;
		piece.length += next.length;
	}
	if (piece.length > limit)
		piece.length = limit;
	*ret_piece = piece;
}
