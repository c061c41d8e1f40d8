/*
 * overlap.h - an output must not be, hold or lie in a subcube that it is made of.
 *
 * Where it replaced such a subcube, or the directory with it, that would be lost; and what is written into one changes it.
 * Told by what directories are (device and inode), not by their names: links and bind mounts have others.
 */
#ifndef SC_OVERLAP_H
#define SC_OVERLAP_H

#include "image.h"

/*
 * Looks at all outputs and all parts of the images that have a view. -EINVAL: `err` names one of each; or another error.
 * Nothing is written.
 */
int sc_overlap_check(const struct sc_image *images, size_t nimages, struct sc_error *err);

#endif
