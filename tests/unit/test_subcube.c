#include "parts.h"
#include "words.h"

#define PART "cube.subcube.0.image"

/* Paths as they are, from anywhere. */
static const struct sc_source anywhere = { .dirfd = AT_FDCWD, .follow_links = true };

static int open_part(struct sc_subcube *subcube, struct sc_error *err)
{
	*err = (struct sc_error){ 0 };
	return sc_subcube_open(workdir_source(), PART, subcube, err);
}

static void fresh_part(void **state)
{
	assert_int_equal(workdir_clean(state), 0);
	workdir_copy("A1/" PART, PART);
}

/* ---- real parts ---- */

static bool open_real(const char *path, const uint8_t *data, size_t size)
{
	(void)data;
	(void)size;
	/* Neither histories nor masks have a history. */
	sc_autofree char *directory = strndup(path, strlen(path) - strlen("/table.dat")), *history = NULL;
	assert_true(asprintf(&history, "%s/logtable", directory) > 0);
	if (access(history, F_OK) < 0)
		return false;
	struct sc_subcube subcube;
	struct sc_error err = { 0 };
	if (sc_subcube_open(&anywhere, directory, &subcube, &err) < 0)
		fail_msg("%s", err.text);
	const struct sc_subcube_array *arrays[] = { &subcube.pixels,
						    subcube.has_mask ? &subcube.mask : &subcube.pixels };
	for (size_t i = 0; i < SC_COUNT_OF(arrays); i++) {
		sc_autofree char *file = NULL;
		struct stat st;
		assert_true(asprintf(&file, "%s/%s", directory, arrays[i]->file) > 0);
		assert_int_equal(stat(file, &st), 0);
		assert_int_equal(arrays[i]->needed_bytes, st.st_size);
		struct sc_file_id id = sc_file_id_of(&st);
		assert_true(sc_file_id_equal(&arrays[i]->id, &id));
	}
	assert_non_null(sc_record_get_record(subcube.keywords, "coords"));
	sc_subcube_clear(&subcube);
	return true;
}

static void real_parts_are_opened(void **state)
{
	(void)state;
	testdata_walk("table.dat", open_real);
}

static void a_real_part_in_detail(void **state)
{
	static const int64_t shape[] = { 96, 80, 1, 1 };
	fresh_part(state);
	struct sc_subcube subcube;
	struct sc_error err;
	assert_int_equal(open_part(&subcube, &err), 0);
	assert_int_equal(subcube.pixels.tsm.ndim, 4);
	assert_memory_equal(subcube.pixels.tsm.shape, shape, sizeof(shape));
	assert_int_equal(subcube.pixels.tsm.type, SC_TYPE_FLOAT);
	assert_string_equal(subcube.pixels.file, "table.f0_TSM0");
	assert_int_equal(subcube.pixels.needed_bytes, 96 * 80 * 4);
	assert_true(subcube.has_mask);
	assert_int_equal(subcube.mask.tsm.type, SC_TYPE_BOOL);
	assert_string_equal(subcube.mask.file, "mask0/table.f0_TSM0");
	assert_int_equal(subcube.mask.needed_bytes, 96 * 80 / 8);
	sc_subcube_clear(&subcube);
}

/* ---- damaged files ---- */

static const char *const files[] = { "table.dat",       "table.f0",       "table.f0_TSM0",
				     "mask0/table.dat", "mask0/table.f0", "mask0/table.f0_TSM0" };

enum damage { MISSING, FIFO, DIRECTORY, LOOP, DANGLING, LINK_OUT, EMPTY, GARBAGE, ZEROS, HALF, HUGE };

