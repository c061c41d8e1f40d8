/*
 * error.h - one failure, in words.
 *
 * Functions that can fail on what a user gave them return 0 or -errno and
 * describe the failure in a struct sc_error: which file, where in it, what was
 * expected. The text is one sentence without a final stop or newline. An error
 * that was not set has an empty text. Malformed files are -EUCLEAN.
 * Names in it are printable (see printable.h). Not thread-safe: an sc_error belongs to one caller.
 */
#ifndef SC_ERROR_H
#define SC_ERROR_H

#include "base.h"

struct sc_error {
	int code;        /* -errno, 0 when nothing was set */
	char text[1024]; /* cut with "..." when longer */
};

/* Sets `err` (which may be NULL) and returns `code`, so that callers can `return sc_error_set(...)`. */
int sc_error_set(struct sc_error *err, int code, const char *format, ...) sc_printf_format(3, 4);

/* The same, with ": " and strerror(-code) behind the text. */
int sc_error_errno(struct sc_error *err, int code, const char *format, ...) sc_printf_format(3, 4);

/* Puts "text: " in front of what `err` already says; its code stays. */
void sc_error_prefix(struct sc_error *err, const char *format, ...) sc_printf_format(2, 3);

#endif
