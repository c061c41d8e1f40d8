#include "gather.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/*
 * A box is filled slab by slab. Of a slab the part tiles that the box touches
 * are read in rows: tiles with neighbouring indices on the first axis lie side
 * by side in the file. Then each tile's overlap with the box is copied line by
 * line (a line runs along the first axis).
 *
 *        part tiles            box                 one row of tiles is one read:
 *      +----+----+----+                            tiles (a..b, j, k, l)
 *      |    | ###|### |      ########
 *      +----+----+----+  ->  ########
 *      |    | ###|### |
 *      +----+----+----+
 */

/* A row of tiles that is read at once takes this much memory at most (one tile always fits). */
#define ROW_BYTES_MAX (8u << 20)

unsigned sc_gather_element_bytes(const struct sc_layout *layout)
{
	return layout->bits == 1 ? 1 : layout->bits / 8;
}

/* The part of a box that lies in one slab, and how that slab is tiled. Positions are the slab's own. */
struct region {
	const struct sc_layout *layout;
	const struct sc_storage *storage;
	size_t slab;
	int64_t first[SC_MAXDIM], behind[SC_MAXDIM]; /* of the region */
	int64_t origin[SC_MAXDIM];                   /* of the box, may be negative on the axis */
	uint64_t ntiles[SC_MAXDIM];
	uint64_t tile_bytes;
	uint64_t box_stride[SC_MAXDIM]; /* in elements */
	uint8_t *box;
};

static void region_set_storage(struct region *region, const struct sc_storage *storage)
{
	const struct sc_layout *layout = region->layout;
	bool plain = storage->coding.kind == SC_CODING_PLAIN;
	uint64_t tile_bits = plain ? layout->bits : sc_coding_bits(&storage->coding);
	region->storage = storage;
	for (int i = 0; i < layout->ndim; i++) {
		int64_t extent = i == layout->axis ? layout->slabs[region->slab].count : layout->shape[i];
		region->ntiles[i] = (uint64_t)((extent - 1) / storage->tile[i] + 1);
		tile_bits *= (uint64_t)storage->tile[i];
	}
	region->tile_bytes = (tile_bits - 1) / 8 + 1;
}

static int64_t min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max_i64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void swap_words(uint8_t *to, const uint8_t *from, uint64_t bytes, unsigned word)
{
	if (word == 4) {
		for (uint64_t i = 0; i < bytes; i += 4) {
			uint32_t value;
			memcpy(&value, from + i, 4);
			value = __builtin_bswap32(value);
			memcpy(to + i, &value, 4);
		}
	} else {
		for (uint64_t i = 0; i < bytes; i += 8) {
			uint64_t value;
			memcpy(&value, from + i, 8);
			value = __builtin_bswap64(value);
			memcpy(to + i, &value, 8);
		}
	}
}

static void unpack_bits(uint8_t *to, const uint8_t *from, uint64_t first_bit, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t bit = first_bit + i;
		to[i] = (from[bit / 8] >> (bit % 8)) & 1;
	}
}

/* Makes the view's elements of those that a part's tile has in another form. */
static void decode_line(const struct region *region, const uint8_t *tile, uint64_t from_element, uint64_t to_element,
			uint64_t count)
{
	const struct sc_layout *layout = region->layout;
	const struct sc_coding *coding = &region->storage->coding;
	const uint8_t *from = tile + from_element * sc_coding_bits(coding) / 8;
	uint8_t *to = region->box + to_element * sc_gather_element_bytes(layout);
	if (layout->bits == 1) {
		sc_coding_to_mask(coding, from, count, to);
	} else {
		assert(layout->type == SC_TYPE_FLOAT);
		sc_coding_to_floats(coding, from, count, layout->big_endian, to);
	}
}

/* Copies `count` elements that begin at element `from_element` of a part's tile to a line of the box. */
static void copy_line(const struct region *region, const uint8_t *tile, uint64_t from_element, uint64_t to_element,
		      uint64_t count)
{
	const struct sc_layout *layout = region->layout;
	if (region->storage->coding.kind != SC_CODING_PLAIN) {
		decode_line(region, tile, from_element, to_element, count);
		return;
	}
	if (layout->bits == 1) {
		unpack_bits(region->box + to_element, tile, from_element, count);
		return;
	}
	uint64_t bytes = layout->bits / 8;
	uint8_t *to = region->box + to_element * bytes;
	const uint8_t *from = tile + from_element * bytes;
	if (layout->swap_bytes && region->storage->big_endian != layout->big_endian)
		swap_words(to, from, count * bytes, layout->swap_bytes);
	else
		memcpy(to, from, count * bytes);
}

