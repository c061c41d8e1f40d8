/*
 * workers.h - threads that wait for storage side by side.
 *
 * The headers of a family are many small files: on remote storage the time goes
 * into waiting for one after another. Workers wait for several at once. All
 * that is at work in the process shares SC_WORKERS_MAX threads, so that any number of views that
 * are built together stay within the limit of open files: a worker has at most
 * one file open. Who gets no workers does the work alone.
 *
 * Workers take no signals. Thread-safe.
 */
#ifndef SC_WORKERS_H
#define SC_WORKERS_H

#include "base.h"

#include <pthread.h>

#define SC_WORKERS_MAX 32
#define SC_WORKERS_EACH 16 /* for one piece of work */

struct sc_workers {
	unsigned count; /* running; may be 0 */
	pthread_t threads[SC_WORKERS_EACH];
};

/* Starts up to `wanted` threads that run `run(context)` once each. */
void sc_workers_start(struct sc_workers *workers, size_t wanted, void *(*run)(void *context), void *context);

/* Waits for their end. */
void sc_workers_join(struct sc_workers *workers);

/* Calls work(context, i) for all i below `count`, by workers and the calling thread; returns when all is done. */
void sc_workers_each(size_t count, void (*work)(void *context, size_t i), void *context);

#endif
