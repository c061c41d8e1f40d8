/*
 * The header program through its client. The program that was built does the
 * work in the first half; shell scripts take its place in the second.
 */
#include "testdata.h"

#include "headerclientpriv.h"
#include "headerdir.h"
#include "tablefile.h"
#include "tsm.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- requests ---- */

#define MESSAGE "12 parts were concatenated"

/* A real part's header. */
struct part {
	struct sc_tablefile table;
	struct sc_header_request request;
};

static void part_open(struct part *part, const char *name)
{
	const char *root = getenv("SC_TEST_DATA");
	if (!root || !*root)
		skip();
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/%s/table.dat", root, name) > 0);
	sc_autofree uint8_t *data = NULL;
	size_t size;
	struct sc_error err = { 0 };
	if (sc_io_read_file(AT_FDCWD, path, path, 1 << 20, &data, &size, &err) < 0 ||
	    sc_tablefile_decode(data, size, path, &part->table, &err) < 0)
		fail_msg("%s", err.text);
	part->request = (struct sc_header_request){
		.ndim = 4,
		.type = SC_TYPE_FLOAT,
		.coords = sc_record_get_record(part->table.keywords, "coords"),
		.imageinfo = sc_record_get_record(part->table.keywords, "imageinfo"),
		.units = sc_record_get_string(part->table.keywords, "units"),
		.history_message = MESSAGE,
		.history_time = 5.1e9,
	};
	assert_non_null(part->request.coords);
}

static void part_close(struct part *part)
{
	sc_tablefile_clear(&part->table);
}

/* A request that no program has to understand. */
static struct sc_header_request empty_request(const struct sc_record *coords)
{
	return (struct sc_header_request){ .ndim = 4,
					   .type = SC_TYPE_FLOAT,
					   .coords = coords,
					   .source = &workdir_source,
					   .history_message = MESSAGE };
}

/* ---- looking at a template ---- */

static void decode_table(const struct sc_template *template_files, const char *path, struct sc_tablefile *ret_table)
{
	const struct sc_template_file *file = sc_template_find(template_files, path);
	struct sc_error err = { 0 };
	assert_non_null(file);
	if (sc_tablefile_decode(file->data, file->size, path, ret_table, &err) < 0)
		fail_msg("%s", err.text);
}

static uint64_t count_rows(const struct sc_template *template_files)
{
	struct sc_tablefile table;
	decode_table(template_files, "logtable/table.dat", &table);
	uint64_t nrows = table.nrows;
	sc_tablefile_clear(&table);
	return nrows;
}

static bool has_text(const struct sc_template *template_files, const char *path, const char *text)
{
	const struct sc_template_file *file = sc_template_find(template_files, path);
	return file && memmem(file->data, file->size, text, strlen(text));
}

static void check_keywords(const struct part *part, const struct sc_tablefile *table)
{
	static const char *const unchanged[] = { "coords", "units" };
	for (size_t i = 0; i < SC_COUNT_OF(unchanged); i++) {
		const struct sc_field *was = sc_record_find(part->table.keywords, unchanged[i]);
		const struct sc_field *is = sc_record_find(table->keywords, unchanged[i]);
		assert_non_null(is);
		if (!sc_field_equal(was, is))
			fail_msg("%s is another one", unchanged[i]);
	}
	const struct sc_record *info = sc_record_get_record(table->keywords, "imageinfo");
	assert_non_null(info);
	assert_string_equal(sc_record_get_string(info, "imagetype"),
			    sc_record_get_string(part->request.imageinfo, "imagetype"));
	assert_null(sc_record_find(info, "restoringbeam"));
	assert_string_equal(sc_record_get_string(table->keywords, "logtable"), "././logtable");
}

