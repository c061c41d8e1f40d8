#include "pool.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signals.h"

#define TICK_MS 200

/* How long a killed child may take to end: one that hangs in a read of dead storage cannot be waited for. */
#define KILL_WAIT_MS 5000

enum output_state { RUNNING, FAILING, FAILED, COMPLETED };

/* In shared memory, one for each output. */
struct shared_output {
	_Atomic uint64_t bytes_done;
	_Atomic size_t tasks_left;
	_Atomic int state; /* enum output_state; FAILING: somebody writes `error` */
	struct sc_error error;
};

/* In shared memory, one for each child. */
struct shared_worker {
	_Atomic size_t task; /* number + 1 of the one that it does; 0: none */
	struct sc_error start_error;
};

struct sc_pool {
	const struct sc_pool_work *work;
	_Atomic size_t *next_task;     /* shared */
	struct shared_output *outputs; /* shared */
	struct shared_worker *workers; /* shared */
	size_t mapped_bytes;
	/* The parent's own. */
	unsigned nworkers;
	pid_t *pids; /* 0: ended */
	bool *told;  /* for each output: `finished` was called */
	size_t replacements_left;
	struct sc_error last_death;
};

static void fail_output(struct shared_output *output, const struct sc_error *err)
{
	int running = RUNNING;
	if (!atomic_compare_exchange_strong(&output->state, &running, FAILING))
		return;
	output->error = *err;
	atomic_store(&output->state, FAILED);
}

int sc_pool_advance(struct sc_pool *pool, unsigned output, uint64_t bytes)
{
	atomic_fetch_add(&pool->outputs[output].bytes_done, bytes);
	return atomic_load(&pool->outputs[output].state) == RUNNING ? 0 : -ECANCELED;
}

uint64_t sc_pool_bytes_done(const struct sc_pool *pool, unsigned output)
{
	return atomic_load(&pool->outputs[output].bytes_done);
}

bool sc_pool_has_failed(const struct sc_pool *pool, unsigned output)
{
	int state = atomic_load(&pool->outputs[output].state);
	return state == FAILING || state == FAILED;
}

static void do_task(struct sc_pool *pool, void *worker, size_t number)
{
	const struct sc_pool_work *work = pool->work;
	const struct sc_plan_task *task = &work->plan->tasks[number];
	struct shared_output *output = &pool->outputs[task->output];
	struct sc_error err = { 0 };
	int rc = 0;
	if (atomic_load(&output->state) == RUNNING)
		rc = work->run(work->context, worker, task, &err);
	if (rc < 0)
		fail_output(output, &err);
	if (atomic_fetch_sub(&output->tasks_left, 1) != 1 || atomic_load(&output->state) != RUNNING)
		return;
	rc = work->complete(work->context, worker, task->output, &err);
	if (rc < 0)
		fail_output(output, &err);
	else
		atomic_store(&output->state, COMPLETED);
}

static void child_main(struct sc_pool *pool, unsigned slot, pid_t parent)
{
	struct shared_worker *shared = &pool->workers[slot];
	sc_signals_in_child(parent);
	void *worker = pool->work->start(pool->work->context, pool, &shared->start_error);
	if (!worker)
		_exit(1);
	for (;;) {
		size_t number = atomic_fetch_add(pool->next_task, 1);
		if (number >= pool->work->plan->ntasks)
			_exit(0);
		atomic_store(&shared->task, number + 1);
		do_task(pool, worker, number);
		atomic_store(&shared->task, 0);
	}
}

static int start_child(struct sc_pool *pool, unsigned slot)
{
	pid_t parent = getpid();
	memset(&pool->workers[slot], 0, sizeof(pool->workers[slot]));
	/* What is buffered must not be written twice. */
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_main(pool, slot, parent);
	pool->pids[slot] = pid;
	return 0;
}

static void child_ended(struct sc_pool *pool, unsigned slot, int status)
{
	struct shared_worker *shared = &pool->workers[slot];
	size_t task = atomic_load(&shared->task);
	pool->pids[slot] = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	struct sc_error *err = &pool->last_death;
	if (WIFSIGNALED(status))
		sc_error_set(err, -EOWNERDEAD, "a copying process was killed by signal %d (%s)", WTERMSIG(status),
			     strsignal(WTERMSIG(status)));
	else if (shared->start_error.code)
		*err = shared->start_error;
	else
		sc_error_set(err, -EIO, "a copying process ended with status %d", WEXITSTATUS(status));
	if (task)
		fail_output(&pool->outputs[pool->work->plan->tasks[task - 1].output], err);
	/* The number is bounded, for children that die one after another without having begun a task. */
	if (atomic_load(pool->next_task) < pool->work->plan->ntasks && pool->replacements_left > 0) {
		pool->replacements_left--;
		start_child(pool, slot);
	}
}

