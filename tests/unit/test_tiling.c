#include "testdata.h"

#include <math.h>

#include "tablefile.h"
#include "tiles_casacore.h"
#include "tiling.h"
#include "tsm.h"
#include "slabs.h"

/* A tile as text, and a comparison that shows both. */
static void assert_tile(const char *what, size_t number, int ndim, const int64_t *tile, const int64_t *expected)
{
	for (int i = 0; i < ndim; i++)
		if (tile[i] != expected[i])
			fail_msg("%s %zu: length %d is %lld, expected %lld", what, number, i, (long long)tile[i],
				 (long long)expected[i]);
}

static uint64_t xorshift(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/* ---- casa ---- */

static void casa_tiles_are_casacores(void **state)
{
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(tiles_casacore); i++) {
		int64_t tile[SC_MAXDIM];
		sc_tiling_casa(tiles_casacore[i].ndim, tiles_casacore[i].shape, tile);
		assert_tile("shape", i, tiles_casacore[i].ndim, tile, tiles_casacore[i].tile);
	}
}

/* Images that CASA itself concatenated have the tile of a new image of their shape. */
static bool is_casas_tile(const char *path, const uint8_t *data, size_t size)
{
	struct sc_tsm tsm;
	struct sc_error err = { 0 };
	if (strstr(path, ".subcube.") || strstr(path, "/logtable/"))
		return false;
	if (sc_tsm_decode(data, size, path, &tsm, &err) < 0)
		fail_msg("%s", err.text);
	int64_t tile[SC_MAXDIM];
	sc_tiling_casa(tsm.ndim, tsm.shape, tile);
	for (int i = 0; i < tsm.ndim; i++)
		if (tile[i] != tsm.tile[i])
			fail_msg("%s: length %d is %lld, expected %lld", path, i, (long long)tile[i],
				 (long long)tsm.tile[i]);
	return true;
}

static void casa_tiles_are_those_of_real_images(void **state)
{
	(void)state;
	assert_true(testdata_walk("table.f0", is_casas_tile) >= 20);
}

/* ---- auto ---- */

/* Pixels of the tiles that one plane (axes 0 and 1) and one spectrum (axis 3) touch. */
static double plane_pixels(const int64_t *shape, const int64_t *tile)
{
	return ceil((double)shape[0] / (double)tile[0]) * ceil((double)shape[1] / (double)tile[1]) * (double)tile[0] *
	       (double)tile[1] * (double)tile[2] * (double)tile[3];
}

static double spectrum_pixels(const int64_t *shape, const int64_t *tile)
{
	return ceil((double)shape[3] / (double)tile[3]) * (double)tile[0] * (double)tile[1] * (double)tile[2] *
	       (double)tile[3];
}

static double stored_pixels(const int64_t *shape, const int64_t *tile)
{
	double pixels = 1;
	for (int i = 0; i < 4; i++)
		pixels *= ceil((double)shape[i] / (double)tile[i]) * (double)tile[i];
	return pixels;
}

