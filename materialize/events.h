/*
 * events.h - a run with --json: one JSON object a line on standard output. Keys stay as they are; more may come.
 *
 *   { "event": "follow", "seconds": 1.5,                               with --follow, before the start, when a number changes
 *     "images": [ { "path": "run/cube.image", "extension": ".image",
 *                   "parts_expected": 64, "parts_settled": 7, "parts_copied": 5 }, ... ] }
 *   { "event": "start", "bytes": 2097152000,
 *     "images": [ { "path": "run/cube.image", "extension": ".image", "bytes": 1048576000 }, ... ] }
 *   { "event": "progress", "phase": "copying",                        or "comparing"; some times a second
 *     "seconds": 1.5, "bytes_done": 524288000, "bytes_total": 2097152000,
 *     "bytes_per_second": 349525333.0, "seconds_left": 4.5,           null: not yet known
 *     "images": [ { "path": "run/cube.image", "bytes_done": 524288000, "bytes_total": 1048576000 }, ... ] }
 *   { "event": "image", "path": "run/cube.image", "extension": ".image",
 *     "status": "done",                                               or "failed"
 *     "bytes": 1048576000, "problem": null }                          one sentence when it failed
 *   { "event": "summary", "status": 0,                                the exit status; always the last line
 *     "succeeded": 2, "failed": 0, "bytes": 2097152000, "seconds": 6.1,
 *     "images": [ as in the "image" events ] }
 *
 * In JSON text no control character stands as it is, so a line is one object whatever files are called.
 */
#ifndef SC_EVENTS_H
#define SC_EVENTS_H

#include "followed.h"
#include "image.h"
#include "progress.h"

/* Of those images that are there. */
void sc_events_follow(double seconds, uint64_t nparts, struct sc_followed *const *images, size_t nimages);

void sc_events_start(const struct sc_image *images, size_t nimages);

/* `rate` 0: not yet known. */
void sc_events_progress(const char *phase, double seconds, double rate, const struct sc_progress_item *items,
			size_t nitems);

/* It was made, or has failed. */
void sc_events_image(const struct sc_image *image);

/*
 * The summary of a run that a signal ends before there is an image, from its handler. Nothing where
 * nobody reads.
 */
void sc_events_stopped(int status);

/* The time from which sc_events_stopped counts. */
void sc_events_begin(void);

void sc_events_summary(const struct sc_image *images, size_t nimages, int status, double seconds);

#endif
