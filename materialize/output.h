/*
 * output.h - one directory that appears under its final name whole, or not at all.
 *
 * While it is made it is in a work directory beside the final name:
 *
 *    PARENT/NAME                                  absent, or what --overwrite replaces
 *    PARENT/.NAME.subcube-materialize/
 *       lock      held by an open file description lock as long as a process works here
 *       image/    becomes NAME
 *       journal   replace.h: NAME is being replaced in two steps
 *       old/      replace.h: what NAME was
 *       follow/   copied.h: what is copied already while parts are not finished; left by one that was stopped, for --follow
 *       removal   remove.h: NAME is complete, and its parts are being removed
 *
 * The lock belongs to the open file, so forked children hold it too: the work
 * directory of a killed parent is taken for abandoned only when its last child
 * is gone. A work directory whose lock is free was left by a dead process: the
 * next one that locks it repairs or clears it. The lock file goes last, while
 * it is still held, so whoever waits for it must check that what was locked is
 * still what the path names.
 *
 * Order of calls: open, lock, recover, create, [fill image_fd], commit; discard
 * at any point instead of what would follow; close at last. One process calls.
 */
#ifndef SC_OUTPUT_H
#define SC_OUTPUT_H

#include "base.h"
#include "error.h"

#define SC_OUTPUT_WORK_SUFFIX ".subcube-materialize"
#define SC_OUTPUT_REMOVAL "removal"

struct sc_output {
	char *path;        /* as the user wrote it, for messages */
	char *name;        /* last component of it */
	char *work_name;   /* ".NAME.subcube-materialize" */
	char *parent_path; /* real, absolute path of the directory that NAME is in */
	bool overwrite;
	bool keeps_copied;    /* follow/ is not cleared */
	int parent_fd;        /* directory that NAME is in */
	int work_fd, lock_fd; /* once locked, else -1 */
	int image_fd;         /* once created, else -1 */
};

/*
 * Opens the parent directory and looks at what is there already. -EEXIST: the
 * name is taken and `overwrite` is false, or what has it is no image (a
 * symbolic link, a file, a directory without table.dat, another table). Nothing is written.
 */
int sc_output_open(const char *path, bool overwrite, struct sc_output *ret_output, struct sc_error *err);

/*
 * The same for a NAME that is there to be changed in place (move.h): what it is is not looked at, but whose. -EPERM: another user's,
 * in a directory that everybody may write to.
 */
int sc_output_open_existing(const char *path, struct sc_output *ret_output, struct sc_error *err);

/*
 * NAME's directory, once the output is locked: for all that is done with it, as its name may be another's a moment later. A link is
 * not followed. -EPERM as sc_output_open_existing.
 */
int sc_output_open_image(const struct sc_output *output, int *ret_fd, struct sc_error *err);

/*
 * Makes and locks the work directory, unless it is locked already. -EBUSY: another process works on this output. -EPERM:
 * it is another user's, in a directory that everybody may write to.
 */
int sc_output_lock(struct sc_output *output, struct sc_error *err);

/* The same, but does not wait for the children of a killed run to end. */
int sc_output_try_lock(struct sc_output *output, struct sc_error *err);

/* Finishes or takes back what a dead process left, then empties the work directory, but for what keeps_copied says. */
int sc_output_clear(struct sc_output *output, struct sc_error *err);

/* The same, then looks again at what has the name: -EEXIST as in sc_output_open. */
int sc_output_recover(struct sc_output *output, struct sc_error *err);

/* Makes the empty image directory. */
int sc_output_create(struct sc_output *output, struct sc_error *err);

/*
 * Gives the image, which must be synced (sc_output_sync), its name and removes
 * the work directory. On failure the final name is what it was before.
 */
int sc_output_commit(struct sc_output *output, struct sc_error *err);

/* The same, but the work directory, and in it what NAME was, stay until the output is discarded or abandoned. */
int sc_output_publish(struct sc_output *output, struct sc_error *err);

/* Leaves the work directory as it is, for somebody who finishes or undoes what was begun. */
void sc_output_abandon(struct sc_output *output);

/* Syncs the files and directories of the image; any process that has image_fd may. */
int sc_output_sync(const struct sc_output *output, struct sc_error *err);

/* Removes the work directory, if it is ours; with keeps_copied and what that keeps only what else is in it. */
void sc_output_discard(struct sc_output *output);
void sc_output_close(struct sc_output *output);

#endif
