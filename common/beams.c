#include "beams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "beamrange.h"

/* Names listed in a message; more are counted. */
#define NAMES_MAX 10

/* A beam has arcsec and deg; a table with thousands of units is no image, and each would be compared with all. */
#define UNITS_MAX 100

#define NQUANTITIES 3
static const char *const quantity_names[NQUANTITIES] = { "major", "minor", "positionangle" };

struct beam {
	double value[NQUANTITIES];
	uint16_t unit[NQUANTITIES]; /* index into sc_beams.units */
};

/*
 * One part's beams: along x across of them from `first` on, those along the
 * concatenation axis fastest. Along and across are channels and Stokes, or
 * Stokes and channels.
 */
struct part_beams {
	int64_t length;         /* of the part on the concatenation axis */
	uint32_t along, across; /* of the set; 0: none */
	size_t first;
	bool blank; /* no part, channels with their neighbours' beams */
};

struct sc_beams {
	enum sc_beams_axis axis;
	size_t nparts, parts_capacity;
	struct part_beams *parts;
	size_t nbeams, beams_capacity;
	struct beam *beams;
	size_t nunits;
	char **units;
	size_t nwithout;
	char *without[NAMES_MAX]; /* parts that have none */
};

struct sc_beams *sc_beams_new(enum sc_beams_axis axis)
{
	struct sc_beams *beams = calloc(1, sizeof(*beams));
	if (beams)
		beams->axis = axis;
	return beams;
}

void sc_beams_free(struct sc_beams *beams)
{
	if (!beams)
		return;
	for (size_t i = 0; i < beams->nunits; i++)
		free(beams->units[i]);
	for (size_t i = 0; i < NAMES_MAX; i++)
		free(beams->without[i]);
	free(beams->units);
	free(beams->parts);
	free(beams->beams);
	free(beams);
}

