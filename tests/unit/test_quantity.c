#include "testdata.h"

#include "quantity.h"

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
		assert_string_equal(sc_quantity_bytes(text, cases[i].bytes), cases[i].text);
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
		assert_string_equal(sc_quantity_time(text, cases[i].seconds), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_three_figures),
		cmocka_unit_test(times_are_rounded_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
