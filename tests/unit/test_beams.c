#include "words.h"

#include "beams.h"

/*
 * Beams in short: "4" is one beam of 4 arcsec, "4 5/6 7" a set of two channels
 * and two Stokes, "=4" a set of one channel and Stokes, "" none.
 */
static struct sc_record *make_beam(double major, const char *unit)
{
	static const char *const names[] = { "major", "minor", "positionangle" };
	const double values[] = { major, major / 2, 10 };
	struct sc_record *beam = sc_record_new();
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		struct sc_record *quantity = sc_record_new();
		assert_int_equal(sc_record_put_double(quantity, "value", values[i]), 0);
		assert_int_equal(sc_record_put_string(quantity, "unit", i == 2 ? "deg" : unit), 0);
		assert_int_equal(sc_record_put_record(beam, names[i], quantity), 0);
	}
	return beam;
}

static void put_count(struct sc_record *record, const char *name, int64_t value)
{
	struct sc_field field = { .type = SC_TYPE_UINT, .integer = value };
	assert_int_equal(sc_record_put_field(record, name, &field), 0);
}

static struct sc_record *make_info(const char *text)
{
	struct sc_record *info = sc_record_new();
	assert_int_equal(sc_record_put_string(info, "objectname", "M100"), 0);
	if (!*text)
		return info;
	if (!strpbrk(text, " /=")) {
		assert_int_equal(sc_record_put_record(info, "restoringbeam", make_beam(atof(text), "arcsec")), 0);
		return info;
	}
	struct sc_record *planes = sc_record_new();
	int64_t count = 0, nstokes = 1;
	for (const char *at = text + (*text == '='); *at;) {
		char *end, name[32];
		sprintf(name, "*%lld", (long long)count++);
		double major = strtod(at, &end);
		assert_int_equal(sc_record_put_record(planes, name, make_beam(major, "arcsec")), 0);
		nstokes += *end == '/';
		at = end + (*end == '/' || *end == ' ');
	}
	put_count(planes, "nChannels", count / nstokes);
	put_count(planes, "nStokes", nstokes);
	assert_int_equal(sc_record_put_record(info, "perplanebeams", planes), 0);
	return info;
}

/* The same notation of what an image info has. */
static void show_info(const struct sc_record *info, char *text)
{
	const struct sc_record *one = sc_record_get_record(info, "restoringbeam");
	const struct sc_record *planes = sc_record_get_record(info, "perplanebeams");
	int64_t nchan = 1, nstokes = 1;
	double major;
	*text = 0;
	assert_false(one && planes);
	if (planes)
		assert_true(sc_record_get_int(planes, "nChannels", &nchan) &&
			    sc_record_get_int(planes, "nStokes", &nstokes));
	for (int64_t i = 0; (one || planes) && i < nchan * nstokes; i++) {
		char name[32];
		sprintf(name, "*%lld", (long long)i);
		const struct sc_record *beam = one ? one : sc_record_get_record(planes, name);
		assert_non_null(beam);
		assert_true(sc_record_get_double(sc_record_get_record(beam, "major"), "value", &major));
		assert_string_equal(sc_record_get_string(sc_record_get_record(beam, "positionangle"), "unit"), "deg");
		sprintf(text + strlen(text), "%s%g", i == 0 ? "" : i % nchan ? " " : "/", major);
	}
	if (planes)
		assert_int_equal(planes->nfields, nchan * nstokes + 2);
}

struct part {
	int64_t nchan;
	const char *beams; /* NULL: no image info */
};

/* As many Stokes as there are beams for. */
static int64_t stokes_of(const char *text)
{
	int64_t count = 1;
	for (; text && *text; text++)
		count += *text == '/';
	return count;
}

static struct sc_beams *add_parts_along(enum sc_beams_axis axis, const struct part *parts, size_t most)
{
	struct sc_beams *beams = sc_beams_new(axis);
	for (size_t i = 0; i < most && parts[i].nchan; i++) {
		char name[32];
		struct sc_error err = { 0 };
		sc_autorecord struct sc_record *info = parts[i].beams ? make_info(parts[i].beams) : NULL;
		sprintf(name, "part%zu", i);
		if (sc_beams_add(beams, name, parts[i].nchan, stokes_of(parts[i].beams), info, &err) < 0)
			fail_msg("%s", err.text);
	}
	return beams;
}

