/*
 * spectral.h - frequencies of a spectral coordinate's record, and the axis of a concatenation.
 *
 * A coordinate system's record holds its spectral coordinate as "spectralN"
 * (casacore, coordinates/Coordinates/SpectralCoordinate.cc, save):
 *   wcs      { crval, crpix, cdelt, pc, ctype "FREQ" }: f(p) = crval + pc cdelt (p - crpix)
 *   tabular  { crval, crpix, cdelt, pc, axes, units, pixelvalues, worldvalues }
 * wcs and the rest frequencies are in the record's "unit" (a comment of casacore's says Hz, its code says
 * otherwise), a table in its own "units", which are Hz. Both are in the native frame ("system"), whatever frame the
 * conversion layer shows. Pixels count from 0.
 */
#ifndef SC_SPECTRAL_H
#define SC_SPECTRAL_H

#include "record.h"

/* How many Hz the record's unit is; 0 when that is not known. */
double sc_spectral_unit_in_hz(const struct sc_record *spectral);

/* Whether readers show frequencies as they are stored, in Hz of the native frame. */
bool sc_spectral_is_shown_as_stored(const struct sc_record *spectral);

/* Whether readers show the frequencies of both in the same unit and frame. */
bool sc_spectral_are_shown_alike(const struct sc_record *a, const struct sc_record *b);

/* Frequencies in Hz of the channels 0 to count - 1, and the increment of the record. `name` is for messages. */
int sc_spectral_frequencies(const struct sc_record *spectral, const char *name, size_t count, double *ret_hz,
			    double *ret_increment_hz, struct sc_error *err);

enum sc_spectral_kind {
	SC_SPECTRAL_AS_FIRST, /* linear with the first part's increment */
	SC_SPECTRAL_MEAN,     /* linear with (last - first) / (n - 1) */
	SC_SPECTRAL_TABULATED,
};

/*
 * Which axis describes all `count` frequencies: linear with the first part's
 * increment while every channel lies within 1% of a channel of it; else linear
 * with the mean increment, if every channel is within 1% of that; else
 * tabulated. (casacore allows 1% at each boundary, so that errors add up.)
 */
enum sc_spectral_kind sc_spectral_choose(const double *hz, size_t count, double first_increment_hz);

/* The same for a tabular record by itself, whatever its unit: a TabularCoordinate has these fields too. */
int sc_spectral_tabular_worlds(const struct sc_record *tabular, const char *name, size_t count, double *ret_worlds,
			       double *ret_increment, struct sc_error *err);

/* Puts a table of world values at pixels 0, 1, ... into such a record; names and units stay. 0 or -ENOMEM. */
int sc_spectral_fill_tabular(struct sc_record *tabular, const double *worlds, size_t count);

/* Put an axis of the kind MEAN or TABULATED into the record; all else in it stays. 0 or -ENOMEM. */
int sc_spectral_set_mean(struct sc_record *spectral, const double *hz, size_t count);
int sc_spectral_set_tabulated(struct sc_record *spectral, const double *hz, size_t count);

#endif
