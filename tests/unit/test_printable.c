/* Names that strangers chose, as messages show them. */
#include "testdata.h"

#include "printable.h"

static void expect(const char *text, const char *wanted)
{
	char got[200], again[200];
	size_t length = sc_printable(got, sizeof(got), text);
	if (strcmp(got, wanted) != 0 || length != strlen(wanted))
		fail_msg("%zu \"%s\", expected \"%s\"", length, got, wanted);
	/* What is printable stays as it is. */
	sc_printable(again, sizeof(again), got);
	assert_string_equal(again, got);
}

static void names_as_messages_show_them(void **state)
{
	(void)state;
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{ "", "" },
		{ "cube.subcube.0.image", "cube.subcube.0.image" },
		{ "a\\nb %s %n $(x)", "a\\nb %s %n $(x)" },
		{ "a\nb", "a\\nb" },
		{ "\033[2Jx\r\t\x7f", "\\x1b[2Jx\\x0d\\x09\\x7f" },
		{ "Größe 天 𝛼", "Größe 天 𝛼" },
		{ "gr\xf6\xdf", "gr\\xf6\\xdf" },
		{ "\x80 \xc3", "\\x80 \\xc3" },
		{ "\xc0\xaf \xe0\x80\xaf", "\\xc0\\xaf \\xe0\\x80\\xaf" },       /* longer than need be */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },                           /* half of a pair */
		{ "\xf4\x90\x80\x80 \xff", "\\xf4\\x90\\x80\\x80 \\xff" },       /* beyond Unicode */
		{ "\xc2\x9b", "\\xc2\\x9b" },                                    /* a control character of two bytes */
		{ "a\xe2\x80\xae" "b\xe2\x80\xa8", "a\\xe2\\x80\\xae" "b\\xe2\\x80\\xa8" }, /* the other way; a new line */
		{ "\xe5\xa4\xa9\xe5", "\xe5\xa4\xa9\\xe5" },                     /* cut */
	};
	for (size_t i = 0; i < SC_COUNT_OF(rows); i++)
		expect(rows[i].text, rows[i].wanted);
}

/* Every pair of bytes comes out as printable text. */
static void any_bytes(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 1u << 16; i++) {
		char text[3] = { (char)(i >> 8), (char)i, 0 }, got[40], again[40];
		sc_printable(got, sizeof(got), text);
		assert_int_equal(sc_printable(again, sizeof(again), got), strlen(got));
		assert_string_equal(got, again);
		for (const char *at = got; *at; at++)
			assert_true((unsigned char)*at >= ' ' && *at != 0x7f);
	}
}

static void what_does_not_fit(void **state)
{
	(void)state;
	char got[6];
	assert_int_equal(sc_printable(got, sizeof(got), "abcde"), 5);
	assert_string_equal(got, "abcde");
	assert_int_equal(sc_printable(got, sizeof(got), "abcdef"), 6);
	assert_string_equal(got, "abcde");
	/* No half escape, no half character, and nothing behind what is missing. */
	assert_int_equal(sc_printable(got, sizeof(got), "ab\x01" "c"), 7);
	assert_string_equal(got, "ab");
	assert_int_equal(sc_printable(got, sizeof(got), "abcd\xc3\xb6" "e"), 7);
	assert_string_equal(got, "abcd");
	assert_int_equal(sc_printable(NULL, 0, "x"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_as_messages_show_them),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(what_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
