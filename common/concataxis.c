#include "concataxis.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coordinates.h"
#include "spectral.h"

/* casacore's Stokes names by their codes (measures/Measures/Stokes.h). */
static const char *const stokes_names[] = {
	"Undefined", "I",      "Q",       "U",       "V",        "RR",     "RL", "LR",        "LL",
	"XX",        "XY",     "YX",      "YY",      "RX",       "RY",     "LX", "LY",        "XR",
	"XL",        "YR",     "YL",      "PP",      "PQ",       "QP",     "QQ", "RCircular", "LCircular",
	"Linear",    "Ptotal", "Plinear", "PFtotal", "PFlinear", "Pangle",
};

static int kind_of(const char *kind, size_t naxes, enum sc_concataxis_kind *ret_kind)
{
	static const struct {
		const char *name;
		enum sc_concataxis_kind kind;
	} kinds[] = { { "spectral", SC_AXIS_SPECTRAL },
		      { "linear", SC_AXIS_LINEAR },
		      { "tabular", SC_AXIS_TABULAR },
		      { "stokes", SC_AXIS_STOKES },
		      { "direction", SC_AXIS_DIRECTION } };
	for (size_t i = 0; i < SC_COUNT_OF(kinds); i++) {
		if (strcmp(kinds[i].name, kind) == 0 &&
		    (naxes == 1 || kinds[i].kind == SC_AXIS_DIRECTION || kinds[i].kind == SC_AXIS_LINEAR)) {
			*ret_kind = kinds[i].kind;
			return 0;
		}
	}
	return -1;
}

int sc_concataxis_find(const struct sc_record *coords, int wanted, int ndim, const char *name,
		       struct sc_concataxis *ret_axis, struct sc_error *err)
{
	int ncoordinates = sc_coordinates_count(coords);
	for (int i = 0; i < ncoordinates; i++) {
		const char *kind;
		const struct sc_field *map = sc_coordinates_pixel_map(coords, i);
		sc_coordinates_get(coords, i, &kind);
		for (uint64_t k = 0; map && k < map->array.count; k++) {
			int pixel_axis = ((const int32_t *)map->array.elements)[k];
			bool this_one = wanted < 0 ? strcmp(kind, "spectral") == 0 : pixel_axis == wanted;
			if (!this_one || pixel_axis < 0 || pixel_axis >= ndim)
				continue;
			struct sc_concataxis axis = { .pixel_axis = pixel_axis, .coordinate = i, .index = (int)k };
			if (kind_of(kind, map->array.count, &axis.kind) < 0)
				return sc_error_set(err, -EUCLEAN,
						    "%s: images cannot be concatenated along axis %d, a %s coordinate",
						    name, pixel_axis, kind);
			*ret_axis = axis;
			return 0;
		}
	}
	if (wanted < 0)
		return sc_error_set(err, -EUCLEAN, "%s: it has no spectral axis", name);
	return sc_error_set(err, -EUCLEAN, "%s: it has no pixel axis %d with a coordinate; its axes are 0 to %d", name,
			    wanted, ndim - 1);
}

static const struct sc_record *coordinate_of(const struct sc_concataxis *axis, const struct sc_record *coords)
{
	const char *kind;
	return sc_coordinates_get(coords, axis->coordinate, &kind);
}

static int stokes_worlds(const struct sc_record *stokes, const char *name, size_t count, double *ret_worlds,
			 struct sc_error *err)
{
	const struct sc_field *field = sc_record_get_array(stokes, "stokes", SC_TYPE_ARRAY_STRING);
	if (!field || field->array.count < count)
		return sc_error_set(err, -EUCLEAN, "%s: its Stokes coordinate does not name %zu Stokes", name, count);
	const struct sc_string *names = field->array.elements;
	for (size_t i = 0; i < count; i++) {
		size_t code = 1;
		while (code < SC_COUNT_OF(stokes_names) && strcmp(stokes_names[code], names[i].bytes) != 0)
			code++;
		if (code == SC_COUNT_OF(stokes_names))
			return sc_error_set(err, -EUCLEAN, "%s: \"%s\" is no Stokes that casacore knows", name,
					    names[i].bytes);
		ret_worlds[i] = (double)code;
	}
	return 0;
}

static bool element(const struct sc_record *record, const char *name, size_t index, double *ret_value)
{
	const struct sc_field *field = sc_record_get_array(record, name, SC_TYPE_ARRAY_DOUBLE);
	if (!field || field->array.count <= index)
		return false;
	*ret_value = ((const double *)field->array.elements)[index];
	return true;
}

