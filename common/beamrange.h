/*
 * beamrange.h - from the smallest to the largest restoring beam of an image, as people are told of it.
 */
#ifndef SC_BEAMRANGE_H
#define SC_BEAMRANGE_H

#include "record.h"

/* A beam this small stands for a channel that is flagged altogether: imagers write 1e-6 arcsec. */
#define SC_BEAM_DEGENERATE_ARCSEC 1e-5

struct sc_beamrange {
	size_t nbeams;    /* that are counted; 0: there is no range */
	size_t nflagged;  /* degenerate ones, left out */
	double major[2], minor[2]; /* smallest and largest, arcsec */
};

/* An angle in arcsec; INFINITY for a unit that beams do not have. */
double sc_beamrange_arcsec(double value, const char *unit);

/* Of the beams in an image's imageinfo (beams.h has its form), which may be NULL. What is no beam is passed over. */
void sc_beamrange_find(const struct sc_record *imageinfo, struct sc_beamrange *ret_range);

#endif
