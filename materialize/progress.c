#include "progress.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bars.h"
#include "clock.h"
#include "events.h"
#include "ioutil.h"
#include "printable.h"

#define DRAW_SECONDS 0.15
#define PLAIN_SECONDS 10.0
#define JSON_SECONDS 0.5
#define SAMPLE_SECONDS 1.0
#define LINE_BYTES 512
#define LABEL_COLUMNS 40

static double now(void)
{
	return (double)sc_clock_ns(CLOCK_MONOTONIC) / 1e9;
}

static bool can_draw(void)
{
	const char *terminal = getenv("TERM");
	return isatty(STDERR_FILENO) == 1 && !(terminal && strcmp(terminal, "dumb") == 0);
}

void sc_progress_start(struct sc_progress *progress, enum sc_progress_when when, bool quiet, bool json)
{
	memset(progress, 0, sizeof(*progress));
	progress->has_lines = !quiet && !json;
	if (when == SC_PROGRESS_NEVER)
		progress->form = SC_PROGRESS_NONE;
	else if (json)
		progress->form = SC_PROGRESS_JSON;
	else if (when == SC_PROGRESS_ALWAYS)
		progress->form = SC_PROGRESS_BARS;
	else if (!quiet)
		progress->form = can_draw() ? SC_PROGRESS_BARS : SC_PROGRESS_PLAIN;
	progress->started = progress->told = now();
}

double sc_progress_seconds(const struct sc_progress *progress)
{
	return now() - progress->started;
}

static double sample_rate(struct sc_progress *progress, uint64_t done_bytes)
{
	double time = now();
	unsigned newest = (progress->nsamples - 1) % SC_PROGRESS_SAMPLES;
	if (progress->nsamples == 0 || time - progress->samples[newest].time >= SAMPLE_SECONDS) {
		unsigned at = progress->nsamples++ % SC_PROGRESS_SAMPLES;
		progress->samples[at].time = time;
		progress->samples[at].bytes = done_bytes;
	}
	unsigned oldest = progress->nsamples > SC_PROGRESS_SAMPLES ? progress->nsamples % SC_PROGRESS_SAMPLES : 0;
	double seconds = time - progress->samples[oldest].time;
	/* When an image fails, its bytes no longer count; comparing begins anew. */
	if (done_bytes < progress->samples[oldest].bytes)
		progress->nsamples = 0;
	if (seconds < SAMPLE_SECONDS / 2 || progress->nsamples == 0)
		return 0;
	return (double)(done_bytes - progress->samples[oldest].bytes) / seconds;
}

/* --- bars --- */

static struct winsize terminal_size(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0)
		size = (struct winsize){ 0 };
	if (size.ws_col == 0)
		size.ws_col = 80;
	if (size.ws_row == 0)
		size.ws_row = 24;
	return size;
}

/* Puts the cursor where the first line begins, and clears all from there on. */
static void erase(FILE *out, const struct sc_progress *progress, unsigned columns)
{
	unsigned rows = sc_bars_rows(progress->lengths, progress->nlines, columns);
	if (rows > 1)
		fprintf(out, "\033[%uA", rows - 1);
	fputs("\r\033[J", out);
}

static const char *label_of(const struct sc_progress_item *item)
{
	const char *slash = strrchr(item->path, '/');
	return slash ? slash + 1 : item->path;
}

static void add_line(FILE *out, struct sc_progress *progress, unsigned columns, const struct sc_bar *bar)
{
	char text[LINE_BYTES];
	/* Not into the last column: some terminals would wrap. */
	sc_bars_line(text, sizeof(text), columns > 1 ? columns - 1 : 1, bar);
	fprintf(out, "%s%s", progress->nlines ? "\n" : "", text);
	progress->lengths[progress->nlines++] = strlen(text);
}

