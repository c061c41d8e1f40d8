#include "words.h"

#include <math.h>

#include "coordinates.h"

static void put_map(struct sc_record *coords, int number, int32_t first, int32_t second)
{
	char name[32];
	const int32_t axes[] = { first, second };
	sprintf(name, "pixelmap%d", number);
	assert_int_equal(sc_record_put_vector(coords, name, SC_TYPE_ARRAY_INT, axes, second == -2 ? 1 : 2), 0);
}

static void put_doubles(struct sc_record *record, const char *name, double a, double b)
{
	const double values[] = { a, b };
	assert_int_equal(sc_record_put_vector(record, name, SC_TYPE_ARRAY_DOUBLE, values, 2), 0);
}

static void put_strings(struct sc_record *record, const char *name, const char *a, const char *b)
{
	char bytes[2][32];
	struct sc_string strings[2];
	snprintf(bytes[0], sizeof(bytes[0]), "%s", a);
	snprintf(bytes[1], sizeof(bytes[1]), "%s", b ? b : "");
	for (int i = 0; i < 2; i++)
		strings[i] = (struct sc_string){ bytes[i], (uint32_t)strlen(bytes[i]) };
	assert_int_equal(sc_record_put_vector(record, name, SC_TYPE_ARRAY_STRING, strings, b ? 2 : 1), 0);
}

static void put_rest_frequency(struct sc_record *spectral, double value)
{
	assert_int_equal(sc_record_put_double(spectral, "restfreq", value), 0);
	put_doubles(spectral, "restfreqs", value, value * 2);
}

/* direction0, stokes1, spectral2 as an imager writes them, cut to what is compared. */
static struct sc_record *make_coords(void)
{
	struct sc_record *coords = sc_record_new(), *direction = sc_record_new(), *stokes = sc_record_new(),
			 *spectral = sc_record_new(), *conversion = sc_record_new();
	assert_int_equal(sc_record_put_string(direction, "system", "J2000"), 0);
	assert_int_equal(sc_record_put_string(direction, "projection", "SIN"), 0);
	assert_int_equal(sc_record_put_double(direction, "longpole", 180), 0);
	put_doubles(direction, "projection_parameters", 0, 0);
	put_doubles(direction, "crval", 5.2, -0.6);
	put_doubles(direction, "crpix", 48, 40);
	put_doubles(direction, "cdelt", -1e-6, 1e-6);
	put_strings(direction, "axes", "Right Ascension", "Declination");
	put_strings(direction, "units", "rad", "rad");
	put_strings(stokes, "stokes", "I", NULL);
	put_strings(stokes, "axes", "Stokes", NULL);
	assert_int_equal(sc_record_put_string(spectral, "system", "LSRK"), 0);
	assert_int_equal(sc_record_put_string(conversion, "system", "LSRK"), 0);
	assert_int_equal(sc_record_put_record(spectral, "conversion", conversion), 0);
	assert_int_equal(sc_record_put_string(spectral, "unit", "Hz"), 0);
	put_rest_frequency(spectral, 1.42e9);
	assert_int_equal(sc_record_put_int(spectral, "velType", 0), 0);
	assert_int_equal(sc_record_put_record(coords, "direction0", direction), 0);
	assert_int_equal(sc_record_put_record(coords, "stokes1", stokes), 0);
	assert_int_equal(sc_record_put_record(coords, "spectral2", spectral), 0);
	put_map(coords, 0, 0, 1);
	put_map(coords, 1, 2, -2);
	put_map(coords, 2, 3, -2);
	assert_int_equal(sc_record_put_string(coords, "telescope", "ALMA"), 0);
	assert_int_equal(sc_record_put_string(coords, "observer", "Karl"), 0);
	assert_int_equal(sc_record_put_string(coords, "obsdate", "yesterday"), 0);
	return coords;
}

static struct sc_record *direction_of(struct sc_record *coords)
{
	return sc_record_edit_record(coords, "direction0");
}

static struct sc_record *spectral_of(struct sc_record *coords)
{
	return sc_record_edit_record(coords, "spectral2");
}

/* ---- finding ---- */

