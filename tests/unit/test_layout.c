/*
 * Layouts of shapes that no test can hold in memory, and what cannot be laid
 * out. Small ones are compared byte for byte in test_gather.c.
 */
#include "naive.h"

#include "layout.h"
#include "slabs.h"

static void init(struct sc_layout *layout, int ndim, const int64_t *shape, int axis, enum sc_type type)
{
	struct sc_error err = { 0 };
	if (sc_layout_init(layout, ndim, shape, axis, type, &err) < 0)
		fail_msg("%s", err.text);
}

static void add(struct sc_layout *layout, int64_t count, const struct sc_storage *storage)
{
	struct sc_error err = { 0 };
	if (add_slab(layout, count, storage, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- parts one after another: the view's file is the parts' files, end to end ---- */

static void concatenations_are_the_parts_files(void **state)
{
	(void)state;
	static const struct {
		enum sc_type type;
		int64_t plane[4], tile[4], part_channels;
		size_t nparts;
		uint64_t part_bytes;
	} cases[] = {
		{ SC_TYPE_FLOAT, { 2250, 2250, 1, 0 }, { 2250, 2250, 1, 1 }, 1, 59599, 2250ull * 2250 * 4 },
		{ SC_TYPE_FLOAT, { 2250, 2250, 1, 0 }, { 125, 90, 1, 1 }, 1, 59599, 2250ull * 2250 * 4 },
		{ SC_TYPE_BOOL, { 2250, 2250, 1, 0 }, { 125, 90, 1, 1 }, 1, 59599, 450 * 1407 },
		{ SC_TYPE_FLOAT,
		  { 2250, 2250, 4, 0 },
		  { 128, 128, 1, 4 },
		  12,
		  5000,
		  18 * 18 * 4 * 3 * 128ull * 128 * 16 },
		/* 2^62 and some bytes: 2^20 parts of 2^42 bytes and 2^12 parts more. */
		{ SC_TYPE_DCOMPLEX, { 1 << 18, 1 << 18, 4, 0 }, { 512, 512, 1, 1 }, 1, 1052672, 1ull << 42 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_layout layout;
		struct sc_error err = { 0 };
		struct sc_storage storage = { .file = "table.f0_TSM0" };
		memcpy(storage.tile, cases[i].tile, sizeof(cases[i].tile));
		init(&layout, 4, cases[i].plane, 3, cases[i].type);
		for (size_t k = 0; k < cases[i].nparts; k++)
			add(&layout, cases[i].part_channels, &storage);
		assert_int_equal(sc_layout_set_tile(&layout, cases[i].tile, false, &err), 0);
		uint64_t part_bytes = cases[i].part_bytes, size = part_bytes * cases[i].nparts, random = 5;
		assert_int_equal(layout.size_bytes, size);
		assert_int_equal(layout.nslabs, cases[i].nparts);
		assert_int_equal(layout.nstorages, 1);
		for (int k = 0; k < 2000; k++) {
			struct sc_piece piece;
			uint64_t offset = k == 0 ? 0 : k == 1 ? size - 1 : naive_random(&random) % size;
			uint64_t limit = naive_random(&random) % (1 << 20) + 1, left = part_bytes - offset % part_bytes;
			sc_layout_piece(&layout, offset, limit, &piece);
			if (piece.kind != SC_PIECE_RANGE || piece.offset != offset ||
			    piece.slab != offset / part_bytes || piece.file_offset != offset % part_bytes ||
			    piece.length != (limit < left ? limit : left))
				fail_msg("case %zu: %llu, at most %llu: kind %d, slab %zu, %llu bytes at %llu", i,
					 (unsigned long long)offset, (unsigned long long)limit, (int)piece.kind,
					 piece.slab, (unsigned long long)piece.length,
					 (unsigned long long)piece.file_offset);
		}
		sc_layout_clear(&layout);
	}
}

/* ---- which tiles are ranges, in a long cube of uneven parts ---- */

static void pieces_of_uneven_parts(void **state)
{
	(void)state;
	/*
	 * Planes of 2 x 2 tiles of 1000 bytes; part 0 has channels 0 to 6 in tiles of 7, part 1
	 * none stored, part 2 channels 10 to 16 in tiles of 1, big-endian.
	 */
	static const int64_t plane[] = { 20, 20, 0 }, tile[] = { 10, 10, 2 };
	const struct sc_storage deep = { .tile = { 10, 10, 7 }, .offset_bytes = 1ull << 40, .file = "a" };
	const struct sc_storage flat = { .tile = { 10, 10, 1 }, .file = "b", .big_endian = true };
	static const struct {
		uint64_t tile;
		struct sc_piece piece;
	} cases[] = {
		/* A part's tile has 700 pixels in 88 bytes, a channel of it 100 bits; the view's 200 pixels take 25. */
		{ 0, { SC_PIECE_RANGE, 0, 25, 0, 1ull << 40, 0, 0, 0 } },
		{ 3, { SC_PIECE_RANGE, 0, 25, 0, (1ull << 40) + 3 * 88, 0, 0, 0 } },
		{ 4, { SC_PIECE_RANGE, 0, 25, 0, (1ull << 40) + 25, 0, 0, 0 } },
		{ 11, { SC_PIECE_RANGE, 0, 25, 0, (1ull << 40) + 3 * 88 + 50, 0, 0, 0 } },
		{ 12, { SC_PIECE_GATHER, 0, 25, 0, 0, 0, 12, 0 } }, /* straddles parts 0 and 1 */
		{ 16, { SC_PIECE_FILL, 0, 25, 0, 0, 0xff, 0, 0 } },
		{ 20, { SC_PIECE_GATHER, 0, 25, 0, 0, 0, 20, 0 } }, /* deeper than the part's tiles */
		{ 35, { SC_PIECE_GATHER, 0, 25, 0, 0, 0, 35, 0 } }, /* the last channel alone, padded */
	};
	struct sc_layout layout;
	struct sc_error err = { 0 };
	init(&layout, 3, plane, 2, SC_TYPE_BOOL);
	add(&layout, 7, &deep);
	add(&layout, 3, NULL);
	add(&layout, 7, &flat);
	assert_int_equal(sc_layout_set_tile(&layout, tile, false, &err), 0);
	assert_int_equal(layout.total_tiles, 36);
	assert_int_equal(layout.size_bytes, 36 * 25);
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		const struct sc_piece *want = &cases[i].piece;
		for (uint64_t skip = 0; skip < 25; skip += 8) {
			struct sc_piece piece;
			sc_layout_piece(&layout, cases[i].tile * 25 + skip, 25 - skip, &piece);
			assert_int_equal(piece.kind, want->kind);
			assert_int_equal(piece.offset, cases[i].tile * 25 + skip);
			assert_int_equal(piece.length, 25 - skip);
			if (piece.kind == SC_PIECE_RANGE) {
				assert_int_equal(piece.slab, want->slab);
				assert_int_equal(piece.file_offset, want->file_offset + skip);
			} else if (piece.kind == SC_PIECE_FILL) {
				assert_int_equal(piece.fill, 0xff);
			} else {
				assert_int_equal(piece.tile, cases[i].tile);
				assert_int_equal(piece.tile_offset, skip);
			}
		}
	}
	/* Fills of neighbouring tiles are one piece, a gathered tile is one alone. */
	struct sc_piece piece;
	sc_layout_piece(&layout, 16 * 25, UINT64_MAX, &piece);
	assert_int_equal(piece.length, 4 * 25);
	sc_layout_piece(&layout, 20 * 25 + 3, UINT64_MAX, &piece);
	assert_int_equal(piece.length, 22);
	sc_layout_clear(&layout);
}

/* ---- slabs and storages ---- */

static void slabs_are_found(void **state)
{
	(void)state;
	static const int64_t plane[] = { 4, 4, 0 };
	static const int64_t counts[] = { 1, 7, 1, 1, 100000, 3 };
	const struct sc_storage storages[] = {
		{ .tile = { 4, 4, 1 }, .file = "a" },
		{ .tile = { 4, 4, 1 }, .file = "b" },
		{ .tile = { 4, 4, 1 }, .file = "a", .big_endian = true },
		{ .tile = { 4, 4, 1 }, .file = "a", .offset_bytes = 1 },
		{ .tile = { 4, 4, 2 }, .file = "a" },
		{ .tile = { 4, 4, 1, 9 }, .file = "a" }, /* as the first: 9 is no axis */
	};
	struct sc_layout layout;
	init(&layout, 3, plane, 2, SC_TYPE_FLOAT);
	for (size_t i = 0; i < SC_COUNT_OF(counts); i++)
		add(&layout, counts[i], &storages[i]);
	assert_int_equal(layout.nstorages, 5);
	assert_int_equal(layout.slabs[5].storage, layout.slabs[0].storage);
	for (size_t i = 0; i < SC_COUNT_OF(counts); i++) {
		const struct sc_slab *slab = &layout.slabs[i];
		assert_int_equal(slab->count, counts[i]);
		assert_int_equal(sc_layout_find_slab(&layout, slab->start), i);
		assert_int_equal(sc_layout_find_slab(&layout, slab->start + slab->count - 1), i);
	}
	assert_int_equal(layout.shape[2], 1 + 7 + 1 + 1 + 100000 + 3);
	sc_layout_clear(&layout);
}

/* ---- limits ---- */

static void limits_are_errors(void **state)
{
	(void)state;
	static const int64_t P31 = INT64_C(1) << 31, P62 = INT64_C(1) << 62;
	static const struct {
		enum sc_type type;
		int64_t plane[3], count, tile[3];
		int rc;
		uint64_t size;
	} cases[] = {
		{ SC_TYPE_FLOAT, { 1, 1, 0 }, P62 / 2, { 1, 1, P62 / 4 }, -EFBIG, 0 },
		{ SC_TYPE_BOOL, { 1, 1, 0 }, P62, { 1, 1, P62 }, 0, (uint64_t)P62 / 8 },
		{ SC_TYPE_BOOL, { 1, 1, 0 }, INT64_MAX, { 1, 1, 1 }, 0, INT64_MAX },
		{ SC_TYPE_BOOL, { 2, 1, 0 }, INT64_MAX, { 1, 1, 1 }, -EFBIG, 0 },
		{ SC_TYPE_FLOAT, { P31, P31, 0 }, 1, { 1, 1, 1 }, -EFBIG, 0 },
		{ SC_TYPE_FLOAT, { P31 / 2, P31 / 2, 0 }, 1, { 512, 512, 1 }, 0, (uint64_t)P62 },
		{ SC_TYPE_FLOAT, { P31 / 2, P31 / 2, 0 }, 2, { 512, 512, 1 }, -EFBIG, 0 },
		{ SC_TYPE_FLOAT, { 1, 1, 0 }, 1, { P31, P31, P31 }, -EFBIG, 0 },
		{ SC_TYPE_FLOAT, { 1, 1, 0 }, 1, { P31, P31, 1 }, -EFBIG, 0 },
		{ SC_TYPE_FLOAT, { 1, 1, 0 }, 1, { INT64_MAX, 1, 1 }, -EFBIG, 0 },
		{ SC_TYPE_FLOAT, { 3, 3, 0 }, 5, { 4, 4, 4 }, 0, 64 * 4 * 2 },
		{ SC_TYPE_FLOAT, { 3, 3, 0 }, 5, { 4, 0, 4 }, -EINVAL, 0 },
		{ SC_TYPE_FLOAT, { 3, 3, 0 }, 5, { 4, 4, -1 }, -EINVAL, 0 },
	};
	const struct sc_storage storage = { .tile = { 1, 1, 1 }, .file = "a" };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_layout layout;
		struct sc_error err = { 0 };
		init(&layout, 3, cases[i].plane, 2, cases[i].type);
		add(&layout, cases[i].count, &storage);
		int rc = sc_layout_set_tile(&layout, cases[i].tile, false, &err);
		if (rc != cases[i].rc || (rc < 0 && !err.text[0]) || (rc == 0 && layout.size_bytes != cases[i].size))
			fail_msg("case %zu: %d %s, %llu bytes", i, rc, err.text, (unsigned long long)layout.size_bytes);
		if (rc == 0) {
			struct sc_piece piece;
			sc_layout_piece(&layout, layout.size_bytes - 1, 1, &piece);
			assert_int_equal(piece.offset, layout.size_bytes - 1);
			assert_int_equal(piece.length, 1);
		}
		sc_layout_clear(&layout);
	}
}

static void tiles_that_do_not_fit_into_memory_are_errors(void **state)
{
	(void)state;
	static const struct {
		int64_t tile[4];
		enum sc_type type;
		int rc;
	} tiles[] = {
		{ { 2250, 2250, 1, 1 }, SC_TYPE_FLOAT, 0 },	 { { 16384, 16384, 1, 1 }, SC_TYPE_FLOAT, 0 },
		{ { 16384, 16384, 1, 2 }, SC_TYPE_FLOAT, -EIO }, { { 16384, 16384, 1, 32 }, SC_TYPE_BOOL, 0 },
		{ { 16384, 16384, 1, 33 }, SC_TYPE_BOOL, -EIO }, { { 1000000, 1000000, 1, 1 }, SC_TYPE_BOOL, -EIO },
	};
	static const int64_t shape[] = { 100, 100, 1, 0 };
	const struct sc_storage storage = { .tile = { 1, 1, 1, 1 }, .file = "a" };
	for (size_t i = 0; i < SC_COUNT_OF(tiles); i++) {
		struct sc_layout layout;
		struct sc_error err = { 0 };
		init(&layout, 4, shape, 3, tiles[i].type);
		add(&layout, 100, &storage);
		assert_int_equal(sc_layout_set_tile(&layout, tiles[i].tile, false, &err), 0);
		assert_int_equal(sc_layout_check_tile(&layout, &err), tiles[i].rc);
		sc_layout_clear(&layout);
	}
}

static void impossible_parts_are_errors(void **state)
{
	(void)state;
	static const int64_t plane[] = { 4, 4, 0 };
	struct sc_layout layout;
	struct sc_error err = { 0 };
	assert_int_equal(sc_layout_init(&layout, 3, plane, 2, SC_TYPE_STRING, &err), -EUCLEAN);
	assert_true(has_words(err.text, "string"));
	init(&layout, 3, plane, 2, SC_TYPE_FLOAT);
	add(&layout, INT64_MAX - 1, NULL);
	add(&layout, 1, NULL);
	assert_int_equal(add_slab(&layout, 1, NULL, &err), -EUCLEAN);
	assert_true(has_words(err.text, "more channels"));
	sc_layout_clear(&layout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(concatenations_are_the_parts_files),
		cmocka_unit_test(pieces_of_uneven_parts),
		cmocka_unit_test(slabs_are_found),
		cmocka_unit_test(limits_are_errors),
		cmocka_unit_test(tiles_that_do_not_fit_into_memory_are_errors),
		cmocka_unit_test(impossible_parts_are_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
