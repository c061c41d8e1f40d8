#include "spectral.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define TOLERANCE 0.01 /* of an increment, casacore's (images/Images/ImageConcat.tcc) */

static int bad(struct sc_error *err, const char *name, const char *what)
{
	return sc_error_set(err, -EUCLEAN, "%s: its spectral coordinate %s", name, what);
}

double sc_spectral_unit_in_hz(const struct sc_record *spectral)
{
	static const struct {
		const char *unit;
		double hz;
	} units[] = { { "Hz", 1 }, { "kHz", 1e3 }, { "MHz", 1e6 }, { "GHz", 1e9 }, { "THz", 1e12 } };
	const char *unit = sc_record_get_string(spectral, "unit");
	for (size_t i = 0; unit && i < SC_COUNT_OF(units); i++) {
		if (strcmp(units[i].unit, unit) == 0)
			return units[i].hz;
	}
	return unit ? 0 : 1;
}

/* The conversion layer, where it is one that does something; NULL: there is none. */
static const struct sc_record *conversion_of(const struct sc_record *spectral)
{
	const struct sc_record *conversion = sc_record_get_record(spectral, "conversion");
	const char *native = sc_record_get_string(spectral, "system");
	const char *shown = conversion ? sc_record_get_string(conversion, "system") : NULL;
	return native && shown && strcmp(native, shown) != 0 ? conversion : NULL;
}

bool sc_spectral_is_shown_as_stored(const struct sc_record *spectral)
{
	return sc_spectral_unit_in_hz(spectral) == 1 && !conversion_of(spectral);
}

bool sc_spectral_are_shown_alike(const struct sc_record *a, const struct sc_record *b)
{
	const struct sc_record *conversion = conversion_of(a), *other_conversion = conversion_of(b);
	if (sc_spectral_unit_in_hz(a) != sc_spectral_unit_in_hz(b) || !conversion != !other_conversion)
		return false;
	return !conversion || sc_record_equal(conversion, other_conversion);
}

static int linear_frequencies(const struct sc_record *wcs, double unit_hz, const char *name, size_t count,
			      double *ret_hz, double *ret_increment_hz, struct sc_error *err)
{
	double crval, crpix, cdelt, pc;
	const char *ctype = sc_record_get_string(wcs, "ctype");
	if (!sc_record_get_double(wcs, "crval", &crval) || !sc_record_get_double(wcs, "crpix", &crpix) ||
	    !sc_record_get_double(wcs, "cdelt", &cdelt) || !sc_record_get_double(wcs, "pc", &pc) || !ctype)
		return bad(err, name, "lacks crval, crpix, cdelt, pc or ctype");
	if (strncmp(ctype, "FREQ", 4) != 0)
		return bad(err, name, "is not linear in frequency (its ctype is not FREQ)");
	for (size_t i = 0; i < count; i++) {
		ret_hz[i] = (crval + pc * cdelt * ((double)i - crpix)) * unit_hz;
		if (!isfinite(ret_hz[i]))
			return bad(err, name, "has a frequency that is not a number");
	}
	*ret_increment_hz = pc * cdelt * unit_hz;
	return 0;
}

/*
 * The world value at `pixel`, interpolated in the table, extrapolated behind its ends. Pixels rise from call to call, and
 * *at_entry, 1 before the first, goes on from where it was: both can be millions.
 */
static double interpolate(const double *pixels, const double *worlds, size_t count, double pixel, size_t *at_entry)
{
	size_t at = *at_entry;
	if (count == 1)
		return worlds[0];
	while (at + 1 < count && pixels[at] < pixel)
		at++;
	*at_entry = at;
	double slope = (worlds[at] - worlds[at - 1]) / (pixels[at] - pixels[at - 1]);
	return worlds[at - 1] + slope * (pixel - pixels[at - 1]);
}

static bool one_double(const struct sc_record *record, const char *name, double *ret_value)
{
	const struct sc_field *field = sc_record_get_array(record, name, SC_TYPE_ARRAY_DOUBLE);
	if (!field || field->array.count != 1)
		return false;
	*ret_value = ((const double *)field->array.elements)[0];
	return true;
}

