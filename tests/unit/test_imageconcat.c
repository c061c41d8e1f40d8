#include "testdata.h"

#include <math.h>

#include "imageconcat.h"

static void places_are_told_by_the_path(void **state)
{
	(void)state;
	static const struct {
		const char *parent, *image, *path;
		enum sc_imageconcat_place place;
	} cases[] = {
		{ "/run", "/run/p", "p", SC_IMAGECONCAT_BESIDE },
		{ "/run", "/run/sub/p", "sub/p", SC_IMAGECONCAT_BESIDE },
		{ "/run", "/run/cube.image/p", "p", SC_IMAGECONCAT_INSIDE },
		{ "/run", "/run/cube.image2/p", "cube.image2/p", SC_IMAGECONCAT_BESIDE },
		{ "/run", "/running/p", "/running/p", SC_IMAGECONCAT_ABSOLUTE },
		{ "/run", "/p", "/p", SC_IMAGECONCAT_ABSOLUTE },
		{ "/", "/p", "p", SC_IMAGECONCAT_BESIDE },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_imageconcat_image image;
		assert_int_equal(sc_imageconcat_place(cases[i].parent, "cube.image", cases[i].image, &image), 0);
		assert_string_equal(image.path, cases[i].path);
		assert_int_equal(image.place, cases[i].place);
		free(image.path);
	}
}

static void put_miscinfo(struct sc_record *record)
{
	static const int32_t numbers[] = { 1, -2 };
	static const double reals[] = { 0.1, 1e300 };
	assert_int_equal(sc_record_put_bool(record, "flag", true), 0);
	assert_int_equal(sc_record_put_int(record, "n", -7), 0);
	assert_int_equal(sc_record_put_double(record, "third", 1.0 / 3), 0);
	assert_int_equal(sc_record_put_double(record, "whole", 2), 0);
	assert_int_equal(sc_record_put_string(record, "a\"b", "x\n\"y\"\\"), 0);
	assert_int_equal(sc_record_put_vector(record, "ints", SC_TYPE_ARRAY_INT, numbers, 2), 0);
	assert_int_equal(sc_record_put_vector(record, "reals", SC_TYPE_ARRAY_DOUBLE, reals, 2), 0);
}

static struct sc_imageconcat_image example_images[] = {
	{ SC_IMAGECONCAT_INSIDE, (char *)"in.image" },
	{ SC_IMAGECONCAT_BESIDE, (char *)"sub/[b] \"q\".image" },
	{ SC_IMAGECONCAT_ABSOLUTE, (char *)"/abs/\xc3\xa9.image" },
	{ SC_IMAGECONCAT_PLAIN, (char *)"plain.image" },
};

