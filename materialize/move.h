/*
 * move.h - parts renamed into a virtual image, or put back; finished or undone after a crash at any point.
 *
 *   step  on disk                                                   what NAME is
 *   1     work/image/ has the journal and the catalog, which is      what it was
 *         called imageconcat.json.part; all is synced
 *   2     work/image -> NAME, as replace.h does it                   unfinished: has the journal, and
 *   3     each part -> NAME/; the directories are synced             no imageconcat.json, so it is no
 *   4     imageconcat.json.part -> imageconcat.json, synced          image before it is complete
 *   5     subcube-move.journal -> subcube-move.done, synced          finished
 *   6     the work directory goes, with what NAME was before
 *
 *   back: 5, 4 and 3 in reverse, each synced before the next; then NAME goes away in one rename, what it was
 *   before, if anything, comes back, and the work directory goes.
 *
 * While there is a journal, each part is at one of its two places: every step looks which of them it is and so
 * can be repeated. A part at both (somebody made it anew) or at neither is an error before anything is renamed.
 * The work directory's lock (output.h) is held throughout, so nobody else is at it.
 */
#ifndef SC_MOVE_H
#define SC_MOVE_H

#include "movejournal.h"
#include "output.h"
#include "partlist.h"

#define SC_MOVE_CATALOG_PART "imageconcat.json.part"

struct sc_move {
	const struct sc_output *output; /* locked */
	struct sc_movejournal journal;
	int image_fd; /* of NAME */
	/* For tests: called after each step that changes the disk. */
	void (*after_step)(void);
};

/*
 * Whether all parts can be moved beside output->name: one file system, permissions, no mount points, no
 * links. Changes nothing.
 */
int sc_move_check(const struct sc_partlist *parts, const struct sc_output *output, struct sc_error *err);

/*
 * Writes a journal as `file` of an open directory, and syncs both. It has that name only when it is whole, and before with
 * SC_MOVEJOURNAL_PART behind it.
 */
int sc_move_write_journal(const struct sc_movejournal *journal, int dirfd, const char *file, const char *label,
			  struct sc_error *err);

/* Step 1, but for the catalog. `base` is for the journal. */
int sc_move_prepare(const struct sc_partlist *parts, const struct sc_output *output, const char *base,
		    struct sc_error *err);

/* Reads the journal of NAME, or makes one for a finished image that has none. -ENOENT: nothing was moved into NAME. */
int sc_move_open(const struct sc_output *output, struct sc_move *ret_move, struct sc_error *err);
void sc_move_close(struct sc_move *move);

/* Steps 3 to 5 as far as they are not done. */
int sc_move_forward(struct sc_move *move, struct sc_error *err);

/* All back, as described above, but for the work directory, which the caller discards. */
int sc_move_back(struct sc_move *move, struct sc_error *err);

#endif
