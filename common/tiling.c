#include "tiling.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

/* casacore's default tile: 32768 pixels, and lengths may leave the ideal by a factor of 2. */
#define CASA_TILE_PIXELS 32768
#define CASA_TOLERANCE 0.5

/* Planes that cost more than this many times their bytes make casacore's tile unusable for viewing. */
#define AUTO_PLANE_COST 20

/* A tile smaller than this costs more to look up than to read. */
#define KEEP_SMALLEST_TILE_BITS (4096 * 8)

int sc_tiling_parse(const char *text, struct sc_tiling *ret_tiling, struct sc_error *err)
{
	static const struct {
		const char *name;
		enum sc_tiling_mode mode;
	} modes[] = { { "keep", SC_TILING_KEEP }, { "casa", SC_TILING_CASA }, { "auto", SC_TILING_AUTO } };
	struct sc_tiling tiling = { .mode = SC_TILING_GIVEN };
	for (size_t i = 0; i < SC_COUNT_OF(modes); i++) {
		if (strcmp(text, modes[i].name) == 0) {
			tiling.mode = modes[i].mode;
			*ret_tiling = tiling;
			return 0;
		}
	}
	for (const char *at = text;; at++) {
		char *end;
		errno = 0;
		long long length = strtoll(at, &end, 10);
		if (end == at || errno || length < 1 || length > INT32_MAX || tiling.ndim == SC_MAXDIM ||
		    (*end != ',' && *end != 0))
			return sc_error_set(
			    err, -EINVAL, "%s: not a tiling; expected keep, casa, auto or lengths such as 128,128,1,4",
			    text);
		tiling.tile[tiling.ndim++] = length;
		at = end;
		if (*at == 0)
			break;
	}
	*ret_tiling = tiling;
	return 0;
}

/*
 * The tile of CASA_TILE_PIXELS pixels with the shape's proportions: lengths
 * that would leave [1, shape] are fixed there one by one, the worst first, and
 * the rest is shared out again.
 */
static void proportional_tile(int ndim, const int64_t *shape, int64_t *ret_tile)
{
	double pixels_left = CASA_TILE_PIXELS;
	double ideal[SC_MAXDIM];
	memset(ret_tile, 0, (size_t)ndim * sizeof(*ret_tile));
	for (;;) {
		double product = 1;
		int open_axes = 0;
		for (int i = 0; i < ndim; i++) {
			if (ret_tile[i] == 0) {
				product *= (double)shape[i];
				open_axes++;
			}
		}
		if (open_axes == 0)
			return;
		double factor = pow(pixels_left / product, 1.0 / open_axes);
		double worst_fit = 0;
		int worst = -1;
		for (int i = 0; i < ndim; i++) {
			if (ret_tile[i] != 0)
				continue;
			ideal[i] = (double)shape[i] * factor;
			double fit = ideal[i] > 1 ? (double)shape[i] / ideal[i] : ideal[i];
			if (worst < 0 || fit < worst_fit) {
				worst_fit = fit;
				worst = i;
			}
		}
		if (worst_fit >= 1) {
			for (int i = 0; i < ndim; i++) {
				if (ret_tile[i] == 0)
					ret_tile[i] = (int64_t)(ideal[i] + 0.5);
			}
			return;
		}
		if (ideal[worst] < 1) {
			ret_tile[worst] = 1;
		} else {
			ret_tile[worst] = shape[worst];
			pixels_left /= (double)shape[worst];
		}
	}
}

static bool divides_shape(int ndim, const int64_t *shape, const int64_t *tile)
{
	for (int i = 0; i < ndim; i++) {
		if (shape[i] % tile[i] != 0)
			return false;
	}
	return true;
}

/* Lengths to try on one axis: `number` of them, divisors of the shape or all from `first` on. */
struct candidates {
	int64_t first, last;
	bool divisors_only;
};