static bool units_are_hz(const struct sc_record *tabular)
{
	const struct sc_field *field = sc_record_get_array(tabular, "units", SC_TYPE_ARRAY_STRING);
	return field && field->array.count == 1 &&
	       strcmp(((const struct sc_string *)field->array.elements)[0].bytes, "Hz") == 0;
}

int sc_spectral_tabular_worlds(const struct sc_record *tabular, const char *name, size_t count, double *ret_worlds,
			       double *ret_increment, struct sc_error *err)
{
	double crval, crpix, cdelt;
	const struct sc_field *pixels = sc_record_get_array(tabular, "pixelvalues", SC_TYPE_ARRAY_DOUBLE);
	const struct sc_field *worlds = sc_record_get_array(tabular, "worldvalues", SC_TYPE_ARRAY_DOUBLE);
	if (!one_double(tabular, "crval", &crval) || !one_double(tabular, "crpix", &crpix) ||
	    !one_double(tabular, "cdelt", &cdelt) || !pixels || !worlds)
		return bad(err, name, "lacks crval, crpix, cdelt, pixelvalues or worldvalues");
	if (pixels->array.count != worlds->array.count)
		return bad(err, name, "has not as many pixel values as world values");
	const double *pixel = pixels->array.elements, *world = worlds->array.elements;
	size_t at = 1;
	for (uint64_t i = 1; i < pixels->array.count; i++) {
		if (!(pixel[i] > pixel[i - 1]))
			return bad(err, name, "has pixel values that do not rise");
	}
	for (size_t i = 0; i < count; i++) {
		/* A table by whole pixels from 0 is the usual one; else it is searched. */
		if (i < pixels->array.count && pixel[i] == (double)i)
			ret_worlds[i] = world[i];
		else if (pixels->array.count > 0)
			ret_worlds[i] = interpolate(pixel, world, pixels->array.count, (double)i, &at);
		else
			ret_worlds[i] = crval + cdelt * ((double)i - crpix);
		if (!isfinite(ret_worlds[i]))
			return bad(err, name, "has a value that is not a number");
	}
	*ret_increment = cdelt;
	return 0;
}

int sc_spectral_frequencies(const struct sc_record *spectral, const char *name, size_t count, double *ret_hz,
			    double *ret_increment_hz, struct sc_error *err)
{
	const struct sc_record *wcs = sc_record_get_record(spectral, "wcs");
	const struct sc_record *tabular = sc_record_get_record(spectral, "tabular");
	double unit_hz = sc_spectral_unit_in_hz(spectral);
	if (unit_hz == 0)
		return bad(err, name, "is in another unit than Hz, kHz, MHz, GHz or THz");
	if (wcs)
		return linear_frequencies(wcs, unit_hz, name, count, ret_hz, ret_increment_hz, err);
	if (tabular && !units_are_hz(tabular))
		return bad(err, name, "is tabulated in another unit than Hz");
	if (tabular)
		return sc_spectral_tabular_worlds(tabular, name, count, ret_hz, ret_increment_hz, err);
	return bad(err, name, "is neither linear nor tabulated");
}

static bool all_within_tolerance(const double *hz, size_t count, double increment)
{
	for (size_t i = 0; i < count; i++) {
		if (!(fabs(hz[i] - (hz[0] + (double)i * increment)) <= TOLERANCE * fabs(increment)))
			return false;
	}
	return true;
}

static double mean_increment(const double *hz, size_t count)
{
	return (hz[count - 1] - hz[0]) / (double)(count - 1);
}

enum sc_spectral_kind sc_spectral_choose(const double *hz, size_t count, double first_increment_hz)
{
	if (count < 2 || (first_increment_hz != 0 && all_within_tolerance(hz, count, first_increment_hz)))
		return SC_SPECTRAL_AS_FIRST;
	double mean = mean_increment(hz, count);
	if (mean != 0 && all_within_tolerance(hz, count, mean))
		return SC_SPECTRAL_MEAN;
	return SC_SPECTRAL_TABULATED;
}

