#include "testdata.h"

#include "record.h"

#include <math.h>
#include <time.h>

static void encode(const struct sc_record *record, uint8_t **data, size_t *size)
{
	struct sc_aipsio_writer writer;
	sc_aipsio_writer_init(&writer);
	sc_record_encode(record, "TableRecord", &writer);
	assert_int_equal(sc_aipsio_writer_finish(&writer, data, size), 0);
}

static struct sc_record *decode(const uint8_t *data, size_t size, struct sc_error *err)
{
	struct sc_aipsio_reader reader;
	sc_aipsio_reader_init(&reader, data, size, "f", err);
	return sc_record_decode(&reader, "TableRecord");
}

static int try_decode(const uint8_t *data, size_t size, struct sc_error *err)
{
	struct sc_record *record = decode(data, size, err);
	if (!record)
		return -EUCLEAN;
	uint8_t *again;
	size_t again_size;
	encode(record, &again, &again_size);
	free(again);
	sc_record_free(record);
	return 0;
}

/* ---- bytes ---- */

static void reads_and_writes_the_documented_bytes(void **state)
{
	(void)state;
	static const char bytes[] = "\xbe\xbe\xbe\xbe\0\0\0\xb6\0\0\0\x0b"
				    "TableRecord\0\0\0\1"
				    "\0\0\0\x64\0\0\0\x0a"
				    "RecordDesc\0\0\0\2\0\0\0\3"
				    "\0\0\0\1a\0\0\0\x0d" /* Array<Bool> */
				    "\0\0\0\x1d\0\0\0\x09IPosition\0\0\0\1\0\0\0\1\xff\xff\xff\xff"
				    "\0\0\0\0"
				    "\0\0\0\1t\0\0\0\x0c\0\0\0\0\0\0\0\0" /* Table */
				    "\0\0\0\1x\0\0\0\x09\0\0\0\2hi"       /* Complex, with a comment */
				    "\0\0\0\1"
				    "\0\0\0\x25\0\0\0\x0b"
				    "Array<void>\0\0\0\3\0\0\0\1\0\0\0\x09\0\0\0\x09\x03\x01"
				    "\0\0\0\x06././lo"
				    "\x3f\x80\0\0\xbf\x80\0\0";
	static const uint8_t bits[] = { 1, 1, 0, 0, 0, 0, 0, 0, 1 };
	struct sc_error err = { 0 };
	sc_autofree uint8_t *again = NULL;
	size_t again_size;
	const uint8_t *data = (const uint8_t *)bytes;
	sc_autorecord struct sc_record *record = decode(data, sizeof(bytes) - 1, &err);
	if (!record)
		fail_msg("%s", err.text);
	const struct sc_field *array = sc_record_get_array(record, "a", SC_TYPE_ARRAY_BOOL);
	assert_non_null(array);
	assert_int_equal(array->array.count, 9);
	assert_memory_equal(array->array.elements, bits, 9);
	assert_string_equal(sc_record_get_string(record, "t"), "././lo");
	const struct sc_field *x = sc_record_find(record, "x");
	assert_true(x->real[0] == 1.0 && x->real[1] == -1.0);
	assert_string_equal(x->comment, "hi");
	encode(record, &again, &again_size);
	assert_same_bytes("again", data, sizeof(bytes) - 1, again, again_size);
}