static void axes_are_found(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *coords = make_coords();
	const char *kind;
	assert_int_equal(sc_coordinates_count(coords), 3);
	assert_non_null(sc_coordinates_get(coords, 2, &kind));
	assert_string_equal(kind, "spectral");
	assert_null(sc_coordinates_get(coords, 3, &kind));
	assert_int_equal(sc_coordinates_find_axis(coords, "spectral"), 3);
	assert_int_equal(sc_coordinates_find_axis(coords, "stokes"), 2);
	/* Two axes, none of that kind, an axis that was removed, no map. */
	assert_int_equal(sc_coordinates_find_axis(coords, "direction"), -1);
	assert_int_equal(sc_coordinates_find_axis(coords, "tabular"), -1);
	put_map(coords, 2, -1, -2);
	assert_int_equal(sc_coordinates_find_axis(coords, "spectral"), -1);
	sc_record_remove(coords, "pixelmap2");
	assert_int_equal(sc_coordinates_find_axis(coords, "spectral"), -1);
	sc_autorecord struct sc_record *empty = sc_record_new();
	assert_int_equal(sc_coordinates_count(empty), 0);
	assert_int_equal(sc_coordinates_find_axis(empty, "spectral"), -1);
}

/* ---- comparing ---- */

struct differences {
	char text[1000];
	unsigned count;
	int fail_with;
};

static int note(void *context, const char *what, const char *first, const char *other)
{
	struct differences *differences = context;
	differences->count++;
	size_t used = strlen(differences->text);
	snprintf(differences->text + used, sizeof(differences->text) - used, "%s: %s -> %s;", what, first, other);
	return differences->fail_with;
}

static void move_reference(struct sc_record *coords)
{
	put_doubles(direction_of(coords), "crval", 5.2, -0.7);
}

static void move_reference_a_little(struct sc_record *coords)
{
	put_doubles(direction_of(coords), "crval", 5.2 * (1 + 0.9e-13), -0.6);
}

static void move_reference_a_little_more(struct sc_record *coords)
{
	put_doubles(direction_of(coords), "crval", 5.2 * (1 + 2e-13), -0.6);
}

static void turn_pole(struct sc_record *coords)
{
	assert_int_equal(sc_record_put_double(direction_of(coords), "longpole", -180), 0);
}

static void change_stokes(struct sc_record *coords)
{
	put_strings(sc_record_edit_record(coords, "stokes1"), "stokes", "XX", NULL);
}

static void change_telescope_and_date(struct sc_record *coords)
{
	assert_int_equal(sc_record_put_string(coords, "telescope", "VLA"), 0);
	assert_int_equal(sc_record_put_string(coords, "obsdate", "today"), 0);
}

static void drop_observer(struct sc_record *coords)
{
	sc_record_remove(coords, "observer");
}

static void change_rest_frequency(struct sc_record *coords)
{
	put_rest_frequency(spectral_of(coords), 1.5e9);
	assert_int_equal(sc_record_put_int(spectral_of(coords), "velType", 3), 0);
}

/* One of several, which is not the one in use. */
static void change_first_rest_frequency(struct sc_record *coords)
{
	put_doubles(spectral_of(coords), "restfreqs", 1.43e9, 2.84e9);
}

/* The same frequency in a unit in which it is rounded. */
static void make_unit_gigahertz(struct sc_record *coords)
{
	assert_int_equal(sc_record_put_string(spectral_of(coords), "unit", "GHz"), 0);
	put_rest_frequency(spectral_of(coords), 1.4199999999999999);
}

static void make_unit_and_rest_frequency_others(struct sc_record *coords)
{
	make_unit_gigahertz(coords);
	put_rest_frequency(spectral_of(coords), 1.5);
}

/* The same numbers are other frequencies. */
static void make_unit_another(struct sc_record *coords)
{
	assert_int_equal(sc_record_put_string(spectral_of(coords), "unit", "kHz"), 0);
}

static void show_in_another_frame(struct sc_record *coords)
{
	assert_int_equal(
	    sc_record_put_string(sc_record_edit_record(spectral_of(coords), "conversion"), "system", "BARY"), 0);
}

/* Nobody knows how many of the one are one of the other. */
static void make_unit_unknown(struct sc_record *coords)
{
	assert_int_equal(sc_record_put_string(spectral_of(coords), "unit", "m"), 0);
}

/* Where the parts' channels are is for others to compare. */
static void move_spectral_reference(struct sc_record *coords)
{
	put_doubles(spectral_of(coords), "crval", 1, 2);
	put_doubles(spectral_of(coords), "cdelt", 1, 2);
}

static void drop_projection_parameters(struct sc_record *coords)
{
	const double none = 0;
	assert_int_equal(sc_record_put_string(direction_of(coords), "projection", "CAR"), 0);
	assert_int_equal(
	    sc_record_put_vector(direction_of(coords), "projection_parameters", SC_TYPE_ARRAY_DOUBLE, &none, 0), 0);
}

static void lengthen_names(struct sc_record *coords)
{
	char name[200];
	memset(name, 'x', sizeof(name));
	name[199] = 0;
	struct sc_string strings[20];
	for (int i = 0; i < 20; i++)
		strings[i] = (struct sc_string){ name, 199 };
	assert_int_equal(sc_record_put_vector(direction_of(coords), "axes", SC_TYPE_ARRAY_STRING, strings, 20), 0);
}

