/*
 * builder.h - threads for what takes long: no thread that serves requests is ever held up by it.
 *
 * Each job runs once, in a thread of its own; so many at one time, the others
 * wait. Threads end when there is nothing left to do.
 */
#ifndef SC_BUILDER_H
#define SC_BUILDER_H

#include "base.h"

struct sc_builder;

struct sc_job {
	void (*run)(struct sc_job *job);
	struct sc_job *next; /* the builder's own */
};

struct sc_builder *sc_builder_new(unsigned max_threads); /* NULL: out of memory */

/* `job` must stay until it runs. Where no thread can be started it runs before this returns. */
void sc_builder_add(struct sc_builder *builder, struct sc_job *job);

/* Waits for the jobs that are running and those that wait; false: they have not ended in so long, and the builder cannot be freed. */
bool sc_builder_stop(struct sc_builder *builder, unsigned patience_ms);
void sc_builder_free(struct sc_builder *builder);

#endif