static void what_is_written_is_read(void **state)
{
	(void)state;
	static const enum sc_type types[] = { SC_TYPE_FLOAT, SC_TYPE_DOUBLE, SC_TYPE_COMPLEX, SC_TYPE_DCOMPLEX };
	sc_autorecord struct sc_record *miscinfo = sc_record_new();
	put_miscinfo(miscinfo);
	for (size_t i = 0; i < SC_COUNT_OF(types); i++) {
		struct sc_imageconcat catalog = { types[i], (int)i, i % 2 == 0, SC_COUNT_OF(example_images),
						  example_images };
		struct sc_imageconcat back;
		struct sc_error err = { 0 };
		sc_autofree char *data = NULL, *warning = NULL;
		size_t size;
		assert_int_equal(sc_imageconcat_encode(&catalog, miscinfo, &data, &size, &warning, &err), 0);
		assert_null(warning);
		if (sc_imageconcat_decode(data, size, "json", &back, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(back.type, catalog.type);
		assert_int_equal(back.axis, catalog.axis);
		assert_int_equal(back.tempclose, catalog.tempclose);
		assert_int_equal(back.nimages, catalog.nimages);
		for (size_t k = 0; k < back.nimages; k++) {
			assert_int_equal(back.images[k].place, example_images[k].place);
			assert_string_equal(back.images[k].path, example_images[k].path);
		}
		sc_imageconcat_clear(&back);
	}
}

/* casacore's reader stops at longer lines. */
static void assert_short_lines(const char *data, size_t size)
{
	for (size_t start = 0; start < size;) {
		const char *end = memchr(data + start, '\n', size - start);
		assert_non_null(end);
		assert_true((size_t)(end - data) - start < 4096);
		start = (size_t)(end - data) + 1;
	}
}

static void what_casacore_cannot_read_is_left_out_with_a_warning(void **state)
{
	(void)state;
	static const double infinite[] = { 1, INFINITY };
	sc_autorecord struct sc_record *miscinfo = sc_record_new();
	sc_autofree char *text = malloc(5001), *controls = malloc(801);
	memset(text, 'x', 5000);
	memset(controls, '\1', 800);
	text[5000] = controls[800] = 0;
	put_miscinfo(miscinfo);
	assert_int_equal(sc_record_put_double(miscinfo, "lost nan", NAN), 0);
	assert_int_equal(sc_record_put_vector(miscinfo, "lost infinity", SC_TYPE_ARRAY_DOUBLE, infinite, 2), 0);
	assert_int_equal(sc_record_put_vector(miscinfo, "lost empty", SC_TYPE_ARRAY_DOUBLE, infinite, 0), 0);
	assert_int_equal(sc_record_put_string(miscinfo, "lost length", text), 0);
	assert_int_equal(sc_record_put_string(miscinfo, "lost escapes", controls), 0);
	assert_int_equal(sc_record_put_string(miscinfo, "lost latin", "\xe9"), 0);
	assert_int_equal(sc_record_put_int(miscinfo, text, 1), 0);
	text[3000] = 0;
	controls[200] = 0;
	assert_int_equal(sc_record_put_string(miscinfo, "not", text), 0);
	assert_int_equal(sc_record_put_string(miscinfo, "not either", controls), 0);

	struct sc_imageconcat catalog = { SC_TYPE_FLOAT, 3, true, SC_COUNT_OF(example_images), example_images };
	struct sc_error err = { 0 };
	sc_autofree char *data = NULL, *warning = NULL;
	size_t size;
	assert_int_equal(sc_imageconcat_encode(&catalog, miscinfo, &data, &size, &warning, &err), 0);
	assert_non_null(warning);
	assert_non_null(strstr(warning, "7 fields"));
	assert_non_null(strstr(warning, "lost nan"));
	assert_null(memmem(data, size, "lost", 4));
	assert_non_null(memmem(data, size, "\"not\"", 5));
	assert_non_null(memmem(data, size, "\"not either\"", 12));
	assert_null(memmem(data, size, "null", 4));
	assert_short_lines(data, size);
}

static void names_that_casacore_reads_otherwise_are_refused(void **state)
{
	(void)state;
	char length[4200];
	memset(length, 'x', sizeof(length) - 1);
	length[sizeof(length) - 1] = 0;
	const struct {
		const char *path, *word;
	} cases[] = { { "a$HOME.image", "$" }, { "caf\xe9", "UTF-8" }, { length, "too long" } };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_imageconcat_image image = { SC_IMAGECONCAT_BESIDE, (char *)cases[i].path };
		struct sc_imageconcat catalog = { SC_TYPE_FLOAT, 3, true, 1, &image };
		struct sc_error err = { 0 };
		char *data, *warning;
		size_t size;
		assert_int_equal(sc_imageconcat_encode(&catalog, NULL, &data, &size, &warning, &err), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].word));
	}
}

static int decode(const char *images, size_t size, struct sc_imageconcat *ret_catalog, struct sc_error *err)
{
	sc_autofree char *text = NULL;
	int length = asprintf(&text, "{\"Version\": 1, \"DataType\": \"float\", \"Axis\": 3, \"Images\": %.*s}",
			      (int)size, images);
	assert_true(length > 0);
	return sc_imageconcat_decode(text, (size_t)length, "json", ret_catalog, err);
}

