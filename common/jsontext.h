/*
 * jsontext.h - texts that may hold any bytes, such as file names, as valid JSON; and JSON values that free themselves.
 */
#ifndef SC_JSONTEXT_H
#define SC_JSONTEXT_H

#include <jansson.h>

/* `text` itself where it is UTF-8, else with "\xNN" for each byte that is not ASCII. NULL: out of memory; JSON null for NULL. */
json_t *sc_jsontext(const char *text);

static inline void sc_json_cleanup(json_t **value)
{
	json_decref(*value);
}

#define sc_autojson __attribute__((cleanup(sc_json_cleanup)))

#endif
