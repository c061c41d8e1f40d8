#include "coordinates.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spectral.h"

static const char *const kinds[] = { "direction", "spectral", "stokes", "linear", "tabular", "quality" };

/* "spectral2"; by hand, for it is asked a dozen times for each part. */
static void field_name(char *name, size_t size, const char *kind, int number)
{
	size_t length = strlen(kind);
	assert(length + 3 <= size && number >= 0 && number < 100);
	memcpy(name, kind, length);
	if (number >= 10)
		name[length++] = (char)('0' + number / 10);
	name[length++] = (char)('0' + number % 10);
	name[length] = 0;
}

const struct sc_record *sc_coordinates_get(const struct sc_record *coords, int number, const char **ret_kind)
{
	for (size_t i = 0; i < SC_COUNT_OF(kinds); i++) {
		char name[32];
		field_name(name, sizeof(name), kinds[i], number);
		const struct sc_record *coordinate = sc_record_get_record(coords, name);
		if (coordinate) {
			*ret_kind = kinds[i];
			return coordinate;
		}
	}
	return NULL;
}

int sc_coordinates_count(const struct sc_record *coords)
{
	const char *kind;
	int count = 0;
	while (count < SC_COORDINATES_MAX && sc_coordinates_get(coords, count, &kind))
		count++;
	return count;
}

const struct sc_field *sc_coordinates_pixel_map(const struct sc_record *coords, int number)
{
	char name[32];
	field_name(name, sizeof(name), "pixelmap", number);
	return sc_record_get_array(coords, name, SC_TYPE_ARRAY_INT);
}

int sc_coordinates_find_axis(const struct sc_record *coords, const char *kind)
{
	int count = sc_coordinates_count(coords);
	for (int i = 0; i < count; i++) {
		const char *this_kind;
		const struct sc_field *map = sc_coordinates_pixel_map(coords, i);
		sc_coordinates_get(coords, i, &this_kind);
		if (strcmp(kind, this_kind) == 0 && map && map->array.count == 1)
			return ((const int32_t *)map->array.elements)[0];
	}
	return -1;
}

/* casacore's near(): relative difference of at most 1e-13 (casa/BasicMath/Math.h). */
static bool near(double a, double b)
{
	if (a == b)
		return true;
	double larger = fmax(fabs(a), fabs(b));
	return fabs(a - b) <= 1e-13 * larger;
}

/* Values of `b` are taken times `scale`; element `left_out` of arrays (-1: none) does not count. */
static bool doubles_near(const struct sc_field *a, const struct sc_field *b, double scale, int64_t left_out)
{
	if (a->type == SC_TYPE_DOUBLE && b->type == SC_TYPE_DOUBLE)
		return near(a->real[0], b->real[0] * scale);
	if (a->type != SC_TYPE_ARRAY_DOUBLE || b->type != SC_TYPE_ARRAY_DOUBLE || a->array.count != b->array.count)
		return false;
	const double *x = a->array.elements, *y = b->array.elements;
	for (uint64_t i = 0; i < a->array.count; i++) {
		if ((int64_t)i != left_out && !near(x[i], y[i] * scale))
			return false;
	}
	return true;
}

static void format_element(char *text, size_t size, const struct sc_field *field, uint64_t at, double scale)
{
	switch (field->type) {
	case SC_TYPE_ARRAY_DOUBLE:
		snprintf(text, size, "%.17g", ((const double *)field->array.elements)[at] * scale);
		break;
	case SC_TYPE_ARRAY_INT:
		snprintf(text, size, "%d", ((const int32_t *)field->array.elements)[at]);
		break;
	case SC_TYPE_ARRAY_STRING:
		snprintf(text, size, "%s", ((const struct sc_string *)field->array.elements)[at].bytes);
		break;
	default:
		snprintf(text, size, "...");
	}
}

