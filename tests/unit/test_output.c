#include "testdata.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "output.h"
#include "replace.h"

#define WORK ".cube.image.subcube-materialize"

static char top[64];

static int make_top(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_output.XXXXXX");
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int remove_top(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : sc_io_remove_tree(AT_FDCWD, top);
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

/* An image whose table.dat says which one it is. */
static void put_image(const char *path, const char *text)
{
	char file[256];
	assert_int_equal(mkdir(path, 0777), 0);
	snprintf(file, sizeof(file), "%s/table.dat", path);
	put_file(file, text);
	snprintf(file, sizeof(file), "%s/table.info", path);
	put_file(file, "Type = Image\n");
}

static bool is_there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

/* Whether the image `path` is the one of that text; NULL: whether there is nothing. */
static bool is_image(const char *path, const char *text)
{
	char file[256], content[64] = "";
	snprintf(file, sizeof(file), "%s/table.dat", path);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return !text && !is_there(path);
	ssize_t got = read(fd, content, sizeof(content) - 1);
	close(fd);
	return got >= 0 && text && strcmp(content, text) == 0;
}

static void fill_image(const struct sc_output *output, const char *text)
{
	int fd = openat(output->image_fd, "table.dat", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, text, strlen(text)), 0);
	close(fd);
	fd = openat(output->image_fd, "table.info", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, "Type = Image\n", 13), 0);
	close(fd);
	assert_int_equal(mkdirat(output->image_fd, "mask0", 0777), 0);
	assert_int_equal(sc_output_sync(output, NULL), 0);
}

static void begin(const char *path, bool overwrite, struct sc_output *output)
{
	struct sc_error err = { 0 };
	if (sc_output_open(path, overwrite, output, &err) < 0 || sc_output_lock(output, &err) < 0 ||
	    sc_output_recover(output, &err) < 0 || sc_output_create(output, &err) < 0)
		fail_msg("%s", err.text);
}

static void give_up(struct sc_output *output)
{
	sc_output_discard(output);
	sc_output_close(output);
}

static int make(const char *path, const char *text, bool overwrite)
{
	struct sc_output output;
	begin(path, overwrite, &output);
	fill_image(&output, text);
	int rc = sc_output_commit(&output, NULL);
	give_up(&output);
	return rc;
}

static void made_whole_and_nothing_is_left(void **state)
{
	(void)state;
	struct sc_output output;
	begin("cube.image", false, &output);
	assert_true(is_there(WORK "/lock"));
	assert_true(is_there(WORK "/image"));
	assert_false(is_there("cube.image"));
	fill_image(&output, "new");
	assert_false(is_there("cube.image"));
	assert_int_equal(sc_output_commit(&output, NULL), 0);
	sc_output_close(&output);
	assert_true(is_image("cube.image", "new"));
	assert_false(is_there(WORK));
}

static void paths_are_split(void **state)
{
	(void)state;
	static const struct {
		const char *path, *made;
		int rc;
	} paths[] = {
		{ "cube.image/", "cube.image", 0 },
		{ "sub/cube.image", "sub/cube.image", 0 },
		{ "sub//cube.image//", "sub/cube.image", 0 },
		{ "./-x", "./-x", 0 },
		{ ".", NULL, -EINVAL },
		{ "sub/..", NULL, -EINVAL },
		{ "/", NULL, -EINVAL },
		{ "", NULL, -EINVAL },
		{ "none/cube.image", NULL, -ENOENT },
	};
	assert_int_equal(mkdir("sub", 0777), 0);
	for (size_t i = 0; i < SC_COUNT_OF(paths); i++) {
		struct sc_output output;
		struct sc_error err = { 0 };
		int rc = sc_output_open(paths[i].path, false, &output, &err);
		assert_int_equal(rc, paths[i].rc);
		if (rc < 0) {
			assert_true(err.text[0] != 0);
			continue;
		}
		sc_output_close(&output);
		assert_int_equal(make(paths[i].path, "x", false), 0);
		assert_true(is_image(paths[i].made, "x"));
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, paths[i].made), 0);
	}
}

