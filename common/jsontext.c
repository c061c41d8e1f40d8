#include "jsontext.h"

#include <stdio.h>
#include <string.h>

#include "base.h"

json_t *sc_jsontext(const char *text)
{
	if (!text)
		return json_null();
	json_t *value = json_string(text);
	if (value)
		return value;
	sc_autofree char *escaped = malloc(4 * strlen(text) + 1);
	char *to = escaped;
	for (const char *at = text; escaped && *at; at++) {
		if ((unsigned char)*at < 0x80)
			*to++ = *at;
		else
			to += sprintf(to, "\\x%02x", (unsigned)(unsigned char)*at);
	}
	if (!escaped)
		return NULL;
	*to = 0;
	return json_string(escaped);
}