static void check_mask(const struct sc_template *template_files, const struct sc_tablefile *table, bool has_mask)
{
	const char *name = sc_record_get_string(table->keywords, "Image_defaultmask");
	if (!has_mask) {
		assert_true(!name || !*name);
		assert_null(sc_template_find(template_files, "mask0/table.dat"));
		return;
	}
	assert_string_equal(name, "mask0");
	const struct sc_record *masks = sc_record_get_record(table->keywords, "masks");
	assert_non_null(masks);
	const struct sc_record *mask = sc_record_get_record(masks, "mask0");
	assert_non_null(mask);
	assert_string_equal(sc_record_get_string(mask, "mask"), "././mask0");
	struct sc_tablefile mask_table;
	decode_table(template_files, "mask0/table.dat", &mask_table);
	assert_int_equal(mask_table.ncolumns, 1);
	assert_int_equal(mask_table.columns[0].type, SC_TYPE_BOOL);
	sc_tablefile_clear(&mask_table);
}

static void check_pixels(const struct sc_template *template_files, int ndim, enum sc_type type)
{
	const struct sc_template_file *file = sc_template_find(template_files, "table.f0");
	struct sc_error err = { 0 };
	struct sc_tsm tsm;
	assert_non_null(file);
	if (sc_tsm_decode(file->data, file->size, "table.f0", &tsm, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(tsm.manager, "TiledCellStMan");
	assert_int_equal(tsm.type, type);
	assert_int_equal(tsm.ndim, ndim);
	for (int i = 0; i < ndim; i++)
		assert_int_equal(tsm.shape[i], 1);
}

static void check_paths(const struct sc_template *template_files)
{
	assert_true(template_files->nfiles > 0);
	for (size_t i = 0; i < template_files->nfiles; i++) {
		assert_null(strstr(template_files->files[i].path, "_TSM"));
		if (i > 0)
			assert_true(strcmp(template_files->files[i - 1].path, template_files->files[i].path) < 0);
	}
}

static void run_well(const struct sc_header_request *request, struct sc_template *ret_template)
{
	struct sc_error err = { 0 };
	if (sc_headerclient_run(request, ret_template, &err) < 0)
		fail_msg("%s", err.text);
}

static void run_badly(const struct sc_header_request *request, int code, const char *text)
{
	struct sc_error err = { 0 };
	struct sc_template template_files;
	int rc = sc_headerclient_run(request, &template_files, &err);
	if (rc != code || err.code != code || !strstr(err.text, text))
		fail_msg("%d \"%s\", expected %d \"%s\"", rc, err.text, code, text);
	if (strchr(err.text, '\n'))
		fail_msg("more than one line: \"%s\"", err.text);
}

/* ---- the real program ---- */

static void all_types_and_masks(void **state)
{
	(void)state;
	static const enum sc_type types[] = { SC_TYPE_FLOAT, SC_TYPE_DOUBLE, SC_TYPE_COMPLEX, SC_TYPE_DCOMPLEX };
	struct part part;
	part_open(&part, "A1/cube.subcube.0.image");
	for (size_t i = 0; i < 2 * SC_COUNT_OF(types); i++) {
		part.request.type = types[i / 2];
		part.request.has_mask = i % 2;
		struct sc_template made;
		run_well(&part.request, &made);
		assert_null(made.warning);
		check_paths(&made);
		check_pixels(&made, 4, types[i / 2]);
		struct sc_tablefile table;
		decode_table(&made, "table.dat", &table);
		check_keywords(&part, &table);
		check_mask(&made, &table, i % 2);
		sc_tablefile_clear(&table);
		assert_int_equal(count_rows(&made), 1);
		assert_true(has_text(&made, "logtable/table.f0", MESSAGE));
		assert_true(has_text(&made, "table.info", "Image"));
		sc_template_clear(&made);
	}
	part_close(&part);
}

static void only_what_must_be_there(void **state)
{
	(void)state;
	struct part part;
	part_open(&part, "A1/cube.subcube.0.sumwt");
	part.request.imageinfo = NULL;
	part.request.units = NULL;
	struct sc_template made;
	run_well(&part.request, &made);
	struct sc_tablefile table;
	decode_table(&made, "table.dat", &table);
	assert_null(sc_record_find(table.keywords, "units"));
	assert_null(sc_record_find(table.keywords, "miscinfo"));
	sc_tablefile_clear(&table);
	sc_template_clear(&made);
	part_close(&part);
}

/* casacore shrugs at units that it does not know when it reads them; so they are no error. */
static void unknown_units(void **state)
{
	(void)state;
	struct part part;
	part_open(&part, "A1/cube.subcube.0.image");
	part.request.units = "counts/frobnitz";
	struct sc_template made;
	run_well(&part.request, &made);
	struct sc_tablefile table;
	decode_table(&made, "table.dat", &table);
	assert_string_equal(sc_record_get_string(table.keywords, "units"), "counts/frobnitz");
	sc_tablefile_clear(&table);
	sc_template_clear(&made);
	part_close(&part);
}

static void assert_same_templates(const struct sc_template *a, const struct sc_template *b)
{
	assert_int_equal(a->nfiles, b->nfiles);
	for (size_t i = 0; i < a->nfiles; i++) {
		assert_string_equal(a->files[i].path, b->files[i].path);
		assert_same_bytes(a->files[i].path, a->files[i].data, a->files[i].size, b->files[i].data,
				  b->files[i].size);
	}
}

static int open_source(const char *below)
{
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", getenv("SC_TEST_DATA"), below) > 0);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void history_is_kept(void **state)
{
	(void)state;
	struct part part;
	part_open(&part, "B1/in/cube.subcube.1.image");
	sc_autoclose int source_fd = open_source("B1/in");
	const struct sc_source source = { .dirfd = source_fd, .follow_links = true };
	part.request.source = &source;
	const char *history_part = "cube.subcube.1.image";
	part.request.nhistory_parts = 1;
	part.request.history_parts = &history_part;
	part.request.has_mask = true;
	struct sc_template made, again;
	run_well(&part.request, &made);
	assert_null(made.warning);
	struct sc_tablefile source_log;
	sc_autofree uint8_t *data = NULL;
	size_t size;
	assert_int_equal(sc_io_read_file(source_fd, "cube.subcube.1.image/logtable/table.dat", "logtable", 1 << 20,
					 &data, &size, NULL),
			 0);
	assert_int_equal(sc_tablefile_decode(data, size, "logtable", &source_log, NULL), 0);
	assert_true(source_log.nrows > 0);
	assert_int_equal(count_rows(&made), source_log.nrows + 1);
	sc_tablefile_clear(&source_log);
	run_well(&part.request, &again);
	assert_same_templates(&made, &again);
	sc_template_clear(&made);
	sc_template_clear(&again);
	part_close(&part);
}

static void *run_in_thread(void *argument)
{
	const struct sc_header_request *request = argument;
	struct sc_template *made = calloc(1, sizeof(*made));
	if (made && sc_headerclient_run(request, made, NULL) < 0) {
		free(made);
		made = NULL;
	}
	return made;
}

static void several_at_once(void **state)
{
	(void)state;
	struct part part;
	part_open(&part, "A1/cube.subcube.0.image");
	pthread_t threads[6];
	struct sc_template *first = NULL;
	for (size_t i = 0; i < SC_COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_in_thread, &part.request), 0);
	for (size_t i = 0; i < SC_COUNT_OF(threads); i++) {
		void *made = NULL;
		pthread_join(threads[i], &made);
		assert_non_null(made);
		if (!first) {
			first = made;
			continue;
		}
		assert_same_templates(first, made);
		sc_template_clear(made);
		free(made);
	}
	sc_template_clear(first);
	free(first);
	part_close(&part);
}

/* The descriptors made for the program are then 0, 1 and 2 themselves. */
static void standard_descriptors_closed(void **state)
{
	(void)state;
	struct part part;
	part_open(&part, "A1/cube.subcube.0.image");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		struct sc_template made;
		_exit(sc_headerclient_run(&part.request, &made, NULL) == 0 && made.nfiles > 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	part_close(&part);
}

static void bad_requests(void **state)
{
	(void)state;
	struct part part;
	part_open(&part, "A1/cube.subcube.0.image");
	part.request.ndim = 3;
	run_badly(&part.request, -EUCLEAN, "the coordinates have 4 pixel axes, the image has 3");
	part.request.ndim = 9;
	run_badly(&part.request, -EUCLEAN, "cannot have 9 axes");
	part.request.ndim = 4;
	part.request.type = SC_TYPE_BOOL;
	run_badly(&part.request, -EUCLEAN, "images of type bool");
	part.request.type = SC_TYPE_FLOAT;

	sc_autorecord struct sc_record *nothing = sc_record_new();
	part.request.coords = nothing;
	run_badly(&part.request, -EUCLEAN, "coordinates");

	sc_autorecord struct sc_record *broken = sc_record_copy(sc_record_get_record(part.table.keywords, "coords"));
	assert_int_equal(sc_record_put_string(sc_record_edit_record(broken, "direction0"), "crval", "north"), 0);
	part.request.coords = broken;
	run_badly(&part.request, -EUCLEAN, "cannot restore the coordinates");
	part_close(&part);
}

/* ---- histories that cannot be read ---- */

/* A real log table in `part`, with one text in table.dat changed to another of the same length. */
static void write_changed_log(const char *part, const char *from, const char *to)
{
	sc_autoclose int source_fd = open_source("B1/in");
	sc_autofree uint8_t *data = NULL;
	size_t size;
	char path[64];
	assert_int_equal(sc_io_read_file(source_fd, "cube.subcube.1.image/logtable/table.dat", "logtable", 1 << 20,
					 &data, &size, NULL),
			 0);
	size_t length = strlen(from);
	assert_int_equal(strlen(to), length);
	for (size_t i = 0; i + length <= size; i++)
		if (memcmp(data + i, from, length) == 0)
			memcpy(data + i, to, length);
	snprintf(path, sizeof(path), "%s/logtable", part);
	assert_int_equal(mkdirat(workdir_fd, path, 0700), 0);
	snprintf(path, sizeof(path), "%s/logtable/table.dat", part);
	sc_autoclose int fd = openat(workdir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, data, size), 0);
}

static void unreadable_histories(void **state)
{
	(void)state;
	/* clang-format off */
	static const struct {
		const char *part, *warning;
	} rows[] = {
		{ "absent", NULL },
		{ "file", "file/logtable: cannot open" },
		{ "fifo", "fifo/logtable/table.dat: not a regular file" },
		{ "loop", "loop/logtable: cannot open" },
		{ "garbage", "garbage/logtable/table.dat: " },
		{ "empty", "empty/logtable/table.dat: cannot open" },
		{ "manager", "manager/logtable/table.dat: storage manager LibraryToLoad" },
		{ "incomplete", "casacore cannot read the history: " },
	};
	/* clang-format on */
	struct part part;
	part_open(&part, "A1/cube.subcube.0.image");
	for (size_t i = 0; i < SC_COUNT_OF(rows); i++)
		assert_int_equal(mkdirat(workdir_fd, rows[i].part, 0700), 0);
	write_file(workdir_fd, "file/logtable", "x", 0600);
	assert_int_equal(mkdirat(workdir_fd, "fifo/logtable", 0700), 0);
	assert_int_equal(mkfifoat(workdir_fd, "fifo/logtable/table.dat", 0600), 0);
	assert_int_equal(symlinkat("logtable", workdir_fd, "loop/logtable"), 0);
	assert_int_equal(mkdirat(workdir_fd, "garbage/logtable", 0700), 0);
	write_file(workdir_fd, "garbage/logtable/table.dat", "\xbe\xbe\xbe\xbe this is no table", 0600);
	assert_int_equal(mkdirat(workdir_fd, "empty/logtable", 0700), 0);
	write_changed_log("manager", "StandardStMan", "LibraryToLoad");
	write_changed_log("incomplete", "StandardStMan", "StandardStMan");
	part.request.source = &workdir_source;
	for (size_t i = 0; i < SC_COUNT_OF(rows); i++) {
		struct sc_template made;
		const char *history_part = rows[i].part;
		part.request.nhistory_parts = 1;
		part.request.history_parts = &history_part;
		run_well(&part.request, &made);
		if (!rows[i].warning != !made.warning || (made.warning && !strstr(made.warning, rows[i].warning)))
			fail_msg("%s: \"%s\"", rows[i].part, made.warning ? made.warning : "no warning");
		assert_int_equal(count_rows(&made), 1);
		sc_template_clear(&made);
	}
	part_close(&part);
}

/* ---- other programs in its place ---- */

static void misbehaving_programs(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		int code;
		const char *text;
	} rows[] = {
		{ "#!/bin/sh\nexit 0\n", -ENOENT, "image: cannot open what the header program made" },
		{ "#!/bin/sh\nexit 3\n", -EIO, "ended with status 3 and no message" },
		{ "#!/bin/sh\nkill -SEGV $$\n", -EIO, "killed by signal 11" },
		{ "#!/bin/sh\necho noise >&2; echo 'subcubefs-header: its line' >&2; echo more >&2; exit 1\n", -EUCLEAN,
		  "cannot make the header: its line" },
		{ "#!/bin/sh\necho 'not found' >&2; exit 127\n", -EUCLEAN, "not found" },
		{ "#!/bin/sh\nwhile :; do echo yes; done\n", -EMSGSIZE, "wrote more than" },
		{ "#!/bin/sh\nwhile :; do echo yes >&2; done\n", -EMSGSIZE, "wrote more than" },
		{ "#!/bin/sh\nmkdir -p $1/image/a/b\n", -EUCLEAN, "a/b: the header program made no ordinary file" },
		{ "#!/bin/sh\nmkdir $1/image; ln -s /etc/passwd $1/image/table.dat\n", -EUCLEAN,
		  "table.dat: the header program made no ordinary file" },
		{ "#!/bin/sh\nmkdir $1/image; for i in 0 1 2 3 4; do for j in 0 1 2 3 4 5 6 7 8 9; do\n"
		  "echo > $1/image/$i$j; done; done\n",
		  -EUCLEAN, "more than 40 files" },
		{ "#!/nonexistent/interpreter\n", -ENOENT, "cannot run: No such file" },
	};
	sc_autorecord struct sc_record *coords = sc_record_new();
	struct sc_header_request request = empty_request(coords);
	for (size_t i = 0; i < SC_COUNT_OF(rows); i++) {
		use_script(rows[i].script);
		run_badly(&request, rows[i].code, rows[i].text);
	}
	setenv("SUBCUBEFS_HEADER", "/nonexistent/program", 1);
	run_badly(&request, -ENOENT, "the header program /nonexistent/program: cannot run: No such file");
}

/* What a program sees: no descriptors but three, no environment of ours, the whole request. */
static void what_a_program_gets(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *coords = sc_record_new();
	struct sc_header_request request = empty_request(coords);
	/* Not close-on-exec; so high that it cannot be one of the shell's own. */
	int leaked = fcntl(workdir_fd, F_DUPFD, 200);
	assert_true(leaked >= 200);
	setenv("SC_TEST_SECRET", "secret", 1);
	use_script("#!/bin/sh\n"
		   "{ echo subcubefs-header: descriptors $(ls /proc/$$/fd) bytes $(wc -c) $CASARCFILES"
		   " $OPENBLAS_NUM_THREADS $SC_TEST_SECRET; } 2>/dev/null >$1/line\n"
		   "cat $1/line >&2; exit 1\n");
	struct sc_error err = { 0 };
	struct sc_template made;
	assert_int_equal(sc_headerclient_run(&request, &made, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "descriptors 0 1 "));
	assert_null(strstr(err.text, " 200"));
	assert_non_null(strstr(err.text, " /dev/null 1"));
	assert_null(strstr(err.text, "secret"));
	assert_null(strstr(err.text, "bytes 0"));
	close(leaked);
}

/* With a history the first run has half of the time, and one without it the other half. */
static void crash_because_of_history(void **state)
{
	(void)state;
	static const char *const scripts[] = {
		"#!/bin/sh\n[ ! -e $1/history ] || kill -SEGV $$\nmkdir $1/image; echo > $1/image/table.dat\n",
		"#!/bin/sh\nmkdir $1/image\n[ ! -e $1/history ] || sleep 100\necho > $1/image/table.dat\n",
	};
	static const char *const warnings[] = { "killed by signal 11", "took longer than 0.5 s" };
	sc_autorecord struct sc_record *coords = sc_record_new();
	struct sc_header_request request = empty_request(coords);
	if (!getenv("SC_TEST_DATA"))
		skip();
	assert_int_equal(mkdirat(workdir_fd, "crash", 0700), 0);
	write_changed_log("crash", "StandardStMan", "StandardStMan");
	const char *history_part = "crash";
	request.nhistory_parts = 1;
	request.history_parts = &history_part;
	for (size_t i = 0; i < SC_COUNT_OF(scripts); i++) {
		struct sc_error err = { 0 };
		struct sc_template made;
		use_script(scripts[i]);
		if (sc_headerclient_run_within(&request, 1000, &made, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(made.nfiles, 1);
		if (!made.warning || !strstr(made.warning, warnings[i]))
			fail_msg("\"%s\"", made.warning ? made.warning : "no warning");
		sc_template_clear(&made);
	}
}

static bool is_running(pid_t pid)
{
	char path[64], state = 'X';
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 'X';
	fclose(file);
	return state != 'Z' && state != 'X';
}

static void hanging_program(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *coords = sc_record_new();
	struct sc_header_request request = empty_request(coords);
	use_script("#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! > ${0}.pid\nwait\n");
	struct timespec before, after;
	struct sc_error err = { 0 };
	struct sc_template made;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(sc_headerclient_run_within(&request, 500, &made, &err), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_string_equal(err.text, "the header program took longer than 0.5 s");
	assert_true(after.tv_sec - before.tv_sec < 20);
	sc_autofree uint8_t *text = NULL;
	size_t size;
	assert_int_equal(sc_io_read_file(workdir_fd, "program.pid", "pid", 100, &text, &size, NULL), 0);
	pid_t child = atoi((char *)text);
	assert_true(child > 1);
	for (int i = 0; i < 100 && is_running(child); i++)
		usleep(20000);
	assert_false(is_running(child));
}

/* It has ended though a child of its holds its standard output. */
static void ends_before_its_child(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *coords = sc_record_new();
	struct sc_header_request request = empty_request(coords);
	use_script("#!/bin/sh\nsleep 3 &\necho 'subcubefs-header: gone' >&2; exit 1\n");
	struct sc_error err = { 0 };
	struct sc_template made;
	assert_int_equal(sc_headerclient_run_within(&request, 2000, &made, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "gone"));
}

static void no_room_for_scratch(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *coords = sc_record_new();
	struct sc_header_request request = empty_request(coords);
	setenv("TMPDIR", "/nonexistent/tmp", 1);
	run_badly(&request, -ENOENT, "cannot make a scratch directory in /nonexistent/tmp");
	setenv("TMPDIR", workdir, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_types_and_masks, no_scratch_left),
		cmocka_unit_test_teardown(only_what_must_be_there, no_scratch_left),
		cmocka_unit_test_teardown(unknown_units, no_scratch_left),
		cmocka_unit_test_teardown(history_is_kept, no_scratch_left),
		cmocka_unit_test_teardown(several_at_once, no_scratch_left),
		cmocka_unit_test_teardown(standard_descriptors_closed, no_scratch_left),
		cmocka_unit_test_teardown(bad_requests, no_scratch_left),
		cmocka_unit_test_teardown(unreadable_histories, no_scratch_left),
		cmocka_unit_test_teardown(misbehaving_programs, no_scratch_left),
		cmocka_unit_test_teardown(what_a_program_gets, no_scratch_left),
		cmocka_unit_test_teardown(crash_because_of_history, no_scratch_left),
		cmocka_unit_test_teardown(hanging_program, no_scratch_left),
		cmocka_unit_test_teardown(ends_before_its_child, no_scratch_left),
		cmocka_unit_test_teardown(no_room_for_scratch, no_scratch_left),
	};
	return cmocka_run_group_tests(tests, make_workdir, remove_workdir);
}