/* Collects children that have ended; returns how many are left. */
static unsigned reap(struct sc_pool *pool)
{
	unsigned left = 0;
	for (unsigned i = 0; i < pool->nworkers; i++) {
		int status;
		/* By number: other children of this process are not ours. */
		if (pool->pids[i] > 0 && waitpid(pool->pids[i], &status, WNOHANG) == pool->pids[i])
			child_ended(pool, i, status);
		left += pool->pids[i] > 0;
	}
	return left;
}

static void kill_children(struct sc_pool *pool)
{
	pool->replacements_left = 0;
	for (unsigned i = 0; i < pool->nworkers; i++) {
		if (pool->pids[i] > 0)
			kill(pool->pids[i], SIGKILL);
	}
	for (unsigned waited = 0; reap(pool) > 0 && waited < KILL_WAIT_MS; waited += 10)
		usleep(10000);
}

static void tell_finished(struct sc_pool *pool, bool is_over)
{
	for (size_t i = 0; i < pool->work->noutputs; i++) {
		struct shared_output *output = &pool->outputs[i];
		int state = atomic_load(&output->state);
		if (pool->told[i])
			continue;
		if (is_over && (state == RUNNING || state == FAILING)) {
			/* Its task was with a child that died between taking it and saying so. */
			output->error = pool->last_death;
			state = FAILED;
		}
		/* A failed one is told at the end only: children may still be at work in its directory. */
		if (state != COMPLETED && !(is_over && state == FAILED))
			continue;
		pool->told[i] = true;
		pool->work->finished(pool->work->context, (unsigned)i, state == COMPLETED ? NULL : &output->error);
	}
}

static int supervise(struct sc_pool *pool, struct sc_error *err)
{
	int failed_start = 0;
	for (unsigned i = 0; i < pool->nworkers; i++) {
		int rc = start_child(pool, i);
		if (rc < 0)
			failed_start = rc;
	}
	/* Fewer than wanted will do. */
	if (reap(pool) == 0 && failed_start < 0 && atomic_load(pool->next_task) == 0)
		return sc_error_errno(err, failed_start, "cannot start a copying process");
	for (;;) {
		int number = sc_signals_wait(TICK_MS);
		if (number && number != SIGCHLD) {
			kill_children(pool);
			return number;
		}
		unsigned left = reap(pool);
		tell_finished(pool, left == 0);
		if (pool->work->tick)
			pool->work->tick(pool->work->context, pool);
		if (left == 0)
			return 0;
	}
}

static int map_shared(struct sc_pool *pool)
{
	const struct sc_pool_work *work = pool->work;
	size_t outputs_at = 64, workers_at = outputs_at + work->noutputs * sizeof(*pool->outputs);
	pool->mapped_bytes = workers_at + pool->nworkers * sizeof(*pool->workers);
	uint8_t *memory = mmap(NULL, pool->mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	pool->next_task = (void *)memory;
	pool->outputs = (void *)(memory + outputs_at);
	pool->workers = (void *)(memory + workers_at);
	for (size_t i = 0; i < work->plan->ntasks; i++)
		atomic_fetch_add(&pool->outputs[work->plan->tasks[i].output].tasks_left, 1);
	return 0;
}

int sc_pool_run(const struct sc_pool_work *work, struct sc_error *err)
{
	struct sc_pool pool = { .work = work, .nworkers = work->nworkers };
	if (pool.nworkers > work->plan->ntasks)
		pool.nworkers = (unsigned)work->plan->ntasks;
	if (pool.nworkers == 0)
		return 0;
	pool.replacements_left = work->noutputs + pool.nworkers;
	sc_error_set(&pool.last_death, -EIO, "the copying processes ended before it was done");
	int rc = map_shared(&pool);
	if (rc < 0)
		return sc_error_errno(err, rc, "cannot share memory with copying processes");
	pool.pids = calloc(pool.nworkers, sizeof(*pool.pids));
	pool.told = calloc(work->noutputs, sizeof(*pool.told));
	if (!pool.pids || !pool.told) {
		rc = sc_error_errno(err, -ENOMEM, "cannot start copying processes");
	} else {
		for (size_t i = 0; i < work->noutputs; i++)
			pool.told[i] = atomic_load(&pool.outputs[i].tasks_left) == 0;
		rc = supervise(&pool, err);
	}
	free(pool.pids);
	free(pool.told);
	munmap(pool.mapped_bytes ? (void *)pool.next_task : NULL, pool.mapped_bytes);
	return rc;
}
