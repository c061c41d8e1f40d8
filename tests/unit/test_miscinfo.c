#include "testdata.h"

#include <time.h>

#include "miscinfo.h"

/* Adds a record with the fields named in `names` (separated by blanks), whose values count on from *value. */
static void add(struct sc_miscinfo *miscinfo, const char *names, int32_t *value)
{
	sc_autorecord struct sc_record *record = sc_record_new();
	sc_autofree char *copy = strdup(names);
	char *rest = copy;
	for (char *name; (name = strsep(&rest, " "));)
		if (*name)
			assert_int_equal(sc_record_put_int(record, name, (*value)++), 0);
	assert_int_equal(sc_miscinfo_add(miscinfo, record), 0);
}

/* What casacore 3.5's TableRecord::merge(record, RenameDuplicates) makes of the same records. */
static void names_are_casacores(void **state)
{
	(void)state;
	static const struct {
		const char *parts[5];
		const char *merged; /* "name=value ..." */
	} cases[] = {
		{ { "a b", "a b", "a b" }, "a=0 b=1 a_1=2 b_1=3 a_2=4 b_2=5 " },
		{ { "a a_1", "a", "a_1" }, "a=0 a_1=1 a_2=2 a_1_1=3 " },
		{ { "a", "a_1", "a a_1", "a" }, "a=0 a_1=1 a_2=2 a_1_1=3 a_3=4 " },
		{ { "a", "a a_1" }, "a=0 a_1=1 a_1_1=2 " },
		{ { "a", "a_1 a" }, "a=0 a_1=1 a_2=2 " },
		{ { "a a_2", "a", "a", "a" }, "a=0 a_2=1 a_1=2 a_3=3 a_4=4 " },
		{ { "a", "a a_1 a_2" }, "a=0 a_1=1 a_1_1=2 a_2=3 " },
		{ { "", "x" }, "x=0 " },
		{ { "a", "", "a" }, "a=0 a_1=1 " },
		{ { "" }, "" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_miscinfo miscinfo;
		int32_t value = 0;
		assert_int_equal(sc_miscinfo_init(&miscinfo), 0);
		for (size_t k = 0; k < SC_COUNT_OF(cases[i].parts) && cases[i].parts[k]; k++)
			add(&miscinfo, cases[i].parts[k], &value);
		char text[200] = "";
		for (size_t k = 0; k < miscinfo.merged->nfields; k++)
			sprintf(text + strlen(text), "%s=%lld ", miscinfo.merged->fields[k].name,
				(long long)miscinfo.merged->fields[k].integer);
		assert_string_equal(text, cases[i].merged);
		sc_miscinfo_clear(&miscinfo);
	}
}

static void all_kinds_of_values_are_kept(void **state)
{
	(void)state;
	static const double numbers[] = { 1, 2.5, -3 };
	struct sc_miscinfo miscinfo;
	sc_autorecord struct sc_record *record = sc_record_new(), *inner = sc_record_new();
	assert_int_equal(sc_record_put_string(inner, "deep", "er"), 0);
	assert_int_equal(sc_record_put_string(record, "text", "a text"), 0);
	assert_int_equal(sc_record_put_vector(record, "numbers", SC_TYPE_ARRAY_DOUBLE, numbers, 3), 0);
	assert_int_equal(sc_record_put_record(record, "inner", sc_steal_ptr(inner)), 0);
	assert_int_equal(sc_miscinfo_init(&miscinfo), 0);
	assert_int_equal(sc_miscinfo_add(&miscinfo, NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(sc_miscinfo_add(&miscinfo, record), 0);
	assert_int_equal(sc_miscinfo_add(&miscinfo, NULL), 0);
	assert_int_equal(miscinfo.merged->nfields, 6);
	static const char *const names[][2] = { { "text", "text_1" },
						{ "numbers", "numbers_1" },
						{ "inner", "inner_1" } };
	for (size_t i = 0; i < SC_COUNT_OF(names); i++)
		for (size_t k = 0; k < 2; k++)
			assert_true(sc_field_equal(sc_record_find(record, names[i][0]),
						   sc_record_find(miscinfo.merged, names[i][k])));
	sc_miscinfo_clear(&miscinfo);
}

/* 60,000 parts of seven keys: seconds would already be too long, casacore never ends. */
static void long_cubes_take_linear_time(void **state)
{
	(void)state;
	struct sc_miscinfo miscinfo;
	struct timespec begin, end;
	int32_t value = 0;
	assert_int_equal(sc_miscinfo_init(&miscinfo), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (int i = 0; i < 60000; i++)
		add(&miscinfo, "INSTRUME distance imager memavail memreq useful version", &value);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_int_equal(miscinfo.merged->nfields, 420000);
	int64_t last;
	assert_true(sc_record_get_int(miscinfo.merged, "version_59999", &last));
	assert_int_equal(last, 419999);
	assert_true(end.tv_sec - begin.tv_sec < 20);
	sc_miscinfo_clear(&miscinfo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_casacores),
		cmocka_unit_test(all_kinds_of_values_are_kept),
		cmocka_unit_test(long_cubes_take_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
