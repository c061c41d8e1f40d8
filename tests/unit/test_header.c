/*
 * Headers of real families against CASA's own, and what differs between parts
 * that are made of one real part in memory.
 */
#include "family.h"
#include "words.h"

#include <math.h>

#include "header.h"

static const struct sc_header_options relaxed = { 0 };

/* Paths as they are, from anywhere. */
static const struct sc_source anywhere = { .dirfd = AT_FDCWD, .follow_links = true };

/* ---- real families ---- */

static void build_real(const struct family *family, struct sc_header *header)
{
	struct sc_error err = { 0 };
	struct sc_header_builder *builder = sc_header_builder_new(&relaxed);
	for (size_t i = 0; i < family->product->nparts; i++) {
		struct sc_subcube part;
		const char *name = family->product->parts[i].name;
		if (sc_subcube_open(&family->source, name, &part, &err) < 0 ||
		    sc_header_builder_add(builder, name, &part, &err) < 0)
			fail_msg("%s", err.text);
		sc_subcube_clear(&part);
	}
	if (sc_header_builder_finish(builder, NULL, 0, header, &err) < 0)
		fail_msg("%s", err.text);
	sc_header_builder_free(builder);
}

/* CASA's image info has fields for what is not known; the beams and what is set must be the same. */
static void compare_records(const char *what, const struct sc_record *ours, const struct sc_record *casas,
			    const char *const *without)
{
	sc_autorecord struct sc_record *a = ours ? sc_record_copy(ours) : sc_record_new();
	sc_autorecord struct sc_record *b = casas ? sc_record_copy(casas) : sc_record_new();
	for (; without && *without; without++) {
		sc_record_remove(a, *without);
		sc_record_remove(b, *without);
	}
	for (size_t i = 0; i < a->nfields; i++) {
		const struct sc_field *other = sc_record_find(b, a->fields[i].name);
		if (!other || !sc_field_equal(&a->fields[i], other))
			fail_msg("%s: %s is not as CASA has it", what, a->fields[i].name);
	}
	if (a->nfields != b->nfields)
		fail_msg("%s: %zu fields, CASA has %zu", what, a->nfields, b->nfields);
}

static void drop_volatile(struct sc_record *miscinfo)
{
	static const char *const names[] = { "memreq", "memavail" };
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		for (size_t k = miscinfo->nfields; k-- > 0;)
			if (strncmp(miscinfo->fields[k].name, names[i], strlen(names[i])) == 0)
				sc_record_remove(miscinfo, miscinfo->fields[k].name);
	}
}