static struct sc_beams *add_parts(const struct part *parts, size_t most)
{
	return add_parts_along(SC_BEAMS_CHANNELS, parts, most);
}

/* What casacore 3.5's ImageInfo::combineBeams makes of the same parts along the spectral axis. */
static void combined_as_casacore_does(void **state)
{
	(void)state;
	static const struct {
		struct part parts[4];
		const char *combined;
		const char *warning; /* words of it */
	} cases[] = {
		{ { { 2, "4" }, { 2, "4" } }, "4", NULL },
		{ { { 2, "4" }, { 2, "5" } }, "4 4 5 5", NULL },
		{ { { 2, "4 4" }, { 2, "4 4" } }, "4 4 4 4", NULL },
		{ { { 2, "4" }, { 2, "4 4" } }, "4", NULL },
		{ { { 2, "4 4" }, { 2, "4" } }, "4 4 4 4", NULL },
		{ { { 1, "=4" }, { 1, "=4" } }, "4", NULL },
		{ { { 1, "4" }, { 1, "5" }, { 1, "4" } }, "4 5 4", NULL },
		{ { { 2, "4 5" }, { 1, "6" }, { 2, "7 8" } }, "4 5 6 7 8", NULL },
		{ { { 2, "4/5/6/7" }, { 2, "4/5/6/7" } }, "4/5/6/7", NULL },
		{ { { 2, "4/5/6/7" }, { 1, "4" } }, "4 4 4/5 5 4/6 6 4/7 7 4", NULL },
		{ { { 2, "4" }, { 1, "4/4/4/4" } }, "4", NULL },
		{ { { 2, "4" }, { 1, "4/5/6/7" } }, "4 4 4/4 4 5/4 4 6/4 4 7", NULL },
		{ { { 2, "1 2/3 4" }, { 1, "5/6" } }, "1 2 5/3 4 6", NULL },
		{ { { 1, "" }, { 1, "4" }, { 1, "4" } }, "", "1 of 3|part0|none" },
		{ { { 1, "4" }, { 1, NULL }, { 1, "4" } }, "", "1 of 3|part1" },
		{ { { 1, "4" }, { 1, "" }, { 1, "" } }, "", "2 of 3|part1, part2" },
		{ { { 1, "" }, { 1, NULL } }, "", NULL },
		{ { { 3, "4" } }, "4", NULL },
		{ { { 3, "4 5 6" } }, "4 5 6", NULL },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_error err = { 0 };
		sc_autofree char *warning = NULL;
		struct sc_beams *beams = add_parts(cases[i].parts, SC_COUNT_OF(cases[i].parts));
		sc_autorecord struct sc_record *info = make_info("1 2 3"); /* what is there goes */
		if (sc_beams_store(beams, info, &warning, &err) < 0)
			fail_msg("case %zu: %s", i, err.text);
		char text[200];
		show_info(info, text);
		if (strcmp(text, cases[i].combined) != 0)
			fail_msg("case %zu: \"%s\", expected \"%s\"", i, text, cases[i].combined);
		if (!warning != !cases[i].warning || (warning && !has_words(warning, cases[i].warning)))
			fail_msg("case %zu: warning \"%s\"", i, warning);
		assert_string_equal(sc_record_get_string(info, "objectname"), "M100");
		sc_beams_free(beams);
	}
}

