#include "workdir.h"

#include <sys/resource.h>

#include "scan.h"
#include "words.h"

static const struct sc_scan_options everything = { 0 };

/* ---- directories ---- */

/* Makes entries: "name" is an image's directory, "name!" a file, "name+FILE" a directory with
 * FILE. */
static void make_entries(const char *const *entries)
{
	for (; *entries; entries++) {
		char name[256], path[512];
		size_t length = strcspn(*entries, "/!+");
		snprintf(name, sizeof(name), "%.*s", (int)length, *entries);
		char kind = (*entries)[length];
		if (kind == '!') {
			workdir_write(name, "x", 1);
			continue;
		}
		workdir_mkdir(name);
		static const char *const image[] = { "table.dat", "table.f0_TSM0" };
		for (size_t i = 0; kind == 0 && i < SC_COUNT_OF(image); i++) {
			snprintf(path, sizeof(path), "%s/%s", name, image[i]);
			workdir_write(path, "", 0);
		}
		for (const char *file = kind == '+' ? *entries + length : ""; *file;) {
			size_t file_length = strcspn(file + 1, "+");
			snprintf(path, sizeof(path), "%s/%.*s", name, (int)file_length, file + 1);
			workdir_write(path, "", 0);
			file += 1 + file_length;
		}
	}
}

/* Writes " missing 3,4,..." of the numbers that a complete product would have. */
static void describe_missing(FILE *stream, const struct sc_product *product)
{
	enum { MOST = 8 };
	uint64_t next = product->first_number;
	unsigned count = 0;
	for (size_t k = 0; k <= product->nparts && count < MOST; k++) {
		uint64_t number = k < product->nparts ? product->parts[k].number : product->last_number + 1;
		for (; next < number && count < MOST; next++, count++)
			fprintf(stream, "%s%llu", count ? "," : " missing ", (unsigned long long)next);
		next = number + 1;
	}
}

/* "base.ext:0,1,2 missing 3,4 problem ..." for each product, a line each. */
static char *describe(const struct sc_scan *scan)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	for (size_t i = 0; i < scan->nproducts; i++) {
		const struct sc_product *product = &scan->products[i];
		fprintf(stream, "%s%s:", product->base, product->ext);
		for (size_t k = 0; k < product->nparts; k++)
			fprintf(stream, "%s%llu", k ? "," : "", (unsigned long long)product->parts[k].number);
		if (product->kind == SC_PRODUCT_PARTS)
			describe_missing(stream, product);
		else
			fputs(product->kind == SC_PRODUCT_PAGED ? "finished" : "catalog", stream);
		fprintf(stream, "%s%s\n", product->problem ? " problem " : "",
			product->problem ? product->problem : "");
	}
	fclose(stream);
	return text;
}

/* Entries below directories that are there: "dir/name" as an image, "dir/name!" as a file. */
static void make_paths(const char *const *paths)
{
	for (; *paths; paths++) {
		char name[256], below[300];
		snprintf(name, sizeof(name), "%s", *paths);
		size_t length = strlen(name);
		if (name[length - 1] == '!') {
			name[length - 1] = 0;
			workdir_write(name, "x", 1);
			continue;
		}
		workdir_mkdir(name);
		snprintf(below, sizeof(below), "%s/table.dat", name);
		workdir_write(below, "", 0);
		snprintf(below, sizeof(below), "%s/table.f0_TSM0", name);
		workdir_write(below, "", 0);
	}
}

static struct sc_source open_source(const char *below, bool only_base)
{
	struct sc_source source;
	struct sc_error err = { 0 };
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s%s", workdir, below) > 0);
	if (sc_source_open(path, only_base, &source, &err) < 0)
		fail_msg("%s", err.text);
	return source;
}

static void expect_scan_with(const char *below, const struct sc_scan_options *options, const char *expected)
{
	struct sc_source source = open_source(below, false);
	struct sc_scan scan;
	struct sc_error err = { 0 };
	if (sc_scan_source(&source, options, &scan, &err) < 0)
		fail_msg("%s", err.text);
	sc_autofree char *text = describe(&scan);
	assert_string_equal(text, expected);
	sc_scan_clear(&scan);
	sc_source_close(&source);
}

