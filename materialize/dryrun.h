/*
 * dryrun.h - --dry-run: what a run would do, for people or, with --json, as one object for programs:
 *
 *   { "dry_run": true,
 *     "images": [ {
 *       "path": "run/cube.image", "extension": ".image",
 *       "mode": "paged",                       as --mode has it
 *       "replaces": false,                     whether there is one of this name
 *       "problem": null,                       why it cannot be made
 *       "subcubes": 1000,                      not there, like all that follows, when the headers cannot be read
 *       "shape": [512, 512, 1, 1000], "tile": [64, 64, 1, 16],       of the pixels; tile null for virtual images
 *       "bytes_cloned": 0, "bytes_copied": 0, "bytes_retiled": 1048576000, "bytes_blank": 0,
 *       "warnings": ["..."]
 *     } ],
 *     "removes_subcubes": false,
 *     "bytes_needed": 1048600000, "bytes_free": 93000000000, "bytes_free_after": 91951400000,     both null: not known
 *     "estimated_seconds": 2.1 }
 */
#ifndef SC_DRYRUN_H
#define SC_DRYRUN_H

#include "image.h"

/*
 * Says what would be made of `images`, which are opened and have views or errors. Writes nothing; the headers that the views
 * were built of are kept before, as always. Returns the exit status.
 */
enum sc_status sc_dryrun_tell(const struct sc_options *options, struct sc_image *images, size_t nimages);

#endif
