/*
 * What is cloned and what is left to copy, on file systems that clone (made in files here, which takes root and their
 * mkfs) and on the one that /tmp is on, whatever that is.
 */
#include "testdata.h"

#include <sys/mount.h>

#include "clone.h"
#include "subcube.h"

#define BLOCK 4096
#define FILE_BYTES (40 * BLOCK + 77)

static char top[64];
static uint8_t content[FILE_BYTES];

/* A shell command that knows the directory as $TOP. */
static int run(const char *command)
{
	return setenv("TOP", top, 1) < 0 ? -1 : system(command);
}

static int make_top(void **state)
{
	const char *const *commands = *state;
	int status = 0;
	strcpy(top, "/tmp/test_clone.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	for (size_t i = 0; i < FILE_BYTES; i++)
		content[i] = (uint8_t)(rand() >> 7);
	for (; commands && *commands && status == 0; commands++)
		status = run(*commands);
	*state = status == 0 ? top : NULL;
	return chdir(top);
}

static int remove_top(void **state)
{
	(void)state;
	if (chdir("/") < 0)
		return -1;
	char path[80];
	snprintf(path, sizeof(path), "%s/mnt", top);
	umount(path);
	return sc_io_remove_tree(AT_FDCWD, top);
}

/* Enters the file system that was made. */
static void enter(void **state)
{
	if (!*state || geteuid() != 0) {
		print_message("  skipped: this file system cannot be made here (root? mkfs? loop devices?)\n");
		skip();
	}
	assert_int_equal(chdir("mnt"), 0);
}

static int open_new(const char *name, uint64_t size, bool has_content)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	if (has_content)
		assert_int_equal(sc_io_pwrite_full(fd, content, size, 0), 0);
	else
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

struct range_case {
	uint64_t from, to, length, to_size, first, behind;
};

/* Clones, copies what is left, and looks at the file and at what was said. */
static void check_range(const struct range_case *range, uint64_t from_size)
{
	struct sc_cloner cloner = { .reflink = SC_REFLINK_AUTO };
	struct sc_clone_target target;
	struct stat st;
	uint64_t first, behind;
	int from = open_new("from", from_size, true), to = open_new("to", range->to_size, false);
	assert_int_equal(fstat(from, &st), 0);
	struct sc_file_id before = sc_file_id_of(&st);
	assert_int_equal(sc_clone_target_init(to, &target), 0);
	assert_int_equal(
	    sc_clone_range(&cloner, from, range->from, &target, range->to, range->length, &first, &behind), 0);
	assert_int_equal(first, range->first);
	assert_int_equal(behind, range->behind);
	assert_int_equal(cloner.nrefused, 0);
	assert_int_equal(fstat(from, &st), 0);
	struct sc_file_id after = sc_file_id_of(&st);
	assert_true(sc_file_id_equal(&before, &after));
	/* What the source becomes later is no matter of ours. */
	uint8_t other[FILE_BYTES] = { 0 }, got[2 * FILE_BYTES];
	assert_int_equal(sc_io_pwrite_full(from, other, from_size, 0), 0);
	assert_int_equal(sc_io_pwrite_full(to, content + range->from, first, range->to), 0);
	assert_int_equal(
	    sc_io_pwrite_full(to, content + range->from + behind, range->length - behind, range->to + behind), 0);
	uint64_t size = range->to + range->length > range->to_size ? range->to + range->length : range->to_size;
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(sc_io_pread_full(to, got, size, 0), 0);
	for (uint64_t i = 0; i < size; i++) {
		bool is_inside = i >= range->to && i < range->to + range->length;
		if (got[i] != (is_inside ? content[range->from + i - range->to] : 0))
			fail_msg("byte %llu", (unsigned long long)i);
	}
	close(from);
	close(to);
}

static void whole_blocks_are_cloned(void **state)
{
	static const struct range_case ranges[] = {
		{ 0, 0, 8 * BLOCK, 8 * BLOCK, 0, 8 * BLOCK },
		{ 2 * BLOCK, 5 * BLOCK, BLOCK, 80 * BLOCK, 0, BLOCK },
		/* Both off a block by the same. */
		{ 100, BLOCK + 100, 3 * BLOCK, 9 * BLOCK, BLOCK - 100, 3 * BLOCK - 100 },
		{ 100, 100, BLOCK, 9 * BLOCK, 0, 0 },
		{ 0, 100, 3 * BLOCK, 9 * BLOCK, 0, 0 },
		{ 100, 0, 3 * BLOCK, 9 * BLOCK, 0, 0 },
		{ 0, 0, BLOCK - 1, 9 * BLOCK, 0, 0 },
		{ 0, 0, 2 * BLOCK + 1, 9 * BLOCK, 0, 2 * BLOCK },
		/* The last block: only where both files end. */
		{ 38 * BLOCK, 7 * BLOCK, 2 * BLOCK + 77, 9 * BLOCK + 77, 0, 2 * BLOCK + 77 },
		{ 38 * BLOCK, 7 * BLOCK, 2 * BLOCK + 77, 10 * BLOCK, 0, 2 * BLOCK },
		{ 38 * BLOCK, 7 * BLOCK, BLOCK + 77, 8 * BLOCK + 77, 0, BLOCK },
		{ 40 * BLOCK, 0, 77, 77, 0, 77 },
		/* A file that grows by it. */
		{ 0, 0, FILE_BYTES, 0, 0, FILE_BYTES },
	};
	enter(state);
	for (size_t i = 0; i < SC_COUNT_OF(ranges); i++)
		check_range(&ranges[i], FILE_BYTES);
	/* So small that it may be kept in the inode. */
	struct range_case small = { 0, 0, 50, 50, 0, 50 };
	check_range(&small, 50);
}

static void elsewhere_it_is_asked_once_and_copied(void **state)
{
	enter(state);
	struct sc_cloner cloner = { .reflink = SC_REFLINK_AUTO };
	struct sc_clone_target target;
	uint64_t first = 1, behind = 1;
	int from = open_new("from", FILE_BYTES, true), to = open_new("../to", FILE_BYTES, false);
	assert_int_equal(sc_clone_target_init(to, &target), 0);
	/* Too few bytes to tell anything about the file systems. */
	assert_int_equal(sc_clone_range(&cloner, from, 0, &target, 0, BLOCK, &first, &behind), 0);
	assert_int_equal(cloner.nrefused, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sc_clone_range(&cloner, from, 0, &target, 0, 20 * BLOCK, &first, &behind), 0);
		assert_int_equal(first, 0);
		assert_int_equal(behind, 0);
		assert_int_equal(cloner.nrefused, 1);
	}
	cloner.reflink = SC_REFLINK_ALWAYS;
	assert_true(sc_clone_range(&cloner, from, 0, &target, 0, 20 * BLOCK, &first, &behind) < 0);
	cloner.nrefused = 0;
	assert_int_equal(sc_clone_range(&cloner, from, 0, &target, 0, 20 * BLOCK, &first, &behind), -EXDEV);
	close(from);
	close(to);
}

