#include "words.h"

#include <math.h>

#include "worlds.h"

/* The linear coordinate of a part whose pixels begin at `first`; its axis is the only one. */
static struct sc_record *make_coords(double first, double step)
{
	const double crpix = 0;
	struct sc_record *coords = sc_record_new(), *linear = sc_record_new();
	assert_int_equal(sc_record_put_vector(linear, "crval", SC_TYPE_ARRAY_DOUBLE, &first, 1), 0);
	assert_int_equal(sc_record_put_vector(linear, "crpix", SC_TYPE_ARRAY_DOUBLE, &crpix, 1), 0);
	assert_int_equal(sc_record_put_vector(linear, "cdelt", SC_TYPE_ARRAY_DOUBLE, &step, 1), 0);
	assert_int_equal(sc_record_put_record(coords, "linear0", linear), 0);
	return coords;
}

static const struct sc_concataxis axis = { .kind = SC_AXIS_LINEAR };

static int add(struct sc_worlds *worlds, const char *name, double first, double step, int64_t npixels,
	       struct sc_error *err)
{
	double increment = NAN;
	sc_autorecord struct sc_record *coords = make_coords(first, step);
	*err = (struct sc_error){ 0 };
	int rc = sc_worlds_add(worlds, &axis, coords, name, npixels, &increment, err);
	if (rc == 0 && increment != step)
		fail_msg("%s: increment %g", name, increment);
	return rc;
}

static void parts_follow_each_other(void **state)
{
	(void)state;
	static const struct {
		double first;
		int64_t npixels;
	} parts[] = { { 10, 3 }, { 13, 1 }, { 20, 2 } };
	static const double values[] = { 10, 11, 12, 13, 20, 21 };
	struct sc_worlds worlds = { 0 };
	struct sc_error err;
	for (size_t i = 0; i < SC_COUNT_OF(parts); i++)
		assert_int_equal(add(&worlds, "p", parts[i].first, 1, parts[i].npixels, &err), 0);
	assert_int_equal(worlds.count, SC_COUNT_OF(values));
	assert_memory_equal(worlds.values, values, sizeof(values));
	for (size_t i = 0; i < SC_COUNT_OF(parts); i++) {
		double first, last;
		sc_worlds_of_part(&worlds, i, &first, &last);
		assert_true(first == parts[i].first && last == parts[i].first + (double)parts[i].npixels - 1);
	}
	assert_null(worlds.order_problem);
	sc_worlds_clear(&worlds);
	assert_true(worlds.count == 0 && !worlds.values && !worlds.last_name);
}

