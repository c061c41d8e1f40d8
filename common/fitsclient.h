/*
 * fitsclient.h - the headers of FITS parts as casacore understands them.
 *
 * The header program gets copies of the files without their pixels, many at once, for most of a run is
 * starting it, and gives a record for each: coords, units, imageinfo, miscinfo as an
 * image's table.dat has them, and the shape (Int64 array), which can have fewer or more axes of length 1 than the file.
 */
#ifndef SC_FITSCLIENT_H
#define SC_FITSCLIENT_H

#include "fits.h"
#include "record.h"
#include "source.h"

/* The most parts of one run. */
#define SC_FITSCLIENT_MAXPARTS 128

struct sc_fitsclient_part {
	const char *name; /* in the source */
	const struct sc_fits *fits;
};

/* Fills ret_records[0..nparts-1], which the caller frees. Errors name the part. */
int sc_fitsclient_run(const struct sc_source *source, const struct sc_fitsclient_part *parts, size_t nparts,
		      struct sc_record **ret_records, struct sc_error *err);

/* Writes the part `name` without its pixels to a new file `to_name` in the directory to_dirfd. */
int sc_fitsclient_write_skeleton(const struct sc_source *source, const struct sc_fitsclient_part *part, int to_dirfd,
				 const char *to_name, struct sc_error *err);

#endif
