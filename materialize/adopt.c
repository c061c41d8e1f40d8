#include "adopt.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "input.h"
#include "viewoptions.h"

#define LINES_BYTES 65536

static bool is_given(const struct sc_options *options, const char *name)
{
	for (size_t i = 0; i < options->ngiven; i++) {
		if (strcmp(options->given[i], name) == 0)
			return true;
	}
	return false;
}

/* Of relax and strict, which are one option, either. */
static bool is_settled(const struct sc_options *options, const char *name)
{
	bool strictness = strcmp(name, "relax") == 0 || strcmp(name, "strict") == 0;
	return strictness ? is_given(options, "relax") || is_given(options, "strict") : is_given(options, name);
}

static int adopt(struct sc_options *options, const char *name, const char *value, struct sc_error *err)
{
	if (strcmp(name, "follow-links") == 0) {
		options->follow_links = true;
		return 0;
	}
	if (strcmp(name, "pattern") != 0)
		return is_settled(options, name) ? 0 : sc_viewoptions_set(&options->view, name, value, err);
	if (is_given(options, name) || !value)
		return 0;
	options->has_pattern = true;
	return sc_pattern_parse(value, &options->pattern, err);
}

int sc_adopt_mount(struct sc_options *options, struct sc_error *err)
{
	if (options->listed || !sc_input_may_be_view(options->base))
		return 0;
	char *lines = options->adopted = calloc(1, LINES_BYTES + 1);
	if (!lines)
		return sc_error_errno(err, -ENOMEM, "%s", options->base);
	if (getxattr(options->base, SC_VIEWOPTIONS_ATTRIBUTE, lines, LINES_BYTES) <= 0)
		return 0;
	char *rest = lines, *line;
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');
		if (value)
			*value++ = 0;
		int rc = *line ? adopt(options, line, value, err) : 0;
		if (rc < 0) {
			sc_error_prefix(err, "%s: its mount has an option that is not known here", options->base);
			return rc;
		}
	}
	return 0;
}
