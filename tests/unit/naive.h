/*
 * naive.h - a tiled array written the slow way, pixel by pixel, as a model of
 * what layout.h and gather.h compute by ranges and boxes.
 *
 * An element's value follows from its position in the view, so that a pixel
 * that lands in another place is seen.
 */
#ifndef SC_NAIVE_H
#define SC_NAIVE_H

#include "words.h"

#include "layout.h"

/* How one array is stored, whether a part's or the view's. */
struct naive {
	int ndim;
	unsigned element_bytes; /* 0: Bool, a bit each */
	unsigned word_bytes;    /* what byte order reverses */
	bool big_endian;
	int64_t shape[SC_MAXDIM], tile[SC_MAXDIM];
};

static inline uint64_t naive_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static inline int64_t naive_pick(uint64_t *state, int64_t least, int64_t most)
{
	return least + (int64_t)(naive_random(state) % (uint64_t)(most - least + 1));
}

static inline uint64_t naive_tile_pixels(const struct naive *array)
{
	uint64_t pixels = 1;
	for (int i = 0; i < array->ndim; i++)
		pixels *= (uint64_t)array->tile[i];
	return pixels;
}

static inline uint64_t naive_tile_bytes(const struct naive *array)
{
	uint64_t pixels = naive_tile_pixels(array);
	return array->element_bytes ? pixels * array->element_bytes : (pixels + 7) / 8;
}

static inline uint64_t naive_file_bytes(const struct naive *array)
{
	uint64_t bytes = naive_tile_bytes(array);
	for (int i = 0; i < array->ndim; i++)
		bytes *= (uint64_t)((array->shape[i] + array->tile[i] - 1) / array->tile[i]);
	return bytes;
}

/* The byte of the pixel's first bit, and that bit's number. */
static inline uint64_t naive_place(const struct naive *array, const int64_t *position, unsigned *ret_bit)
{
	uint64_t tile = 0, inside = 0;
	for (int i = array->ndim - 1; i >= 0; i--) {
		uint64_t ntiles = (uint64_t)((array->shape[i] + array->tile[i] - 1) / array->tile[i]);
		tile = tile * ntiles + (uint64_t)(position[i] / array->tile[i]);
		inside = inside * (uint64_t)array->tile[i] + (uint64_t)(position[i] % array->tile[i]);
	}
	*ret_bit = array->element_bytes ? 0 : inside % 8;
	return tile * naive_tile_bytes(array) + (array->element_bytes ? inside * array->element_bytes : inside / 8);
}

/* Writes an element with the given value (mixed to fill its bytes) to a file in memory. */
static inline void naive_put(const struct naive *array, uint8_t *file, const int64_t *position, uint64_t value)
{
	unsigned bit;
	uint64_t at = naive_place(array, position, &bit);
	uint64_t mixed = (value + 1) * 0x9e3779b97f4a7c15u;
	if (array->element_bytes == 0) {
		bool on = mixed >> 63;
		file[at] = (uint8_t)((file[at] & ~(1u << bit)) | ((unsigned)on << bit));
		return;
	}
	for (unsigned i = 0; i < array->element_bytes; i++) {
		unsigned word = i / array->word_bytes, byte = i % array->word_bytes;
		if (array->big_endian)
			byte = array->word_bytes - 1 - byte;
		file[at + word * array->word_bytes + byte] = (uint8_t)((mixed >> (i % 8 * 8)) + i / 8);
	}
}

static inline void naive_put_bool(const struct naive *array, uint8_t *file, const int64_t *position, bool value)
{
	unsigned bit;
	uint64_t at = naive_place(array, position, &bit);
	file[at] = (uint8_t)((file[at] & ~(1u << bit)) | ((unsigned)value << bit));
}

/* Steps a position through a box from 0 to shape; false behind its end. */
static inline bool naive_step(int ndim, int64_t *position, const int64_t *shape)
{
	for (int i = 0; i < ndim; i++) {
		if (++position[i] < shape[i])
			return true;
		position[i] = 0;
	}
	return false;
}

#endif
