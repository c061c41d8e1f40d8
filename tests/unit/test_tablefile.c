#include "testdata.h"

#include "tablefile.h"

static int try_decode(const uint8_t *data, size_t size, struct sc_error *err)
{
	struct sc_tablefile table;
	int rc = sc_tablefile_decode(data, size, "f", &table, err);
	if (rc < 0)
		return rc;
	/* What a broken file still decodes to must be fit for use. */
	uint8_t *again;
	size_t again_size;
	assert_int_equal(sc_tablefile_encode(&table, &again, &again_size), 0);
	free(again);
	sc_tablefile_clear(&table);
	return 0;
}

/* ---- real files ---- */

/* A logtable has five columns, an image or a mask (mask0, or a name of the user's) one. */
static void check_columns(const char *path, const struct sc_tablefile *table)
{
	const struct sc_tablefile_column *columns = table->columns;
	if (strstr(path, "/logtable/")) {
		assert_int_equal(table->ncolumns, 5);
		assert_string_equal(columns[0].name, "TIME");
		assert_string_equal(columns[4].name, "OBJECT_ID");
		assert_int_equal(columns[0].type, SC_TYPE_DOUBLE);
		assert_int_equal(columns[4].type, SC_TYPE_STRING);
		assert_string_equal(columns[4].manager, "StandardStMan");
		return;
	}
	bool mask = sc_record_find(table->keywords, "coords") == NULL;
	assert_int_equal(table->ncolumns, 1);
	assert_int_equal(table->nrows, 1);
	assert_string_equal(columns[0].name, mask ? "PagedArray" : "map");
	assert_true(mask == (columns[0].type == SC_TYPE_BOOL));
	assert_string_equal(columns[0].manager, "TiledCellStMan");
	assert_int_equal(columns[0].sequence, 0);
}

static bool round_trip(const char *path, const uint8_t *data, size_t size)
{
	struct sc_tablefile table;
	struct sc_error err = { 0 };
	if (sc_tablefile_decode(data, size, path, &table, &err) < 0)
		fail_msg("%s", err.text);
	check_columns(path, &table);
	sc_autofree uint8_t *again = NULL;
	size_t again_size;
	assert_int_equal(sc_tablefile_encode(&table, &again, &again_size), 0);
	assert_same_bytes(path, data, size, again, again_size);
	/* A copied record must encode the same, too. */
	struct sc_record *copy = sc_record_copy(table.keywords);
	assert_true(sc_record_equal(copy, table.keywords));
	sc_record_free(table.keywords);
	table.keywords = copy;
	free(again);
	assert_int_equal(sc_tablefile_encode(&table, &again, &again_size), 0);
	assert_same_bytes(path, data, size, again, again_size);
	sc_tablefile_clear(&table);
	return true;
}

static void real_files_stay_the_same(void **state)
{
	(void)state;
	testdata_walk("table.dat", round_trip);
}

/* One of each kind is enough: an image's, a mask's, a logtable's. */
static unsigned kinds_done;

static bool break_one(const char *path, const uint8_t *data, size_t size)
{
	unsigned kind = strstr(path, "logtable") ? 1 : strstr(path, "mask0/") ? 2 : 4;
	if (kinds_done & kind)
		return false;
	kinds_done |= kind;
	testdata_truncate(data, size, try_decode);
	assert_true(testdata_corrupt(data, size, try_decode) > size / 4);
	return true;
}

static void real_files_broken_are_errors(void **state)
{
	(void)state;
	testdata_walk("table.dat", break_one);
	assert_int_equal(kinds_done, 7);
}

/* ---- tables made here ---- */

struct made {
	const char *type;
	uint32_t table_version, desc_version, ncolumns;
	int32_t set_version, storage;
	uint32_t nmanagers, manager_of_last;
	const char *class;
	uint64_t rows;
};

static const struct made made_good = { "PlainTable", 2, 2, 3, -2, 2, 2, 7, "ArrayColumnDesc<float   ", 1 };

static void put_text(struct sc_aipsio_writer *writer, const char *text)
{
	sc_aipsio_put_string(writer, text, strlen(text));
}

