/*
 * remove.h - removes parts whose images are made, read back and compared; finished after a crash at any point.
 *
 *   step  on disk
 *   1     all images have their names; each one's work directory (output.h), still locked, gets the file `removal`: the
 *         parts, each with the identity of all its files. All is synced
 *   2     each part -> .PART.subcube-removed beside it, which then goes: so a part is whole or not there
 *   3     the parts' directories are synced, then the work directory goes
 *
 * A family of which some parts are gone may look like a smaller one that is complete. While there is a `removal`, nothing
 * else is therefore done with that image (sweep.h): --resume does steps 2 and 3 for what is left. A part that changed since
 * is no longer what the image has, and stays.
 */
#ifndef SC_REMOVE_H
#define SC_REMOVE_H

#include "image.h"

/*
 * Before anything is written, and before the parts' bytes are read: notes what they are. Refuses parts that are symbolic
 * links, and parts with something in them that the image does not get: -EINVAL; those that this user may not remove: -EACCES
 * or the like; one that has changed since its header was read: -ESTALE.
 */
int sc_remove_check(struct sc_image *image, struct sc_error *err);

/*
 * Step 1 for an image that is published, with `tmpdirs` also for the imager's directories .BASE.subcube.N.tmpdir beside the
 * parts. Nothing is listed unless all parts are what they were in sc_remove_check.
 */
int sc_remove_list(struct sc_image *image, bool tmpdirs, struct sc_error *err);

/* Takes the list back: nothing is unfinished. */
void sc_remove_forget(const struct sc_image *image);

/*
 * Steps 2 and 3. The number of what is removed is added to *count, also after an error. -ECANCELED: a signal asked to
 * stop (*ret_signal), the rest is for --resume.
 */
int sc_remove_parts(const struct sc_image *image, size_t *count, int *ret_signal, struct sc_error *err);

/* Whether `work_fd` is the work directory of an image whose parts are not all removed. */
bool sc_remove_is_unfinished(int work_fd);

/* Whose the image is: "cube" for cube.image. The caller frees it; NULL: it can't be told. */
char *sc_remove_base(int work_fd);

/* Does what is left to be done for an output that is open and locked; the caller discards it. */
int sc_remove_resume(const struct sc_output *output, size_t *count, int *ret_signal, struct sc_error *err);

#endif
