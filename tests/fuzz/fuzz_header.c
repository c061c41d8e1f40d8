/*
 * The header of a cube out of its parts' keywords. The input is four lengths, a byte each, of the first part's axes, a
 * byte of options, and a table.dat; the second part has the same keywords, its frequencies moved to where the first ends.
 * The frequencies that the cube's header tells are those of the parts, within the 1% of a channel that is allowed.
 */
#include "fuzz.h"

#include <math.h>

#include "coordinates.h"
#include "header.h"
#include "spectral.h"
#include "tablefile.h"

#define PREFIX_BYTES 5

enum { STRICT = 1, FIRST_MISCINFO = 2, SAME_INCREMENTS = 4, AXIS_GIVEN = 8, MOVE_FURTHER = 16 };

/* The record of the linear frequency axis; NULL: there is none. */
static struct sc_record *linear_axis(struct sc_record *keywords)
{
	struct sc_record *coords = sc_record_edit_record(keywords, "coords"), *wcs = NULL;
	for (int i = 0; coords && !wcs && i < SC_COORDINATES_MAX; i++) {
		char name[32];
		snprintf(name, sizeof(name), "spectral%d", i);
		struct sc_record *spectral = sc_record_edit_record(coords, name);
		wcs = spectral ? sc_record_edit_record(spectral, "wcs") : NULL;
	}
	return wcs;
}

/* Moves the frequencies by so many channels. */
static void move(struct sc_record *keywords, double channels)
{
	double crval, cdelt;
	struct sc_record *wcs = linear_axis(keywords);
	if (wcs && sc_record_get_double(wcs, "crval", &crval) && sc_record_get_double(wcs, "cdelt", &cdelt))
		fuzz_require(sc_record_put_double(wcs, "crval", crval + cdelt * channels) == 0);
}

/* Pixels of the axis that the parts have follow the header, whether it stayed linear or not. */
static void check_frequencies(const struct sc_header *header, const double *ends, size_t nparts, int64_t part_length)
{
	double increment = 0;
	size_t count = (size_t)header->shape[header->axis];
	const struct sc_record *spectral = NULL;
	for (int i = 0; i < sc_coordinates_count(header->coords) && !spectral; i++) {
		const char *kind;
		const struct sc_record *coordinate = sc_coordinates_get(header->coords, i, &kind);
		const struct sc_field *map = sc_coordinates_pixel_map(header->coords, i);
		if (strcmp(kind, "spectral") == 0 && map && map->array.count == 1 &&
		    ((const int32_t *)map->array.elements)[0] == header->axis)
			spectral = coordinate;
	}
	sc_autofree double *hz = calloc(count, sizeof(*hz));
	fuzz_require(hz);
	if (!spectral || sc_spectral_frequencies(spectral, "cube", count, hz, &increment, NULL) < 0)
		return;
	for (size_t i = 0; i < nparts; i++) {
		double first = hz[i * (size_t)part_length], last = hz[(i + 1) * (size_t)part_length - 1];
		/* Numbers of 1e300 Hz are exact to no more than so many digits. */
		double tolerance = 0.011 * fabs(increment) + 1e-9 * fabs(ends[2 * i]);
		fuzz_require(fabs(first - ends[2 * i]) <= tolerance && fabs(last - ends[2 * i + 1]) <= tolerance);
	}
}

static void finish(struct sc_header_builder *builder, int64_t part_length)
{
	struct sc_error err = { 0 };
	struct sc_header header;
	double ends[4];
	for (size_t i = 0; i < 2; i++)
		sc_header_builder_worlds(builder, i, &ends[2 * i], &ends[2 * i + 1]);
	bool spectral = sc_header_builder_is_spectral(builder);
	int rc = sc_header_builder_finish(builder, NULL, 0, &header, &err);
	if (rc < 0) {
		fuzz_require_error(rc, &err);
		return;
	}
	fuzz_require(header.shape[header.axis] == 2 * part_length);
	fuzz_require(header.coords && header.imageinfo && header.miscinfo && header.units);
	if (spectral)
		check_frequencies(&header, ends, 2, part_length);
	sc_header_clear(&header);
}

static void build(const uint8_t *prefix, struct sc_record *keywords)
{
	struct sc_error err = { 0 };
	unsigned flags = prefix[4];
	struct sc_header_options options = { .strict = flags & STRICT,
					     .first_miscinfo = flags & FIRST_MISCINFO,
					     .same_increments = flags & SAME_INCREMENTS,
					     .axis_given = flags & AXIS_GIVEN,
					     .axis = flags >> 5 & 3 };
	struct sc_subcube part = { .keywords = keywords, .pixels.tsm = { .type = SC_TYPE_FLOAT, .ndim = 4 } };
	for (int i = 0; i < 4; i++)
		part.pixels.tsm.shape[i] = 1 + prefix[i] % 32;
	struct sc_header_builder *builder = sc_header_builder_new(&options);
	fuzz_require(builder);
	int rc = sc_header_builder_add(builder, "part 0", &part, &err);
	if (rc == 0) {
		int64_t length = part.pixels.tsm.shape[sc_header_builder_axis(builder)];
		move(keywords, (double)length + (flags & MOVE_FURTHER ? 0.5 : 0));
		rc = sc_header_builder_add(builder, "part 1", &part, &err);
		if (rc == 0)
			finish(builder, length);
	}
	if (rc < 0)
		fuzz_require_error(rc, &err);
	sc_header_builder_free(builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sc_tablefile table;
	if (size < PREFIX_BYTES ||
	    sc_tablefile_decode(data + PREFIX_BYTES, size - PREFIX_BYTES, "table.dat", &table, NULL) < 0)
		return 0;
	build(data, table.keywords);
	sc_tablefile_clear(&table);
	return 0;
}
