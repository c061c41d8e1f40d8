#include "testdata.h"

#include <time.h>

#include "stopwatch.h"

#define PAUSE_NS 5000000

static void sleeping_is_waiting(void **state)
{
	(void)state;
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct sc_stopwatch watch = sc_stopwatch_start();
	nanosleep(&pause, NULL);
	assert_true(sc_stopwatch_waited_ns(&watch) >= PAUSE_NS);
}

/* However long it takes, and whoever else wants the processor. */
static void computing_is_not(void **state)
{
	(void)state;
	struct timespec now, end;
	struct sc_stopwatch watch = sc_stopwatch_start();
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += end.tv_nsec + 4 * PAUSE_NS >= 1000000000;
	end.tv_nsec = (end.tv_nsec + 4 * PAUSE_NS) % 1000000000;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	assert_int_equal(sc_stopwatch_waited_ns(&watch), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleeping_is_waiting),
		cmocka_unit_test(computing_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
