#include "gather.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "elements.h"

/*
 * A box of view tiles is filled slab by slab. Of a slab each part tile that
 * the box touches is read into the window, and what it shares with each view
 * tile is copied from tile to tile, in lines along the first axis, or longer
 * ones where both tiles have the same lengths.
 *
 *     part tiles        view tiles
 *     +---+---+---+     +-----+-----+
 *     |   |  #|## |     |  ###|##   |     a part tile that the box needs whole is read whole,
 *     +---+---+---+ ->  |  ###|##   |     together with its neighbours in the file;
 *     |   |  #|## |     +-----+-----+     of one at the box's edge only the runs that it needs are
 *     +---+---+---+     |     |     |
 */

/* A rectangle of a slab; positions are the slab's own. */
struct rect {
	int64_t first[SC_MAXDIM], behind[SC_MAXDIM];
};

/* The part of a box that lies in one slab, and how that slab is tiled. */
struct region {
	const struct sc_layout *layout;
	const struct sc_gather_source *source;
	struct sc_error *err;
	const int64_t *box_first, *box_count; /* in view tiles */
	uint8_t *tiles;
	size_t slab;
	struct rect rect;
	int64_t shift[SC_MAXDIM];          /* a position in the slab -> in the view */
	uint64_t view_stride[SC_MAXDIM];   /* of a view tile, in elements */
	const struct sc_storage *storage;  /* NULL: nothing is stored, and what follows is not set */
	uint64_t part_stride[SC_MAXDIM];   /* of a part tile, in elements */
	uint64_t part_ntiles[SC_MAXDIM];
	uint64_t part_bits, part_tile_bytes; /* of an element, of a tile */
};

/* Elements of a part tile in memory, from element `skipped` on. */
struct loaded {
	const uint8_t *bytes;
	uint64_t skipped;
};

static int64_t min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max_i64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Steps a position through first <= position < behind; false behind the last. */
static bool step(int ndim, int64_t *position, const int64_t *first, const int64_t *behind)
{
	for (int i = 0; i < ndim; i++) {
		if (++position[i] < behind[i])
			return true;
		position[i] = first[i];
	}
	return false;
}

static void strides_of(int ndim, const int64_t *lengths, uint64_t *ret_stride)
{
	uint64_t stride = 1;
	for (int i = 0; i < ndim; i++) {
		ret_stride[i] = stride;
		stride *= (uint64_t)lengths[i];
	}
}

static void region_set_storage(struct region *region, const struct sc_storage *storage)
{
	const struct sc_layout *layout = region->layout;
	bool plain = storage->coding.kind == SC_CODING_PLAIN;
	region->storage = storage;
	region->part_bits = plain ? layout->bits : sc_coding_bits(&storage->coding);
	uint64_t tile_bits = region->part_bits;
	strides_of(layout->ndim, storage->tile, region->part_stride);
	for (int i = 0; i < layout->ndim; i++) {
		int64_t extent = i == layout->axis ? layout->slabs[region->slab].count : layout->shape[i];
		region->part_ntiles[i] = (uint64_t)((extent - 1) / storage->tile[i] + 1);
		tile_bits *= (uint64_t)storage->tile[i];
	}
	region->part_tile_bytes = (tile_bits - 1) / 8 + 1;
}

/* ---- lines ---- */

#define DECODED_ELEMENTS 256

/* Makes the view's elements of those that a part has in another form. */
static void decode(const struct region *region, uint8_t *tile, uint64_t to, const uint8_t *from, uint64_t count)
{
	const struct sc_layout *layout = region->layout;
	const struct sc_coding *coding = &region->storage->coding;
	if (layout->bits != 1) {
		assert(layout->type == SC_TYPE_FLOAT);
		sc_coding_to_floats(coding, from, count, layout->big_endian, tile + to * 4);
		return;
	}
	uint8_t good[DECODED_ELEMENTS];
	for (uint64_t done = 0; done < count;) {
		uint64_t some = count - done < DECODED_ELEMENTS ? count - done : DECODED_ELEMENTS;
		sc_coding_to_mask(coding, from + done * region->part_bits / 8, some, good);
		sc_elements_pack_bits(tile, to + done, good, some);
		done += some;
	}
}

/* Copies `count` elements, neighbours in both tiles, from element `from` to element `to`. */
static void copy_line(const struct region *region, uint8_t *tile, uint64_t to, const struct loaded *loaded,
		      uint64_t from, uint64_t count)
{
	const struct sc_layout *layout = region->layout;
	const uint8_t *source = loaded->bytes + (from - loaded->skipped) * region->part_bits / 8;
	unsigned bytes = layout->bits / 8;
	if (region->storage->coding.kind != SC_CODING_PLAIN)
		decode(region, tile, to, source, count);
	else if (layout->bits == 1)
		sc_elements_copy_bits(tile, to, loaded->bytes, from - loaded->skipped, count);
	else if (layout->swap_bytes && region->storage->big_endian != layout->big_endian)
		sc_elements_swap(tile + to * bytes, source, count * bytes, layout->swap_bytes);
	else
		memcpy(tile + to * bytes, source, count * bytes);
}

