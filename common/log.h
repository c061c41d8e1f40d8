/*
 * log.h - the one log of a process: lines with a level to a file, syslog or
 * standard error.
 *
 * Thread-safe; a line is written with one call, so lines never mix, and names in it are printable (see printable.h). Before
 * sc_log_open everything goes to standard error.
 */
#ifndef SC_LOG_H
#define SC_LOG_H

#include "base.h"
#include "error.h"

enum sc_log_level { SC_LOG_ERROR, SC_LOG_WARNING, SC_LOG_INFO };

/*
 * Sends the log to `target`: "stderr", "syslog", or the path of a file, which
 * is appended to. `program` names the process in every line. Lines less
 * important than `least` are dropped.
 */
int sc_log_open(const char *program, const char *target, enum sc_log_level least, struct sc_error *err);

void sc_log(enum sc_log_level level, const char *format, ...) sc_printf_format(2, 3);

/* The last lines that went to the log, wherever that is; at most this many. Caller frees; NULL: out of memory. */
#define SC_LOG_TAIL_LINES 100
char *sc_log_tail(size_t *ret_length);

#endif