static int intern_unit(struct sc_beams *beams, const char *unit, uint16_t *ret_index)
{
	for (size_t i = 0; i < beams->nunits; i++) {
		if (strcmp(beams->units[i], unit) == 0) {
			*ret_index = (uint16_t)i;
			return 0;
		}
	}
	if (beams->nunits == UNITS_MAX)
		return -EUCLEAN;
	char **grown = reallocarray(beams->units, beams->nunits + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	beams->units = grown;
	if (!(grown[beams->nunits] = strdup(unit)))
		return -ENOMEM;
	*ret_index = (uint16_t)beams->nunits++;
	return 0;
}

static int read_beam(struct sc_beams *beams, const char *name, const struct sc_record *record, struct sc_error *err)
{
	struct beam beam;
	for (int i = 0; i < NQUANTITIES; i++) {
		const struct sc_record *quantity = record ? sc_record_get_record(record, quantity_names[i]) : NULL;
		const char *unit = quantity ? sc_record_get_string(quantity, "unit") : NULL;
		if (!unit || !sc_record_get_double(quantity, "value", &beam.value[i]))
			return sc_error_set(err, -EUCLEAN, "%s/table.dat: a restoring beam without %s", name,
					    quantity_names[i]);
		int rc = intern_unit(beams, unit, &beam.unit[i]);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s/table.dat: cannot keep its beams", name);
	}
	struct beam *grown = sc_grow(beams->beams, beams->nbeams + 1, &beams->beams_capacity, sizeof(beam));
	if (!grown)
		return sc_error_errno(err, -ENOMEM, "%s/table.dat: cannot keep its beams", name);
	beams->beams = grown;
	grown[beams->nbeams++] = beam;
	return 0;
}

static int check_count(const char *name, const char *what, int64_t count, int64_t wanted, struct sc_error *err)
{
	if (count == 1 || count == wanted)
		return 0;
	return sc_error_set(err, -EUCLEAN, "%s/table.dat: beams for %lld %s, but the image has %lld", name,
			    (long long)count, what, (long long)wanted);
}

static int read_plane_beams(struct sc_beams *beams, const char *name, int64_t image_nchan, int64_t image_nstokes,
			    const struct sc_record *planes, struct part_beams *part, struct sc_error *err)
{
	int64_t nchan, nstokes;
	if (!sc_record_get_int(planes, "nChannels", &nchan) || !sc_record_get_int(planes, "nStokes", &nstokes) ||
	    nchan < 1 || nstokes < 1 || (uint64_t)nchan > planes->nfields || (uint64_t)nstokes > planes->nfields)
		return sc_error_set(err, -EUCLEAN, "%s/table.dat: its beams have no valid nChannels and nStokes", name);
	int rc = check_count(name, "channels", nchan, image_nchan, err);
	if (rc == 0)
		rc = check_count(name, "Stokes", nstokes, image_nstokes, err);
	bool stokes_along = beams->axis == SC_BEAMS_STOKES;
	part->along = (uint32_t)(stokes_along ? nstokes : nchan);
	part->across = (uint32_t)(stokes_along ? nchan : nstokes);
	for (int64_t i = 0; rc == 0 && i < nchan * nstokes; i++) {
		char key[32];
		int64_t channel = stokes_along ? i / nstokes : i % nchan,
			stokes = stokes_along ? i % nstokes : i / nchan;
		snprintf(key, sizeof(key), "*%lld", (long long)(channel + nchan * stokes));
		rc = read_beam(beams, name, sc_record_get_record(planes, key), err);
	}
	return rc;
}

static int note_without(struct sc_beams *beams, const char *name)
{
	if (beams->nwithout < NAMES_MAX && !(beams->without[beams->nwithout] = strdup(name)))
		return -ENOMEM;
	beams->nwithout++;
	return 0;
}

int sc_beams_add(struct sc_beams *beams, const char *name, int64_t nchan, int64_t nstokes,
		 const struct sc_record *imageinfo, struct sc_error *err)
{
	struct part_beams part = { .first = beams->nbeams };
	part.length = beams->axis == SC_BEAMS_STOKES ? nstokes : nchan;
	const struct sc_record *one = imageinfo ? sc_record_get_record(imageinfo, "restoringbeam") : NULL;
	const struct sc_record *planes = imageinfo ? sc_record_get_record(imageinfo, "perplanebeams") : NULL;
	struct part_beams *grown = sc_grow(beams->parts, beams->nparts + 1, &beams->parts_capacity, sizeof(part));
	if (!grown)
		return sc_error_errno(err, -ENOMEM, "%s/table.dat: cannot keep its beams", name);
	beams->parts = grown;
	int rc = 0;
	if (planes) {
		rc = read_plane_beams(beams, name, nchan, nstokes, planes, &part, err);
	} else if (one) {
		part.along = part.across = 1;
		rc = read_beam(beams, name, one, err);
	} else if (note_without(beams, name) < 0) {
		rc = sc_error_errno(err, -ENOMEM, "%s/table.dat: cannot keep its beams", name);
	}
	if (rc == 0)
		beams->parts[beams->nparts++] = part;
	return rc;
}

static bool beam_equal(const struct beam *a, const struct beam *b)
{
	for (int i = 0; i < NQUANTITIES; i++) {
		if (a->value[i] != b->value[i] || a->unit[i] != b->unit[i])
			return false;
	}
	return true;
}

/* The beam of a part's plane; a set with one on an axis holds for all on it. */
static const struct beam *plane_beam(const struct sc_beams *beams, const struct part_beams *part, int64_t along,
				     uint32_t across)
{
	size_t i = part->along == 1 ? 0 : (size_t)along, k = part->across == 1 ? 0 : across;
	return &beams->beams[part->first + k * part->along + i];
}

static int copy_plane_beam(struct sc_beams *beams, size_t part, int64_t along, uint32_t across)
{
	struct beam *grown = sc_grow(beams->beams, beams->nbeams + 1, &beams->beams_capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	beams->beams = grown;
	grown[beams->nbeams] = *plane_beam(beams, &beams->parts[part], along, across);
	beams->nbeams++;
	return 0;
}

/* The beams of a gap: its first half takes them from the last channel on its left, the second from the first on its
 * right. */
static int fill_blank(struct sc_beams *beams, size_t before, struct part_beams *blank)
{
	bool has_left = before > 0, has_right = before < beams->nparts;
	size_t left = before - 1, right = before;
	uint32_t left_across = has_left ? beams->parts[left].across : 0;
	uint32_t right_across = has_right ? beams->parts[right].across : 0;
	if ((has_left && left_across == 0) || (has_right && right_across == 0))
		return 0; /* some part has none: neither will the cube */
	blank->across = left_across > right_across ? left_across : right_across;
	blank->along = (uint32_t)blank->length;
	for (uint32_t s = 0; s < blank->across; s++) {
		for (int64_t c = 0; c < blank->length; c++) {
			bool from_left = has_left && (!has_right || 2 * c < blank->length);
			int64_t along = from_left ? beams->parts[left].length - 1 : 0;
			if (copy_plane_beam(beams, from_left ? left : right, along, s) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int sc_beams_insert_blank(struct sc_beams *beams, size_t before, int64_t nchan, struct sc_error *err)
{
	if (nchan == 0)
		return 0;
	struct part_beams blank = { .length = nchan, .first = beams->nbeams, .blank = true };
	struct part_beams *grown = sc_grow(beams->parts, beams->nparts + 1, &beams->parts_capacity, sizeof(blank));
	if (grown)
		beams->parts = grown;
	if (!grown || fill_blank(beams, before, &blank) < 0)
		return sc_error_errno(err, -ENOMEM, "cannot combine the beams");
	memmove(&grown[before + 1], &grown[before], (beams->nparts - before) * sizeof(blank));
	grown[before] = blank;
	beams->nparts++;
	return 0;
}

/*
 * The part whose set, of one channel, holds for every channel of every part: the first one, or
 * behind a gap in front the second; -1: none does.
 */
static int part_for_all(const struct sc_beams *beams, uint32_t across)
{
	int candidate = beams->parts[0].blank ? 1 : 0;
	const struct part_beams *first = &beams->parts[candidate];
	if (first->along != 1)
		return -1;
	for (size_t i = 0; i < beams->nparts; i++) {
		const struct part_beams *part = &beams->parts[i];
		for (uint32_t s = 0; s < across; s++) {
			for (uint32_t c = 0; c < part->along; c++) {
				if (!beam_equal(plane_beam(beams, first, 0, s), plane_beam(beams, part, c, s)))
					return -1;
			}
		}
	}
	return candidate;
}

static struct sc_record *beam_record(const struct sc_beams *beams, const struct beam *beam)
{
	sc_autorecord struct sc_record *record = sc_record_new();
	for (int i = 0; record && i < NQUANTITIES; i++) {
		struct sc_record *quantity = sc_record_new();
		if (!quantity || sc_record_put_double(quantity, "value", beam->value[i]) < 0 ||
		    sc_record_put_string(quantity, "unit", beams->units[beam->unit[i]]) < 0) {
			sc_record_free(quantity);
			return NULL;
		}
		if (sc_record_put_record(record, quantity_names[i], quantity) < 0)
			return NULL;
	}
	return sc_steal_ptr(record);
}

static int put_plane(const struct sc_beams *beams, struct sc_record *planes, uint64_t number, const struct beam *beam)
{
	char key[32];
	snprintf(key, sizeof(key), "*%llu", (unsigned long long)number);
	struct sc_record *record = beam_record(beams, beam);
	return record ? sc_record_put_record(planes, key, record) : -ENOMEM;
}

static int put_count(struct sc_record *planes, const char *name, int64_t count)
{
	struct sc_field field = { .type = SC_TYPE_UINT, .integer = count };
	return count > INT32_MAX ? -EFBIG : sc_record_put_field(planes, name, &field);
}

/* One beam for each plane of the parts `first` to `behind` - 1, which have `along` of them on the concatenation axis.
 */
static int put_planes(const struct sc_beams *beams, struct sc_record *planes, size_t first, size_t behind,
		      int64_t along, uint32_t across)
{
	bool stokes_along = beams->axis == SC_BEAMS_STOKES;
	int rc = put_count(planes, "nChannels", stokes_along ? across : along);
	if (rc == 0)
		rc = put_count(planes, "nStokes", stokes_along ? along : across);
	for (uint32_t s = 0; s < across; s++) {
		uint64_t position = 0;
		for (size_t i = first; i < behind; i++) {
			const struct part_beams *part = &beams->parts[i];
			int64_t length = behind == first + 1 ? along : part->length;
			for (int64_t c = 0; rc == 0 && c < length; c++, position++) {
				uint64_t number = stokes_along ? s + across * position : position + (uint64_t)along * s;
				rc = put_plane(beams, planes, number, plane_beam(beams, part, c, s));
			}
		}
	}
	return rc;
}

static size_t real_parts(const struct sc_beams *beams)
{
	size_t count = 0;
	for (size_t i = 0; i < beams->nparts; i++)
		count += !beams->parts[i].blank;
	return count;
}

static char *some_without_warning(const struct sc_beams *beams)
{
	char names[1024] = "";
	size_t used = 0, listed = beams->nwithout < NAMES_MAX ? beams->nwithout : NAMES_MAX;
	for (size_t i = 0; i < listed && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", beams->without[i]);
	char *text;
	if (asprintf(&text, "%zu of %zu parts have no restoring beam (%s%s); the cube gets none, as with casacore",
		     beams->nwithout, real_parts(beams), names, listed < beams->nwithout ? ", ..." : "") < 0)
		return NULL;
	return text;
}

/* How many beams there are across: every part has as many, or one for all. */
static int common_across(const struct sc_beams *beams, uint32_t *ret_across, struct sc_error *err)
{
	uint32_t across = 1;
	for (size_t i = 0; i < beams->nparts; i++) {
		if (beams->parts[i].across > across)
			across = beams->parts[i].across;
	}
	for (size_t i = 0; i < beams->nparts; i++) {
		if (beams->parts[i].across != 1 && beams->parts[i].across != across)
			return sc_error_set(err, -EUCLEAN, "the parts have beams for %u and for %u %s",
					    beams->parts[i].across, across,
					    beams->axis == SC_BEAMS_STOKES ? "channels" : "Stokes");
	}
	*ret_across = across;
	return 0;
}

static int store_planes(const struct sc_beams *beams, struct sc_record *imageinfo, size_t first, size_t behind,
			int64_t along, uint32_t across)
{
	if (along == 1 && across == 1) {
		struct sc_record *one = beam_record(beams, plane_beam(beams, &beams->parts[first], 0, 0));
		return one ? sc_record_put_record(imageinfo, "restoringbeam", one) : -ENOMEM;
	}
	sc_autorecord struct sc_record *planes = sc_record_new();
	int rc = planes ? put_planes(beams, planes, first, behind, along, across) : -ENOMEM;
	return rc < 0 ? rc : sc_record_put_record(imageinfo, "perplanebeams", sc_steal_ptr(planes));
}

/* Parts have one shape, but their pixel maps may tell that two coordinates are along one axis. */
static int check_lengths(const struct sc_beams *beams, struct sc_error *err)
{
	for (size_t i = 1; i < beams->nparts; i++) {
		if (beams->parts[i].length != beams->parts[0].length)
			return sc_error_set(err, -EUCLEAN, "the parts have %lld and %lld channels",
					    (long long)beams->parts[0].length, (long long)beams->parts[i].length);
	}
	return 0;
}

/* Whether both parts, of equal shape, have the same beam for each plane. */
static bool part_equal(const struct sc_beams *beams, const struct part_beams *a, const struct part_beams *b)
{
	uint32_t across = a->across > b->across ? a->across : b->across;
	for (int64_t c = 0; c < a->length; c++) {
		for (uint32_t s = 0; s < across; s++) {
			if (!beam_equal(plane_beam(beams, a, c, s), plane_beam(beams, b, c, s)))
				return false;
		}
	}
	return true;
}

/*
 * Concatenated along neither axis, all parts should have the same beams. When they differ casacore keeps the first
 * part's, but one for each plane rather than one for all.
 */
static int store_one_parts(const struct sc_beams *beams, struct sc_record *imageinfo, char **ret_warning,
			   struct sc_error *err)
{
	size_t kept = 0;
	bool alike = true;
	uint32_t across = 0;
	int rc = check_lengths(beams, err);
	if (rc == 0)
		rc = common_across(beams, &across, err);
	if (rc < 0)
		return rc;
	for (size_t i = 1; i < beams->nparts; i++) {
		const struct part_beams *part = &beams->parts[i], *best = &beams->parts[kept];
		alike &= part_equal(beams, &beams->parts[0], part);
		if ((uint64_t)part->along * part->across > (uint64_t)best->along * best->across)
			kept = i;
	}
	if (!alike && asprintf(ret_warning, "the parts have different restoring beams; the cube gets the %s",
			       kept == 0 ? "first part's" : "first ones that are given for each plane") < 0) {
		*ret_warning = NULL;
		return -ENOMEM;
	}
	return store_planes(beams, imageinfo, kept, kept + 1, beams->parts[kept].along, beams->parts[kept].across);
}

static int store_concatenated(const struct sc_beams *beams, struct sc_record *imageinfo, struct sc_error *err)
{
	uint32_t across = 0;
	int rc = common_across(beams, &across, err);
	if (rc < 0)
		return rc;
	int for_all = part_for_all(beams, across);
	if (for_all >= 0)
		return store_planes(beams, imageinfo, (size_t)for_all, (size_t)for_all + 1, 1,
				    beams->parts[for_all].across);
	int64_t along = 0;
	for (size_t i = 0; i < beams->nparts; i++)
		along += beams->parts[i].length;
	return store_planes(beams, imageinfo, 0, beams->nparts, along, across);
}

int sc_beams_store(const struct sc_beams *beams, struct sc_record *imageinfo, char **ret_warning, struct sc_error *err)
{
	struct sc_error reason = { 0 };
	*ret_warning = NULL;
	sc_record_remove(imageinfo, "restoringbeam");
	sc_record_remove(imageinfo, "perplanebeams");
	if (beams->nwithout == real_parts(beams))
		return 0;
	if (beams->nwithout > 0) {
		*ret_warning = some_without_warning(beams);
		return *ret_warning ? 0 : sc_error_errno(err, -ENOMEM, "cannot combine the beams");
	}
	int rc = beams->axis == SC_BEAMS_NEITHER ? store_one_parts(beams, imageinfo, ret_warning, &reason)
						 : store_concatenated(beams, imageinfo, &reason);
	if (rc == 0)
		return 0;
	return reason.code ? sc_error_set(err, rc, "%s", reason.text)
			   : sc_error_errno(err, rc, "cannot combine the beams");
}

static bool degenerate(const struct sc_beams *beams, const struct part_beams *part, int64_t along)
{
	for (uint32_t s = 0; s < part->across; s++) {
		const struct beam *beam = plane_beam(beams, part, along, s);
		if (sc_beamrange_arcsec(beam->value[0], beams->units[beam->unit[0]]) <= SC_BEAM_DEGENERATE_ARCSEC)
			return true;
	}
	return false;
}

/* Appends "first" or "first-last"; false when the line is full. */
static bool append_run(char *line, size_t size, int64_t first, int64_t last)
{
	size_t used = strlen(line);
	char run[64];
	snprintf(run, sizeof(run), first == last ? "%s%lld" : "%s%lld-%lld", used ? ", " : "", (long long)first,
		 (long long)last);
	if (used + strlen(run) + sizeof(", ...") > size) {
		memcpy(line + used, ", ...", sizeof(", ..."));
		return false;
	}
	memcpy(line + used, run, strlen(run) + 1);
	return true;
}

char *sc_beams_degenerate_channels(const struct sc_beams *beams)
{
	char line[400] = "";
	int64_t channel = 0, first = -1;
	if (beams->axis != SC_BEAMS_CHANNELS)
		return NULL;
	for (size_t i = 0; i < beams->nparts; i++) {
		const struct part_beams *part = &beams->parts[i];
		for (int64_t c = 0; c < part->length; c++, channel++) {
			bool bad = part->along > 0 && !part->blank && degenerate(beams, part, c);
			if (bad && first < 0)
				first = channel;
			if (!bad && first >= 0) {
				if (!append_run(line, sizeof(line), first, channel - 1))
					return strdup(line);
				first = -1;
			}
		}
	}
	if (first >= 0)
		append_run(line, sizeof(line), first, channel - 1);
	return line[0] ? strdup(line) : NULL;
}