static void fill_line(const struct region *region, uint8_t *tile, uint64_t to, uint64_t count)
{
	unsigned bytes = region->layout->bits / 8;
	bool ones = region->layout->slabs[region->slab].storage == SC_STORAGE_ONES;
	if (bytes == 0)
		sc_elements_fill_bits(tile, to, ones, count);
	else
		memset(tile + to * bytes, ones ? 0xff : 0, count * bytes);
}

/* Single elements that lie apart in both tiles: only whole, plain ones can be copied so. */
static bool is_copied_apart(const struct region *region)
{
	return region->storage && region->layout->bits != 1 && region->storage->coding.kind == SC_CODING_PLAIN;
}

static void copy_apart(const struct region *region, uint8_t *tile, uint64_t to, const struct loaded *loaded,
		       uint64_t from, int axis, uint64_t count)
{
	const struct sc_layout *layout = region->layout;
	unsigned bytes = layout->bits / 8;
	bool swaps = layout->swap_bytes && region->storage->big_endian != layout->big_endian;
	sc_elements_copy_apart(tile + to * bytes, region->view_stride[axis] * bytes,
			       loaded->bytes + (from - loaded->skipped) * bytes, region->part_stride[axis] * bytes,
			       count, bytes, swaps ? layout->swap_bytes : 0);
}

/* ---- from tile to tile ---- */

/* How many leading axes are one line in both tiles, and how long it is. */
static int join_axes(const struct region *region, const uint64_t *extent, uint64_t *ret_line)
{
	int ndim = region->layout->ndim, axis = 1;
	uint64_t line = extent[0];
	while (axis < ndim && line == region->view_stride[axis] &&
	       (!region->storage || line == region->part_stride[axis]))
		line *= extent[axis++];
	*ret_line = line;
	return axis;
}

/* Copies `rect`, which lies in one part tile, at element `from` of it, and in one view tile, at element `to`. */
static void copy_rect(const struct region *region, const struct rect *rect, const struct loaded *loaded, uint64_t from,
		      uint8_t *tile, uint64_t to)
{
	int ndim = region->layout->ndim;
	uint64_t extent[SC_MAXDIM] = { 0 }, position[SC_MAXDIM] = { 0 }, line;
	for (int i = 0; i < ndim; i++)
		extent[i] = (uint64_t)(rect->behind[i] - rect->first[i]);
	int axis = join_axes(region, extent, &line), apart = -1;
	while (axis < ndim && line == 1 && extent[axis] == 1)
		axis++;
	if (line == 1 && axis < ndim && is_copied_apart(region))
		apart = axis++;
	for (;;) {
		if (apart >= 0)
			copy_apart(region, tile, to, loaded, from, apart, extent[apart]);
		else if (region->storage)
			copy_line(region, tile, to, loaded, from, line);
		else
			fill_line(region, tile, to, line);
		int i = axis;
		for (; i < ndim; i++) {
			to += region->view_stride[i];
			from += region->part_stride[i];
			if (++position[i] < extent[i])
				break;
			to -= extent[i] * region->view_stride[i];
			from -= extent[i] * region->part_stride[i];
			position[i] = 0;
		}
		if (i == ndim)
			return;
	}
}

/* Copies `rect`, which lies in one part tile, into all view tiles that it touches. */
static void copy_to_tiles(const struct region *region, const struct rect *rect, const int64_t *part_indices,
			  const struct loaded *loaded)
{
	const struct sc_layout *layout = region->layout;
	int ndim = layout->ndim;
	int64_t first[SC_MAXDIM], behind[SC_MAXDIM], indices[SC_MAXDIM];
	for (int i = 0; i < ndim; i++) {
		first[i] = indices[i] = (rect->first[i] + region->shift[i]) / layout->tile[i];
		behind[i] = (rect->behind[i] + region->shift[i] - 1) / layout->tile[i] + 1;
	}
	do {
		struct rect shared;
		uint64_t from = 0, to = 0, number = 0, stride = 1;
		for (int i = 0; i < ndim; i++) {
			int64_t tile_first = indices[i] * layout->tile[i] - region->shift[i];
			shared.first[i] = max_i64(rect->first[i], tile_first);
			shared.behind[i] = min_i64(rect->behind[i], tile_first + layout->tile[i]);
			to += (uint64_t)(shared.first[i] - tile_first) * region->view_stride[i];
			if (region->storage)
				from += (uint64_t)(shared.first[i] - part_indices[i] * region->storage->tile[i]) *
					region->part_stride[i];
			number += (uint64_t)(indices[i] - region->box_first[i]) * stride;
			stride *= (uint64_t)region->box_count[i];
		}
		copy_rect(region, &shared, loaded, from, region->tiles + number * layout->tile_bytes, to);
	} while (step(ndim, indices, first, behind));
}

