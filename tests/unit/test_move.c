#include "testdata.h"

#include <sys/wait.h>

#include "catalog.h"
#include "imageconcat.h"
#include "move.h"
#include "moves.h"
#include "replace.h"

/*
 * run/        cube.subcube.0.image, cube.subcube.1.image, sub/cube.subcube.2.image, cube.image (the output)
 * elsewhere/  cube.subcube.3.image
 */
#define WORK "run/.cube.image.subcube-materialize"
#define NPARTS 4

static char top[64], *paths[NPARTS], *names[NPARTS];

static const char *const loose[NPARTS] = { "run/cube.subcube.0.image", "run/cube.subcube.1.image",
					   "run/sub/cube.subcube.2.image", "elsewhere/cube.subcube.3.image" };

/* What NAME is before: nothing, or an image that is overwritten, by exchange or in two steps. */
enum before { NOTHING, IMAGE, BEFORE_COUNT };

static bool is_there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static bool has_text(const char *path, const char *text)
{
	char content[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t got = read(fd, content, sizeof(content) - 1);
	close(fd);
	return got >= 0 && strcmp(content, text) == 0;
}

static void inside(char path[256], size_t i)
{
	snprintf(path, 256, "run/cube.image/%s", strrchr(loose[i], '/') + 1);
}

static int make_top(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_move.XXXXXX");
	if (!mkdtemp(top) || chdir(top) < 0)
		return -1;
	for (size_t i = 0; i < NPARTS; i++) {
		if (asprintf(&paths[i], "%s/%s", top, loose[i]) < 0)
			return -1;
		names[i] = strrchr(paths[i], '/') + 1;
	}
	return 0;
}

static int remove_top(void **state)
{
	(void)state;
	for (size_t i = 0; i < NPARTS; i++)
		free(paths[i]);
	return chdir("/") < 0 ? -1 : sc_io_remove_tree(AT_FDCWD, top);
}

static void set_up(enum before before)
{
	assert_int_equal(sc_io_remove_tree(AT_FDCWD, "run"), 0);
	assert_int_equal(sc_io_remove_tree(AT_FDCWD, "elsewhere"), 0);
	assert_int_equal(mkdir("run", 0777), 0);
	assert_int_equal(mkdir("run/sub", 0777), 0);
	assert_int_equal(mkdir("elsewhere", 0777), 0);
	for (size_t i = 0; i < NPARTS; i++) {
		char file[256];
		assert_int_equal(mkdir(loose[i], 0777), 0);
		snprintf(file, sizeof(file), "%s/table.dat", loose[i]);
		put_file(file, loose[i]);
	}
	if (before == IMAGE) {
		assert_int_equal(mkdir("run/cube.image", 0777), 0);
		put_file("run/cube.image/table.dat", "old");
		put_file("run/cube.image/table.info", "Type = Image\n");
	}
}

/* The number of parts inside; each must be in one place, with what was in it. */
static size_t count_inside(void)
{
	size_t count = 0;
	for (size_t i = 0; i < NPARTS; i++) {
		char path[256], file[512];
		inside(path, i);
		bool is_inside = is_there(path);
		assert_int_not_equal(is_inside, is_there(loose[i]));
		snprintf(file, sizeof(file), "%s/table.dat", is_inside ? path : loose[i]);
		assert_true(has_text(file, loose[i]));
		count += is_inside;
	}
	return count;
}

static void assert_finished(void)
{
	assert_int_equal(count_inside(), NPARTS);
	assert_true(has_text("run/cube.image/" SC_IMAGECONCAT_FILE, "catalog"));
	assert_true(is_there("run/cube.image/" SC_MOVEJOURNAL_DONE));
	assert_false(sc_movejournal_is_unfinished(AT_FDCWD, "run/cube.image"));
	assert_false(is_there("run/cube.image/table.dat"));
	assert_false(is_there(WORK));
}

static void assert_undone(enum before before)
{
	assert_int_equal(count_inside(), 0);
	assert_false(is_there(WORK));
	assert_int_equal(is_there("run/cube.image"), before == IMAGE);
	assert_int_equal(has_text("run/cube.image/table.dat", "old"), before == IMAGE);
	assert_false(is_there("run/cube.image/" SC_MOVEJOURNAL_FILE));
}

/* ---- processes that die ---- */

#define DIED 77

static int steps_to_live;

static void step(void)
{
	if (steps_to_live-- == 0)
		_exit(DIED);
}

static void must(int rc, const struct sc_error *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	_exit(1);
}

/* As the materializer does it; dies after `steps` changes of the disk. */
static void move_in_child(int steps)
{
	struct sc_output output;
	struct sc_move move;
	struct sc_error err = { 0 };
	struct sc_partlist parts = { NPARTS, paths, names };
	steps_to_live = steps;
	must(sc_output_open("run/cube.image", true, &output, &err), &err);
	must(sc_output_lock(&output, &err), &err);
	must(sc_output_recover(&output, &err), &err);
	step();
	must(sc_output_create(&output, &err), &err);
	must(sc_catalog_write_file(output.image_fd, SC_MOVE_CATALOG_PART, "catalog", 7), &err);
	must(sc_move_check(&parts, &output, &err), &err);
	must(sc_move_prepare(&parts, &output, "cube", &err), &err);
	must(sc_output_sync(&output, &err), &err);
	step();
	must(sc_output_publish(&output, &err), &err);
	step();
	must(sc_move_open(&output, &move, &err), &err);
	move.after_step = step;
	must(sc_move_forward(&move, &err), &err);
	sc_output_discard(&output);
	_exit(0);
}

static void undo_in_child(int steps)
{
	struct sc_output output;
	struct sc_move move;
	struct sc_error err = { 0 };
	steps_to_live = steps;
	must(sc_output_open_existing("run/cube.image", &output, &err), &err);
	must(sc_output_lock(&output, &err), &err);
	must(sc_move_open(&output, &move, &err), &err);
	move.after_step = step;
	must(sc_move_back(&move, &err), &err);
	sc_output_discard(&output);
	_exit(0);
}

static void act_in_child(int action)
{
	struct sc_options options = { .action = (enum sc_action)action, .base = "run/cube", .quiet = true };
	_exit(sc_moves_run(&options));
}

static int in_child(void (*run)(int), int argument)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run(argument);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* An interrupted move, finished or taken back; nothing else is right for one that had not begun to move. */
static void recover(enum sc_action action, enum before before)
{
	bool is_unfinished = sc_movejournal_is_unfinished(AT_FDCWD, "run/cube.image");
	bool is_finished = is_there("run/cube.image/" SC_MOVEJOURNAL_DONE);
	int status = in_child(act_in_child, (int)action);
	if (is_unfinished || (is_finished && action == SC_ACTION_UNDO)) {
		assert_int_equal(status, SC_STATUS_DONE);
		if (action == SC_ACTION_RESUME)
			assert_finished();
		else
			/* What a finished move replaced is as good as gone. */
			assert_undone(is_unfinished ? before : NOTHING);
		return;
	}
	assert_int_equal(status, SC_STATUS_NOT_FOUND);
	assert_int_equal(count_inside(), is_finished ? NPARTS : 0);
	/* The next run clears what is left. */
	assert_int_equal(in_child(move_in_child, 1000), is_finished ? 1 : 0);
	if (!is_finished)
		assert_finished();
}

static void a_move_that_dies_is_finished_or_undone(void **state)
{
	(void)state;
	for (unsigned before = NOTHING; before < BEFORE_COUNT; before++) {
		for (unsigned action = SC_ACTION_RESUME; action <= SC_ACTION_UNDO; action++) {
			int steps = 0, status;
			do {
				set_up(before);
				status = in_child(move_in_child, steps);
				size_t moved = count_inside();
				/* An image only once it is complete. */
				assert_true(moved == NPARTS || !is_there("run/cube.image/" SC_IMAGECONCAT_FILE));
				if (status == DIED)
					recover(action, before);
				steps++;
			} while (status == DIED);
			assert_int_equal(status, 0);
			assert_finished();
			/* create, publish; the parts and two files; more than that there is nothing to die at */
			assert_int_equal(steps, 3 + NPARTS + 2 + 1);
		}
	}
}

static void an_undo_that_dies_is_finished_or_taken_back(void **state)
{
	(void)state;
	for (unsigned action = SC_ACTION_RESUME; action <= SC_ACTION_UNDO; action++) {
		int steps = 0, status;
		do {
			set_up(NOTHING);
			assert_int_equal(in_child(move_in_child, 1000), 0);
			status = in_child(undo_in_child, steps);
			if (status == DIED && is_there("run/cube.image"))
				recover(action, NOTHING);
			else
				assert_int_equal(count_inside(), 0);
			steps++;
		} while (status == DIED);
		assert_int_equal(status, 0);
		assert_undone(NOTHING);
		assert_int_equal(steps, 2 + NPARTS + 1 + 1);
	}
}

/* Where exchanging is not known, what NAME was is kept as replace.h keeps it. */
static void an_undo_puts_back_what_was_replaced_in_two_steps(void **state)
{
	(void)state;
	for (int steps = 0, status = DIED; status == DIED; steps++) {
		set_up(NOTHING);
		/* Dies when one part was moved. */
		assert_int_equal(in_child(move_in_child, 3), DIED);
		assert_int_equal(count_inside(), 1);
		assert_int_equal(mkdir(WORK "/" SC_REPLACE_OLD, 0777), 0);
		put_file(WORK "/" SC_REPLACE_OLD "/table.dat", "old");
		put_file(WORK "/" SC_REPLACE_OLD "/table.info", "Type = Image\n");
		put_file(WORK "/" SC_REPLACE_JOURNAL, "journal");
		status = in_child(undo_in_child, steps);
		if (status == DIED && is_there("run/cube.image"))
			recover(SC_ACTION_UNDO, IMAGE);
	}
	assert_undone(IMAGE);
}

/* ---- what is refused ---- */

static void expect_error(int rc, int wanted, const struct sc_error *err, const char *word)
{
	if (rc != wanted || !strstr(err->text, word))
		fail_msg("%d, %s", rc, err->text);
}

static void what_cannot_be_moved_is_found_before(void **state)
{
	(void)state;
	struct sc_output output;
	struct sc_partlist parts = { NPARTS, paths, names };
	struct sc_error err = { 0 };
	set_up(NOTHING);
	assert_int_equal(sc_output_open("run/cube.image", false, &output, NULL), 0);
	assert_int_equal(sc_move_check(&parts, &output, &err), 0);

	assert_int_equal(rename(loose[3], "elsewhere/real"), 0);
	expect_error(sc_move_check(&parts, &output, &err), -ENOENT, &err, "cube.subcube.3.image");
	assert_int_equal(symlink("real", loose[3]), 0);
	expect_error(sc_move_check(&parts, &output, &err), -EINVAL, &err, "symbolic link");
	assert_int_equal(unlink(loose[3]), 0);
	assert_int_equal(mkfifo(loose[3], 0666), 0);
	expect_error(sc_move_check(&parts, &output, &err), -EINVAL, &err, "neither");
	sc_output_close(&output);
}

static void another_file_system_is_refused(void **state)
{
	(void)state;
	struct stat here, there;
	if (stat("/dev/shm", &there) < 0 || stat(".", &here) < 0 || here.st_dev == there.st_dev ||
	    access("/dev/shm", W_OK) < 0)
		skip();
	char directory[] = "/dev/shm/test_move.XXXXXX";
	assert_non_null(mkdtemp(directory));
	struct sc_output output;
	struct sc_error err = { 0 };
	char name[] = "part", *path = directory;
	struct sc_partlist parts = { 1, &path, (char *[]){ name } };
	set_up(NOTHING);
	assert_int_equal(sc_output_open("run/cube.image", false, &output, NULL), 0);
	int rc = sc_move_check(&parts, &output, &err);
	sc_output_close(&output);
	rmdir(directory);
	expect_error(rc, -EXDEV, &err, "another file system");
}

static int forward_or_back(bool forward, struct sc_error *err)
{
	struct sc_output output;
	struct sc_move move;
	assert_int_equal(sc_output_open_existing("run/cube.image", &output, NULL), 0);
	assert_int_equal(sc_output_lock(&output, NULL), 0);
	int rc = sc_move_open(&output, &move, err);
	if (rc == 0) {
		rc = forward ? sc_move_forward(&move, err) : sc_move_back(&move, err);
		sc_move_close(&move);
	}
	sc_output_discard(&output);
	sc_output_close(&output);
	return rc;
}

/* Between the look at whose it is, and reading from it, somebody may put another in its place. */
static void a_journal_of_another_user_is_not_read(void **state)
{
	(void)state;
	struct sc_output output;
	struct sc_move move;
	struct sc_error err = { 0 };
	if (geteuid() != 0)
		skip();
	set_up(NOTHING);
	assert_int_equal(in_child(move_in_child, 3), DIED);
	assert_int_equal(chmod("run", 0777), 0);
	assert_int_equal(sc_output_open_existing("run/cube.image", &output, NULL), 0);
	assert_int_equal(sc_output_lock(&output, NULL), 0);
	assert_int_equal(chown("run/cube.image", 54321, 54321), 0);
	expect_error(sc_move_open(&output, &move, &err), -EPERM, &err, "another user");
	assert_int_equal(chown("run/cube.image", 0, 0), 0);
	assert_int_equal(sc_move_open(&output, &move, &err), 0);
	sc_move_close(&move);
	sc_output_abandon(&output);
	sc_output_close(&output);
}

static void a_part_at_both_places_or_at_neither_stops_it(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	set_up(NOTHING);
	assert_int_equal(in_child(move_in_child, 3), DIED);
	assert_int_equal(mkdir(loose[0], 0777), 0);
	for (int forward = 0; forward < 2; forward++)
		expect_error(forward_or_back(forward, &err), -EEXIST, &err, "cube.subcube.0.image");
	assert_int_equal(rmdir(loose[0]), 0);
	assert_int_equal(rename(loose[1], "elsewhere/lost"), 0);
	for (int forward = 0; forward < 2; forward++)
		expect_error(forward_or_back(forward, &err), -ENOENT, &err, "cube.subcube.1.image");
	assert_int_equal(rename("elsewhere/lost", loose[1]), 0);
	assert_int_equal(forward_or_back(true, &err), 0);
	assert_int_equal(count_inside(), NPARTS);
}

static void strangers_inside_stop_an_undo(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	set_up(NOTHING);
	assert_int_equal(in_child(move_in_child, 1000), 0);
	put_file("run/cube.image/notes", "mine");
	expect_error(forward_or_back(false, &err), -ENOTEMPTY, &err, "notes");
	assert_int_equal(unlink("run/cube.image/notes"), 0);
	assert_finished();
	assert_int_equal(forward_or_back(false, &err), 0);
	assert_undone(NOTHING);
}

static void an_image_without_a_journal_is_taken_apart_beside_it(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	static const char catalog[] = "{\"Version\": 1, \"DataType\": \"float\", \"Axis\": 3, \"TempClose\": true, "
				      "\"Images\": [\"././cube.subcube.7.image\"]}";
	set_up(NOTHING);
	assert_int_equal(mkdir("run/cube.image", 0777), 0);
	assert_int_equal(mkdir("run/cube.image/cube.subcube.7.image", 0777), 0);
	put_file("run/cube.image/" SC_IMAGECONCAT_FILE, catalog);
	assert_int_equal(forward_or_back(false, &err), 0);
	assert_true(is_there("run/cube.subcube.7.image"));
	assert_false(is_there("run/cube.image"));
}

/* Somebody else's mv, while ours is at work: after `steps` of our renames. */
static const char *taken;

static void take_one_away(void)
{
	if (steps_to_live-- == 0 && rename(taken, "elsewhere/taken") < 0)
		abort();
}

static void a_part_that_leaves_meanwhile_is_an_error(void **state)
{
	(void)state;
	char first[256];
	inside(first, 0);
	for (int is_inward = 0; is_inward <= 1; is_inward++) {
		/* The first one from where it was moved to, the last one from where it was. */
		for (int is_first = 0; is_first <= 1; is_first++) {
			struct sc_output output;
			struct sc_move move;
			struct sc_error err = { 0 };
			char last[256];
			inside(last, NPARTS - 1);
			set_up(NOTHING);
			assert_int_equal(in_child(move_in_child, 3), DIED);
			if (!is_inward)
				assert_int_equal(in_child(act_in_child, SC_ACTION_RESUME), 0);
			taken = is_first ? (is_inward ? first : loose[0]) : (is_inward ? loose[NPARTS - 1] : last);
			/* An undo renames two files of the image first. */
			steps_to_live = is_inward ? 1 : 3;
			assert_int_equal(sc_output_open_existing("run/cube.image", &output, &err), 0);
			assert_int_equal(sc_output_lock(&output, &err), 0);
			assert_int_equal(sc_move_open(&output, &move, &err), 0);
			move.after_step = take_one_away;
			expect_error(is_inward ? sc_move_forward(&move, &err) : sc_move_back(&move, &err), -ENOENT, &err,
				     strrchr(is_first ? loose[0] : loose[NPARTS - 1], '/') + 1);
			sc_move_close(&move);
			sc_output_abandon(&output);
			sc_output_close(&output);
			assert_true(is_there("elsewhere/taken/table.dat"));
			/* With it back, it can be finished. */
			assert_int_equal(rename("elsewhere/taken", taken), 0);
			assert_int_equal(in_child(act_in_child, is_inward ? SC_ACTION_RESUME : SC_ACTION_UNDO), 0);
			assert_int_equal(count_inside(), is_inward ? NPARTS : 0);
		}
	}
}

static void what_holds_parts_is_never_overwritten(void **state)
{
	(void)state;
	struct sc_output output;
	struct sc_error err = { 0 };
	set_up(NOTHING);
	assert_int_equal(in_child(move_in_child, 3), DIED);
	expect_error(sc_output_open("run/cube.image", true, &output, &err), -EEXIST, &err, "--resume");
	assert_int_equal(in_child(act_in_child, SC_ACTION_RESUME), 0);
	expect_error(sc_output_open("run/cube.image", true, &output, &err), -EEXIST, &err, "--undo");
	assert_int_equal(in_child(act_in_child, SC_ACTION_UNDO), 0);
	/* One that only names them is as good as any image. */
	assert_int_equal(mkdir("run/cube.image", 0777), 0);
	put_file("run/cube.image/" SC_IMAGECONCAT_FILE, "{}");
	assert_int_equal(sc_output_open("run/cube.image", true, &output, &err), 0);
	sc_output_close(&output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_move_that_dies_is_finished_or_undone),
		cmocka_unit_test(an_undo_that_dies_is_finished_or_taken_back),
		cmocka_unit_test(an_undo_puts_back_what_was_replaced_in_two_steps),
		cmocka_unit_test(what_cannot_be_moved_is_found_before),
		cmocka_unit_test(another_file_system_is_refused),
		cmocka_unit_test(a_journal_of_another_user_is_not_read),
		cmocka_unit_test(a_part_at_both_places_or_at_neither_stops_it),
		cmocka_unit_test(strangers_inside_stop_an_undo),
		cmocka_unit_test(an_image_without_a_journal_is_taken_apart_beside_it),
		cmocka_unit_test(a_part_that_leaves_meanwhile_is_an_error),
		cmocka_unit_test(what_holds_parts_is_never_overwritten),
	};
	return cmocka_run_group_tests(tests, make_top, remove_top);
}