/* Steps a position through first <= position < behind, from axis `from_axis` on; false behind the last. */
static bool step(int ndim, int from_axis, int64_t *position, const int64_t *first, const int64_t *behind)
{
	for (int i = from_axis; i < ndim; i++) {
		if (++position[i] < behind[i])
			return true;
		position[i] = first[i];
	}
	return false;
}

/* Copies what the tile with the given indices shares with the region. */
static void copy_tile(const struct region *region, const int64_t *indices, const uint8_t *tile)
{
	int ndim = region->layout->ndim;
	const int64_t *lengths = region->storage->tile;
	int64_t first[SC_MAXDIM], behind[SC_MAXDIM], position[SC_MAXDIM];
	for (int i = 0; i < ndim; i++) {
		first[i] = max_i64(region->first[i], indices[i] * lengths[i]);
		behind[i] = min_i64(region->behind[i], (indices[i] + 1) * lengths[i]);
		position[i] = first[i];
	}
	uint64_t line = (uint64_t)(behind[0] - first[0]);
	do {
		uint64_t from = 0, to = 0, stride = 1;
		for (int i = 0; i < ndim; i++) {
			from += (uint64_t)(position[i] - indices[i] * lengths[i]) * stride;
			stride *= (uint64_t)lengths[i];
			to += (uint64_t)(position[i] - region->origin[i]) * region->box_stride[i];
		}
		copy_line(region, tile, from, to, line);
	} while (step(ndim, 1, position, first, behind));
}

static int copy_region(const struct region *region, sc_gather_read *read, void *context, struct sc_error *err)
{
	int ndim = region->layout->ndim;
	int64_t first[SC_MAXDIM], behind[SC_MAXDIM], indices[SC_MAXDIM];
	for (int i = 0; i < ndim; i++) {
		first[i] = region->first[i] / region->storage->tile[i];
		behind[i] = (region->behind[i] - 1) / region->storage->tile[i] + 1;
		indices[i] = first[i];
	}
	int64_t per_read = max_i64(1, (int64_t)(ROW_BYTES_MAX / region->tile_bytes));
	per_read = min_i64(per_read, behind[0] - first[0]);
	sc_autofree uint8_t *row = malloc((uint64_t)per_read * region->tile_bytes);
	if (!row)
		return sc_error_errno(err, -ENOMEM, "cannot read tiles of %llu bytes",
				      (unsigned long long)region->tile_bytes);
	do {
		for (int64_t begin = first[0]; begin < behind[0]; begin += per_read) {
			int64_t tiles = min_i64(per_read, behind[0] - begin);
			indices[0] = begin;
			uint64_t number = 0, stride = 1;
			for (int i = 0; i < ndim; i++) {
				number += (uint64_t)indices[i] * stride;
				stride *= region->ntiles[i];
			}
			int rc =
			    read(context, region->slab, region->storage->offset_bytes + number * region->tile_bytes,
				 row, (uint64_t)tiles * region->tile_bytes, err);
			if (rc < 0)
				return rc;
			for (int64_t i = 0; i < tiles; i++, indices[0]++)
				copy_tile(region, indices, row + (uint64_t)i * region->tile_bytes);
		}
		indices[0] = first[0];
	} while (step(ndim, 1, indices, first, behind));
	return 0;
}

/* A slab's part of a box that no part stores. A box has its Bool elements as bytes. */
static void fill_region(const struct region *region, bool ones)
{
	int ndim = region->layout->ndim;
	int byte = !ones ? 0 : region->layout->bits == 1 ? 1 : 0xff;
	uint64_t bytes = sc_gather_element_bytes(region->layout);
	int64_t position[SC_MAXDIM];
	memcpy(position, region->first, sizeof(position));
	uint64_t line = (uint64_t)(region->behind[0] - region->first[0]);
	do {
		uint64_t to = 0;
		for (int i = 0; i < ndim; i++)
			to += (uint64_t)(position[i] - region->origin[i]) * region->box_stride[i];
		memset(region->box + to * bytes, byte, line * bytes);
	} while (step(ndim, 1, position, region->first, region->behind));
}

