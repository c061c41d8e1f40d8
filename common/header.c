#include "header.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "beams.h"
#include "concataxis.h"
#include "coordinates.h"
#include "miscinfo.h"
#include "spectral.h"
#include "warnings.h"
#include "worlds.h"

/* So many parts are named for one kind of difference; the others are counted. */
#define NAMED_DIFFERENCES 5

#define STEP_TOLERANCE 0.0099 /* of a channel: casacore's, and what it may lose in rounding */

/* How often one kind of difference was seen. */
struct difference_count {
	char what[128];
	size_t count;
};

struct sc_header_builder {
	struct sc_header_options options;
	char *first_name;
	struct sc_record *first; /* the first part's keywords */
	struct sc_header header; /* shape, type, warnings so far; records are put in by finish */
	struct sc_concataxis axis;
	double first_increment;
	bool shown_apart; /* not all parts show the spectral axis in the same unit and frame */
	bool has_steps;   /* a part does not begin where casacore has the one before it end */
	struct sc_worlds worlds;
	struct sc_beams *beams;
	struct sc_miscinfo miscinfo;
	size_t ndifferences;
	struct difference_count *differences;
};

struct sc_header_builder *sc_header_builder_new(const struct sc_header_options *options)
{
	struct sc_header_builder *builder = calloc(1, sizeof(*builder));
	if (!builder)
		return NULL;
	builder->options = *options;
	/* Of a family, not of a list. */
	if (options->same_increments)
		builder->worlds.hint = " (if it is left over from another run, --nparts leaves it out)";
	if (sc_miscinfo_init(&builder->miscinfo) < 0) {
		sc_header_builder_free(builder);
		return NULL;
	}
	return builder;
}

void sc_header_builder_free(struct sc_header_builder *builder)
{
	if (!builder)
		return;
	sc_header_clear(&builder->header);
	sc_record_free(builder->first);
	sc_beams_free(builder->beams);
	sc_miscinfo_clear(&builder->miscinfo);
	sc_worlds_clear(&builder->worlds);
	free(builder->first_name);
	free(builder->differences);
	free(builder);
}

static int out_of_memory(struct sc_error *err)
{
	return sc_error_errno(err, -ENOMEM, "cannot build the header");
}

sc_printf_format(2, 3) static int add_warning(struct sc_header *header, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int rc = sc_warnings_add(&header->warnings, &header->nwarnings, format, args);
	va_end(args);
	return rc;
}

