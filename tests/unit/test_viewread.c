#include "handmade.h"
#include "words.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "cache.h"
#include "viewread.h"

#define PARTS 6

static struct handmade made;

static int make(void **state)
{
	if (workdir_clean(state) < 0)
		return -1;
	handmade_make(&made, PARTS);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	handmade_free(&made);
	return 0;
}

/* A reader with a read-ahead of `ahead` bytes, that is used always; 0: none. */
static struct sc_reader *reader_with(size_t max_files, size_t cache_bytes, size_t ahead)
{
	struct sc_reader *reader = sc_reader_new(max_files, cache_bytes);
	assert_non_null(reader);
	if (ahead > 0)
		assert_int_equal(sc_reader_read_ahead(reader, ahead, true), 0);
	return reader;
}

/* Reads into a buffer of just that size; -errno, or the count, of bytes that are right. */
static ssize_t read_some(struct sc_reader *reader, unsigned node, uint64_t offset, size_t count, struct sc_error *err)
{
	uint8_t *buffer = malloc(count ? count : 1);
	*err = (struct sc_error){ 0 };
	ssize_t got = sc_view_read(reader, &made.view, node, offset, buffer, count, err);
	if (got > 0 && memcmp(buffer, made.expected[node] + offset, (size_t)got) != 0)
		fail_msg("node %u: %zu bytes at %llu are other ones", node, count, (unsigned long long)offset);
	free(buffer);
	return got;
}

