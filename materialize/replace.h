/*
 * replace.h - rename work/image to NAME, so that at any moment NAME is the old
 * image or the new one.
 *
 *   no NAME:   renameat2(RENAME_NOREPLACE)
 *   NAME:      renameat2(RENAME_EXCHANGE); the old one is then work/image
 *   a file system that knows neither: with a NAME, two steps with a journal:
 *
 *      step   on disk                                     after a crash
 *      1      work/journal written and synced             NAME is the old image: nothing to do
 *      2      NAME -> work/old, synced                    no NAME, work/old: do step 3
 *      3      work/image -> NAME, synced                  NAME is the new image: nothing to do
 *      4      work/old removed, then the journal
 *
 * The image is whole and synced before step 1, so a repair may finish step 3.
 */
#ifndef SC_REPLACE_H
#define SC_REPLACE_H

#include "base.h"
#include "error.h"

#define SC_REPLACE_IMAGE "image"
#define SC_REPLACE_JOURNAL "journal"
#define SC_REPLACE_OLD "old"

struct sc_replace {
	int parent_fd, work_fd;
	const char *name;
	const char *label; /* of NAME, for messages */
	/* For tests: no renameat2, and a call after each step that changes the disk. */
	bool plain;
	void (*after_step)(int step);
};

/* What has the name now: 0 nothing, 1 an image directory, -EEXIST something that must not be replaced. */
int sc_replace_look(const struct sc_replace *replace, struct sc_error *err);

/* Fails with -EEXIST when the name is taken and `overwrite` is false. */
int sc_replace_commit(const struct sc_replace *replace, bool overwrite, struct sc_error *err);

/* Brings NAME into the state before or after what a dead process had begun. */
int sc_replace_repair(const struct sc_replace *replace, struct sc_error *err);

#endif
