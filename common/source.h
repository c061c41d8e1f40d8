/*
 * source.h - the directory that parts are in.
 */
#ifndef SC_SOURCE_H
#define SC_SOURCE_H

#include "base.h"
#include "error.h"

/* Where the parts are. Immutable once open; outlives the views made from it. */
struct sc_source {
	char *path; /* real, absolute path of the directory */
	char *base; /* only this family; NULL: all */
	int dirfd;
};

/*
 * Opens SOURCE: a directory, or DIR/BASE for one family in DIR (`only_base`
 * forces the latter reading, also where DIR/BASE is a directory too).
 */
int sc_source_open(const char *argument, bool only_base, struct sc_source *ret_source, struct sc_error *err);
void sc_source_close(struct sc_source *source);

#endif