static size_t open_descriptors(void)
{
	size_t count = 0;
	DIR *directory = opendir("/proc/self/fd");
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* ---- what is read ---- */

static void all_reads_are_right(void **state)
{
	(void)state;
	static const struct {
		size_t max_files, cache_bytes, ahead, threads;
	} limits[] = { { 1, 0, 0, 0 },       { 1, 1000, 0, 0 },    { 3, 1 << 20, 0, 0 }, { 1000, 1 << 20, 0, 0 },
		       { 1, 1000, 1, 1 }, { 8, 1, 1 << 20, 2 }, { 1000, 1 << 20, 8 << 20, 32 } };
	for (size_t i = 0; i < SC_COUNT_OF(limits); i++) {
		struct sc_reader *reader = reader_with(limits[i].max_files, limits[i].cache_bytes, limits[i].ahead);
		uint64_t random = i + 1;
		size_t before = open_descriptors();
		for (unsigned k = 0; k < 4000; k++) {
			unsigned node = 1 + k % 4;
			uint64_t size = made.view.nodes[node].size_bytes, offset = naive_random(&random) % (size + 10);
			size_t count = k % 11 ? naive_random(&random) % 700 : 2 * size;
			uint64_t left = offset < size ? size - offset : 0;
			struct sc_error err;
			ssize_t got = read_some(reader, node, offset, count, &err);
			if (got != (ssize_t)(count < left ? count : left))
				fail_msg("node %u: %zu of %llu at %llu: %zd %s", node, count, (unsigned long long)size,
					 (unsigned long long)offset, got, err.text);
			/* A thread that reads ahead holds one while it reads. */
			assert_true(open_descriptors() - before <= limits[i].max_files + limits[i].threads);
		}
		struct sc_error err;
		assert_int_equal(read_some(reader, HANDMADE_RANGES, UINT64_MAX, 10, &err), 0);
		sc_reader_forget(reader, &made.view);
		assert_int_equal(open_descriptors(), before);
		sc_reader_free(reader);
	}
}

static void descriptors_are_of_the_slabs_file(void **state)
{
	(void)state;
	struct sc_reader *reader = sc_reader_new(2, 0);
	struct sc_cache_entry *held[PARTS];
	struct sc_error err;
	for (size_t i = 0; i < PARTS; i++) {
		uint8_t bytes[HANDMADE_PART_BYTES];
		int fd;
		assert_int_equal(sc_reader_get_file(reader, &made.view, HANDMADE_RANGES, i, &held[i], &fd, &err), 0);
		assert_int_equal(sc_io_pread_full(fd, bytes, sizeof(bytes), 0), 0);
		assert_memory_equal(bytes, made.expected[HANDMADE_RANGES] + i * sizeof(bytes), sizeof(bytes));
	}
	for (size_t i = 0; i < PARTS; i++)
		sc_reader_release_file(reader, held[i]);
	sc_reader_free(reader);
}

static void all_in_order_is_right_with_reading_ahead(void **state)
{
	(void)state;
	struct sc_error err;
	for (size_t step = 16; step < 400; step += 33) {
		struct sc_reader *reader = reader_with(4, 1000, 1 << 20);
		for (unsigned node = 1; node < 4; node++) {
			uint64_t size = made.view.nodes[node].size_bytes;
			for (uint64_t at = 0; at < size; at += step)
				assert_true(read_some(reader, node, at, step, &err) > 0);
			for (uint64_t at = 3; at < size; at += 3 * step)
				assert_true(read_some(reader, node, at, step, &err) > 0);
		}
		sc_reader_forget(reader, &made.view);
		sc_reader_free(reader);
	}
}

/* ---- truncated parts ---- */

static void only_what_is_lacking_fails(void **state)
{
	(void)state;
	const size_t kept = 2 * HANDMADE_CHANNEL_BYTES + 5; /* of part 1's channels 5 to 9: two and a bit */
	workdir_truncate("c.subcube.1.image/pixels", (off_t)kept);
	handmade_identify(&made, 1);
	struct sc_reader *reader = sc_reader_new(10, 1 << 20);
	struct sc_error err;
	const uint64_t first = HANDMADE_PART_BYTES + kept, behind = 2 * HANDMADE_PART_BYTES;
	for (uint64_t at = 0; at + 7 <= made.view.pixels.size_bytes; at += 7) {
		bool lacking = at + 7 > first && at < behind;
		ssize_t got = read_some(reader, HANDMADE_RANGES, at, 7, &err);
		if (got != (lacking ? -EIO : 7))
			fail_msg("%llu: %zd %s", (unsigned long long)at, got, err.text);
		if (lacking)
			assert_true(has_words(err.text, "c.subcube.1.image/pixels|cannot read|of 389"));
	}
	/* Gathered: tiles 2 and 3 hold the channels 6 to 11, the first that is not whole is 7. */
	for (uint64_t tile = 0; tile < made.gathered.total_tiles; tile++) {
		ssize_t got = read_some(reader, HANDMADE_GATHERED, tile * made.gathered.tile_bytes, 100, &err);
		if (got != (tile == 2 || tile == 3 ? -EIO : 100))
			fail_msg("tile %llu: %zd %s", (unsigned long long)tile, got, err.text);
	}
	/* A read that begins well and ends in the hole is an error as a whole. */
	assert_int_equal(read_some(reader, HANDMADE_RANGES, 0, 2 * HANDMADE_PART_BYTES, &err), -EIO);
	sc_reader_free(reader);
}

/* ---- parts that change ---- */

#define PIXELS "c.subcube.2.image/pixels"

static void rewrite(void)
{
	uint8_t bytes[HANDMADE_PART_BYTES] = { 1 };
	sc_autoclose int fd = openat(workdir_fd, PIXELS, O_WRONLY | O_CLOEXEC);
	assert_int_equal(sc_io_pwrite_full(fd, bytes, sizeof(bytes), 0), 0);
}

static void shorten(void)
{
	workdir_truncate(PIXELS, 100);
}

static void lengthen(void)
{
	workdir_truncate(PIXELS, 2 * HANDMADE_PART_BYTES);
}

/* Other bytes under the old size and time: the change time still tells. */
static void rewrite_and_set_back(void)
{
	struct stat st;
	assert_int_equal(fstatat(workdir_fd, PIXELS, &st, 0), 0);
	rewrite();
	const struct timespec times[] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(workdir_fd, PIXELS, times, 0), 0);
}

