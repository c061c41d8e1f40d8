#include "workers.h"

#include <signal.h>
#include <stdatomic.h>

/* So much of a list is taken at a time, and a thread is not started for less. */
#define GRAIN 16

static atomic_uint in_use; /* threads, of SC_WORKERS_MAX */

static bool take_one(void)
{
	unsigned used = atomic_load(&in_use);
	while (used < SC_WORKERS_MAX) {
		if (atomic_compare_exchange_weak(&in_use, &used, used + 1))
			return true;
	}
	return false;
}

void sc_workers_start(struct sc_workers *workers, size_t wanted, void *(*run)(void *context), void *context)
{
	sigset_t all, before;
	sigfillset(&all);
	workers->count = 0;
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (workers->count < wanted && workers->count < SC_WORKERS_EACH && take_one()) {
		if (pthread_create(&workers->threads[workers->count], NULL, run, context) != 0) {
			atomic_fetch_sub(&in_use, 1);
			break;
		}
		workers->count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void sc_workers_join(struct sc_workers *workers)
{
	for (unsigned i = 0; i < workers->count; i++)
		pthread_join(workers->threads[i], NULL);
	atomic_fetch_sub(&in_use, workers->count);
	workers->count = 0;
}

struct list {
	size_t count;
	atomic_size_t next;
	void (*work)(void *context, size_t i);
	void *context;
};

static void *work_through(void *argument)
{
	struct list *list = argument;
	for (;;) {
		size_t first = atomic_fetch_add(&list->next, GRAIN);
		for (size_t i = first; i < first + GRAIN; i++) {
			if (i >= list->count)
				return NULL;
			list->work(list->context, i);
		}
	}
}

void sc_workers_each(size_t count, void (*work)(void *context, size_t i), void *context)
{
	struct list list = { .count = count, .work = work, .context = context };
	struct sc_workers workers;
	sc_workers_start(&workers, (count - 1) / GRAIN * (count > 0), work_through, &list);
	work_through(&list);
	sc_workers_join(&workers);
}
