#include "testdata.h"

#include "aipsio.h"

#define MAGIC "\xbe\xbe\xbe\xbe"

static void writes_the_documented_bytes(void **state)
{
	(void)state;
	static const char expected[] = MAGIC "\0\0\0\x21" /* 33 bytes without the magic */
					     "\0\0\0\x01T\0\0\0\x03"
					     "\x07\x01\xff\xfe\0\0\0\x05"
					     "\0\0\0\x02h\0"
					     "\x3f\x80\0\0"
					     "xy";
	struct sc_aipsio_writer writer;
	uint8_t *data;
	size_t size;
	sc_aipsio_writer_init(&writer);
	sc_aipsio_put_begin(&writer, "T", 3);
	sc_aipsio_put_u8(&writer, 7);
	sc_aipsio_put_bool(&writer, true);
	sc_aipsio_put_i16(&writer, -2);
	sc_aipsio_put_u32(&writer, 5);
	sc_aipsio_put_string(&writer, "h\0", 2);
	sc_aipsio_put_f32(&writer, 1.0f);
	sc_aipsio_put_bytes(&writer, "xy", 2);
	sc_aipsio_put_end(&writer);
	assert_int_equal(sc_aipsio_writer_finish(&writer, &data, &size), 0);
	assert_same_bytes("writer", (const uint8_t *)expected, sizeof(expected) - 1, data, size);
	free(data);
}

static void reads_back_all_it_writes(void **state)
{
	(void)state;
	struct sc_aipsio_writer writer;
	struct sc_aipsio_reader reader;
	struct sc_error err = { 0 };
	uint8_t *data;
	size_t size;
	sc_aipsio_writer_init(&writer);
	sc_aipsio_put_begin(&writer, "Outer", 2);
	sc_aipsio_put_i32(&writer, INT32_MIN);
	sc_aipsio_put_begin(&writer, "Inner", 1);
	sc_aipsio_put_i64(&writer, INT64_MIN);
	sc_aipsio_put_u64(&writer, UINT64_MAX);
	sc_aipsio_put_end(&writer);
	sc_aipsio_put_f64(&writer, -0.1);
	sc_aipsio_put_string(&writer, "a\0b", 3);
	sc_aipsio_put_end(&writer);
	assert_int_equal(sc_aipsio_writer_finish(&writer, &data, &size), 0);

	sc_aipsio_reader_init(&reader, data, size, "x", &err);
	char type[16];
	sc_aipsio_peek_type(&reader, type, sizeof(type));
	assert_string_equal(type, "Outer");
	assert_int_equal(reader.position, 0);
	assert_int_equal(sc_aipsio_begin(&reader, "Outer"), 2);
	assert_int_equal(sc_aipsio_i32(&reader), INT32_MIN);
	sc_aipsio_peek_type(&reader, type, 4);
	assert_string_equal(type, "In?"); /* too long for the buffer: equal to nothing */
	assert_int_equal(sc_aipsio_begin(&reader, "Inner"), 1);
	assert_true(sc_aipsio_i64(&reader) == INT64_MIN);
	assert_true(sc_aipsio_u64(&reader) == UINT64_MAX);
	assert_int_equal(sc_aipsio_left(&reader), 0);
	sc_aipsio_end(&reader);
	assert_true(sc_aipsio_f64(&reader) == -0.1);
	uint32_t length;
	sc_autofree char *string = sc_aipsio_string(&reader, &length);
	assert_int_equal(length, 3);
	assert_memory_equal(string, "a\0b", 4);
	sc_aipsio_end(&reader);
	assert_int_equal(reader.error, 0);
	assert_int_equal(reader.position, size);
	free(data);
}

static void read_T(struct sc_aipsio_reader *reader)
{
	sc_aipsio_begin(reader, "T");
	free(sc_aipsio_string(reader, NULL));
	sc_aipsio_end(reader);
}

