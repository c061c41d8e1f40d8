#include "words.h"

#include <math.h>

#include "gaps.h"

/* A family of parts in short; frequencies in channels of 1 MHz, channel 0 of the complete cube at 1 GHz. */
struct short_part {
	uint64_t number;
	int64_t nchan;
	double first; /* channel of the complete cube */
};

#define HZ(channel) (1e9 + (channel)*step)

static int find(const struct short_part *parts, size_t most, uint64_t first_number, uint64_t last_number, double step,
		double increment, int64_t total, struct sc_gap **gaps, size_t *ngaps, struct sc_error *err)
{
	struct sc_gap_part list[8];
	char names[8][16];
	struct sc_gap_request request = { .parts = list,
					  .first_number = first_number,
					  .last_number = last_number,
					  .increment_hz = increment,
					  .total_nchan = total };
	for (size_t i = 0; i < most && parts[i].nchan; i++) {
		snprintf(names[i], sizeof(names[i]), "part.%llu", (unsigned long long)parts[i].number);
		list[i] = (struct sc_gap_part){ names[i], parts[i].number, parts[i].nchan, HZ(parts[i].first),
						HZ(parts[i].first + (double)parts[i].nchan - 1) };
		request.nparts++;
	}
	*err = (struct sc_error){ 0 };
	*gaps = NULL;
	*ngaps = 99;
	return sc_gaps_find(&request, gaps, ngaps, err);
}

/* "before:first-last:nchan@channel" for each gap. */
static void describe(const struct sc_gap *gaps, size_t ngaps, double step, char *text, size_t size)
{
	text[0] = 0;
	for (size_t i = 0; i < ngaps; i++) {
		size_t used = strlen(text);
		double channel = (gaps[i].first_hz - 1e9) / step;
		if (gaps[i].nchan > 0 && fabs(gaps[i].increment_hz - step) > 0.02 * fabs(step))
			fail_msg("gap %zu has channels of %g Hz", i, gaps[i].increment_hz);
		snprintf(text + used, size - used, "%s%zu:%llu-%llu:%lld@%.6g", i ? " " : "", gaps[i].before,
			 (unsigned long long)gaps[i].first_number, (unsigned long long)gaps[i].last_number,
			 (long long)gaps[i].nchan, gaps[i].nchan ? round(channel * 1e4) / 1e4 + 0.0 : 0);
	}
}

static const struct {
	struct short_part parts[6];
	uint64_t first_number, last_number;
	int64_t total;
	const char *gaps;
} found_cases[] = {
	{ { { 0, 2, 0 }, { 1, 2, 2 } }, 0, 1, 0, "" },
	{ { { 0, 2, 0 }, { 1, 2, 2 } }, 0, 1, 4, "" },
	/* In the middle: one, several in a row, two gaps; equal and unequal lengths. */
	{ { { 0, 2, 0 }, { 2, 2, 4 } }, 0, 2, 0, "1:1-1:2@2" },
	{ { { 0, 2, 0 }, { 4, 2, 8 } }, 0, 4, 0, "1:1-3:6@2" },
	{ { { 0, 7, 0 }, { 2, 2, 10 } }, 0, 2, 0, "1:1-1:3@7" },
	{ { { 0, 1, 0 }, { 2, 1, 2 }, { 5, 1, 5 } }, 0, 5, 0, "1:1-1:1@1 2:3-4:2@3" },
	{ { { 0, 7, 0 }, { 2, 2, 10 } }, 0, 2, 12, "1:1-1:3@7" },
	/* At the ends all parts have equally many. */
	{ { { 1, 2, 2 }, { 2, 2, 4 } }, 0, 2, 0, "0:0-0:2@0" },
	{ { { 0, 2, 0 }, { 1, 2, 2 } }, 0, 3, 0, "2:2-3:4@4" },
	{ { { 2, 3, 6 }, { 3, 3, 9 } }, 0, 5, 18, "0:0-1:6@0 2:4-5:6@12" },
	{ { { 1, 1, 1 } }, 0, 2, 0, "0:0-0:1@0 1:2-2:1@2" },
	/* At one end the total tells. */
	{ { { 0, 2, 0 }, { 1, 3, 2 } }, 0, 2, 9, "2:2-2:4@5" },
	{ { { 1, 2, 4 }, { 2, 3, 6 } }, 0, 2, 9, "0:0-0:4@0" },
	{ { { 0, 2, 0 }, { 2, 3, 4 } }, 0, 3, 9, "1:1-1:2@2 2:3-3:2@7" },
	/* Equal ones but for the last, which is not there yet. */
	{ { { 0, 7, 0 }, { 1, 7, 7 }, { 2, 7, 14 } }, 0, 3, 24, "3:3-3:3@21" },
	{ { { 0, 7, 0 } }, 0, 3, 24, "1:1-3:17@7" },
	/* As even a division as can be: the first ones have one channel more. */
	{ { { 0, 2, 0 } }, 0, 4, 6, "1:1-4:4@2" },
	{ { { 0, 2, 0 }, { 1, 2, 2 } }, 0, 7, 12, "2:2-7:8@4" },
	{ { { 0, 2, 0 }, { 2, 2, 4 } }, 0, 7, 13, "1:1-1:2@2 2:3-7:7@6" },
	{ { { 2, 1, 4 }, { 3, 1, 5 } }, 0, 3, 6, "0:0-1:4@0" },
	{ { { 3, 7, 23 } }, 0, 3, 30, "0:0-2:23@0" },
	/* CASA's numbers begin at 1. */
	{ { { 1, 2, 0 }, { 2, 2, 2 } }, 1, 2, 0, "" },
	{ { { 2, 2, 2 }, { 3, 2, 4 } }, 1, 3, 0, "0:1-1:2@0" },
	/* Part 1 had no channels, or its number was never used. */
	{ { { 0, 2, 0 }, { 2, 2, 2 } }, 0, 2, 0, "1:1-1:0@0" },
	/* Fractions of a channel within the tolerance. */
	{ { { 0, 2, 0 }, { 2, 2, 4.04 } }, 0, 2, 0, "1:1-1:2@2.0133" },
	{ { { 0, 2, 0 }, { 2, 2, 3.96 } }, 0, 2, 0, "1:1-1:2@1.9867" },
};