static void what_is_there_is_refused(void **state)
{
	(void)state;
	struct sc_output output;
	put_image("image", "old");
	put_file("file", "text");
	assert_int_equal(mkdir("empty", 0777), 0);
	assert_int_equal(symlink("image", "link"), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(sc_output_open("image", false, &output, NULL), -EEXIST);
	static const char *const never[] = { "file", "empty", "link", "link/", "dangling" };
	for (size_t i = 0; i < SC_COUNT_OF(never); i++) {
		assert_int_equal(sc_output_open(never[i], false, &output, NULL), -EEXIST);
		assert_int_equal(sc_output_open(never[i], true, &output, NULL), -EEXIST);
	}
	assert_int_equal(sc_output_open("image", true, &output, NULL), 0);
	sc_output_close(&output);
}

static void overwritten_by_exchange(void **state)
{
	(void)state;
	put_image("cube.image", "old");
	assert_int_equal(make("cube.image", "new", true), 0);
	assert_true(is_image("cube.image", "new"));
	assert_false(is_there(WORK));
	/* Nothing to overwrite is no error. */
	assert_int_equal(make("other.image", "new", true), 0);
	assert_true(is_image("other.image", "new"));
}

static void what_appears_meanwhile_is_not_replaced(void **state)
{
	(void)state;
	for (int overwrite = 0; overwrite < 2; overwrite++) {
		struct sc_output output;
		struct sc_error err = { 0 };
		begin("cube.image", overwrite, &output);
		fill_image(&output, "new");
		if (overwrite)
			put_file("cube.image", "of somebody else");
		else
			put_image("cube.image", "of somebody else");
		assert_int_equal(sc_output_commit(&output, &err), -EEXIST);
		give_up(&output);
		assert_true(overwrite ? is_there("cube.image") : is_image("cube.image", "of somebody else"));
		assert_false(is_there(WORK));
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, "cube.image"), 0);
	}
}

static void a_failed_run_leaves_nothing(void **state)
{
	(void)state;
	struct sc_output output;
	begin("cube.image", false, &output);
	fill_image(&output, "half");
	give_up(&output);
	assert_false(is_there("cube.image"));
	assert_false(is_there(WORK));
}

/* Runs `body` in a child that ends without cleaning up, as if killed. */
static void in_killed_child(void (*body)(void))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void die_half_way(void)
{
	struct sc_output output;
	begin("cube.image", true, &output);
	fill_image(&output, "half");
}

static void a_dead_one_is_cleared(void **state)
{
	(void)state;
	in_killed_child(die_half_way);
	assert_true(is_image(WORK "/image", "half"));
	assert_int_equal(make("cube.image", "new", false), 0);
	assert_true(is_image("cube.image", "new"));
	assert_false(is_there(WORK));
}