/* The record's linear axis, or a new one with channel 0 as its reference in place of a table. */
static struct sc_record *make_linear(struct sc_record *spectral)
{
	struct sc_record *wcs = sc_record_edit_record(spectral, "wcs");
	if (wcs)
		return wcs;
	sc_autorecord struct sc_record *made = sc_record_new();
	if (!made || sc_record_put_double(made, "crval", 0) < 0 || sc_record_put_double(made, "crpix", 0) < 0 ||
	    sc_record_put_double(made, "cdelt", 1) < 0 || sc_record_put_double(made, "pc", 1) < 0 ||
	    sc_record_put_string(made, "ctype", "FREQ") < 0 ||
	    sc_record_put_record(spectral, "wcs", sc_steal_ptr(made)) < 0)
		return NULL;
	sc_record_remove(spectral, "tabular");
	return sc_record_edit_record(spectral, "wcs");
}

int sc_spectral_set_mean(struct sc_record *spectral, const double *hz, size_t count)
{
	double crpix = 0, unit_hz = sc_spectral_unit_in_hz(spectral), increment = mean_increment(hz, count) / unit_hz;
	struct sc_record *wcs = make_linear(spectral);
	if (!wcs)
		return -ENOMEM;
	sc_record_get_double(wcs, "crpix", &crpix);
	if (sc_record_put_double(wcs, "crval", hz[0] / unit_hz + increment * crpix) < 0 ||
	    sc_record_put_double(wcs, "cdelt", increment) < 0 || sc_record_put_double(wcs, "pc", 1) < 0)
		return -ENOMEM;
	return 0;
}

int sc_spectral_fill_tabular(struct sc_record *tabular, const double *worlds, size_t count)
{
	sc_autofree double *pixels = calloc(count, sizeof(*pixels));
	if (!pixels)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		pixels[i] = (double)i;
	/* As casacore's TabularCoordinate makes them of a table: the reference is the first pixel. */
	double crpix = 0, pc = 1, cdelt = count > 1 ? mean_increment(worlds, count) : 1;
	struct sc_field matrix = { .type = SC_TYPE_ARRAY_DOUBLE };
	matrix.array.elements = &pc;
	matrix.array.count = 1;
	matrix.array.ndim = 2;
	matrix.array.lengths[0] = matrix.array.lengths[1] = 1;
	if (sc_record_put_vector(tabular, "crval", SC_TYPE_ARRAY_DOUBLE, &worlds[0], 1) < 0 ||
	    sc_record_put_vector(tabular, "crpix", SC_TYPE_ARRAY_DOUBLE, &crpix, 1) < 0 ||
	    sc_record_put_vector(tabular, "cdelt", SC_TYPE_ARRAY_DOUBLE, &cdelt, 1) < 0 ||
	    sc_record_put_field(tabular, "pc", &matrix) < 0 ||
	    sc_record_put_vector(tabular, "pixelvalues", SC_TYPE_ARRAY_DOUBLE, pixels, count) < 0 ||
	    sc_record_put_vector(tabular, "worldvalues", SC_TYPE_ARRAY_DOUBLE, worlds, count) < 0)
		return -ENOMEM;
	return 0;
}

int sc_spectral_set_tabulated(struct sc_record *spectral, const double *hz, size_t count)
{
	sc_autorecord struct sc_record *tabular = sc_record_new();
	char axis_bytes[] = "Frequency", unit_bytes[] = "Hz";
	struct sc_string axis = { axis_bytes, sizeof(axis_bytes) - 1 }, unit = { unit_bytes, sizeof(unit_bytes) - 1 };
	if (!tabular || sc_spectral_fill_tabular(tabular, hz, count) < 0 ||
	    sc_record_put_vector(tabular, "axes", SC_TYPE_ARRAY_STRING, &axis, 1) < 0 ||
	    sc_record_put_vector(tabular, "units", SC_TYPE_ARRAY_STRING, &unit, 1) < 0)
		return -ENOMEM;
	sc_record_remove(spectral, "wcs");
	return sc_record_put_record(spectral, "tabular", sc_steal_ptr(tabular));
}