/* What `read_T` says to broken files; the first is a good one. */
static void names_what_is_wrong_and_where(void **state)
{
	(void)state;
#define BYTES(literal) literal, sizeof(literal) - 1
	static const struct {
		const char *bytes;
		size_t size;
		const char *text;
	} cases[] = {
		{ BYTES(MAGIC "\0\0\0\x13\0\0\0\x01T\0\0\0\x01\0\0\0\x02hi"), "" },
		{ BYTES(""), "f: byte 0: expected 4 more bytes, the file has 0" },
		{ BYTES("SIMPLE  ="), "f: byte 0: expected the magic be be be be of AipsIO" },
		{ BYTES(MAGIC "\0\0\0\x14\0\0\0\x01T\0\0\0\x01\0\0\0\x02hi"),
		  "f: byte 4: expected the length of an object, 12 to 19 bytes, found 20" },
		{ BYTES(MAGIC "\0\0\0\x0b\0\0\0\x01T\0\0\0\x01\0\0\0\x02hi"),
		  "f: byte 4: expected the length of an object, 12 to 19 bytes, found 11" },
		{ BYTES(MAGIC "\0\0\0\x13\0\0"), "f: byte 4: expected an object, at least 12 more bytes, the file has 6" },
		{ BYTES(MAGIC "\0\0\0\x13\0\0\0\x01U\0\0\0\x01\0\0\0\x02hi"),
		  "f: byte 0: expected an object \"T\", found \"U\"" },
		{ BYTES(MAGIC "\0\0\0\x13\xff\xff\xff\xffT\0\0\0\x01\0\0\0\x02hi"),
		  "f: byte 12: expected 4294967295 more bytes, the object has 11" },
		{ BYTES(MAGIC "\0\0\0\x13\0\0\0\x01T\0\0\0\x01\0\0\0\x03hi"),
		  "f: byte 21: expected 3 more bytes, the object has 2" },
		{ BYTES(MAGIC "\0\0\0\x13\0\0\0\x01T\0\0\0\x01\0\0\0\x01hi"),
		  "f: byte 22: expected the end of an object, which has 1 more bytes" },
		{ BYTES(MAGIC "\0\0\0\x13\0\0\0\x01T\0\0\0\x01\0\0\0\x02h\0"),
		  "f: byte 17: expected a String without NULs" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_error err = { 0 };
		struct sc_aipsio_reader reader;
		uint8_t *exact = malloc(cases[i].size ? cases[i].size : 1);
		memcpy(exact, cases[i].bytes, cases[i].size);
		sc_aipsio_reader_init(&reader, exact, cases[i].size, "f", &err);
		read_T(&reader);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(reader.error, cases[i].text[0] ? -EUCLEAN : 0);
		free(exact);
	}
}

static void first_error_stays(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	struct sc_aipsio_reader reader;
	sc_aipsio_reader_init(&reader, "\1\2", 2, "f", &err);
	assert_int_equal(sc_aipsio_u32(&reader), 0);
	assert_int_equal(sc_aipsio_u8(&reader), 0); /* there, but after an error */
	assert_int_equal(sc_aipsio_left(&reader), 0);
	assert_null(sc_aipsio_string(&reader, NULL));
	assert_int_equal(sc_aipsio_fail(&reader, "second"), -EUCLEAN);
	sc_aipsio_end(&reader);
	assert_string_equal(err.text, "f: byte 0: expected 4 more bytes, the file has 2");
	sc_aipsio_reader_init(&reader, NULL, 0, "f", NULL); /* nobody listens */
	assert_non_null(sc_aipsio_bytes(&reader, 0));
	sc_aipsio_u8(&reader);
	assert_int_equal(reader.error, -EUCLEAN);
}

static void depth_is_limited(void **state)
{
	(void)state;
	struct sc_aipsio_writer writer;
	struct sc_aipsio_reader reader;
	struct sc_error err = { 0 };
	uint8_t *data;
	size_t size;
	sc_aipsio_writer_init(&writer);
	for (int i = 0; i < SC_AIPSIO_MAXDEPTH; i++)
		sc_aipsio_put_begin(&writer, "D", 1);
	/* The innermost could hold one more: its empty tail is one. */
	sc_aipsio_put_bytes(&writer,
			    "\0\0\0\x0d\0\0\0\x01"
			    "D\0\0\0\x01",
			    13);
	for (int i = 0; i < SC_AIPSIO_MAXDEPTH; i++)
		sc_aipsio_put_end(&writer);
	assert_int_equal(sc_aipsio_writer_finish(&writer, &data, &size), 0);
	sc_aipsio_reader_init(&reader, data, size, "f", &err);
	for (int i = 0; i < SC_AIPSIO_MAXDEPTH; i++)
		assert_int_equal(sc_aipsio_begin(&reader, "D"), 1);
	assert_int_equal(sc_aipsio_begin(&reader, "D"), 0);
	assert_non_null(strstr(err.text, "deeper than 64"));
	free(data);

	sc_aipsio_writer_init(&writer);
	for (int i = 0; i <= SC_AIPSIO_MAXDEPTH; i++)
		sc_aipsio_put_begin(&writer, "D", 1);
	assert_int_equal(sc_aipsio_writer_finish(&writer, &data, &size), -ELOOP);
}

static void iposition_is_wide_when_it_must(void **state)
{
	(void)state;
	static const struct {
		int ndim;
		int64_t elements[SC_MAXDIM];
		size_t size;
	} cases[] = {
		{ 0, { 0 }, 4 + 25 },
		{ 1, { -1 }, 4 + 29 },
		{ 4, { 96, 80, 1, INT32_MAX }, 4 + 41 },
		{ 4, { 96, 80, 1, INT32_MAX + INT64_C(1) }, 4 + 57 },
		{ 8, { 1, 2, 3, 4, 5, 6, 7, INT64_MIN }, 4 + 89 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_aipsio_writer writer;
		struct sc_aipsio_reader reader;
		int64_t elements[SC_MAXDIM];
		uint8_t *data;
		size_t size;
		sc_aipsio_writer_init(&writer);
		sc_aipsio_put_iposition(&writer, cases[i].ndim, cases[i].elements);
		assert_int_equal(sc_aipsio_writer_finish(&writer, &data, &size), 0);
		assert_int_equal(size, cases[i].size);
		sc_aipsio_reader_init(&reader, data, size, "f", NULL);
		assert_int_equal(sc_aipsio_iposition(&reader, elements), cases[i].ndim);
		assert_int_equal(reader.error, 0);
		assert_memory_equal(elements, cases[i].elements, (size_t)cases[i].ndim * sizeof(elements[0]));
		data[24] = 9; /* the count's low byte */
		sc_aipsio_reader_init(&reader, data, size, "f", NULL);
		assert_int_equal(sc_aipsio_iposition(&reader, elements), 0);
		assert_int_equal(reader.error, -EUCLEAN);
		free(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_documented_bytes),
		cmocka_unit_test(reads_back_all_it_writes),
		cmocka_unit_test(names_what_is_wrong_and_where),
		cmocka_unit_test(first_error_stays),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(iposition_is_wide_when_it_must),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
