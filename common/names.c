#include "names.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Numbers have at most this many digits; more is a name that only looks like a part's. */
#define NUMBER_DIGITS 12

#define TEXT(string)                                                                                                   \
	{                                                                                                              \
		SC_TOKEN_TEXT, string, sizeof(string) - 1                                                              \
	}
#define BASE                                                                                                           \
	{                                                                                                              \
		SC_TOKEN_BASE, NULL, 0                                                                                 \
	}
#define NUMBER                                                                                                         \
	{                                                                                                              \
		SC_TOKEN_NUMBER, NULL, 0                                                                               \
	}
#define EXT                                                                                                            \
	{                                                                                                              \
		SC_TOKEN_EXT, NULL, 0                                                                                  \
	}

static const struct sc_pattern known[SC_NAMES_KNOWN] = {
	{ .ntokens = 4, .tokens = { BASE, TEXT(".subcube."), NUMBER, EXT } },
	{ .ntokens = 6, .tokens = { BASE, TEXT(".workdirectory/"), BASE, TEXT(".n"), NUMBER, EXT }, .from_one = true },
};

const struct sc_pattern *sc_names_known(unsigned which)
{
	assert(which < SC_NAMES_KNOWN);
	return &known[which];
}

static bool placeholder(const char *at, enum sc_token_kind *ret_kind, size_t *ret_length)
{
	static const struct {
		const char *text;
		enum sc_token_kind kind;
	} names[] = { { "{base}", SC_TOKEN_BASE }, { "{n}", SC_TOKEN_NUMBER }, { "{ext}", SC_TOKEN_EXT } };
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		*ret_length = strlen(names[i].text);
		if (strncmp(at, names[i].text, *ret_length) == 0) {
			*ret_kind = names[i].kind;
			return true;
		}
	}
	return false;
}

/* Whether the path has a component that names no entry of its directory: "", "." or "..". */
static bool has_odd_component(const char *path)
{
	for (const char *at = path;; at++) {
		size_t length = strcspn(at, "/");
		if (length == 0 || (length <= 2 && strspn(at, ".") >= length))
			return true;
		at += length;
		if (*at == 0)
			return false;
	}
}

static int check_pattern(const char *text, const unsigned *counts, struct sc_error *err)
{
	if (counts[SC_TOKEN_BASE] < 1 || counts[SC_TOKEN_NUMBER] != 1 || counts[SC_TOKEN_EXT] != 1)
		return sc_error_set(err, -EINVAL,
				    "the pattern '%s' must have {base}, {n} and {ext}, the latter two once, as in "
				    "'{base}.chunk{n}{ext}'",
				    text);
	if (has_odd_component(text))
		return sc_error_set(err, -EINVAL, "the pattern '%s' must be a path below SOURCE", text);
	return 0;
}

static bool same_tokens(const struct sc_pattern *a, const struct sc_pattern *b)
{
	bool same = a->ntokens == b->ntokens;
	for (unsigned i = 0; same && i < a->ntokens; i++) {
		same = a->tokens[i].kind == b->tokens[i].kind &&
		       (a->tokens[i].kind != SC_TOKEN_TEXT ||
			(a->tokens[i].length == b->tokens[i].length &&
			 memcmp(a->tokens[i].text, b->tokens[i].text, a->tokens[i].length) == 0));
	}
	return same;
}

/* Where numbers begin is known of the known ones, however they were chosen. */
static void settle_first_number(struct sc_pattern *pattern)
{
	for (unsigned i = 0; i < SC_NAMES_KNOWN; i++) {
		if (same_tokens(pattern, &known[i])) {
			pattern->from_one = known[i].from_one;
			pattern->from_lowest = false;
		}
	}
}

int sc_pattern_parse(const char *text, struct sc_pattern *ret_pattern, struct sc_error *err)
{
	struct sc_pattern pattern = { .from_lowest = true };
	unsigned counts[4] = { 0 };
	for (const char *at = text; *at;) {
		if (pattern.ntokens == SC_PATTERN_TOKENS_MAX)
			return sc_error_set(err, -EINVAL, "the pattern '%s' is too long", text);
		enum sc_token_kind kind = SC_TOKEN_TEXT;
		size_t length;
		if (!placeholder(at, &kind, &length)) {
			if (*at == '{' || *at == '}')
				return sc_error_set(err, -EINVAL,
						    "the pattern '%s' has a brace that is none of {base}, {n}, {ext}",
						    text);
			length = strcspn(at, "{}");
		}
		pattern.tokens[pattern.ntokens].kind = kind;
		pattern.tokens[pattern.ntokens].text = at;
		pattern.tokens[pattern.ntokens].length = length;
		pattern.ntokens++;
		counts[kind]++;
		at += length;
	}
	int rc = text[0] ? check_pattern(text, counts, err)
			 : sc_error_set(err, -EINVAL, "the pattern is empty; it should be like '{base}.chunk{n}{ext}'");
	if (rc < 0)
		return rc;
	settle_first_number(&pattern);
	*ret_pattern = pattern;
	return 0;
}

