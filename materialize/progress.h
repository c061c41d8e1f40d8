/*
 * progress.h - what the user sees while images are made.
 *
 * On a terminal (standard error): a bar with bytes, rate and time left, drawn
 * over itself. Else, on standard output: a line for the total now and then.
 * One line for each image that is ready, on standard output, in both cases.
 * When quiet: nothing.
 */
#ifndef SC_PROGRESS_H
#define SC_PROGRESS_H

#include "base.h"

/* The rate is that of the last seconds: this many samples, a second apart. */
#define SC_PROGRESS_SAMPLES 16

struct sc_progress {
	bool quiet, is_terminal, is_drawn;
	double started, drawn, told; /* seconds of the monotonic clock */
	unsigned nsamples;
	struct {
		double time;
		uint64_t bytes;
	} samples[SC_PROGRESS_SAMPLES]; /* a ring */
};

void sc_progress_start(struct sc_progress *progress, bool quiet);

/* `label` names what is worked on. Draws when it is time to. */
void sc_progress_update(struct sc_progress *progress, const char *label, uint64_t done_bytes, uint64_t total_bytes);

/* A line of its own; the bar makes way for it. */
void sc_progress_line(struct sc_progress *progress, const char *format, ...) sc_printf_format(2, 3);

/* Removes the bar, before something else is written to the terminal. */
void sc_progress_clear(struct sc_progress *progress);

double sc_progress_seconds(const struct sc_progress *progress);

/* One line of at most `columns` columns, without a newline. `rate` 0: not yet known. */
void sc_progress_bar(char *text, size_t size, unsigned columns, const char *label, uint64_t done_bytes,
		     uint64_t total_bytes, double rate);

#endif
