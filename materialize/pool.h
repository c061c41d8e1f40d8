/*
 * pool.h - forked children that do the tasks of a plan.
 *
 * Each child takes the next task from a counter in shared memory, so nothing
 * is handed out in advance and the children finish together. When the last
 * task of an output is done, the child that did it also completes the output
 * (syncs it), while the others go on with the next one. The first failure of an
 * output is kept; its remaining tasks are skipped.
 *
 * A child that dies by a signal fails the output that it was at work on, with
 * -EOWNERDEAD, and another one takes its place. When the parent dies, the kernel kills the
 * children. Children are never threads: they do not share a heap, a lock or a
 * crash.
 *
 * The parent is expected to have blocked the signals of signals.h; it draws
 * progress and commits outputs from the callbacks below.
 */
#ifndef SC_POOL_H
#define SC_POOL_H

#include "plan.h"

struct sc_pool;

struct sc_pool_work {
	const struct sc_plan *plan;
	size_t noutputs;
	unsigned nworkers; /* at most; at least 1 */
	void *context;     /* for all functions */

	/* In a child: makes what it works with; NULL on failure. Nothing is freed, the process ends. */
	void *(*start)(void *context, struct sc_pool *pool, struct sc_error *err);
	int (*run)(void *context, void *worker, const struct sc_plan_task *task, struct sc_error *err);
	/* In a child: all tasks of `output` are done. */
	int (*complete)(void *context, void *worker, unsigned output, struct sc_error *err);

	/* In the parent, once for each output that has tasks: `err` is NULL when it was completed. */
	void (*finished)(void *context, unsigned output, const struct sc_error *err);
	/* In the parent, some times a second; NULL: nobody asks. */
	void (*tick)(void *context, const struct sc_pool *pool);
};

/*
 * Runs until all tasks are done or skipped. Returns 0, or the signal that asked
 * to stop (the children are gone then, and `finished` was not called for what
 * was not done), or -errno when no child could be started.
 */
int sc_pool_run(const struct sc_pool_work *work, struct sc_error *err);

/* Counts bytes done, in a child; -ECANCELED when the output has failed elsewhere and the task may stop. */
int sc_pool_advance(struct sc_pool *pool, unsigned output, uint64_t bytes);

/* Bytes of an output that are done, and whether it has failed: then the rest will not be. */
uint64_t sc_pool_bytes_done(const struct sc_pool *pool, unsigned output);
bool sc_pool_has_failed(const struct sc_pool *pool, unsigned output);

#endif