static void box_strides(const struct sc_layout *layout, const int64_t *count, uint64_t *ret_stride)
{
	uint64_t stride = 1;
	for (int i = 0; i < layout->ndim; i++) {
		ret_stride[i] = stride;
		stride *= (uint64_t)count[i];
	}
}

int sc_gather_box(const struct sc_layout *layout, const int64_t *start, const int64_t *count, uint8_t *box,
		  sc_gather_read *read, void *context, struct sc_error *err)
{
	int axis = layout->axis;
	int64_t end = start[axis] + count[axis];
	assert(start[axis] >= 0 && end <= layout->shape[axis]);
	for (size_t i = sc_layout_find_slab(layout, start[axis]); i < layout->nslabs; i++) {
		const struct sc_slab *slab = &layout->slabs[i];
		if (slab->start >= end)
			break;
		struct region region = { .layout = layout, .slab = i, .box = box };
		for (int k = 0; k < layout->ndim; k++) {
			region.first[k] = region.origin[k] = start[k];
			region.behind[k] = start[k] + count[k];
		}
		region.origin[axis] -= slab->start;
		region.first[axis] = max_i64(0, region.origin[axis]);
		region.behind[axis] = min_i64(slab->count, end - slab->start);
		box_strides(layout, count, region.box_stride);
		if (sc_storage_is_fill(slab->storage)) {
			fill_region(&region, slab->storage == SC_STORAGE_ONES);
			continue;
		}
		region_set_storage(&region, &layout->storages[slab->storage]);
		int rc = copy_region(&region, read, context, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void pack_bits(uint8_t *to, uint64_t first_bit, const uint8_t *from, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t bit = first_bit + i;
		to[bit / 8] |= (uint8_t)((from[i] & 1) << (bit % 8));
	}
}

void sc_gather_cut_tile(const struct sc_layout *layout, const int64_t *tile_indices, const int64_t *box_start,
			const int64_t *box_count, const uint8_t *box, uint8_t *ret_tile)
{
	int ndim = layout->ndim;
	int64_t first[SC_MAXDIM], behind[SC_MAXDIM], position[SC_MAXDIM];
	uint64_t stride[SC_MAXDIM];
	box_strides(layout, box_count, stride);
	for (int i = 0; i < ndim; i++) {
		first[i] = position[i] = tile_indices[i] * layout->tile[i];
		behind[i] = min_i64(first[i] + layout->tile[i], layout->shape[i]);
		assert(first[i] >= box_start[i] && behind[i] <= box_start[i] + box_count[i]);
	}
	memset(ret_tile, 0, layout->tile_bytes);
	uint64_t line = (uint64_t)(behind[0] - first[0]), bytes = sc_gather_element_bytes(layout);
	do {
		uint64_t from = 0, to = 0, tile_stride = 1;
		for (int i = 0; i < ndim; i++) {
			from += (uint64_t)(position[i] - box_start[i]) * stride[i];
			to += (uint64_t)(position[i] - first[i]) * tile_stride;
			tile_stride *= (uint64_t)layout->tile[i];
		}
		if (layout->bits == 1)
			pack_bits(ret_tile, to, box + from, line);
		else
			memcpy(ret_tile + to * bytes, box + from * bytes, line * bytes);
	} while (step(ndim, 1, position, first, behind));
}

int sc_gather_tile(const struct sc_layout *layout, uint64_t tile, uint8_t *ret_tile, sc_gather_read *read,
		   void *context, struct sc_error *err)
{
	int64_t indices[SC_MAXDIM], start[SC_MAXDIM], count[SC_MAXDIM];
	uint64_t elements = 1;
	sc_layout_tile_indices(layout, tile, indices);
	for (int i = 0; i < layout->ndim; i++) {
		start[i] = indices[i] * layout->tile[i];
		count[i] = min_i64(layout->tile[i], layout->shape[i] - start[i]);
		elements *= (uint64_t)count[i];
	}
	sc_autofree uint8_t *box = malloc(elements * sc_gather_element_bytes(layout));
	if (!box)
		return sc_error_errno(err, -ENOMEM, "cannot gather a tile of %llu bytes",
				      (unsigned long long)layout->tile_bytes);
	int rc = sc_gather_box(layout, start, count, box, read, context, err);
	if (rc < 0)
		return rc;
	sc_gather_cut_tile(layout, indices, start, count, box, ret_tile);
	return 0;
}
