/*
 * warnings.h - a growing list of sentences.
 */
#ifndef SC_WARNINGS_H
#define SC_WARNINGS_H

#include "base.h"

#include <stdarg.h>

/* Adds one to the list `*warnings` of `*count`; each text and the list are freed by whoever owns it. 0 or -ENOMEM. */
int sc_warnings_add(char ***warnings, size_t *count, const char *format, va_list args);
/* Adds a text that the list then owns, also when it fails. */
int sc_warnings_take(char ***warnings, size_t *count, char *text);
void sc_warnings_free(char **warnings, size_t count);

#endif