/* Columns: an array, a String, a record. */
static void put_column_desc(struct sc_aipsio_writer *writer, uint32_t i, const char *array_class)
{
	static const char *const classes[] = { NULL, "ScalarColumnDesc<String  ", "ScalarRecordColumnDesc" };
	static const char *const names[] = { "map", "word", "extra" };
	static const int32_t types[] = { SC_TYPE_FLOAT, SC_TYPE_STRING, SC_TYPE_RECORD };
	const struct sc_record keywords = { .kind = 1 };
	i %= 3;
	sc_aipsio_put_u32(writer, 1);
	put_text(writer, i == 0 ? array_class : classes[i]);
	sc_aipsio_put_u32(writer, 1);
	put_text(writer, names[i]);
	put_text(writer, "a comment");
	put_text(writer, "TiledShapeStMan");
	put_text(writer, "group");
	sc_aipsio_put_i32(writer, types[i]);
	sc_aipsio_put_i32(writer, 0);
	sc_aipsio_put_i32(writer, 2);
	if (i == 0)
		sc_aipsio_put_iposition(writer, 0, NULL);
	sc_aipsio_put_u32(writer, 0);
	sc_record_encode(&keywords, "TableRecord", writer);
	sc_aipsio_put_u32(writer, 1);
	if (i == 0)
		sc_aipsio_put_bool(writer, false);
	if (i == 1)
		put_text(writer, "default");
}

static void put_column_set(struct sc_aipsio_writer *writer, const struct made *made)
{
	sc_aipsio_put_i32(writer, made->set_version);
	if (made->set_version == -3) {
		sc_aipsio_put_u64(writer, made->rows);
		sc_aipsio_put_i32(writer, made->storage);
		sc_aipsio_put_i32(writer, 4096);
	} else {
		sc_aipsio_put_u32(writer, (uint32_t)made->rows);
	}
	sc_aipsio_put_u32(writer, 8);
	sc_aipsio_put_u32(writer, made->nmanagers);
	for (uint32_t i = 0; i < made->nmanagers; i++) {
		put_text(writer, i == 0 ? "TiledCellStMan" : "StandardStMan");
		sc_aipsio_put_u32(writer, i == 0 ? 4 : 7);
	}
	for (uint32_t i = 0; i < made->ncolumns; i++) {
		sc_aipsio_put_u32(writer, 2);
		put_text(writer, "old name");
		sc_aipsio_put_u32(writer, 1);
		sc_aipsio_put_u32(writer, i == 0 ? 4 : made->manager_of_last);
		if (i % 3 == 0) {
			sc_aipsio_put_bool(writer, true);
			sc_aipsio_put_iposition(writer, 2, (const int64_t[]){ 96, 80 });
		}
	}
	for (uint32_t i = 0; i < made->nmanagers; i++)
		put_text(writer, "bytes");
}

static void make(const struct made *made, uint8_t **data, size_t *size)
{
	struct sc_aipsio_writer writer;
	struct sc_record *keywords = sc_record_new();
	const struct sc_record private = { .kind = 1 };
	assert_int_equal(sc_record_put_int(keywords, "answer", 42), 0);
	sc_aipsio_writer_init(&writer);
	sc_aipsio_put_begin(&writer, "Table", made->table_version);
	if (made->table_version == 3)
		sc_aipsio_put_u64(&writer, made->rows);
	else
		sc_aipsio_put_u32(&writer, (uint32_t)made->rows);
	sc_aipsio_put_u32(&writer, 1);
	put_text(&writer, made->type);
	sc_aipsio_put_begin(&writer, "TableDesc", made->desc_version);
	put_text(&writer, "name");
	put_text(&writer, "");
	put_text(&writer, "comment");
	sc_record_encode(keywords, "TableRecord", &writer);
	sc_record_encode(&private, "TableRecord", &writer);
	sc_aipsio_put_u32(&writer, made->ncolumns);
	for (uint32_t i = 0; i < made->ncolumns; i++)
		put_column_desc(&writer, i, made->class);
	sc_aipsio_put_end(&writer);
	put_column_set(&writer, made);
	sc_aipsio_put_end(&writer);
	assert_int_equal(sc_aipsio_writer_finish(&writer, data, size), 0);
	sc_record_free(keywords);
}