static void never_is_never(void **state)
{
	enter(state);
	struct sc_cloner cloner = { .reflink = SC_REFLINK_NEVER };
	struct sc_clone_target target;
	uint64_t first = 1, behind = 1;
	uint8_t got[BLOCK], zeros[BLOCK] = { 0 };
	int from = open_new("from", FILE_BYTES, true), to = open_new("to", FILE_BYTES, false);
	assert_int_equal(sc_clone_target_init(to, &target), 0);
	assert_int_equal(sc_clone_range(&cloner, from, 0, &target, 0, FILE_BYTES, &first, &behind), 0);
	assert_int_equal(first, 0);
	assert_int_equal(behind, 0);
	assert_int_equal(sc_io_pread_full(to, got, BLOCK, 0), 0);
	assert_memory_equal(got, zeros, BLOCK);
	close(from);
	close(to);
}

static void always_tells_what_is_not_whole_blocks(void **state)
{
	enter(state);
	struct sc_cloner cloner = { .reflink = SC_REFLINK_ALWAYS };
	struct sc_clone_target target;
	uint64_t first, behind;
	int from = open_new("from", FILE_BYTES, true), to = open_new("to", FILE_BYTES, false);
	assert_int_equal(sc_clone_target_init(to, &target), 0);
	assert_int_equal(sc_clone_range(&cloner, from, 0, &target, 0, 3 * BLOCK, &first, &behind), 0);
	assert_int_equal(behind, 3 * BLOCK);
	assert_int_equal(sc_clone_range(&cloner, from, 0, &target, 1, 3 * BLOCK, &first, &behind), -EINVAL);
	assert_int_equal(sc_clone_range(&cloner, from, 0, &target, 0, 0, &first, &behind), 0);
	close(from);
	close(to);
}

/* Wherever /tmp is: what is not cloned is left, and nothing is made up. */
static void any_file_system_will_do(void **state)
{
	(void)state;
	struct sc_cloner cloner = { .reflink = SC_REFLINK_AUTO };
	struct sc_clone_target target;
	uint64_t first, behind;
	uint8_t got[FILE_BYTES];
	int from = open_new("from", FILE_BYTES, true), to = open_new("to", FILE_BYTES, false);
	assert_int_equal(sc_clone_target_init(to, &target), 0);
	assert_int_equal(sc_clone_range(&cloner, from, 0, &target, 0, FILE_BYTES, &first, &behind), 0);
	assert_true(first == 0 && (behind == 0 || behind == FILE_BYTES));
	assert_int_equal(sc_io_pread_full(to, got, FILE_BYTES, 0), 0);
	for (size_t i = 0; i < FILE_BYTES; i++)
		assert_int_equal(got[i], i < behind ? content[i] : 0);
	close(from);
	close(to);
}

static const char *const xfs[] = { "truncate -s 400M $TOP/disk && mkfs.xfs -q -m reflink=1 $TOP/disk >/dev/null 2>&1",
				   "mkdir $TOP/mnt && mount -o loop $TOP/disk $TOP/mnt 2>/dev/null", NULL };
static const char *const btrfs[] = { "truncate -s 400M $TOP/disk && mkfs.btrfs -q $TOP/disk >/dev/null 2>&1",
				     "mkdir $TOP/mnt && mount -o loop $TOP/disk $TOP/mnt 2>/dev/null", NULL };

#define ON(kind, test)                                                                                                 \
	{                                                                                                              \
		#test " (" #kind ")", test, make_top, remove_top, (void *)(kind)                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(xfs, whole_blocks_are_cloned),
		ON(btrfs, whole_blocks_are_cloned),
		ON(xfs, elsewhere_it_is_asked_once_and_copied),
		ON(btrfs, elsewhere_it_is_asked_once_and_copied),
		ON(xfs, never_is_never),
		ON(btrfs, never_is_never),
		ON(xfs, always_tells_what_is_not_whole_blocks),
		ON(btrfs, always_tells_what_is_not_whole_blocks),
		ON(NULL, any_file_system_will_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