static void replace(void)
{
	uint8_t bytes[HANDMADE_PART_BYTES] = { 1 };
	workdir_write("new", bytes, sizeof(bytes));
	assert_int_equal(renameat(workdir_fd, "new", workdir_fd, PIXELS), 0);
}

static void remove_file(void)
{
	workdir_remove(PIXELS);
}

static void remove_part(void)
{
	workdir_remove("c.subcube.2.image");
}

static void make_a_file_of_the_part(void)
{
	workdir_remove("c.subcube.2.image");
	workdir_write("c.subcube.2.image", "", 0);
}

static void make_it_a_fifo(void)
{
	workdir_remove(PIXELS);
	assert_int_equal(mkfifoat(workdir_fd, PIXELS, 0644), 0);
}

static void make_it_a_directory(void)
{
	workdir_remove(PIXELS);
	workdir_mkdir(PIXELS);
}

static void make_it_a_loop(void)
{
	workdir_remove(PIXELS);
	assert_int_equal(symlinkat("pixels", workdir_fd, PIXELS), 0);
}

/* What the reader has of the part when it changes. */
enum { NOTHING, AN_OPEN_FILE, A_GATHERED_TILE, BYTES_READ_AHEAD, NBEFORE };

static struct sc_reader *reader_that_has(unsigned what, uint64_t at, uint64_t tile)
{
	struct sc_error err;
	struct sc_reader *reader = reader_with(10, what < A_GATHERED_TILE ? 0 : 1 << 20,
					       what == BYTES_READ_AHEAD ? 1 << 20 : 0);
	if (what == AN_OPEN_FILE)
		assert_int_equal(read_some(reader, HANDMADE_RANGES, at, 50, &err), 50);
	if (what == A_GATHERED_TILE)
		assert_int_equal(read_some(reader, HANDMADE_GATHERED, tile, 50, &err), 50);
	for (uint64_t k = 0; what == BYTES_READ_AHEAD && k < 3; k++) {
		assert_int_equal(read_some(reader, HANDMADE_RANGES, k * 16, 16, &err), 16);
		assert_int_equal(read_some(reader, HANDMADE_GATHERED, k * 16, 16, &err), 16);
	}
	return reader;
}

static void changed_parts_are_stale(void **state)
{
	static void (*const changes[])(void) = { rewrite,
						 shorten,
						 lengthen,
						 replace,
						 remove_file,
						 remove_part,
						 make_it_a_fifo,
						 make_it_a_directory,
						 make_it_a_loop,
						 make_a_file_of_the_part,
						 rewrite_and_set_back };
	const uint64_t at = 2 * HANDMADE_PART_BYTES + 10, tile = 3 * made.gathered.tile_bytes;
	for (size_t i = 0; i < NBEFORE * SC_COUNT_OF(changes); i++) {
		struct sc_error err;
		assert_int_equal(unmake(state) + make(state), 0);
		struct sc_reader *reader = reader_that_has(i % NBEFORE, at, tile);
		usleep(12000); /* file times move on in steps of up to 10 ms */
		changes[i / NBEFORE]();
		const struct {
			unsigned node;
			uint64_t offset;
		} reads[] = { { HANDMADE_RANGES, at }, { HANDMADE_GATHERED, tile }, { HANDMADE_RANGES, at - 20 } };
		for (size_t k = 0; k < SC_COUNT_OF(reads); k++) {
			ssize_t got = read_some(reader, reads[k].node, reads[k].offset, 50, &err);
			if (got != -ESTALE || !has_words(err.text, PIXELS))
				fail_msg("change %zu, before it %zu, read %zu: %zd \"%s\"", i / NBEFORE, i % NBEFORE,
					 k, got, err.text);
		}
		/* The others go on. */
		assert_int_equal(read_some(reader, HANDMADE_RANGES, at - HANDMADE_PART_BYTES, 50, &err), 50);
		assert_int_equal(read_some(reader, HANDMADE_GATHERED, 0, 50, &err), 50);
		assert_int_equal(read_some(reader, HANDMADE_BYTES, 0, 5, &err), 5);
		sc_reader_free(reader);
	}
}