static void a_live_one_is_left_alone(void **state)
{
	(void)state;
	struct sc_output first, second;
	struct sc_error err = { 0 };
	begin("cube.image", false, &first);
	fill_image(&first, "first");
	assert_int_equal(sc_output_open("cube.image", false, &second, NULL), 0);
	assert_int_equal(sc_output_lock(&second, &err), -EBUSY);
	assert_non_null(strstr(err.text, "cube.image"));
	sc_output_discard(&second);
	assert_true(is_image(WORK "/image", "first"));
	/* As long as it lives; and its children hold the lock too. */
	int gate[2];
	assert_int_equal(pipe(gate), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char byte;
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(gate[0]);
	sc_output_close(&first);
	assert_int_equal(sc_output_lock(&second, NULL), -EBUSY);
	close(gate[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(sc_output_lock(&second, NULL), 0);
	assert_int_equal(sc_output_recover(&second, NULL), 0);
	assert_false(is_there(WORK "/image"));
	give_up(&second);
	assert_false(is_there(WORK));
}

/* Many processes want one name: one makes it, the others find it busy or taken. */
static void one_of_many_wins(void **state)
{
	(void)state;
	pid_t pids[16];
	unsigned nmade = 0;
	for (size_t i = 0; i < SC_COUNT_OF(pids); i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		struct sc_output output;
		int rc = sc_output_open("cube.image", false, &output, NULL);
		if (rc == 0)
			rc = sc_output_lock(&output, NULL);
		if (rc == 0)
			rc = sc_output_recover(&output, NULL);
		if (rc == 0)
			rc = sc_output_create(&output, NULL);
		if (rc == 0) {
			fill_image(&output, "new");
			usleep(1000);
			rc = sc_output_commit(&output, NULL);
		}
		_exit(rc == 0 ? 0 : rc == -EBUSY || rc == -EEXIST ? 1 : 2);
	}
	for (size_t i = 0; i < SC_COUNT_OF(pids); i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		nmade += WEXITSTATUS(status) == 0;
	}
	assert_int_equal(nmade, 1);
	assert_true(is_image("cube.image", "new"));
}

/* A file system without renameat2's flags, and a death after a step of the commit. */

static bool plain_overwrite;
static int die_after;

static void die_after_step(int step)
{
	if (step == die_after)
		_exit(0);
}

static int commit_plainly(bool overwrite, void (*after_step)(int))
{
	struct sc_output output;
	begin("cube.image", overwrite, &output);
	fill_image(&output, "new");
	struct sc_replace replace = { .parent_fd = output.parent_fd,
				      .work_fd = output.work_fd,
				      .name = output.name,
				      .label = output.path,
				      .plain = true,
				      .after_step = after_step };
	int rc = sc_replace_commit(&replace, overwrite, NULL);
	if (after_step)
		return rc;
	give_up(&output);
	return rc;
}

static void commit_and_die(void)
{
	commit_plainly(plain_overwrite, die_after_step);
}

static void replaced_in_two_steps(void **state)
{
	(void)state;
	assert_int_equal(commit_plainly(false, NULL), 0);
	assert_true(is_image("cube.image", "new"));
	assert_int_equal(sc_io_remove_tree(AT_FDCWD, "cube.image"), 0);
	put_image("cube.image", "old");
	assert_int_equal(commit_plainly(true, NULL), 0);
	assert_true(is_image("cube.image", "new"));
	assert_false(is_there(WORK));
}

static void plain_rename_does_not_replace(void **state)
{
	(void)state;
	struct sc_output output;
	begin("cube.image", false, &output);
	fill_image(&output, "new");
	put_image("cube.image", "of somebody else");
	struct sc_replace replace = { output.parent_fd, output.work_fd, output.name, output.path, true, NULL };
	assert_int_equal(sc_replace_commit(&replace, false, NULL), -EEXIST);
	give_up(&output);
	assert_true(is_image("cube.image", "of somebody else"));
	assert_false(is_there(WORK));
}

static void a_death_between_the_steps_is_repaired(void **state)
{
	(void)state;
	/* What the next run finds under the name: the old image or the new one, always whole. */
	static const char *const found[] = { NULL, "old", "new", "new" };
	for (die_after = 1; die_after <= 3; die_after++) {
		struct sc_output output;
		struct sc_error err = { 0 };
		put_image("cube.image", "old");
		plain_overwrite = true;
		in_killed_child(commit_and_die);
		assert_true(is_there(WORK "/journal"));
		assert_true(is_image("cube.image", die_after == 1 ? "old" : die_after == 2 ? NULL : "new"));
		assert_int_equal(sc_output_open("cube.image", true, &output, NULL), 0);
		assert_int_equal(sc_output_lock(&output, NULL), 0);
		if (sc_output_recover(&output, &err) < 0)
			fail_msg("%s", err.text);
		assert_true(is_image("cube.image", found[die_after]));
		assert_false(is_there(WORK "/journal"));
		assert_false(is_there(WORK "/old"));
		give_up(&output);
		assert_false(is_there(WORK));
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, "cube.image"), 0);
	}
}

/* Without --overwrite the name was free, until the repair gave it back its image. */
static void a_repaired_image_is_not_overwritten(void **state)
{
	(void)state;
	struct sc_output output;
	put_image("cube.image", "old");
	plain_overwrite = true;
	die_after = 2;
	in_killed_child(commit_and_die);
	assert_int_equal(sc_output_open("cube.image", false, &output, NULL), 0);
	assert_int_equal(sc_output_lock(&output, NULL), 0);
	assert_int_equal(sc_output_recover(&output, NULL), -EEXIST);
	give_up(&output);
	assert_true(is_image("cube.image", "new"));
	assert_false(is_there(WORK));
}

/* The dead run's directory in each state that it can be found in. */
static void every_state_is_repaired(void **state)
{
	(void)state;
	static const struct {
		const char *name, *image, *old; /* before; NULL: not there */
		bool journal;
		int rc;
		const char *after; /* under the name */
	} states[] = {
		{ NULL, NULL, NULL, false, 0, NULL },
		{ "old", NULL, NULL, false, -EEXIST, "old" },
		{ NULL, "half", NULL, false, 0, NULL },
		{ "old", "new", NULL, true, -EEXIST, "old" },
		{ NULL, "new", "old", true, -EEXIST, "new" },
		{ NULL, NULL, "old", true, -EEXIST, "old" },
		{ "new", NULL, "old", true, -EEXIST, "new" },
		/* After an exchange. */
		{ "new", "old", NULL, false, -EEXIST, "new" },
	};
	for (size_t i = 0; i < SC_COUNT_OF(states); i++) {
		struct sc_output output;
		assert_int_equal(mkdir(WORK, 0777), 0);
		if (states[i].name)
			put_image("cube.image", states[i].name);
		if (states[i].image)
			put_image(WORK "/image", states[i].image);
		if (states[i].old)
			put_image(WORK "/old", states[i].old);
		if (states[i].journal)
			put_file(WORK "/journal", "x");
		assert_int_equal(sc_output_open("cube.image", true, &output, NULL), 0);
		output.overwrite = false;
		assert_int_equal(sc_output_lock(&output, NULL), 0);
		assert_int_equal(sc_output_recover(&output, NULL), states[i].rc);
		give_up(&output);
		assert_true(is_image("cube.image", states[i].after));
		assert_false(is_there(WORK));
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, "cube.image"), 0);
	}
}