static void auto_balances_long_cubes(void **state)
{
	(void)state;
	static const int64_t shapes[][4] = {
		{ 2250, 2250, 1, 59599 }, { 2250, 2250, 4, 59599 }, { 4096, 4096, 1, 10000 },
		{ 512, 512, 1, 20000 },   { 8192, 8192, 1, 65536 }, { 1000, 3000, 1, 30000 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(shapes); i++) {
		int64_t tile[SC_MAXDIM];
		sc_tiling_auto(4, shapes[i], 3, tile);
		double ratio = plane_pixels(shapes[i], tile) / spectrum_pixels(shapes[i], tile);
		double pixels = (double)(tile[0] * tile[1] * tile[2] * tile[3]);
		if (ratio > 1.5 || ratio < 1 / 1.5 || pixels < 0.75 * 32768 || pixels > 1.25 * 32768 || tile[2] != 1)
			fail_msg("shape %zu: tile %lld,%lld,%lld,%lld: plane / spectrum %g, %g pixels", i,
				 (long long)tile[0], (long long)tile[1], (long long)tile[2], (long long)tile[3], ratio,
				 pixels);
	}
}

static void auto_keeps_casas_tile_where_planes_are_cheap(void **state)
{
	(void)state;
	static const struct {
		int ndim, axis;
		int64_t shape[5];
	} cases[] = {
		{ 4, 3, { 96, 80, 1, 12 } },     { 4, 3, { 512, 384, 1, 24 } },  { 4, 3, { 96, 80, 4, 4 } },
		{ 4, 3, { 2048, 2048, 1, 32 } }, { 4, 3, { 1, 1, 1, 12 } },      { 3, 2, { 4096, 4096, 100 } },
		{ 2, 1, { 1000, 1000000 } },     { 1, 0, { 1000000 } },          { 3, 0, { 16, 1000, 1000 } },
		{ 4, 2, { 1024, 1024, 64, 1 } }, { 5, 3, { 64, 64, 2, 40, 2 } },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		int64_t tile[SC_MAXDIM], casa[SC_MAXDIM];
		sc_tiling_casa(cases[i].ndim, cases[i].shape, casa);
		sc_tiling_auto(cases[i].ndim, cases[i].shape, cases[i].axis, tile);
		assert_tile("shape", i, cases[i].ndim, tile, casa);
	}
}

/*
 * Whatever the shape: a valid tile, and one that never makes planes dearer than casa's, which auto is there to avoid.
 */
static void auto_never_makes_planes_dearer(void **state)
{
	(void)state;
	uint64_t random = 20240611;
	unsigned changed = 0;
	for (unsigned i = 0; i < 6000; i++) {
		int64_t shape[4], tile[SC_MAXDIM], casa[SC_MAXDIM];
		for (int k = 0; k < 4; k++)
			shape[k] = (int64_t)exp((double)(xorshift(&random) % 1000) / (k == 2   ? 700
										      : k == 3 ? 80
											       : 160)) *
				   (k < 2 ? 16 : 1);
		sc_tiling_casa(4, shape, casa);
		sc_tiling_auto(4, shape, 3, tile);
		for (int k = 0; k < 4; k++)
			assert_true(tile[k] >= 1 && tile[k] <= shape[k]);
		/* A cube that casacore keeps in one tile is small whatever its tile. */
		if (memcmp(tile, casa, 4 * sizeof(*tile)) == 0 || memcmp(casa, shape, sizeof(shape)) == 0)
			continue;
		changed++;
		double pixels = (double)(tile[0] * tile[1] * tile[2] * tile[3]);
		double wanted = fmin(32768, (double)(shape[0] * shape[1] * shape[3]));
		if (casa[2] * casa[3] <= 20 || pixels > 2 * wanted || pixels < wanted / 8 ||
		    stored_pixels(shape, tile) > 2 * (double)(shape[0] * shape[1] * shape[2] * shape[3]) ||
		    plane_pixels(shape, tile) > 2 * plane_pixels(shape, casa))
			fail_msg("%lld,%lld,%lld,%lld: %lld,%lld,%lld,%lld, casa's %lld,%lld,%lld,%lld",
				 (long long)shape[0], (long long)shape[1], (long long)shape[2], (long long)shape[3],
				 (long long)tile[0], (long long)tile[1], (long long)tile[2], (long long)tile[3],
				 (long long)casa[0], (long long)casa[1], (long long)casa[2], (long long)casa[3]);
	}
	assert_true(changed > 300);
}

/* ---- keep ---- */

#define NONE (-1) /* a part without a mask */

static void keep_cases(void **state)
{
	(void)state;
	static const struct sc_storage storages[] = {
		{ .tile = { 96, 80, 1, 4 }, .file = "a" },
		{ .tile = { 96, 80, 1, 6 }, .file = "a" },
		{ .tile = { 48, 40, 1, 4 }, .file = "a", .big_endian = true },
		{ .tile = { 2, 3, 1, 8 }, .file = "a" },
	};
	static const struct {
		enum sc_type type;
		int nslabs;
		struct {
			int64_t count;
			int storage;
		} slabs[6];
		int64_t expected[4];
		bool big_endian, fallback;
	} cases[] = {
		/* One part, one channel a part, whole tiles: as they are. */
		{ SC_TYPE_FLOAT, 1, { { 7, 0 } }, { 96, 80, 1, 4 }, false, false },
		{ SC_TYPE_FLOAT, 3, { { 8, 0 }, { 8, 0 }, { 5, 0 } }, { 96, 80, 1, 4 }, false, false },
		{ SC_TYPE_FLOAT, 3, { { 1, 0 }, { 1, 0 }, { 1, 0 } }, { 96, 80, 1, 1 }, false, false },
		/* Tiles that would straddle parts are cut to the depth that fits all. */
		{ SC_TYPE_FLOAT, 3, { { 6, 0 }, { 6, 0 }, { 6, 0 } }, { 96, 80, 1, 2 }, false, false },
		{ SC_TYPE_FLOAT, 3, { { 4, 0 }, { 7, 0 }, { 7, 0 } }, { 96, 80, 1, 1 }, false, false },
		{ SC_TYPE_FLOAT, 2, { { 12, 1 }, { 3, 1 } }, { 96, 80, 1, 6 }, false, false },
		{ SC_TYPE_FLOAT, 2, { { 9, 1 }, { 9, 1 } }, { 96, 80, 1, 3 }, false, false },
		/* But never to tiles of a few bytes. */
		{ SC_TYPE_FLOAT, 3, { { 7, 3 }, { 7, 3 }, { 7, 3 } }, { 2, 3, 1, 8 }, false, false },
		/* The commonest wins, the first of equals; its byte order with it. */
		{ SC_TYPE_FLOAT, 3, { { 4, 0 }, { 4, 2 }, { 4, 2 } }, { 48, 40, 1, 4 }, true, false },
		{ SC_TYPE_FLOAT, 4, { { 4, 0 }, { 4, 2 }, { 4, 2 }, { 4, 0 } }, { 96, 80, 1, 4 }, false, false },
		{ SC_TYPE_FLOAT, 2, { { 4, 2 }, { 4, 0 } }, { 48, 40, 1, 4 }, true, false },
		/* Masks: parts without one do not count; where none has any, the fallback. */
		{ SC_TYPE_BOOL,
		  4,
		  { { 4, NONE }, { 4, NONE }, { 4, NONE }, { 4, 0 } },
		  { 96, 80, 1, 4 },
		  false,
		  false },
		{ SC_TYPE_BOOL, 3, { { 4, NONE }, { 6, 0 }, { 4, NONE } }, { 96, 80, 1, 4 }, false, false },
		{ SC_TYPE_BOOL, 2, { { 4, NONE }, { 4, NONE } }, { 11, 12, 1, 13 }, false, true },
		{ SC_TYPE_BOOL, 2, { { 4, NONE }, { 4, NONE } }, { 96, 80, 1, 8 }, false, false },
	};
	static const int64_t plane[] = { 96, 80, 1, 0 }, fallback[] = { 11, 12, 1, 13 };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_layout layout;
		struct sc_error err = { 0 };
		int64_t tile[SC_MAXDIM];
		bool big_endian = !cases[i].big_endian;
		assert_int_equal(sc_layout_init(&layout, 4, plane, 3, cases[i].type, &err), 0);
		for (int k = 0; k < cases[i].nslabs; k++) {
			int storage = cases[i].slabs[k].storage;
			assert_int_equal(add_slab(&layout, cases[i].slabs[k].count,
							    storage == NONE ? NULL : &storages[storage], &err),
					 0);
		}
		sc_tiling_keep(&layout, cases[i].fallback ? fallback : NULL, tile, &big_endian);
		assert_tile("case", i, 4, tile, cases[i].expected);
		assert_int_equal(big_endian, cases[i].big_endian);
		sc_layout_clear(&layout);
	}
}

