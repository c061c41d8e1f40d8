#include "coding.h"

#include <string.h>

bool sc_coding_equal(const struct sc_coding *a, const struct sc_coding *b)
{
	/* Scales are compared as bits: what a header says, NaN included. */
	return a->kind == b->kind && memcmp(&a->scale, &b->scale, sizeof(a->scale)) == 0 &&
	       memcmp(&a->zero, &b->zero, sizeof(a->zero)) == 0 && a->has_blank == b->has_blank && a->blank == b->blank;
}

unsigned sc_coding_bits(const struct sc_coding *coding)
{
	switch (coding->kind) {
	case SC_CODING_UCHAR:
		return 8;
	case SC_CODING_SHORT:
		return 16;
	case SC_CODING_INT:
	case SC_CODING_FLOAT:
		return 32;
	case SC_CODING_DOUBLE:
		return 64;
	case SC_CODING_PLAIN:
		break;
	}
	abort();
}

static uint32_t load32(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static uint64_t load64(const uint8_t *from)
{
	return (uint64_t)load32(from) << 32 | load32(from + 4);
}

static int32_t load_integer(enum sc_coding_kind kind, const uint8_t *from, uint64_t index)
{
	if (kind == SC_CODING_UCHAR)
		return from[index];
	if (kind == SC_CODING_SHORT)
		return (int16_t)(from[2 * index] << 8 | from[2 * index + 1]);
	return (int32_t)load32(from + 4 * index);
}

/* The float's bits; casacore's NaN has all of them set. */
static uint32_t float_of_integer(const struct sc_coding *coding, int32_t value)
{
	if (coding->has_blank && value == coding->blank)
		return UINT32_MAX;
	float scaled = (float)value * coding->scale + coding->zero;
	uint32_t bits;
	memcpy(&bits, &scaled, sizeof(bits));
	return bits;
}

static bool is_number(uint32_t float_bits)
{
	return (float_bits & 0x7fffffff) <= 0x7f800000;
}

void sc_coding_to_mask(const struct sc_coding *coding, const uint8_t *from, uint64_t count, uint8_t *ret_good)
{
	/* The bits are asked, not the arithmetic: that could be compiled as if there were no NaN. */
	if (coding->kind == SC_CODING_FLOAT) {
		for (uint64_t i = 0; i < count; i++)
			ret_good[i] = is_number(load32(from + 4 * i));
	} else if (coding->kind == SC_CODING_DOUBLE) {
		for (uint64_t i = 0; i < count; i++)
			ret_good[i] = (load64(from + 8 * i) & INT64_MAX) <= 0x7ff0000000000000;
	} else {
		for (uint64_t i = 0; i < count; i++)
			ret_good[i] = is_number(float_of_integer(coding, load_integer(coding->kind, from, i)));
	}
}

void sc_coding_to_floats(const struct sc_coding *coding, const uint8_t *from, uint64_t count, bool big_endian,
			 uint8_t *ret_floats)
{
	bool swap = big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	for (uint64_t i = 0; i < count; i++) {
		uint32_t bits = float_of_integer(coding, load_integer(coding->kind, from, i));
		if (swap)
			bits = __builtin_bswap32(bits);
		memcpy(ret_floats + 4 * i, &bits, sizeof(bits));
	}
}
