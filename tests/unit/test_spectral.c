#include "words.h"

#include <math.h>

#include "spectral.h"

static struct sc_record *linear(double crval, double crpix, double cdelt, double pc)
{
	struct sc_record *spectral = sc_record_new(), *wcs = sc_record_new();
	assert_int_equal(sc_record_put_double(wcs, "crval", crval), 0);
	assert_int_equal(sc_record_put_double(wcs, "crpix", crpix), 0);
	assert_int_equal(sc_record_put_double(wcs, "cdelt", cdelt), 0);
	assert_int_equal(sc_record_put_double(wcs, "pc", pc), 0);
	assert_int_equal(sc_record_put_string(wcs, "ctype", "FREQ"), 0);
	assert_int_equal(sc_record_put_record(spectral, "wcs", wcs), 0);
	assert_int_equal(sc_record_put_string(spectral, "system", "LSRK"), 0);
	assert_int_equal(sc_record_put_string(spectral, "unit", "Hz"), 0);
	return spectral;
}

static void put_strings(struct sc_record *record, const char *name, const char *text)
{
	char bytes[32];
	snprintf(bytes, sizeof(bytes), "%s", text);
	const struct sc_string string = { bytes, (uint32_t)strlen(bytes) };
	assert_int_equal(sc_record_put_vector(record, name, SC_TYPE_ARRAY_STRING, &string, 1), 0);
}

static struct sc_record *table(const double *pixels, const double *worlds, size_t count)
{
	const double one = 1, cdelt = 7;
	struct sc_record *spectral = sc_record_new(), *tabular = sc_record_new();
	assert_int_equal(sc_record_put_vector(tabular, "crval", SC_TYPE_ARRAY_DOUBLE, worlds, 1), 0);
	assert_int_equal(sc_record_put_vector(tabular, "crpix", SC_TYPE_ARRAY_DOUBLE, pixels, 1), 0);
	assert_int_equal(sc_record_put_vector(tabular, "cdelt", SC_TYPE_ARRAY_DOUBLE, &cdelt, 1), 0);
	assert_int_equal(sc_record_put_vector(tabular, "pc", SC_TYPE_ARRAY_DOUBLE, &one, 1), 0);
	assert_int_equal(sc_record_put_vector(tabular, "pixelvalues", SC_TYPE_ARRAY_DOUBLE, pixels, count), 0);
	assert_int_equal(sc_record_put_vector(tabular, "worldvalues", SC_TYPE_ARRAY_DOUBLE, worlds, count), 0);
	put_strings(tabular, "units", "Hz");
	assert_int_equal(sc_record_put_record(spectral, "tabular", tabular), 0);
	assert_int_equal(sc_record_put_string(spectral, "system", "TOPO"), 0);
	return spectral;
}

/* ---- frequencies ---- */

