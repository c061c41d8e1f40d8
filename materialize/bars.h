/*
 * bars.h - pure: the lines that show progress.
 */
#ifndef SC_BARS_H
#define SC_BARS_H

#include "base.h"

struct sc_bar {
	const char *label;
	unsigned label_columns; /* at least: labels of several bars fill as many */
	uint64_t done_bytes, total_bytes;
	bool has_rate; /* show it */
	double rate;   /* bytes a second; 0: not yet known */
};

/* " 25%  1.00 GB of 4.00 GB  100 MB/s  0:30 left", or as much of it as is known. */
void sc_bars_figures(char *text, size_t size, const struct sc_bar *bar);

/*
 * One line of at most `columns` columns and `size` - 1 bytes, without a newline. In a narrow terminal the bar goes
 * first, then the end of the figures.
 */
void sc_bars_line(char *text, size_t size, unsigned columns, const struct sc_bar *bar);

/* In how many rows of a terminal lines of these lengths stand: longer ones, of before it was narrowed, are wrapped. */
unsigned sc_bars_rows(const size_t *lengths, unsigned nlines, unsigned columns);

#endif
