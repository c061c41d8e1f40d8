/*
 * jsontext.h - texts that may hold any bytes, such as file names, as valid JSON.
 */
#ifndef SC_JSONTEXT_H
#define SC_JSONTEXT_H

#include <jansson.h>

/* `text` itself where it is UTF-8, else with "\xNN" for each byte that is not ASCII. NULL: out of memory; JSON null for NULL. */
json_t *sc_jsontext(const char *text);

#endif
