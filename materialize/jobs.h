/*
 * jobs.h - how many processes copy, and what each of them works with.
 */
#ifndef SC_JOBS_H
#define SC_JOBS_H

#include "options.h"
#include "pool.h"
#include "task.h"

/* How many processors this process may use: fewer than the machine's in a batch job. */
unsigned sc_jobs_processors(void);

/* How many processes copy: as the options say, or as suits the machine. */
unsigned sc_jobs_count(const struct sc_options *options);

/* In a child of the pool, which is told of progress: its copier; NULL on failure. Nothing is freed, the process ends.
 */
struct sc_copier *sc_jobs_start(const struct sc_options *options, struct sc_pool *pool, struct sc_error *err);

#endif
