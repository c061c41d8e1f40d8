/*
 * Parts, blanks and their order, with real parts of one channel each: no table is made.
 */
#include "family.h"
#include "workdir.h"

#include "assemble.h"

enum { PARTS = 4 };

/* The real parts 0 to 3 as images of c, under the numbers `numbers`; -1: none. */
static void make_family(void **state, const int *numbers)
{
	assert_int_equal(workdir_clean(state), 0);
	for (int i = 0; i < PARTS; i++) {
		char from[64], to[64];
		snprintf(from, sizeof(from), "B1/in/cube.subcube.%d.image", i);
		snprintf(to, sizeof(to), "c.subcube.%d.image", numbers[i]);
		if (numbers[i] >= 0)
			workdir_copy(from, to);
	}
}

/* "0 1 [2-3]x2 4|warning|..." : numbers of parts, blanks with their first part's number and channels. */
static char *describe(const struct sc_view *view)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	for (size_t i = 0; i < view->nparts; i++) {
		const struct sc_part *part = &view->parts[i];
		const struct sc_slab *slab = &view->pixels.slabs[i];
		assert_int_equal(part->blank, sc_storage_is_fill(slab->storage));
		if (part->blank)
			fprintf(stream, "%s[%llu]x%lld%s", i ? " " : "", (unsigned long long)part->number,
				(long long)slab->count, slab->storage == SC_STORAGE_ZEROS ? "=0" : "");
		else
			fprintf(stream, "%s%llu", i ? " " : "", (unsigned long long)part->number);
	}
	fclose(stream);
	return text;
}

/* Assembles the product with extension `ext` of c; the text is freed by the caller. */
static int assemble(const char *ext, const struct sc_view_options *options, char **ret_text, char *warnings,
		    size_t size, struct sc_error *err)
{
	struct family family;
	struct sc_header header;
	struct sc_view *view = calloc(1, sizeof(*view));
	family_open_at(&family, workdir, ext);
	view->name = strdup("c.image");
	view->source = &family.source;
	*err = (struct sc_error){ 0 };
	*ret_text = NULL;
	int rc = sc_assemble(view, family.product, options, &header, err);
	warnings[0] = 0;
	for (size_t i = 0; i < view->nwarnings; i++) {
		size_t used = strlen(warnings);
		snprintf(warnings + used, size - used, "%s;", view->warnings[i]);
	}
	if (rc == 0) {
		int64_t total = 0;
		*ret_text = describe(view);
		assert_int_equal(view->pixels.nslabs, view->nparts);
		for (size_t i = 0; i < view->nparts; i++)
			total += view->pixels.slabs[i].count;
		assert_int_equal(header.shape[header.axis], total);
		assert_int_equal(view->pixels.shape[view->pixels.axis], total);
		assert_true(!view->has_mask || view->mask.nslabs == view->nparts);
		sc_header_clear(&header);
	}
	sc_view_free(view);
	family_close(&family);
	return rc;
}

#define BLANK .missing = SC_MISSING_BLANK
#define SKIP .missing = SC_MISSING_SKIP

