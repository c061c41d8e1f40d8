#include "testdata.h"

#include "tsm.h"

static const struct sc_tsm good = {
	.manager = "TiledCellStMan",
	.sequence = 0,
	.type = SC_TYPE_FLOAT,
	.hypercolumn = "map",
	.ndim = 4,
	.default_tile = { 96, 80, 1, 1 },
	.shape = { 96, 80, 1, 12 },
	.tile = { 96, 80, 1, 3 },
	.file_bytes = 96 * 80 * 12 * 4,
};

static int try_decode(const uint8_t *data, size_t size, struct sc_error *err)
{
	struct sc_tsm tsm;
	return sc_tsm_decode(data, size, "f", &tsm, err);
}

static void assert_same_tsm(const struct sc_tsm *a, const struct sc_tsm *b)
{
	assert_string_equal(a->manager, b->manager);
	assert_string_equal(a->hypercolumn, b->hypercolumn);
	assert_int_equal(a->big_endian, b->big_endian);
	assert_int_equal(a->sequence, b->sequence);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->max_cache_bytes, b->max_cache_bytes);
	assert_int_equal(a->ndim, b->ndim);
	assert_memory_equal(a->default_tile, b->default_tile, (size_t)a->ndim * sizeof(a->tile[0]));
	assert_memory_equal(a->shape, b->shape, (size_t)a->ndim * sizeof(a->tile[0]));
	assert_memory_equal(a->tile, b->tile, (size_t)a->ndim * sizeof(a->tile[0]));
	assert_int_equal(a->file, b->file);
	assert_int_equal(a->file_bytes, b->file_bytes);
	assert_int_equal(a->offset_bytes, b->offset_bytes);
}

/* ---- real files ---- */

static bool round_trip(const char *path, const uint8_t *data, size_t size)
{
	struct sc_tsm tsm;
	struct sc_error err = { 0 };
	if (size > 30 && memcmp(data + 12, "StandardStMan", 13) == 0) { /* of a logtable */
		assert_int_equal(sc_tsm_decode(data, size, path, &tsm, &err), -EUCLEAN);
		return false;
	}
	if (sc_tsm_decode(data, size, path, &tsm, &err) < 0)
		fail_msg("%s", err.text);
	sc_autofree uint8_t *again = NULL;
	size_t again_size;
	assert_int_equal(sc_tsm_encode(&tsm, &again, &again_size), 0);
	assert_same_bytes(path, data, size, again, again_size);
	return true;
}

static void real_files_stay_the_same(void **state)
{
	(void)state;
	testdata_walk("table.f0", round_trip);
}

/* ---- versions ---- */

