#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_if_cut(char *text, size_t size, int wanted)
{
	if (wanted >= (int)size)
		memcpy(text + size - 4, "...", 4);
}

int sc_error_set(struct sc_error *err, int code, const char *format, ...)
{
	if (!err)
		return code;
	va_list args;
	va_start(args, format);
	int wanted = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	mark_if_cut(err->text, sizeof(err->text), wanted);
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