/* The lines of those under way (`started`), or of those that wait, as far as there is room. */
static void add_items(FILE *out, struct sc_progress *progress, unsigned columns, unsigned most, unsigned label_columns,
		      bool started, const struct sc_progress_item *items, size_t nitems)
{
	for (size_t i = 0; i < nitems && progress->nlines < most; i++) {
		const struct sc_progress_item *item = &items[i];
		const struct sc_bar bar = { .label = label_of(item),
					    .label_columns = label_columns,
					    .done_bytes = item->done_bytes,
					    .total_bytes = item->total_bytes };
		if (!item->has_failed && !item->is_told && item->total_bytes > 0 && (item->done_bytes > 0) == started)
			add_line(out, progress, columns, &bar);
	}
}

static unsigned widest_label(const struct sc_progress_item *items, size_t nitems)
{
	size_t widest = strlen("comparing");
	for (size_t i = 0; i < nitems; i++) {
		size_t length = strlen(label_of(&items[i]));
		if (length > widest && !items[i].has_failed && !items[i].is_told)
			widest = length < LABEL_COLUMNS ? length : LABEL_COLUMNS;
	}
	return (unsigned)widest;
}

/* All in one write, so that it does not flicker. */
static void draw(struct sc_progress *progress, struct sc_bar *total, const struct sc_progress_item *items,
		 size_t nitems)
{
	const struct winsize size = terminal_size();
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	if (!out)
		return;
	erase(out, progress, size.ws_col);
	progress->nlines = 0;
	/* One row is the total's, one stays free: a block as high as the terminal would scroll. */
	unsigned most = size.ws_row > 2 ? size.ws_row - 2u : 0;
	if (most > SC_PROGRESS_LINES - 1)
		most = SC_PROGRESS_LINES - 1;
	total->label_columns = widest_label(items, nitems);
	add_items(out, progress, size.ws_col, most, total->label_columns, true, items, nitems);
	add_items(out, progress, size.ws_col, most, total->label_columns, false, items, nitems);
	add_line(out, progress, size.ws_col, total);
	if (fclose(out) == 0)
		sc_io_write_full(STDERR_FILENO, text, length);
	free(text);
}

/* --- all forms --- */

static void print_total(const char *phase, const struct sc_bar *total)
{
	char figures[LINE_BYTES];
	sc_bars_figures(figures, sizeof(figures), total);
	printf("%s: %s\n", phase, figures + strspn(figures, " "));
	fflush(stdout);
}

void sc_progress_update(struct sc_progress *progress, const char *phase, const struct sc_progress_item *items,
			size_t nitems)
{
	static const double seconds[] = { [SC_PROGRESS_PLAIN] = PLAIN_SECONDS,
					  [SC_PROGRESS_BARS] = DRAW_SECONDS,
					  [SC_PROGRESS_JSON] = JSON_SECONDS };
	struct sc_bar total = { .label = phase, .has_rate = true };
	double time = now();
	if (progress->form == SC_PROGRESS_NONE)
		return;
	for (size_t i = 0; i < nitems; i++) {
		total.done_bytes += items[i].has_failed ? 0 : items[i].done_bytes;
		total.total_bytes += items[i].has_failed ? 0 : items[i].total_bytes;
	}
	total.rate = sample_rate(progress, total.done_bytes);
	double last = progress->form == SC_PROGRESS_BARS ? progress->drawn : progress->told;
	if (time - last < seconds[progress->form])
		return;
	progress->drawn = progress->told = time;
	if (progress->form == SC_PROGRESS_BARS)
		draw(progress, &total, items, nitems);
	else if (progress->form == SC_PROGRESS_PLAIN)
		print_total(phase, &total);
	else
		sc_events_progress(phase, sc_progress_seconds(progress), total.rate, items, nitems);
}

void sc_progress_clear(struct sc_progress *progress)
{
	if (progress->nlines > 0) {
		erase(stderr, progress, terminal_size().ws_col);
		fflush(stderr);
	}
	progress->nlines = 0;
	progress->drawn = 0;
}

void sc_progress_line(struct sc_progress *progress, const char *format, ...)
{
	if (!progress->has_lines)
		return;
	sc_progress_clear(progress);
	va_list args;
	char text[2 * PATH_MAX], line[2 * PATH_MAX];
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sc_printable(line, sizeof(line), text);
	puts(line);
	fflush(stdout);
}