/* Somebody made a new image while the old one was in the work directory: neither is lost. */
static void a_third_image_is_no_reason_to_lose_the_old_one(void **state)
{
	(void)state;
	struct sc_output output;
	struct sc_error err = { 0 };
	put_image("cube.image", "old");
	plain_overwrite = true;
	die_after = 2;
	in_killed_child(commit_and_die);
	put_image("cube.image", "third");
	assert_int_equal(sc_output_open("cube.image", true, &output, NULL), 0);
	assert_int_equal(sc_output_lock(&output, NULL), 0);
	assert_int_equal(sc_output_recover(&output, &err), -EEXIST);
	assert_non_null(strstr(err.text, WORK "/old"));
	give_up(&output);
	assert_true(is_image("cube.image", "third"));
	assert_true(is_image(WORK "/old", "old"));
}

/* A work directory that is a link is nobody's. */
static void links_are_not_followed(void **state)
{
	(void)state;
	struct sc_output output;
	assert_int_equal(mkdir("elsewhere", 0777), 0);
	put_image("elsewhere/image", "precious");
	assert_int_equal(symlink("elsewhere", WORK), 0);
	assert_int_equal(sc_output_open("cube.image", false, &output, NULL), 0);
	assert_true(sc_output_lock(&output, NULL) < 0);
	give_up(&output);
	assert_true(is_image("elsewhere/image", "precious"));
}

#define output_test(function) cmocka_unit_test_setup_teardown(function, make_top, remove_top)

/* Called when the work directory is opened, before it is: what others may do between a look at its name and that. */
static void (*before_opening)(void);

/* In place of the C library's. */
int openat(int dirfd, const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	void (*call)(void) = strcmp(path, WORK) == 0 ? before_opening : NULL;
	if (call) {
		before_opening = NULL;
		call();
	}
	return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

static void exchange_work_directory(void)
{
	assert_int_equal(rename(WORK, "away"), 0);
	assert_int_equal(rename("theirs", WORK), 0);
}

/* Where everybody may rename, whose it is must be asked of what is open. */
static void a_work_directory_that_is_exchanged_is_not_taken(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(".", 0777), 0);
	for (int is_there_before = 0; is_there_before < 2; is_there_before++) {
		struct sc_output output;
		struct sc_error err = { 0 };
		assert_int_equal(mkdir("theirs", 0777), 0);
		put_file("theirs/removal", "lies");
		assert_int_equal(chown("theirs", 54321, 54321), 0);
		if (is_there_before)
			assert_int_equal(mkdir(WORK, 0777), 0);
		assert_int_equal(sc_output_open("cube.image", false, &output, NULL), 0);
		before_opening = exchange_work_directory;
		assert_int_equal(sc_output_lock(&output, &err), -EPERM);
		assert_null(before_opening);
		assert_non_null(strstr(err.text, "another user"));
		give_up(&output);
		assert_true(is_there(WORK "/removal"));
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, WORK), 0);
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, "away"), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		output_test(made_whole_and_nothing_is_left),
		output_test(paths_are_split),
		output_test(what_is_there_is_refused),
		output_test(overwritten_by_exchange),
		output_test(what_appears_meanwhile_is_not_replaced),
		output_test(a_failed_run_leaves_nothing),
		output_test(a_dead_one_is_cleared),
		output_test(a_live_one_is_left_alone),
		output_test(one_of_many_wins),
		output_test(replaced_in_two_steps),
		output_test(plain_rename_does_not_replace),
		output_test(a_death_between_the_steps_is_repaired),
		output_test(a_repaired_image_is_not_overwritten),
		output_test(every_state_is_repaired),
		output_test(a_third_image_is_no_reason_to_lose_the_old_one),
		output_test(links_are_not_followed),
		output_test(a_work_directory_that_is_exchanged_is_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
