/*
 * stopwatch.h - how long the calling thread has waited for something.
 *
 * A thread that waits for storage gives its processor up; one whose processor was
 * taken from it, or that copies memory, does not. On a busy machine the clock
 * alone cannot tell these apart. To be used by one thread, costs a microsecond.
 */
#ifndef SC_STOPWATCH_H
#define SC_STOPWATCH_H

#include "base.h"

struct sc_stopwatch {
	int64_t begun_ns; /* of CLOCK_MONOTONIC */
	long waits;       /* how often the thread had given up its processor by then */
};

struct sc_stopwatch sc_stopwatch_start(void);

/* Nanoseconds since the start, or 0 when the thread has not waited for anything since. */
int64_t sc_stopwatch_waited_ns(const struct sc_stopwatch *watch);

#endif
