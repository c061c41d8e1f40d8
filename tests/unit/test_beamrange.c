#include "testdata.h"

#include <math.h>

#include "beamrange.h"

/* A beam of two axes; the caller gives it to a record. */
static struct sc_record *beam(double major, double minor, const char *unit)
{
	static const char *const names[] = { "major", "minor" };
	const double values[] = { major, minor };
	struct sc_record *record = sc_record_new();
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		struct sc_record *quantity = sc_record_new();
		assert_int_equal(sc_record_put_double(quantity, "value", values[i]), 0);
		assert_int_equal(sc_record_put_string(quantity, "unit", unit), 0);
		assert_int_equal(sc_record_put_record(record, names[i], quantity), 0);
	}
	return record;
}

static void no_beam_has_no_range(void **state)
{
	(void)state;
	struct sc_beamrange range = { .nbeams = 1 };
	sc_autorecord struct sc_record *empty = sc_record_new();
	sc_beamrange_find(NULL, &range);
	assert_int_equal(range.nbeams, 0);
	sc_beamrange_find(empty, &range);
	assert_int_equal(range.nbeams + range.nflagged, 0);
}

static void one_beam_is_both_ends(void **state)
{
	(void)state;
	struct sc_beamrange range;
	sc_autorecord struct sc_record *info = sc_record_new();
	sc_record_put_record(info, "restoringbeam", beam(0.5, 0.25, "arcmin"));
	sc_beamrange_find(info, &range);
	assert_int_equal(range.nbeams, 1);
	assert_true(range.major[0] == 30 && range.major[1] == 30 && range.minor[0] == 15 && range.minor[1] == 15);
}

/* A flagged channel, a broken beam and an unknown unit are no ends of the range; counts are no beams. */
static void only_true_beams_count(void **state)
{
	(void)state;
	struct sc_beamrange range;
	sc_autorecord struct sc_record *info = sc_record_new();
	struct sc_record *planes = sc_record_new();
	sc_record_put_int(planes, "nChannels", 5);
	sc_record_put_int(planes, "nStokes", 1);
	sc_record_put_record(planes, "*0", beam(3, 2, "arcsec"));
	sc_record_put_record(planes, "*1", beam(1e-6, 1e-6, "arcsec"));
	sc_record_put_record(planes, "*2", beam(NAN, 2, "arcsec"));
	sc_record_put_record(planes, "*3", beam(1, 1, "furlong"));
	sc_record_put_record(planes, "*4", beam(2.0 / 3600, 1.0 / 3600, "deg"));
	sc_record_put_record(info, "perplanebeams", planes);
	sc_beamrange_find(info, &range);
	assert_int_equal(range.nbeams, 2);
	assert_int_equal(range.nflagged, 1);
	assert_true(fabs(range.major[0] - 2) < 1e-9 && range.major[1] == 3);
	assert_true(fabs(range.minor[0] - 1) < 1e-9 && range.minor[1] == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_beam_has_no_range),
		cmocka_unit_test(one_beam_is_both_ends),
		cmocka_unit_test(only_true_beams_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
