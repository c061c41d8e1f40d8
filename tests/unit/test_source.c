/*
 * Files of the source are opened through links, but not out of it unless that was asked for; the same where the kernel does
 * not know openat2.
 */
#include "workdir.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct sc_source source;

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", workdir, path);
	sc_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
}

static void add_link(const char *target, const char *path)
{
	assert_int_equal(symlinkat(target, workdir_fd, path), 0);
}

/* The source is WORKDIR/s; beside it lies what it must not show. */
static int set_up(void **state)
{
	char path[200];
	if (workdir_setup(state) < 0)
		return -1;
	workdir_mkdir("s");
	workdir_mkdir("s/part");
	workdir_mkdir("s2");
	workdir_write("s/part/file", "inside", 6);
	workdir_write("secret", "secret", 6);
	workdir_write("s2/file", "beside", 6);
	add_link("file", "s/part/link");
	add_link("part", "s/other");
	add_link("../s/part/file", "s/around");
	add_link("../secret", "s/up");
	add_link("/etc/passwd", "s/away");
	add_link("..", "s/parent");
	add_link("loop", "s/loop");
	add_link("nowhere", "s/dangling");
	add_link("/proc/self/root/etc/passwd", "s/magic");
	snprintf(path, sizeof(path), "%s/s/part/file", workdir);
	add_link(path, "s/absolute");
	snprintf(path, sizeof(path), "%s/s2/file", workdir);
	add_link(path, "s/beside");
	if (mkfifoat(workdir_fd, "s/fifo", 0600) < 0)
		return -1;
	make_socket("s/socket");
	add_link("/dev/zero", "s/device");
	snprintf(path, sizeof(path), "%s/s", workdir);
	struct sc_error err = { 0 };
	return sc_source_open(path, false, &source, &err);
}

static int tear_down(void **state)
{
	sc_source_close(&source);
	return workdir_teardown(state);
}

/* What comes of opening it: with links followed out of the source, and without. */
struct expectation {
	const char *path;
	int beneath, anywhere;
};

/* Root's ends of the world: paths with %s get the working directory. */
static const struct expectation files[] = {
	{ "part/file", 0, 0 },
	{ "part/link", 0, 0 },
	{ "other/file", 0, 0 },
	{ "other/link", 0, 0 },
	{ "part/../part/file", 0, 0 },
	{ "around", 0, 0 },
	{ "absolute", 0, 0 },
	{ "%s/s/part/file", 0, 0 },
	{ "%s/s/part/../../s/part/file", 0, 0 },
	{ "up", -EXDEV, 0 },
	{ "away", -EXDEV, 0 },
	{ "magic", -EXDEV, 0 },
	{ "beside", -EXDEV, 0 },
	{ "parent/secret", -EXDEV, 0 },
	{ "../secret", -EXDEV, 0 },
	{ "%s/secret", -EXDEV, 0 },
	{ "%s/s2/file", -EXDEV, 0 },
	{ "%s/s/../secret", -EXDEV, 0 },
	{ "device", -EXDEV, -EUCLEAN },
	{ "loop", -ELOOP, -ELOOP },
	{ "dangling", -ENOENT, -ENOENT },
	{ "nothing", -ENOENT, -ENOENT },
	{ "part/file/x", -ENOTDIR, -ENOTDIR },
	{ "fifo", -EUCLEAN, -EUCLEAN },
	{ "part", -EUCLEAN, -EUCLEAN },
	{ "", -ENOENT, -ENOENT },
	{ "socket", -ENXIO, -ENXIO },
};

static const struct expectation directories[] = {
	{ "part", 0, 0 },
	{ "other", 0, 0 },
	{ ".", 0, 0 },
	{ "%s/s", 0, 0 },
	{ "%s/s/part", 0, 0 },
	{ "parent", -EXDEV, 0 },
	{ "..", -EXDEV, 0 },
	{ "%s", -EXDEV, 0 },
	{ "%s/s2", -EXDEV, 0 },
	{ "part/file", -ENOTDIR, -ENOTDIR },
	{ "fifo", -ENOTDIR, -ENOTDIR },
};

static int open_one(const char *path, bool is_directory, struct sc_error *err)
{
	sc_autoclose int fd = -1;
	sc_autoclosedir DIR *dir = NULL;
	if (is_directory)
		return sc_source_open_directory(&source, path, &dir, err);
	return sc_source_open_file(&source, path, &fd, NULL, err);
}

