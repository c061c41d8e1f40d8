/*
 * Finishing a template's tables, with the files of a real part in the place of
 * what the header program makes.
 */
#include "parts.h"
#include "words.h"

#include "slabs.h"
#include "viewtables.h"

static const char *const paths[] = { "logtable/table.dat", "mask0/table.dat", "mask0/table.f0", "table.dat",
				     "table.f0" };

static void read_template(struct sc_template *files)
{
	const char *root = getenv("SC_TEST_DATA");
	if (!root || !*root)
		skip();
	*files = (struct sc_template){ .nfiles = SC_COUNT_OF(paths) };
	files->files = calloc(files->nfiles, sizeof(*files->files));
	for (size_t i = 0; i < files->nfiles; i++) {
		sc_autofree char *full = NULL;
		assert_true(asprintf(&full, "%s/A1/cube.subcube.0.image/%s", root, paths[i]) > 0);
		files->files[i].path = strdup(paths[i]);
		files->files[i].data = workdir_read(AT_FDCWD, full, &files->files[i].size);
	}
}

static struct sc_template_file *edit(struct sc_template *files, const char *path)
{
	return (struct sc_template_file *)sc_template_find(files, path);
}

/* A header of 40,000 channels with two keywords that tell it from the part's. */
static void make_header(struct sc_header *header)
{
	*header = (struct sc_header){ .ndim = 4, .axis = 3, .shape = { 96, 80, 1, 40000 }, .type = SC_TYPE_FLOAT };
	header->coords = sc_record_new();
	header->imageinfo = sc_record_new();
	header->miscinfo = sc_record_new();
	header->units = strdup("K");
	assert_int_equal(sc_record_put_string(header->coords, "telescope", "none"), 0);
	assert_int_equal(sc_record_put_int(header->miscinfo, "answer", 42), 0);
}

static void make_layout(struct sc_layout *layout, enum sc_type type, int64_t depth, bool big_endian)
{
	static const int64_t plane[] = { 96, 80, 1, 0 };
	const int64_t tile[] = { 48, 40, 1, depth };
	struct sc_error err = { 0 };
	const struct sc_storage storage = { .tile = { 96, 80, 1, 1 }, .file = "f" };
	assert_int_equal(sc_layout_init(layout, 4, plane, 3, type, &err), 0);
	assert_int_equal(add_slab(layout, 40000, &storage, &err), 0);
	assert_int_equal(sc_layout_set_tile(layout, tile, big_endian, &err), 0);
}

struct fixture {
	struct sc_template files;
	struct sc_header header;
	struct sc_layout pixels, mask;
	struct sc_viewtables tables;
};

static void set_up(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	read_template(&fixture->files);
	make_header(&fixture->header);
	make_layout(&fixture->pixels, SC_TYPE_FLOAT, 3, true);
	make_layout(&fixture->mask, SC_TYPE_BOOL, 7, false);
}

static void tear_down(struct fixture *fixture)
{
	sc_template_clear(&fixture->files);
	sc_header_clear(&fixture->header);
	sc_layout_clear(&fixture->pixels);
	sc_layout_clear(&fixture->mask);
}