/* A record with a field of every type, arrays of several axes and none, inline and fixed sub-records. */
static struct sc_record *everything(void)
{
	struct sc_record *record = sc_record_new();
	struct sc_string strings[] = { { "FREQ\0\0\0", 7 }, { "", 0 } };
	static const uint8_t bytes[] = { 0, 1, 1, 0, 1, 1, 1, 1, 0, 1 };
	static const int16_t shorts[] = { -1, INT16_MIN };
	static const uint32_t words[] = { 0, UINT32_MAX, 5 };
	static const int64_t longs[] = { INT64_MIN, 1 };
	static const float floats[] = { 1.5f, -0.0f, 3e38f, 1e-45f };
	static const double doubles[] = { 1.0 / 3, NAN, INFINITY, -1e308 };
	struct sc_field field = { .type = SC_TYPE_UCHAR, .integer = 200, .comment = "a byte" };
	sc_record_put_field(record, "uchar", &field);
	sc_record_put_field(record, "short", &(struct sc_field){ .type = SC_TYPE_SHORT, .integer = -300 });
	sc_record_put_field(record, "uint", &(struct sc_field){ .type = SC_TYPE_UINT, .integer = UINT32_MAX });
	sc_record_put_field(record, "int64", &(struct sc_field){ .type = SC_TYPE_INT64, .integer = INT64_MIN });
	sc_record_put_field(record, "cx", &(struct sc_field){ .type = SC_TYPE_COMPLEX, .real = { 0.5, -2 } });
	sc_record_put_field(record, "dcx", &(struct sc_field){ .type = SC_TYPE_DCOMPLEX, .real = { 0.1, NAN } });
	sc_record_put_field(
	    record, "table",
	    &(struct sc_field){ .type = SC_TYPE_TABLE, .string = { "././t", 5 }, .table_desc = "desc" });
	sc_record_put_bool(record, "bool", true);
	sc_record_put_int(record, "int", -7);
	sc_record_put_float(record, "float", 0.1f);
	sc_record_put_double(record, "double", 0.1);
	sc_record_put_string(record, "string", "text");
	sc_record_put_vector(record, "bools", SC_TYPE_ARRAY_BOOL, bytes, 10);
	sc_record_put_vector(record, "uchars", SC_TYPE_ARRAY_UCHAR, bytes, 10);
	sc_record_put_vector(record, "shorts", SC_TYPE_ARRAY_SHORT, shorts, 2);
	sc_record_put_vector(record, "ints", SC_TYPE_ARRAY_INT, words, 3);
	sc_record_put_vector(record, "uints", SC_TYPE_ARRAY_UINT, words, 3);
	sc_record_put_vector(record, "int64s", SC_TYPE_ARRAY_INT64, longs, 2);
	sc_record_put_vector(record, "floats", SC_TYPE_ARRAY_FLOAT, floats, 4);
	sc_record_put_vector(record, "doubles", SC_TYPE_ARRAY_DOUBLE, doubles, 4);
	sc_record_put_vector(record, "cxs", SC_TYPE_ARRAY_COMPLEX, floats, 2);
	sc_record_put_vector(record, "dcxs", SC_TYPE_ARRAY_DCOMPLEX, doubles, 2);
	sc_record_put_vector(record, "strings", SC_TYPE_ARRAY_STRING, strings, 2);
	sc_record_put_vector(record, "none", SC_TYPE_ARRAY_DOUBLE, NULL, 0);
	struct sc_desc_shape shape = { 2, { 2, 2 } };
	sc_record_put_field(record, "matrix",
			    &(struct sc_field){ .type = SC_TYPE_ARRAY_DOUBLE,
						.array = { (void *)doubles, 4, 2, { 2, 2 } },
						.desc_shape = &shape });
	sc_record_put_field(record, "axisless", &(struct sc_field){ .type = SC_TYPE_ARRAY_INT });
	struct sc_record *inner = sc_record_new(), *inline_ = sc_record_new(), *deep = sc_record_new();
	sc_record_put_int(deep, "d", 1);
	inner->kind = 0;
	sc_record_put_string(inner, "s", "inner");
	sc_record_put_record(inline_, "nested", deep);
	sc_record_put_double(inline_, "after", 2);
	sc_record_put_record(record, "inner", inner);
	sc_record_put_record(record, "inline", inline_);
	record->fields[record->nfields - 1].inline_record = true;
	sc_record_put_record(record, "hollow", sc_record_new());
	record->fields[record->nfields - 1].inline_record = true; /* can only be nested */
	return record;
}

