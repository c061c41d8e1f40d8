/*
 * complaints.h - errors of single requests in the log, but not the same line
 * over and over: a reader that tries a broken range again and again must not
 * fill the log.
 *
 * Thread-safe.
 */
#ifndef SC_COMPLAINTS_H
#define SC_COMPLAINTS_H

#include "base.h"

/* Logs an error line unless the same one was logged less than a second ago. */
void sc_complain(const char *format, ...) sc_printf_format(1, 2);

/*
 * Logs an error line about the node `id` unless the same one was logged about it before: that its bytes are lost for
 * good is said once. (Or again when many thousand others were meanwhile.)
 */
void sc_complain_once(uint64_t id, const char *format, ...) sc_printf_format(2, 3);

#endif