/* Along one axis of a linear coordinate, or of the plane in which a direction coordinate is projected. */
static int linear_worlds(const struct sc_record *linear, size_t index, const char *name, size_t count,
			 double *ret_worlds, double *ret_increment, struct sc_error *err)
{
	double crval, crpix, cdelt;
	if (!element(linear, "crval", index, &crval) || !element(linear, "crpix", index, &crpix) ||
	    !element(linear, "cdelt", index, &cdelt))
		return sc_error_set(err, -EUCLEAN, "%s: a coordinate lacks crval, crpix or cdelt", name);
	for (size_t i = 0; i < count; i++) {
		ret_worlds[i] = crval + cdelt * ((double)i - crpix);
		if (!isfinite(ret_worlds[i]))
			return sc_error_set(err, -EUCLEAN, "%s: a coordinate has a value that is not a number", name);
	}
	*ret_increment = cdelt;
	return 0;
}

int sc_concataxis_worlds(const struct sc_concataxis *axis, const struct sc_record *coords, const char *name,
			 size_t count, double *ret_worlds, double *ret_increment, struct sc_error *err)
{
	const struct sc_record *coordinate = coordinate_of(axis, coords);
	*ret_increment = 0;
	switch (axis->kind) {
	case SC_AXIS_SPECTRAL:
		return sc_spectral_frequencies(coordinate, name, count, ret_worlds, ret_increment, err);
	case SC_AXIS_STOKES:
		return stokes_worlds(coordinate, name, count, ret_worlds, err);
	case SC_AXIS_TABULAR:
		return sc_spectral_tabular_worlds(coordinate, name, count, ret_worlds, ret_increment, err);
	case SC_AXIS_LINEAR:
	case SC_AXIS_DIRECTION:
		return linear_worlds(coordinate, (size_t)axis->index, name, count, ret_worlds, ret_increment, err);
	}
	abort();
}

static int finish_stokes(struct sc_record *stokes, const double *worlds, size_t count, struct sc_error *err)
{
	bool seen[SC_COUNT_OF(stokes_names)] = { false };
	sc_autofree struct sc_string *names = calloc(count, sizeof(*names));
	if (!names)
		return sc_error_errno(err, -ENOMEM, "cannot build the header");
	for (size_t i = 0; i < count; i++) {
		size_t code = (size_t)worlds[i];
		if (seen[code])
			return sc_error_set(err, -EUCLEAN, "Stokes %s is in two parts", stokes_names[code]);
		seen[code] = true;
		names[i].bytes = (char *)stokes_names[code];
		names[i].length = (uint32_t)strlen(stokes_names[code]);
	}
	if (sc_record_put_vector(stokes, "stokes", SC_TYPE_ARRAY_STRING, names, count) < 0)
		return sc_error_errno(err, -ENOMEM, "cannot build the header");
	return 0;
}

/* Renames "linear2" to "tabular2" in the coordinate system, in its place. */
static struct sc_record *make_tabular(struct sc_record *coords, int number)
{
	char linear[32], tabular[32];
	snprintf(linear, sizeof(linear), "linear%d", number);
	snprintf(tabular, sizeof(tabular), "tabular%d", number);
	const struct sc_record *old = sc_record_get_record(coords, linear);
	if (old) {
		struct sc_record *copy = sc_record_copy(old);
		if (!copy || sc_record_put_record(coords, tabular, copy) < 0)
			return NULL;
		sc_record_remove(coords, linear);
	}
	return sc_record_edit_record(coords, tabular);
}

/* What casacore warns of, or refuses without relax. */
static int not_even(const char *what, bool strict, char **ret_warning, struct sc_error *err)
{
	if (strict)
		return sc_error_set(err, -EUCLEAN, "%s", what);
	*ret_warning = strdup(what);
	return *ret_warning ? 0 : sc_error_errno(err, -ENOMEM, "cannot build the header");
}

static int finish_linear(const struct sc_concataxis *axis, struct sc_record *coords, const double *worlds, size_t count,
			 double first_increment, const char *order_problem, bool strict, char **ret_warning,
			 struct sc_error *err)
{
	if (sc_spectral_choose(worlds, count, first_increment) == SC_SPECTRAL_AS_FIRST)
		return 0;
	if (axis->kind == SC_AXIS_DIRECTION || sc_coordinates_pixel_map(coords, axis->coordinate)->array.count > 1) {
		return not_even("the parts do not join up along the axis; it keeps the first part's coordinate", strict,
				ret_warning, err);
	}
	if (order_problem)
		return sc_error_set(err, -EUCLEAN, "%s; --reorder puts the parts in order", order_problem);
	struct sc_record *tabular = make_tabular(coords, axis->coordinate);
	if (!tabular || sc_spectral_fill_tabular(tabular, worlds, count) < 0)
		return sc_error_errno(err, -ENOMEM, "cannot build the header");
	return not_even("the pixels along the axis are not evenly spaced; its coordinate is tabulated", strict,
			ret_warning, err);
}

