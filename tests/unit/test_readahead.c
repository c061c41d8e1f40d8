#include "testdata.h"

#include <pthread.h>
#include <assert.h>

#include "readahead.h"

#define BLOCK 1000u
#define FILE_BYTES UINT64_C(100000000)
#define LONG_NS 1000000000

/* ---- a source that can be held up, and fail ---- */

static const int view_a, view_b;
static const struct sc_tracks_file file = { &view_a, 1 }, other = { &view_b, 3 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held, failing;
static unsigned reads, reading, most_reading;
static uint64_t highest; /* byte that was read */

static uint8_t byte_at(const struct sc_tracks_file *of, uint64_t offset)
{
	return (uint8_t)(offset * 7 + offset / 251 + of->node);
}

static int source_read(void *context, const struct sc_tracks_file *of, uint64_t offset, void *buffer, size_t count)
{
	(void)context;
	assert(count >= 1 && count <= BLOCK && offset + count <= FILE_BYTES);
	pthread_mutex_lock(&lock);
	reads++;
	if (++reading > most_reading)
		most_reading = reading;
	if (offset + count > highest)
		highest = offset + count;
	pthread_cond_broadcast(&changed);
	while (held)
		pthread_cond_wait(&changed, &lock);
	reading--;
	bool fail = failing;
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < count; i++)
		((uint8_t *)buffer)[i] = fail ? 0xee : byte_at(of, offset + i);
	return fail ? -EIO : 0;
}

static void hold(bool on)
{
	pthread_mutex_lock(&lock);
	held = on;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* Until the source is asked for the nth time; without a limit, which the test's own timeout is. */
static void await_reads(unsigned number)
{
	pthread_mutex_lock(&lock);
	while (reads < number)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static unsigned reads_so_far(void)
{
	pthread_mutex_lock(&lock);
	unsigned number = reads;
	pthread_mutex_unlock(&lock);
	return number;
}

static struct sc_readahead *start(size_t nblocks, unsigned max_threads)
{
	held = failing = false;
	reads = reading = most_reading = 0;
	highest = 0;
	const struct sc_readahead_options options = { .block_bytes = BLOCK,
						      .nblocks = nblocks,
						      .max_threads = max_threads,
						      .slow_ns = LONG_NS / 2,
						      .read = source_read };
	struct sc_readahead *ahead = sc_readahead_new(&options);
	assert_non_null(ahead);
	return ahead;
}

/* A demanded read as its user does it; returns how many bytes came from memory, which are right. */
static size_t demand(struct sc_readahead *ahead, const struct sc_tracks_file *of, uint64_t offset, size_t count,
		     int64_t took_ns)
{
	sc_autofree uint8_t *buffer = malloc(count);
	uint64_t noted = sc_readahead_note(ahead, of, FILE_BYTES, offset, count);
	size_t taken = sc_readahead_take(ahead, of, offset, buffer, count);
	assert_true(taken <= count);
	for (size_t i = 0; i < taken; i++)
		assert_int_equal(buffer[i], byte_at(of, offset + i));
	if (taken < count)
		sc_readahead_waited(ahead, noted, count - taken, took_ns);
	return taken;
}

/* ---- what is read ahead ---- */

static void storage_that_answers_at_once_is_left_alone(void **state)
{
	(void)state;
	struct sc_readahead *ahead = start(64, 4);
	for (uint64_t k = 0; k < 1000; k++)
		assert_int_equal(demand(ahead, &file, k * BLOCK, BLOCK, 10), 0);
	sc_readahead_free(ahead);
	assert_int_equal(reads, 0);
}

static void a_reader_who_waits_finds_the_next_blocks(void **state)
{
	(void)state;
	static const uint64_t distances[] = { 400, 5000, 123456 };
	for (size_t i = 0; i < SC_COUNT_OF(distances); i++) {
		struct sc_readahead *ahead = start(64, 4);
		size_t taken = 0;
		for (uint64_t k = 0; k < 300; k++) {
			taken += demand(ahead, &file, 50 + k * distances[i], 400, LONG_NS);
			if (k == 3)
				await_reads(1);
		}
		/* At least what was being read before it was asked for; how much more depends on the threads' luck. */
		assert_in_range(taken, 1, 296 * 400);
		sc_readahead_free(ahead);
	}
}

static void a_reader_waits_for_the_block_that_is_being_read(void **state)
{
	(void)state;
	struct sc_readahead *ahead = start(64, 64);
	hold(true);
	for (uint64_t k = 0; k < 3; k++)
		demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS);
	await_reads(4); /* the first window; a thread for each */
	hold(false);
	assert_int_equal(demand(ahead, &file, 3 * BLOCK, BLOCK, LONG_NS), BLOCK);
	assert_int_equal(demand(ahead, &file, 4 * BLOCK, 2 * BLOCK, LONG_NS), 2 * BLOCK);
	sc_readahead_free(ahead);
}

static void nobody_waits_for_a_block_that_is_only_queued(void **state)
{
	(void)state;
	struct sc_readahead *ahead = start(64, 1);
	hold(true);
	for (uint64_t k = 0; k < 3; k++)
		demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS);
	await_reads(1); /* of the next block; the only thread hangs there */
	for (uint64_t k = 4; k < 100; k++)
		assert_int_equal(demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS), 0);
	assert_int_equal(reads_so_far(), 1);
	hold(false);
	sc_readahead_free(ahead);
}