static void expect_scan(const char *below, const char *exclude, const char *expected)
{
	const struct sc_scan_options options = { .exclude = exclude };
	expect_scan_with(below, &options, expected);
}

static void products_and_gaps(void **state)
{
	static const struct {
		const char *entries[14];
		const char *expected;
	} cases[] = {
		{ { NULL }, "" },
		{ { "other", "cube.picture", "notes.txt!" }, "" },
		{ { "c.subcube.0.image" }, "c.image:0\n" },
		/* Order of numbers, not of names. */
		{ { "c.subcube.10.psf", "c.subcube.2.psf", "c.subcube.1.psf", "c.subcube.0.psf", "c.subcube.9.psf",
		    "c.subcube.3.psf", "c.subcube.4.psf", "c.subcube.5.psf", "c.subcube.6.psf", "c.subcube.7.psf",
		    "c.subcube.8.psf" },
		  "c.psf:0,1,2,3,4,5,6,7,8,9,10\n" },
		/* Gaps in the middle, at the start, at the end as the siblings tell. */
		{ { "c.subcube.0.image", "c.subcube.1.image", "c.subcube.3.image" }, "c.image:0,1,3 missing 2\n" },
		{ { "c.subcube.1.image", "c.subcube.2.image" }, "c.image:1,2 missing 0\n" },
		{ { "c.subcube.0.image", "c.subcube.1.image", "c.subcube.2.image", "c.subcube.0.psf" },
		  "c.image:0,1,2\nc.psf:0 missing 1,2\n" },
		{ { "c.subcube.0.image", "c.subcube.2.psf" }, "c.image:0 missing 1,2\nc.psf:2 missing 0,1\n" },
		/* Another family's numbers, or those of what is no image, are not this one's. */
		{ { "c.subcube.0.image", "d.subcube.0.image", "d.subcube.1.image", "c.d.subcube.0.image",
		    "c.d.subcube.1.image", "c.d.subcube.2.image" },
		  "c.image:0\nc.d.image:0,1,2\nd.image:0,1\n" },
		{ { "c.subcube.0.image", "c.subcube.7.ms+table.dat+table.f1" }, "c.image:0\n" },
		/* Duplicates. */
		{ { "c.subcube.1.image", "c.subcube.01.image", "c.subcube.0.image" },
		  "c.image:0,1,1 problem c.subcube.01.image and c.subcube.1.image have the same number\n" },
		{ { "c.subcube.00.image", "c.subcube.001.image" }, "c.image:0,1\n" },
		/* Extensions of their own; images by their looks. */
		{ { "c.subcube.0.image.tt1", "c.subcube.0.residual", "c.subcube.0.cleanmask+table.dat+logtable" },
		  "c.cleanmask:0\nc.image.tt1:0\nc.residual:0\n" },
		{ { "c.subcube.0.ms+table.dat+table.f0+table.f3_TSM0", "c.subcube.0.log!", "c.subcube.0.txt/" }, "" },
		{ { "c.subcube.0.odd/", "c.subcube.1.odd", "c.subcube.2.odd!" }, "c.odd:0,1,2\n" },
		/* What imagers write is shown even when nothing of it is left. */
		{ { "c.subcube.0.image!", "c.subcube.1.image/" }, "c.image:0,1\n" },
		{ { ".c.subcube.0.tmpdir/", "c.subcube.0.weight/", "c.subcube.0.sumwt" }, "c.sumwt:0\nc.weight:0\n" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		assert_int_equal(workdir_clean(state), 0);
		make_entries(cases[i].entries);
		expect_scan("", NULL, cases[i].expected);
	}
}

/* A product without loose parts may be there as one directory. */
static void finished_images_and_catalogs(void **state)
{
	static const struct sc_scan_options without_finished = { .without_finished = true };
	static const struct {
		const char *entries[8];
		const char *below, *all, *unfinished;
	} cases[] = {
		{ { "c.image" }, "", "c.image:finished\n", "" },
		{ { "c.image", "c.subcube.0.image" }, "", "c.image:0\n", "c.image:0\n" },
		{ { "c.image", "c.subcube.0.psf" }, "", "c.image:finished\nc.psf:0\n", "c.psf:0\n" },
		{ { "c.image", "d.image", "cc.image" }, "/c", "c.image:finished\n", "" },
		/* With parts of its own the extension is what imagers write, however many dots the base has. */
		{ { "a.b.c.image.pbcor" }, "", "a.b.c.image.pbcor:finished\n", "" },
		/* The mount shows only what imagers write; what is no image it never shows. */
		{ { "c.picture", "c.ms+table.dat+table.f1", "d.image/", "e.image!", "f.image+table.dat" }, "", "", "" },
		{ { "c.image+imageconcat.json", "odd+imageconcat.json" },
		  "",
		  "c.image:catalog\nodd:catalog\n",
		  "c.image:catalog\nodd:catalog\n" },
		{ { "c.image+imageconcat.json", "c.subcube.0.image" }, "", "c.image:0\n", "c.image:0\n" },
		{ { ".image", ".c.image" }, "", "", "" },
		/* By base, then by extension, wherever they come from. */
		{ { "z.image", "b.psf", "b.image", "m.subcube.0.image", "a.image+imageconcat.json" },
		  "",
		  "a.image:catalog\nb.image:finished\nb.psf:finished\nm.image:0\nz.image:finished\n",
		  "a.image:catalog\nm.image:0\n" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		assert_int_equal(workdir_clean(state), 0);
		make_entries(cases[i].entries);
		expect_scan_with(cases[i].below, &everything, cases[i].all);
		expect_scan_with(cases[i].below, &without_finished, cases[i].unfinished);
	}
}

/* CASA's parallel tclean, and patterns of the user's. */
static void parts_by_pattern(void **state)
{
	static const struct {
		const char *directories[3], *entries[8];
		const char *pattern; /* NULL: the known ones */
		const char *expected;
	} cases[] = {
		{ { "c.workdirectory" },
		  { "c.workdirectory/c.n1.image", "c.workdirectory/c.n3.image", "c.workdirectory/c.n10.psf" },
		  NULL,
		  "c.image:1,3 missing 2,4,5,6,7,8,9,10\nc.psf:10 missing 1,2,3,4,5,6,7,8\n" },
		/* Numbered from 1: none is missing. */
		{ { "c.workdirectory" },
		  { "c.workdirectory/c.n1.image", "c.workdirectory/c.n2.image" },
		  NULL,
		  "c.image:1,2\n" },
		{ { "c.workdirectory", "d.workdirectory" },
		  { "c.workdirectory/d.n1.image", "d.workdirectory/d.n1.image", "c.workdirectory/c.n1.image!" },
		  NULL,
		  "c.image:1\nd.image:1\n" },
		/* The two namings of one base clash; those of two do not. */
		{ { "c.workdirectory" },
		  { "c.workdirectory/c.n1.image", "c.subcube.0.image", "d.subcube.0.image" },
		  NULL,
		  "c.image:0 problem c.subcube.0.image and c.workdirectory/c.n1.image are named in two ways; --pattern "
		  "says which one is meant\nd.image:0\n" },
		{ { "c.workdirectory" },
		  { "c.workdirectory/c.n1.image", "c.subcube.0.psf" },
		  NULL,
		  "c.image:1\nc.psf:0\n" },
		{ { "c.workdirectory" },
		  { "c.workdirectory/c.n1.image", "c.subcube.0.image" },
		  "{base}.subcube.{n}{ext}",
		  "c.image:0\n" },
		/* A pattern's numbers begin at 0 or 1, whichever there is. */
		{ { NULL },
		  { "c.chunk1.image", "c.chunk2.image", "d.subcube.0.image", "e.image" },
		  "{base}.chunk{n}{ext}",
		  "c.image:1,2\ne.image:finished\n" },
		{ { NULL }, { "c.chunk0.image", "c.chunk2.image" }, "{base}.chunk{n}{ext}", "c.image:0,2 missing 1\n" },
		{ { NULL },
		  { "c.chunk3.image", "c.chunk4.image" },
		  "{base}.chunk{n}{ext}",
		  "c.image:3,4 missing 1,2\n" },
		{ { NULL },
		  { "c.chunk1.image", "c.chunk0.psf" },
		  "{base}.chunk{n}{ext}",
		  "c.image:1 missing 0\nc.psf:0 missing 1\n" },
		{ { "x", "x/y" },
		  { "x/y/c7.image", "x/c7.image", "x/y/c8.image" },
		  "x/{base}/c{n}{ext}",
		  "y.image:7,8 missing 1,2,3,4,5,6\n" },
		{ { "f" }, { "f/c.1.image", "f!1", "c.1.image" }, "{base}/c.{n}{ext}", "f.image:1\n" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_pattern pattern;
		struct sc_error err = { 0 };
		struct sc_scan_options options = { .pattern = cases[i].pattern ? &pattern : NULL };
		assert_int_equal(workdir_clean(state), 0);
		for (size_t k = 0; k < SC_COUNT_OF(cases[i].directories) && cases[i].directories[k]; k++)
			workdir_mkdir(cases[i].directories[k]);
		make_paths(cases[i].entries);
		if (cases[i].pattern && sc_pattern_parse(cases[i].pattern, &pattern, &err) < 0)
			fail_msg("%s", err.text);
		expect_scan_with("", &options, cases[i].expected);
	}
}

static void one_base_of_several(void **state)
{
	static const char *const entries[] = { "c.subcube.0.image",
					       "c.subcube.1.image",
					       "cc.subcube.0.image",
					       "c.d.subcube.0.psf",
					       "mnt.subcube.0.image",
					       "mnt/",
					       NULL };
	assert_int_equal(workdir_clean(state), 0);
	make_entries(entries);
	expect_scan("/c", NULL, "c.image:0,1\n");
	expect_scan("/c.d", NULL, "c.d.psf:0\n");
	expect_scan("/c/", NULL, "c.image:0,1\n");
	expect_scan("/nothing", NULL, "");
	expect_scan("/mnt", NULL, ""); /* a directory: looked into */
	expect_scan("///", NULL, "c.image:0,1\nc.d.psf:0\ncc.image:0\nmnt.image:0\n");
	expect_scan("", "c.subcube.1.image", "c.image:0\nc.d.psf:0\ncc.image:0\nmnt.image:0\n");
	struct sc_source source = open_source("/mnt", true);
	assert_string_equal(source.base, "mnt");
	char *real = realpath(workdir, NULL);
	assert_string_equal(source.path, real);
	free(real);
	sc_source_close(&source);
}

static void sources_that_cannot_be(void **state)
{
	(void)state;
	static const struct {
		const char *argument;
		bool only_base;
		int rc;
	} cases[] = {
		{ "/nonexistent/x/y", false, -ENOENT },
		{ "/dev/null/x/y", false, -ENOTDIR },
		{ "/", true, -EINVAL },
		{ "", false, -EINVAL },
		{ "", true, -EINVAL },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_source source;
		struct sc_error err = { 0 };
		int rc = sc_source_open(cases[i].argument, cases[i].only_base, &source, &err);
		if (rc != cases[i].rc || !err.text[0])
			fail_msg("\"%s\": %d \"%s\"", cases[i].argument, rc, err.text);
	}
}

/* ---- stray numbers, many parts ---- */

static void a_stray_number_takes_no_memory(void **state)
{
	static const char *const entries[] = { "c.subcube.0.image", "c.subcube.999999999999.image", NULL };
	assert_int_equal(workdir_clean(state), 0);
	make_entries(entries);
	struct sc_source source = open_source("", false);
	struct sc_scan scan;
	struct sc_error err = { 0 };
	assert_int_equal(sc_scan_source(&source, &everything, &scan, &err), 0);
	assert_int_equal(scan.nproducts, 1);
	assert_int_equal(scan.products[0].nparts, 2);
	sc_autofree char *text = describe(&scan);
	assert_string_equal(text, "c.image:0,999999999999 missing 1,2,3,4,5,6,7,8\n");
	sc_scan_clear(&scan);
	sc_source_close(&source);
}

static void many_parts(void **state)
{
	enum { PARTS = 1200 };
	assert_int_equal(workdir_clean(state), 0);
	for (int i = 0; i < PARTS; i++) {
		char name[64];
		sprintf(name, "c.subcube.%d.image", (int)((i * 7919LL) % PARTS));
		workdir_mkdir(name);
	}
	struct sc_source source = open_source("", false);
	for (int round = 0; round < 2; round++) { /* a second scan of the same source sees the same */
		struct sc_scan scan;
		struct sc_error err = { 0 };
		assert_int_equal(sc_scan_source(&source, &everything, &scan, &err), 0);
		assert_int_equal(scan.nproducts, 1);
		assert_int_equal(scan.products[0].nparts, PARTS);
		for (size_t i = 0; i < PARTS; i++)
			assert_int_equal(scan.products[0].parts[i].number, i);
		sc_scan_clear(&scan);
	}
	sc_source_close(&source);
}

/* With a limit that leaves one free descriptor, the directory's own, no file can be opened. */
static void no_file_is_opened_by(void **state, dev_t mount_device)
{
	static const char *const entries[] = { "c.subcube.0.image", "c.subcube.1.odd", "whole.image", NULL };
	assert_int_equal(workdir_clean(state), 0);
	make_entries(entries);
	assert_int_equal(mkfifoat(workdir_fd, "c.subcube.2.image", 0600), 0);
	assert_int_equal(symlinkat("c.subcube.3.image", workdir_fd, "c.subcube.3.image"), 0);
	struct sc_source source = open_source("", false);
	source.mount_device = mount_device;
	struct sc_scan scan;
	struct sc_error err = { 0 };
	struct rlimit limit, old;
	int next = dup(source.dirfd);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = (struct rlimit){ (rlim_t)next + 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	int rc = sc_scan_source(&source, &everything, &scan, &err);
	limit.rlim_cur--;
	setrlimit(RLIMIT_NOFILE, &limit);
	struct sc_scan none;
	int without = sc_scan_source(&source, &everything, &none, &err);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(rc, 0);
	assert_int_equal(without, -EMFILE);
	assert_true(has_words(err.text, "cannot read the directory"));
	sc_autofree char *text = describe(&scan);
	assert_string_equal(text, "c.image:0,2,3 missing 1\nc.odd:1 missing 0,2,3\nwhole.image:finished\n");
	sc_scan_clear(&scan);
	sc_source_close(&source);
}

static void no_file_is_opened(void **state)
{
	no_file_is_opened_by(state, 0);
}

/* Nor is one to see whether it leads into the mount: short of descriptors, no name may vanish from it. */
static void nor_with_a_mount(void **state)
{
	struct stat st;
	assert_int_equal(stat("/proc", &st), 0);
	no_file_is_opened_by(state, st.st_dev);
}

static void a_directory_that_cannot_be_entered_now_is_an_error(void **state)
{
	static const char *const paths[] = { "c.workdirectory", "c.workdirectory/c.n1.image", NULL };
	struct rlimit limit, old;
	struct stat st;
	struct sc_scan scan;
	struct sc_error err = { 0 };
	assert_int_equal(workdir_clean(state), 0);
	make_paths(paths);
	struct sc_source source = open_source("", false);
	assert_int_equal(stat("/proc", &st), 0);
	source.mount_device = st.st_dev;
	int next = dup(source.dirfd);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = (struct rlimit){ (rlim_t)next + 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	int rc = sc_scan_source(&source, &everything, &scan, &err);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(rc, -EMFILE);
	sc_source_close(&source);
}

static void an_unreadable_directory_is_an_error(void **state)
{
	assert_int_equal(workdir_clean(state), 0);
	struct sc_source source = open_source("", false);
	struct sc_scan scan;
	struct sc_error err = { 0 };
	assert_int_equal(chmod(workdir, 0), 0);
	if (geteuid() == 0 && seteuid(65534) < 0)
		skip();
	int rc = sc_scan_source(&source, &everything, &scan, &err);
	assert_int_equal(seteuid(getuid()), 0);
	chmod(workdir, 0700);
	assert_int_equal(rc, -EACCES);
	assert_true(has_words(err.text, "cannot read the directory|sc-test-"));
	sc_source_close(&source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_and_gaps),
		cmocka_unit_test(finished_images_and_catalogs),
		cmocka_unit_test(parts_by_pattern),
		cmocka_unit_test(one_base_of_several),
		cmocka_unit_test(sources_that_cannot_be),
		cmocka_unit_test(a_stray_number_takes_no_memory),
		cmocka_unit_test(many_parts),
		cmocka_unit_test(no_file_is_opened),
		cmocka_unit_test(nor_with_a_mount),
		cmocka_unit_test(a_directory_that_cannot_be_entered_now_is_an_error),
		cmocka_unit_test(an_unreadable_directory_is_an_error),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