/* A value as people read it, times `scale` where it is a double; long arrays are cut. */
static void format_value(char *text, size_t size, const struct sc_field *field, double scale)
{
	if (!field) {
		snprintf(text, size, "none");
		return;
	}
	switch (field->type) {
	case SC_TYPE_STRING:
		snprintf(text, size, "%s", field->string.bytes);
		return;
	case SC_TYPE_DOUBLE:
		snprintf(text, size, "%.17g", field->real[0] * scale);
		return;
	case SC_TYPE_FLOAT:
		snprintf(text, size, "%.17g", field->real[0]);
		return;
	case SC_TYPE_INT:
	case SC_TYPE_UINT:
		snprintf(text, size, "%lld", (long long)field->integer);
		return;
	case SC_TYPE_ARRAY_DOUBLE:
	case SC_TYPE_ARRAY_INT:
	case SC_TYPE_ARRAY_STRING:
		break;
	default:
		snprintf(text, size, "another value");
		return;
	}
	size_t used = 0;
	text[0] = 0;
	for (uint64_t i = 0; i < field->array.count && used < size; i++) {
		char element[64];
		format_element(element, sizeof(element), field, i, scale);
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", element);
	}
}

struct compared_field {
	const char *name, *what;
};

static const struct compared_field common_fields[] = {
	{ "stokes", "Stokes" },
	{ "axes", "axis names" },
	{ "units", "axis units" },
	{ "crpix", "reference pixel" },
	{ "crval", "reference value" },
	{ "cdelt", "increment" },
	{ "pc", "linear transform" },
	{ "system", "reference frame" },
	{ "projection", "projection" },
	{ "projection_parameters", "projection parameters" },
	{ "conversionSystem", "conversion frame" },
	{ "longpole", "longitude of the pole" },
	{ "latpole", "latitude of the pole" },
	{ "pixelvalues", "pixels in its table" },
	{ "worldvalues", "values in its table" },
};

/* Of the spectral coordinate along which the parts are concatenated; its frequencies are compared elsewhere. */
static const struct compared_field spectral_fields[] = {
	{ "system", "spectral frame" },   { "restfreqs", "rest frequencies" },
	{ "restfreq", "rest frequency" }, { "unit", "spectral unit" },
	{ "name", "axis name" },          { "velType", "velocity type" },
	{ "velUnit", "velocity unit" },
};

/* Of what a spectral coordinate's frequencies are converted to where they are shown. */
static const struct compared_field conversion_fields[] = {
	{ "system", "conversion frame" },
};

/* Of another coordinate of one axis along which they are. */
static const struct compared_field name_fields[] = {
	{ "axes", "axis names" },
	{ "units", "axis units" },
};

static const struct compared_field observation_fields[] = {
	{ "telescope", "telescope" },
	{ "observer", "observer" },
};

/* What the field of `other` is to be multiplied by to be in the unit of `first`; 1 where a unit is not known. */
static double unit_scale(const struct sc_record *first, const struct sc_record *other, const char *name)
{
	if (strcmp(name, "restfreq") != 0 && strcmp(name, "restfreqs") != 0)
		return 1;
	double hz = sc_spectral_unit_in_hz(first), other_hz = sc_spectral_unit_in_hz(other);
	return hz > 0 && other_hz > 0 ? other_hz / hz : 1;
}

