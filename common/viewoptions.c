#include "viewoptions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_MAX_S 1000000

/* The position of `value` in a list of words that ends with NULL. */
static int choose(const char *name, const char *value, const char *const *words, int *ret_choice, struct sc_error *err)
{
	char list[200] = "";
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], value) == 0) {
			*ret_choice = i;
			return 0;
		}
		size_t used = strlen(list);
		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);
	}
	return sc_error_set(err, -EINVAL, "--%s: '%s' is none of %s", name, value, list);
}

static int whole_number(const char *name, const char *value, int64_t least, int64_t most, int64_t *ret_number,
			struct sc_error *err)
{
	char *end;
	errno = 0;
	long long number = strtoll(value, &end, 10);
	if (errno || end == value || *end || number < least || number > most)
		return sc_error_set(err, -EINVAL, "--%s: expected a whole number from %lld to %lld, not '%s'", name,
				    (long long)least, (long long)most, value);
	*ret_number = number;
	return 0;
}

static const char *const missing_words[] = { "error", "skip", "blank", NULL };

static int set_missing(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	int choice, rc = choose(name, value, missing_words, &choice, err);
	if (rc == 0)
		options->missing = (enum sc_missing)choice;
	return rc;
}

static int set_nparts(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	int64_t number;
	int rc = whole_number(name, value, 1, INT32_MAX, &number, err);
	if (rc == 0)
		options->nparts = (uint64_t)number;
	return rc;
}

static int set_nchan(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	return whole_number(name, value, 1, INT32_MAX, &options->nchan, err);
}

static int set_history(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	static const char *const words[] = { "first", "all", NULL };
	int choice, rc = choose(name, value, words, &choice, err);
	if (rc == 0)
		options->all_history = choice == 1;
	return rc;
}

static int set_miscinfo(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	static const char *const words[] = { "merge", "first", NULL };
	int choice, rc = choose(name, value, words, &choice, err);
	if (rc == 0)
		options->header.first_miscinfo = choice == 1;
	return rc;
}

static int set_axis(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	int64_t axis = 0;
	bool spectral = strcmp(value, "spectral") == 0;
	if (!spectral && whole_number(name, value, 0, SC_MAXDIM - 1, &axis, NULL) < 0)
		return sc_error_set(err, -EINVAL, "--%s: expected 'spectral' or a pixel axis from 0, not '%s'", name,
				    value);
	options->header.axis_given = !spectral;
	options->header.axis = (int)axis;
	return 0;
}

static int set_reorder(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	(void)name, (void)value, (void)err;
	options->reorder = true;
	return 0;
}

/* The last of --relax and --strict counts. */
static int set_strictness(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	(void)value, (void)err;
	options->header.strict = strcmp(name, "strict") == 0;
	return 0;
}

static int set_settle(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	char *end;
	double seconds = strtod(value, &end);
	if (end == value || *end || !(seconds >= 0 && seconds <= SETTLE_MAX_S))
		return sc_error_set(err, -EINVAL, "--%s: expected a number of seconds from 0 to %d, not '%s'", name,
				    SETTLE_MAX_S, value);
	options->settle.quiet_ns = (int64_t)(seconds * 1e9);
	return 0;
}

static int set_ready_file(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	int rc = sc_settle_check_ready_file(value, err);
	if (rc < 0)
		sc_error_prefix(err, "--%s", name);
	else
		options->settle.ready_file = value;
	return rc;
}

static const struct {
	const char *name;
	bool has_value;
	int (*set)(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err);
} table[] = {
	{ "missing", true, set_missing },  { "nparts", true, set_nparts },     { "nchan", true, set_nchan },
	{ "history", true, set_history },  { "miscinfo", true, set_miscinfo }, { "axis", true, set_axis },
	{ "reorder", false, set_reorder }, { "relax", false, set_strictness }, { "strict", false, set_strictness },
	{ "settle", true, set_settle },    { "ready-file", true, set_ready_file },
};

int sc_viewoptions_set(struct sc_view_options *options, const char *name, const char *value, struct sc_error *err)
{
	for (size_t i = 0; i < SC_COUNT_OF(table); i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		if (table[i].has_value != (value != NULL))
			return sc_error_set(err, -EINVAL, "--%s: %s", name,
					    table[i].has_value ? "a value is needed" : "takes no value");
		return table[i].set(options, name, value, err);
	}
	return sc_error_set(err, -ENOENT, "--%s: no such option", name);
}

char *sc_viewoptions_format(const struct sc_view_options *options)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fprintf(out, "missing=%s\n", missing_words[options->missing]);
	if (options->nparts > 0)
		fprintf(out, "nparts=%llu\n", (unsigned long long)options->nparts);
	if (options->nchan > 0)
		fprintf(out, "nchan=%lld\n", (long long)options->nchan);
	fprintf(out, "history=%s\n", options->all_history ? "all" : "first");
	fprintf(out, "miscinfo=%s\n", options->header.first_miscinfo ? "first" : "merge");
	if (options->header.axis_given)
		fprintf(out, "axis=%d\n", options->header.axis);
	else
		fputs("axis=spectral\n", out);
	if (options->settle.ready_file)
		fprintf(out, "ready-file=%s\n", options->settle.ready_file);
	fprintf(out, "%s%s\n", options->reorder ? "reorder\n" : "", options->header.strict ? "strict" : "relax");
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