static void the_first_turn_is_told(void **state)
{
	(void)state;
	static const struct {
		double firsts[3];
		double step;
		const char *words; /* NULL: there is none */
	} cases[] = {
		{ { 0, 2, 4 }, 1, NULL },
		{ { 9, 7, 5 }, -1, NULL },
		{ { 0, 1, 9 }, 1, "p1: 1 is not above 1 at the end of p0, try it" },
		{ { 0, 2, 3 }, 1, "p2: 3 is not above 3 at the end of p1, try it" },
		{ { 9, 7, 8 }, -1, "p2: 8 is not below 6 at the end of p1, try it" },
		/* The first one counts. */
		{ { 5, 3, 1 }, 1, "p1: 3 is not above 6 at the end of p0, try it" },
		/* Within a part that does not go on at all. */
		{ { 5, 6, 7 }, 0, "p0: 5 is not below 5 before it in p0, try it" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_worlds worlds = { .hint = ", try it" };
		struct sc_error err;
		for (size_t k = 0; k < 3; k++) {
			const char *const names[] = { "p0", "p1", "p2" };
			assert_int_equal(add(&worlds, names[k], cases[i].firsts[k], cases[i].step, 2, &err), 0);
		}
		const char *told = worlds.order_problem;
		if (cases[i].words ? !told || strcmp(told, cases[i].words) != 0 : told != NULL)
			fail_msg("case %zu: \"%s\"", i, told ? told : "none");
		sc_worlds_clear(&worlds);
	}
}

/* What went wrong with a part leaves the others' values as they were. */
static void a_part_that_cannot_be_added_changes_nothing(void **state)
{
	(void)state;
	struct sc_worlds worlds = { 0 };
	struct sc_error err;
	double increment;
	assert_int_equal(add(&worlds, "p0", 0, 1, 2, &err), 0);
	sc_autorecord struct sc_record *coords = make_coords(2, 1);
	sc_record_remove(sc_record_edit_record(coords, "linear0"), "cdelt");
	assert_int_equal(sc_worlds_add(&worlds, &axis, coords, "p1", 2, &increment, &err), -EUCLEAN);
	assert_true(has_words(err.text, "p1|cdelt"));
	static const int64_t too_many[] = { 1 << 20, (1 << 20) - 1, INT64_MAX };
	for (size_t i = 0; i < SC_COUNT_OF(too_many); i++) {
		assert_int_equal(add(&worlds, "p2", 2, 1, too_many[i], &err), -EFBIG);
		assert_true(has_words(err.text, "p2|more than 1048576 channels"));
	}
	assert_int_equal(worlds.count, 2);
	assert_int_equal(worlds.nparts, 1);
	assert_int_equal(add(&worlds, "p3", 2, 1, 1, &err), 0);
	assert_true(worlds.count == 3 && worlds.values[2] == 2 && !worlds.order_problem);
	sc_worlds_clear(&worlds);
}

static void gaps_are_put_in_their_places(void **state)
{
	(void)state;
	static const struct {
		struct sc_gap gaps[3];
		size_t ngaps;
		double values[12];
		size_t count;
	} cases[] = {
		{ { { 0 } }, 0, { 10, 11, 20, 21 }, 4 },
		{ { { .before = 1, .nchan = 0 } }, 1, { 10, 11, 20, 21 }, 4 },
		{ { { .before = 1, .nchan = 2, .first_hz = 12, .increment_hz = 4 } }, 1, { 10, 11, 12, 16, 20, 21 }, 6 },
		{ { { .before = 0, .nchan = 1, .first_hz = 9, .increment_hz = 1 },
		    { .before = 1, .nchan = 1, .first_hz = 15, .increment_hz = 5 },
		    { .before = 2, .nchan = 2, .first_hz = 22, .increment_hz = 1 } },
		  3,
		  { 9, 10, 11, 15, 20, 21, 22, 23 },
		  8 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_worlds worlds = { 0 };
		struct sc_error err;
		assert_int_equal(add(&worlds, "p0", 10, 1, 2, &err), 0);
		assert_int_equal(add(&worlds, "p1", 20, 1, 2, &err), 0);
		assert_int_equal(sc_worlds_insert_gaps(&worlds, cases[i].gaps, cases[i].ngaps, &err), 0);
		assert_int_equal(worlds.count, cases[i].count);
		assert_memory_equal(worlds.values, cases[i].values, cases[i].count * sizeof(double));
		sc_worlds_clear(&worlds);
	}
}

static void gaps_of_too_many_channels_are_refused(void **state)
{
	(void)state;
	static const struct sc_gap wide = { .before = 1, .nchan = 1 << 20, .first_hz = 2, .increment_hz = 1 };
	struct sc_worlds worlds = { 0 };
	struct sc_error err;
	assert_int_equal(add(&worlds, "p0", 0, 1, 2, &err), 0);
	assert_int_equal(sc_worlds_insert_gaps(&worlds, &wide, 1, &err), -EFBIG);
	assert_true(has_words(err.text, "1048576 channels that are missing|--nparts"));
	assert_int_equal(worlds.count, 2);
	sc_worlds_clear(&worlds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_follow_each_other),
		cmocka_unit_test(the_first_turn_is_told),
		cmocka_unit_test(a_part_that_cannot_be_added_changes_nothing),
		cmocka_unit_test(gaps_are_put_in_their_places),
		cmocka_unit_test(gaps_of_too_many_channels_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
