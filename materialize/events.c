#include "events.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "jsontext.h"

/* Writes and frees it. Without memory there is no line: programs live by the exit status. */
static void write_line(json_t *event)
{
	if (event && json_dumpf(event, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15)) == 0)
		putchar('\n');
	fflush(stdout);
	json_decref(event);
}

static const char *status_of(const struct sc_image *image)
{
	return image->is_made ? "done" : "failed";
}

/* An image that is not made at the end of a run that was stopped has no error of its own. */
static json_t *problem_of(const struct sc_image *image)
{
	if (image->is_made)
		return json_null();
	return sc_jsontext(image->error.code ? sc_image_reason(image) : "not finished");
}

static json_t *image_object(const struct sc_image *image)
{
	return json_pack("{s:o, s:o, s:s, s:I, s:o}", "path", sc_jsontext(image->path), "extension",
			 sc_jsontext(image->ext), "status", status_of(image), "bytes",
			 (json_int_t)(image->is_made ? image->array_bytes : 0), "problem", problem_of(image));
}

void sc_events_start(const struct sc_image *images, size_t nimages)
{
	json_t *list = json_array();
	uint64_t bytes = 0;
	for (size_t i = 0; list && i < nimages; i++) {
		bytes += images[i].array_bytes;
		json_array_append_new(list,
				      json_pack("{s:o, s:o, s:I}", "path", sc_jsontext(images[i].path), "extension",
						sc_jsontext(images[i].ext), "bytes",
						(json_int_t)images[i].array_bytes));
	}
	write_line(json_pack("{s:s, s:I, s:o}", "event", "start", "bytes", (json_int_t)bytes, "images", list));
}

void sc_events_follow(double seconds, uint64_t nparts, struct sc_followed *const *images, size_t nimages)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < nimages; i++) {
		const struct sc_followed *image = images[i];
		if (!image->is_seen)
			continue;
		json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:I, s:I}", "path", sc_jsontext(image->path), "extension",
						      sc_jsontext(image->ext), "parts_expected", (json_int_t)nparts,
						      "parts_settled", (json_int_t)image->nsettled, "parts_copied",
						      (json_int_t)image->ncopied));
	}
	write_line(json_pack("{s:s, s:f, s:o}", "event", "follow", "seconds", seconds, "images", list));
}

void sc_events_progress(const char *phase, double seconds, double rate, const struct sc_progress_item *items,
			size_t nitems)
{
	json_t *list = json_array();
	uint64_t done = 0, total = 0;
	for (size_t i = 0; list && i < nitems; i++) {
		if (items[i].has_failed)
			continue;
		done += items[i].done_bytes;
		total += items[i].total_bytes;
		json_array_append_new(list, json_pack("{s:o, s:I, s:I}", "path", sc_jsontext(items[i].path),
						      "bytes_done", (json_int_t)items[i].done_bytes, "bytes_total",
						      (json_int_t)items[i].total_bytes));
	}
	bool known = rate > 0;
	write_line(json_pack("{s:s, s:s, s:f, s:I, s:I, s:o, s:o, s:o}", "event", "progress", "phase", phase, "seconds",
			     seconds, "bytes_done", (json_int_t)done, "bytes_total", (json_int_t)total,
			     "bytes_per_second", known ? json_real(rate) : json_null(), "seconds_left",
			     known ? json_real((double)(total - done) / rate) : json_null(), "images", list));
}

void sc_events_image(const struct sc_image *image)
{
	json_t *event = image_object(image);
	if (event)
		json_object_set_new(event, "event", json_string("image"));
	write_line(event);
}

void sc_events_summary(const struct sc_image *images, size_t nimages, int status, double seconds)
{
	json_t *list = json_array();
	size_t nmade = 0;
	uint64_t bytes = 0;
	for (size_t i = 0; list && i < nimages; i++) {
		nmade += images[i].is_made;
		bytes += images[i].is_made ? images[i].array_bytes : 0;
		json_array_append_new(list, image_object(&images[i]));
	}
	write_line(json_pack("{s:s, s:i, s:I, s:I, s:I, s:f, s:o}", "event", "summary", "status", status, "succeeded",
			     (json_int_t)nmade, "failed", (json_int_t)(nimages - nmade), "bytes", (json_int_t)bytes,
			     "seconds", seconds, "images", list));
}

/* ---- in a signal handler, where neither memory may be taken nor standard output's buffer be touched ---- */

static int64_t began_ns;

void sc_events_begin(void)
{
	began_ns = sc_clock_ns(CLOCK_MONOTONIC);
}

/* With so many digits at least. */
static char *add_number(char *at, uint64_t number, unsigned ndigits)
{
	char digits[20];
	unsigned count = 0;
	for (; number > 0 || count < ndigits; number /= 10)
		digits[count++] = (char)('0' + number % 10);
	while (count > 0)
		*at++ = digits[--count];
	return at;
}

void sc_events_stopped(int status)
{
	char line[160], *at = line;
	uint64_t passed_ms = (uint64_t)(sc_clock_ns(CLOCK_MONOTONIC) - began_ns) / 1000000;
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	at = stpcpy(at, "{\"event\":\"summary\",\"status\":");
	at = add_number(at, (uint64_t)status, 1);
	at = stpcpy(at, ",\"succeeded\":0,\"failed\":0,\"bytes\":0,\"seconds\":");
	at = add_number(at, passed_ms / 1000, 1);
	at = stpcpy(at, ".");
	at = add_number(at, passed_ms % 1000, 3);
	at = stpcpy(at, ",\"images\":[]}\n");
	/* A pipe that is full, or closed, is no reason to stay, or to end in another way. */
	signal(SIGPIPE, SIG_IGN);
	if (poll(&out, 1, 0) == 1 && write(STDOUT_FILENO, line, (size_t)(at - line)) < 0)
		return;
}
