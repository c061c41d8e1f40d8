#include "testdata.h"

#include "identity.h"
#include "remembering.h"
#include "workdir.h"

static struct sc_identity identity_of_tree(void)
{
	struct sc_identity identity = { 0 };
	assert_int_equal(sc_identity_add_tree(&identity, workdir_fd, "part", "table.lock"), 0);
	return identity;
}

/* What is removed, or copied, by it must be what the server has. */
static void servers_are_asked(void **state)
{
	(void)state;
	const struct timespec later[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };
	struct sc_file_id before, now;
	char path[64];
	workdir_mkdir("part");
	workdir_mkdir("part/mask0");
	workdir_write("part/mask0/bits", "bits", 4);
	snprintf(path, sizeof(path), "%s/part/mask0/bits", workdir);
	remember(path);
	struct sc_identity tree = identity_of_tree(), same = identity_of_tree(), other;
	assert_true(sc_identity_equal(&tree, &same));
	assert_int_equal(sc_file_id_ask_at(workdir_fd, "part/mask0/bits", 0, &before), 0);
	assert_int_equal(utimensat(workdir_fd, "part/mask0/bits", later, 0), 0);
	other = identity_of_tree();
	assert_false(sc_identity_equal(&tree, &other));
	assert_int_equal(sc_file_id_ask_at(workdir_fd, "part/mask0/bits", 0, &now), 0);
	assert_false(sc_file_id_equal(&before, &now));
	remember(NULL);
}

static void links_are_told_from_what_they_name(void **state)
{
	(void)state;
	struct sc_file_id link, named, file;
	workdir_write("file", "text", 4);
	assert_int_equal(symlinkat("file", workdir_fd, "link"), 0);
	assert_int_equal(sc_file_id_ask_at(workdir_fd, "file", 0, &file), 0);
	assert_int_equal(sc_file_id_ask_at(workdir_fd, "link", 0, &named), 0);
	assert_int_equal(sc_file_id_ask_at(workdir_fd, "link", AT_SYMLINK_NOFOLLOW, &link), 0);
	assert_true(sc_file_id_equal(&file, &named));
	assert_false(sc_file_id_equal(&file, &link));
	assert_int_equal(sc_file_id_ask_at(workdir_fd, "nothing", 0, &link), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_are_asked),
		cmocka_unit_test(links_are_told_from_what_they_name),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