/* Counts one more difference of the kind `what`; NULL: out of memory. */
static struct difference_count *count_difference(struct sc_header_builder *builder, const char *what)
{
	for (size_t i = 0; i < builder->ndifferences; i++) {
		if (strcmp(builder->differences[i].what, what) == 0) {
			builder->differences[i].count++;
			return &builder->differences[i];
		}
	}
	struct difference_count *grown = reallocarray(builder->differences, builder->ndifferences + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	builder->differences = grown;
	struct difference_count *added = &grown[builder->ndifferences++];
	snprintf(added->what, sizeof(added->what), "%s", what);
	added->count = 1;
	return added;
}

struct comparison {
	struct sc_header_builder *builder;
	const char *part;
	struct sc_error *err; /* with options.strict differences are errors */
};

static int note_difference(void *context, const char *what, const char *first, const char *other)
{
	const struct comparison *comparison = context;
	struct sc_header_builder *builder = comparison->builder;
	if (builder->options.strict)
		return sc_error_set(comparison->err, -EUCLEAN, "%s: its %s is %s, not %s as in %s", comparison->part,
				    what, other[0] ? other : "empty", first[0] ? first : "empty", builder->first_name);
	struct difference_count *seen = count_difference(builder, what);
	if (!seen)
		return -ENOMEM;
	if (seen->count > NAMED_DIFFERENCES)
		return 0;
	return add_warning(&builder->header, "%s: its %s is %s, not %s as in %s, whose value is used", comparison->part,
			   what, other[0] ? other : "empty", first[0] ? first : "empty", builder->first_name);
}

/* "96 x 80 x 1 x 12" */
static void format_shape(char *text, size_t size, const struct sc_tsm *tsm)
{
	size_t used = 0;
	text[0] = 0;
	for (int i = 0; i < tsm->ndim && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? " x " : "", tsm->shape[i]);
}

static int check_shape(const struct sc_header_builder *builder, const char *name, const struct sc_tsm *tsm,
		       struct sc_error *err)
{
	const struct sc_header *header = &builder->header;
	bool same = tsm->ndim == header->ndim;
	for (int i = 0; same && i < tsm->ndim; i++)
		same = i == header->axis || tsm->shape[i] == header->shape[i];
	if (same)
		return 0;
	char shape[200], first_shape[200];
	struct sc_tsm first = { .ndim = header->ndim };
	memcpy(first.shape, header->shape, sizeof(first.shape));
	/* The first part's own length on the axis is no longer known here, nor does it matter. */
	format_shape(shape, sizeof(shape), tsm);
	first.shape[header->axis] = tsm->ndim == header->ndim ? tsm->shape[header->axis] : header->shape[header->axis];
	format_shape(first_shape, sizeof(first_shape), &first);
	return sc_error_set(err, -EUCLEAN, "%s: its shape is %s, expected %s as in %s", name, shape, first_shape,
			    builder->first_name);
}

/* Takes shape, type, axis and keywords from the first part. */
static int begin(struct sc_header_builder *builder, const char *name, const struct sc_subcube *part,
		 struct sc_error *err)
{
	struct sc_header *header = &builder->header;
	const struct sc_tsm *tsm = &part->pixels.tsm;
	const struct sc_record *coords = sc_record_get_record(part->keywords, "coords");
	if (!coords)
		return sc_error_set(err, -EUCLEAN, "%s/table.dat: no coordinates, not a CASA image", name);
	int rc = sc_concataxis_find(coords, builder->options.axis_given ? builder->options.axis : -1, tsm->ndim, name,
				    &builder->axis, err);
	if (rc < 0)
		return rc;
	header->axis = builder->axis.pixel_axis;
	header->spectral = builder->axis.kind == SC_AXIS_SPECTRAL;
	header->ndim = tsm->ndim;
	header->type = tsm->type;
	memcpy(header->shape, tsm->shape, sizeof(header->shape));
	header->shape[header->axis] = 0;
	enum sc_concataxis_kind kind = builder->axis.kind;
	builder->beams = sc_beams_new(kind == SC_AXIS_SPECTRAL ? SC_BEAMS_CHANNELS
				      : kind == SC_AXIS_STOKES ? SC_BEAMS_STOKES
							       : SC_BEAMS_NEITHER);
	builder->first_name = strdup(name);
	builder->first = sc_record_copy(part->keywords);
	return builder->beams && builder->first_name && builder->first ? 0 : out_of_memory(err);
}

static int compare_text(struct comparison *comparison, const char *what, const char *first, const char *other)
{
	first = first ? first : "";
	other = other ? other : "";
	return strcmp(first, other) == 0 ? 0 : note_difference(comparison, what, first, other);
}

/* Compares what all parts should have in common with the first part. */
static int compare(struct sc_header_builder *builder, const char *name, const struct sc_subcube *part,
		   struct sc_error *err)
{
	struct sc_error difference = { 0 };
	struct comparison comparison = { builder, name, &difference };
	int rc = check_shape(builder, name, &part->pixels.tsm, err);
	if (rc < 0)
		return rc;
	if (part->pixels.tsm.type != builder->header.type)
		return sc_error_set(err, -EUCLEAN, "%s: its pixels are %s, expected %s as in %s", name,
				    sc_type_name(part->pixels.tsm.type), sc_type_name(builder->header.type),
				    builder->first_name);
	const struct sc_record *coords = sc_record_get_record(part->keywords, "coords");
	if (!coords)
		return sc_error_set(err, -EUCLEAN, "%s/table.dat: no coordinates, not a CASA image", name);
	rc = sc_coordinates_compare(sc_record_get_record(builder->first, "coords"), coords, builder->first_name, name,
				    builder->axis.coordinate, builder->axis.index, note_difference, &comparison,
				    &difference);
	if (rc < 0)
		return difference.code ? sc_error_set(err, rc, "%s", difference.text) : out_of_memory(err);

