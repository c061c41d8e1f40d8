#include "words.h"

#include "names.h"

/* A base of NULL: the name is no part's. */
static void expect_match(const struct sc_pattern *pattern, const char *name, const char *base, uint64_t number,
			 const char *ext)
{
	struct sc_name_parts parts = { .number = 99 };
	bool found = sc_pattern_match(pattern, name, &parts);
	if (found != (base != NULL) ||
	    (found && (parts.base_length != strlen(base) || strncmp(parts.base, base, parts.base_length) != 0 ||
		       parts.number != number || parts.ext_length != strlen(ext) ||
		       strncmp(parts.ext, ext, parts.ext_length) != 0)))
		fail_msg("\"%s\": %d, base \"%.*s\", number %llu, ext \"%.*s\"", name, found, (int)parts.base_length,
			 parts.base, (unsigned long long)parts.number, (int)parts.ext_length, parts.ext);
}

static void parse(const char *text, struct sc_pattern *pattern)
{
	struct sc_error err = { 0 };
	if (sc_pattern_parse(text, pattern, &err) < 0)
		fail_msg("%s: %s", text, err.text);
}

static void pcleans_names_are_split(void **state)
{
	(void)state;
	static const struct {
		const char *name, *base; /* base NULL: no part */
		uint64_t number;
		const char *ext;
	} cases[] = {
		{ "cube.subcube.0.image", "cube", 0, ".image" },
		{ "cube.subcube.17.image.pbcor", "cube", 17, ".image.pbcor" },
		{ "my.cube.v2.subcube.3.image.tt0", "my.cube.v2", 3, ".image.tt0" },
		{ "cube.subcube.007.psf", "cube", 7, ".psf" },
		{ "cube.subcube.999999999999.psf", "cube", UINT64_C(999999999999), ".psf" },
		{ "cube.subcube.1000000000000.psf", NULL, 0, NULL },
		{ "cube.subcube.18446744073709551616.psf", NULL, 0, NULL },
		{ "w\xc3\xbcrfel \xe2\x98\x83\xff.subcube.1.\xc3\xa4", "w\xc3\xbcrfel \xe2\x98\x83\xff", 1,
		  ".\xc3\xa4" },
		{ "a b\n.subcube.1.image", "a b\n", 1, ".image" },
		{ "[ab]*.subcube.1.image", "[ab]*", 1, ".image" },
		/* The last mark counts: a base may look like a part. */
		{ "cube.subcube.0.subcube.5.image", "cube.subcube.0", 5, ".image" },
		{ "cube.subcube.0.image.subcube.5.image", "cube.subcube.0.image", 5, ".image" },
		{ "cube.subcube.0.subcube.x", "cube", 0, ".subcube.x" },
		{ "cube.subcube.0.subcube.1", "cube", 0, ".subcube.1" },
		{ "cube.subcube.subcube.3.image", "cube.subcube", 3, ".image" },
		{ "subcube.subcube.3.image", "subcube", 3, ".image" },
		{ "cube.subcube.0..image", "cube", 0, "..image" },
		{ "cube..subcube.0.image", "cube.", 0, ".image" },
		/* No parts. */
		{ "cube.subcube.0", NULL, 0, NULL },
		{ "cube.subcube.0.", NULL, 0, NULL },
		{ "cube.subcube..image", NULL, 0, NULL },
		{ "cube.subcube.-1.image", NULL, 0, NULL },
		{ "cube.subcube.+1.image", NULL, 0, NULL },
		{ "cube.subcube. 1.image", NULL, 0, NULL },
		{ "cube.subcube.1a.image", NULL, 0, NULL },
		{ "cube.subcube.0x1.image", NULL, 0, NULL },
		{ "cube.Subcube.0.image", NULL, 0, NULL },
		{ "cubesubcube.0.image", NULL, 0, NULL },
		{ ".subcube.0.image", NULL, 0, NULL },
		{ ".cube.subcube.0.tmpdir", NULL, 0, NULL },
		{ "..subcube.0.image", NULL, 0, NULL },
		{ "cube.image", NULL, 0, NULL },
		{ "", NULL, 0, NULL },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++)
		expect_match(sc_names_known(0), cases[i].name, cases[i].base, cases[i].number, cases[i].ext);
}

