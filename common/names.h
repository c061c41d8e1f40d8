/*
 * names.h - how parts are named: patterns such as "{base}.subcube.{n}{ext}".
 *
 *   {base}  one or more characters, not first a dot; where it stands twice both must be the same
 *   {n}     a decimal number
 *   {ext}   a dot and one or more characters
 *   /       parts are in a directory below SOURCE
 *
 * Each of the three stands for characters within one path component. When a
 * name can be read in several ways, {base} takes as much as it can.
 */
#ifndef SC_NAMES_H
#define SC_NAMES_H

#include "base.h"
#include "error.h"

#define SC_PATTERN_TOKENS_MAX 16

enum sc_token_kind { SC_TOKEN_TEXT, SC_TOKEN_BASE, SC_TOKEN_NUMBER, SC_TOKEN_EXT };

struct sc_pattern {
	unsigned ntokens;
	struct {
		enum sc_token_kind kind;
		const char *text; /* TEXT: where it begins in the pattern's text */
		size_t length;
	} tokens[SC_PATTERN_TOKENS_MAX];
	bool from_one;    /* numbers of a complete family begin at 1 */
	bool from_lowest; /* they begin at 0 or 1, whichever there is */
};

/* What a name says; pointers into it. */
struct sc_name_parts {
	const char *base, *ext;
	size_t base_length, ext_length;
	uint64_t number;
	unsigned width; /* that the number is padded to with zeros; 1: it is not */
};

/* pclean's {base}.subcube.{n}{ext}, from 0, and CASA's {base}.workdirectory/{base}.n{n}{ext}, from 1. */
#define SC_NAMES_KNOWN 2
const struct sc_pattern *sc_names_known(unsigned which);

/* `text` must outlive the pattern. -EINVAL: a part of the pattern is missing or written wrongly. */
int sc_pattern_parse(const char *text, struct sc_pattern *ret_pattern, struct sc_error *err);

/* Whether the path `name`, relative to SOURCE, follows the pattern. */
bool sc_pattern_match(const struct sc_pattern *pattern, const char *name, struct sc_name_parts *ret_parts);

/* Whether `name`, of `depth` + 1 components, can be the beginning of a path that follows the pattern, which has more.
 */
bool sc_pattern_match_directory(const struct sc_pattern *pattern, const char *name, unsigned depth);

/* How many slashes the pattern has. */
unsigned sc_pattern_depth(const struct sc_pattern *pattern);

/* The path of a part, its number padded with zeros to `width`; the caller frees it, NULL: out of memory. */
char *sc_pattern_format(const struct sc_pattern *pattern, const char *base, uint64_t number, unsigned width,
			const char *ext);

/* The same for messages: "BASE.subcube.N.EXT" for no base, and for no pattern. */
char *sc_pattern_example(const struct sc_pattern *pattern, const char *base);

#endif