	const struct sc_record *info = sc_record_get_record(part->keywords, "imageinfo");
	const struct sc_record *first_info = sc_record_get_record(builder->first, "imageinfo");
	static const struct {
		const char *name, *what;
	} fields[] = { { "objectname", "object" }, { "imagetype", "image type" } };
	rc = compare_text(&comparison, "brightness unit", sc_record_get_string(builder->first, "units"),
			  sc_record_get_string(part->keywords, "units"));
	for (size_t i = 0; rc == 0 && i < SC_COUNT_OF(fields); i++)
		rc = compare_text(&comparison, fields[i].what,
				  first_info ? sc_record_get_string(first_info, fields[i].name) : NULL,
				  info ? sc_record_get_string(info, fields[i].name) : NULL);
	if (rc < 0)
		return difference.code ? sc_error_set(err, rc, "%s", difference.text) : out_of_memory(err);
	return 0;
}

static const struct sc_record *spectral_of(const struct sc_header_builder *builder, const struct sc_record *keywords)
{
	const char *kind;
	return sc_coordinates_get(sc_record_get_record(keywords, "coords"), builder->axis.coordinate, &kind);
}

/*
 * Parts are joined by it where they are shown, with a step of at most 1% of a channel; else they are tabulated as they
 * are shown.
 */
static void look_as_casacore(struct sc_header_builder *builder, const struct sc_subcube *part, double increment)
{
	double unused, last, next;
	size_t index = builder->worlds.nparts - 1;
	sc_worlds_of_part(&builder->worlds, index - 1, &unused, &last);
	sc_worlds_of_part(&builder->worlds, index, &next, &unused);
	if (!(fabs(next - increment - last) <= STEP_TOLERANCE * fabs(increment)))
		builder->has_steps = true;
	if (!sc_spectral_are_shown_alike(spectral_of(builder, builder->first), spectral_of(builder, part->keywords)))
		builder->shown_apart = true;
}

/* A table of frequencies has a mean spacing, which is no width of channels: with a single one it is anything. */
static bool is_of_another_run(const struct sc_header_builder *builder, const struct sc_subcube *part, double increment)
{
	const struct sc_concataxis *axis = &builder->axis;
	return builder->options.same_increments && builder->header.spectral &&
	       sc_concataxis_goes_on(axis, sc_record_get_record(builder->first, "coords")) &&
	       sc_concataxis_goes_on(axis, sc_record_get_record(part->keywords, "coords")) &&
	       !(fabs(increment - builder->first_increment) <= 0.01 * fabs(builder->first_increment));
}

static int add_worlds(struct sc_header_builder *builder, const char *name, const struct sc_subcube *part,
		      struct sc_error *err)
{
	struct sc_header *header = &builder->header;
	bool is_first = builder->worlds.nparts == 0;
	double increment;
	int rc = sc_worlds_add(&builder->worlds, &builder->axis, sc_record_get_record(part->keywords, "coords"), name,
			       part->pixels.tsm.shape[header->axis], &increment, err);
	if (rc < 0)
		return rc;
	header->shape[header->axis] = (int64_t)builder->worlds.count;
	if (is_first)
		builder->first_increment = increment;
	else if (header->spectral)
		look_as_casacore(builder, part, increment);
	if (is_of_another_run(builder, part, increment))
		return sc_error_set(
		    err, -EUCLEAN,
		    "%s: its channels are %.10g Hz wide, not %.10g Hz as in %s; if it is left over from "
		    "another run, --nparts leaves it out",
		    name, increment, builder->first_increment, builder->first_name);
	return 0;
}

/* The length of the image's spectral or Stokes axis; 1 when it has none. */
static int64_t length_of(const struct sc_subcube *part, const char *kind)
{
	int axis = sc_coordinates_find_axis(sc_record_get_record(part->keywords, "coords"), kind);
	return axis >= 0 && axis < part->pixels.tsm.ndim ? part->pixels.tsm.shape[axis] : 1;
}

static int add_beams(struct sc_header_builder *builder, const char *name, const struct sc_subcube *part,
		     struct sc_error *err)
{
	return sc_beams_add(builder->beams, name, length_of(part, "spectral"), length_of(part, "stokes"),
			    sc_record_get_record(part->keywords, "imageinfo"), err);
}

int sc_header_builder_add(struct sc_header_builder *builder, const char *name, const struct sc_subcube *part,
			  struct sc_error *err)
{
	const struct sc_record *miscinfo = sc_record_get_record(part->keywords, "miscinfo");
	bool is_first = builder->worlds.nparts == 0;
	int rc = is_first ? begin(builder, name, part, err) : compare(builder, name, part, err);
	if (rc == 0)
		rc = add_worlds(builder, name, part, err);
	if (rc == 0)
		rc = add_beams(builder, name, part, err);
	bool wanted = is_first || !builder->options.first_miscinfo;
	if (rc == 0 && wanted && sc_miscinfo_add(&builder->miscinfo, miscinfo) < 0)
		rc = out_of_memory(err);
	builder->header.has_mask |= rc == 0 && part->has_mask;
	return rc;
}

int sc_header_builder_axis(const struct sc_header_builder *builder)
{
	assert(builder->worlds.nparts > 0);
	return builder->header.axis;
}

bool sc_header_builder_is_spectral(const struct sc_header_builder *builder)
{
	return builder->header.spectral;
}

void sc_header_builder_worlds(const struct sc_header_builder *builder, size_t index, double *ret_first,
			      double *ret_last)
{
	sc_worlds_of_part(&builder->worlds, index, ret_first, ret_last);
}

double sc_header_builder_increment(const struct sc_header_builder *builder)
{
	return builder->first_increment;
}

/* With a gap in front the first channel is no longer that of the first part: its coordinate moves along. */
static int move_reference(struct sc_header_builder *builder, const struct sc_gap *gaps, size_t ngaps,
			  struct sc_error *err)
{
	if (ngaps == 0 || gaps[0].before != 0 || gaps[0].nchan == 0)
		return 0;
	if (sc_concataxis_shift(&builder->axis, builder->header.coords, gaps[0].nchan) < 0)
		return out_of_memory(err);
	return 0;
}

static int finish_axis(struct sc_header_builder *builder, struct sc_error *err)
{
	struct sc_header *header = &builder->header;
	const struct sc_worlds *worlds = &builder->worlds;
	sc_autofree char *warning = NULL;
	int rc = sc_concataxis_finish(&builder->axis, header->coords, worlds->values, worlds->count,
				      builder->first_increment, worlds->order_problem, builder->options.strict, &warning,
				      err);
	if (rc < 0)
		return rc;
	header->axis_differs = warning || builder->shown_apart;
	/* A table of numbers in another unit or frame is taken for one in Hz of the native frame. */
	if (builder->has_steps && !sc_spectral_is_shown_as_stored(spectral_of(builder, builder->first)))
		header->axis_differs = true;
	return warning && add_warning(header, "%s", warning) < 0 ? out_of_memory(err) : 0;
}

static int finish_beams(struct sc_header_builder *builder, const struct sc_gap *gaps, size_t ngaps,
			struct sc_error *err)
{
	struct sc_header *header = &builder->header;
	sc_autofree char *warning = NULL, *flagged = NULL;
	int rc = 0;
	/* From the back, so that the positions of the others hold. */
	for (size_t i = ngaps; rc == 0 && i-- > 0;)
		rc = sc_beams_insert_blank(builder->beams, gaps[i].before, gaps[i].nchan, err);
	if (rc == 0)
		rc = sc_beams_store(builder->beams, header->imageinfo, &warning, err);
	if (rc < 0)
		return rc;
	if (warning && builder->options.strict)
		return sc_error_set(err, -EUCLEAN, "%s", warning);
	if (warning && add_warning(header, "%s", warning) < 0)
		return out_of_memory(err);
	flagged = sc_beams_degenerate_channels(builder->beams);
	if (flagged &&
	    add_warning(header, "flagged altogether, by their degenerate beams: channels %s (from 0)", flagged) < 0)
		return out_of_memory(err);
	return 0;
}

static int finish_warnings(struct sc_header_builder *builder)
{
	for (size_t i = 0; i < builder->ndifferences; i++) {
		const struct difference_count *seen = &builder->differences[i];
		if (seen->count > NAMED_DIFFERENCES &&
		    add_warning(&builder->header, "%zu more parts have another %s than %s",
				seen->count - NAMED_DIFFERENCES, seen->what, builder->first_name) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* A copy of the first part's image info, with casacore's defaults for what it lacks (ImageInfo.cc). */
static struct sc_record *first_imageinfo(const struct sc_header_builder *builder)
{
	const struct sc_record *first = sc_record_get_record(builder->first, "imageinfo");
	sc_autorecord struct sc_record *info = first ? sc_record_copy(first) : sc_record_new();
	if (!info)
		return NULL;
	if (!sc_record_get_string(info, "imagetype") && sc_record_put_string(info, "imagetype", "Intensity") < 0)
		return NULL;
	if (!sc_record_get_string(info, "objectname") && sc_record_put_string(info, "objectname", "") < 0)
		return NULL;
	return sc_steal_ptr(info);
}

int sc_header_builder_finish(struct sc_header_builder *builder, const struct sc_gap *gaps, size_t ngaps,
			     struct sc_header *ret_header, struct sc_error *err)
{
	assert(builder->worlds.nparts > 0);
	struct sc_header *header = &builder->header;
	const char *units = sc_record_get_string(builder->first, "units");
	header->coords = sc_record_copy(sc_record_get_record(builder->first, "coords"));
	header->imageinfo = first_imageinfo(builder);
	header->units = strdup(units ? units : "");
	if (!header->coords || !header->imageinfo || !header->units)
		return out_of_memory(err);
	int rc = sc_worlds_insert_gaps(&builder->worlds, gaps, ngaps, err);
	header->shape[header->axis] = (int64_t)builder->worlds.count;
	if (rc == 0)
		rc = move_reference(builder, gaps, ngaps, err);
	/* A single part's own coordinate is right as it is, whatever it is. */
	if (rc == 0 && (builder->worlds.nparts > 1 || ngaps > 0))
		rc = finish_axis(builder, err);
	if (rc == 0)
		rc = finish_beams(builder, gaps, ngaps, err);
	if (rc == 0 && finish_warnings(builder) < 0)
		rc = out_of_memory(err);
	if (rc < 0)
		return rc;
	header->miscinfo = sc_steal_ptr(builder->miscinfo.merged);
	*ret_header = *header;
	*header = (struct sc_header){ 0 };
	return 0;
}

void sc_header_clear(struct sc_header *header)
{
	sc_record_free(header->coords);
	sc_record_free(header->imageinfo);
	sc_record_free(header->miscinfo);
	free(header->units);
	sc_warnings_free(header->warnings, header->nwarnings);
	*header = (struct sc_header){ 0 };
}
