/*
 * beams.h - restoring beams of the parts -> those of the cube, as casacore combines
 * them (images/Images/ImageInfo.cc, combineBeams):
 *
 *   every part has the same beam(s): these; else one for each plane; when only
 *   some parts have any: none.
 *
 * In an image's imageinfo: "restoringbeam" { major, minor, positionangle }, each
 * { value, unit }, or "perplanebeams" { nChannels, nStokes, "*0", "*1", ... } where beam
 * "*K" is of channel K mod nChannels and Stokes K / nChannels. A set with one
 * channel (or Stokes) holds for all of them.
 */
#ifndef SC_BEAMS_H
#define SC_BEAMS_H

#include "record.h"

struct sc_beams; /* of the parts added so far */

/* Along what the parts are concatenated. */
enum sc_beams_axis { SC_BEAMS_CHANNELS, SC_BEAMS_STOKES, SC_BEAMS_NEITHER };

struct sc_beams *sc_beams_new(enum sc_beams_axis axis); /* NULL: out of memory */
void sc_beams_free(struct sc_beams *beams);

/*
 * Adds a part's beams; `imageinfo` may be NULL. The image has `nchan` channels and `nstokes` Stokes; a set
 * with another number of either, 1 excepted, is an error. `name` is for messages.
 */
int sc_beams_add(struct sc_beams *beams, const char *name, int64_t nchan, int64_t nstokes,
		 const struct sc_record *imageinfo, struct sc_error *err);

/*
 * Inserts `nchan` channels that no part has before part `before`; they get the
 * beam of the nearest channel that is there. Nothing when nchan is 0.
 */
int sc_beams_insert_blank(struct sc_beams *beams, size_t before, int64_t nchan, struct sc_error *err);

/*
 * Puts the cube's beams into `imageinfo` and removes those that are there.
 * *ret_warning is NULL or a sentence that the caller frees: beams are lost
 * because some parts have none, or because the parts differ and are concatenated along neither axis.
 */
int sc_beams_store(const struct sc_beams *beams, struct sc_record *imageinfo, char **ret_warning, struct sc_error *err);

/*
 * A list of the channels with degenerate beams ("3, 7-9", counted in the cube
 * from 0), at most a line long; NULL when there is none. The caller frees it.
 */
char *sc_beams_degenerate_channels(const struct sc_beams *beams);

#endif
