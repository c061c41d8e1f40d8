/*
 * announced.h - numbers of parts that are finished, as they come on standard input, separated by spaces or newlines.
 */
#ifndef SC_ANNOUNCED_H
#define SC_ANNOUNCED_H

#include "base.h"
#include "error.h"

/* Starts as { 0 }. */
struct sc_announced {
	size_t count, capacity;
	uint64_t *numbers; /* ascending, each once */
	char text[24];     /* the beginning of a number whose end has not come yet */
	size_t length;
	bool is_over; /* there will be no more */
};

/*
 * Takes what there is, and does not wait for more. -EINVAL: something else than a number up to `most`; or
 * -errno.
 */
int sc_announced_read(struct sc_announced *announced, uint64_t most, struct sc_error *err);

bool sc_announced_has(const struct sc_announced *announced, uint64_t number);
void sc_announced_clear(struct sc_announced *announced);

#endif
