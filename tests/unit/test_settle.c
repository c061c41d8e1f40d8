#include "workdir.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "settle.h"

#define QUIET_NS INT64_C(10000000000)

static struct sc_part_name names[] = {
	{ "cube.subcube.0.image", 0 },
	{ "cube.subcube.1.image", 1 },
	{ "cube.subcube.12.image", 12 },
};

static struct sc_product product = {
	.base = "cube", .ext = ".image", .nparts = SC_COUNT_OF(names), .parts = names, .last_number = 12,
};

static const char *const files[] = { "table.dat", "table.f0", "table.f0_TSM0", "table.f1_TSM1", "table.lock",
				     "mask0/table.f0_TSM0", "own mask/table.f0_TSM0" };

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Sets the time of a file to so many seconds ago. */
static void age(const char *path, double seconds)
{
	int64_t ns = now_ns() - (int64_t)(seconds * 1e9);
	struct timespec when = { ns / 1000000000, ns % 1000000000 }, times[] = { when, when };
	assert_int_equal(utimensat(workdir_fd, path, times, 0), 0);
}

static void make_part(const char *name, double seconds)
{
	char path[300];
	workdir_mkdir(name);
	snprintf(path, sizeof(path), "%s/mask0", name);
	workdir_mkdir(path);
	snprintf(path, sizeof(path), "%s/own mask", name);
	workdir_mkdir(path);
	for (size_t i = 0; i < SC_COUNT_OF(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		workdir_write(path, "x", 1);
		age(path, seconds);
	}
}

static int make_parts(void **state)
{
	if (workdir_clean(state) < 0)
		return -1;
	for (size_t i = 0; i < SC_COUNT_OF(names); i++)
		make_part(names[i].name, 3600);
	return 0;
}

/* "0 1 12", and for each unsettled part " 1: reason". */
static void look_with(const struct sc_settle_options *options, struct sc_settle_memory *memory, char *text, size_t size,
		      struct sc_identity *ret_identity)
{
	const struct sc_source source = { .path = workdir, .dirfd = workdir_fd };
	struct sc_settled settled;
	size_t used = 0;
	text[0] = 0;
	assert_int_equal(sc_settle_look(&source, &product, options, memory, &settled, NULL), 0);
	for (size_t i = 0; i < settled.product.nparts; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%d", i ? " " : "",
					 (int)settled.product.parts[i].number);
	for (size_t i = 0; i < settled.nunsettled; i++)
		used += (size_t)snprintf(text + used, size - used, "; %d: %s", (int)settled.unsettled[i].number,
					 settled.unsettled[i].reason);
	assert_int_equal(settled.product.last_number, 12);
	if (ret_identity)
		*ret_identity = settled.identity;
	sc_settled_clear(&settled);
}

static const struct sc_settle_options by_times = { .quiet_ns = QUIET_NS };

static void expect(const struct sc_settle_options *options, struct sc_settle_memory *memory, const char *expected)
{
	char text[1000];
	look_with(options, memory, text, sizeof(text), NULL);
	assert_string_equal(text, expected);
}

/* --- tests --- */

static void every_file_of_a_part_counts(void **state)
{
	(void)state;
	static const char *const counted[] = { "table.dat", "table.f0", "table.f0_TSM0", "table.f1_TSM1", "mask0/table.f0_TSM0",
					       "own mask/table.f0_TSM0" };
	expect(&by_times, NULL, "0 1 12");
	for (size_t i = 0; i < SC_COUNT_OF(counted); i++) {
		char path[300];
		snprintf(path, sizeof(path), "cube.subcube.1.image/%s", counted[i]);
		age(path, 8);
		expect(&by_times, NULL, "0 12; 1: it changed less than 10 s ago");
		age(path, 11);
		expect(&by_times, NULL, "0 1 12");
	}
}

/* What an NFS client leaves, a thousand times. */
static void however_many_others_there_are(void **state)
{
	for (int i = 0; i < 1000; i++) {
		char path[300];
		snprintf(path, sizeof(path), "cube.subcube.1.image/%s%04d", i % 2 ? ".nfs" : "z", i);
		workdir_write(path, "x", 1);
	}
	every_file_of_a_part_counts(state);
}

static void locks_and_directories_have_no_age(void **state)
{
	(void)state;
	age("cube.subcube.1.image/table.lock", 0);
	age("cube.subcube.1.image", 0);
	expect(&by_times, NULL, "0 1 12");
}

static void a_directory_without_files_was_just_made(void **state)
{
	(void)state;
	workdir_remove("cube.subcube.1.image");
	workdir_mkdir("cube.subcube.1.image");
	expect(&by_times, NULL, "0 12; 1: it changed less than 10 s ago");
	age("cube.subcube.1.image", 20);
	expect(&by_times, NULL, "0 1 12");
}

static void a_file_in_place_of_a_directory(void **state)
{
	(void)state;
	workdir_remove("cube.subcube.1.image");
	workdir_write("cube.subcube.1.image", "x", 1);
	expect(&by_times, NULL, "0 12; 1: it changed less than 10 s ago");
	age("cube.subcube.1.image", 20);
	expect(&by_times, NULL, "0 1 12");
}

static void a_part_that_is_gone_is_not_for_us_to_judge(void **state)
{
	(void)state;
	workdir_remove("cube.subcube.1.image");
	expect(&by_times, NULL, "0 1 12");
}

/* What could not be looked at is not settled for that: nothing is known of it. */
static void without_descriptors_nothing_is_settled(void **state)
{
	(void)state;
	const struct sc_source source = { .path = workdir, .dirfd = workdir_fd };
	struct rlimit limit, none;
	struct sc_settled settled;
	age("cube.subcube.1.image/table.f0_TSM0", 0);
	for (size_t i = 0; i < SC_COUNT_OF(names); i++)
		age(names[i].name, 3600);
	expect(&by_times, NULL, "0 12; 1: it changed less than 10 s ago");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int rc = sc_settle_look(&source, &product, &by_times, NULL, &settled, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(rc, -EMFILE);
}

static void zero_seconds_settle_everything(void **state)
{
	(void)state;
	static const struct sc_settle_options off = { 0 };
	age("cube.subcube.1.image/table.dat", 0);
	expect(&off, NULL, "0 1 12");
}

/* A storage whose clock is an hour ahead: what stays as it is while we look is settled all the same. */
static void what_was_watched_long_enough_is_settled(void **state)
{
	(void)state;
	struct sc_settle_memory memory = { 0 };
	static const struct sc_settle_options quick = { .quiet_ns = 300000000 };
	age("cube.subcube.1.image/table.dat", -3600);
	static const char unsettled[] = "0 12; 1: its times lie in the future and it was not watched for 0.3 s yet";
	expect(&quick, &memory, unsettled);
	expect(&quick, NULL, unsettled);
	usleep(350000);
	expect(&quick, &memory, "0 1 12");
	expect(&quick, &memory, "0 1 12");
	/* It changes: all begins anew. */
	age("cube.subcube.1.image/table.f0", -3601);
	expect(&quick, &memory, unsettled);
	sc_settle_forget(&memory);
}

/* Whether part 12 is unsettled while another process holds a lock of `type` on `length` bytes from `start`. */
static void what_is_young_or_newer_has_to_be_looked_at_again(void **state)
{
	(void)state;
	struct sc_settle_memory memory = { .newest_ns = 10, .quiet_ns = 20 };
	assert_false(sc_settle_may_have_changed(&memory, 10));
	assert_true(sc_settle_may_have_changed(&memory, 11));
	memory.newest_ns = 21;
	assert_true(sc_settle_may_have_changed(&memory, 21));
	/* These have just got the times that they have. */
	memory = (struct sc_settle_memory){ 0 };
	expect(&by_times, &memory, "0 1 12");
	assert_true(memory.newest_ns > memory.quiet_ns && memory.quiet_ns > 0);
	sc_settle_forget(&memory);
}

static void expect_while_locked(short type, off_t start, off_t length, const struct sc_settle_options *options,
				bool unsettled)
{
	int held[2], done[2];
	char byte, text[1000], wanted[1000];
	assert_int_equal(pipe(held) | pipe(done), 0);
	pid_t child = fork();
	if (child == 0) {
		struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
		int fd = openat(workdir_fd, "cube.subcube.12.image/table.lock", O_RDWR);
		close(done[1]);
		if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || write(held[1], "x", 1) != 1)
			_exit(1);
		_exit(read(done[0], &byte, 1) != 0);
	}
	close(held[1]);
	assert_int_equal(read(held[0], &byte, 1), 1);
	look_with(options, NULL, text, sizeof(text), NULL);
	snprintf(wanted, sizeof(wanted), unsettled ? "0 1; 12: process %d holds a write lock on it" : "0 1 12",
		 (int)child);
	assert_string_equal(text, wanted);
	close(done[1]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(held[0]);
	close(done[0]);
}

static void a_write_lock_unsettles(void **state)
{
	(void)state;
	static const struct sc_settle_options ready = { .ready_file = "{part}.done" };
	expect_while_locked(F_WRLCK, 0, 1, &by_times, true);
	/* casacore's read lock, and its note that somebody has the table open. */
	expect_while_locked(F_RDLCK, 0, 2, &by_times, false);
	expect_while_locked(F_RDLCK, 1, 2, &by_times, false);
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		char path[300];
		snprintf(path, sizeof(path), "%s.done", names[i].name);
		workdir_write(path, "", 0);
	}
	expect_while_locked(F_WRLCK, 0, 1, &ready, true);
}

static void a_lock_file_elsewhere_is_left_alone(void **state)
{
	(void)state;
	char elsewhere[] = "/tmp/test_settle-XXXXXX";
	int fd = mkstemp(elsewhere);
	assert_true(fd >= 0);
	assert_int_equal(unlinkat(workdir_fd, "cube.subcube.12.image/table.lock", 0), 0);
	assert_int_equal(symlinkat(elsewhere, workdir_fd, "cube.subcube.12.image/table.lock"), 0);
	expect_while_locked(F_WRLCK, 0, 1, &by_times, false);
	unlink(elsewhere);
	close(fd);
}

static void a_ready_file_decides_in_place_of_times(void **state)
{
	(void)state;
	static const char *const patterns[][2] = {
		{ "{part}.done", "cube.subcube.12.image.done" },
		{ "{part}/done", "cube.subcube.12.image/done" },
		{ "{base}.{n}.ready", "cube.12.ready" },
		{ "{n}{ext}.ready", "12.image.ready" },
		{ "cube.subcube.{n}/{n}", "cube.subcube.12/12" },
	};
	age("cube.subcube.12.image/table.dat", 0);
	workdir_mkdir("cube.subcube.12");
	for (size_t i = 0; i < SC_COUNT_OF(patterns); i++) {
		const struct sc_settle_options options = { .quiet_ns = QUIET_NS, .ready_file = patterns[i][0] };
		assert_int_equal(sc_settle_check_ready_file(patterns[i][0], NULL), 0);
		expect(&options, NULL,
		       "; 0: its ready file is not there; 1: its ready file is not there; 12: its ready file is not there");
		workdir_write(patterns[i][1], "", 0);
		expect(&options, NULL, "12; 0: its ready file is not there; 1: its ready file is not there");
	}
}

static void a_ready_file_is_of_one_part(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "done", "{base}.done", "{base}{ext}.done", "{N}" };
	for (size_t i = 0; i < SC_COUNT_OF(bad); i++) {
		struct sc_error err = { 0 };
		assert_int_equal(sc_settle_check_ready_file(bad[i], &err), -EINVAL);
		assert_true(has_words(err.text, "{part}|{n}"));
	}
}