static void change_nothing(struct sc_record *coords)
{
	(void)coords;
}

static void make_type_another(struct sc_record *coords)
{
	assert_int_equal(sc_record_put_int(direction_of(coords), "crpix", 48), 0);
}

static void differences_are_told(void **state)
{
	(void)state;
	static const struct {
		void (*change)(struct sc_record *coords);
		const char *text; /* NULL: only the start is known */
	} cases[] = {
		{ change_nothing, "" },
		{ move_reference,
		  "direction reference value: 5.2000000000000002, -0.59999999999999998 -> 5.2000000000000002, "
		  "-0.69999999999999996;" },
		{ move_reference_a_little, "" },
		{ move_spectral_reference, "" },
		{ turn_pole, "direction longitude of the pole: 180 -> -180;" },
		{ change_stokes, "stokes Stokes: I -> XX;" },
		{ change_telescope_and_date, "telescope: ALMA -> VLA;" },
		{ drop_observer, "observer: Karl -> none;" },
		{ change_rest_frequency,
		  "rest frequencies: 1420000000, 2840000000 -> 1500000000, 3000000000;"
		  "rest frequency: 1420000000 -> 1500000000;velocity type: 0 -> 3;" },
		{ change_first_rest_frequency,
		  "rest frequencies: 1420000000, 2840000000 -> 1430000000, 2840000000;" },
		{ make_unit_gigahertz, "spectral unit: Hz -> GHz;" },
		{ make_unit_and_rest_frequency_others,
		  "rest frequencies: 1420000000, 2840000000 -> 1500000000, 3000000000;"
		  "rest frequency: 1420000000 -> 1500000000;spectral unit: Hz -> GHz;" },
		{ make_unit_another,
		  "rest frequencies: 1420000000, 2840000000 -> 1420000000000, 2840000000000;"
		  "rest frequency: 1420000000 -> 1420000000000;spectral unit: Hz -> kHz;" },
		{ show_in_another_frame, "spectral conversion frame: LSRK -> BARY;" },
		{ make_unit_unknown, "spectral unit: Hz -> m;" },
		{ drop_projection_parameters,
		  "direction projection: SIN -> CAR;direction projection parameters: 0, 0 -> ;" },
		{ make_type_another, "direction reference pixel: 48, 40 -> 48;" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autorecord struct sc_record *first = make_coords(), *other = make_coords();
		struct differences differences = { .text = "" };
		struct sc_error err = { 0 };
		cases[i].change(other);
		assert_int_equal(sc_coordinates_compare(first, other, "p0", "p1", 2, 0, note, &differences, &err), 0);
		if (strcmp(differences.text, cases[i].text) != 0)
			fail_msg("case %zu: \"%s\"", i, differences.text);
	}
}

static void put_linear(struct sc_record *coords, double crval)
{
	struct sc_record *wcs = sc_record_new();
	assert_int_equal(sc_record_put_double(wcs, "crval", crval), 0);
	assert_int_equal(sc_record_put_double(wcs, "cdelt", 1e6), 0);
	assert_int_equal(sc_record_put_record(spectral_of(coords), "wcs", wcs), 0);
}

static void put_table(struct sc_record *coords, double second)
{
	struct sc_record *tabular = sc_record_new();
	put_doubles(tabular, "worldvalues", 1e9, second);
	assert_int_equal(sc_record_put_record(spectral_of(coords), "tabular", tabular), 0);
}

/* Along another axis the frequencies are compared as everything is; along their own they are not. */
static void frequencies_off_the_axis_are_compared(void **state)
{
	(void)state;
	static const struct {
		double linear[2], table[2]; /* 0: none */
		const char *text;
	} cases[] = {
		{ { 1e9, 1e9 }, { 0, 0 }, "" },
		{ { 1e9, 2e9 }, { 0, 0 }, "spectral reference value: 1000000000 -> 2000000000;" },
		{ { 0, 0 }, { 2e9, 2e9 }, "" },
		{ { 0, 0 },
		  { 2e9, 3e9 },
		  "spectral values in its table: 1000000000, 2000000000 -> 1000000000, 3000000000;" },
		{ { 1e9, 0 }, { 0, 2e9 }, "spectral axis: linear -> tabulated;" },
		{ { 0, 1e9 }, { 2e9, 0 }, "spectral axis: tabulated -> linear;" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_record *coords[2] = { make_coords(), make_coords() };
		struct sc_error err = { 0 };
		for (int k = 0; k < 2; k++) {
			if (cases[i].linear[k] != 0)
				put_linear(coords[k], cases[i].linear[k]);
			if (cases[i].table[k] != 0)
				put_table(coords[k], cases[i].table[k]);
		}
		for (int axis = 1; axis <= 2; axis++) {
			struct differences differences = { .text = "" };
			assert_int_equal(
			    sc_coordinates_compare(coords[0], coords[1], "p0", "p1", axis, 0, note, &differences, &err),
			    0);
			if (strcmp(differences.text, axis == 1 ? cases[i].text : "") != 0)
				fail_msg("case %zu, axis %d: \"%s\"", i, axis, differences.text);
		}
		sc_record_free(coords[0]);
		sc_record_free(coords[1]);
	}
}

/* Of two axes of one coordinate the one along which the parts lie is left out. */
static void the_axis_itself_is_left_out(void **state)
{
	(void)state;
	static const char *const texts[] = { "",
					     "direction reference value: 5.2000000000000002, -0.59999999999999998 -> "
					     "6, -0.59999999999999998;" };
	for (int index = 0; index < 2; index++) {
		sc_autorecord struct sc_record *first = make_coords(), *other = make_coords();
		struct differences differences = { .text = "" };
		struct sc_error err = { 0 };
		put_doubles(direction_of(other), "crval", 6, -0.6);
		assert_int_equal(sc_coordinates_compare(first, other, "p0", "p1", 0, index, note, &differences, &err),
				 0);
		assert_string_equal(differences.text, texts[index]);
	}
}

static void near_is_1e_13(void **state)
{
	(void)state;
	static void (*const changes[])(struct sc_record * coords) = { move_reference_a_little_more, lengthen_names };
	for (size_t i = 0; i < SC_COUNT_OF(changes); i++) {
		sc_autorecord struct sc_record *first = make_coords(), *other = make_coords();
		struct differences differences = { .text = "" };
		struct sc_error err = { 0 };
		changes[i](other);
		assert_int_equal(sc_coordinates_compare(first, other, "p0", "p1", 2, 0, note, &differences, &err), 0);
		assert_int_equal(differences.count, 1);
		/* The other way round as well; a text never grows beyond its place. */
		assert_int_equal(sc_coordinates_compare(other, first, "p1", "p0", 2, 0, note, &differences, &err), 0);
		assert_int_equal(differences.count, 2);
		assert_true(strlen(differences.text) < 1000);
	}
}

static void the_callback_ends_the_comparison(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *first = make_coords(), *other = make_coords();
	struct differences differences = { .fail_with = -ENOMEM };
	struct sc_error err = { 0 };
	change_rest_frequency(other);
	move_reference(other);
	assert_int_equal(sc_coordinates_compare(first, other, "p0", "p1", 2, 0, note, &differences, &err), -ENOMEM);
	assert_int_equal(differences.count, 1);
}

/* ---- systems of another kind ---- */

static void drop_spectral(struct sc_record *coords)
{
	sc_record_remove(coords, "spectral2");
}

static void make_stokes_linear(struct sc_record *coords)
{
	struct sc_record *copy = sc_record_copy(sc_record_get_record(coords, "stokes1"));
	sc_record_remove(coords, "stokes1");
	assert_int_equal(sc_record_put_record(coords, "linear1", copy), 0);
}

static void swap_axes(struct sc_record *coords)
{
	put_map(coords, 0, 1, 0);
}

static void drop_map(struct sc_record *coords)
{
	sc_record_remove(coords, "pixelmap1");
}

static void other_systems_are_errors(void **state)
{
	(void)state;
	static const struct {
		void (*change)(struct sc_record *coords);
		const char *words;
	} cases[] = {
		{ drop_spectral, "p1 has 2 coordinates|p0 has 3" },
		{ make_stokes_linear, "coordinate 1|p1 is linear|p0 stokes" },
		{ swap_axes, "p1|direction axes|p0" },
		{ drop_map, "p1|stokes axes|p0" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autorecord struct sc_record *first = make_coords(), *other = make_coords();
		struct differences differences = { .text = "" };
		struct sc_error err = { 0 };
		cases[i].change(other);
		int rc = sc_coordinates_compare(first, other, "p0", "p1", 2, 0, note, &differences, &err);
		if (rc != -EUCLEAN || !has_words(err.text, cases[i].words))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(axes_are_found),
		cmocka_unit_test(differences_are_told),
		cmocka_unit_test(frequencies_off_the_axis_are_compared),
		cmocka_unit_test(the_axis_itself_is_left_out),
		cmocka_unit_test(near_is_1e_13),
		cmocka_unit_test(the_callback_ends_the_comparison),
		cmocka_unit_test(other_systems_are_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
