#include "testdata.h"

static void set_tells_code_and_text(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	assert_int_equal(sc_error_set(&err, -EUCLEAN, "%s: byte %d", "a", 7), -EUCLEAN);
	assert_int_equal(err.code, -EUCLEAN);
	assert_string_equal(err.text, "a: byte 7");
	assert_int_equal(sc_error_set(NULL, -EIO, "nobody listens"), -EIO);
}

static void errno_adds_the_reason(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	assert_int_equal(sc_error_errno(&err, -ENOENT, "%s: cannot open", "x"), -ENOENT);
	assert_string_equal(err.text, "x: cannot open: No such file or directory");
}

static void prefix_keeps_the_code(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	sc_error_set(&err, -EIO, "short");
	sc_error_prefix(&err, "part %d", 3);
	assert_int_equal(err.code, -EIO);
	assert_string_equal(err.text, "part 3: short");
	sc_error_prefix(NULL, "nobody");
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	char longer[2 * sizeof(err.text)];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	sc_error_set(&err, -EIO, "%s", longer);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_string_equal(err.text + sizeof(err.text) - 4, "...");
	/* Exactly full is not cut. */
	longer[sizeof(err.text) - 1] = 0;
	sc_error_set(&err, -EIO, "%s", longer);
	assert_string_equal(err.text, longer);
}

static void names_in_it_are_printable(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	sc_error_errno(&err, -ENOENT, "a\nb\xff: cannot open");
	assert_string_equal(err.text, "a\\nb\\xff: cannot open: No such file or directory");
	/* Where it is cut there is no half of a character. */
	char text[sizeof(err.text) + 100] = "";
	for (size_t i = 0; i < sizeof(text) - 3; i += 2)
		memcpy(text + i, "ö", 3);
	sc_error_set(&err, -EIO, "%s", text);
	assert_string_equal(err.text + sizeof(err.text) - 6, "ö...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_tells_code_and_text),
		cmocka_unit_test(errno_adds_the_reason),
		cmocka_unit_test(prefix_keeps_the_code),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(names_in_it_are_printable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
