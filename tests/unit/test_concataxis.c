#include "words.h"

#include <math.h>

#include "concataxis.h"

/* Coordinates in short: kinds in order, each with its number of axes; pixel axes are numbered through. */
static struct sc_record *make_coords(const char *kinds)
{
	struct sc_record *coords = sc_record_new();
	int32_t pixel_axis = 0;
	int number = 0;
	for (const char *at = kinds; *at; at += *at == ' ') {
		char name[64], map[64];
		size_t length = strcspn(at, " :");
		int naxes = at[length] == ':' ? at[length + 1] - '0' : 1;
		int32_t axes[4];
		for (int i = 0; i < naxes; i++)
			axes[i] = pixel_axis++;
		snprintf(name, sizeof(name), "%.*s%d", (int)length, at, number);
		snprintf(map, sizeof(map), "pixelmap%d", number++);
		assert_int_equal(sc_record_put_record(coords, name, sc_record_new()), 0);
		assert_int_equal(sc_record_put_vector(coords, map, SC_TYPE_ARRAY_INT, axes, (uint64_t)naxes), 0);
		at += strcspn(at, " ");
	}
	return coords;
}

static void axes_are_found(void **state)
{
	(void)state;
	static const struct {
		const char *kinds;
		int wanted, ndim;
		int kind, pixel_axis, coordinate, index; /* kind -1: an error */
		const char *words;
	} cases[] = {
		{ "direction:2 stokes spectral", -1, 4, SC_AXIS_SPECTRAL, 3, 2, 0, NULL },
		{ "spectral direction:2", -1, 3, SC_AXIS_SPECTRAL, 0, 0, 0, NULL },
		{ "direction:2 spectral stokes linear", -1, 5, SC_AXIS_SPECTRAL, 2, 1, 0, NULL },
		{ "direction:2 stokes spectral", 0, 4, SC_AXIS_DIRECTION, 0, 0, 0, NULL },
		{ "direction:2 stokes spectral", 1, 4, SC_AXIS_DIRECTION, 1, 0, 1, NULL },
		{ "direction:2 stokes spectral", 2, 4, SC_AXIS_STOKES, 2, 1, 0, NULL },
		{ "direction:2 stokes spectral", 3, 4, SC_AXIS_SPECTRAL, 3, 2, 0, NULL },
		{ "linear:3", 2, 3, SC_AXIS_LINEAR, 2, 0, 2, NULL },
		{ "linear tabular", 1, 2, SC_AXIS_TABULAR, 1, 1, 0, NULL },
		{ "direction:2 stokes", -1, 3, -1, 0, 0, 0, "p0|no spectral axis" },
		{ "direction:2 stokes spectral", 4, 4, -1, 0, 0, 0, "p0|axis 4|0 to 3" },
		{ "direction:2 stokes spectral", 7, 4, -1, 0, 0, 0, "p0|axis 7|0 to 3" },
		/* A coordinate that goes beyond the image's axes. */
		{ "direction:2 stokes spectral", -1, 3, -1, 0, 0, 0, "p0|no spectral axis" },
		{ "direction:2 stokes spectral", 3, 3, -1, 0, 0, 0, "p0|axis 3|0 to 2" },
		{ "quality spectral", 0, 2, -1, 0, 0, 0, "p0|axis 0|quality" },
		{ "stokes:2", 1, 2, -1, 0, 0, 0, "p0|axis 1|stokes" },
		{ "", 0, 1, -1, 0, 0, 0, "p0|axis 0" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autorecord struct sc_record *coords = make_coords(cases[i].kinds);
		struct sc_concataxis axis = { 0 };
		struct sc_error err = { 0 };
		int rc = sc_concataxis_find(coords, cases[i].wanted, cases[i].ndim, "p0", &axis, &err);
		if (cases[i].words) {
			if (rc != -EUCLEAN || !has_words(err.text, cases[i].words))
				fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
		} else if (rc < 0 || (int)axis.kind != cases[i].kind || axis.pixel_axis != cases[i].pixel_axis ||
			   axis.coordinate != cases[i].coordinate || axis.index != cases[i].index) {
			fail_msg("case %zu: %d \"%s\" kind %d axis %d of %d, %d", i, rc, err.text, (int)axis.kind,
				 axis.pixel_axis, axis.coordinate, axis.index);
		}
	}
}

/* ---- Stokes ---- */

static struct sc_record *stokes_coords(const char *names)
{
	struct sc_record *coords = make_coords("stokes");
	struct sc_string strings[40];
	uint64_t count = 0;
	for (const char *at = names; *at; at += *at == ' ') {
		size_t length = strcspn(at, " ");
		strings[count++] = (struct sc_string){ strndup(at, length), (uint32_t)length };
		at += length;
	}
	assert_int_equal(sc_record_put_vector(sc_record_edit_record(coords, "stokes0"), "stokes", SC_TYPE_ARRAY_STRING,
					      strings, count),
			 0);
	while (count > 0)
		free(strings[--count].bytes);
	return coords;
}

static void stokes_are_joined(void **state)
{
	(void)state;
	static const struct {
		const char *parts[3];
		size_t counts[3];
		const char *joined, *words;
	} cases[] = {
		{ { "I", "Q" }, { 1, 1 }, "I Q", NULL },
		{ { "V U", "Q I" }, { 2, 2 }, "V U Q I", NULL },
		{ { "XX", "RCircular", "Pangle" }, { 1, 1, 1 }, "XX RCircular Pangle", NULL },
		{ { "I Q U V", "XX" }, { 1, 1 }, "I XX", NULL }, /* an image may use fewer than are named */
		{ { "I", "I" }, { 1, 1 }, NULL, "Stokes I is in two parts" },
		{ { "I Q", "U Q" }, { 2, 2 }, NULL, "Stokes Q is in two parts" },
		{ { "I", "i" }, { 1, 1 }, NULL, "p1|\"i\"" },
		{ { "I", "Undefined" }, { 1, 1 }, NULL, "p1|\"Undefined\"" },
		{ { "I", "Q" }, { 1, 2 }, NULL, "p1|2 Stokes" },
		{ { "I", "" }, { 1, 1 }, NULL, "p1|1 Stokes" },
	};
	static const struct sc_concataxis axis = { .kind = SC_AXIS_STOKES };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		double worlds[8], increment;
		size_t count = 0;
		struct sc_error err = { 0 };
		int rc = 0;
		sc_autorecord struct sc_record *first = stokes_coords(cases[i].parts[0]);
		for (size_t k = 0; rc == 0 && k < 3 && cases[i].parts[k]; k++) {
			sc_autorecord struct sc_record *coords = stokes_coords(cases[i].parts[k]);
			char name[16];
			snprintf(name, sizeof(name), "p%zu", k);
			rc = sc_concataxis_worlds(&axis, coords, name, cases[i].counts[k], worlds + count, &increment,
						  &err);
			count += cases[i].counts[k];
		}
		char *warning = NULL;
		if (rc == 0)
			rc = sc_concataxis_finish(&axis, first, worlds, count, 0, NULL, false, &warning, &err);
		assert_null(warning);
		if (cases[i].words) {
			if (rc != -EUCLEAN || !has_words(err.text, cases[i].words))
				fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
			continue;
		}
		sc_autorecord struct sc_record *wanted = stokes_coords(cases[i].joined);
		if (rc < 0 || !sc_record_equal(first, wanted))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
	}
}