/* ---- parts that are moved ---- */

#define INSIDE "c.image/c.subcube.2.image"

static void move_in(void)
{
	workdir_mkdir("c.image");
	assert_int_equal(renameat(workdir_fd, "c.subcube.2.image", workdir_fd, INSIDE), 0);
}

static void move_out(void)
{
	assert_int_equal(renameat(workdir_fd, INSIDE, workdir_fd, "c.subcube.2.image"), 0);
}

static void expect_all_of_it(struct sc_reader *reader, ssize_t expected)
{
	const uint64_t at = 2 * HANDMADE_PART_BYTES + 10, tile = 3 * made.gathered.tile_bytes;
	struct sc_error err;
	for (unsigned k = 0; k < 6; k++) {
		ssize_t got = read_some(reader, k % 2 ? HANDMADE_GATHERED : HANDMADE_RANGES, (k % 2 ? tile : at) + k, 50,
					&err);
		if (got != expected)
			fail_msg("read %u: %zd %s", k, got, err.text);
	}
}

static void moved_parts_are_followed(void **state)
{
	const uint64_t at = 2 * HANDMADE_PART_BYTES + 10, tile = 3 * made.gathered.tile_bytes;
	for (unsigned before = 0; before < NBEFORE; before++) {
		assert_int_equal(unmake(state) + make(state), 0);
		struct sc_reader *reader = reader_that_has(before, at, tile);
		move_in();
		expect_all_of_it(reader, 50);
		move_out();
		expect_all_of_it(reader, 50);
		/* A view that was made of what is inside. */
		sc_reader_forget(reader, &made.view);
		free(made.view.parts[2].name);
		made.view.parts[2].name = strdup(INSIDE);
		expect_all_of_it(reader, 50);
		usleep(12000);
		rewrite();
		expect_all_of_it(reader, -ESTALE);
		sc_reader_free(reader);
	}
}

/* The same bytes in another file: nobody can know that they are the same. */
static void another_part_in_its_place_is_stale(void **state)
{
	for (unsigned also_where_it_was = 0; also_where_it_was < 2; also_where_it_was++) {
		assert_int_equal(unmake(state) + make(state), 0);
		struct sc_reader *reader = sc_reader_new(10, 1 << 20);
		size_t size;
		sc_autofree uint8_t *bytes = workdir_read(workdir_fd, PIXELS, &size);
		move_in();
		if (also_where_it_was) {
			workdir_mkdir("c.subcube.2.image");
			workdir_write(PIXELS, bytes, size);
		} else {
			workdir_write("new", bytes, size);
			assert_int_equal(renameat(workdir_fd, "new", workdir_fd, INSIDE "/pixels"), 0);
		}
		expect_all_of_it(reader, -ESTALE);
		sc_reader_free(reader);
	}
}