/* ---- reading ---- */

static int read_part(const struct region *region, uint64_t offset, size_t count)
{
	const struct sc_gather_source *source = region->source;
	return source->read(source->context, region->slab, region->storage->offset_bytes + offset, source->window,
			    count, region->err);
}

/* What the region needs of a part tile; whether that is all of its pixels. */
static bool needed_of(const struct region *region, const int64_t *indices, struct rect *ret_rect)
{
	const struct sc_layout *layout = region->layout;
	bool is_whole = true;
	for (int i = 0; i < layout->ndim; i++) {
		int64_t extent = i == layout->axis ? layout->slabs[region->slab].count : layout->shape[i];
		int64_t first = indices[i] * region->storage->tile[i], behind = first + region->storage->tile[i];
		ret_rect->first[i] = max_i64(region->rect.first[i], first);
		ret_rect->behind[i] = min_i64(region->rect.behind[i], behind);
		is_whole &= ret_rect->first[i] == first && ret_rect->behind[i] == min_i64(behind, extent);
	}
	return is_whole;
}

/*
 * Reads `rect` of the part tile `number`: at once when it fits into the window and is one run, or consists of runs
 * too short to be read one by one; else in two halves.
 */
static int read_rect(const struct region *region, uint64_t number, const int64_t *indices, const struct rect *rect)
{
	uint64_t first = 0, last = 0, count = 1, run = 1;
	int slowest = -1;
	for (int i = 0; i < region->layout->ndim; i++) {
		int64_t begin = indices[i] * region->storage->tile[i];
		uint64_t extent = (uint64_t)(rect->behind[i] - rect->first[i]);
		first += (uint64_t)(rect->first[i] - begin) * region->part_stride[i];
		last += (uint64_t)(rect->behind[i] - 1 - begin) * region->part_stride[i];
		if (run == region->part_stride[i])
			run *= extent;
		count *= extent;
		if (extent > 1)
			slowest = i;
	}
	uint64_t begin_byte = first * region->part_bits / 8, end_byte = (last * region->part_bits + region->part_bits + 7) / 8;
	bool is_run = last - first + 1 == count, is_short = run * region->part_bits / 8 < region->source->run_bytes;
	if (end_byte - begin_byte <= region->source->window_bytes && (is_run || is_short)) {
		int rc = read_part(region, number * region->part_tile_bytes + begin_byte, (size_t)(end_byte - begin_byte));
		struct loaded loaded = { region->source->window, begin_byte * 8 / region->part_bits };
		if (rc == 0)
			copy_to_tiles(region, rect, indices, &loaded);
		return rc;
	}
	assert(slowest >= 0);
	struct rect half = *rect;
	half.behind[slowest] = rect->first[slowest] + (rect->behind[slowest] - rect->first[slowest]) / 2;
	int rc = read_rect(region, number, indices, &half);
	half.first[slowest] = half.behind[slowest];
	half.behind[slowest] = rect->behind[slowest];
	return rc == 0 ? read_rect(region, number, indices, &half) : rc;
}

/* Part tiles that are neighbours in the file and needed whole, to be read together. */
struct waiting {
	uint64_t first, count;
};

static int read_waiting(const struct region *region, struct waiting *waiting)
{
	uint64_t bytes = region->part_tile_bytes;
	int rc = waiting->count ? read_part(region, waiting->first * bytes, (size_t)(waiting->count * bytes)) : 0;
	for (uint64_t i = 0; i < waiting->count && rc == 0; i++) {
		int64_t indices[SC_MAXDIM];
		struct rect rect;
		struct loaded loaded = { region->source->window + i * bytes, 0 };
		uint64_t rest = waiting->first + i;
		for (int k = 0; k < region->layout->ndim; k++) {
			indices[k] = (int64_t)(rest % region->part_ntiles[k]);
			rest /= region->part_ntiles[k];
		}
		needed_of(region, indices, &rect);
		copy_to_tiles(region, &rect, indices, &loaded);
	}
	waiting->count = 0;
	return rc;
}