static void linear_frequencies(void **state)
{
	(void)state;
	static const struct {
		double crval, crpix, cdelt, pc, hz[4], increment;
	} cases[] = {
		{ 1e9, 0, 1e6, 1, { 1e9, 1.001e9, 1.002e9, 1.003e9 }, 1e6 },
		{ 1e9, 2, 1e6, 1, { 0.998e9, 0.999e9, 1e9, 1.001e9 }, 1e6 },
		{ 1e9, -1.5, 1e6, 1, { 1.0015e9, 1.0025e9, 1.0035e9, 1.0045e9 }, 1e6 },
		{ 1e9, 0, -1e6, 1, { 1e9, 0.999e9, 0.998e9, 0.997e9 }, -1e6 },
		{ 1e9, 1, 1e6, -2, { 1.002e9, 1e9, 0.998e9, 0.996e9 }, -2e6 },
		{ 1e9, 0, 0, 1, { 1e9, 1e9, 1e9, 1e9 }, 0 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		double hz[4], increment;
		struct sc_error err = { 0 };
		sc_autorecord struct sc_record *spectral =
		    linear(cases[i].crval, cases[i].crpix, cases[i].cdelt, cases[i].pc);
		assert_int_equal(sc_spectral_frequencies(spectral, "p", 4, hz, &increment, &err), 0);
		for (size_t k = 0; k < 4; k++)
			if (hz[k] != cases[i].hz[k])
				fail_msg("case %zu: channel %zu at %.17g", i, k, hz[k]);
		assert_true(increment == cases[i].increment);
	}
}

/* A linear axis is kept in its unit; a mean one is written back in it. */
static void linear_axes_in_other_units(void **state)
{
	(void)state;
	static const struct {
		const char *unit;
		double hz;
	} cases[] = { { "Hz", 1 }, { "kHz", 1e3 }, { "MHz", 1e6 }, { "GHz", 1e9 }, { "THz", 1e12 }, { "m", 0 } };
	const double wanted[3] = { 1.4e9, 1.401e9, 1.402e9 };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		double hz[3], increment;
		struct sc_error err = { 0 };
		sc_autorecord struct sc_record *spectral = linear(1.3 * 1e9 / cases[i].hz, 1, 1e6 / cases[i].hz, 1);
		assert_int_equal(sc_record_put_string(spectral, "unit", cases[i].unit), 0);
		int rc = sc_spectral_frequencies(spectral, "part.7", 3, hz, &increment, &err);
		if (cases[i].hz == 0) {
			assert_int_equal(rc, -EUCLEAN);
			assert_true(has_words(err.text, "part.7"));
			continue;
		}
		assert_int_equal(rc, 0);
		assert_true(fabs(hz[0] - 1.299e9) < 1 && fabs(increment - 1e6) < 1e-3);
		assert_int_equal(sc_spectral_set_mean(spectral, wanted, 3), 0);
		assert_string_equal(sc_record_get_string(spectral, "unit"), cases[i].unit);
		assert_int_equal(sc_spectral_frequencies(spectral, "part.7", 3, hz, &increment, &err), 0);
		for (size_t k = 0; k < 3; k++)
			assert_true(fabs(hz[k] - wanted[k]) < 1e-3);
	}
}

static struct sc_record *shown(const char *unit, const char *frame, double epoch)
{
	struct sc_record *spectral = linear(1, 0, 1, 1), *conversion = sc_record_new();
	assert_int_equal(sc_record_put_string(spectral, "unit", unit), 0);
	assert_int_equal(sc_record_put_string(conversion, "system", frame), 0);
	assert_int_equal(sc_record_put_double(conversion, "epoch", epoch), 0);
	assert_int_equal(sc_record_put_record(spectral, "conversion", conversion), 0);
	return spectral;
}

static void units_and_frames_are_shown(void **state)
{
	(void)state;
	static const struct {
		const char *unit, *frame;
		double epoch;
		bool as_stored, as_first, as_last;
	} cases[] = {
		{ "Hz", "LSRK", 1, true, true, false },  { "Hz", "LSRK", 2, true, true, false },
		{ "GHz", "LSRK", 1, false, false, false }, { "Hz", "BARY", 2, false, false, false },
		{ "Hz", "BARY", 1, false, false, true },
	};
	sc_autorecord struct sc_record *first = linear(1, 0, 1, 1), *last = shown("Hz", "BARY", 1);
	assert_true(sc_spectral_is_shown_as_stored(first));
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autorecord struct sc_record *one = shown(cases[i].unit, cases[i].frame, cases[i].epoch);
		assert_int_equal(sc_spectral_is_shown_as_stored(one), cases[i].as_stored);
		assert_int_equal(sc_spectral_are_shown_alike(first, one), cases[i].as_first);
		assert_int_equal(sc_spectral_are_shown_alike(one, last), cases[i].as_last);
	}
}

