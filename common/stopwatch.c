#include "stopwatch.h"

#include <sys/resource.h>
#include <time.h>

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static long count_waits(void)
{
	struct rusage usage = { 0 };
	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

struct sc_stopwatch sc_stopwatch_start(void)
{
	return (struct sc_stopwatch){ .waits = count_waits(), .begun_ns = now_ns() };
}

int64_t sc_stopwatch_waited_ns(const struct sc_stopwatch *watch)
{
	int64_t took_ns = now_ns() - watch->begun_ns;
	return count_waits() == watch->waits ? 0 : took_ns;
}