static void parts_and_blanks_in_order(void **state)
{
	static const struct {
		int numbers[PARTS];
		struct sc_view_options options;
		const char *parts, *warnings; /* or the error when parts is NULL */
	} cases[] = {
		{ { 0, 1, 2, 3 }, { .nparts = 0 }, "0 1 2 3", "" },
		{ { 0, 1, 2, 3 }, { BLANK }, "0 1 2 3", "" },
		{ { 0, 1, 2, 3 }, { .nparts = 4 }, "0 1 2 3", "" },
		{ { 0, 1, 2, 3 }, { .nchan = 4 }, "0 1 2 3", "" },
		{ { 0, 1, 2, 3 }, { .nchan = 5 }, NULL, "4 channels|expected 5" },
		{ { 0, 1, 2, 3 }, { .nparts = 2 }, "0 1", "2 parts from c.subcube.2.image on are left out" },
		{ { 0, 1, 2, 3 }, { .nparts = 3 }, "0 1 2", "1 part from c.subcube.3.image on is left out" },
		{ { 0, -1, 2, 3 }, { .nparts = 0 }, NULL, "c.subcube.1.image is missing" },
		{ { 0, -1, -1, 3 }, { .nparts = 0 }, NULL, "c.subcube.1.image to c.subcube.2.image are missing" },
		{ { -1, 1, -1, 3 }, { .nparts = 0 }, NULL, "c.subcube.0.image, c.subcube.2.image are missing" },
		{ { 0, 1, 2, 3 }, { .nparts = 6 }, NULL, "c.subcube.4.image to c.subcube.5.image are missing" },
		{ { 0, -1, 2, 3 }, { SKIP }, "0 2 3", "c.subcube.1.image is missing|its channels" },
		{ { 0, -1, -1, 3 }, { SKIP }, "0 3", "c.subcube.1.image to c.subcube.2.image are|their channels" },
		{ { 0, -1, 2, 3 }, { BLANK }, "0 [1]x1 2 3", "c.subcube.1.image is missing: 1 blank channel from 1 " },
		{ { 0, -1, -1, 3 },
		  { BLANK },
		  "0 [1]x2 3",
		  "to c.subcube.2.image are missing: 2 blank channels from 1 " },
		{ { -1, 1, -1, 3 }, { BLANK }, "[0]x1 1 [2]x1 3", "c.subcube.0.image is|c.subcube.2.image is" },
		{ { 0, 1, -1, -1 }, { BLANK, .nparts = 4 }, "0 1 [2]x2", "c.subcube.2.image to c.subcube.3.image" },
		{ { -1, -1, 2, -1 }, { BLANK, .nparts = 4 }, "[0]x2 2 [3]x1", "from 0 |from 3 " },
		{ { -1, 1, 2, -1 }, { BLANK, .nparts = 4, .nchan = 5 }, NULL, "make 4 channels, expected 5" },
		/* Numbers that were never used leave no room for channels. */
		{ { 0, 1, 3, 4 },
		  { BLANK },
		  "0 1 3 4",
		  "c.subcube.2.image is missing, but the other parts leave no gap" },
		{ { 0, 1, 7, 4 }, { BLANK }, NULL, "c.subcube.4.image|c.subcube.1.image" },
		{ { 5, 6, 7, 8 }, { BLANK, .nparts = 5 }, NULL, "numbered above 4" },
		/* By frequency, whatever the numbers. */
		{ { 3, 2, 1, 0 }, { .reorder = true }, "3 2 1 0", "" },
		{ { 1, 3, 0, 2 }, { .reorder = true }, "1 3 0 2", "" },
		{ { 1, 3, 0, 2 }, { .nparts = 0 }, NULL, "c.subcube.|--reorder|--nparts" },
		{ { 3, -1, 1, 0 }, { BLANK, .reorder = true }, NULL, "order of their numbers" },
		{ { 3, -1, 1, 0 }, { SKIP, .reorder = true }, "3 1 0", "c.subcube.2.image is missing" },
		{ { 0, -1, 2, 3 },
		  { BLANK, .header = { .axis_given = true, .axis = 2 } },
		  NULL,
		  "only along the spectral axis" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autofree char *text = NULL;
		char warnings[2000];
		struct sc_error err;
		make_family(state, cases[i].numbers);
		int rc = assemble(".image", &cases[i].options, &text, warnings, sizeof(warnings), &err);
		const char *said = rc < 0 ? err.text : warnings;
		if ((rc == 0) != (cases[i].parts != NULL) || (text && strcmp(text, cases[i].parts) != 0) ||
		    !has_words(said, cases[i].warnings))
			fail_msg("case %zu: %d, \"%s\", \"%s\"", i, rc, text, said);
		assert_true(!cases[i].parts || cases[i].warnings[0] || !strstr(warnings, "c.subcube"));
	}
}

static void products_that_are_zero(void **state)
{
	static const struct {
		const char *ext, *parts;
	} cases[] = {
		{ ".model", "0 [1]x1=0 2 3" },   { ".mask", "0 [1]x1=0 2 3" },      { ".weight", "0 [1]x1=0 2 3" },
		{ ".sumwt", "0 [1]x1=0 2 3" },   { ".model.tt1", "0 [1]x1=0 2 3" }, { ".sumwt.tt0", "0 [1]x1=0 2 3" },
		{ ".image", "0 [1]x1 2 3" },     { ".image.pbcor", "0 [1]x1 2 3" }, { ".pb", "0 [1]x1 2 3" },
		{ ".modelling", "0 [1]x1 2 3" }, { ".masked", "0 [1]x1 2 3" },      { ".image.mask", "0 [1]x1 2 3" },
		{ ".weights", "0 [1]x1 2 3" },
	};
	static const int numbers[] = { 0, -1, 2, 3 };
	const struct sc_view_options options = { BLANK };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_autofree char *text = NULL;
		char warnings[2000];
		struct sc_error err;
		make_family(state, numbers);
		for (int k = 0; k < PARTS; k++) {
			char from[64], to[64];
			snprintf(from, sizeof(from), "c.subcube.%d.image", numbers[k]);
			snprintf(to, sizeof(to), "c.subcube.%d%s", numbers[k], cases[i].ext);
			if (numbers[k] >= 0)
				assert_int_equal(renameat(workdir_fd, from, workdir_fd, to), 0);
		}
		if (assemble(cases[i].ext, &options, &text, warnings, sizeof(warnings), &err) < 0)
			fail_msg("%s: %s", cases[i].ext, err.text);
		if (strcmp(text, cases[i].parts) != 0)
			fail_msg("%s: \"%s\"", cases[i].ext, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_and_blanks_in_order),
		cmocka_unit_test(products_that_are_zero),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
