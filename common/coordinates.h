/*
 * coordinates.h - a coordinate system's record: finding an axis, comparing two.
 *
 * casacore saves a CoordinateSystem (coordinates/Coordinates/CoordinateSystem.cc) as
 *   "<kind><N>" for N = 0, 1, ...: one record for each coordinate; kinds: direction, spectral, stokes, linear, tabular,
 * quality "pixelmap<N>" Int array: pixel axis of the image for each axis of coordinate N, -1 when removed "worldmap<N>"
 * likewise; and the observation: telescope, observer, obsdate, ...
 */
#ifndef SC_COORDINATES_H
#define SC_COORDINATES_H

#include "record.h"

#define SC_COORDINATES_MAX 16

/* How many coordinates the system has. */
int sc_coordinates_count(const struct sc_record *coords);

/* The record and kind ("spectral") of coordinate `number`; NULL when there is none. */
const struct sc_record *sc_coordinates_get(const struct sc_record *coords, int number, const char **ret_kind);

/* The Int array of pixel axes of coordinate `number`; NULL when there is none. */
const struct sc_field *sc_coordinates_pixel_map(const struct sc_record *coords, int number);

/* The pixel axis of the first coordinate of a kind with one axis; -1 when there is none. */
int sc_coordinates_find_axis(const struct sc_record *coords, const char *kind);

/* Called for each difference: what differs, both values as text. 0 or -errno, which ends the comparison. */
typedef int sc_coordinates_difference(void *context, const char *what, const char *first, const char *other);

/*
 * Compares the system of another part with the first's, the values along axis
 * `axis_index` of coordinate `axis_coordinate`, the concatenation's, left out: axis names and units,
 * reference pixels and values, increments (equal within 1e-13, as casacore's
 * near), projection, frames, rest frequencies, Stokes, telescope, observer.
 * Another number, kind or order of coordinates is an error: then no header of
 * one image is right for the other.
 */
int sc_coordinates_compare(const struct sc_record *first, const struct sc_record *other, const char *first_name,
			   const char *other_name, int axis_coordinate, int axis_index,
			   sc_coordinates_difference *difference, void *context, struct sc_error *err);

#endif
