#include "optionvalues.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* More processes than this were never faster, and would only be a slip of the finger. */
#define MAX_JOBS 1024

static bool add_extension(struct sc_options *options, const char *text, size_t length)
{
	char *extension = NULL;
	while (length > 0 && *text == '.') {
		text++;
		length--;
	}
	if (length == 0)
		return true;
	if (asprintf(&extension, ".%.*s", (int)length, text) < 0)
		return false;
	for (size_t i = 0; i < options->nextensions; i++) {
		if (strcmp(options->extensions[i], extension) == 0) {
			free(extension);
			return true;
		}
	}
	char **grown = reallocarray(options->extensions, options->nextensions + 1, sizeof(*grown));
	if (!grown) {
		free(extension);
		return false;
	}
	options->extensions = grown;
	options->extensions[options->nextensions++] = extension;
	return true;
}

int sc_optionvalues_extensions(const char *list, struct sc_options *options, struct sc_error *err)
{
	for (const char *at = list;; at++) {
		size_t length = strcspn(at, ",");
		if (!add_extension(options, at, length))
			return sc_error_errno(err, -ENOMEM, "--ext");
		at += length;
		if (*at == 0)
			break;
	}
	if (options->nextensions == 0)
		return sc_error_set(err, -EINVAL, "--ext: expected extensions such as .image,.psf, not '%s'", list);
	return 0;
}

int sc_optionvalues_jobs(const char *text, unsigned *ret_njobs, struct sc_error *err)
{
	char *end;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || number > MAX_JOBS)
		return sc_error_set(err, -EINVAL, "--jobs: expected a number from 0 to %d, not '%s'", MAX_JOBS, text);
	*ret_njobs = (unsigned)number;
	return 0;
}

int sc_optionvalues_memory(const char *text, uint64_t *ret_bytes, struct sc_error *err)
{
	static const char suffixes[] = "KMG";
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	bool is_number = errno == 0 && end != text && text[0] >= '0' && text[0] <= '9';
	const char *suffix = *end ? strchr(suffixes, *end) : NULL;
	unsigned shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
	uint64_t bytes = (uint64_t)number << shift;
	if (!is_number || end[suffix ? 1 : 0] || bytes >> shift != number)
		return sc_error_set(err, -EINVAL, "--memory: expected a size such as 512M, not '%s'", text);
	if (bytes < SC_OPTIONS_LEAST_MEMORY_BYTES)
		return sc_error_set(err, -EINVAL, "--memory: at least 4M, not '%s'", text);
	*ret_bytes = bytes;
	return 0;
}

int sc_optionvalues_when(const char *option, const char *text, int *ret_when, struct sc_error *err)
{
	static const char *const words[] = { "auto", "always", "never" };
	for (size_t i = 0; i < SC_COUNT_OF(words); i++) {
		if (strcmp(words[i], text) == 0) {
			*ret_when = (int)i;
			return 0;
		}
	}
	return sc_error_set(err, -EINVAL, "--%s: expected auto, always or never, not '%s'", option, text);
}

/* CASA tells modes by their first letter. */
int sc_optionvalues_mode(const char *text, enum sc_mode *ret_mode, bool *ret_auto, struct sc_error *err)
{
	static const struct {
		const char *name;
		enum sc_mode mode;
		bool is_auto;
	} modes[] = {
		{ "paged", SC_MODE_PAGED, false },
		{ "nomovevirtual", SC_MODE_NOMOVE, false },
		{ "virtual", SC_MODE_NOMOVE, false },
		{ "copyvirtual", SC_MODE_COPYVIRTUAL, false },
		{ "movevirtual", SC_MODE_MOVEVIRTUAL, false },
		{ "auto", SC_MODE_PAGED, true },
	};
	for (size_t i = 0; i < SC_COUNT_OF(modes) && *text; i++) {
		if (strncmp(modes[i].name, text, strlen(text)) != 0)
			continue;
		*ret_mode = modes[i].mode;
		*ret_auto = modes[i].is_auto;
		return 0;
	}
	return sc_error_set(err, -EINVAL,
			    "--mode: expected paged, nomovevirtual, copyvirtual, movevirtual or auto, not '%s'", text);
}