static void columns_and_managers_are_found(void **state)
{
	(void)state;
	struct sc_tablefile table;
	struct sc_error err = { 0 };
	sc_autofree uint8_t *data = NULL, *again = NULL;
	size_t size, again_size;
	int64_t answer = 0;
	make(&made_good, &data, &size);
	if (sc_tablefile_decode(data, size, "f", &table, &err) < 0)
		fail_msg("%s", err.text);
	static const struct sc_tablefile_column expected[] = {
		{ "map", SC_TYPE_FLOAT, "TiledCellStMan", 4 },
		{ "word", SC_TYPE_STRING, "StandardStMan", 7 },
		{ "extra", SC_TYPE_RECORD, "StandardStMan", 7 },
	};
	assert_int_equal(table.nrows, 1);
	assert_false(table.big_endian);
	assert_int_equal(table.ncolumns, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(table.columns[i].name, expected[i].name);
		assert_int_equal(table.columns[i].type, expected[i].type);
		assert_string_equal(table.columns[i].manager, expected[i].manager);
		assert_int_equal(table.columns[i].sequence, expected[i].sequence);
	}
	assert_true(sc_record_get_int(table.keywords, "answer", &answer));
	assert_int_equal(answer, 42);

	/* An edit changes the keywords and nothing else. */
	assert_int_equal(sc_record_put_string(table.keywords, "more", "words"), 0);
	assert_int_equal(sc_tablefile_encode(&table, &again, &again_size), 0);
	struct sc_tablefile edited;
	assert_int_equal(sc_tablefile_decode(again, again_size, "f", &edited, &err), 0);
	assert_true(sc_record_equal(edited.keywords, table.keywords));
	assert_int_equal(edited.ncolumns, 3);
	assert_int_equal(edited.columns[2].sequence, 7);
	sc_record_remove(edited.keywords, "more");
	free(again);
	assert_int_equal(sc_tablefile_encode(&edited, &again, &again_size), 0);
	assert_same_bytes("edited and back", data, size, again, again_size);
	sc_tablefile_clear(&table);
	sc_tablefile_clear(&edited);
}

static void odd_tables_are_named(void **state)
{
	(void)state;
	static const struct {
		struct made made;
		const char *text; /* in the error; NULL: none */
	} cases[] = {
#define GOOD_ARRAY "ArrayColumnDesc<float   "
		{ { "PlainTable", 2, 2, 1, -3, 2, 1, 7, GOOD_ARRAY, 1 }, NULL },
		{ { "PlainTable", 2, 2, 1, -3, 3, 1, 7, GOOD_ARRAY, 1 }, NULL },
		{ { "PlainTable", 3, 2, 1, -3, 2, 1, 7, GOOD_ARRAY, UINT64_C(1) << 40 }, NULL },
		{ { "PlainTable", 2, 2, 0, -2, 2, 0, 7, GOOD_ARRAY, 0 }, NULL },
		{ { "RefTable", 2, 2, 1, -2, 2, 1, 7, GOOD_ARRAY, 1 }, "found a RefTable" },
		{ { "ConcatTable", 2, 2, 1, -2, 2, 1, 7, GOOD_ARRAY, 1 }, "found a ConcatTable" },
		{ { "MyTable", 2, 2, 1, -2, 2, 1, 7, GOOD_ARRAY, 1 }, "expected a PlainTable" },
		{ { "PlainTable", 1, 2, 1, -2, 2, 1, 7, GOOD_ARRAY, 1 }, "expected version 2 or 3 of Table, found 1" },
		{ { "PlainTable", 2, 1, 1, -2, 2, 1, 7, GOOD_ARRAY, 1 }, "expected version 2 of TableDesc, found 1" },
		{ { "PlainTable", 2, 2, 1, 1, 2, 1, 7, GOOD_ARRAY, 1 }, "of the column set, found 1" },
		{ { "PlainTable", 2, 2, 1, -3, 0, 1, 7, GOOD_ARRAY, 1 }, "one combined file (storage option 0)" },
		{ { "PlainTable", 2, 2, 1, -2, 2, 2, 7, GOOD_ARRAY, 1 }, "expected at most 1 storage managers" },
		{ { "PlainTable", 2, 2, 3, -2, 2, 2, 9, GOOD_ARRAY, 1 }, "for the column \"word\", found 9" },
		{ { "PlainTable", 2, 2, 1001, -2, 2, 2, 7, GOOD_ARRAY, 1 },
		  "expected at most 1000 columns, found 1001" },
		{ { "PlainTable", 2, 2, 1, -2, 2, 1, 7, "ForwardColumnDesc", 1 }, "found another class" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_error err = { 0 };
		sc_autofree uint8_t *data = NULL;
		size_t size;
		make(&cases[i].made, &data, &size);
		int rc = try_decode(data, size, &err);
		if (rc != (cases[i].text ? -EUCLEAN : 0) || !strstr(err.text, cases[i].text ? cases[i].text : ""))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
	}
}

static void broken_files_are_errors(void **state)
{
	(void)state;
	sc_autofree uint8_t *data = NULL;
	size_t size;
	make(&made_good, &data, &size);
	testdata_truncate(data, size, try_decode);
	assert_true(testdata_corrupt(data, size, try_decode) > size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_files_stay_the_same),       cmocka_unit_test(real_files_broken_are_errors),
		cmocka_unit_test(columns_and_managers_are_found), cmocka_unit_test(odd_tables_are_named),
		cmocka_unit_test(broken_files_are_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
