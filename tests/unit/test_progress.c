#include "testdata.h"

#include "progress.h"

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
		cmocka_unit_test(bars_fit_every_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
