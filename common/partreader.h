/*
 * partreader.h - opens the parts of a product and gives them out one after another.
 *
 * Workers open the next parts before their turn, a bounded number of them. A
 * FITS image's header takes the header program; to start it seldom, it is asked for many parts together.
 * A reader is used by one thread. After an error it can only be freed.
 */
#ifndef SC_PARTREADER_H
#define SC_PARTREADER_H

#include "subcube.h"

struct sc_partreader;

/* `names` are the parts in the source, in order; both outlive the reader. NULL: out of memory. */
struct sc_partreader *sc_partreader_new(const struct sc_source *source, const char *const *names, size_t nparts);
void sc_partreader_free(struct sc_partreader *reader);

/* The next part, complete with its keywords; the caller clears it. There must be one. */
int sc_partreader_next(struct sc_partreader *reader, struct sc_subcube *ret_subcube, struct sc_error *err);

#endif
