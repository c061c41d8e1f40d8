#include "beamrange.h"

#include <math.h>
#include <string.h>

double sc_beamrange_arcsec(double value, const char *unit)
{
	static const struct {
		const char *unit;
		double arcsec;
	} units[] = {
		{ "arcsec", 1 }, { "arcmin", 60 }, { "deg", 3600 }, { "rad", 180 * 3600 / M_PI }, { "mas", 1e-3 }
	};
	for (size_t i = 0; i < SC_COUNT_OF(units); i++) {
		if (strcmp(units[i].unit, unit) == 0)
			return value * units[i].arcsec;
	}
	return INFINITY;
}

static bool read_axis(const struct sc_record *beam, const char *name, double *ret_arcsec)
{
	const struct sc_record *quantity = sc_record_get_record(beam, name);
	const char *unit = quantity ? sc_record_get_string(quantity, "unit") : NULL;
	double value;
	if (!unit || !sc_record_get_double(quantity, "value", &value))
		return false;
	*ret_arcsec = sc_beamrange_arcsec(value, unit);
	return isfinite(*ret_arcsec);
}

static void widen(double range[2], double value, bool is_first)
{
	if (is_first || value < range[0])
		range[0] = value;
	if (is_first || value > range[1])
		range[1] = value;
}

static void add_beam(struct sc_beamrange *range, const struct sc_record *beam)
{
	double major, minor;
	if (!read_axis(beam, "major", &major) || !read_axis(beam, "minor", &minor))
		return;
	if (major <= SC_BEAM_DEGENERATE_ARCSEC) {
		range->nflagged++;
		return;
	}
	widen(range->major, major, range->nbeams == 0);
	widen(range->minor, minor, range->nbeams == 0);
	range->nbeams++;
}

void sc_beamrange_find(const struct sc_record *imageinfo, struct sc_beamrange *ret_range)
{
	const struct sc_record *one = imageinfo ? sc_record_get_record(imageinfo, "restoringbeam") : NULL;
	const struct sc_record *planes = imageinfo ? sc_record_get_record(imageinfo, "perplanebeams") : NULL;
	*ret_range = (struct sc_beamrange){ 0 };
	if (one)
		add_beam(ret_range, one);
	for (size_t i = 0; planes && i < planes->nfields; i++) {
		if (planes->fields[i].type == SC_TYPE_RECORD)
			add_beam(ret_range, planes->fields[i].record);
	}
}