static void compare_with_casa(const struct sc_header *header, const char *reference)
{
	static const char *const dates[] = { "obsdate", NULL };
	struct sc_subcube casa;
	struct sc_error err = { 0 };
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", getenv("SC_TEST_DATA"), reference) > 0);
	if (sc_subcube_open(&anywhere, path, &casa, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(header->ndim, casa.pixels.tsm.ndim);
	assert_memory_equal(header->shape, casa.pixels.tsm.shape, (size_t)header->ndim * sizeof(*header->shape));
	assert_int_equal(header->type, casa.pixels.tsm.type);
	struct sc_record *miscinfo = sc_record_edit_record(casa.keywords, "miscinfo");
	if (miscinfo)
		drop_volatile(miscinfo);
	drop_volatile(header->miscinfo);
	compare_records(reference, header->miscinfo, miscinfo, NULL);
	compare_records(reference, header->imageinfo, sc_record_get_record(casa.keywords, "imageinfo"), NULL);
	compare_records(reference, header->coords, sc_record_get_record(casa.keywords, "coords"), dates);
	const char *units = sc_record_get_string(casa.keywords, "units");
	assert_string_equal(header->units, units ? units : "");
	sc_subcube_clear(&casa);
}

static void real_headers_are_casas(void **state)
{
	(void)state;
	static const struct {
		const char *directory, *ext, *reference;
		bool has_mask;
	} cases[] = {
		{ "A1", ".image", "A1/cube.image", true },
		{ "A1", ".psf", "A1/cube.psf", false },
		{ "A1", ".sumwt", NULL, false },
		{ "A2", ".image", "A2/cube.image", true },
		{ "A2", ".sumwt", "A2/cube.sumwt", false },
		{ "A6", ".image", "A6/cube.image", true },
		{ "B1/in", ".image", "B1/ref_p/cube.image", true },
		{ "B10/in", ".sumwt", "B10/ref_p/cube.sumwt", false },
		{ "B2/in", ".image", "B2/ref_p/cube.image", true },
		{ "B4cd/in", ".image", "B4cd/ref_p/cube.image", true },
		{ "B5a/in", ".image", "B5a/ref_p/cube.image", true },
		{ "B5b/in", ".image", "B5b/ref_p/cube.image", true },
		{ "B5c/in", ".image", "B5c/ref_p/cube.image", true },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct family family;
		struct sc_header header;
		family_open(&family, cases[i].directory, cases[i].ext);
		build_real(&family, &header);
		assert_int_equal(header.axis, 3);
		if (header.has_mask != cases[i].has_mask)
			fail_msg("%s: mask %d", cases[i].directory, header.has_mask);
		if (cases[i].reference)
			compare_with_casa(&header, cases[i].reference);
		for (size_t k = 0; k < header.nwarnings; k++)
			print_message("%s%s: %s\n", cases[i].directory, cases[i].ext, header.warnings[k]);
		sc_header_clear(&header);
		family_close(&family);
	}
}

/* ---- parts made of one real part ---- */

/* `count` channels from `hz` on, `step` apart. */
static void make_part(struct sc_subcube *part, int64_t count, double hz, double step)
{
	const char *root = getenv("SC_TEST_DATA");
	struct sc_error err = { 0 };
	if (!root || !*root)
		skip();
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/A1/cube.subcube.0.image", root) > 0);
	if (sc_subcube_open(&anywhere, path, part, &err) < 0)
		fail_msg("%s", err.text);
	struct sc_record *spectral =
	    sc_record_edit_record(sc_record_edit_record(part->keywords, "coords"), "spectral2");
	struct sc_record *wcs = sc_record_edit_record(spectral, "wcs");
	assert_int_equal(sc_record_put_double(wcs, "crval", hz), 0);
	assert_int_equal(sc_record_put_double(wcs, "crpix", 0), 0);
	assert_int_equal(sc_record_put_double(wcs, "cdelt", step), 0);
	part->pixels.tsm.shape[3] = count;
}

static struct sc_record *edit_coords(struct sc_subcube *part)
{
	return sc_record_edit_record(part->keywords, "coords");
}

static void set_telescope(struct sc_subcube *part)
{
	assert_int_equal(sc_record_put_string(edit_coords(part), "telescope", "MeerKAT"), 0);
}

static void set_unit(struct sc_subcube *part)
{
	assert_int_equal(sc_record_put_string(part->keywords, "units", "K"), 0);
}

static void drop_unit(struct sc_subcube *part)
{
	sc_record_remove(part->keywords, "units");
}

static void set_object(struct sc_subcube *part)
{
	assert_int_equal(sc_record_put_string(sc_record_edit_record(part->keywords, "imageinfo"), "objectname", "Crab"),
			 0);
}

static void set_image_type(struct sc_subcube *part)
{
	assert_int_equal(sc_record_put_string(sc_record_edit_record(part->keywords, "imageinfo"), "imagetype", "Beam"),
			 0);
}

static void drop_imageinfo(struct sc_subcube *part)
{
	sc_record_remove(part->keywords, "imageinfo");
}

static void set_frame(struct sc_subcube *part)
{
	assert_int_equal(sc_record_put_string(sc_record_edit_record(edit_coords(part), "spectral2"), "system", "BARY"),
			 0);
}

static void set_width(struct sc_subcube *part)
{
	part->pixels.tsm.shape[0] = 95;
}

static void set_axes(struct sc_subcube *part)
{
	part->pixels.tsm.ndim = 3;
}

static void set_type(struct sc_subcube *part)
{
	part->pixels.tsm.type = SC_TYPE_DCOMPLEX;
}

static void drop_coords(struct sc_subcube *part)
{
	sc_record_remove(part->keywords, "coords");
}

static void drop_stokes(struct sc_subcube *part)
{
	sc_record_remove(edit_coords(part), "stokes1");
}

static void break_frequencies(struct sc_subcube *part)
{
	struct sc_record *spectral = sc_record_edit_record(edit_coords(part), "spectral2");
	assert_int_equal(sc_record_put_double(sc_record_edit_record(spectral, "wcs"), "crval", NAN), 0);
}

static void make_endless(struct sc_subcube *part)
{
	part->pixels.tsm.shape[3] = INT64_MAX;
}

static void make_far_too_long(struct sc_subcube *part)
{
	part->pixels.tsm.shape[3] = INT32_MAX - 1;
}

/* Builds a header of `nparts` parts of two channels, of which those from `changed` on are changed. */
static int build(unsigned nparts, unsigned changed, void (*change)(struct sc_subcube *part), struct sc_header *header,
		 struct sc_error *err)
{
	struct sc_header_builder *builder = sc_header_builder_new(&relaxed);
	int rc = 0;
	*err = (struct sc_error){ 0 };
	for (unsigned i = 0; rc == 0 && i < nparts; i++) {
		struct sc_subcube part;
		char name[32];
		snprintf(name, sizeof(name), "part.%u", i);
		make_part(&part, 2, 1e9 + 2e6 * i, 1e6);
		if (i >= changed)
			change(&part);
		rc = sc_header_builder_add(builder, name, &part, err);
		sc_subcube_clear(&part);
	}
	if (rc == 0)
		rc = sc_header_builder_finish(builder, NULL, 0, header, err);
	sc_header_builder_free(builder);
	return rc;
}

static void errors_name_the_part_and_both_values(void **state)
{
	(void)state;
	static const struct {
		void (*change)(struct sc_subcube *part);
		unsigned changed;
		int rc;
		const char *words;
	} cases[] = {
		{ set_width, 1, -EUCLEAN, "part.1: |is 95 x 80 x 1 x 2|expected 96 x 80 x 1 x 2|in part.0" },
		{ set_axes, 2, -EUCLEAN, "part.2: |is 96 x 80 x 1,|expected 96 x 80 x 1 x |in part.0" },
		{ set_axes, 0, -EUCLEAN, "part.0|no spectral axis" },
		{ set_type, 1, -EUCLEAN, "part.1: |dcomplex|float|part.0" },
		{ drop_coords, 0, -EUCLEAN, "part.0/table.dat|no coordinates" },
		{ drop_coords, 1, -EUCLEAN, "part.1/table.dat|no coordinates" },
		{ drop_stokes, 1, -EUCLEAN, "part.1 has 1 coordinates|part.0 has 3" },
		{ break_frequencies, 0, -EUCLEAN, "part.0|not a number" },
		{ break_frequencies, 2, -EUCLEAN, "part.2|not a number" },
		{ make_endless, 0, -EFBIG, "part.0|channels" },
		{ make_endless, 1, -EFBIG, "part.1|channels" },
		{ make_far_too_long, 0, -EFBIG, "part.0|channels" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_header header;
		struct sc_error err;
		int rc = build(3, cases[i].changed, cases[i].change, &header, &err);
		if (rc != cases[i].rc || !has_words(err.text, cases[i].words))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
	}
}

static void differences_are_warnings(void **state)
{
	(void)state;
	static const struct {
		void (*change)(struct sc_subcube *part);
		const char *words, *more; /* of one warning, of the summary of many */
	} cases[] = {
		{ set_telescope, "telescope is MeerKAT, not |part.0", "more parts have another telescope than part.0" },
		{ set_unit, "brightness unit is K, not Jy/beam", "another brightness unit" },
		{ drop_unit, "brightness unit is empty, not Jy/beam", "another brightness unit" },
		{ set_object, "object is Crab", "another object" },
		{ set_image_type, "image type is Beam, not Intensity", "another image type" },
		{ set_frame, "spectral frame is BARY", "another spectral frame" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		for (unsigned others = 0; others <= 8; others++) {
			struct sc_header header;
			struct sc_error err;
			char more[100];
			if (build(9, 9 - others, cases[i].change, &header, &err) < 0)
				fail_msg("case %zu: %s", i, err.text);
			size_t expected = others <= 5 ? others : 6;
			if (header.nwarnings != expected)
				fail_msg("case %zu, %u: %zu warnings", i, others, header.nwarnings);
			for (size_t k = 0; k < expected && k < 5; k++) {
				char name[32];
				snprintf(name, sizeof(name), "part.%zu: ", 9 - others + k);
				if (!has_words(header.warnings[k], name) ||
				    !has_words(header.warnings[k], cases[i].words))
					fail_msg("case %zu: \"%s\"", i, header.warnings[k]);
			}
			snprintf(more, sizeof(more), "%u more parts", others - 5);
			if (others > 5 &&
			    (!has_words(header.warnings[5], more) || !has_words(header.warnings[5], cases[i].more)))
				fail_msg("case %zu: \"%s\"", i, header.warnings[5]);
			/* The first part's values stand. */
			assert_string_equal(header.units, "Jy/beam");
			assert_string_equal(sc_record_get_string(header.imageinfo, "imagetype"), "Intensity");
			sc_header_clear(&header);
		}
	}
}

/* What the first part lacks is there with casacore's defaults. */
static void a_bare_first_part_will_do(void **state)
{
	(void)state;
	struct sc_header header;
	struct sc_error err;
	assert_int_equal(build(1, 0, drop_unit, &header, &err), 0);
	assert_string_equal(header.units, "");
	sc_header_clear(&header);
	assert_int_equal(build(1, 0, drop_imageinfo, &header, &err), 0);
	assert_string_equal(sc_record_get_string(header.imageinfo, "imagetype"), "Intensity");
	assert_string_equal(sc_record_get_string(header.imageinfo, "objectname"), "");
	assert_null(sc_record_find(header.imageinfo, "restoringbeam"));
	assert_int_equal(header.nwarnings, 0);
	sc_header_clear(&header);
}

/* ---- frequencies ---- */

static void frequencies_make_the_axis(void **state)
{
	(void)state;
	static const struct {
		double starts[4], step; /* of four parts of two channels */
		bool tabulated;
		const char *words; /* of the only warning, or of the error; NULL: none */
		int rc;
	} cases[] = {
		{ { 1e9, 1.002e9, 1.004e9, 1.006e9 }, 1e6, false, NULL, 0 },
		{ { 1.006e9, 1.004e9, 1.002e9, 1e9 }, -1e6, false, NULL, 0 },
		{ { 1e9, 1.002006e9, 1.004012e9, 1.006018e9 }, 1e6 + 3e3, false, NULL, 0 },
		{ { 1e9, 1.00201e9, 1.00402e9, 1.00603e9 },
		  1e6 + 1e3,
		  false,
		  "the first part's increment|1001000 Hz|1%|mean spacing|1004428.571 Hz",
		  0 },
		{ { 1e9, 1.003e9, 1.005e9, 1.007e9 }, 1e6, true, "not evenly spaced|tabulated", 0 },
		{ { 1e9, 1.002e9, 1.0021e9, 1.0041e9 },
		  1e6,
		  true,
		  "part.2: 1002100000 Hz is not above 1003000000 Hz|--reorder",
		  -EUCLEAN },
		{ { 1e9, 1.004e9, 1.002e9, 1.006e9 }, 1e6, true, "part.2: |1002000000|--reorder", -EUCLEAN },
		{ { 1.006e9, 1.004e9, 1.002e9, 1e9 }, 1e6, true, "part.1: |--reorder", -EUCLEAN },
		{ { 1e9, 1e9, 1e9, 1e9 }, 1e6, true, "part.1: |--reorder", -EUCLEAN },
		{ { 1e9, 1e9, 1e9, 1e9 }, 0, true, "part.0: |--reorder", -EUCLEAN },
		{ { 1.007e9, 1.004e9, 1.002e9, 1e9 }, -1e6, true, "tabulated", 0 },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_header_builder *builder = sc_header_builder_new(&relaxed);
		struct sc_header header = { 0 };
		struct sc_error err = { 0 };
		for (unsigned k = 0; k < 4; k++) {
			struct sc_subcube part;
			char name[32];
			snprintf(name, sizeof(name), "part.%u", k);
			make_part(&part, 2, cases[i].starts[k], cases[i].step);
			assert_int_equal(sc_header_builder_add(builder, name, &part, &err), 0);
			sc_subcube_clear(&part);
		}
		assert_int_equal(sc_header_builder_axis(builder), 3);
		int rc = sc_header_builder_finish(builder, NULL, 0, &header, &err);
		const char *said = rc < 0 ? err.text : header.nwarnings ? header.warnings[0] : NULL;
		if (rc != cases[i].rc || header.nwarnings > 1 || !said != !cases[i].words ||
		    (said && !has_words(said, cases[i].words)))
			fail_msg("case %zu: %d \"%s\"", i, rc, said);
		if (rc == 0) {
			const struct sc_record *spectral = sc_record_get_record(header.coords, "spectral2");
			assert_int_equal(sc_record_find(spectral, "tabular") != NULL, cases[i].tabulated);
			assert_int_equal(sc_record_find(spectral, "wcs") == NULL, cases[i].tabulated);
			assert_int_equal(header.shape[3], 8);
		}
		sc_header_clear(&header);
		sc_header_builder_free(builder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_headers_are_casas),    cmocka_unit_test(errors_name_the_part_and_both_values),
		cmocka_unit_test(differences_are_warnings),  cmocka_unit_test(a_bare_first_part_will_do),
		cmocka_unit_test(frequencies_make_the_axis),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