static void damage_file(const char *path, enum damage damage)
{
	uint8_t bytes[5000];
	struct stat st;
	assert_int_equal(fstatat(workdir_fd, path, &st, 0), 0);
	workdir_remove(path);
	memset(bytes, 0, sizeof(bytes));
	switch (damage) {
	case MISSING:
		break;
	case FIFO:
		assert_int_equal(mkfifoat(workdir_fd, path, 0644), 0);
		break;
	case DIRECTORY:
		workdir_mkdir(path);
		break;
	case LOOP:
		assert_int_equal(symlinkat(strrchr(path, '/') + 1, workdir_fd, path), 0);
		break;
	case DANGLING:
		assert_int_equal(symlinkat("nowhere", workdir_fd, path), 0);
		break;
	case LINK_OUT:
		assert_int_equal(symlinkat("/dev/zero", workdir_fd, path), 0);
		break;
	case GARBAGE:
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(i * 2654435761u >> 13);
		workdir_write(path, bytes, sizeof(bytes));
		break;
	case ZEROS:
		workdir_write(path, bytes, sizeof(bytes));
		break;
	default:
		workdir_write(path, "", 0);
		workdir_truncate(path, damage == EMPTY ? 0 : damage == HALF ? st.st_size / 2 : (off_t)1 << 40);
	}
}

static void damaged_files_are_errors(void **state)
{
	static const struct {
		enum damage damage;
		int rc, data_rc; /* of a header, of a data file: there only that it is a file is looked at */
		const char *words;
	} cases[] = {
		{ MISSING, -ENOENT, -ENOENT, "cannot open" },
		{ FIFO, -EUCLEAN, -EUCLEAN, "not a regular file" },
		{ DIRECTORY, -EUCLEAN, -EUCLEAN, "not a regular file" },
		{ LOOP, -ELOOP, -ELOOP, "cannot open" },
		{ DANGLING, -ENOENT, -ENOENT, "cannot open" },
		{ LINK_OUT, -EXDEV, -EXDEV, "leads out" },
		{ EMPTY, -EUCLEAN, 0, "byte 0" },
		{ GARBAGE, -EUCLEAN, 0, "byte" },
		{ ZEROS, -EUCLEAN, 0, "byte" },
		{ HALF, -EUCLEAN, 0, "byte" },
		{ HUGE, -EUCLEAN, 0, "at most" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		for (size_t k = 0; k < SC_COUNT_OF(files); k++) {
			struct sc_subcube subcube;
			struct sc_error err;
			char path[100];
			fresh_part(state);
			snprintf(path, sizeof(path), PART "/%s", files[k]);
			damage_file(path, cases[i].damage);
			int expected = strstr(path, "_TSM0") ? cases[i].data_rc : cases[i].rc;
			int rc = open_part(&subcube, &err);
			if (rc != expected ||
			    (rc < 0 && (!strstr(err.text, path) || !has_words(err.text, cases[i].words))))
				fail_msg("damage %d of %s: %d \"%s\"", (int)cases[i].damage, files[k], rc, err.text);
			if (rc == 0)
				sc_subcube_clear(&subcube);
		}
	}
}

static void a_short_data_file_is_noted(void **state)
{
	fresh_part(state);
	workdir_truncate(PART "/table.f0_TSM0", 100);
	workdir_truncate(PART "/mask0/table.f0_TSM0", 959);
	struct sc_subcube subcube;
	struct sc_error err;
	assert_int_equal(open_part(&subcube, &err), 0);
	assert_int_equal(subcube.pixels.id.size_bytes, 100);
	assert_int_equal(subcube.pixels.needed_bytes, 96 * 80 * 4);
	assert_int_equal(subcube.mask.id.size_bytes, 959);
	assert_int_equal(subcube.mask.needed_bytes, 960);
	sc_subcube_clear(&subcube);
}

/* Whatever byte is another one: an error that names the part, or a part. */
static void no_byte_crashes(void **state)
{
	static const char *const headers[] = { "table.dat", "table.f0", "mask0/table.dat", "mask0/table.f0" };
	fresh_part(state);
	for (size_t k = 0; k < SC_COUNT_OF(headers); k++) {
		char path[100];
		size_t size;
		snprintf(path, sizeof(path), PART "/%s", headers[k]);
		sc_autofree uint8_t *data = workdir_read(workdir_fd, path, &size);
		for (size_t at = 0; at<size; at += size> 2000 ? 7 : 1) {
			struct sc_subcube subcube;
			struct sc_error err;
			data[at] ^= 0x81;
			workdir_write(path, data, size);
			data[at] ^= 0x81;
			int rc = open_part(&subcube, &err);
			if (rc == 0)
				sc_subcube_clear(&subcube);
			else if (!strstr(err.text, PART))
				fail_msg("%s, byte %zu: \"%s\"", path, at, err.text);
		}
		workdir_write(path, data, size);
	}
}

static void what_is_no_part_at_all(void **state)
{
	static const int codes[] = { -ENOENT, -EUCLEAN, -ENOTDIR, -ELOOP, -ENOENT };
	for (size_t i = 0; i < SC_COUNT_OF(codes); i++) {
		struct sc_subcube subcube;
		struct sc_error err;
		assert_int_equal(workdir_clean(state), 0);
		if (i == 1)
			workdir_write(PART, "x", 1);
		if (i == 2)
			assert_int_equal(mkfifoat(workdir_fd, PART, 0644), 0);
		if (i == 3)
			assert_int_equal(symlinkat(PART, workdir_fd, PART), 0);
		if (i == 4)
			workdir_mkdir(PART);
		int rc = open_part(&subcube, &err);
		/* A file could be a FITS image. */
		if (rc != codes[i] || !strstr(err.text, PART) || (i == 1 && !strstr(err.text, "not a FITS image")))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
	}
}

/* ---- tables that do not agree ---- */

static const char *new_mask;

static void set_mask_table(struct sc_tablefile *table)
{
	struct sc_record *region = sc_record_edit_record(sc_record_edit_record(table->keywords, "masks"), "mask0");
	assert_int_equal(sc_record_put_string(region, "mask", new_mask), 0);
}

static void set_default_mask(struct sc_tablefile *table)
{
	assert_int_equal(sc_record_put_string(table->keywords, "Image_defaultmask", new_mask), 0);
}

static void make_region_a_box(struct sc_tablefile *table)
{
	struct sc_record *region = sc_record_edit_record(sc_record_edit_record(table->keywords, "masks"), "mask0");
	assert_int_equal(sc_record_put_string(region, "name", "LCBox"), 0);
}

static void swap_byte_order(struct sc_tablefile *table)
{
	table->big_endian = !table->big_endian;
}

static void mask_tables_outside_are_errors(void **state)
{
	static const char *const names[] = { "././../other", "././a/b",    "././..",   "././.", "././",    "./mask0",
					     "mask0",        "/tmp/mask0", "../mask0", "",      "././/etc" };
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		struct sc_subcube subcube;
		struct sc_error err;
		fresh_part(state);
		new_mask = names[i];
		part_edit_table(PART "/table.dat", set_mask_table);
		int rc = open_part(&subcube, &err);
		if (rc != -EUCLEAN || !has_words(err.text, PART "|not inside the image"))
			fail_msg("%s: %d \"%s\"", names[i], rc, err.text);
	}
}