/* A note, not a warning: the axis is right. */
static int finish_mean(struct sc_record *spectral, const double *hz, size_t count, double first_increment,
		       char **ret_note, struct sc_error *err)
{
	double mean = (hz[count - 1] - hz[0]) / (double)(count - 1);
	int length =
	    first_increment == 0
		? asprintf(ret_note,
			   "the first part's frequencies are a table, those of all channels are even to within 1%%; "
			   "the axis is linear, with their mean spacing, %.10g Hz",
			   mean)
		: asprintf(ret_note,
			   "the channels are not spaced by the first part's increment, %.10g Hz, to within 1%%; "
			   "the axis gets their mean spacing, %.10g Hz",
			   first_increment, mean);
	if (length < 0) {
		*ret_note = NULL;
		return sc_error_errno(err, -ENOMEM, "cannot build the header");
	}
	if (sc_spectral_set_mean(spectral, hz, count) < 0)
		return sc_error_errno(err, -ENOMEM, "cannot build the header");
	return 0;
}

static int finish_spectral(struct sc_record *spectral, const double *hz, size_t count, double first_increment,
			   const char *order_problem, bool strict, char **ret_warning, struct sc_error *err)
{
	switch (sc_spectral_choose(hz, count, first_increment)) {
	case SC_SPECTRAL_AS_FIRST:
		return 0;
	case SC_SPECTRAL_MEAN:
		return finish_mean(spectral, hz, count, first_increment, ret_warning, err);
	case SC_SPECTRAL_TABULATED:
		break;
	}
	if (order_problem)
		return sc_error_set(err, -EUCLEAN, "%s; --reorder puts the parts in order of frequency", order_problem);
	if (sc_spectral_set_tabulated(spectral, hz, count) < 0)
		return sc_error_errno(err, -ENOMEM, "cannot build the header");
	return not_even("the channels are not evenly spaced; the spectral axis is tabulated, in Hz", strict,
			ret_warning, err);
}

int sc_concataxis_shift(const struct sc_concataxis *axis, struct sc_record *coords, int64_t pixels)
{
	char name[32];
	double crpix;
	snprintf(name, sizeof(name), "spectral%d", axis->coordinate);
	struct sc_record *spectral = sc_record_edit_record(coords, name);
	struct sc_record *wcs = spectral ? sc_record_edit_record(spectral, "wcs") : NULL;
	/* A tabulated axis is tabulated anew, from the world values alone. */
	if (!wcs || !sc_record_get_double(wcs, "crpix", &crpix))
		return 0;
	return sc_record_put_double(wcs, "crpix", crpix + (double)pixels);
}

bool sc_concataxis_goes_on(const struct sc_concataxis *axis, const struct sc_record *coords)
{
	if (axis->kind == SC_AXIS_SPECTRAL)
		return sc_record_get_record(coordinate_of(axis, coords), "wcs") != NULL;
	return axis->kind != SC_AXIS_TABULAR;
}

int sc_concataxis_finish(const struct sc_concataxis *axis, struct sc_record *coords, const double *worlds, size_t count,
			 double first_increment, const char *order_problem, bool strict, char **ret_warning,
			 struct sc_error *err)
{
	*ret_warning = NULL;
	if (!sc_concataxis_goes_on(axis, coords))
		first_increment = 0;
	if (axis->kind == SC_AXIS_SPECTRAL || axis->kind == SC_AXIS_STOKES) {
		char name[32];
		snprintf(name, sizeof(name), "%s%d", axis->kind == SC_AXIS_SPECTRAL ? "spectral" : "stokes",
			 axis->coordinate);
		struct sc_record *coordinate = sc_record_edit_record(coords, name);
		assert(coordinate);
		if (axis->kind == SC_AXIS_STOKES)
			return finish_stokes(coordinate, worlds, count, err);
		return finish_spectral(coordinate, worlds, count, first_increment, order_problem, strict, ret_warning,
				       err);
	}
	return finish_linear(axis, coords, worlds, count, first_increment, order_problem, strict, ret_warning, err);
}
