#include "words.h"

#include "viewoptions.h"

/* All that can be set, on a line. */
static void describe(const struct sc_view_options *options, char *text, size_t size)
{
	static const char *const missing[] = { "error", "skip", "blank" };
	snprintf(text, size, "%s nparts %llu nchan %lld axis %d %d%s%s%s%s", missing[options->missing],
		 (unsigned long long)options->nparts, (long long)options->nchan, options->header.axis_given,
		 options->header.axis, options->header.strict ? " strict" : "", options->reorder ? " reorder" : "",
		 options->all_history ? " all-history" : "", options->header.first_miscinfo ? " first-miscinfo" : "");
}

static void options_are_set(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value, *result;
	} cases[] = {
		{ "missing", "error", "error nparts 0 nchan 0 axis 0 0" },
		{ "missing", "skip", "skip nparts 0 nchan 0 axis 0 0" },
		{ "missing", "blank", "blank nparts 0 nchan 0 axis 0 0" },
		{ "nparts", "1", "error nparts 1 nchan 0 axis 0 0" },
		{ "nparts", "2147483647", "error nparts 2147483647 nchan 0 axis 0 0" },
		{ "nchan", "59599", "error nparts 0 nchan 59599 axis 0 0" },
		{ "history", "first", "error nparts 0 nchan 0 axis 0 0" },
		{ "history", "all", "error nparts 0 nchan 0 axis 0 0 all-history" },
		{ "miscinfo", "merge", "error nparts 0 nchan 0 axis 0 0" },
		{ "miscinfo", "first", "error nparts 0 nchan 0 axis 0 0 first-miscinfo" },
		{ "axis", "spectral", "error nparts 0 nchan 0 axis 0 0" },
		{ "axis", "0", "error nparts 0 nchan 0 axis 1 0" },
		{ "axis", "7", "error nparts 0 nchan 0 axis 1 7" },
		{ "reorder", NULL, "error nparts 0 nchan 0 axis 0 0 reorder" },
		{ "strict", NULL, "error nparts 0 nchan 0 axis 0 0 strict" },
		{ "relax", NULL, "error nparts 0 nchan 0 axis 0 0" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_view_options options = { 0 };
		struct sc_error err = { 0 };
		char text[200];
		if (sc_viewoptions_set(&options, cases[i].name, cases[i].value, &err) < 0)
			fail_msg("--%s=%s: %s", cases[i].name, cases[i].value, err.text);
		describe(&options, text, sizeof(text));
		assert_string_equal(text, cases[i].result);
	}
}

static void the_last_one_counts(void **state)
{
	(void)state;
	static const struct {
		const char *name, *values[2], *result;
	} cases[] = {
		{ "missing", { "blank", "skip" }, "skip nparts 0 nchan 0 axis 0 0" },
		{ "history", { "all", "first" }, "error nparts 0 nchan 0 axis 0 0" },
		{ "miscinfo", { "first", "merge" }, "error nparts 0 nchan 0 axis 0 0" },
		{ "axis", { "2", "spectral" }, "error nparts 0 nchan 0 axis 0 0" },
		{ "nparts", { "4", "3" }, "error nparts 3 nchan 0 axis 0 0" },
	};
	struct sc_error err = { 0 };
	struct sc_view_options options = { 0 };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		char text[200];
		options = (struct sc_view_options){ 0 };
		for (int k = 0; k < 2; k++)
			assert_int_equal(sc_viewoptions_set(&options, cases[i].name, cases[i].values[k], &err), 0);
		describe(&options, text, sizeof(text));
		assert_string_equal(text, cases[i].result);
	}
	options = (struct sc_view_options){ 0 };
	assert_int_equal(sc_viewoptions_set(&options, "strict", NULL, &err), 0);
	assert_int_equal(sc_viewoptions_set(&options, "relax", NULL, &err), 0);
	assert_false(options.header.strict);
}