static struct candidates candidates_for(int64_t shape, int64_t ideal)
{
	int64_t least = (int64_t)((double)ideal * CASA_TOLERANCE);
	int64_t most = (int64_t)((double)ideal / CASA_TOLERANCE + 0.5);
	if (least < 1)
		least = 1;
	if (most > shape)
		most = shape;
	for (int64_t length = least; length <= most; length++) {
		if (shape % length == 0)
			return (struct candidates){ length, most, true };
	}
	return (struct candidates){ (ideal + least) / 2, (ideal + most) / 2, false };
}

/* The next candidate behind `length`, or -1. */
static int64_t next_candidate(const struct candidates *candidates, int64_t shape, int64_t length)
{
	while (++length <= candidates->last) {
		if (!candidates->divisors_only || shape % length == 0)
			return length;
	}
	return -1;
}

/* What casacore minimizes: distance from the ideal lengths, padding, distance from the ideal size. */
static double tile_cost(int ndim, const int64_t *shape, const int64_t *ideal, const int64_t *tile)
{
	double pixels = 1, stored = 1, cube = 1, off_ideal = 0;
	for (int i = 0; i < ndim; i++) {
		int64_t count = (shape[i] + tile[i] - 1) / tile[i];
		pixels *= (double)tile[i];
		stored *= (double)(count * tile[i]);
		cube *= (double)shape[i];
		off_ideal += fabs((double)(ideal[i] - tile[i])) / (double)ideal[i];
	}
	return off_ideal + 10 * ((stored - cube) / cube) + fabs(pixels - CASA_TILE_PIXELS) / CASA_TILE_PIXELS;
}

/* As many tiles, but of equal lengths: less padding at the edges. */
static void even_out(int ndim, const int64_t *shape, int64_t *tile)
{
	for (int i = 0; i < ndim; i++) {
		int64_t count = (shape[i] + tile[i] - 1) / tile[i];
		tile[i] = (shape[i] + count - 1) / count;
	}
}

void sc_tiling_casa(int ndim, const int64_t *shape, int64_t *ret_tile)
{
	int64_t ideal[SC_MAXDIM], tile[SC_MAXDIM];
	assert(ndim >= 1 && ndim <= SC_MAXDIM);
	proportional_tile(ndim, shape, ideal);
	double pixels = 1;
	for (int i = 0; i < ndim; i++)
		pixels *= (double)shape[i];
	if (divides_shape(ndim, shape, ideal)) {
		memcpy(ret_tile, ideal, (size_t)ndim * sizeof(*ret_tile));
		return;
	}
	if (pixels <= 4.0 * CASA_TILE_PIXELS) {
		memcpy(ret_tile, shape, (size_t)ndim * sizeof(*ret_tile));
		return;
	}

	struct candidates candidates[SC_MAXDIM];
	for (int i = 0; i < ndim; i++) {
		candidates[i] = candidates_for(shape[i], ideal[i]);
		tile[i] = candidates[i].first;
	}
	memcpy(ret_tile, ideal, (size_t)ndim * sizeof(*ret_tile));
	double least = 1000000;
	for (int axis = 0; axis < ndim;) {
		double cost = tile_cost(ndim, shape, ideal, tile);
		if (cost < least) {
			least = cost;
			memcpy(ret_tile, tile, (size_t)ndim * sizeof(*ret_tile));
		}
		for (axis = 0; axis < ndim; axis++) {
			tile[axis] = next_candidate(&candidates[axis], shape[axis], tile[axis]);
			if (tile[axis] > 0)
				break;
			tile[axis] = candidates[axis].first;
		}
	}
	even_out(ndim, shape, ret_tile);
}

static int64_t clamp(double value, int64_t most)
{
	if (value < 1)
		return 1;
	return value > (double)most ? most : (int64_t)(value + 0.5);
}

