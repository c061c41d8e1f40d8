/* clock.h - what a clock shows, as a number. */
#ifndef SC_CLOCK_H
#define SC_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds; CLOCK_REALTIME: since 1970, as files' times are; CLOCK_MONOTONIC: for how long something takes. */
static inline int64_t sc_clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