static void every_type_round_trips(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *record = everything();
	sc_autofree uint8_t *data = NULL, *again = NULL;
	size_t size, again_size;
	struct sc_error err = { 0 };
	encode(record, &data, &size);
	sc_autorecord struct sc_record *back = decode(data, size, &err);
	if (!back)
		fail_msg("%s", err.text);
	assert_int_equal(back->nfields, record->nfields);
	assert_true(sc_record_equal(record, back));
	assert_string_equal(sc_record_find(back, "uchar")->comment, "a byte");
	assert_string_equal(sc_record_find(back, "table")->table_desc, "desc");
	assert_true(sc_record_find(back, "inline")->inline_record);
	assert_false(sc_record_find(back, "inner")->inline_record);
	assert_int_equal(sc_record_get_record(back, "inner")->kind, 0);
	assert_int_equal(sc_record_find(back, "matrix")->desc_shape->ndim, 2);
	assert_null(sc_record_find(back, "doubles")->desc_shape);
	encode(back, &again, &again_size);
	assert_same_bytes("again", data, size, again, again_size);
}

static void broken_records_are_errors(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *record = everything();
	sc_autofree uint8_t *data = NULL;
	size_t size;
	encode(record, &data, &size);
	testdata_truncate(data, size, try_decode);
	assert_true(testdata_corrupt(data, size, try_decode) > size);
}

/* ---- hostile descriptions, by hand ---- */

static void begin_record(struct sc_aipsio_writer *writer, uint32_t nfields)
{
	sc_aipsio_writer_init(writer);
	sc_aipsio_put_begin(writer, "TableRecord", 1);
	sc_aipsio_put_begin(writer, "RecordDesc", 2);
	sc_aipsio_put_u32(writer, nfields);
}

static void put_field(struct sc_aipsio_writer *writer, const char *name, int32_t type)
{
	sc_aipsio_put_string(writer, name, strlen(name));
	sc_aipsio_put_i32(writer, type);
	if (type >= SC_TYPE_ARRAY_BOOL && type <= SC_TYPE_ARRAY_STRING)
		sc_aipsio_put_iposition(writer, 1, (const int64_t[]){ -1 });
	sc_aipsio_put_string(writer, "", 0);
}

static void end_desc(struct sc_aipsio_writer *writer)
{
	sc_aipsio_put_end(writer);
	sc_aipsio_put_i32(writer, 1);
}

static void assert_fails(struct sc_aipsio_writer *writer, const char *text)
{
	struct sc_error err = { 0 };
	sc_autofree uint8_t *data = NULL;
	size_t size;
	sc_aipsio_put_end(writer);
	assert_int_equal(sc_aipsio_writer_finish(writer, &data, &size), 0);
	sc_autorecord struct sc_record *record = decode(data, size, &err);
	if (record || err.code != -EUCLEAN || !strstr(err.text, text))
		fail_msg("expected \"%s\": \"%s\"", text, err.text);
}

static void unknown_types_are_errors(void **state)
{
	(void)state;
	static const int32_t types[] = { -1, 1, 4, 14, 17, 26, 27, 28, 31, 1 << 30 };
	for (size_t i = 0; i < SC_COUNT_OF(types); i++) {
		struct sc_aipsio_writer writer;
		begin_record(&writer, 1);
		put_field(&writer, "odd", types[i]);
		end_desc(&writer);
		assert_fails(&writer, "\"odd\" has the unknown type");
	}
}

static void double_names_are_errors(void **state)
{
	(void)state;
	struct sc_aipsio_writer writer;
	begin_record(&writer, 2);
	put_field(&writer, "a", SC_TYPE_INT);
	put_field(&writer, "a", SC_TYPE_INT);
	end_desc(&writer);
	sc_aipsio_put_u64(&writer, 0);
	assert_fails(&writer, "two fields of one name");
}

