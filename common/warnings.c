#include "warnings.h"

#include <errno.h>
#include <stdio.h>

int sc_warnings_take(char ***warnings, size_t *count, char *text)
{
	char **grown = reallocarray(*warnings, *count + 1, sizeof(*grown));
	if (!grown) {
		free(text);
		return -ENOMEM;
	}
	*warnings = grown;
	grown[(*count)++] = text;
	return 0;
}

int sc_warnings_add(char ***warnings, size_t *count, const char *format, va_list args)
{
	char *text;
	return vasprintf(&text, format, args) < 0 ? -ENOMEM : sc_warnings_take(warnings, count, text);
}

void sc_warnings_free(char **warnings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(warnings[i]);
	free(warnings);
}
