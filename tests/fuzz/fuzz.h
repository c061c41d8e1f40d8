/*
 * fuzz.h - what a fuzz target is: one function over the bytes of one input.
 *
 * With libFuzzer (tools/fuzz) the inputs are made up; with replay.c they are the files of corpus/TARGET. Either way
 * a target must neither crash nor leak, whatever the input, and what was decoded must come through encoding unchanged.
 */
#ifndef SC_FUZZ_H
#define SC_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A wrong answer is as bad as a crash, and is found in the same way. */
#define fuzz_require(condition)                                                                                        \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                      \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* Every refusal is malformed input, or lack of memory, and says so in words. */
static inline void fuzz_require_error(int rc, const struct sc_error *err)
{
	fuzz_require(rc < 0 && err->code == rc && err->text[0] != 0);
}

static inline void fuzz_require_same(const void *a, size_t a_size, const void *b, size_t b_size)
{
	fuzz_require(a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0));
}

/* A text with a NUL behind it; the caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	fuzz_require(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = 0;
	return text;
}

#endif
