/*
 * Workers: each piece of work is done once, whoever does it; there are never more threads than the budget.
 */
#include "testdata.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "workers.h"

struct tally {
	atomic_uint *times;
	atomic_uint running, most;
};

static void count_one(void *context, size_t i)
{
	struct tally *tally = context;
	unsigned running = atomic_fetch_add(&tally->running, 1) + 1, most = atomic_load(&tally->most);
	while (running > most && !atomic_compare_exchange_weak(&tally->most, &most, running))
		;
	atomic_fetch_add(&tally->times[i], 1);
	usleep(50);
	atomic_fetch_sub(&tally->running, 1);
}

static void check_each(size_t count)
{
	struct tally tally = { .times = calloc(count + 1, sizeof(*tally.times)) };
	sc_workers_each(count, count_one, &tally);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(tally.times[i], 1);
	assert_int_equal(tally.times[count], 0);
	assert_in_range(tally.most, 0, SC_WORKERS_EACH + 1);
	free(tally.times);
}

static void each_piece_is_done_once(void **state)
{
	(void)state;
	static const size_t counts[] = { 0, 1, 2, 15, 16, 17, 31, 32, 33, 1000 };
	for (size_t i = 0; i < SC_COUNT_OF(counts); i++)
		check_each(counts[i]);
}

/* Holds workers until it is told to let them go. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool open;
	atomic_uint waiting;
	sigset_t blocked;
};

static void *wait_at_gate(void *context)
{
	struct gate *gate = context;
	pthread_sigmask(SIG_SETMASK, NULL, &gate->blocked);
	atomic_fetch_add(&gate->waiting, 1);
	pthread_mutex_lock(&gate->lock);
	while (!gate->open)
		pthread_cond_wait(&gate->opened, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	return NULL;
}

static void the_budget_is_shared_and_given_back(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER };
		struct sc_workers workers[8];
		unsigned total = 0;
		for (size_t i = 0; i < SC_COUNT_OF(workers); i++) {
			sc_workers_start(&workers[i], 1000, wait_at_gate, &gate);
			assert_in_range(workers[i].count, 0, SC_WORKERS_EACH);
			total += workers[i].count;
		}
		assert_int_equal(total, SC_WORKERS_MAX);
		check_each(100); /* by this thread alone */
		pthread_mutex_lock(&gate.lock);
		gate.open = true;
		pthread_cond_broadcast(&gate.opened);
		pthread_mutex_unlock(&gate.lock);
		for (size_t i = 0; i < SC_COUNT_OF(workers); i++)
			sc_workers_join(&workers[i]);
		assert_int_equal(gate.waiting, SC_WORKERS_MAX);
		assert_true(sigismember(&gate.blocked, SIGTERM));
		assert_true(sigismember(&gate.blocked, SIGUSR1));
	}
	sigset_t own;
	pthread_sigmask(SIG_SETMASK, NULL, &own);
	assert_false(sigismember(&own, SIGTERM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_piece_is_done_once),
		cmocka_unit_test(the_budget_is_shared_and_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
