/*
 * partreader.h - opens the parts of a product one after another.
 *
 * Tables are opened when their turn comes. A FITS image's header takes the header program; to start it seldom, it
 * is asked for many parts together, so a reader opens parts ahead once it has met such a one.
 */
#ifndef SC_PARTREADER_H
#define SC_PARTREADER_H

#include "subcube.h"

struct sc_partreader;

/* `names` are the parts in the directory `dirfd`, in order; both outlive the reader. NULL: out of memory. */
struct sc_partreader *sc_partreader_new(int dirfd, const char *const *names, size_t nparts);
void sc_partreader_free(struct sc_partreader *reader);

/* The next part, complete with its keywords; the caller clears it. There must be one. */
int sc_partreader_next(struct sc_partreader *reader, struct sc_subcube *ret_subcube, struct sc_error *err);

#endif