static void other_names_of_masks_are_found(void **state)
{
	fresh_part(state);
	new_mask = "././my mask";
	part_edit_table(PART "/table.dat", set_mask_table);
	assert_int_equal(renameat(workdir_fd, PART "/mask0", workdir_fd, PART "/my mask"), 0);
	struct sc_subcube subcube;
	struct sc_error err;
	assert_int_equal(open_part(&subcube, &err), 0);
	assert_string_equal(subcube.mask.file, "my mask/table.f0_TSM0");
	sc_subcube_clear(&subcube);
	/* One of another name in the part counts for nothing when it is no default. */
	new_mask = "";
	part_edit_table(PART "/table.dat", set_default_mask);
	assert_int_equal(open_part(&subcube, &err), 0);
	assert_false(subcube.has_mask);
	sc_subcube_clear(&subcube);
	char name[200] = "././";
	memset(name + 4, 'm', 194);
	new_mask = name;
	part_edit_table(PART "/table.dat", set_mask_table);
	new_mask = "mask0";
	part_edit_table(PART "/table.dat", set_default_mask);
	assert_int_equal(
	    renameat(workdir_fd, PART "/my mask", workdir_fd, strcat(strcpy((char[256]){ 0 }, PART "/"), name + 4)), 0);
	assert_int_equal(open_part(&subcube, &err), 0);
	sc_subcube_clear(&subcube);
}

