/* Stored numbers -> pixels and masks; and boxes of a mask that is in the parts' pixels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "coding.h"
#include "gather.h"

static void test_masks_of_reals(void **state)
{
	static const struct {
		uint32_t bits;
		uint8_t good;
	} floats[] = {
		{ 0, 1 },          { 0x80000000, 1 }, { 0x3f800000, 1 }, { 0x7f800000, 1 }, { 0xff800000, 1 },
		{ 0x7f800001, 0 }, { 0xff800001, 0 }, { 0x7fc00000, 0 }, { UINT32_MAX, 0 }, { 1, 1 },
	};
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(floats); i++) {
		uint8_t good = 9, bytes[8];
		uint32_t bits = floats[i].bits;
		for (int k = 0; k < 4; k++)
			bytes[k] = (uint8_t)(bits >> (24 - 8 * k));
		sc_coding_to_mask(&(struct sc_coding){ .kind = SC_CODING_FLOAT }, bytes, 1, &good);
		assert_int_equal(good, floats[i].good);

		/* The same as a double: sign, exponent, and what is below in its last bits. */
		uint64_t wide = (uint64_t)(bits >> 31) << 63 | (bits & 0x7fffff);
		if ((bits & 0x7f800000) == 0x7f800000)
			wide |= (uint64_t)0x7ff << 52;
		for (int k = 0; k < 8; k++)
			bytes[k] = (uint8_t)(wide >> (56 - 8 * k));
		sc_coding_to_mask(&(struct sc_coding){ .kind = SC_CODING_DOUBLE }, bytes, 1, &good);
		assert_int_equal(good, floats[i].good);
	}
}

static float big_endian_float(const uint8_t *bytes)
{
	uint32_t bits = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
	float value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void test_integers(void **state)
{
	static const struct {
		enum sc_coding_kind kind;
		uint8_t stored[4];
		float value;
	} cases[] = {
		{ SC_CODING_UCHAR, { 200 }, 200 },
		{ SC_CODING_SHORT, { 0xff, 0xfe }, -2 },
		{ SC_CODING_SHORT, { 0x7f, 0xff }, 32767 },
		{ SC_CODING_INT, { 0xff, 0xff, 0xff, 0xfd }, -3 },
		{ SC_CODING_INT, { 0x80, 0, 0, 0 }, -2147483648.0f },
	};
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_coding coding = { .kind = cases[i].kind, .scale = 0.5f, .zero = 3 };
		uint8_t bytes[4], little[4], good;
		sc_coding_to_floats(&coding, cases[i].stored, 1, true, bytes);
		assert_true(big_endian_float(bytes) == cases[i].value * 0.5f + 3);
		sc_coding_to_floats(&coding, cases[i].stored, 1, false, little);
		for (int k = 0; k < 4; k++)
			assert_int_equal(little[k], bytes[3 - k]);
		sc_coding_to_mask(&coding, cases[i].stored, 1, &good);
		assert_int_equal(good, 1);

		coding.has_blank = true;
		coding.blank = (int32_t)cases[i].value;
		sc_coding_to_mask(&coding, cases[i].stored, 1, &good);
		assert_int_equal(good, 0);
		sc_coding_to_floats(&coding, cases[i].stored, 1, true, bytes);
		assert_memory_equal(bytes, "\xff\xff\xff\xff", 4);
		coding.blank++;
		sc_coding_to_mask(&coding, cases[i].stored, 1, &good);
		assert_int_equal(good, 1);
	}
}

static void test_equality(void **state)
{
	(void)state;
	struct sc_coding a = { .kind = SC_CODING_SHORT, .scale = 1 }, b = a;
	assert_true(sc_coding_equal(&a, &b));
	b.zero = 1;
	assert_false(sc_coding_equal(&a, &b));
	b = a;
	b.has_blank = true;
	assert_false(sc_coding_equal(&a, &b));
	b = a;
	b.kind = SC_CODING_INT;
	assert_false(sc_coding_equal(&a, &b));
}

/* Two parts of 5 x 4 x n floats behind a header, of which every third one is NaN. */
#define NX 5
#define NY 4
#define HEADER 17

static bool is_nan(size_t slab, uint64_t element)
{
	return (element + slab) % 3 == 0;
}

static int read_part(void *context, size_t slab, uint64_t offset, void *buffer, size_t count, struct sc_error *err)
{
	(void)context;
	(void)err;
	uint8_t *to = buffer;
	for (size_t i = 0; i < count; i++) {
		assert_true(offset + i >= HEADER);
		uint64_t at = offset + i - HEADER;
		to[i] = is_nan(slab, at / 4) ? 0xff : (uint8_t)(at % 4);
	}
	return 0;
}

static void check_mask(const int64_t *tile)
{
	static const int64_t depths[] = { 2, 3 };
	struct sc_storage storage = {
		.tile = { NX, 2, 1 }, .offset_bytes = HEADER, .big_endian = true, .coding = { .kind = SC_CODING_FLOAT }
	};
	struct sc_layout layout;
	uint32_t index;
	assert_int_equal(sc_layout_init(&layout, 3, (int64_t[]){ NX, NY, 0 }, 2, SC_TYPE_BOOL, NULL), 0);
	assert_int_equal(sc_layout_add_storage(&layout, &storage, &index, NULL), 0);
	for (size_t i = 0; i < SC_COUNT_OF(depths); i++)
		assert_int_equal(sc_layout_add_slab(&layout, depths[i], index, NULL), 0);
	assert_int_equal(sc_layout_set_tile(&layout, tile, false, NULL), 0);

	for (uint64_t number = 0; number < layout.total_tiles; number++) {
		struct sc_piece piece;
		sc_layout_piece(&layout, number * layout.tile_bytes, layout.tile_bytes, &piece);
		assert_int_equal(piece.kind, SC_PIECE_GATHER);
		uint8_t bytes[64];
		int64_t indices[SC_MAXDIM];
		assert_true(layout.tile_bytes <= sizeof(bytes));
		assert_int_equal(sc_gather_tile(&layout, number, bytes, read_part, NULL, NULL), 0);
		sc_layout_tile_indices(&layout, number, indices);
		for (int64_t bit = 0; bit < tile[0] * tile[1] * tile[2]; bit++) {
			int64_t x = indices[0] * tile[0] + bit % tile[0];
			int64_t y = indices[1] * tile[1] + bit / tile[0] % tile[1];
			int64_t z = indices[2] * tile[2] + bit / tile[0] / tile[1];
			if (x >= NX || y >= NY || z >= 5)
				continue;
			size_t slab = z >= 2;
			uint64_t element = (uint64_t)(x + NX * (y + NY * (slab ? z - 2 : z)));
			assert_int_equal(bytes[bit / 8] >> (bit % 8) & 1, !is_nan(slab, element));
		}
	}
	sc_layout_clear(&layout);
}

static void test_gathered_mask(void **state)
{
	static const int64_t tiles[][3] = { { 5, 2, 1 }, { 5, 4, 5 }, { 1, 1, 1 }, { 2, 3, 2 }, { 5, 4, 1 } };
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(tiles); i++)
		check_mask(tiles[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks_of_reals),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_gathered_mask),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
