/*
 * remove.h - removes parts whose images are made, read back and compared.
 */
#ifndef SC_REMOVE_H
#define SC_REMOVE_H

#include "image.h"

/*
 * Refuses, before anything is written, outputs inside of what is to be removed: -EINVAL.
 */
int sc_remove_check(const struct sc_image *image, struct sc_error *err);

/*
 * Removes the parts of all images, and with `tmpdirs` the imager's directories .BASE.subcube.N.tmpdir beside them.
 * Nothing is removed unless all parts still are what was read; each is looked at again just before it goes. The number
 * of removed parts is in *ret_count, also after an error.
 */
int sc_remove_parts(const struct sc_image *images, size_t nimages, bool tmpdirs, size_t *ret_count,
		    struct sc_error *err);

#endif
