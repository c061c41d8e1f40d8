#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "printable.h"

/* The end of the text becomes dots, before which no character is cut in two. */
static void mark_as_cut(char *text, size_t size)
{
	size_t at = strlen(text);
	while (at > size - 4 || (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80))
		at--;
	memcpy(text + at, "...", 4);
}

int sc_error_set(struct sc_error *err, int code, const char *format, ...)
{
	if (!err)
		return code;
	va_list args;
	char text[sizeof(err->text)];
	va_start(args, format);
	bool is_cut = vsnprintf(text, sizeof(text), format, args) >= (int)sizeof(text);
	va_end(args);
	/* Most have a name in them. */
	if (sc_printable(err->text, sizeof(err->text), text) >= sizeof(err->text) || is_cut)
		mark_as_cut(err->text, sizeof(err->text));
	err->code = code;
	return code;
}

int sc_error_errno(struct sc_error *err, int code, const char *format, ...)
{
	if (!err)
		return code;
	char text[sizeof(err->text)];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	char reason[128];
	return sc_error_set(err, code, "%s: %s", text, strerror_r(-code, reason, sizeof(reason)));
}

void sc_error_prefix(struct sc_error *err, const char *format, ...)
{
	if (!err)
		return;
	char prefix[sizeof(err->text)], rest[sizeof(err->text)];
	va_list args;
	va_start(args, format);
	vsnprintf(prefix, sizeof(prefix), format, args);
	va_end(args);
	memcpy(rest, err->text, sizeof(rest));
	sc_error_set(err, err->code, "%s: %s", prefix, rest);
}
