#include "bars.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "printable.h"
#include "quantity.h"

#define BAR_LEAST_COLUMNS 10

void sc_bars_figures(char *text, size_t size, const struct sc_bar *bar)
{
	char done[16], total[16], rate[16], left[16];
	double fraction = bar->total_bytes ? (double)bar->done_bytes / (double)bar->total_bytes : 1;
	sc_quantity_bytes(done, (double)bar->done_bytes);
	sc_quantity_bytes(total, (double)bar->total_bytes);
	if (bar->total_bytes && bar->done_bytes >= bar->total_bytes) {
		snprintf(text, size, "100%%  %s, syncing", total);
		return;
	}
	int used = snprintf(text, size, "%3d%%  %s of %s", (int)(100 * fraction), done, total);
	if (bar->has_rate && bar->rate > 0)
		snprintf(text + used, size - (size_t)used, "  %s/s  %s left", sc_quantity_bytes(rate, bar->rate),
			 sc_quantity_time(left, (double)(bar->total_bytes - bar->done_bytes) / bar->rate));
}

void sc_bars_line(char *text, size_t size, unsigned columns, const struct sc_bar *bar)
{
	char right[96], label[4 * NAME_MAX + 1];
	size_t room = columns < size ? columns : size - 1;
	sc_bars_figures(right, sizeof(right), bar);
	sc_printable(label, sizeof(label), bar->label);
	int used = snprintf(text, room + 1, "%-*s ", (int)bar->label_columns, label);
	size_t fixed = (size_t)used + 2 + 1 + strlen(right);
	if (fixed + BAR_LEAST_COLUMNS <= room) {
		double fraction = bar->total_bytes ? (double)bar->done_bytes / (double)bar->total_bytes : 1;
		size_t inside = room - fixed, full = (size_t)((fraction < 1 ? fraction : 1) * (double)inside);
		char *to = text + used;
		*to++ = '[';
		memset(to, '#', full);
		memset(to + full, '.', inside - full);
		sprintf(to + inside, "] %s", right);
	} else if ((size_t)used < room) {
		snprintf(text + used, room + 1 - (size_t)used, "%s", right);
	}
}

unsigned sc_bars_rows(const size_t *lengths, unsigned nlines, unsigned columns)
{
	unsigned rows = 0;
	for (unsigned i = 0; i < nlines; i++)
		rows += lengths[i] > columns ? (unsigned)((lengths[i] - 1) / columns) + 1 : 1;
	return rows;
}