static void casas_names_are_split(void **state)
{
	(void)state;
	static const struct {
		const char *name, *base;
		uint64_t number;
		const char *ext;
	} cases[] = {
		{ "cube.workdirectory/cube.n1.image", "cube", 1, ".image" },
		{ "cube.workdirectory/cube.n10.image.pbcor.tt0", "cube", 10, ".image.pbcor.tt0" },
		{ "a.n3.workdirectory/a.n3.n12.psf", "a.n3", 12, ".psf" },
		{ "a.workdirectory/a.n3.n12.psf", "a", 3, ".n12.psf" },
		{ "a.workdirectory.workdirectory/a.workdirectory.n2.pb", "a.workdirectory", 2, ".pb" },
		{ "cube.workdirectory/cube2.n1.image", NULL, 0, NULL },
		{ "cube2.workdirectory/cube.n1.image", NULL, 0, NULL },
		{ "cube.workdirectory/cube.n.image", NULL, 0, NULL },
		{ "cube.workdirectory/cube.n1", NULL, 0, NULL },
		{ "cube.workdirectory/cube.n1.image/table.dat", NULL, 0, NULL },
		{ "x/cube.workdirectory/cube.n1.image", NULL, 0, NULL },
		{ "cube.workdirectory", NULL, 0, NULL },
		{ "cube.n1.image", NULL, 0, NULL },
		{ ".workdirectory/.n1.image", NULL, 0, NULL },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++)
		expect_match(sc_names_known(1), cases[i].name, cases[i].base, cases[i].number, cases[i].ext);
}

static void patterns_are_matched(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *name, *base;
		uint64_t number;
		const char *ext;
	} cases[] = {
		{ "{base}.chunk{n}{ext}", "cube.chunk12.image", "cube", 12, ".image" },
		{ "{base}.chunk{n}{ext}", "cube.chunk.image", NULL, 0, NULL },
		{ "{base}.chunk{n}{ext}", "cube.chunk1.chunk2.image", "cube.chunk1", 2, ".image" },
		{ "{base}{ext}.{n}", "cube.image.7", "cube", 7, ".image" },
		{ "{base}{ext}.{n}", "cube.v2.image.7", "cube.v2", 7, ".image" },
		{ "{base}{ext}.{n}", "cube.7", NULL, 0, NULL },
		{ "{n}_{base}{ext}", "003_cube.psf", "cube", 3, ".psf" },
		{ "{n}_{base}{ext}", "_cube.psf", NULL, 0, NULL },
		{ "{base}{n}{ext}", "cube12.image", "cube1", 2, ".image" },
		{ "{base}{n}{ext}", "12.image", "1", 2, ".image" },
		{ "{base}{n}{ext}", "2.image", NULL, 0, NULL },
		{ "part-{n}/{base}{ext}", "part-4/cube.image", "cube", 4, ".image" },
		{ "part-{n}/{base}{ext}", "part-4/sub/cube.image", NULL, 0, NULL },
		{ "{base}/{n}/{base}{ext}", "c/1/c.image", "c", 1, ".image" },
		{ "{base}/{n}/{base}{ext}", "c/1/d.image", NULL, 0, NULL },
		{ "{base}.{n}{ext}.{base}", "c.1.image.c", "c", 1, ".image" },
		/* Any other character stands for itself. */
		{ "[{base}]*{n}?{ext}", "[c]*1?.image", "c", 1, ".image" },
		{ "[{base}]*{n}?{ext}", "cc1x.image", NULL, 0, NULL },
		{ "%s{base}%n{n}{ext}", "%sc%n1.image", "c", 1, ".image" },
		{ "w\xc3\xbcrfel {base} {n}{ext}", "w\xc3\xbcrfel c 1.\xc3\xa4", "c", 1, ".\xc3\xa4" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_pattern pattern;
		parse(cases[i].pattern, &pattern);
		expect_match(&pattern, cases[i].name, cases[i].base, cases[i].number, cases[i].ext);
	}
}

/* A name that can be split in very many ways takes no long time. */
static void a_long_name_is_matched_soon(void **state)
{
	(void)state;
	struct sc_pattern pattern;
	char name[256];
	parse("{base}1{base}{n}{ext}", &pattern);
	memset(name, '1', 255);
	name[255] = 0;
	expect_match(&pattern, name, NULL, 0, NULL);
	memset(name, '.', 255);
	name[0] = 'a';
	parse("{base}{ext}.{n}", &pattern);
	expect_match(&pattern, name, NULL, 0, NULL);
}

