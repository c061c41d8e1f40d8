/*
 * A pattern, as given to --pattern, a newline, and a path of a part. What matches can be put together again from what was
 * found in it, and all directories on the way match as such.
 */
#include "fuzz.h"

#include "names.h"

static void check_match(const struct sc_pattern *pattern, const char *name)
{
	struct sc_name_parts parts;
	unsigned depth = 0;
	if (!sc_pattern_match(pattern, name, &parts))
		return;
	fuzz_require(parts.base_length > 0 && parts.ext_length > 1 && parts.ext[0] == '.' && parts.base[0] != '.');
	sc_autofree char *base = fuzz_text((const uint8_t *)parts.base, parts.base_length);
	sc_autofree char *ext = fuzz_text((const uint8_t *)parts.ext, parts.ext_length);
	fuzz_require(!strchr(base, '/') && !strchr(ext, '/'));
	sc_autofree char *again = sc_pattern_format(pattern, base, parts.number, parts.width, ext);
	fuzz_require(again && strcmp(name, again) == 0);
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/'), depth++) {
		sc_autofree char *directory = fuzz_text((const uint8_t *)name, (size_t)(slash - name));
		fuzz_require(sc_pattern_match_directory(pattern, directory, depth));
	}
	fuzz_require(depth == sc_pattern_depth(pattern));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sc_error err = { 0 };
	struct sc_pattern pattern;
	sc_autofree char *text = fuzz_text(data, size);
	char *newline = strchr(text, '\n'), *name = newline ? newline + 1 : text;
	if (newline)
		*newline = 0;
	for (unsigned i = 0; i < SC_NAMES_KNOWN; i++)
		check_match(sc_names_known(i), name);
	if (!newline)
		return 0;
	int rc = sc_pattern_parse(text, &pattern, &err);
	if (rc < 0)
		fuzz_require_error(rc, &err);
	else
		check_match(&pattern, name);
	return 0;
}
