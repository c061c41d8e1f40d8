#include "testdata.h"

#include "copytree.h"
#include "remembering.h"

static char top[64];
static uint8_t buffer[1000];
static struct sc_cloner cloner;

static int make_top(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_copytree.XXXXXX");
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int remove_top(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : sc_io_remove_tree(AT_FDCWD, top);
}

static void put_file(const char *path, size_t size)
{
	sc_autofree uint8_t *data = malloc(size + 1);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(rand() >> 7);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, data, size), 0);
	close(fd);
}

static void make_part(void)
{
	assert_int_equal(mkdir("part", 0750), 0);
	assert_int_equal(mkdir("part/empty", 0700), 0);
	assert_int_equal(mkdir("part/mask0", 0755), 0);
	put_file("part/table.dat", 12345);
	put_file("part/mask0/bits", 1000);
	put_file("part/mask0/nothing", 0);
	assert_int_equal(chmod("part/empty", 0500), 0);
	assert_int_equal(chmod("part/mask0/nothing", 06755), 0);
}

static int add_bytes(void *context, uint64_t bytes)
{
	*(uint64_t *)context += bytes;
	return 0;
}

static int stop(void *context, uint64_t bytes)
{
	(void)context;
	(void)bytes;
	return -ECANCELED;
}

static int copy_to(const char *to, struct sc_error *err)
{
	struct sc_copytree copy = { buffer, sizeof(buffer), NULL, NULL, &cloner };
	return sc_copytree_copy(&copy, AT_FDCWD, "part", AT_FDCWD, to, err);
}

static int compare_to(const char *to, struct sc_error *err)
{
	struct sc_copytree copy = { buffer, sizeof(buffer), NULL, NULL, &cloner };
	return sc_copytree_compare(&copy, AT_FDCWD, "part", AT_FDCWD, to, err);
}

static void a_copy_is_the_same(void **state)
{
	(void)state;
	static const char *const entries[] = { "", "/empty", "/table.dat", "/mask0", "/mask0/bits", "/mask0/nothing" };
	struct sc_error err = { 0 };
	uint64_t copied = 0, compared = 0;
	struct sc_copytree copy = { buffer, sizeof(buffer), add_bytes, &copied, &cloner };
	make_part();
	assert_int_equal(sc_copytree_copy(&copy, AT_FDCWD, "part", AT_FDCWD, "copy", &err), 0);
	copy.context = &compared;
	assert_int_equal(sc_copytree_compare(&copy, AT_FDCWD, "part", AT_FDCWD, "copy", &err), 0);
	assert_int_equal(copied, 13345);
	assert_int_equal(compared, 13345);
	for (size_t i = 0; i < SC_COUNT_OF(entries); i++) {
		char path[64];
		struct stat part, made;
		snprintf(path, sizeof(path), "part%s", entries[i]);
		assert_int_equal(stat(path, &part), 0);
		snprintf(path, sizeof(path), "copy%s", entries[i]);
		assert_int_equal(stat(path, &made), 0);
		/* A program of another user's is not to become ours. */
		assert_int_equal(part.st_mode & ~(mode_t)(S_ISREG(part.st_mode) ? 06000 : 0), made.st_mode);
		assert_int_equal(part.st_mtim.tv_sec, made.st_mtim.tv_sec);
		assert_int_equal(part.st_mtim.tv_nsec, made.st_mtim.tv_nsec);
	}
	/* A link to a part is the part. */
	assert_int_equal(symlink("part", "link"), 0);
	assert_int_equal(sc_copytree_copy(&copy, AT_FDCWD, "link", AT_FDCWD, "copy2", &err), 0);
	assert_int_equal(compare_to("copy2", &err), 0);
	/* Nothing is copied over anything. */
	assert_int_equal(copy_to("copy", &err), -EEXIST);
}

static void every_difference_is_found(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	make_part();
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(copy_to("copy", &err), 0);
		assert_int_equal(compare_to("copy", &err), 0);
		int rc = 0;
		switch (i) {
		case 0:
			put_file("copy/table.dat", 12345);
			break;
		case 1:
			rc = truncate("copy/table.dat", 12344);
			break;
		case 2:
			rc = unlink("copy/mask0/nothing");
			break;
		case 3:
			put_file("copy/mask0/more", 1);
			break;
		case 4:
			rc = rmdir("copy/empty");
			put_file("copy/empty", 0);
			break;
		default:
			rc = rename("copy/mask0/bits", "copy/mask0/other");
			break;
		}
		assert_int_equal(rc, 0);
		rc = compare_to("copy", &err);
		assert_true(rc == -EIO || rc == -ENOENT);
		assert_non_null(strstr(err.text, "part"));
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, "copy"), 0);
	}
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	make_part();
	assert_int_equal(symlink("table.dat", "part/mask0/link"), 0);
	assert_int_equal(copy_to("copy", &err), -EINVAL);
	assert_non_null(strstr(err.text, "part/mask0/link"));
	assert_int_equal(unlink("part/mask0/link"), 0);
	assert_int_equal(mkfifo("part/mask0/fifo", 0666), 0);
	assert_int_equal(copy_to("copy2", &err), -EINVAL);
	assert_non_null(strstr(err.text, "part/mask0/fifo"));
}

/* The same size and time of modification are soon made; the change time tells. */
static int change_a_file(void *context, uint64_t bytes)
{
	struct stat st;
	(void)bytes;
	if (++*(unsigned *)context > 1)
		return 0;
	assert_int_equal(stat("part/table.dat", &st), 0);
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	usleep(20000);
	put_file("part/table.dat", (size_t)st.st_size);
	assert_int_equal(utimensat(AT_FDCWD, "part/table.dat", times, 0), 0);
	return 0;
}

static void what_changes_while_it_is_copied_is_an_error(void **state)
{
	(void)state;
	/* As the file's own system tells it, and as NFS remembers it. */
	for (int is_remembered = 0; is_remembered < 2; is_remembered++) {
		struct sc_error err = { 0 };
		unsigned count = 0;
		struct sc_copytree copy = { buffer, sizeof(buffer), change_a_file, &count, &cloner };
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, "part"), 0);
		assert_int_equal(mkdir("part", 0755), 0);
		put_file("part/table.dat", 12345);
		remember(is_remembered ? "part/table.dat" : NULL);
		assert_int_equal(sc_copytree_copy(&copy, AT_FDCWD, "part", AT_FDCWD, "copy", &err), -ESTALE);
		assert_non_null(strstr(err.text, "part/table.dat changed"));
		assert_int_equal(sc_io_remove_tree(AT_FDCWD, "copy"), 0);
		remember(NULL);
	}
}

static void it_stops_when_told_to(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	struct sc_copytree copy = { buffer, sizeof(buffer), stop, NULL, &cloner };
	make_part();
	assert_int_equal(sc_copytree_copy(&copy, AT_FDCWD, "part", AT_FDCWD, "copy", &err), -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_is_the_same, make_top, remove_top),
		cmocka_unit_test_setup_teardown(every_difference_is_found, make_top, remove_top),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, make_top, remove_top),
		cmocka_unit_test_setup_teardown(what_changes_while_it_is_copied_is_an_error, make_top, remove_top),
		cmocka_unit_test_setup_teardown(it_stops_when_told_to, make_top, remove_top),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
