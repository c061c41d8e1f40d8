#include "builder.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

struct sc_builder {
	unsigned max_threads;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t ended; /* of a thread */
	unsigned nthreads;
	struct sc_job *first, **last; /* waiting */
};

struct sc_builder *sc_builder_new(unsigned max_threads)
{
	struct sc_builder *builder = calloc(1, sizeof(*builder));
	if (!builder)
		return NULL;
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&builder->lock, NULL);
	pthread_cond_init(&builder->ended, &attributes);
	pthread_condattr_destroy(&attributes);
	builder->max_threads = max_threads;
	builder->last = &builder->first;
	return builder;
}

void sc_builder_free(struct sc_builder *builder)
{
	if (!builder)
		return;
	pthread_cond_destroy(&builder->ended);
	pthread_mutex_destroy(&builder->lock);
	free(builder);
}

/* Runs what waits until nothing does. Called with the lock, which is not held while a job runs. */
static void run_waiting(struct sc_builder *builder)
{
	while (builder->first) {
		struct sc_job *job = builder->first;
		builder->first = job->next;
		if (!builder->first)
			builder->last = &builder->first;
		pthread_mutex_unlock(&builder->lock);
		job->run(job);
		pthread_mutex_lock(&builder->lock);
	}
}

static void *run_thread(void *argument)
{
	struct sc_builder *builder = argument;
	pthread_mutex_lock(&builder->lock);
	run_waiting(builder);
	builder->nthreads--;
	pthread_cond_broadcast(&builder->ended);
	pthread_mutex_unlock(&builder->lock);
	return NULL;
}

/* Signals are for the thread that waits for them. */
static int start_thread(struct sc_builder *builder)
{
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&thread, NULL, run_thread, builder);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		pthread_detach(thread);
	return -rc;
}

void sc_builder_add(struct sc_builder *builder, struct sc_job *job)
{
	pthread_mutex_lock(&builder->lock);
	job->next = NULL;
	*builder->last = job;
	builder->last = &job->next;
	if (builder->nthreads < builder->max_threads) {
		builder->nthreads++;
		if (start_thread(builder) < 0 && --builder->nthreads == 0)
			run_waiting(builder);
	}
	pthread_mutex_unlock(&builder->lock);
}

bool sc_builder_stop(struct sc_builder *builder, unsigned patience_ms)
{
	struct timespec end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += patience_ms / 1000;
	end.tv_nsec += patience_ms % 1000 * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&builder->lock);
	int rc = 0;
	while (builder->nthreads > 0 && rc == 0)
		rc = pthread_cond_timedwait(&builder->ended, &builder->lock, &end);
	bool all_ended = builder->nthreads == 0;
	pthread_mutex_unlock(&builder->lock);
	return all_ended;
}