/* Along Stokes beams of each part are those of other Stokes; along neither axis every part should have the same. */
static void combined_along_other_axes(void **state)
{
	(void)state;
	static const struct {
		enum sc_beams_axis axis;
		struct part parts[4];
		const char *combined, *warning;
	} cases[] = {
		{ SC_BEAMS_STOKES, { { 2, "4" }, { 2, "4" } }, "4", NULL },
		{ SC_BEAMS_STOKES, { { 2, "4" }, { 2, "5" } }, "4/5", NULL },
		{ SC_BEAMS_STOKES, { { 2, "4 5" }, { 2, "6 7" } }, "4 5/6 7", NULL },
		{ SC_BEAMS_STOKES, { { 2, "4 5" }, { 2, "6" } }, "4 5/6 6", NULL },
		{ SC_BEAMS_STOKES, { { 1, "4/5" }, { 1, "6" }, { 1, "7/8" } }, "4/5/6/7/8", NULL },
		{ SC_BEAMS_STOKES, { { 2, "4 5/6 7" }, { 2, "8 9/1 2" } }, "4 5/6 7/8 9/1 2", NULL },
		{ SC_BEAMS_STOKES, { { 2, "4" }, { 2, "" } }, "", "1 of 2|part1" },
		{ SC_BEAMS_NEITHER, { { 2, "4" }, { 2, "4" } }, "4", NULL },
		{ SC_BEAMS_NEITHER, { { 2, "4" }, { 2, "5" } }, "4", "different|first part's" },
		{ SC_BEAMS_NEITHER, { { 2, "4 5" }, { 2, "4 5" } }, "4 5", NULL },
		{ SC_BEAMS_NEITHER, { { 2, "4 5" }, { 2, "4 6" } }, "4 5", "different|first part's" },
		{ SC_BEAMS_NEITHER, { { 2, "4 5" }, { 2, "4" } }, "4 5", "different|first part's" },
		{ SC_BEAMS_NEITHER, { { 2, "4" }, { 2, "4 4" } }, "4 4", NULL },
		{ SC_BEAMS_NEITHER,
		  { { 2, "4" }, { 2, "5" }, { 2, "6 7" }, { 2, "8 9" } },
		  "6 7",
		  "different|each plane" },
		{ SC_BEAMS_NEITHER, { { 1, "4/5" }, { 1, "4/6" } }, "4/5", "different" },
		{ SC_BEAMS_NEITHER, { { 2, "" }, { 2, "4" } }, "", "1 of 2|part0" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_error err = { 0 };
		sc_autofree char *warning = NULL;
		struct sc_beams *beams = add_parts_along(cases[i].axis, cases[i].parts, SC_COUNT_OF(cases[i].parts));
		sc_autorecord struct sc_record *info = make_info("1 2 3");
		char text[200];
		if (sc_beams_store(beams, info, &warning, &err) < 0)
			fail_msg("case %zu: %s", i, err.text);
		show_info(info, text);
		if (strcmp(text, cases[i].combined) != 0)
			fail_msg("case %zu: \"%s\", expected \"%s\"", i, text, cases[i].combined);
		if (!warning != !cases[i].warning || (warning && !has_words(warning, cases[i].warning)))
			fail_msg("case %zu: warning \"%s\"", i, warning);
		assert_null(sc_beams_degenerate_channels(beams));
		sc_beams_free(beams);
	}
}

/* Blank channels get the beam of the nearest one that is there. */
static void blanks_are_like_their_neighbours(void **state)
{
	(void)state;
	static const struct {
		struct part parts[4];
		struct {
			size_t before;
			int64_t nchan;
		} blanks[3]; /* from the back, as positions are those without blanks */
		const char *combined, *degenerate;
	} cases[] = {
		{ { { 1, "4" }, { 1, "5" } }, { { 1, 4 } }, "4 4 4 5 5 5", NULL },
		{ { { 1, "4" }, { 1, "5" } }, { { 1, 3 } }, "4 4 4 5 5", NULL },
		{ { { 1, "4" }, { 1, "5" } }, { { 1, 1 } }, "4 4 5", NULL },
		{ { { 1, "4" }, { 1, "5" } }, { { 1, 0 } }, "4 5", NULL },
		{ { { 2, "4 5" }, { 2, "6 7" } }, { { 1, 2 } }, "4 5 5 6 6 7", NULL },
		{ { { 2, "4 5" }, { 2, "6 7" } }, { { 0, 2 } }, "4 4 4 5 6 7", NULL },
		{ { { 2, "4 5" }, { 2, "6 7" } }, { { 2, 2 } }, "4 5 6 7 7 7", NULL },
		{ { { 2, "4" }, { 1, "5" } }, { { 2, 1 }, { 1, 2 }, { 0, 1 } }, "4 4 4 4 5 5 5", NULL },
		{ { { 2, "4" }, { 2, "4" } }, { { 1, 3 } }, "4", NULL },
		{ { { 2, "4" }, { 2, "4" } }, { { 0, 3 } }, "4", NULL },
		{ { { 2, "4" }, { 2, "4" } }, { { 2, 3 }, { 1, 1 }, { 0, 3 } }, "4", NULL },
		{ { { 2, "4" } }, { { 1, 3 }, { 0, 3 } }, "4", NULL },
		{ { { 1, "4/5" }, { 1, "6/7" } }, { { 1, 2 } }, "4 4 6 6/5 5 7 7", NULL },
		{ { { 1, "4/5" }, { 1, "6" } }, { { 1, 2 } }, "4 4 6 6/5 5 6 6", NULL },
		{ { { 1, "4" }, { 1, "6/7" } }, { { 0, 1 } }, "4 4 6/4 4 7", NULL },
		{ { { 1, "" }, { 1, "" } }, { { 1, 2 } }, "", NULL },
		{ { { 1, "4" }, { 1, "" } }, { { 1, 2 } }, "", NULL },
		/* A blank channel is not one that was flagged, though its neighbour is. */
		{ { { 1, "1e-6" }, { 1, "5" } }, { { 1, 2 } }, "1e-06 1e-06 5 5", "0" },
		{ { { 1, "5" }, { 1, "1e-6" } }, { { 0, 2 } }, "5 5 5 1e-06", "3" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_error err = { 0 };
		sc_autofree char *warning = NULL;
		struct sc_beams *beams = add_parts(cases[i].parts, SC_COUNT_OF(cases[i].parts));
		sc_autorecord struct sc_record *info = sc_record_new();
		char text[200];
		for (size_t k = 0; k < SC_COUNT_OF(cases[i].blanks); k++)
			assert_int_equal(
			    sc_beams_insert_blank(beams, cases[i].blanks[k].before, cases[i].blanks[k].nchan, &err), 0);
		if (sc_beams_store(beams, info, &warning, &err) < 0)
			fail_msg("case %zu: %s", i, err.text);
		show_info(info, text);
		if (strcmp(text, cases[i].combined) != 0)
			fail_msg("case %zu: \"%s\", expected \"%s\"", i, text, cases[i].combined);
		sc_autofree char *list = sc_beams_degenerate_channels(beams);
		if (!list != !cases[i].degenerate || (list && strcmp(list, cases[i].degenerate) != 0))
			fail_msg("case %zu: degenerate \"%s\"", i, list);
		sc_beams_free(beams);
	}
}

/* Units are kept as they are, and beams in other units are other beams. */
static void units_are_kept(void **state)
{
	(void)state;
	struct sc_beams *beams = sc_beams_new(SC_BEAMS_CHANNELS);
	struct sc_error err = { 0 };
	sc_autofree char *warning = NULL;
	sc_autorecord struct sc_record *result = sc_record_new();
	static const char *const units[] = { "arcsec", "deg" };
	for (size_t i = 0; i < 2; i++) {
		sc_autorecord struct sc_record *info = sc_record_new();
		assert_int_equal(sc_record_put_record(info, "restoringbeam", make_beam(4, units[i])), 0);
		assert_int_equal(sc_beams_add(beams, "part", 1, 1, info, &err), 0);
	}
	assert_int_equal(sc_beams_store(beams, result, &warning, &err), 0);
	const struct sc_record *planes = sc_record_get_record(result, "perplanebeams");
	assert_non_null(planes);
	for (size_t i = 0; i < 2; i++) {
		const struct sc_record *beam = sc_record_get_record(planes, i ? "*1" : "*0");
		assert_string_equal(sc_record_get_string(sc_record_get_record(beam, "major"), "unit"), units[i]);
	}
	sc_beams_free(beams);
}

/* ---- broken records ---- */

static void break_nothing(struct sc_record *info)
{
	(void)info;
}

static void drop_major(struct sc_record *info)
{
	sc_record_remove(sc_record_edit_record(info, "restoringbeam"), "major");
}

static void drop_unit(struct sc_record *info)
{
	struct sc_record *beam = sc_record_edit_record(info, "restoringbeam");
	sc_record_remove(sc_record_edit_record(beam, "minor"), "unit");
}

static void make_value_a_text(struct sc_record *info)
{
	struct sc_record *beam = sc_record_edit_record(info, "restoringbeam");
	assert_int_equal(sc_record_put_string(sc_record_edit_record(beam, "positionangle"), "value", "4"), 0);
}

static void drop_second_plane(struct sc_record *info)
{
	sc_record_remove(sc_record_edit_record(info, "perplanebeams"), "*1");
}

static void drop_count(struct sc_record *info)
{
	sc_record_remove(sc_record_edit_record(info, "perplanebeams"), "nStokes");
}

static void zero_count(struct sc_record *info)
{
	put_count(sc_record_edit_record(info, "perplanebeams"), "nChannels", 0);
}

static void huge_count(struct sc_record *info)
{
	put_count(sc_record_edit_record(info, "perplanebeams"), "nChannels", UINT32_MAX);
}

static void huge_product(struct sc_record *info)
{
	put_count(sc_record_edit_record(info, "perplanebeams"), "nStokes", 4);
}

static void broken_beams_are_errors(void **state)
{
	(void)state;
	static const struct {
		int64_t nchan, nstokes;
		const char *beams;
		void (*damage)(struct sc_record *info);
		const char *words;
	} cases[] = {
		{ 3, 1, "4", drop_major, "part.0|major" },
		{ 3, 1, "4", drop_unit, "part.0|minor" },
		{ 3, 1, "4", make_value_a_text, "part.0|positionangle" },
		{ 2, 1, "4 5", drop_second_plane, "part.0|major" },
		{ 2, 1, "4 5", drop_count, "part.0|nChannels" },
		{ 2, 1, "4 5", zero_count, "part.0|nChannels" },
		{ 2, 1, "4 5", huge_count, "part.0|nChannels" },
		{ 2, 4, "4 5", huge_product, "part.0|major" },
		{ 3, 1, "4 5", break_nothing, "part.0|2|3" },
		{ 2, 1, "4 5 6", break_nothing, "part.0|3|2" },
		{ 1, 3, "4/5", break_nothing, "part.0|2 Stokes|3" },
		{ 1, 1, "4/5", break_nothing, "part.0|2 Stokes|1" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_error err = { 0 };
		struct sc_beams *beams = sc_beams_new(SC_BEAMS_CHANNELS);
		sc_autorecord struct sc_record *info = make_info(cases[i].beams);
		cases[i].damage(info);
		int rc = sc_beams_add(beams, "part.0", cases[i].nchan, cases[i].nstokes, info, &err);
		if (rc != -EUCLEAN || !has_words(err.text, cases[i].words))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
		sc_beams_free(beams);
	}
}

static void other_numbers_of_stokes_are_an_error(void **state)
{
	(void)state;
	static const struct part parts[] = { { 1, "4/5" }, { 1, "4/5/6" } };
	struct sc_error err = { 0 };
	char *warning = NULL;
	struct sc_beams *beams = add_parts(parts, 2);
	sc_autorecord struct sc_record *info = sc_record_new();
	assert_int_equal(sc_beams_store(beams, info, &warning, &err), -EUCLEAN);
	assert_true(has_words(err.text, "2|3|Stokes"));
	assert_null(warning);
	sc_beams_free(beams);
}

/* Pixel maps of strangers may give two coordinates one axis: then parts of one shape have other numbers of channels. */
static void other_numbers_along_neither_axis_are_an_error(void **state)
{
	(void)state;
	/* With the two of the other part these fill the first piece of memory that the beams are kept in. */
	enum { MANY = 62 };
	static const char many_channels[] = "4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 "
				      "4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4";
	static const char many_stokes[] = "4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/"
				    "4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4/4";
	assert_int_equal(stokes_of(many_stokes), MANY);
	const struct {
		struct part parts[3];
		const char *words;
	} cases[] = {
		{ { { 3, "4 5 6" }, { 2, "4 5" } }, "3|2|channels" },
		{ { { 2, "4 5" }, { 3, "4 5 6" } }, "2|3|channels" },
		{ { { 3, "4" }, { 2, "4 5" } }, "3|2|channels" },
		{ { { MANY, many_channels }, { 2, "4 4" } }, "62|2|channels" },
		{ { { 1, "4/5/6" }, { 1, "4/5" } }, "2|3|Stokes" },
		{ { { 1, "4/5" }, { 1, "4/5/6" } }, "2|3|Stokes" },
		{ { { 1, many_stokes }, { 1, "4/4" } }, "62|2|Stokes" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_error err = { 0 };
		char *warning = NULL;
		struct sc_beams *beams = add_parts_along(SC_BEAMS_NEITHER, cases[i].parts, SC_COUNT_OF(cases[i].parts));
		sc_autorecord struct sc_record *info = sc_record_new();
		int rc = sc_beams_store(beams, info, &warning, &err);
		if (rc != -EUCLEAN || !has_words(err.text, cases[i].words))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
		assert_null(warning);
		sc_beams_free(beams);
	}
}

/* ---- flagged channels ---- */

static void degenerate_channels_are_listed(void **state)
{
	(void)state;
	static const struct {
		struct part parts[6];
		const char *list;
	} cases[] = {
		{ { { 2, "4" }, { 2, "5 6" } }, NULL },
		{ { { 2, "4 1e-6" } }, "1" },
		{ { { 2, "1e-6 4" }, { 1, "1e-6" }, { 2, "1e-6 1e-6" }, { 1, "3" }, { 1, "1e-6" } }, "0, 2-4, 6" },
		{ { { 3, "1e-6" }, { 2, "1e-6" } }, "0-4" },
		{ { { 2, "4 5/1e-6 5" } }, "0" },
		{ { { 2, "4 1e-5" } }, "1" },
		{ { { 2, "4 1.01e-5" } }, NULL },
		{ { { 2, "" }, { 2, "4 1e-6" } }, "3" },
		{ { { 2, "4 0" } }, "1" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_beams *beams = add_parts(cases[i].parts, SC_COUNT_OF(cases[i].parts));
		sc_autofree char *list = sc_beams_degenerate_channels(beams);
		if (!list != !cases[i].list || (list && strcmp(list, cases[i].list) != 0))
			fail_msg("case %zu: \"%s\"", i, list);
		sc_beams_free(beams);
	}
}

static void long_lists_are_cut(void **state)
{
	(void)state;
	for (int shift = 0; shift < 12; shift++) { /* so that the line fills up at every place of a number */
		struct sc_beams *beams = sc_beams_new(SC_BEAMS_CHANNELS);
		struct sc_error err = { 0 };
		for (int i = 0; i < 1000; i++) {
			sc_autorecord struct sc_record *info = make_info(i % 2 && i > shift * 7 ? "1e-6" : "4");
			assert_int_equal(sc_beams_add(beams, "part", 1, 1, info, &err), 0);
		}
		sc_autofree char *list = sc_beams_degenerate_channels(beams);
		assert_in_range(strlen(list), 380, 400);
		assert_string_equal(list + strlen(list) - 5, ", ...");
		sc_beams_free(beams);
	}
}

static void many_without_are_counted(void **state)
{
	(void)state;
	struct sc_beams *beams = sc_beams_new(SC_BEAMS_CHANNELS);
	struct sc_error err = { 0 };
	sc_autofree char *warning = NULL;
	sc_autorecord struct sc_record *info = make_info("4");
	char name[256];
	memset(name, 'n', sizeof(name));
	name[255] = 0;
	for (int i = 0; i < 30; i++)
		assert_int_equal(sc_beams_add(beams, name, 1, 1, i ? NULL : info, &err), 0);
	assert_int_equal(sc_beams_store(beams, info, &warning, &err), 0);
	assert_true(has_words(warning, "29 of 30|..."));
	assert_true(strlen(warning) < 1500);
	sc_beams_free(beams);
}

/* Each unit is compared with all others: made-up ones must not take forever. */
static void thousands_of_units_are_no_image(void **state)
{
	(void)state;
	struct sc_beams *beams = sc_beams_new(SC_BEAMS_CHANNELS);
	struct sc_error err = { 0 };
	int rc = 0, added = 0;
	for (; rc == 0 && added < 1000; added++) {
		char unit[32];
		sprintf(unit, "unit %d", added);
		sc_autorecord struct sc_record *info = sc_record_new();
		assert_int_equal(sc_record_put_record(info, "restoringbeam", make_beam(4, unit)), 0);
		rc = sc_beams_add(beams, "part", 1, 1, info, &err);
	}
	assert_int_equal(rc, -EUCLEAN);
	assert_in_range(added, 50, 200);
	assert_non_null(strstr(err.text, "part/table.dat"));
	sc_beams_free(beams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(combined_as_casacore_does),
		cmocka_unit_test(combined_along_other_axes),
		cmocka_unit_test(blanks_are_like_their_neighbours),
		cmocka_unit_test(units_are_kept),
		cmocka_unit_test(broken_beams_are_errors),
		cmocka_unit_test(other_numbers_of_stokes_are_an_error),
		cmocka_unit_test(other_numbers_along_neither_axis_are_an_error),
		cmocka_unit_test(degenerate_channels_are_listed),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(many_without_are_counted),
		cmocka_unit_test(thousands_of_units_are_no_image),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