static void counts_allocate_nothing(void **state)
{
	(void)state;
	struct sc_aipsio_writer writer;
	begin_record(&writer, UINT32_MAX);
	end_desc(&writer);
	assert_fails(&writer, "expected 4 more bytes");

	static const struct {
		int32_t type;
		uint32_t ndim, lengths[4], count;
		const char *text;
	} cases[] = {
		{ SC_TYPE_ARRAY_DCOMPLEX, 1, { UINT32_MAX }, UINT32_MAX, "expected an array's 68719476720 bytes" },
		{ SC_TYPE_ARRAY_STRING, 1, { 1 << 30 }, 1 << 30, "expected an array's 4294967296 bytes" },
		{ SC_TYPE_ARRAY_BOOL, 1, { 65 }, 65, "expected an array's 9 bytes, the object has 8" },
		{ SC_TYPE_ARRAY_INT, 1, { 3 }, 2, "expected the array's 3 elements, found 2" },
		{ SC_TYPE_ARRAY_INT, 0, { 0 }, 1, "expected the array's 0 elements, found 1" },
		{ SC_TYPE_ARRAY_INT, 3, { 1u << 31, 1u << 31, 4 }, 0, "too large a product" },
		{ SC_TYPE_ARRAY_INT, 9, { 0 }, 0, "expected an array of at most 8 axes, found 9" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		begin_record(&writer, 1);
		put_field(&writer, "a", cases[i].type);
		end_desc(&writer);
		sc_aipsio_put_begin(&writer, "Array", 3);
		sc_aipsio_put_u32(&writer, cases[i].ndim);
		for (uint32_t k = 0; k < cases[i].ndim && k < 4; k++)
			sc_aipsio_put_u32(&writer, cases[i].lengths[k]);
		sc_aipsio_put_u32(&writer, cases[i].count);
		sc_aipsio_put_u64(&writer, 0);
		sc_aipsio_put_end(&writer);
		assert_fails(&writer, cases[i].text);
	}
}

static void old_arrays_have_an_origin(void **state)
{
	(void)state;
	struct sc_aipsio_writer writer;
	sc_autofree uint8_t *data = NULL;
	size_t size;
	begin_record(&writer, 1);
	put_field(&writer, "a", SC_TYPE_ARRAY_SHORT);
	end_desc(&writer);
	sc_aipsio_put_begin(&writer, "Array", 2);
	sc_aipsio_put_u32(&writer, 2);
	sc_aipsio_put_u64(&writer, 0x100000001); /* the origin */
	sc_aipsio_put_u32(&writer, 1);
	sc_aipsio_put_u32(&writer, 2);
	sc_aipsio_put_u32(&writer, 2);
	sc_aipsio_put_u32(&writer, 0x00070008);
	sc_aipsio_put_end(&writer);
	sc_aipsio_put_end(&writer);
	assert_int_equal(sc_aipsio_writer_finish(&writer, &data, &size), 0);
	sc_autorecord struct sc_record *record = decode(data, size, NULL);
	assert_non_null(record);
	const struct sc_field *field = sc_record_get_array(record, "a", SC_TYPE_ARRAY_SHORT);
	assert_int_equal(field->array.ndim, 2);
	assert_int_equal(field->array.lengths[0], 1);
	assert_int_equal(field->array.lengths[1], 2);
	assert_memory_equal(field->array.elements, ((const int16_t[]){ 7, 8 }), 4);
}

/* Nested and inline records one in the other: no deeper than an object may be. */
static void depth_is_limited(void **state)
{
	(void)state;
	for (int inline_ = 0; inline_ < 2; inline_++) {
		for (int depth = 25; depth <= 200; depth *= 8) {
			struct sc_aipsio_writer writer;
			struct sc_record *record = sc_record_new();
			sc_record_put_int(record, "leaf", 1);
			for (int i = 0; i < depth; i++) {
				struct sc_record *outer = sc_record_new();
				sc_record_put_record(outer, "r", record);
				outer->fields[0].inline_record = inline_;
				record = outer;
			}
			sc_aipsio_writer_init(&writer);
			sc_record_encode(record, "TableRecord", &writer);
			uint8_t *data = NULL;
			size_t size;
			assert_int_equal(sc_aipsio_writer_finish(&writer, &data, &size), depth == 25 ? 0 : -ELOOP);
			sc_record_free(record);
			if (!data)
				continue;
			assert_int_equal(try_decode(data, size, NULL), 0);
			free(data);
		}
	}
	/* Inline records restart in every nested one: 3 x 30 levels in 35 objects. */
	struct sc_record *record = sc_record_new();
	sc_record_put_int(record, "leaf", 1);
	for (int i = 0; i < 90; i++) {
		struct sc_record *outer = sc_record_new();
		sc_record_put_record(outer, "r", record);
		outer->fields[0].inline_record = i % 30 != 0;
		record = outer;
	}
	sc_autofree uint8_t *data = NULL;
	size_t size;
	struct sc_error err = { 0 };
	encode(record, &data, &size);
	sc_record_free(record);
	assert_int_equal(try_decode(data, size, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "records are nested deeper than 64"));
}

/* ---- the tree ---- */

static void putting_replaces_in_place(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *record = sc_record_new();
	double real = 0;
	int64_t integer = 0;
	sc_record_put_field(record, "a", &(struct sc_field){ .type = SC_TYPE_INT, .integer = 1, .comment = "kept" });
	sc_record_put_string(record, "b", "x");
	sc_record_put_bool(record, "c", true);
	sc_record_put_double(record, "a", 2.5);
	assert_int_equal(record->nfields, 3);
	assert_string_equal(record->fields[0].name, "a");
	assert_string_equal(record->fields[0].comment, "kept");
	assert_true(sc_record_get_double(record, "a", &real) && real == 2.5);
	assert_false(sc_record_get_int(record, "a", &integer));
	assert_true(sc_record_find(record, "c")->type == SC_TYPE_BOOL && sc_record_find(record, "c")->boolean);
	sc_record_put_int(record, "a", 3);
	assert_true(sc_record_get_double(record, "a", &real) && real == 3);
	assert_true(sc_record_get_int(record, "a", &integer) && integer == 3);
	assert_null(sc_record_get_string(record, "a"));
	assert_null(sc_record_get_record(record, "a"));
	assert_null(sc_record_get_array(record, "a", SC_TYPE_ARRAY_INT));
	assert_null(sc_record_get_array(record, "a", SC_TYPE_INT));
	assert_null(sc_record_find(record, "absent"));
	/* A field of the record itself can be what is put. */
	assert_int_equal(sc_record_put_field(record, "b", &record->fields[1]), 0);
	assert_string_equal(sc_record_get_string(record, "b"), "x");
	assert_int_equal(sc_record_put_record(record, "r", NULL), -ENOMEM);
	assert_int_equal(sc_record_put_record(record, "r", sc_record_new()), 0);
	assert_int_equal(sc_record_put_int(sc_record_edit_record(record, "r"), "i", 9), 0);
	assert_true(sc_record_get_int(sc_record_get_record(record, "r"), "i", &integer) && integer == 9);
	sc_record_remove(record, "a");
	sc_record_remove(record, "absent");
	assert_int_equal(record->nfields, 3);
	assert_string_equal(record->fields[0].name, "b");
}

static void index_follows_all_changes(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *record = sc_record_new();
	char name[32];
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(sc_record_put_int(record, name, i), 0);
		assert_true((record->index != NULL) == (i >= 16));
	}
	for (int i = 0; i < 300; i += 3) {
		snprintf(name, sizeof(name), "n%d", i);
		sc_record_remove(record, name);
		assert_null(sc_record_find(record, name));
	}
	assert_int_equal(record->nfields, 200);
	for (int i = 0; i < 300; i++) {
		int64_t value = -1;
		snprintf(name, sizeof(name), "n%d", i);
		assert_true(sc_record_get_int(record, name, &value) == (i % 3 != 0));
		assert_int_equal(value, i % 3 ? i : -1);
	}
}

