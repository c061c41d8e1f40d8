#include "testdata.h"

#include "movejournal.h"

static char top[64];

static int make_top(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_movejournal.XXXXXX");
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int remove_top(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : sc_io_remove_tree(AT_FDCWD, top);
}

static struct sc_moved_part example_parts[] = {
	{ (char *)"cube.subcube.0.image", (char *)"cube.subcube.0.image" },
	{ (char *)"/else where/\"x\"\n", (char *)"\"x\"\n" },
};
static const struct sc_movejournal example = { (char *)"cube", SC_COUNT_OF(example_parts), example_parts };

static char *encode(const struct sc_movejournal *journal, size_t *ret_size)
{
	char *data = NULL;
	struct sc_error err = { 0 };
	if (sc_movejournal_encode(journal, &data, ret_size, &err) < 0)
		fail_msg("%s", err.text);
	return data;
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	size_t size;
	struct sc_movejournal journal;
	sc_autofree char *data = encode(&example, &size);
	assert_int_equal(sc_movejournal_decode(data, size, "journal", &journal, NULL), 0);
	assert_string_equal(journal.base, "cube");
	assert_int_equal(journal.nparts, example.nparts);
	for (size_t i = 0; i < journal.nparts; i++) {
		assert_string_equal(journal.parts[i].from, example_parts[i].from);
		assert_string_equal(journal.parts[i].name, example_parts[i].name);
	}
	sc_movejournal_clear(&journal);
}

/* Whatever byte a disk changes or loses. */
static void damage_is_noticed(void **state)
{
	(void)state;
	size_t size;
	struct sc_movejournal journal;
	struct sc_error err = { 0 };
	sc_autofree char *data = encode(&example, &size);
	for (size_t i = 0; i < size; i++) {
		data[i] ^= 1;
		assert_int_equal(sc_movejournal_decode(data, size, "journal", &journal, &err), -EUCLEAN);
		assert_non_null(strstr(err.text, "journal"));
		data[i] ^= 1;
		/* A buffer of its own, so that a sanitizer sees what is read behind it. */
		sc_autofree char *cut = malloc(i + 1);
		memcpy(cut, data, i);
		assert_int_equal(sc_movejournal_decode(cut, i, "journal", &journal, &err), -EUCLEAN);
	}
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
	(void)state;
	static const struct sc_moved_part hostile[] = {
		{ (char *)"../x", (char *)"x" }, { (char *)"/a/../../x", (char *)"x" }, { (char *)"", (char *)"x" },
		{ (char *)"x", (char *)".." },   { (char *)"x", (char *)"../x" },       { (char *)"x", (char *)"/x" },
		{ (char *)"x", (char *)"" },     { (char *)"x", (char *)"." },
	};
	for (size_t i = 0; i < SC_COUNT_OF(hostile); i++) {
		size_t size;
		struct sc_moved_part part = hostile[i];
		struct sc_movejournal journal = { (char *)"cube", 1, &part };
		sc_autofree char *data = encode(&journal, &size);
		assert_int_equal(sc_movejournal_decode(data, size, "journal", &journal, NULL), -EUCLEAN);
	}
}

static void names_that_are_no_text_are_refused(void **state)
{
	(void)state;
	struct sc_moved_part part = { (char *)"caf\xe9", (char *)"caf\xe9" };
	struct sc_movejournal journal = { (char *)"cube", 1, &part };
	struct sc_error err = { 0 };
	char *data;
	size_t size;
	assert_int_equal(sc_movejournal_encode(&journal, &data, &size, &err), -EINVAL);
	assert_non_null(strstr(err.text, "UTF-8"));
}

static void unfinished_images_are_found(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	sc_autoclose int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdir("cube.image", 0777), 0);
	assert_int_equal(mkdir("cube2.image", 0777), 0);
	assert_int_equal(sc_movejournal_find(fd, "DIR", NULL, &err), 0);
	close(open("cube2.image/" SC_MOVEJOURNAL_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	close(open("cube.image/" SC_MOVEJOURNAL_DONE, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	assert_int_equal(sc_movejournal_find(fd, "DIR", "cube", &err), 0);
	assert_int_equal(sc_movejournal_find(fd, "DIR", "cube2", &err), -EINPROGRESS);
	assert_non_null(strstr(err.text, "DIR/cube2.image"));
	assert_int_equal(sc_movejournal_find(fd, "DIR", NULL, &err), -EINPROGRESS);
}

/* In a directory of thousands of parts, to look into each costs more than all that is read of them. */
static void parts_of_the_family_are_not_looked_into(void **state)
{
	(void)state;
	struct sc_error err = { 0 };
	assert_int_equal(mkdir("run", 0777), 0);
	assert_int_equal(mkdir("run/cube.subcube.5.image", 0777), 0);
	close(open("run/cube.subcube.5.image/" SC_MOVEJOURNAL_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	sc_autoclose int fd = open("run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(sc_movejournal_find(fd, "run", NULL, &err), 0);
	assert_int_equal(sc_movejournal_find(fd, "run", "cube", &err), 0);
	/* It is the image of a family of its own. */
	assert_int_equal(sc_movejournal_find(fd, "run", "cube.subcube.5", &err), -EINPROGRESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(names_that_lead_elsewhere_are_refused),
		cmocka_unit_test(names_that_are_no_text_are_refused),
		cmocka_unit_test(unfinished_images_are_found),
		cmocka_unit_test(parts_of_the_family_are_not_looked_into),
	};
	return cmocka_run_group_tests(tests, make_top, remove_top);
}
