#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "quantity.h"

#define DRAW_SECONDS 0.15
#define PLAIN_SECONDS 10.0
#define SAMPLE_SECONDS 1.0
#define BAR_LEAST_COLUMNS 10
#define CLEAR_LINE "\r\033[K"

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void sc_progress_start(struct sc_progress *progress, bool quiet)
{
	memset(progress, 0, sizeof(*progress));
	progress->quiet = quiet;
	progress->is_terminal = isatty(STDERR_FILENO) == 1;
	progress->started = progress->told = now();
}

double sc_progress_seconds(const struct sc_progress *progress)
{
	return now() - progress->started;
}

void sc_progress_bar(char *text, size_t size, unsigned columns, const char *label, uint64_t done_bytes,
		     uint64_t total_bytes, double rate)
{
	char done_text[16], total_text[16], rate_text[16], left_text[16], right[96];
	double fraction = total_bytes ? (double)done_bytes / (double)total_bytes : 1;
	sc_quantity_bytes(done_text, (double)done_bytes);
	sc_quantity_bytes(total_text, (double)total_bytes);
	int used = snprintf(right, sizeof(right), " %3d%%  %s of %s", (int)(100 * fraction), done_text, total_text);
	if (total_bytes && done_bytes >= total_bytes)
		snprintf(right, sizeof(right), " 100%%  %s, syncing", total_text);
	else if (rate > 0)
		snprintf(right + used, sizeof(right) - (size_t)used, "  %s/s  %s left",
			 sc_quantity_bytes(rate_text, rate),
			 sc_quantity_time(left_text, (double)(total_bytes - done_bytes) / rate));
	size_t room = columns < size ? columns : size - 1;
	size_t label_length = strlen(label), right_length = strlen(right);
	/* In a narrow terminal the label goes first, then the bar, then the end of the figures. */
	if (label_length + 1 + BAR_LEAST_COLUMNS + right_length > room)
		label_length = 0;
	size_t fixed = (label_length ? label_length + 1 : 0) + right_length;
	if (fixed + BAR_LEAST_COLUMNS > room) {
		snprintf(text, room + 1, "%s", right + 1);
		return;
	}
	size_t inside = room - fixed - 2, full = (size_t)(fraction * (double)inside);
	char *to = text;
	if (label_length)
		to += sprintf(to, "%s ", label);
	*to++ = '[';
	memset(to, '#', full);
	memset(to + full, '.', inside - full);
	to += inside;
	sprintf(to, "]%s", right);
}

static unsigned terminal_columns(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
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
	/* When an image fails, its bytes no longer count. */
	if (seconds < SAMPLE_SECONDS / 2 || done_bytes < progress->samples[oldest].bytes)
		return 0;
	return (double)(done_bytes - progress->samples[oldest].bytes) / seconds;
}

void sc_progress_update(struct sc_progress *progress, const char *label, uint64_t done_bytes, uint64_t total_bytes)
{
	double time = now();
	if (progress->quiet)
		return;
	double rate = sample_rate(progress, done_bytes);
	if (progress->is_terminal) {
		char text[512];
		unsigned columns = terminal_columns();
		if (time - progress->drawn < DRAW_SECONDS)
			return;
		/* Not into the last column: some terminals would wrap. */
		sc_progress_bar(text, sizeof(text), columns > 1 ? columns - 1 : 1, label, done_bytes, total_bytes,
				rate);
		fprintf(stderr, "%s%s", CLEAR_LINE, text);
		fflush(stderr);
		progress->drawn = time;
		progress->is_drawn = true;
	} else if (time - progress->told >= PLAIN_SECONDS) {
		char done_text[16], total_text[16], rate_text[16], left_text[16];
		printf("%s: %s of %s (%d%%), %s/s, %s left\n", label, sc_quantity_bytes(done_text, (double)done_bytes),
		       sc_quantity_bytes(total_text, (double)total_bytes),
		       total_bytes ? (int)(100.0 * (double)done_bytes / (double)total_bytes) : 100,
		       sc_quantity_bytes(rate_text, rate),
		       sc_quantity_time(left_text, (double)(total_bytes - done_bytes) / rate));
		fflush(stdout);
		progress->told = time;
	}
}

void sc_progress_clear(struct sc_progress *progress)
{
	if (progress->is_drawn) {
		fputs(CLEAR_LINE, stderr);
		fflush(stderr);
	}
	progress->is_drawn = false;
	progress->drawn = 0;
}

void sc_progress_line(struct sc_progress *progress, const char *format, ...)
{
	if (progress->quiet)
		return;
	sc_progress_clear(progress);
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}
