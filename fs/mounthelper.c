#include "mounthelper.h"

#include "options.h"

#include <stdio.h>
#include <string.h>

#define NAME "mount.subcubefs"

struct translation {
	const struct option *known;
	int argc;
	char **argv; /* each owned; room for all that can come */
	char *rest;  /* for -o, with commas; NULL: nothing yet */
};

bool sc_mounthelper_is_called(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	return argv0 && strcmp(slash ? slash + 1 : argv0, NAME) == 0;
}

void sc_mounthelper_free(char **argv)
{
	for (char **at = argv; at && *at; at++)
		free(*at);
	free(argv);
}

/* Takes `argument` over; NULL: out of memory. */
static bool add(struct translation *translation, char *argument)
{
	if (!argument)
		return false;
	translation->argv[translation->argc++] = argument;
	return true;
}

/* What is read by mount(8), systemd, or people. That the mount is read-only goes without saying. */
static bool is_for_others(const char *item, size_t name_length)
{
	static const char *const names[] = { "rw",    "defaults", "auto",  "noauto", "user",	"nouser",
					     "users", "owner",	  "group", "nofail", "_netdev", "comment" };
	if (strncasecmp(item, "x-", 2) == 0)
		return true;
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		if (strlen(names[i]) == name_length && strncmp(names[i], item, name_length) == 0)
			return true;
	}
	return false;
}

static bool is_known(const struct option *known, const char *item, size_t name_length)
{
	for (; known->name; known++) {
		if (strlen(known->name) == name_length && strncmp(known->name, item, name_length) == 0)
			return known->val > 255;
	}
	return false;
}

/* As libfuse does it: a backslash takes the meaning from what follows. */
static void unescape(char *text)
{
	char *to = text;
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		*to++ = *text;
	}
	*to = '\0';
}

static bool add_item(struct translation *translation, const char *item, size_t length)
{
	size_t name_length = strcspn(item, "=,");
	char *joined = NULL;
	if (length == 0)
		return true;
	/* "user" lets users mount; "user=NAME" may be an option of ours. */
	bool has_value = name_length < length;
	if (is_known(translation->known, item, name_length) && (has_value || strncmp(item, "user", name_length) != 0)) {
		if (asprintf(&joined, "--%.*s", (int)length, item) < 0)
			return false;
		unescape(joined);
		return add(translation, joined);
	}
	if (is_for_others(item, name_length))
		return true;
	if (asprintf(&joined, "%s%s%.*s", translation->rest ? translation->rest : "", translation->rest ? "," : "",
		     (int)length, item) < 0)
		return false;
	free(translation->rest);
	translation->rest = joined;
	return true;
}

/* Up to a comma that is neither escaped nor quoted, as in context="a,b". */
static size_t item_length(const char *item)
{
	bool quoted = false;
	size_t length = 0;
	for (; item[length] && (quoted || item[length] != ','); length++) {
		if (item[length] == '"')
			quoted = !quoted;
		else if (item[length] == '\\' && item[length + 1])
			length++;
	}
	return length;
}

static bool add_items(struct translation *translation, const char *list)
{
	for (;;) {
		size_t length = item_length(list);
		if (!add_item(translation, list, length))
			return false;
		if (!list[length])
			return true;
		list += length + 1;
	}
}

/* Returns -1 or the status to exit with; -2: out of memory. */
static int translate(struct translation *translation, int argc, char **argv)
{
	int which;
	if (!add(translation, strdup(argv[0])))
		return -2;
	opterr = 0;
	while ((which = getopt(argc, argv, ":sfnvrwN:t:o:")) != -1) {
		if (which == 'f') /* fake */
			return 0;
		if (which == '?' || which == ':')
			return sc_options_usage_error("%s: option -%c is not understood", NAME, optopt);
		if (which == 'o' && !add_items(translation, optarg))
			return -2;
	}
	if (translation->rest && (!add(translation, strdup("-o")) || !add(translation, strdup(translation->rest))))
		return -2;
	if (!add(translation, strdup("--")))
		return -2;
	for (; optind < argc; optind++) {
		if (!add(translation, strdup(argv[optind])))
			return -2;
	}
	/* For whoever uses it next. */
	optind = 0;
	return -1;
}

/* No more than this can come of a command line: a new argument for each item, and some. */
static size_t most_arguments(int argc, char **argv)
{
	size_t most = (size_t)argc + 8;
	for (int i = 0; i < argc; i++) {
		for (const char *at = argv[i]; *at; at++)
			most += *at == ',';
	}
	return most;
}

int sc_mounthelper_translate(const struct option *known, int argc, char **argv, int *ret_argc, char ***ret_argv)
{
	struct translation translation = { .known = known };
	translation.argv = calloc(most_arguments(argc, argv), sizeof(*translation.argv));
	int status = translation.argv ? translate(&translation, argc, argv) : -2;
	free(translation.rest);
	if (status == -1) {
		*ret_argc = translation.argc;
		*ret_argv = translation.argv;
		return -1;
	}
	sc_mounthelper_free(translation.argv);
	if (status != -2)
		return status;
	fputs(NAME ": out of memory\n", stderr);
	return SC_EXIT_FAILURE;
}
