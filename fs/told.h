/*
 * told.h - what the log was told of an image, so that each new generation tells only what is new.
 *
 * Used by one thread at a time, with no lock: the log may be a file on storage that does not answer.
 */
#ifndef SC_TOLD_H
#define SC_TOLD_H

#include "settle.h"
#include "view.h"

/* Starts as { 0 }. */
struct sc_told {
	char *unsettled, *failure;
	size_t nwarnings;
	char **warnings;
};

void sc_told_clear(struct sc_told *told);

/* `name` is the image's. */
void sc_told_unsettled(struct sc_told *told, const char *name, const struct sc_settled *settled);
void sc_told_failure(struct sc_told *told, const char *name, const char *failure);
void sc_told_view(struct sc_told *told, const char *name, const struct sc_view *view);

#endif
