/*
 * testdata.h - what the tests of the format modules share: cmocka, walking the
 * unpacked families under $SC_TEST_DATA, and breaking a file in every way.
 */
#ifndef SC_TESTDATA_H
#define SC_TESTDATA_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"
#include "ioutil.h"

/* What to do with one file; returns whether it counts. */
typedef bool testdata_visit(const char *path, const uint8_t *data, size_t size);

static const char *testdata_name;
static testdata_visit *testdata_visitor;
static unsigned testdata_count;

static int testdata_step(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	if (kind != FTW_F || strcmp(path + ftw->base, testdata_name) != 0)
		return 0;
	struct sc_error err = { 0 };
	sc_autofree uint8_t *data = NULL;
	size_t size;
	if (sc_io_read_file(AT_FDCWD, path, path, 64 << 20, &data, &size, &err) < 0)
		fail_msg("%s", err.text);
	/* A copy of exactly this size, so that a sanitizer sees a read behind it. */
	uint8_t *exact = malloc(size ? size : 1);
	memcpy(exact, data, size);
	testdata_count += testdata_visitor(path, exact, size);
	free(exact);
	return 0;
}

/* Calls `visit` for all files of that name, skips the test without data; returns how many counted. */
static inline unsigned testdata_walk(const char *name, testdata_visit *visit)
{
	const char *root = getenv("SC_TEST_DATA");
	if (!root || !*root)
		skip();
	testdata_name = name;
	testdata_visitor = visit;
	testdata_count = 0;
	assert_int_equal(nftw(root, testdata_step, 16, FTW_PHYS), 0);
	print_message("%s: %u files\n", name, testdata_count);
	assert_true(testdata_count > 0);
	return testdata_count;
}

/* Decodes, and frees what came of it; returns what the decoder did. */
typedef int testdata_try(const uint8_t *data, size_t size, struct sc_error *err);

/* Every file that is cut short must be an error that says where. */
static inline void testdata_truncate(const uint8_t *data, size_t size, testdata_try *try)
{
	for (size_t cut = 0; cut < size; cut++) {
		struct sc_error err = { 0 };
		uint8_t *part = malloc(cut ? cut : 1);
		memcpy(part, data, cut);
		if (try(part, cut, &err) != -EUCLEAN || !strstr(err.text, "byte "))
			fail_msg("cut to %zu of %zu bytes: %d \"%s\"", cut, size, err.code, err.text);
		free(part);
	}
}

/* No single byte may make a decoder crash; an error must have a text. Returns how many were errors. */
static inline unsigned testdata_corrupt(const uint8_t *data, size_t size, testdata_try *try)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	uint8_t *broken = malloc(size);
	unsigned errors = 0;
	memcpy(broken, data, size);
	for (size_t at = 0; at < size; at++) {
		for (size_t i = 0; i < sizeof(flips); i++) {
			struct sc_error err = { 0 };
			broken[at] = data[at] ^ flips[i];
			int rc = try(broken, size, &err);
			if (rc != 0 && (rc != -EUCLEAN || !err.text[0]))
				fail_msg("byte %zu as 0x%02x: %d \"%s\"", at, broken[at], rc, err.text);
			errors += rc != 0;
		}
		broken[at] = data[at];
	}
	free(broken);
	return errors;
}

static inline void assert_same_bytes(const char *path, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	for (size_t i = 0; i < a_size && i < b_size; i++)
		if (a[i] != b[i])
			fail_msg("%s: byte %zu is 0x%02x, was 0x%02x", path, i, b[i], a[i]);
	if (a_size != b_size)
		fail_msg("%s: %zu bytes, were %zu", path, b_size, a_size);
}

#endif