static void tabulated_frequencies(void **state)
{
	(void)state;
	static const struct {
		size_t count;
		double pixels[4], worlds[4], hz[6];
	} cases[] = {
		{ 4, { 0, 1, 2, 3 }, { 10, 20, 40, 80 }, { 10, 20, 40, 80, 120, 160 } },
		{ 3, { 0, 2, 4 }, { 10, 20, 40 }, { 10, 15, 20, 30, 40, 50 } },
		{ 2, { 1, 2 }, { 10, 20 }, { 0, 10, 20, 30, 40, 50 } },
		{ 2, { -1, 9 }, { 0, 100 }, { 10, 20, 30, 40, 50, 60 } },
		{ 3, { 0, 1, 1.5 }, { 10, 20, 40 }, { 10, 20, 60, 100, 140, 180 } },
		{ 1, { 0 }, { 10 }, { 10, 10, 10, 10, 10, 10 } },
		{ 3, { 0, 1, 2 }, { 30, 20, 15 }, { 30, 20, 15, 10, 5, 0 } },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		double hz[6], increment;
		struct sc_error err = { 0 };
		sc_autorecord struct sc_record *spectral = table(cases[i].pixels, cases[i].worlds, cases[i].count);
		assert_int_equal(sc_spectral_frequencies(spectral, "p", 6, hz, &increment, &err), 0);
		for (size_t k = 0; k < 6; k++)
			if (hz[k] != cases[i].hz[k])
				fail_msg("case %zu: channel %zu at %.17g", i, k, hz[k]);
		assert_true(increment == 7);
	}
}

/* With the table searched anew for each pixel this would take hours. */
static void a_long_table_by_half_pixels(void **state)
{
	(void)state;
	enum { ENTRIES = 300000, COUNT = 1000000 };
	sc_autofree double *pixels = calloc(ENTRIES, sizeof(*pixels)), *worlds = calloc(ENTRIES, sizeof(*worlds));
	sc_autofree double *hz = calloc(COUNT, sizeof(*hz));
	struct sc_error err = { 0 };
	double increment;
	for (int i = 0; i < ENTRIES; i++) {
		pixels[i] = 2 * i + 0.5;
		worlds[i] = 1e9 + 1e3 * pixels[i] + (i % 2 ? 100 : 0);
	}
	sc_autorecord struct sc_record *spectral = table(pixels, worlds, ENTRIES);
	assert_int_equal(sc_spectral_frequencies(spectral, "part", COUNT, hz, &increment, &err), 0);
	for (int i = 0; i < COUNT; i++) {
		/* Between entry k and the next; before the first and behind the last the slope goes on. */
		int k = i == 0 ? 0 : (2 * i - 1) / 4;
		k = k < ENTRIES - 1 ? k : ENTRIES - 2;
		double wanted = worlds[k] + (worlds[k + 1] - worlds[k]) / 2 * (i - pixels[k]);
		if (fabs(hz[i] - wanted) > 1e-3)
			fail_msg("pixel %d: %.6f, expected %.6f", i, hz[i], wanted);
	}
}

static void without_a_table_the_reference_counts(void **state)
{
	(void)state;
	static const double pixels[] = { 2 }, worlds[] = { 100 };
	double hz[3], increment;
	struct sc_error err = { 0 };
	sc_autorecord struct sc_record *spectral = table(pixels, worlds, 1);
	struct sc_record *tabular = sc_record_edit_record(spectral, "tabular");
	assert_int_equal(sc_record_put_vector(tabular, "pixelvalues", SC_TYPE_ARRAY_DOUBLE, pixels, 0), 0);
	assert_int_equal(sc_record_put_vector(tabular, "worldvalues", SC_TYPE_ARRAY_DOUBLE, worlds, 0), 0);
	assert_int_equal(sc_spectral_frequencies(spectral, "p", 3, hz, &increment, &err), 0);
	assert_true(hz[0] == 86 && hz[1] == 93 && hz[2] == 100);
}

/* ---- what is no axis of frequencies ---- */

static void expect_bad(const struct sc_record *spectral, const char *words)
{
	double hz[3], increment;
	struct sc_error err = { 0 };
	int rc = sc_spectral_frequencies(spectral, "part.7", 3, hz, &increment, &err);
	if (rc != -EUCLEAN || !has_words(err.text, "part.7|spectral") || !has_words(err.text, words))
		fail_msg("expected \"%s\": %d \"%s\"", words, rc, err.text);
}

