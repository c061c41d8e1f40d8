#include "words.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "opens.h"

#define SECOND INT64_C(1000000000)
#define CUBE 1
#define OTHER 2

/* The kernel asks twice before it tells a process. */
static void expect_refused(struct sc_opens *opens, pid_t pid, uint64_t serial, int64_t now_ns)
{
	assert_int_equal(sc_opens_note(opens, pid, CUBE, serial, now_ns), -ESTALE);
	assert_int_equal(sc_opens_note(opens, pid, CUBE, serial, now_ns + 1000), -ESTALE);
}

static void one_generation_is_as_it_should_be(void **state)
{
	(void)state;
	struct sc_opens opens = { 0 };
	for (int i = 0; i < 100; i++)
		assert_int_equal(sc_opens_note(&opens, 1, CUBE, 7, i * SECOND / 10), 0);
	assert_int_equal(opens.count, 1);
	sc_opens_clear(&opens);
}

static void a_second_generation_is_refused_once(void **state)
{
	(void)state;
	struct sc_opens opens = { 0 };
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 7, 0), 0);
	assert_int_equal(sc_opens_note(&opens, 1, OTHER, 8, 0), 0);
	expect_refused(&opens, 1, 9, SECOND);
	/* It tries again. */
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 9, SECOND + 5000), 0);
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 9, SECOND + 6000), 0);
	/* And back, by a path of old. */
	expect_refused(&opens, 1, 7, SECOND + 7000);
	sc_opens_clear(&opens);
}

static void other_processes_are_not_concerned(void **state)
{
	(void)state;
	struct sc_opens opens = { 0 };
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 7, 0), 0);
	assert_int_equal(sc_opens_note(&opens, getpid(), CUBE, 8, 1000), 0);
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 7, 2000), 0);
	assert_int_equal(sc_opens_note(&opens, getpid(), CUBE, 8, 3000), 0);
	sc_opens_clear(&opens);
}

static void later_is_another_look(void **state)
{
	(void)state;
	struct sc_opens opens = { 0 };
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 7, 0), 0);
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 8, SC_OPENS_TOGETHER_NS), 0);
	assert_int_equal(opens.count, 1);
	sc_opens_clear(&opens);
}

/* cp, after an hour of reading one file: what it opens next belongs to that. */
static void a_close_counts(void **state)
{
	(void)state;
	struct sc_opens opens = { 0 };
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 7, 0), 0);
	sc_opens_note_close(&opens, 1, CUBE, 7, 3600 * SECOND);
	expect_refused(&opens, 1, 8, 3601 * SECOND);
	/* It is at the new one, and closes the rest of the old. */
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 8, 3601 * SECOND + 5000), 0);
	sc_opens_note_close(&opens, 1, CUBE, 7, 3601 * SECOND + 6000);
	assert_int_equal(sc_opens_note(&opens, 1, CUBE, 8, 3601 * SECOND + 7000), 0);
	sc_opens_clear(&opens);
}

static void *ask_in_a_thread(void *pointer)
{
	struct sc_opens *opens = pointer;
	pid_t self = (pid_t)syscall(SYS_gettid);
	expect_refused(opens, self, 8, 1000);
	assert_int_equal(sc_opens_note(opens, self, CUBE, 8, 5000), 0);
	return NULL;
}

static void threads_of_one_process_are_one(void **state)
{
	(void)state;
	struct sc_opens opens = { 0 };
	pthread_t thread;
	assert_int_equal(sc_opens_note(&opens, getpid(), CUBE, 7, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask_in_a_thread, &opens), 0);
	pthread_join(thread, NULL);
	/* That the other one was refused is no news to this one, which has files of the old one. */
	expect_refused(&opens, getpid(), 8, 7000);
	assert_int_equal(sc_opens_note(&opens, getpid(), CUBE, 8, 10000), 0);
	sc_opens_clear(&opens);
}

static void memory_is_bounded(void **state)
{
	(void)state;
	struct sc_opens opens = { 0 };
	/* A thousand processes a second. */
	for (int i = 0; i < 20000; i++)
		assert_int_equal(sc_opens_note(&opens, 1 + i, CUBE, 7, i * SECOND / 1000), 0);
	assert_in_range(opens.capacity, 1, 4096);
	sc_opens_clear(&opens);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_generation_is_as_it_should_be),
		cmocka_unit_test(a_second_generation_is_refused_once),
		cmocka_unit_test(other_processes_are_not_concerned),
		cmocka_unit_test(later_is_another_look),
		cmocka_unit_test(a_close_counts),
		cmocka_unit_test(threads_of_one_process_are_one),
		cmocka_unit_test(memory_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