static void decode_tsm(struct sc_template *files, const char *path, struct sc_tsm *tsm)
{
	struct sc_error err = { 0 };
	if (sc_tsm_decode(edit(files, path)->data, edit(files, path)->size, path, tsm, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- what is put in ---- */

static void check_table(struct fixture *fixture)
{
	struct sc_tablefile table;
	struct sc_error err = { 0 };
	const struct sc_template_file *file = sc_template_find(&fixture->files, "table.dat");
	if (sc_tablefile_decode(file->data, file->size, "table.dat", &table, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(table.big_endian);
	assert_true(sc_record_equal(sc_record_get_record(table.keywords, "coords"), fixture->header.coords));
	assert_true(sc_record_equal(sc_record_get_record(table.keywords, "imageinfo"), fixture->header.imageinfo));
	assert_true(sc_record_equal(sc_record_get_record(table.keywords, "miscinfo"), fixture->header.miscinfo));
	assert_string_equal(sc_record_get_string(table.keywords, "units"), "K");
	assert_string_equal(sc_record_get_string(table.keywords, "logtable"), "././logtable");
	const struct sc_record *region = sc_record_get_record(sc_record_get_record(table.keywords, "masks"), "mask0");
	const struct sc_record *box = sc_record_get_record(region, "box");
	static const float blc[] = { 1, 1, 1, 1 }, trc[] = { 96, 80, 1, 40000 };
	static const int32_t shape[] = { 96, 80, 1, 40000 };
	assert_memory_equal(sc_record_get_array(box, "blc", SC_TYPE_ARRAY_FLOAT)->array.elements, blc, sizeof(blc));
	assert_memory_equal(sc_record_get_array(box, "trc", SC_TYPE_ARRAY_FLOAT)->array.elements, trc, sizeof(trc));
	assert_memory_equal(sc_record_get_array(box, "shape", SC_TYPE_ARRAY_INT)->array.elements, shape, sizeof(shape));
	sc_tablefile_clear(&table);
}

static void tables_are_finished(void **state)
{
	(void)state;
	struct fixture fixture;
	struct sc_error err = { 0 };
	struct sc_tsm tsm, mask;
	set_up(&fixture);
	if (sc_viewtables_finish(&fixture.header, &fixture.pixels, &fixture.mask, &fixture.files, &fixture.tables,
				 &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(fixture.tables.pixels_file, "table.f0_TSM0");
	assert_string_equal(fixture.tables.mask_file, "mask0/table.f0_TSM0");
	check_table(&fixture);
	decode_tsm(&fixture.files, "table.f0", &tsm);
	decode_tsm(&fixture.files, "mask0/table.f0", &mask);
	assert_true(tsm.big_endian && !mask.big_endian);
	assert_int_equal(tsm.shape[3], 40000);
	assert_int_equal(mask.shape[3], 40000);
	assert_int_equal(tsm.tile[3], 3);
	assert_int_equal(mask.default_tile[3], 7);
	assert_int_equal(tsm.file_bytes, fixture.pixels.size_bytes);
	assert_int_equal(mask.file_bytes, fixture.mask.size_bytes);
	tear_down(&fixture);
}

/* Without a mask its tables are not asked for. */
static void a_mask_is_not_needed(void **state)
{
	(void)state;
	struct fixture fixture;
	struct sc_error err = { 0 };
	set_up(&fixture);
	edit(&fixture.files, "mask0/table.dat")->path[0] = 'x';
	assert_int_equal(
	    sc_viewtables_finish(&fixture.header, &fixture.pixels, NULL, &fixture.files, &fixture.tables, &err), 0);
	tear_down(&fixture);
}

/* ---- templates that are not as they should be ---- */

static void no_table(struct fixture *fixture)
{
	edit(&fixture->files, "table.dat")->path[0] = 'x';
}

static void no_mask_header(struct fixture *fixture)
{
	edit(&fixture->files, "mask0/table.f0")->path[0] = 'x';
}

static void cut_table(struct fixture *fixture)
{
	edit(&fixture->files, "table.dat")->size /= 2;
}

static void cut_header(struct fixture *fixture)
{
	edit(&fixture->files, "table.f0")->size /= 2;
}

static void wrong_type(struct fixture *fixture)
{
	fixture->pixels.type = SC_TYPE_DOUBLE;
}

static void wrong_axes(struct fixture *fixture)
{
	fixture->pixels.ndim = 3;
}

static void too_wide_for_a_mask(struct fixture *fixture)
{
	fixture->mask.shape[3] = INT64_C(1) << 31;
}

/* The mask's own table has no region record. */
static void no_box(struct fixture *fixture)
{
	struct sc_template_file *table = edit(&fixture->files, "table.dat");
	const struct sc_template_file *mask = sc_template_find(&fixture->files, "mask0/table.dat");
	free(table->data);
	table->data = malloc(mask->size);
	memcpy(table->data, mask->data, mask->size);
	table->size = mask->size;
}

static void odd_templates_are_errors(void **state)
{
	(void)state;
	static const struct {
		void (*damage)(struct fixture *fixture);
		int rc;
		const char *words;
	} cases[] = {
		{ no_table, -EUCLEAN, "lack table.dat" },      { no_mask_header, -EUCLEAN, "lack mask0/table.f0" },
		{ cut_table, -EUCLEAN, "table.dat: byte" },    { cut_header, -EUCLEAN, "table.f0: byte" },
		{ wrong_type, -EUCLEAN, "right kind" },        { wrong_axes, -EUCLEAN, "right kind" },
		{ too_wide_for_a_mask, -EFBIG, "2147483648" }, { no_box, -EUCLEAN, "mask's box" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct fixture fixture;
		struct sc_error err = { 0 };
		set_up(&fixture);
		cases[i].damage(&fixture);
		int rc = sc_viewtables_finish(&fixture.header, &fixture.pixels, &fixture.mask, &fixture.files,
					      &fixture.tables, &err);
		if (rc != cases[i].rc || !has_words(err.text, cases[i].words))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
		tear_down(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_finished),
		cmocka_unit_test(a_mask_is_not_needed),
		cmocka_unit_test(odd_templates_are_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