/* ---- linear ---- */

static void put_vector(struct sc_record *record, const char *name, const double *values, int count)
{
	assert_int_equal(sc_record_put_vector(record, name, SC_TYPE_ARRAY_DOUBLE, values, (uint64_t)count), 0);
}

static struct sc_record *linear_coords(int naxes, double crval, double cdelt)
{
	char kinds[32], unit_bytes[] = "m";
	snprintf(kinds, sizeof(kinds), "linear:%d", naxes);
	struct sc_record *coords = make_coords(kinds), *linear = sc_record_edit_record(coords, "linear0");
	const double values[] = { crval, crval }, increments[] = { cdelt, cdelt }, zeros[] = { 0, 0 };
	struct sc_string units[] = { { unit_bytes, 1 }, { unit_bytes, 1 } };
	put_vector(linear, "crval", values, naxes);
	put_vector(linear, "crpix", zeros, naxes);
	put_vector(linear, "cdelt", increments, naxes);
	assert_int_equal(sc_record_put_vector(linear, "units", SC_TYPE_ARRAY_STRING, units, (uint64_t)naxes), 0);
	return coords;
}

static void linear_axes_are_finished(void **state)
{
	(void)state;
	static const struct {
		int naxes;
		enum sc_concataxis_kind kind;
		double worlds[4], increment;
		const char *order_problem;
		bool tabular;
		const char *warning; /* or the error when rc < 0 */
		int rc;
	} cases[] = {
		{ 1, SC_AXIS_LINEAR, { 1, 3, 5, 7 }, 2, NULL, false, NULL, 0 },
		{ 1, SC_AXIS_LINEAR, { 7, 5, 3, 1 }, -2, NULL, false, NULL, 0 },
		{ 1, SC_AXIS_LINEAR, { 1, 3.015, 5.01, 7 }, 2, NULL, false, NULL, 0 },
		{ 1, SC_AXIS_LINEAR, { 1, 3, 6, 8 }, 2, NULL, true, "not evenly spaced|tabulated", 0 },
		{ 1, SC_AXIS_LINEAR, { 1, 3, 2, 4 }, 2, "p1 turns", false, "p1 turns|--reorder", -EUCLEAN },
		/* Coordinates of several axes have no table. */
		{ 2, SC_AXIS_LINEAR, { 1, 3, 6, 8 }, 2, NULL, false, "do not join up|first part's", 0 },
		{ 2, SC_AXIS_DIRECTION, { 1, 3, 6, 8 }, 2, NULL, false, "do not join up|first part's", 0 },
		{ 2, SC_AXIS_DIRECTION, { 1, 3, 2, 4 }, 2, "p1 turns", false, "do not join up", 0 },
		{ 2, SC_AXIS_DIRECTION, { 1, 3, 5, 7 }, 2, NULL, false, NULL, 0 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autorecord struct sc_record *coords = linear_coords(cases[i].naxes, 1, cases[i].increment);
		const struct sc_concataxis axis = { .kind = cases[i].kind };
		sc_autofree char *warning = NULL;
		struct sc_error err = { 0 };
		int rc = sc_concataxis_finish(&axis, coords, cases[i].worlds, 4, cases[i].increment,
					      cases[i].order_problem, false, &warning, &err);
		const char *said = rc < 0 ? err.text : warning;
		if (rc != cases[i].rc || !said != !cases[i].warning || (said && !has_words(said, cases[i].warning)))
			fail_msg("case %zu: %d \"%s\"", i, rc, said);
		const struct sc_record *tabular = sc_record_get_record(coords, "tabular0");
		assert_int_equal(tabular != NULL, cases[i].tabular);
		assert_int_equal(sc_record_get_record(coords, "linear0") == NULL, cases[i].tabular);
		if (tabular) {
			const struct sc_field *worlds =
			    sc_record_get_array(tabular, "worldvalues", SC_TYPE_ARRAY_DOUBLE);
			assert_memory_equal(worlds->array.elements, cases[i].worlds, sizeof(cases[i].worlds));
			assert_non_null(sc_record_find(tabular, "units"));
		}
	}
}

static void worlds_of_linear_axes(void **state)
{
	(void)state;
	static const char *const fields[] = { "crval", "crpix", "cdelt" };
	for (size_t i = 0; i <= SC_COUNT_OF(fields); i++) {
		sc_autorecord struct sc_record *coords = linear_coords(2, 10, -3);
		const struct sc_concataxis axis = { .kind = SC_AXIS_LINEAR, .index = 1 };
		double worlds[3], increment;
		struct sc_error err = { 0 };
		if (i < SC_COUNT_OF(fields))
			sc_record_remove(sc_record_edit_record(coords, "linear0"), fields[i]);
		int rc = sc_concataxis_worlds(&axis, coords, "p0", 3, worlds, &increment, &err);
		if (i < SC_COUNT_OF(fields)) {
			assert_int_equal(rc, -EUCLEAN);
			assert_true(has_words(err.text, "p0|lacks"));
		} else {
			assert_int_equal(rc, 0);
			assert_true(worlds[0] == 10 && worlds[1] == 7 && worlds[2] == 4 && increment == -3);
		}
	}
	/* No world value that is not a number. */
	sc_autorecord struct sc_record *coords = linear_coords(1, NAN, 1);
	const struct sc_concataxis axis = { .kind = SC_AXIS_LINEAR };
	double worlds[3], increment;
	struct sc_error err = { 0 };
	assert_int_equal(sc_concataxis_worlds(&axis, coords, "p0", 3, worlds, &increment, &err), -EUCLEAN);
	assert_true(has_words(err.text, "p0|not a number"));
}

/* ---- a gap in front ---- */

static void the_reference_moves(void **state)
{
	(void)state;
	const struct sc_concataxis axis = { .kind = SC_AXIS_SPECTRAL };
	sc_autorecord struct sc_record *coords = make_coords("spectral");
	struct sc_record *wcs = sc_record_new();
	double crpix;
	assert_int_equal(sc_record_put_double(wcs, "crpix", 1.5), 0);
	assert_int_equal(sc_record_put_double(wcs, "crval", 1e9), 0);
	assert_int_equal(sc_record_put_record(sc_record_edit_record(coords, "spectral0"), "wcs", wcs), 0);
	assert_int_equal(sc_concataxis_shift(&axis, coords, 7), 0);
	wcs = sc_record_edit_record(sc_record_edit_record(coords, "spectral0"), "wcs");
	assert_true(sc_record_get_double(wcs, "crpix", &crpix) && crpix == 8.5);
	/* Nothing to move in a table. */
	sc_record_remove(sc_record_edit_record(coords, "spectral0"), "wcs");
	assert_int_equal(sc_concataxis_shift(&axis, coords, 7), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(axes_are_found),           cmocka_unit_test(stokes_are_joined),
		cmocka_unit_test(linear_axes_are_finished), cmocka_unit_test(worlds_of_linear_axes),
		cmocka_unit_test(the_reference_moves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