static void change_shape(struct sc_tsm *tsm)
{
	tsm->shape[3] = 2;
}

static void change_axes(struct sc_tsm *tsm)
{
	tsm->ndim = 3;
}

static void change_type(struct sc_tsm *tsm)
{
	tsm->type = SC_TYPE_DOUBLE;
}

static void change_sequence(struct sc_tsm *tsm)
{
	tsm->sequence = 3;
}

static void change_order(struct sc_tsm *tsm)
{
	tsm->big_endian = !tsm->big_endian;
}

static void tables_that_disagree_are_errors(void **state)
{
	static const struct {
		const char *file;
		void (*edit_tsm)(struct sc_tsm *tsm);
		void (*edit_table)(struct sc_tablefile *table);
		const char *mask, *words;
	} cases[] = {
		{ "mask0/table.f0", change_shape, NULL, NULL, "mask0|shape" },
		{ "mask0/table.f0", change_axes, NULL, NULL, "mask0|shape" },
		{ "table.f0", change_shape, NULL, NULL, "mask0|shape" },
		{ "table.f0", change_type, NULL, NULL, "table.f0|double|float" },
		{ "mask0/table.f0", change_type, NULL, NULL, "mask0/table.f0|double|bool" },
		{ "table.f0", change_sequence, NULL, NULL, "table.f0|3|0" },
		{ "table.f0", change_order, NULL, NULL, "table.f0|byte order" },
		{ "mask0/table.f0", change_order, NULL, NULL, "mask0/table.f0|byte order" },
		{ "table.dat", NULL, swap_byte_order, NULL, "table.f0|byte order" },
		{ "mask0/table.dat", NULL, swap_byte_order, NULL, "mask0/table.f0|byte order" },
		{ "table.dat", NULL, set_default_mask, "other", "table.dat|default mask other" },
		{ "table.dat", NULL, make_region_a_box, NULL, "table.dat|mask0|not a pixel mask" },
		{ "table.dat", NULL, set_mask_table, "././logtable", "logtable" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_subcube subcube;
		struct sc_error err;
		char path[100];
		fresh_part(state);
		snprintf(path, sizeof(path), PART "/%s", cases[i].file);
		new_mask = cases[i].mask;
		if (cases[i].edit_tsm)
			part_edit_tsm(path, cases[i].edit_tsm);
		else
			part_edit_table(path, cases[i].edit_table);
		int rc = open_part(&subcube, &err);
		if (rc != -EUCLEAN || !has_words(err.text, PART) || !has_words(err.text, cases[i].words))
			fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
	}
}

/* A mask's own table is no image of a kind that we show. */
static void masks_are_no_images(void **state)
{
	fresh_part(state);
	struct sc_subcube subcube;
	struct sc_error err = { 0 };
	assert_int_equal(sc_subcube_open(workdir_source(), PART "/mask0", &subcube, &err), -EUCLEAN);
	assert_true(has_words(err.text, "mask0|expected float"));
	assert_int_equal(sc_subcube_open(workdir_source(), PART "/logtable", &subcube, &err), -EUCLEAN);
	assert_true(has_words(err.text, "logtable/table.dat|no column|not a CASA image"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_parts_are_opened),
		cmocka_unit_test(a_real_part_in_detail),
		cmocka_unit_test(damaged_files_are_errors),
		cmocka_unit_test(a_short_data_file_is_noted),
		cmocka_unit_test(no_byte_crashes),
		cmocka_unit_test(what_is_no_part_at_all),
		cmocka_unit_test(mask_tables_outside_are_errors),
		cmocka_unit_test(other_names_of_masks_are_found),
		cmocka_unit_test(tables_that_disagree_are_errors),
		cmocka_unit_test(masks_are_no_images),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