static void what_is_no_value_changes_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value;
		int rc;
		const char *words;
	} cases[] = {
		{ "missing", "", -EINVAL, "--missing|''|error, skip, blank" },
		{ "missing", "Blank", -EINVAL, "--missing|'Blank'|error, skip, blank" },
		{ "missing", "blan", -EINVAL, "--missing" },
		{ "missing", "blank ", -EINVAL, "--missing" },
		{ "missing", NULL, -EINVAL, "--missing|a value is needed" },
		{ "nparts", "0", -EINVAL, "--nparts|from 1 to 2147483647|'0'" },
		{ "nparts", "-1", -EINVAL, "--nparts|'-1'" },
		{ "nparts", "", -EINVAL, "--nparts" },
		{ "nparts", "3x", -EINVAL, "--nparts|'3x'" },
		{ "nparts", "3.0", -EINVAL, "--nparts" },
		{ "nparts", "2147483648", -EINVAL, "--nparts" },
		{ "nparts", "99999999999999999999", -EINVAL, "--nparts" },
		{ "nparts", "0x10", -EINVAL, "--nparts" },
		{ "nchan", "0", -EINVAL, "--nchan|from 1" },
		{ "nchan", "many", -EINVAL, "--nchan|'many'" },
		{ "history", "none", -EINVAL, "--history|'none'|first, all" },
		{ "miscinfo", "all", -EINVAL, "--miscinfo|'all'|merge, first" },
		{ "axis", "8", -EINVAL, "--axis|'spectral'|'8'" },
		{ "axis", "-1", -EINVAL, "--axis|'-1'" },
		{ "axis", "stokes", -EINVAL, "--axis|'stokes'" },
		{ "axis", "", -EINVAL, "--axis|''" },
		{ "reorder", "yes", -EINVAL, "--reorder|no value" },
		{ "strict", "", -EINVAL, "--strict|no value" },
		{ "relax", "1", -EINVAL, "--relax|no value" },
		{ "settle", "-1", -EINVAL, "--settle|from 0|'-1'" },
		{ "settle", "soon", -EINVAL, "--settle|'soon'" },
		{ "settle", "nan", -EINVAL, "--settle|'nan'" },
		{ "settle", "1e9", -EINVAL, "--settle|to 1000000" },
		{ "settle", "", -EINVAL, "--settle" },
		{ "ready-file", "", -EINVAL, "--ready-file|{part}" },
		{ "ready-file", "done", -EINVAL, "--ready-file|{part}|'done'" },
		{ "tiling", "casa", -ENOENT, "--tiling|no such option" },
		{ "", NULL, -ENOENT, "no such option" },
		{ "Missing", "skip", -ENOENT, "no such option" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_view_options options = { 0 };
		struct sc_error err = { 0 };
		char text[200];
		int rc = sc_viewoptions_set(&options, cases[i].name, cases[i].value, &err);
		if (rc != cases[i].rc || !has_words(err.text, cases[i].words))
			fail_msg("--%s=%s: %d \"%s\"", cases[i].name, cases[i].value, rc, err.text);
		describe(&options, text, sizeof(text));
		assert_string_equal(text, "error nparts 0 nchan 0 axis 0 0");
	}
}

static void what_is_settled(void **state)
{
	(void)state;
	struct sc_view_options options = { 0 };
	assert_int_equal(sc_viewoptions_set(&options, "settle", "2.5", NULL), 0);
	assert_int_equal(options.settle.quiet_ns, INT64_C(2500000000));
	assert_int_equal(sc_viewoptions_set(&options, "settle", "0", NULL), 0);
	assert_int_equal(options.settle.quiet_ns, 0);
	assert_int_equal(sc_viewoptions_set(&options, "ready-file", "{part}.done", NULL), 0);
	assert_string_equal(options.settle.ready_file, "{part}.done");
}

/* What one program tells, another takes: the same options come out. */
static void what_is_told_is_taken(void **state)
{
	(void)state;
	static const struct sc_view_options cases[] = {
		{ .missing = SC_MISSING_BLANK },
		{ .missing = SC_MISSING_SKIP, .nparts = 64, .nchan = 128, .all_history = true, .reorder = true },
		{ .header = { .axis_given = true, .axis = 2, .strict = true, .first_miscinfo = true } },
		{ .settle = { .ready_file = "{part}.done" } },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		/* From the opposite, so that what is not told shows. */
		struct sc_view_options options = { .all_history = true, .header = { .axis_given = true, .axis = 1 } };
		sc_autofree char *lines = sc_viewoptions_format(&cases[i]), *again = NULL;
		/* Options point into it. */
		sc_autofree char *told = strdup(lines);
		char *rest = told, *line;
		while ((line = strsep(&rest, "\n"))) {
			char *value = strchr(line, '=');
			if (value)
				*value++ = 0;
			if (*line)
				assert_int_equal(sc_viewoptions_set(&options, line, value, NULL), 0);
		}
		again = sc_viewoptions_format(&options);
		assert_string_equal(again, lines);
		assert_int_equal(options.nparts, cases[i].nparts);
		assert_int_equal(options.header.axis_given, cases[i].header.axis_given);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_set),
		cmocka_unit_test(the_last_one_counts),
		cmocka_unit_test(what_is_no_value_changes_nothing),
		cmocka_unit_test(what_is_settled),
		cmocka_unit_test(what_is_told_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