static void equality_looks_at_names_types_and_values(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *a = everything(), *b = sc_record_new();
	/* The other way round. */
	for (size_t i = a->nfields; i-- > 0;)
		assert_int_equal(sc_record_put_field(b, a->fields[i].name, &a->fields[i]), 0);
	assert_true(sc_record_equal(a, b));
	sc_autorecord struct sc_record *other = sc_record_copy(a);
	assert_true(sc_record_equal(a, other));
	for (size_t i = 0; i < a->nfields; i++) {
		/* Another value, or for what has none another type. */
		sc_autorecord struct sc_record *changed = sc_record_copy(a);
		struct sc_field *field = &changed->fields[i];
		if (field->type == SC_TYPE_BOOL)
			field->boolean = !field->boolean;
		else if (field->type == SC_TYPE_STRING || field->type == SC_TYPE_TABLE)
			field->string.bytes[0] ^= 1;
		else if (field->type == SC_TYPE_RECORD)
			assert_int_equal(sc_record_put_int(field->record, "one more", 1), 0);
		else if (field->type < SC_TYPE_STRING || field->type == SC_TYPE_INT64)
			((uint8_t *)field->real)[field->type == SC_TYPE_FLOAT || field->type > 6 ? 6 : 0] ^= 1;
		else if (field->array.count == 0)
			field->array.ndim ^= 1;
		else if (field->type == SC_TYPE_ARRAY_STRING)
			((struct sc_string *)field->array.elements)->bytes[6] = 'x';
		else
			((uint8_t *)field->array.elements)[0] ^= 1;
		if (sc_record_equal(a, changed) || sc_record_equal(changed, a))
			fail_msg("a change of \"%s\" is not seen", field->name);
	}
	sc_record_put_float(other, "double", 0.1f);
	assert_false(sc_record_equal(a, other)); /* another type */
	sc_record_remove(b, "int");
	assert_false(sc_record_equal(a, b));
	sc_record_put_int(b, "integer", -7);
	assert_false(sc_record_equal(a, b)); /* another name */
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The miscinfo of a long cube. Anything quadratic would take minutes, so the limit can be wide. */
static void half_a_million_fields_take_no_time(void **state)
{
	(void)state;
	const int nfields = 500000;
	sc_autorecord struct sc_record *record = sc_record_new();
	sc_autofree uint8_t *data = NULL, *again = NULL;
	size_t size, again_size;
	const struct sc_field field = { .type = SC_TYPE_DOUBLE, .real = { 1.5 } };
	char name[32];
	double start = seconds();
	for (int i = 0; i < nfields; i++) {
		snprintf(name, sizeof(name), "key_%d", i);
		assert_int_equal(sc_record_put_field(record, name, &field), 0);
	}
	double built = seconds();
	encode(record, &data, &size);
	double encoded = seconds();
	sc_autorecord struct sc_record *back = decode(data, size, NULL);
	double decoded = seconds();
	print_message("build %.3f s, encode %.3f s, decode %.3f s\n", built - start, encoded - built,
		      decoded - encoded);
	assert_int_equal(back->nfields, nfields);
	assert_true(sc_record_equal(record, back));
	encode(back, &again, &again_size);
	assert_same_bytes("again", data, size, again, again_size);
	assert_true(seconds() - start < 20);
}

static void types_have_names(void **state)
{
	(void)state;
	assert_string_equal(sc_type_name(SC_TYPE_FLOAT), "float");
	assert_string_equal(sc_type_name(SC_TYPE_ARRAY_STRING), "string array");
	assert_string_equal(sc_type_name(SC_TYPE_RECORD), "record");
	assert_string_equal(sc_type_name((enum sc_type) - 1), "unknown type");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reads_and_writes_the_documented_bytes),
					    cmocka_unit_test(every_type_round_trips),
					    cmocka_unit_test(broken_records_are_errors),
					    cmocka_unit_test(unknown_types_are_errors),
					    cmocka_unit_test(double_names_are_errors),
					    cmocka_unit_test(counts_allocate_nothing),
					    cmocka_unit_test(old_arrays_have_an_origin),
					    cmocka_unit_test(depth_is_limited),
					    cmocka_unit_test(putting_replaces_in_place),
					    cmocka_unit_test(index_follows_all_changes),
					    cmocka_unit_test(equality_looks_at_names_types_and_values),
					    cmocka_unit_test(half_a_million_fields_take_no_time),
					    cmocka_unit_test(types_have_names) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