/* `left_out`: the index on the concatenation axis, -1 in other coordinates. */
static int compare_fields(const struct sc_record *first, const struct sc_record *other,
			  const struct compared_field *fields, size_t nfields, const char *kind, int left_out,
			  sc_coordinates_difference *difference, void *context)
{
	for (size_t i = 0; i < nfields; i++) {
		const struct sc_field *a = sc_record_find(first, fields[i].name);
		const struct sc_field *b = sc_record_find(other, fields[i].name);
		double scale = unit_scale(first, other, fields[i].name);
		bool is_equal = a && b && scale == 1 && sc_field_equal(a, b);
		if ((!a && !b) || is_equal || (a && b && doubles_near(a, b, scale, left_out)))
			continue;
		char what[128], value[256], other_value[256];
		snprintf(what, sizeof(what), "%s%s%s", kind, kind[0] ? " " : "", fields[i].what);
		format_value(value, sizeof(value), a, 1);
		format_value(other_value, sizeof(other_value), b, scale);
		int rc = difference(context, what, value, other_value);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What spectral coordinates have in common, also those along which parts are concatenated: all but their values. */
static int compare_spectral_but_values(const struct sc_record *first, const struct sc_record *other,
				       sc_coordinates_difference *difference, void *context)
{
	int rc =
	    compare_fields(first, other, spectral_fields, SC_COUNT_OF(spectral_fields), "", -1, difference, context);
	const struct sc_record *a = sc_record_get_record(first, "conversion");
	const struct sc_record *b = sc_record_get_record(other, "conversion");
	if (rc < 0 || !a || !b)
		return rc;
	return compare_fields(a, b, conversion_fields, SC_COUNT_OF(conversion_fields), "spectral", -1, difference,
			      context);
}

/* A spectral coordinate off the axis: its values are in a record of their own, linear or a table. */
static int compare_spectral(const struct sc_record *first, const struct sc_record *other,
			    sc_coordinates_difference *difference, void *context)
{
	static const char *const forms[] = { "wcs", "tabular" };
	int rc = compare_spectral_but_values(first, other, difference, context);
	const struct sc_record *a = NULL, *b = NULL;
	size_t a_form = 0, b_form = 0;
	for (size_t i = 0; i < SC_COUNT_OF(forms); i++) {
		if (!a && (a = sc_record_get_record(first, forms[i])))
			a_form = i;
		if (!b && (b = sc_record_get_record(other, forms[i])))
			b_form = i;
	}
	if (rc < 0 || !a || !b)
		return rc;
	if (a_form != b_form)
		return difference(context, "spectral axis", a_form ? "tabulated" : "linear",
				  b_form ? "tabulated" : "linear");
	return compare_fields(a, b, common_fields, SC_COUNT_OF(common_fields), "spectral", -1, difference, context);
}

int sc_coordinates_compare(const struct sc_record *first, const struct sc_record *other, const char *first_name,
			   const char *other_name, int axis_coordinate, int axis_index,
			   sc_coordinates_difference *difference, void *context, struct sc_error *err)
{
	int count = sc_coordinates_count(first), other_count = sc_coordinates_count(other);
	if (count != other_count)
		return sc_error_set(err, -EUCLEAN, "%s has %d coordinates, %s has %d", other_name, other_count,
				    first_name, count);
	for (int i = 0; i < count; i++) {
		const char *kind, *other_kind;
		const struct sc_record *a = sc_coordinates_get(first, i, &kind);
		const struct sc_record *b = sc_coordinates_get(other, i, &other_kind);
		if (strcmp(kind, other_kind) != 0)
			return sc_error_set(err, -EUCLEAN, "coordinate %d of %s is %s, of %s %s", i, other_name,
					    other_kind, first_name, kind);
		const struct sc_field *map = sc_coordinates_pixel_map(first, i);
		const struct sc_field *other_map = sc_coordinates_pixel_map(other, i);
		if (!map || !other_map || !sc_field_equal(map, other_map))
			return sc_error_set(err, -EUCLEAN, "%s has its %s axes in other places than %s", other_name,
					    kind, first_name);
		int left_out = i == axis_coordinate ? axis_index : -1;
		bool is_whole_axis = i == axis_coordinate && map->array.count == 1;
		int rc;
		if (strcmp(kind, "spectral") == 0)
			rc = is_whole_axis ? compare_spectral_but_values(a, b, difference, context)
					   : compare_spectral(a, b, difference, context);
		else if (is_whole_axis)
			rc = compare_fields(a, b, name_fields, SC_COUNT_OF(name_fields), kind, left_out, difference,
					    context);
		else
			rc = compare_fields(a, b, common_fields, SC_COUNT_OF(common_fields), kind, left_out, difference,
					    context);
		if (rc < 0)
			return rc;
	}
	return compare_fields(first, other, observation_fields, SC_COUNT_OF(observation_fields), "", -1, difference,
			      context);
}
