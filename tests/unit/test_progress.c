#include "testdata.h"

#include "progress.h"

static void bytes_have_three_figures(void **state)
{
	(void)state;
	static const struct {
		double bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },          { 999, "999 B" },      { 1000, "1.00 kB" },  { 9994, "9.99 kB" },
		{ 9996, "10.0 kB" },   { 123456, "123 kB" },  { 999499, "999 kB" }, { 999501, "1.00 MB" },
		{ 1.5e12, "1.50 TB" }, { 9.2e18, "9.20 EB" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		char text[16];
		assert_string_equal(sc_progress_bytes(text, cases[i].bytes), cases[i].text);
	}
}

static void times_are_rounded_up(void **state)
{
	(void)state;
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{ 0, "0:00" },     { 0.1, "0:01" },     { 59.5, "1:00" },
		{ 3599, "59:59" }, { 3600, "1:00:00" }, { 1e300, "long" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		char text[16];
		assert_string_equal(sc_progress_time(text, cases[i].seconds), cases[i].text);
	}
}

static void bars_fit_every_width(void **state)
{
	(void)state;
	char text[256];
	for (unsigned columns = 1; columns < 250; columns++) {
		for (uint64_t done = 0; done <= 4000000000; done += 500000000) {
			memset(text, 'x', sizeof(text));
			sc_progress_bar(text, sizeof(text), columns, "run/cube", done, 4000000000, 1e6);
			assert_non_null(memchr(text, 0, sizeof(text)));
			assert_true(strlen(text) <= columns);
		}
	}
	sc_progress_bar(text, sizeof(text), 79, "run/cube", 1000000000, 4000000000, 1e8);
	assert_string_equal(text, "run/cube [#####.................]  25%  1.00 GB of 4.00 GB  100 MB/s  0:30 left");
	assert_int_equal(strlen(text), 79);
	sc_progress_bar(text, sizeof(text), 60, "run/cube", 0, 0, 0);
	assert_non_null(strstr(text, "100%"));
	/* A line longer than the buffer is cut. */
	sc_progress_bar(text, 40, 200, "run/cube", 1, 2, 3);
	assert_true(strlen(text) < 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_three_figures),
		cmocka_unit_test(times_are_rounded_up),
		cmocka_unit_test(bars_fit_every_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