static void versions_round_trip(void **state)
{
	(void)state;
	const int64_t big = INT64_C(1) << 31;
	struct {
		bool big_endian;
		uint64_t cache, file_bytes, offset_bytes;
		uint32_t file, sequence;
		size_t size;
	} cases[] = {
		{ false, 0, 100, 0, 0, 0, 293 },
		{ true, 0, 100, 0, 0, 0, 292 },
		{ false, 0, (uint64_t)big - 1, (uint64_t)big - 1, 0, 0, 293 },
		{ false, 0, (uint64_t)big, 0, 0, 0, 297 },
		{ false, 0, 0, (uint64_t)big, 0, 0, 297 },
		{ false, UINT32_MAX, 100, 0, 0, 0, 293 },
		{ false, UINT64_C(1) << 32, 100, 0, 0, 0, 293 + 4 * 4 },
		{ true, UINT64_C(1) << 32, 100, 0, 0, 0, 293 + 4 * 4 },
		{ false, 0, 100, 0, 2, 7, 295 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_tsm tsm = good, back;
		struct sc_error err = { 0 };
		uint8_t *data;
		size_t size;
		tsm.big_endian = cases[i].big_endian;
		tsm.max_cache_bytes = cases[i].cache;
		tsm.file_bytes = cases[i].file_bytes;
		tsm.offset_bytes = cases[i].offset_bytes;
		tsm.file = cases[i].file;
		tsm.sequence = cases[i].sequence;
		assert_int_equal(sc_tsm_encode(&tsm, &data, &size), 0);
		assert_int_equal(size, cases[i].size);
		if (sc_tsm_decode(data, size, "f", &back, &err) < 0)
			fail_msg("case %zu: %s", i, err.text);
		assert_same_tsm(&tsm, &back);
		free(data);
	}
}

/* ---- shapes that must be refused ---- */

static void odd_shapes_are_errors(void **state)
{
	(void)state;
	static const struct {
		int64_t shape[4], tile[4], default_tile[4];
		enum sc_type type;
		int rc;
		uint64_t offset_bytes;
	} cases[] = {
		{ { 96, 80, 1, 12 }, { 96, 80, 1, 3 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, 0, 0 },
		{ { 3, 5, 1, 12 }, { 96, 80, 1, 3 }, { 1, 1, 1, 1 }, SC_TYPE_BOOL, 0, 0 },
		{ { 96, 0, 1, 12 }, { 96, 80, 1, 3 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, -EUCLEAN, 0 },
		{ { 96, -80, 1, 12 }, { 96, 80, 1, 3 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, -EUCLEAN, 0 },
		{ { 96, 80, 1, 12 }, { 96, 80, 0, 3 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, -EUCLEAN, 0 },
		{ { 96, 80, 1, 12 }, { 96, 80, 1, 3 }, { 1, 1, 0, 1 }, SC_TYPE_FLOAT, -EUCLEAN, 0 },
		{ { 96, 80, 1, 12 }, { 96, 80, 1, 3 }, { 1, -1, 1, 1 }, SC_TYPE_FLOAT, -EUCLEAN, 0 },
		{ { INT64_MAX, 2, 1, 1 }, { 1, 1, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_BOOL, -EUCLEAN, 0 },
		{ { INT64_MAX, 1, 1, 1 }, { 1, 1, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, -EUCLEAN, 0 },
		{ { 1, 1, 1, 1 }, { INT64_MAX, 1, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, -EUCLEAN, 0 },
		{ { 1 << 30, 1 << 30, 1, 1 }, { 1, 1, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, 0, 0 },
		{ { 1 << 30, 1 << 30, 2, 1 }, { 1, 1, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_FLOAT, -EUCLEAN, 0 },
		{ { 96, 80, 1, 12 }, { 96, 80, 1, 3 }, { 1, 1, 1, 1 }, SC_TYPE_STRING, -EUCLEAN, 0 },
		/* A pixel's number must fit, not only its byte; a tile of one bit is a byte. */
		{ { 1 << 30, 1 << 30, 4, 1 }, { 1 << 30, 1 << 30, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_BOOL, 0, 0 },
		{ { 1 << 30, 1 << 30, 8, 1 }, { 1 << 30, 1 << 30, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_BOOL, -EUCLEAN, 0 },
		{ { 1 << 30, 1 << 30, 4, 1 }, { 1, 1, 1, 1 }, { 1, 1, 1, 1 }, SC_TYPE_BOOL, 0, 0 },
		{ { 1 << 30, 1 << 30, 4, 1 },
		  { 1, 1, 1, 1 },
		  { 1, 1, 1, 1 },
		  SC_TYPE_BOOL,
		  -EUCLEAN,
		  UINT64_C(1) << 62 },
		{ { 96, 80, 1, 12 }, { 96, 80, 1, 3 }, { 1, 1, 1, 1 }, (enum sc_type)1, -EUCLEAN, 0 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_tsm tsm = good;
		struct sc_error err = { 0 };
		uint8_t *data;
		size_t size;
		memcpy(tsm.shape, cases[i].shape, sizeof(cases[i].shape));
		memcpy(tsm.tile, cases[i].tile, sizeof(cases[i].tile));
		memcpy(tsm.default_tile, cases[i].default_tile, sizeof(cases[i].default_tile));
		tsm.type = cases[i].type;
		tsm.offset_bytes = cases[i].offset_bytes;
		assert_int_equal(sc_tsm_encode(&tsm, &data, &size), 0);
		if (try_decode(data, size, &err) != cases[i].rc)
			fail_msg("case %zu: %d %s", i, err.code, err.text);
		free(data);
	}
}

/* ---- the other two managers, and counts, built by hand ---- */

struct parts {
	uint64_t rows, columns, cubes, dummies;
	int64_t row_length, row_tile;
	uint32_t map_count, map_cube;
	uint32_t file_shift; /* of the second file's number, which must be its place */
};

static void put_cube(struct sc_aipsio_writer *writer, bool dummy, const struct parts *parts)
{
	const struct sc_record values = { .kind = 1 };
	const int64_t shape[] = { 96, 80, parts->row_length }, tile[] = { 32, 16, parts->row_tile };
	int ndim = dummy ? 0 : 3;
	sc_aipsio_put_u32(writer, 1);
	sc_record_encode(&values, "Record", writer);
	sc_aipsio_put_bool(writer, true);
	sc_aipsio_put_u32(writer, (uint32_t)ndim);
	sc_aipsio_put_iposition(writer, ndim, shape);
	sc_aipsio_put_iposition(writer, ndim, tile);
	sc_aipsio_put_i32(writer, dummy ? -1 : 1);
	sc_aipsio_put_u32(writer, dummy ? 0 : 4096);
}

static void put_stman(struct sc_aipsio_writer *writer, const struct parts *parts)
{
	sc_aipsio_put_begin(writer, "TiledStMan", 2);
	sc_aipsio_put_bool(writer, false);
	sc_aipsio_put_u32(writer, 3);
	sc_aipsio_put_u32(writer, (uint32_t)parts->rows);
	sc_aipsio_put_u32(writer, (uint32_t)parts->columns);
	for (uint64_t i = 0; i < parts->columns; i++)
		sc_aipsio_put_i32(writer, SC_TYPE_COMPLEX);
	sc_aipsio_put_string(writer, "hyper", 5);
	sc_aipsio_put_u32(writer, 0);
	sc_aipsio_put_u32(writer, 3);
	sc_aipsio_put_u32(writer, 2); /* files: one that is not there, one that is */
	sc_aipsio_put_bool(writer, false);
	sc_aipsio_put_bool(writer, true);
	sc_aipsio_put_u32(writer, 1);
	sc_aipsio_put_u32(writer, 1 + parts->file_shift);
	sc_aipsio_put_u32(writer, 65536);
	sc_aipsio_put_u32(writer, (uint32_t)parts->cubes);
	for (uint64_t i = 0; i < parts->cubes; i++)
		put_cube(writer, i < parts->dummies, parts);
	sc_aipsio_put_end(writer);
}

static void put_map(struct sc_aipsio_writer *writer, uint32_t count, uint32_t value)
{
	sc_aipsio_put_begin(writer, "Block", 1);
	sc_aipsio_put_u32(writer, count);
	for (uint32_t i = 0; i < count; i++)
		sc_aipsio_put_u32(writer, value);
	sc_aipsio_put_end(writer);
}

static void build(const char *manager, const struct parts *parts, uint8_t **data, size_t *size)
{
	static const int64_t default_tile[] = { 8, 4 };
	struct sc_aipsio_writer writer;
	bool shape = strcmp(manager, "TiledShapeStMan") == 0;
	sc_aipsio_writer_init(&writer);
	sc_aipsio_put_begin(&writer, manager, 1);
	if (!shape)
		sc_aipsio_put_iposition(&writer, 2, default_tile);
	put_stman(&writer, parts);
	if (shape) {
		sc_aipsio_put_iposition(&writer, 2, default_tile);
		sc_aipsio_put_u32(&writer, parts->map_count);
		put_map(&writer, parts->map_count, 0);
		put_map(&writer, parts->map_count, parts->map_cube);
		put_map(&writer, parts->map_count, 0);
	}
	sc_aipsio_put_end(&writer);
	assert_int_equal(sc_aipsio_writer_finish(&writer, data, size), 0);
}

static void other_managers_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *manager;
		struct parts parts;
		const char *text; /* in the error; NULL: none */
	} cases[] = {
		{ "TiledShapeStMan", { 1, 1, 2, 1, 1, 1, 1, 1, 0 }, NULL },
		{ "TiledColumnStMan", { 1, 1, 1, 0, 1, 1, 0, 0, 0 }, NULL },
		{ "TiledShapeStMan", { 2, 1, 2, 1, 1, 1, 1, 1, 0 }, "expected one row, found 2" },
		{ "TiledShapeStMan", { 0, 1, 2, 1, 1, 1, 1, 1, 0 }, "expected one row, found 0" },
		{ "TiledColumnStMan", { 1, 2, 1, 0, 1, 1, 0, 0, 0 }, "expected one column, found 2" },
		{ "TiledColumnStMan", { 1, 0, 1, 0, 1, 1, 0, 0, 0 }, "expected one column, found 0" },
		{ "TiledShapeStMan", { 1, 1, 3, 1, 1, 1, 1, 1, 0 }, "expected 2 cubes, found 3" },
		{ "TiledShapeStMan", { 1, 1, 1, 1, 1, 1, 1, 1, 0 }, "expected 2 cubes, found 1" },
		{ "TiledShapeStMan", { 1, 1, 2, 0, 1, 1, 1, 1, 0 }, "expected one shape of cells" },
		{ "TiledColumnStMan", { 1, 1, 2, 0, 1, 1, 0, 0, 0 }, "expected 1 cubes, found 2" },
		{ "TiledColumnStMan", { 1, 1, 0, 0, 1, 1, 0, 0, 0 }, "expected 1 cubes, found 0" },
		{ "TiledColumnStMan", { 1, 1, 1, 0, 5, 1, 0, 0, 0 }, "expected a cube of one row" },
		{ "TiledColumnStMan", { 1, 1, 1, 0, 1, 5, 0, 0, 0 }, "in tiles of one row, found 1 in 5" },
		{ "TiledShapeStMan", { 1, 1, 2, 1, 1, 1, 2, 1, 0 }, "expected a row map of one entry, found 2" },
		{ "TiledShapeStMan", { 1, 1, 2, 1, 1, 1, 1, 0, 0 }, "expected 1 in the cube map, found 0" },
		{ "TiledCellStMan", { 1, 1, 1, 0, 1, 1, 0, 0, 0 }, "expected a default tile of the cube's 3 axes" },
		{ "TiledColumnStMan", { 1, 1, 1, 0, 1, 1, 0, 0, 1 }, "expected the file number 1, found 2" },
		{ "TiledDataStMan", { 1, 1, 1, 0, 1, 1, 0, 0, 0 }, "found \"TiledDataStMan\"" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_tsm tsm = { 0 };
		struct sc_error err = { 0 };
		sc_autofree uint8_t *data = NULL;
		size_t size;
		build(cases[i].manager, &cases[i].parts, &data, &size);
		int rc = sc_tsm_decode(data, size, "f", &tsm, &err);
		if (rc != (cases[i].text ? -EUCLEAN : 0) || !strstr(err.text, cases[i].text ? cases[i].text : ""))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
		if (rc < 0)
			continue;
		const struct sc_tsm expected = { .sequence = 3,
						 .type = SC_TYPE_COMPLEX,
						 .hypercolumn = "hyper",
						 .ndim = 2,
						 .default_tile = { 8, 4 },
						 .shape = { 96, 80 },
						 .tile = { 32, 16 },
						 .file = 1,
						 .file_bytes = 65536,
						 .offset_bytes = 4096 };
		struct sc_tsm named = expected;
		strcpy(named.manager, cases[i].manager);
		assert_same_tsm(&tsm, &named);
		testdata_truncate(data, size, try_decode);
		assert_true(testdata_corrupt(data, size, try_decode) > size);
	}
}

static void broken_files_are_errors(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	sc_autofree uint8_t *data = NULL;
	size_t size;
	assert_int_equal(sc_tsm_encode(&good, &data, &size), 0);
	assert_int_equal(try_decode(data, size, &err), 0);
	testdata_truncate(data, size, try_decode);
	assert_true(testdata_corrupt(data, size, try_decode) > size);
	/* What is behind the object is no part of it. */
	data = realloc(data, size + 3);
	memcpy(data + size, "abc", 3);
	assert_int_equal(try_decode(data, size + 3, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_files_stay_the_same), cmocka_unit_test(versions_round_trip),
		cmocka_unit_test(odd_shapes_are_errors),    cmocka_unit_test(other_managers_are_read),
		cmocka_unit_test(broken_files_are_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
