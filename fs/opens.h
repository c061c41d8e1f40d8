/*
 * opens.h - sees when one process would get files of two generations for one image.
 *
 * casacore, and cp, open the files of an image one after another by path. When
 * the name goes over to a new generation in between, the rest would be
 * another image. A process that opens a file of a new generation shortly after one
 * of an older gets an error, for the whole image; when it tries again, it gets the new one. Of a process with several
 * threads each gets it once: which of them open files of one image together cannot be seen.
 *
 * Times are on the monotonic clock. Not thread-safe.
 */
#ifndef SC_OPENS_H
#define SC_OPENS_H

#include "base.h"

#include <sys/types.h>

/* Files that are opened one after another are opened within this time. */
#define SC_OPENS_TOGETHER_NS INT64_C(2000000000)

/* Starts as { 0 }. */
struct sc_opens {
	size_t count, capacity;
	struct sc_opens_record *records;
};

void sc_opens_clear(struct sc_opens *opens);

/*
 * Notes that the thread `pid` opens a file of generation `serial` of the image
 * `name` (a hash). -ESTALE: it must not. The kernel tries once more by itself before it tells the
 * process, so that is said twice.
 */
int sc_opens_note(struct sc_opens *opens, pid_t pid, uint64_t name, uint64_t serial, int64_t now_ns);

/* It closes one: what it opens next, it opens together with that. */
void sc_opens_note_close(struct sc_opens *opens, pid_t pid, uint64_t name, uint64_t serial, int64_t now_ns);

#endif