static void patterns_that_cannot_be(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "empty" },
		{ "{base}{n}", "'{base}{n}' must have {base}, {n} and {ext}" },
		{ "{base}{ext}", "must have" },
		{ "{n}{ext}", "must have" },
		{ "plain", "must have" },
		{ "{base}{n}{n}{ext}", "once" },
		{ "{base}{n}{ext}{ext}", "once" },
		{ "{base}{n}{ext}{", "brace" },
		{ "{base}}{n}{ext}", "brace" },
		{ "{Base}{n}{ext}", "brace" },
		{ "{base}{n:03d}{ext}", "brace" },
		{ "{}{base}{n}{ext}", "brace" },
		{ "/{base}{n}{ext}", "below SOURCE" },
		{ "a//{base}{n}{ext}", "below SOURCE" },
		{ "../{base}{n}{ext}", "below SOURCE" },
		{ "a/../{base}{n}{ext}", "below SOURCE" },
		{ "{base}{n}{ext}/", "below SOURCE" },
		{ "{base}{n}{ext}/..", "below SOURCE" },
		{ "./{base}{n}{ext}", "below SOURCE" },
		{ "a/./{base}{n}{ext}", "below SOURCE" },
		{ "{base}{base}{base}{base}{base}{base}{base}{base}{base}{base}{base}{base}{base}{base}{base}{n}{ext}",
		  "too long" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_pattern pattern = { .ntokens = 77 };
		struct sc_error err = { 0 };
		int rc = sc_pattern_parse(cases[i].text, &pattern, &err);
		if (rc != -EINVAL || !has_words(err.text, cases[i].words) || pattern.ntokens != 77)
			fail_msg("'%s': %d \"%s\"", cases[i].text, rc, err.text);
	}
	/* Two dots that are no component of their own are a name. */
	struct sc_pattern pattern;
	parse("a..b/{base}..{n}{ext}", &pattern);
	parse("x../{base}.{n}{ext}", &pattern);
}

static void directories_on_the_way(void **state)
{
	(void)state;
	static const struct {
		const char *pattern; /* NULL: CASA's */
		const char *name;
		unsigned depth;
		bool matches;
	} cases[] = {
		{ NULL, "cube.workdirectory", 0, true },
		{ NULL, "cube.Workdirectory", 0, false },
		{ NULL, ".workdirectory", 0, false },
		{ NULL, "cube.workdirectory2", 0, false },
		{ "{base}/x{n}/y{ext}", "anything", 0, true },
		{ "{base}/x{n}/y{ext}", "anything/x7", 1, true },
		{ "{base}/x{n}/y{ext}", "anything/y7", 1, false },
		{ "{base}/x{n}/y{ext}", "x7", 0, true },
		{ "a/b/{base}{n}{ext}", "a", 0, true },
		{ "a/b/{base}{n}{ext}", "b", 0, false },
		{ "a/b/{base}{n}{ext}", "a/b", 1, true },
		{ "a/b/{base}{n}{ext}", "a/c", 1, false },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_pattern own;
		const struct sc_pattern *pattern = sc_names_known(1);
		if (cases[i].pattern) {
			parse(cases[i].pattern, &own);
			pattern = &own;
		}
		if (sc_pattern_match_directory(pattern, cases[i].name, cases[i].depth) != cases[i].matches)
			fail_msg("case %zu: %s", i, cases[i].name);
	}
}

static void names_are_formatted(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *base;
		uint64_t number;
		unsigned width;
		const char *ext, *name;
		unsigned depth;
	} cases[] = {
		{ "{base}.subcube.{n}{ext}", "cube", 0, 1, ".image", "cube.subcube.0.image", 0 },
		{ "{base}-{n}-image{ext}", "cube", 7, 4, ".fits", "cube-0007-image.fits", 0 },
		{ "{base}.w/{base}.n{n}{ext}", "a.b", 12, 1, ".psf", "a.b.w/a.b.n12.psf", 1 },
		{ "{n}/{base}/{ext}", "%s", 999999999999, 1, ".%d", "999999999999/%s/.%d", 2 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_pattern pattern;
		parse(cases[i].pattern, &pattern);
		sc_autofree char *name = sc_pattern_format(&pattern, cases[i].base, cases[i].number, cases[i].width, cases[i].ext);
		assert_string_equal(name, cases[i].name);
		assert_int_equal(sc_pattern_depth(&pattern), cases[i].depth);
		expect_match(&pattern, name, cases[i].base, cases[i].number, cases[i].ext);
	}
	assert_false(sc_names_known(0)->from_one);
	assert_true(sc_names_known(1)->from_one);
	assert_int_equal(sc_pattern_depth(sc_names_known(0)), 0);
	assert_int_equal(sc_pattern_depth(sc_names_known(1)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcleans_names_are_split), cmocka_unit_test(casas_names_are_split),
		cmocka_unit_test(patterns_are_matched),    cmocka_unit_test(a_long_name_is_matched_soon),
		cmocka_unit_test(patterns_that_cannot_be), cmocka_unit_test(directories_on_the_way),
		cmocka_unit_test(names_are_formatted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