static void bad_linear_axes_are_errors(void **state)
{
	(void)state;
	static const char *const needed[] = { "crval", "crpix", "cdelt", "pc", "ctype" };
	for (size_t i = 0; i < SC_COUNT_OF(needed); i++) {
		sc_autorecord struct sc_record *spectral = linear(1e9, 0, 1e6, 1);
		sc_record_remove(sc_record_edit_record(spectral, "wcs"), needed[i]);
		expect_bad(spectral, "lacks");
	}
	static const double numbers[][4] = {
		{ NAN, 0, 1, 1 },       { 1e9, INFINITY, 1, 1 }, { 1e9, 0, NAN, 1 },
		{ 1e308, 0, 1e308, 1 }, { 1, 0, INFINITY, 1 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(numbers); i++) {
		sc_autorecord struct sc_record *spectral =
		    linear(numbers[i][0], numbers[i][1], numbers[i][2], numbers[i][3]);
		expect_bad(spectral, "not a number");
	}
	sc_autorecord struct sc_record *velocity = linear(1e9, 0, 1e6, 1);
	assert_int_equal(sc_record_put_string(sc_record_edit_record(velocity, "wcs"), "ctype", "VELO"), 0);
	expect_bad(velocity, "not linear in frequency");
	sc_autorecord struct sc_record *empty = sc_record_new();
	expect_bad(empty, "neither");
}

static void bad_tables_are_errors(void **state)
{
	(void)state;
	static const double worlds[] = { 10, 20, 30 };
	static const struct {
		double pixels[3], worlds[3];
		const char *words;
	} cases[] = {
		{ { 0, 0, 1 }, { 10, 20, 30 }, "do not rise" },        { { 0, 2, 1 }, { 10, 20, 30 }, "do not rise" },
		{ { 0, NAN, 2 }, { 10, 20, 30 }, "do not rise" },      { { 0, 1, 2 }, { 10, NAN, 30 }, "not a number" },
		{ { 0, 1, 2 }, { 10, 20, INFINITY }, "not a number" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autorecord struct sc_record *spectral = table(cases[i].pixels, cases[i].worlds, 3);
		expect_bad(spectral, cases[i].words);
	}
	static const char *const needed[] = { "crval", "crpix", "cdelt", "pixelvalues", "worldvalues", "units" };
	for (size_t i = 0; i < SC_COUNT_OF(needed); i++) {
		sc_autorecord struct sc_record *spectral = table(worlds, worlds, 3);
		sc_record_remove(sc_record_edit_record(spectral, "tabular"), needed[i]);
		expect_bad(spectral, i < 5 ? "lacks" : "unit");
	}
	sc_autorecord struct sc_record *ghz = table(worlds, worlds, 3), *uneven = table(worlds, worlds, 3);
	put_strings(sc_record_edit_record(ghz, "tabular"), "units", "GHz");
	expect_bad(ghz, "another unit");
	assert_int_equal(sc_record_put_vector(sc_record_edit_record(uneven, "tabular"), "worldvalues",
					      SC_TYPE_ARRAY_DOUBLE, worlds, 2),
			 0);
	expect_bad(uneven, "as many");
}

/* ---- choosing ---- */

/* Sets the chosen axis and reads it back: it must tell where each channel is. */
static void check_axis(const double *hz, size_t count, double crpix, double increment, enum sc_spectral_kind kind)
{
	sc_autorecord struct sc_record *spectral = linear(hz[0] + crpix * increment, crpix, increment, 1);
	sc_autofree double *again = calloc(count, sizeof(*again));
	double again_increment, largest = 0;
	struct sc_error err = { 0 };
	assert_non_null(again);
	if (kind == SC_SPECTRAL_MEAN)
		assert_int_equal(sc_spectral_set_mean(spectral, hz, count), 0);
	if (kind == SC_SPECTRAL_TABULATED)
		assert_int_equal(sc_spectral_set_tabulated(spectral, hz, count), 0);
	if (sc_spectral_frequencies(spectral, "axis", count, again, &again_increment, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < count; i++)
		largest = fmax(largest, fabs(again[i] - hz[i]));
	double allowed = kind == SC_SPECTRAL_TABULATED ? 0 : 0.01 * fabs(again_increment) * (1 + 1e-6);
	if (!(largest <= allowed))
		fail_msg("%zu channels: off by %g Hz, allowed %g", count, largest, allowed);
	assert_string_equal(sc_record_get_string(spectral, "system"), "LSRK");
	assert_string_equal(sc_record_get_string(spectral, "unit"), "Hz");
}

static void axes_are_chosen(void **state)
{
	(void)state;
	static const struct {
		size_t count;
		double hz[6], increment;
		enum sc_spectral_kind kind;
	} cases[] = {
		{ 1, { 1e9 }, 1e6, SC_SPECTRAL_AS_FIRST },
		{ 1, { 1e9 }, 0, SC_SPECTRAL_AS_FIRST },
		{ 4, { 1e9, 1.001e9, 1.002e9, 1.003e9 }, 1e6, SC_SPECTRAL_AS_FIRST },
		{ 4, { 1e9, 0.999e9, 0.998e9, 0.997e9 }, -1e6, SC_SPECTRAL_AS_FIRST },
		{ 4, { 1e9, 1.001e9 + 9999, 1.002e9, 1.003e9 }, 1e6, SC_SPECTRAL_AS_FIRST },
		/* Beyond one per cent of the first increment, within it of the mean. */
		{ 4, { 1e9, 1.001e9 + 4000, 1.002e9 + 8000, 1.003e9 + 12000 }, 1e6, SC_SPECTRAL_MEAN },
		{ 4, { 1e9, 1.001e9, 1.002e9, 1.003e9 }, -1e6, SC_SPECTRAL_MEAN },
		{ 4, { 1e9, 1.001e9, 1.002e9, 1.003e9 }, 0, SC_SPECTRAL_MEAN },
		{ 2, { 1e9, 3e9 }, 1e6, SC_SPECTRAL_MEAN },
		/* Beyond both: a gap, a turn, a channel twice. */
		{ 4, { 1e9, 1.001e9 + 10001, 1.002e9, 1.003e9 }, 1e6, SC_SPECTRAL_TABULATED },
		{ 4, { 1e9, 1.001e9, 1.003e9, 1.004e9 }, 1e6, SC_SPECTRAL_TABULATED },
		{ 4, { 1e9, 1.001e9, 1.0005e9, 1.002e9 }, 1e6, SC_SPECTRAL_TABULATED },
		{ 4, { 1e9, 1.001e9, 1.001e9, 1.002e9 }, 1e6, SC_SPECTRAL_TABULATED },
		{ 3, { 1e9, 1e9, 1e9 }, 0, SC_SPECTRAL_TABULATED },
		{ 3, { 1e9, 1e9, 1e9 }, 1e6, SC_SPECTRAL_TABULATED },
		{ 3, { 1e9, 1.5e9, 1e9 }, 1e6, SC_SPECTRAL_TABULATED },
		{ 3, { 1e9, NAN, 1.002e9 }, 1e6, SC_SPECTRAL_TABULATED },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		enum sc_spectral_kind kind = sc_spectral_choose(cases[i].hz, cases[i].count, cases[i].increment);
		if (kind != cases[i].kind)
			fail_msg("case %zu: kind %d, expected %d", i, (int)kind, (int)cases[i].kind);
		if (!isnan(cases[i].hz[1]))
			check_axis(cases[i].hz, cases[i].count, 3, cases[i].increment, kind);
	}
}

/*
 * An imager that writes increments with 10 decimals in GHz: each part has its own,
 * right start, but the increment is 30517.6 Hz instead of 30517.578125.
 */
static void rounded_increments_add_up(void **state)
{
	(void)state;
	const double step = 30517.578125;
	static const struct {
		size_t count;
		double rounded, crpix;
		enum sc_spectral_kind kind;
	} cases[] = {
		{ 13000, 30517.6, 0, SC_SPECTRAL_AS_FIRST },      { 20000, 30517.6, 0, SC_SPECTRAL_MEAN },
		{ 20000, 30517.6, 1234.5, SC_SPECTRAL_MEAN },     { 60000, 30517.6, 0, SC_SPECTRAL_MEAN },
		{ 60000, 30517.578125, 0, SC_SPECTRAL_AS_FIRST }, { 60000, 31000, 0, SC_SPECTRAL_MEAN },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autofree double *hz = calloc(cases[i].count, sizeof(*hz));
		assert_non_null(hz);
		for (size_t k = 0; k < cases[i].count; k++) {
			char text[40];
			snprintf(text, sizeof(text), "%.10f", (1.42e9 + (double)k * step) * 1e-9);
			hz[k] = atof(text) * 1e9;
		}
		enum sc_spectral_kind kind = sc_spectral_choose(hz, cases[i].count, cases[i].rounded);
		if (kind != cases[i].kind)
			fail_msg("case %zu: kind %d", i, (int)kind);
		check_axis(hz, cases[i].count, cases[i].crpix, cases[i].rounded, kind);
	}
}

/* ---- records ---- */

static void an_axis_replaces_the_other_kind(void **state)
{
	(void)state;
	static const double hz[] = { 1e9, 1.001e9, 1.002e9 };
	sc_autorecord struct sc_record *from_table = table((const double[]){ 0, 1, 2 }, hz, 3),
				       *from_wcs = linear(1, 0, 1, 1);
	assert_int_equal(sc_spectral_set_mean(from_table, hz, 3), 0);
	assert_null(sc_record_find(from_table, "tabular"));
	assert_string_equal(sc_record_get_string(sc_record_get_record(from_table, "wcs"), "ctype"), "FREQ");
	assert_string_equal(sc_record_get_string(from_table, "system"), "TOPO");
	assert_int_equal(sc_spectral_set_tabulated(from_wcs, hz, 3), 0);
	assert_null(sc_record_find(from_wcs, "wcs"));
	const struct sc_record *tabular = sc_record_get_record(from_wcs, "tabular");
	static const struct {
		const char *name;
		enum sc_type type;
		uint64_t count;
		uint32_t ndim;
	} fields[] = {
		{ "crval", SC_TYPE_ARRAY_DOUBLE, 1, 1 },       { "crpix", SC_TYPE_ARRAY_DOUBLE, 1, 1 },
		{ "cdelt", SC_TYPE_ARRAY_DOUBLE, 1, 1 },       { "pc", SC_TYPE_ARRAY_DOUBLE, 1, 2 },
		{ "axes", SC_TYPE_ARRAY_STRING, 1, 1 },        { "units", SC_TYPE_ARRAY_STRING, 1, 1 },
		{ "pixelvalues", SC_TYPE_ARRAY_DOUBLE, 3, 1 }, { "worldvalues", SC_TYPE_ARRAY_DOUBLE, 3, 1 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(fields); i++) {
		const struct sc_field *field = sc_record_get_array(tabular, fields[i].name, fields[i].type);
		assert_non_null(field);
		assert_int_equal(field->array.count, fields[i].count);
		assert_int_equal(field->array.ndim, fields[i].ndim);
	}
	/* And a table again in place of a table. */
	assert_int_equal(sc_spectral_set_tabulated(from_wcs, hz, 2), 0);
	tabular = sc_record_get_record(from_wcs, "tabular");
	assert_int_equal(sc_record_get_array(tabular, "worldvalues", SC_TYPE_ARRAY_DOUBLE)->array.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linear_frequencies),
		cmocka_unit_test(linear_axes_in_other_units),
		cmocka_unit_test(units_and_frames_are_shown),
		cmocka_unit_test(tabulated_frequencies),
		cmocka_unit_test(a_long_table_by_half_pixels),
		cmocka_unit_test(without_a_table_the_reference_counts),
		cmocka_unit_test(bad_linear_axes_are_errors),
		cmocka_unit_test(bad_tables_are_errors),
		cmocka_unit_test(axes_are_chosen),
		cmocka_unit_test(rounded_increments_add_up),
		cmocka_unit_test(an_axis_replaces_the_other_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
