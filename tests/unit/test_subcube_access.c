/* Who may read a part's files, and what tells versions of a file apart. */
#include "parts.h"

#include <sys/xattr.h>

#define PART "cube.subcube.0.image"

static const char *const files[] = { "table.dat",       "table.f0",       "table.f0_TSM0",
				     "mask0/table.dat", "mask0/table.f0", "mask0/table.f0_TSM0" };

static void access_is_what_all_allow(void **state)
{
	(void)state;
	static const struct {
		struct {
			mode_t mode;
			uid_t uid;
			gid_t gid;
			time_t mtime;
			bool acl;
		} files[3];
		mode_t mode;
		bool uniform;
		int64_t newest_ns;
	} cases[] = {
		{ { { 0644, 1, 2, 10, false }, { 0640, 1, 2, 30, false }, { 0444, 1, 2, 20, false } },
		  0440,
		  true,
		  30000000000 },
		{ { { 0644, 1, 2, 10, false }, { 0644, 9, 2, 30, false }, { 0644, 1, 2, 20, false } },
		  0644,
		  false,
		  30000000000 },
		{ { { 0644, 1, 2, 10, false }, { 0644, 1, 2, 30, false }, { 0644, 1, 9, 20, false } },
		  0644,
		  false,
		  30000000000 },
		{ { { 0644, 1, 2, 10, true }, { 0644, 1, 2, 30, false }, { 0644, 1, 2, 20, false } },
		  0644,
		  false,
		  30000000000 },
		{ { { 0644, 1, 2, 10, false }, { 0644, 1, 2, 30, false }, { 0644, 1, 2, 20, true } },
		  0644,
		  false,
		  30000000000 },
		{ { { 0600, 1, 2, -5, false }, { 0060, 1, 2, -6, false }, { 07, 1, 2, -7, false } },
		  0,
		  true,
		  -5000000000 },
		{ { { 04755, 1, 2, 0, false }, { 0755, 1, 2, 0, false }, { 02755, 1, 2, 0, false } }, 0755, true, 0 },
		/* A clock far off: as far as nanoseconds reach. */
		{ { { 0644, 1, 2, 1ll << 40, false }, { 0644, 1, 2, 3, false }, { 0644, 1, 2, 4, false } },
		  0644,
		  true,
		  INT64_MAX },
		{ { { 0644, 1, 2, -(1ll << 40), false },
		    { 0644, 1, 2, -(1ll << 40), false },
		    { 0644, 1, 2, -(1ll << 40), false } },
		  0644,
		  true,
		  INT64_MIN },
	};
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_access all = { 0 }, later = { 0 }, none = { 0 };
		for (size_t k = 0; k < 3; k++) {
			struct stat st = { .st_mode = S_IFREG | cases[i].files[k].mode,
					   .st_uid = cases[i].files[k].uid,
					   .st_gid = cases[i].files[k].gid };
			st.st_mtim.tv_sec = cases[i].files[k].mtime;
			sc_access_add(k ? &later : &all, &st, cases[i].files[k].acl);
		}
		sc_access_merge(&all, &none);
		sc_access_merge(&all, &later);
		if (!all.any || all.mode != cases[i].mode || all.uniform != cases[i].uniform ||
		    all.newest_ns != cases[i].newest_ns || all.uid != 1 || all.gid != 2)
			fail_msg("case %zu: mode %o, uniform %d, newest %lld", i, all.mode, all.uniform,
				 (long long)all.newest_ns);
	}
}

static void identities_differ_in_each_member(void **state)
{
	(void)state;
	struct stat st = { .st_ino = 1, .st_size = 2, .st_dev = 7 };
	struct sc_file_id id = sc_file_id_of(&st), other;
	st.st_dev = 8; /* differs between the nodes of a cluster */
	other = sc_file_id_of(&st);
	assert_true(sc_file_id_equal(&id, &other));
	for (int i = 0; i < 6; i++) {
		struct stat changed = st;
		changed.st_ino += i == 0;
		changed.st_size += i == 1;
		changed.st_mtim.tv_sec += i == 2;
		changed.st_mtim.tv_nsec += i == 3;
		changed.st_ctim.tv_sec += i == 4;
		changed.st_ctim.tv_nsec += i == 5;
		other = sc_file_id_of(&changed);
		assert_false(sc_file_id_equal(&id, &other));
	}
}

/* Entries: owner, the user 1, group, mask, others; all may read. */
static bool set_acl(const char *path)
{
	static const uint8_t acl[] = { 2, 0, 0,   0,   1,   0,   4,  0, 255, 255, 255, 255, 2,   0,  4,
				       0, 1, 0,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
				       4, 0, 255, 255, 255, 255, 32, 0, 4,   0,   255, 255, 255, 255 };
	sc_autofree char *full = NULL;
	assert_true(asprintf(&full, "%s/%s", workdir, path) > 0);
	return setxattr(full, "system.posix_acl_access", acl, sizeof(acl), 0) == 0;
}

static void all_files_of_a_part_count(void **state)
{
	for (size_t i = 0; i < SC_COUNT_OF(files); i++) {
		struct sc_subcube subcube;
		struct sc_error err = { 0 };
		char path[100];
		assert_int_equal(workdir_clean(state), 0);
		workdir_copy("A1/" PART, PART);
		snprintf(path, sizeof(path), PART "/%s", files[i]);
		const struct timespec times[] = { { 2000000000, 5 }, { 2000000000, 5 } };
		assert_int_equal(utimensat(workdir_fd, path, times, 0), 0);
		assert_int_equal(fchmodat(workdir_fd, path, 0600, 0), 0);
		assert_int_equal(sc_subcube_open(workdir_source(), PART, &subcube, &err), 0);
		assert_int_equal(subcube.files.mode, 0600);
		assert_true(subcube.files.uniform);
		assert_int_equal(subcube.files.newest_ns, 2000000000000000005);
		assert_int_equal(subcube.files.uid, geteuid());
		sc_subcube_clear(&subcube);
		assert_false(sc_access_has_acl(workdir_fd, path));
		if (!set_acl(path))
			continue; /* a file system without them */
		assert_true(sc_access_has_acl(workdir_fd, path));
		assert_int_equal(sc_subcube_open(workdir_source(), PART, &subcube, &err), 0);
		assert_false(subcube.files.uniform);
		sc_subcube_clear(&subcube);
	}
	assert_true(sc_access_has_acl(workdir_fd, "not there"));
}

static void a_directory_on_the_way_says_who_may_pass(void **state)
{
	(void)state;
	struct stat file = { .st_mode = S_IFREG | 0644, .st_uid = 1, .st_gid = 2, .st_mtim.tv_sec = 10 };
	static const struct {
		mode_t directory, all;
	} cases[] = { { 0755, 0644 }, { 0711, 0644 }, { 0744, 0600 }, { 0750, 0640 }, { 0705, 0604 }, { 0666, 0 } };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_access all = { 0 };
		struct stat way = file;
		way.st_mode = S_IFDIR | cases[i].directory;
		way.st_mtim.tv_sec = 99;
		sc_access_add(&all, &file, false);
		sc_access_add_way(&all, &way, false);
		assert_int_equal(all.mode, cases[i].all);
		assert_true(all.uniform);
		assert_int_equal(all.newest_ns, 10000000000);
		sc_access_add_way(&all, &way, true);
		assert_false(all.uniform);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_is_what_all_allow),
		cmocka_unit_test(a_directory_on_the_way_says_who_may_pass),
		cmocka_unit_test(identities_differ_in_each_member),
		cmocka_unit_test(all_files_of_a_part_count),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
