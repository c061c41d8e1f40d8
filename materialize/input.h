/*
 * input.h - from the command line to what is made of what: the subcubes of a
 * family, or those behind one view of a mount, and the names of the images.
 */
#ifndef SC_INPUT_H
#define SC_INPUT_H

#include "options.h"
#include "scan.h"

/* Of a view's directory on a mount: "DIR/BASE", the family that it shows. */
#define SC_INPUT_SOURCE_ATTRIBUTE "user.subcubefs.source"

/* Whether `path` is in a FUSE file system: attributes of other directories are anybody's. */
bool sc_input_may_be_view(const char *path);

struct sc_input_image {
	const struct sc_product *product;
	char *output; /* path of the image to be made */
};

struct sc_input {
	struct sc_source source; /* outlives the views made from it: do not move */
	struct sc_scan scan;
	size_t nimages;                /* at least one */
	struct sc_input_image *images; /* by extension */
};

/* Returns a status; other than DONE comes with `err`, and with nothing to clear. */
enum sc_status sc_input_find(const struct sc_options *options, struct sc_input *input, struct sc_error *err);
void sc_input_clear(struct sc_input *input);

#endif