/* Whatever makes another view of the parts makes another identity; what does not, none. */
static void the_identity_is_of_the_settled_parts(void **state)
{
	(void)state;
	char text[1000];
	struct sc_identity before, after;
	look_with(&by_times, NULL, text, sizeof(text), &before);
	look_with(&by_times, NULL, text, sizeof(text), &after);
	assert_true(sc_identity_equal(&before, &after));

	workdir_write("cube.subcube.1.image/table.lock", "y", 1);
	workdir_write("cube.subcube.1.image/more", "y", 1);
	look_with(&by_times, NULL, text, sizeof(text), &after);
	assert_true(sc_identity_equal(&before, &after));

	age("cube.subcube.1.image/mask0/table.f0_TSM0", 5000);
	look_with(&by_times, NULL, text, sizeof(text), &after);
	assert_false(sc_identity_equal(&before, &after));
	before = after;

	assert_int_equal(fchmodat(workdir_fd, "cube.subcube.1.image", 0700, 0), 0);
	look_with(&by_times, NULL, text, sizeof(text), &after);
	assert_false(sc_identity_equal(&before, &after));
	before = after;

	age("cube.subcube.1.image/table.dat", 0);
	look_with(&by_times, NULL, text, sizeof(text), &after);
	assert_false(sc_identity_equal(&before, &after));
	before = after;
	age("cube.subcube.1.image/table.dat", 1);
	look_with(&by_times, NULL, text, sizeof(text), &after);
	assert_true(sc_identity_equal(&before, &after));

	product.last_number = 13;
	const struct sc_source source = { .path = workdir, .dirfd = workdir_fd };
	struct sc_settled settled;
	assert_int_equal(sc_settle_look(&source, &product, &by_times, NULL, &settled, NULL), 0);
	assert_false(sc_identity_equal(&before, &settled.identity));
	sc_settled_clear(&settled);
	product.last_number = 12;
}

