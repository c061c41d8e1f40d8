#include "stopwatch.h"

#include <sys/resource.h>

#include "clock.h"

static long count_waits(void)
{
	struct rusage usage = { 0 };
	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

struct sc_stopwatch sc_stopwatch_start(void)
{
	return (struct sc_stopwatch){ .waits = count_waits(), .begun_ns = sc_clock_ns(CLOCK_MONOTONIC) };
}

int64_t sc_stopwatch_waited_ns(const struct sc_stopwatch *watch)
{
	int64_t took_ns = sc_clock_ns(CLOCK_MONOTONIC) - watch->begun_ns;
	return count_waits() == watch->waits ? 0 : took_ns;
}