static bool match_from(const struct sc_pattern *pattern, unsigned token, const char *at, struct sc_name_parts *parts);

/* {base} or {ext}: as long as possible, shorter until the rest fits. */
static bool match_span(const struct sc_pattern *pattern, unsigned token, const char *at, struct sc_name_parts *parts)
{
	bool is_base = pattern->tokens[token].kind == SC_TOKEN_BASE;
	const char **start = is_base ? &parts->base : &parts->ext;
	size_t *length = is_base ? &parts->base_length : &parts->ext_length;
	if (is_base && *start) {
		size_t known_length = *length;
		return strncmp(at, *start, known_length) == 0 &&
		       match_from(pattern, token + 1, at + known_length, parts);
	}
	if (is_base ? at[0] == '.' : at[0] != '.')
		return false;
	size_t least = is_base ? 1 : 2;
	*start = at;
	for (*length = strcspn(at, "/"); *length >= least; (*length)--) {
		if (match_from(pattern, token + 1, at + *length, parts))
			return true;
	}
	*start = NULL;
	return false;
}

static bool match_from(const struct sc_pattern *pattern, unsigned token, const char *at, struct sc_name_parts *parts)
{
	if (token == pattern->ntokens)
		return *at == 0;
	size_t length = pattern->tokens[token].length;
	switch (pattern->tokens[token].kind) {
	case SC_TOKEN_TEXT:
		return strncmp(at, pattern->tokens[token].text, length) == 0 &&
		       match_from(pattern, token + 1, at + length, parts);
	case SC_TOKEN_NUMBER:
		length = strspn(at, "0123456789");
		if (length == 0 || length > NUMBER_DIGITS)
			return false;
		parts->number = strtoull(at, NULL, 10);
		parts->width = *at == '0' ? (unsigned)length : 1;
		return match_from(pattern, token + 1, at + length, parts);
	case SC_TOKEN_BASE:
	case SC_TOKEN_EXT:
		return match_span(pattern, token, at, parts);
	}
	abort();
}

bool sc_pattern_match(const struct sc_pattern *pattern, const char *name, struct sc_name_parts *ret_parts)
{
	struct sc_name_parts parts = { 0 };
	if (!match_from(pattern, 0, name, &parts))
		return false;
	*ret_parts = parts;
	return true;
}

/* The pattern's beginning, up to the slash behind component `depth`, which is cut off. */
static void cut_pattern(const struct sc_pattern *pattern, unsigned depth, struct sc_pattern *ret_cut)
{
	*ret_cut = *pattern;
	for (unsigned i = 0; i < pattern->ntokens; i++) {
		if (pattern->tokens[i].kind != SC_TOKEN_TEXT)
			continue;
		const char *text = pattern->tokens[i].text;
		for (size_t k = 0; k < pattern->tokens[i].length; k++) {
			if (text[k] != '/' || depth-- > 0)
				continue;
			ret_cut->ntokens = i + (k > 0);
			ret_cut->tokens[i].length = k;
			return;
		}
	}
}

bool sc_pattern_match_directory(const struct sc_pattern *pattern, const char *name, unsigned depth)
{
	struct sc_pattern cut;
	struct sc_name_parts parts;
	cut_pattern(pattern, depth, &cut);
	return sc_pattern_match(&cut, name, &parts);
}

unsigned sc_pattern_depth(const struct sc_pattern *pattern)
{
	unsigned depth = 0;
	for (unsigned i = 0; i < pattern->ntokens; i++) {
		for (size_t k = 0; pattern->tokens[i].kind == SC_TOKEN_TEXT && k < pattern->tokens[i].length; k++)
			depth += pattern->tokens[i].text[k] == '/';
	}
	return depth;
}

static char *fill_in(const struct sc_pattern *pattern, const char *base, const char *number, const char *ext)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	if (!stream)
		return NULL;
	for (unsigned i = 0; i < pattern->ntokens; i++) {
		switch (pattern->tokens[i].kind) {
		case SC_TOKEN_TEXT:
			fwrite(pattern->tokens[i].text, 1, pattern->tokens[i].length, stream);
			break;
		case SC_TOKEN_BASE:
			fputs(base, stream);
			break;
		case SC_TOKEN_NUMBER:
			fputs(number, stream);
			break;
		case SC_TOKEN_EXT:
			fputs(ext, stream);
			break;
		}
	}
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *sc_pattern_format(const struct sc_pattern *pattern, const char *base, uint64_t number, unsigned width,
			const char *ext)
{
	char digits[24];
	snprintf(digits, sizeof(digits), "%0*" PRIu64, (int)width, number);
	return fill_in(pattern, base, digits, ext);
}

char *sc_pattern_example(const struct sc_pattern *pattern, const char *base)
{
	return fill_in(pattern ? pattern : &known[0], base ? base : "BASE", "N", ".EXT");
}
