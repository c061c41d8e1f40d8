/*
 * coding.h - elements that a file holds in another form than the view: a FITS
 * image's numbers, and the mask that its blank pixels are.
 *
 * As casacore's FITSImage has them (tables/DataMan/TiledFileAccess.cc, lattices/LRegions/FITSMask.cc): integers
 * become float(integer) x scale + zero in single precision, or NaN when they are the blank value; a mask is
 * good where the pixel is not NaN.
 */
#ifndef SC_CODING_H
#define SC_CODING_H

#include "base.h"
#include "record.h"

enum sc_coding_kind {
	SC_CODING_PLAIN, /* the view's own elements, in either byte order */
	SC_CODING_UCHAR,
	SC_CODING_SHORT,
	SC_CODING_INT,
	SC_CODING_FLOAT, /* these two: of a mask */
	SC_CODING_DOUBLE,
};

/* All but a plain one are stored big-endian. */
struct sc_coding {
	enum sc_coding_kind kind;
	float scale, zero; /* of integers */
	bool has_blank;
	int32_t blank;
};

bool sc_coding_equal(const struct sc_coding *a, const struct sc_coding *b);

/* Bits that an element takes in the file when it is not plain. */
unsigned sc_coding_bits(const struct sc_coding *coding);

/* `count` stored elements -> a byte each, 1 where the pixel is not NaN. */
void sc_coding_to_mask(const struct sc_coding *coding, const uint8_t *from, uint64_t count, uint8_t *ret_good);

/* `count` stored integers -> floats in the given byte order. */
void sc_coding_to_floats(const struct sc_coding *coding, const uint8_t *from, uint64_t count, bool big_endian,
			 uint8_t *ret_floats);

#endif