static void expect(const struct expectation *row, bool is_directory)
{
	char path[300];
	snprintf(path, sizeof(path), row->path[0] == '%' ? "%s%s" : "%.0s%s", workdir,
		 row->path[0] == '%' ? row->path + 2 : row->path);
	for (int follow = 0; follow < 2; follow++) {
		struct sc_error err = { 0 };
		source.follow_links = follow;
		int wanted = follow ? row->anywhere : row->beneath, rc = open_one(path, is_directory, &err);
		if (rc != wanted || err.code != wanted || (wanted < 0 && !strstr(err.text, path)))
			fail_msg("%s: %d \"%s\", expected %d", path, rc, err.text, wanted);
		if (wanted == -EXDEV && !strstr(err.text, "--follow-links"))
			fail_msg("%s: %s", path, err.text);
	}
}

static void expect_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(files); i++)
		expect(&files[i], false);
	for (size_t i = 0; i < SC_COUNT_OF(directories); i++)
		expect(&directories[i], true);
}

/* openat2 fails with `code` from now on, in this process. */
static bool forbid_openat2(int code)
{
	struct sock_filter instructions[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { SC_COUNT_OF(instructions), instructions };
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/* In a process of its own, which ends with 0 when all is as it should be, 77 when it cannot be tried. */
static int expect_without_openat2(int code)
{
	pid_t child = fork();
	int status;
	assert_true(child >= 0);
	if (child == 0) {
		if (!forbid_openat2(code))
			_exit(77);
		const struct CMUnitTest tests[] = { cmocka_unit_test(expect_all) };
		_exit(cmocka_run_group_tests_name("without openat2", tests, NULL, NULL));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_same_without_openat2(void **state)
{
	(void)state;
	static const int codes[] = { ENOSYS, EPERM };
	for (size_t i = 0; i < SC_COUNT_OF(codes); i++) {
		int status = expect_without_openat2(codes[i]);
		if (status == 77)
			skip();
		assert_int_equal(status, 0);
	}
}

/* What /proc is the device of stands for the mount's: links into it are there wherever one is no root. */
static void what_leads_into_the_mount_is_refused(void **state)
{
	(void)state;
	static const char *const circular[] = { "into", "to_into", "magic", "/proc/self/status", "/proc",
						"../../../../../../../../../../proc/self", "self/status" };
	static const char *const others[] = { "part/file", "around",  "absolute", "up", "parent/secret",
					      "loop",	   "dangling", "nothing",  "",	 "/" };
	struct stat st;
	struct sc_error err = { 0 };
	add_link("/proc/self/status", "s/into");
	add_link("../s/./into", "s/to_into");
	add_link("/proc/self", "s/self");
	assert_int_equal(stat("/proc", &st), 0);
	source.mount_device = st.st_dev;
	for (size_t i = 0; i < 2 * SC_COUNT_OF(circular); i++) {
		const char *path = circular[i / 2];
		source.follow_links = i % 2;
		assert_int_equal(sc_source_check(&source, path, &err), -ELOOP);
		assert_non_null(strstr(err.text, "leads into the mount itself"));
		assert_non_null(strstr(err.text, path));
		err = (struct sc_error){ 0 };
		assert_int_equal(open_one(path, false, &err), -ELOOP);
		assert_non_null(strstr(err.text, "leads into the mount itself"));
	}
	assert_int_equal(sc_source_stat(&source, "to_into", &st, &err), -ELOOP);
	assert_int_equal(sc_source_stat(&source, "up", &st, NULL), 0);
	assert_int_equal(st.st_size, 6);
	for (size_t i = 0; i < SC_COUNT_OF(others); i++)
		assert_int_equal(sc_source_check(&source, others[i], NULL), 0);
	source.follow_links = false;
	assert_int_equal(open_one("around", false, &err), 0);
	assert_int_equal(open_one("up", false, &err), -EXDEV);
	source.mount_device = 0;
	assert_int_equal(sc_source_check(&source, "into", NULL), 0);
	assert_int_equal(sc_source_stat(&source, "into", &st, NULL), 0);
}

static void a_whole_file_is_read(void **state)
{
	(void)state;
	sc_autofree uint8_t *data = NULL;
	size_t size = 0;
	struct sc_error err = { 0 };
	source.follow_links = false;
	assert_int_equal(sc_source_read_file(&source, "other/link", 6, &data, &size, &err), 0);
	assert_int_equal(size, 6);
	assert_memory_equal(data, "inside", 6);
	free(sc_steal_ptr(data));
	assert_int_equal(sc_source_read_file(&source, "other/link", 5, &data, &size, &err), -EUCLEAN);
	assert_int_equal(sc_source_read_file(&source, "up", 100, &data, &size, &err), -EXDEV);
	assert_null(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expect_all),
		cmocka_unit_test(the_same_without_openat2),
		cmocka_unit_test(what_leads_into_the_mount_is_refused),
		cmocka_unit_test(a_whole_file_is_read),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