static void gaps_are_measured(void **state)
{
	(void)state;
	static const double steps[] = { 1e6, -1e6, 30517.578125, -1 };
	for (size_t i = 0; i < SC_COUNT_OF(found_cases) * SC_COUNT_OF(steps); i++) {
		size_t at = i / SC_COUNT_OF(steps), ngaps;
		double step = steps[i % SC_COUNT_OF(steps)];
		struct sc_gap *gaps;
		struct sc_error err;
		char text[200];
		if (find(found_cases[at].parts, 6, found_cases[at].first_number, found_cases[at].last_number, step,
			 step, found_cases[at].total, &gaps, &ngaps, &err) < 0)
			fail_msg("case %zu, step %g: %s", at, step, err.text);
		describe(gaps, ngaps, step, text, sizeof(text));
		if (strcmp(text, found_cases[at].gaps) != 0)
			fail_msg("case %zu, step %g: \"%s\"", at, step, text);
		free(gaps);
	}
}

static void what_cannot_be_told_is_an_error(void **state)
{
	(void)state;
	static const struct {
		struct short_part parts[6];
		uint64_t first_number, last_number;
		int64_t total;
		double increment; /* in channels; 0: none */
		const char *words;
	} cases[] = {
		/* No whole number of channels; fewer channels than parts; an overlap. */
		{ { { 0, 2, 0 }, { 2, 2, 4.5 } }, 0, 2, 0, 1, "part.0|part.2|1 part is missing|2.5 channels" },
		{ { { 0, 2, 0 }, { 3, 2, 3 } }, 0, 3, 0, 1, "part.0|part.3|2 parts are|1 channels" },
		{ { { 0, 2, 0 }, { 2, 2, 1 } }, 0, 2, 0, 1, "part.0|part.2|-1 channels" },
		{ { { 0, 2, 0 }, { 2, 2, 0 } }, 0, 2, 0, 1, "part.0|part.2|-2 channels" },
		{ { { 0, 2, 4 }, { 2, 2, 0 } }, 0, 2, 0, 1, "part.0|part.2|-6 channels" },
		{ { { 0, 2, 0 }, { 2, 2, 1e10 } }, 0, 2, 0, 1, "part.0|part.2|1e+10" },
		/* Ends. */
		{ { { 0, 2, 0 }, { 1, 3, 2 } }, 0, 2, 0, 1, "missing last part had|--nchan TOTAL" },
		{ { { 0, 2, 0 }, { 1, 3, 2 } }, 0, 4, 0, 1, "missing last parts had|--nchan" },
		{ { { 1, 2, 4 }, { 2, 3, 6 } }, 0, 2, 0, 1, "missing first part had|--nchan" },
		{ { { 1, 2, 2 }, { 2, 3, 4 } }, 0, 3, 20, 1, "missing first part had" },
		{ { { 0, 2, 0 }, { 1, 3, 2 } }, 0, 2, 5, 1, "missing last part" },
		{ { { 0, 2, 0 }, { 1, 3, 2 } }, 0, 3, 6, 1, "missing last parts" },
		/* A total that does not fit. */
		{ { { 0, 2, 0 }, { 1, 2, 2 } }, 0, 2, 7, 1, "make 6 channels, expected 7" },
		{ { { 0, 2, 0 }, { 2, 2, 4 } }, 0, 2, 4, 1, "make 6 channels, expected 4" },
		{ { { 0, 2, 0 }, { 1, 3, 2 } }, 0, 1, 9, 1, "make 5 channels, expected 9" },
		{ { { 0, 3, 0 } }, 0, 2, 6, 1, "make 9 channels, expected 6" },
		{ { { 1, 2, 4 } }, 0, 1, 6, 1, "make 4 channels, expected 6" },
		/* No spacing. */
		{ { { 0, 1, 0 }, { 2, 1, 2 } }, 0, 2, 0, 0, "spacing|part.0" },
		{ { { 0, 1, 0 }, { 2, 1, 2 } }, 0, 2, 0, NAN, "spacing|part.0" },
		{ { { 0, 1, 0 } }, 0, UINT64_C(999999999999), 0, 1, "missing last parts" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_gap *gaps;
		size_t ngaps;
		struct sc_error err;
		int rc = find(cases[i].parts, 6, cases[i].first_number, cases[i].last_number, 1e6,
			      1e6 * cases[i].increment, cases[i].total, &gaps, &ngaps, &err);
		if (rc != -EUCLEAN || !has_words(err.text, cases[i].words) || gaps || ngaps != 99)
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
	}
}

/*
 * Widths of 30517.578125 Hz are written as 30517.6: over a gap of 10,000
 * channels that is 7 channels off, and the neighbours' own spacing is not.
 */
static void a_rounded_increment_does_not_count_wrong(void **state)
{
	(void)state;
	static const struct {
		struct short_part parts[6];
		uint64_t last_number;
		const char *gaps;
	} cases[] = {
		{ { { 0, 1, 0 }, { 1, 1, 1 }, { 2, 1, 2 }, { 10003, 1, 10003 } }, 10003, "3:3-10002:10000@3" },
		{ { { 0, 10, 0 }, { 1, 10, 10 }, { 1001, 10, 10010 } }, 1001, "2:2-1000:9990@20" },
	};
	const double step = 30517.578125;
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_gap *gaps;
		size_t ngaps;
		struct sc_error err;
		char text[200];
		if (find(cases[i].parts, 6, 0, cases[i].last_number, step, 30517.6, 0, &gaps, &ngaps, &err) < 0)
			fail_msg("case %zu: %s", i, err.text);
		describe(gaps, ngaps, step, text, sizeof(text));
		assert_string_equal(text, cases[i].gaps);
		free(gaps);
	}
}

/* Two one-channel parts with a gap between them have nothing but the rounded increment; the gap still fits its ends. */
static void a_gap_joins_its_neighbours(void **state)
{
	(void)state;
	static const struct short_part parts[] = { { 0, 1, 0 }, { 1001, 1, 1001 }, { 0, 0, 0 } };
	const double step = 30517.578125;
	struct sc_gap *gaps;
	size_t ngaps;
	struct sc_error err;
	if (find(parts, 3, 0, 1001, step, 30517.6, 0, &gaps, &ngaps, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(ngaps, 1);
	assert_int_equal(gaps[0].nchan, 1000);
	double last = gaps[0].first_hz + 999 * gaps[0].increment_hz;
	assert_true(fabs(last + gaps[0].increment_hz - HZ(1001)) < 0.1);
	free(gaps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gaps_are_measured),
		cmocka_unit_test(what_cannot_be_told_is_an_error),
		cmocka_unit_test(a_rounded_increment_does_not_count_wrong),
		cmocka_unit_test(a_gap_joins_its_neighbours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
