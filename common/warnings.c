#include "warnings.h"

#include <errno.h>
#include <stdio.h>

int sc_warnings_add(char ***warnings, size_t *count, const char *format, va_list args)
{
	char **grown = reallocarray(*warnings, *count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*warnings = grown;
	if (vasprintf(&grown[*count], format, args) < 0)
		return -ENOMEM;
	(*count)++;
	return 0;
}

void sc_warnings_free(char **warnings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(warnings[i]);
	free(warnings);
}
