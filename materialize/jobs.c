#include "jobs.h"

#include <errno.h>
#include <sched.h>

/* One process copies some GB a second: more than a few only stand in each other's way to one file. */
#define MOST_DEFAULT_JOBS 8

unsigned sc_jobs_processors(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

unsigned sc_jobs_count(const struct sc_options *options)
{
	unsigned count = sc_jobs_processors();
	if (options->njobs)
		return options->njobs;
	return count < MOST_DEFAULT_JOBS ? count : MOST_DEFAULT_JOBS;
}

static int advance(void *context, unsigned output, uint64_t bytes)
{
	return sc_pool_advance(context, output, bytes);
}

struct sc_copier *sc_jobs_start(const struct sc_options *options, struct sc_pool *pool, struct sc_error *err)
{
	struct sc_copier *copier = calloc(1, sizeof(*copier));
	if (!copier) {
		sc_error_errno(err, -ENOMEM, "cannot start a copying process");
		return NULL;
	}
	if (sc_copier_init(copier, options->memory_bytes, options->reflink, err) < 0) {
		free(copier);
		return NULL;
	}
	copier->advance = advance;
	copier->context = pool;
	return copier;
}
