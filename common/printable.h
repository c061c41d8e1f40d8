/*
 * printable.h - text in which there are names that strangers chose, made fit for a terminal, a log and a line.
 *
 * A newline becomes \n, other control characters, what turns the direction of text round and bytes that are not UTF-8
 * become \x1b, ...; all else stays, a backslash too, so that what is printable already stays as it is.
 */
#ifndef SC_PRINTABLE_H
#define SC_PRINTABLE_H

#include "base.h"

/*
 * Writes at most `size` - 1 bytes and a NUL to `ret_text`, never half a character. Returns the length that all of it
 * has: `size` or more when it was cut, as snprintf does. `text` and `ret_text` must not overlap.
 */
size_t sc_printable(char *ret_text, size_t size, const char *text);

#endif