static void memory_and_threads_are_bounded(void **state)
{
	(void)state;
	enum { BLOCKS = 20, THREADS = 7 };
	struct sc_readahead *ahead = start(BLOCKS, THREADS);
	for (uint64_t k = 0; k < 2000; k++) {
		demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS);
		if (k == 2)
			await_reads(1);
		pthread_mutex_lock(&lock);
		/* Never further ahead than half of the blocks. */
		assert_true(highest <= (k + 1 + BLOCKS / 2) * BLOCK);
		pthread_mutex_unlock(&lock);
	}
	/* Twelve readers share them. */
	for (uint64_t k = 0; k < 200; k++) {
		for (uint64_t r = 0; r < 12; r++)
			demand(ahead, &file, r * 8000000 + k * BLOCK, BLOCK, LONG_NS);
	}
	sc_readahead_free(ahead);
	assert_in_range(most_reading, 1, THREADS);
}

static void storage_that_has_become_quick_is_left_alone_again(void **state)
{
	(void)state;
	struct sc_readahead *ahead = start(64, 4);
	uint64_t k = 0;
	for (; k < 3; k++)
		demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS);
	await_reads(1);
	/* The source is quick: its reads take less than slow_ns. */
	for (; k < 2000; k++)
		demand(ahead, &file, k * BLOCK, BLOCK, 10);
	unsigned before = reads_so_far();
	for (; k < 4000; k++)
		demand(ahead, &file, k * BLOCK, BLOCK, 10);
	assert_int_equal(reads_so_far(), before);
	assert_in_range(before, 1, 300);
	sc_readahead_free(ahead);
}

static void what_was_wanted_by_a_reader_who_left_is_not_read(void **state)
{
	(void)state;
	struct sc_readahead *ahead = start(200, 1);
	hold(true);
	for (uint64_t k = 0; k < 3; k++)
		demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS);
	await_reads(1); /* of the next block */
	for (uint64_t k = 4; k < 10; k++)
		demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS);
	uint64_t random = 3;
	for (int i = 0; i < 200; i++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		demand(ahead, &file, 5000000 + random % 90000000, 10, LONG_NS);
	}
	hold(false);
	sc_readahead_forget(ahead, &view_b); /* nothing of it; the thread gets on meanwhile */
	usleep(20000);
	assert_int_equal(reads_so_far(), 1);
	sc_readahead_free(ahead);
}

static void errors_are_left_to_the_demanded_read(void **state)
{
	(void)state;
	struct sc_readahead *ahead = start(64, 4);
	failing = true;
	for (uint64_t k = 0; k < 50; k++) {
		assert_int_equal(demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS), 0);
		if (k == 2)
			await_reads(1);
	}
	sc_readahead_free(ahead);
}

static void a_forgotten_view_is_gone_when_it_returns(void **state)
{
	(void)state;
	struct sc_readahead *ahead = start(64, 4);
	for (uint64_t k = 0; k < 10; k++) {
		demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS);
		demand(ahead, &other, k * BLOCK, BLOCK, LONG_NS);
	}
	sc_readahead_forget(ahead, &view_a);
	pthread_mutex_lock(&lock);
	reads = 0;
	pthread_mutex_unlock(&lock);
	uint8_t buffer[100];
	for (uint64_t at = 0; at < 200 * BLOCK; at += 100)
		assert_int_equal(sc_readahead_take(ahead, &file, at, buffer, 100), 0);
	sc_readahead_free(ahead);
}

static void a_read_that_hangs_does_not_hold_up_the_end(void **state)
{
	(void)state;
	struct sc_readahead *ahead = start(64, 4);
	hold(true);
	for (uint64_t k = 0; k < 3; k++)
		demand(ahead, &file, k * BLOCK, BLOCK, LONG_NS);
	await_reads(4); /* the first window; a thread for each */
	assert_false(sc_readahead_stop(ahead, 10));
	hold(false);
	assert_true(sc_readahead_stop(ahead, 1000000));
	assert_int_equal(demand(ahead, &file, 3 * BLOCK, BLOCK, LONG_NS), BLOCK);
	sc_readahead_free(ahead);
	assert_int_equal(reads, 4);
}

/* ---- threads ---- */

static struct sc_readahead *shared;

static void *read_like_many(void *argument)
{
	uint64_t number = (uintptr_t)argument, random = 17 + number;
	for (uint64_t k = 0; k < 3000; k++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		uint64_t at = number % 3 == 0   ? number * 4000000 + k * 700
			      : number % 3 == 1 ? (number * 9000 + k * 30011) % (FILE_BYTES - 5000)
						: random % (FILE_BYTES - 5000);
		demand(shared, number % 2 ? &file : &other, at, 1 + random % 3000, random % 2 ? LONG_NS : 10);
		if (k % 1000 == 999)
			sc_readahead_forget(shared, &view_b);
	}
	return NULL;
}

static void many_readers_get_the_right_bytes(void **state)
{
	(void)state;
	pthread_t threads[9];
	shared = start(40, 6);
	for (uintptr_t i = 0; i < SC_COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_like_many, (void *)i), 0);
	for (size_t i = 0; i < SC_COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	sc_readahead_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storage_that_answers_at_once_is_left_alone),
		cmocka_unit_test(a_reader_who_waits_finds_the_next_blocks),
		cmocka_unit_test(a_reader_waits_for_the_block_that_is_being_read),
		cmocka_unit_test(nobody_waits_for_a_block_that_is_only_queued),
		cmocka_unit_test(memory_and_threads_are_bounded),
		cmocka_unit_test(storage_that_has_become_quick_is_left_alone_again),
		cmocka_unit_test(what_was_wanted_by_a_reader_who_left_is_not_read),
		cmocka_unit_test(errors_are_left_to_the_demanded_read),
		cmocka_unit_test(a_forgotten_view_is_gone_when_it_returns),
		cmocka_unit_test(a_read_that_hangs_does_not_hold_up_the_end),
		cmocka_unit_test(many_readers_get_the_right_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
