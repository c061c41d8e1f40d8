/*
 * words.h - what an error or a warning must say.
 */
#ifndef SC_WORDS_H
#define SC_WORDS_H

#include "testdata.h"

/* Whether `text` has all of the words, which are separated by '|'. */
static inline bool has_words(const char *text, const char *words)
{
	for (const char *at = words; *at;) {
		size_t length = strcspn(at, "|");
		if (!memmem(text, strlen(text), at, length))
			return false;
		at += length + (at[length] == '|');
	}
	return true;
}

#endif
