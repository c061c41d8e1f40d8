/*
 * concataxis.h - the axis along which parts are concatenated: which coordinate it
 * is, the parts' world values along it, and that coordinate of the whole cube.
 *
 *   spectral      linear or tabulated, see spectral.h
 *   linear, tabular (of one axis)   the same rules, in the coordinate's unit
 *   Stokes        the parts' Stokes one after the other; none twice
 *   direction     the first part's coordinate, with a warning where the parts do not join up
 *
 * Source of the rules: casacore, images/Images/ImageConcat.tcc.
 */
#ifndef SC_CONCATAXIS_H
#define SC_CONCATAXIS_H

#include "record.h"

enum sc_concataxis_kind { SC_AXIS_SPECTRAL, SC_AXIS_LINEAR, SC_AXIS_TABULAR, SC_AXIS_STOKES, SC_AXIS_DIRECTION };

struct sc_concataxis {
	enum sc_concataxis_kind kind;
	int pixel_axis;
	int coordinate; /* its number in the coordinate system */
	int index;      /* of the axis in that coordinate */
};

/* Finds the pixel axis `wanted`, or the spectral one when it is -1. `name` is the part, for messages. */
int sc_concataxis_find(const struct sc_record *coords, int wanted, int ndim, const char *name,
		       struct sc_concataxis *ret_axis, struct sc_error *err);

/* World values at pixels 0 to count - 1 (of Stokes: casacore's codes, measures/Measures/Stokes.h), and the increment, 0
 * when there is none. */
int sc_concataxis_worlds(const struct sc_concataxis *axis, const struct sc_record *coords, const char *name,
			 size_t count, double *ret_worlds, double *ret_increment, struct sc_error *err);

/* Whether a part's own coordinate goes on behind its end, by its increment: a table does not. */
bool sc_concataxis_goes_on(const struct sc_concataxis *axis, const struct sc_record *coords);

/* Moves the reference pixel of the spectral coordinate by `pixels`, which come before the first part. 0 or -ENOMEM. */
int sc_concataxis_shift(const struct sc_concataxis *axis, struct sc_record *coords, int64_t pixels);

/*
 * Makes the coordinate of all `count` pixels in `coords`, a copy of the first
 * part's. `order_problem` is NULL or says where the world values turn, which is an error
 * when they have to be tabulated. With `strict` so are parts that do not join up. *ret_warning is NULL or a sentence
 * that the caller frees.
 */
int sc_concataxis_finish(const struct sc_concataxis *axis, struct sc_record *coords, const double *worlds, size_t count,
			 double first_increment, const char *order_problem, bool strict, char **ret_warning,
			 struct sc_error *err);

#endif