/* The part is the file itself, as FITS images are: to rename it moves its change time on. */
static void moved_files_are_followed(void **state)
{
	assert_int_equal(unmake(state) + make(state), 0);
	struct sc_error err;
	struct sc_reader *reader = sc_reader_new(10, 0);
	assert_int_equal(renameat(workdir_fd, PIXELS, workdir_fd, "pixels"), 0);
	workdir_remove("c.subcube.2.image");
	assert_int_equal(renameat(workdir_fd, "pixels", workdir_fd, "c.subcube.2.image"), 0);
	struct stat st;
	assert_int_equal(fstatat(workdir_fd, "c.subcube.2.image", &st, 0), 0);
	made.view.parts[2].pixels_id = sc_file_id_of(&st);
	struct sc_slab *slab = &made.view.pixels.slabs[2];
	made.view.pixels.storages[slab->storage].file[0] = 0;

	const uint64_t at = 2 * HANDMADE_PART_BYTES;
	for (unsigned opened = 0; opened < 2; opened++) {
		if (opened)
			assert_int_equal(read_some(reader, HANDMADE_RANGES, at, 50, &err), 50);
		usleep(12000);
		move_in();
		assert_int_equal(read_some(reader, HANDMADE_RANGES, at, 50, &err), 50);
		usleep(12000);
		assert_int_equal(fchmodat(workdir_fd, INSIDE, 0600, 0), 0);
		assert_int_equal(read_some(reader, HANDMADE_RANGES, at, 50, &err), 50);
		sc_reader_forget(reader, &made.view);
		usleep(12000);
		move_out();
		assert_int_equal(fstatat(workdir_fd, "c.subcube.2.image", &st, 0), 0);
		made.view.parts[2].pixels_id = sc_file_id_of(&st);
	}
	/* Not where movevirtual puts it: to change its mode is no move. */
	usleep(12000);
	assert_int_equal(fchmodat(workdir_fd, "c.subcube.2.image", 0640, 0), 0);
	assert_int_equal(read_some(reader, HANDMADE_RANGES, at, 50, &err), -ESTALE);
	sc_reader_free(reader);
}

/* ---- parts that have just changed ---- */

/* A change that its times do not tell: as within one step of a coarse clock. */
static void rewrite_unseen(void)
{
	struct stat st;
	rewrite();
	assert_int_equal(fstatat(workdir_fd, PIXELS, &st, 0), 0);
	made.view.parts[2].pixels_id = sc_file_id_of(&st);
}

static bool is_new(struct sc_reader *reader, unsigned node, uint64_t offset)
{
	uint8_t buffer[16];
	struct sc_error err = { 0 };
	assert_int_equal(sc_view_read(reader, &made.view, node, offset, buffer, sizeof(buffer), &err), sizeof(buffer));
	return memcmp(buffer, made.expected[node] + offset, sizeof(buffer)) != 0;
}

static void nothing_is_kept_of_young_parts(void **state)
{
	const uint64_t at = 2 * HANDMADE_PART_BYTES, tile = 4 * made.gathered.tile_bytes;
	for (unsigned young = 0; young < 2; young++) {
		struct timespec now;
		assert_int_equal(unmake(state) + make(state), 0);
		clock_gettime(CLOCK_REALTIME, &now);
		made.view.newest_ns = (now.tv_sec - (young ? 0 : 3)) * INT64_C(1000000000);
		struct sc_reader *reader = reader_with(10, 1 << 20, 1 << 20);
		for (uint64_t k = 0; k < 4; k++)
			assert_false(is_new(reader, HANDMADE_RANGES, at + k * 16));
		assert_false(is_new(reader, HANDMADE_GATHERED, tile));
		usleep(100000); /* what is read ahead is in memory by then, or comes from the file as it is then */
		rewrite_unseen();
		assert_int_equal(is_new(reader, HANDMADE_GATHERED, tile), young);
		assert_true(!young || is_new(reader, HANDMADE_RANGES, at + 4 * 16));
		sc_reader_free(reader);
	}
}

static void unreadable_parts_are_errors(void **state)
{
	(void)state;
	struct sc_error err;
	assert_int_equal(fchmodat(workdir_fd, PIXELS, 0, 0), 0);
	handmade_identify(&made, 2);
	struct sc_reader *reader = sc_reader_new(10, 0);
	if (geteuid() == 0 && seteuid(65534) < 0)
		skip();
	ssize_t got = read_some(reader, HANDMADE_RANGES, 2 * HANDMADE_PART_BYTES, 50, &err);
	assert_int_equal(seteuid(getuid()), 0);
	assert_int_equal(got, -EIO);
	assert_true(has_words(err.text, PIXELS "|permission"));
	sc_reader_free(reader);
}

/* ---- few descriptors ---- */

