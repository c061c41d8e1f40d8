/*
 * miscinfo.h - the parts' miscinfo records merged as casacore merges them
 * (TableRecord::merge with RenameDuplicates): a name that is taken gets the
 * first free suffix of _1, _2, ... Constant time for each field, where
 * casacore's takes time in proportion to all that is there.
 */
#ifndef SC_MISCINFO_H
#define SC_MISCINFO_H

#include "record.h"

struct sc_miscinfo {
	struct sc_record *merged;
	struct sc_record *next_suffix; /* name -> the first suffix that may be free */
};

int sc_miscinfo_init(struct sc_miscinfo *miscinfo); /* 0 or -ENOMEM */
void sc_miscinfo_clear(struct sc_miscinfo *miscinfo);

/* Merges one part's record, which may be NULL. 0 or -ENOMEM. */
int sc_miscinfo_add(struct sc_miscinfo *miscinfo, const struct sc_record *record);

#endif