static void names_are_understood_as_casacore_does(void **state)
{
	(void)state;
	static const struct {
		const char *stored, *path;
		enum sc_imageconcat_place place;
	} cases[] = {
		{ "././x", "x", SC_IMAGECONCAT_INSIDE },       { "./././x/", "x", SC_IMAGECONCAT_INSIDE },
		{ "./x", "x", SC_IMAGECONCAT_BESIDE },         { ".//x", "x", SC_IMAGECONCAT_BESIDE },
		{ ".//./x", "x", SC_IMAGECONCAT_BESIDE },      { "././/././/x", "x", SC_IMAGECONCAT_INSIDE },
		{ "/a/x//", "/a/x", SC_IMAGECONCAT_ABSOLUTE }, { "x", "x", SC_IMAGECONCAT_PLAIN },
		{ ".x", ".x", SC_IMAGECONCAT_PLAIN },          { "..x/y..", "..x/y..", SC_IMAGECONCAT_PLAIN },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		char images[64];
		struct sc_imageconcat catalog;
		struct sc_error err = { 0 };
		int length = snprintf(images, sizeof(images), "[\"%s\"]", cases[i].stored);
		if (decode(images, (size_t)length, &catalog, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(catalog.nimages, 1);
		assert_int_equal(catalog.images[0].place, cases[i].place);
		assert_string_equal(catalog.images[0].path, cases[i].path);
		assert_true(catalog.tempclose);
		sc_imageconcat_clear(&catalog);
	}
}

static void hostile_catalogs_are_refused(void **state)
{
	(void)state;
	static const char *const hostile[] = {
		"{}",
		"[]",
		"[1]",
		"[\"\"]",
		"[\".\"]",
		"[\"./\"]",
		"[\"././\"]",
		"[\".//./\"]",
		"[\"././/.\"]",
		"[\"/\"]",
		"[\"..\"]",
		"[\"./../x\"]",
		"[\"././a/../../x\"]",
		"[\"/a/..\"]",
		"[\"x\\u0000y\"]",
		"[\"x\", null]",
		"[[\"x\"]]",
		"[\"x\"], \"Version\": 2",
		"[\"x\"], \"Images\": [\"y\"]",
		"[\"x\"], \"TempClose\": 1",
		"[\"x\"",
	};
	for (size_t i = 0; i < SC_COUNT_OF(hostile); i++) {
		struct sc_imageconcat catalog;
		struct sc_error err = { 0 };
		if (decode(hostile[i], strlen(hostile[i]), &catalog, &err) != -EUCLEAN)
			fail_msg("%s", hostile[i]);
		assert_int_equal(strncmp(err.text, "json: ", 6), 0);
	}
	char *length = malloc(1 << 20);
	memset(length, 'x', 1 << 20);
	memcpy(length, "[\"", 2);
	memcpy(length + (1 << 20) - 2, "\"]", 2);
	struct sc_imageconcat catalog;
	assert_int_equal(decode(length, 1 << 20, &catalog, NULL), -EUCLEAN);
	free(length);
}

static void other_fields_are_checked(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"[]",
		"null",
		"{\"DataType\": \"float\", \"Images\": [\"x\"]}",
		"{\"Axis\": -1, \"DataType\": \"float\", \"Images\": [\"x\"]}",
		"{\"Axis\": 8, \"DataType\": \"float\", \"Images\": [\"x\"]}",
		"{\"Axis\": 3, \"DataType\": \"int\", \"Images\": [\"x\"]}",
		"{\"Axis\": 3, \"Images\": [\"x\"]}",
	};
	for (size_t i = 0; i < SC_COUNT_OF(wrong); i++) {
		struct sc_imageconcat catalog;
		assert_int_equal(sc_imageconcat_decode(wrong[i], strlen(wrong[i]), "json", &catalog, NULL), -EUCLEAN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_told_by_the_path),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_casacore_cannot_read_is_left_out_with_a_warning),
		cmocka_unit_test(names_that_casacore_reads_otherwise_are_refused),
		cmocka_unit_test(names_are_understood_as_casacore_does),
		cmocka_unit_test(hostile_catalogs_are_refused),
		cmocka_unit_test(other_fields_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