/* A finished image and a catalog are there as a whole, whatever their age. */
static void what_is_in_one_piece_is_settled(void **state)
{
	(void)state;
	const struct sc_source source = { .path = workdir, .dirfd = workdir_fd };
	struct sc_settled settled;
	struct sc_product whole = { .kind = SC_PRODUCT_PAGED, .base = "whole", .ext = ".image" };
	make_part("whole.image", 0);
	assert_int_equal(sc_settle_look(&source, &whole, &by_times, NULL, &settled, NULL), 0);
	assert_int_equal(settled.nunsettled, 0);
	struct sc_identity before = settled.identity;
	sc_settled_clear(&settled);
	/* All that is in it is shown; but who has it open changes nothing. */
	static const char *const changed[] = { "table.lock", "table.f0_TSM0", "notes", "mask0/notes" };
	for (size_t i = 0; i < SC_COUNT_OF(changed); i++) {
		char path[300];
		snprintf(path, sizeof(path), "whole.image/%s", changed[i]);
		workdir_write(path, "y", 1);
		assert_int_equal(sc_settle_look(&source, &whole, &by_times, NULL, &settled, NULL), 0);
		assert_int_equal(sc_identity_equal(&before, &settled.identity), i == 0);
		before = settled.identity;
		sc_settled_clear(&settled);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_file_of_a_part_counts, make_parts),
		cmocka_unit_test_setup(however_many_others_there_are, make_parts),
		cmocka_unit_test_setup(locks_and_directories_have_no_age, make_parts),
		cmocka_unit_test_setup(a_directory_without_files_was_just_made, make_parts),
		cmocka_unit_test_setup(a_file_in_place_of_a_directory, make_parts),
		cmocka_unit_test_setup(a_part_that_is_gone_is_not_for_us_to_judge, make_parts),
		cmocka_unit_test_setup(without_descriptors_nothing_is_settled, make_parts),
		cmocka_unit_test_setup(zero_seconds_settle_everything, make_parts),
		cmocka_unit_test_setup(what_was_watched_long_enough_is_settled, make_parts),
		cmocka_unit_test_setup(what_is_young_or_newer_has_to_be_looked_at_again, make_parts),
		cmocka_unit_test_setup(a_write_lock_unsettles, make_parts),
		cmocka_unit_test_setup(a_lock_file_elsewhere_is_left_alone, make_parts),
		cmocka_unit_test_setup(a_ready_file_decides_in_place_of_times, make_parts),
		cmocka_unit_test_setup(a_ready_file_is_of_one_part, make_parts),
		cmocka_unit_test_setup(the_identity_is_of_the_settled_parts, make_parts),
		cmocka_unit_test_setup(what_is_in_one_piece_is_settled, make_parts),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