static int copy_region(const struct region *region)
{
	int ndim = region->layout->ndim, rc;
	int64_t first[SC_MAXDIM], behind[SC_MAXDIM], indices[SC_MAXDIM];
	struct waiting waiting = { 0 };
	for (int i = 0; i < ndim; i++) {
		first[i] = indices[i] = region->rect.first[i] / region->storage->tile[i];
		behind[i] = (region->rect.behind[i] - 1) / region->storage->tile[i] + 1;
	}
	do {
		struct rect rect;
		uint64_t number = 0, stride = 1, fitting = region->source->window_bytes / region->part_tile_bytes;
		for (int i = 0; i < ndim; i++) {
			number += (uint64_t)indices[i] * stride;
			stride *= region->part_ntiles[i];
		}
		bool joins = needed_of(region, indices, &rect) && fitting > 0;
		if (!joins || waiting.count == fitting || waiting.first + waiting.count != number) {
			rc = read_waiting(region, &waiting);
			if (rc < 0)
				return rc;
			waiting.first = number;
		}
		if (joins) {
			waiting.count++;
			continue;
		}
		rc = read_rect(region, number, indices, &rect);
		if (rc < 0)
			return rc;
	} while (step(ndim, indices, first, behind));
	return read_waiting(region, &waiting);
}

/* ---- boxes ---- */

/* Tiles that no pixel fills to the last bit are 0 where none is. */
static void clear_padding(const struct sc_layout *layout, const int64_t *first, const int64_t *count, uint8_t *tiles)
{
	int64_t behind[SC_MAXDIM], indices[SC_MAXDIM];
	for (int i = 0; i < layout->ndim; i++) {
		indices[i] = first[i];
		behind[i] = first[i] + count[i];
	}
	do {
		bool is_padded = layout->bits == 1;
		for (int i = 0; i < layout->ndim; i++)
			is_padded |= (indices[i] + 1) * layout->tile[i] > layout->shape[i];
		if (is_padded)
			memset(tiles, 0, layout->tile_bytes);
		tiles += layout->tile_bytes;
	} while (step(layout->ndim, indices, first, behind));
}

int sc_gather_tiles(const struct sc_layout *layout, const int64_t *first, const int64_t *count, uint8_t *ret_tiles,
		    const struct sc_gather_source *source, struct sc_error *err)
{
	int axis = layout->axis;
	struct region region = { .layout = layout,
				 .source = source,
				 .err = err,
				 .box_first = first,
				 .box_count = count,
				 .tiles = ret_tiles };
	int64_t start = first[axis] * layout->tile[axis];
	int64_t end = min_i64(layout->shape[axis], (first[axis] + count[axis]) * layout->tile[axis]);
	strides_of(layout->ndim, layout->tile, region.view_stride);
	for (int i = 0; i < layout->ndim; i++) {
		region.rect.first[i] = first[i] * layout->tile[i];
		region.rect.behind[i] = min_i64(layout->shape[i], (first[i] + count[i]) * layout->tile[i]);
	}
	clear_padding(layout, first, count, ret_tiles);
	for (size_t i = sc_layout_find_slab(layout, start); i < layout->nslabs && layout->slabs[i].start < end; i++) {
		const struct sc_slab *slab = &layout->slabs[i];
		int rc = 0;
		region.slab = i;
		region.shift[axis] = slab->start;
		region.rect.first[axis] = max_i64(0, start - slab->start);
		region.rect.behind[axis] = min_i64(slab->count, end - slab->start);
		region.storage = NULL;
		if (sc_storage_is_fill(slab->storage)) {
			copy_to_tiles(&region, &region.rect, NULL, NULL);
		} else {
			region_set_storage(&region, &layout->storages[slab->storage]);
			rc = copy_region(&region);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int sc_gather_tile(const struct sc_layout *layout, uint64_t tile, uint8_t *ret_tile, sc_gather_read *read,
		   void *context, struct sc_error *err)
{
	static const int64_t one[SC_MAXDIM] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	int64_t indices[SC_MAXDIM];
	/* No more than the tile is needed of the parts, so a window of its size is never far too small. */
	size_t window_bytes = SC_GATHER_WINDOW_BYTES;
	if (layout->tile_bytes < window_bytes)
		window_bytes = layout->tile_bytes > SC_GATHER_RUN_BYTES ? layout->tile_bytes : SC_GATHER_RUN_BYTES;
	sc_autofree uint8_t *window = malloc(window_bytes);
	if (!window)
		return sc_error_errno(err, -ENOMEM, "cannot gather a tile of %llu bytes",
				      (unsigned long long)layout->tile_bytes);
	struct sc_gather_source source = { read, context, window, window_bytes, SC_GATHER_RUN_BYTES };
	sc_layout_tile_indices(layout, tile, indices);
	return sc_gather_tiles(layout, indices, one, ret_tile, &source, err);
}
