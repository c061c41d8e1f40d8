/*
 * progress.h - what the user sees while images are made: one of
 *
 *   bars    on standard error, a terminal: a line for each image and one for the total, with rate and time left, drawn
 *           over themselves; they follow the terminal's size
 *   plain   on standard output: a line for the total now and then
 *   json    on standard output: events.h
 *   none
 *
 * One line for each image that is ready, on standard output, unless quiet or json.
 */
#ifndef SC_PROGRESS_H
#define SC_PROGRESS_H

#include "base.h"

enum sc_progress_when { SC_PROGRESS_AUTO, SC_PROGRESS_ALWAYS, SC_PROGRESS_NEVER };

enum sc_progress_form { SC_PROGRESS_NONE, SC_PROGRESS_PLAIN, SC_PROGRESS_BARS, SC_PROGRESS_JSON };

/* The rate is that of the last seconds: this many samples, a second apart. */
#define SC_PROGRESS_SAMPLES 16

/* More lines are never drawn. */
#define SC_PROGRESS_LINES 64

/* An image. */
struct sc_progress_item {
	const char *path; /* of which the last component is shown */
	uint64_t done_bytes, total_bytes;
	bool has_failed; /* does not count */
	bool is_told;    /* a line of its own told how it ended: it only counts */
};

struct sc_progress {
	enum sc_progress_form form;
	bool has_lines;              /* sc_progress_line does something */
	double started, drawn, told; /* seconds of the monotonic clock */
	unsigned nlines;             /* that are drawn, and how long they are: */
	size_t lengths[SC_PROGRESS_LINES];
	unsigned nsamples;
	struct {
		double time;
		uint64_t bytes;
	} samples[SC_PROGRESS_SAMPLES]; /* a ring */
};

/* AUTO: bars on a terminal, else plain lines. ALWAYS: bars. */
void sc_progress_start(struct sc_progress *progress, enum sc_progress_when when, bool quiet, bool json);

/* `phase` names what is done: "copying". Draws, or writes, when it is time to. */
void sc_progress_update(struct sc_progress *progress, const char *phase, const struct sc_progress_item *items,
			size_t nitems);

/* A line of its own; the bars make way for it. */
void sc_progress_line(struct sc_progress *progress, const char *format, ...) sc_printf_format(2, 3);

/* Removes the bars, before something else is written to the terminal. */
void sc_progress_clear(struct sc_progress *progress);

double sc_progress_seconds(const struct sc_progress *progress);

#endif