void sc_tiling_auto(int ndim, const int64_t *shape, int axis, int64_t *ret_tile)
{
	sc_tiling_casa(ndim, shape, ret_tile);
	/*
	 * A plane is spanned by the first two axes but the concatenation's; to
	 * read one touches tiles that hold, for each of its pixels, as many
	 * more as the tile is long on the other axes.
	 */
	int first = axis == 0 ? 1 : 0, second = axis <= 1 ? 2 : 1;
	if (ndim < 3)
		return;
	double cost = 1;
	for (int i = 0; i < ndim; i++) {
		if (i != first && i != second)
			cost *= (double)ret_tile[i];
	}
	if (cost <= AUTO_PLANE_COST)
		return;
	/*
	 * plane: nx ny depth pixels; spectrum: nchan tx ty pixels; equal with
	 * tx ty depth = P for depth^2 = P nchan / (nx ny).
	 */
	double plane = (double)shape[first] * (double)shape[second];
	for (int i = 0; i < ndim; i++)
		ret_tile[i] = 1;
	int64_t deepest = shape[axis] < CASA_TILE_PIXELS ? shape[axis] : CASA_TILE_PIXELS;
	ret_tile[axis] = clamp(sqrt(CASA_TILE_PIXELS * (double)shape[axis] / plane), deepest);
	double area = CASA_TILE_PIXELS / (double)ret_tile[axis];
	ret_tile[first] = clamp(sqrt(area), shape[first]);
	ret_tile[second] = clamp(area / (double)ret_tile[first], shape[second]);
	ret_tile[first] = clamp(area / (double)ret_tile[second], shape[first]);
	even_out(ndim, shape, ret_tile);
}

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
	while (b != 0) {
		int64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* The storage with most slabs, the first one of equals; false when no slab has any. */
static bool commonest_storage(const struct sc_layout *layout, uint32_t *ret_storage)
{
	uint32_t best = 0;
	size_t best_count = 0;
	sc_autofree size_t *counts = calloc(layout->nstorages + 1, sizeof(*counts));
	if (!counts || layout->nstorages == 0) {
		*ret_storage = 0; /* without memory the first one is as right, only perhaps slower */
		return layout->nstorages > 0;
	}
	for (size_t i = 0; i < layout->nslabs; i++) {
		uint32_t storage = layout->slabs[i].storage;
		if (sc_storage_is_fill(storage))
			continue;
		counts[storage]++;
	}
	for (uint32_t i = 0; i < layout->nstorages; i++) {
		if (counts[i] > best_count) {
			best_count = counts[i];
			best = i;
		}
	}
	*ret_storage = best;
	return best_count > 0;
}

void sc_tiling_keep(const struct sc_layout *layout, const int64_t *fallback, int64_t *ret_tile, bool *ret_big_endian)
{
	int axis = layout->axis;
	size_t bytes = (size_t)layout->ndim * sizeof(*ret_tile);
	uint32_t commonest;
	*ret_big_endian = false;
	if (!commonest_storage(layout, &commonest)) {
		if (fallback)
			memcpy(ret_tile, fallback, bytes);
		else
			sc_tiling_casa(layout->ndim, layout->shape, ret_tile);
		return;
	}
	const struct sc_storage *storage = &layout->storages[commonest];
	memcpy(ret_tile, storage->tile, bytes);
	*ret_big_endian = storage->big_endian;
	if (layout->nslabs == 1)
		return;

	/* The greatest depth that divides every part's first channel and the parts' tile depths. */
	int64_t depth = ret_tile[axis];
	for (size_t i = 1; i < layout->nslabs; i++)
		depth = greatest_common_divisor(depth, layout->slabs[i].start);
	double bits = layout->bits;
	for (int i = 0; i < layout->ndim; i++)
		bits *= (double)(i == axis ? depth : ret_tile[i]);
	if (depth < ret_tile[axis] && bits < KEEP_SMALLEST_TILE_BITS)
		return; /* straddling tiles are gathered, the others stay ranges where they can */
	ret_tile[axis] = depth;
}