/* ---- the option ---- */

static void option_is_parsed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
		struct sc_tiling tiling;
	} cases[] = {
		{ "keep", 0, { .mode = SC_TILING_KEEP } },
		{ "casa", 0, { .mode = SC_TILING_CASA } },
		{ "auto", 0, { .mode = SC_TILING_AUTO } },
		{ "128,64,1,4", 0, { SC_TILING_GIVEN, 4, { 128, 64, 1, 4 } } },
		{ "7", 0, { SC_TILING_GIVEN, 1, { 7 } } },
		{ "2147483647,1", 0, { SC_TILING_GIVEN, 2, { 2147483647, 1 } } },
		{ "1,2,3,4,5,6,7,8", 0, { SC_TILING_GIVEN, 8, { 1, 2, 3, 4, 5, 6, 7, 8 } } },
		{ "1,2,3,4,5,6,7,8,9", -EINVAL, { .mode = 0 } },
		{ "2147483648", -EINVAL, { .mode = 0 } },
		{ "99999999999999999999", -EINVAL, { .mode = 0 } },
		{ "", -EINVAL, { .mode = 0 } },
		{ ",", -EINVAL, { .mode = 0 } },
		{ "1,", -EINVAL, { .mode = 0 } },
		{ "1,,2", -EINVAL, { .mode = 0 } },
		{ "0,1", -EINVAL, { .mode = 0 } },
		{ "-4,1", -EINVAL, { .mode = 0 } },
		{ "4x4", -EINVAL, { .mode = 0 } },
		{ "4 ,4", -EINVAL, { .mode = 0 } },
		{ "KEEP", -EINVAL, { .mode = 0 } },
		{ "keep,1", -EINVAL, { .mode = 0 } },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_tiling tiling = { 0 };
		struct sc_error err = { 0 };
		int rc = sc_tiling_parse(cases[i].text, &tiling, &err);
		if (rc != cases[i].rc || (rc < 0 && !strstr(err.text, "not a tiling")))
			fail_msg("\"%s\": %d %s", cases[i].text, rc, err.text);
		if (rc < 0)
			continue;
		assert_int_equal(tiling.mode, cases[i].tiling.mode);
		assert_int_equal(tiling.ndim, cases[i].tiling.ndim);
		assert_tile("case", i, tiling.ndim, tiling.tile, cases[i].tiling.tile);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(casa_tiles_are_casacores),
		cmocka_unit_test(casa_tiles_are_those_of_real_images),
		cmocka_unit_test(auto_balances_long_cubes),
		cmocka_unit_test(auto_keeps_casas_tile_where_planes_are_cheap),
		cmocka_unit_test(auto_never_makes_planes_dearer),
		cmocka_unit_test(keep_cases),
		cmocka_unit_test(option_is_parsed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