static void limit_descriptors(int more, struct rlimit *ret_old)
{
	int next = dup(workdir_fd);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_old), 0);
	struct rlimit limit = { (rlim_t)(next + more), ret_old->rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void few_descriptors_are_enough(void **state)
{
	(void)state;
	struct sc_reader *reader = sc_reader_new(1000, 0);
	struct rlimit old;
	struct sc_error err;
	size_t size = made.view.pixels.size_bytes;
	for (int more = 3; more >= 1; more--) {
		limit_descriptors(more, &old);
		ssize_t ranges = read_some(reader, HANDMADE_RANGES, 0, size, &err);
		ssize_t gathered = read_some(reader, HANDMADE_GATHERED, 0, made.gathered.size_bytes, &err);
		ssize_t mask = read_some(reader, HANDMADE_MASK, 0, 10000, &err);
		setrlimit(RLIMIT_NOFILE, &old);
		assert_int_equal(ranges, size);
		assert_int_equal(gathered, made.gathered.size_bytes);
		assert_int_equal(mask, made.view.mask.size_bytes);
		sc_reader_forget(reader, &made.view);
	}
	/* None at all is an error that says so, and no bytes. */
	limit_descriptors(0, &old);
	ssize_t got = read_some(reader, HANDMADE_RANGES, 0, size, &err);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(got, -EMFILE);
	assert_true(has_words(err.text, "c.subcube.0.image/pixels|cannot open"));
	assert_int_equal(read_some(reader, HANDMADE_RANGES, 0, size, &err), size);
	sc_reader_free(reader);
}

/* ---- threads ---- */

static struct sc_reader *shared;
static atomic_int wrong;

static void *read_all_over(void *argument)
{
	uint64_t random = 77 + (uint64_t)(uintptr_t)argument;
	uint8_t buffer[3000];
	for (int i = 0; i < 3000; i++) {
		unsigned node = 1 + (unsigned)i % 3;
		uint64_t size = made.view.nodes[node].size_bytes, offset = naive_random(&random) % size;
		size_t count = naive_random(&random) % sizeof(buffer);
		struct sc_error err = { 0 };
		ssize_t got = sc_view_read(shared, &made.view, node, offset, buffer, count, &err);
		size_t expected = count < size - offset ? count : size - offset;
		wrong += got != (ssize_t)expected || memcmp(buffer, made.expected[node] + offset, expected) != 0;
		if (i % 500 == 0)
			sc_reader_forget(shared, &made.view);
	}
	return NULL;
}

static void threads_read_at_once(void **state)
{
	(void)state;
	pthread_t threads[6];
	for (size_t ahead = 0; ahead <= 1 << 20; ahead += 1 << 19) {
		shared = reader_with(2, 2000, ahead);
		for (uintptr_t i = 0; i < SC_COUNT_OF(threads); i++)
			assert_int_equal(pthread_create(&threads[i], NULL, read_all_over, (void *)i), 0);
		for (size_t i = 0; i < SC_COUNT_OF(threads); i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(wrong, 0);
		sc_reader_free(shared);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_reads_are_right, make, unmake),
		cmocka_unit_test_setup_teardown(all_in_order_is_right_with_reading_ahead, make, unmake),
		cmocka_unit_test_setup_teardown(descriptors_are_of_the_slabs_file, make, unmake),
		cmocka_unit_test_setup_teardown(only_what_is_lacking_fails, make, unmake),
		cmocka_unit_test_setup_teardown(changed_parts_are_stale, make, unmake),
		cmocka_unit_test_setup_teardown(moved_parts_are_followed, make, unmake),
		cmocka_unit_test_setup_teardown(another_part_in_its_place_is_stale, make, unmake),
		cmocka_unit_test_setup_teardown(moved_files_are_followed, make, unmake),
		cmocka_unit_test_setup_teardown(nothing_is_kept_of_young_parts, make, unmake),
		cmocka_unit_test_setup_teardown(unreadable_parts_are_errors, make, unmake),
		cmocka_unit_test_setup_teardown(few_descriptors_are_enough, make, unmake),
		cmocka_unit_test_setup_teardown(threads_read_at_once, make, unmake),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
