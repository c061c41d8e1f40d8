#include "assemble.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "concataxis.h"
#include "gaps.h"
#include "warnings.h"
#include "partreader.h"

/* So many missing parts are named in a message; the others are counted. */
#define NAMED_MISSING 5

/* What is kept of a part until all are read. */
struct digest {
	const struct sc_part_name *name; /* the product's */
	struct sc_file_id pixels_id, mask_id;
	struct sc_identity identity;
	int64_t count; /* pixels on the axis */
	uint32_t pixels_storage, mask_storage;
};

struct assembly {
	struct sc_view *view;
	const struct sc_product *product;
	const struct sc_view_options *options;
	struct sc_header_builder *builder;
	size_t ndigests;
	struct digest *digests;
	uint64_t last_number; /* of the complete product */
	int64_t nmissing;     /* parts */
	size_t ngaps;
	struct sc_gap *gaps;
	bool has_masked_blank;
};

static int out_of_memory(const struct sc_view *view, struct sc_error *err)
{
	return sc_error_errno(err, -ENOMEM, "%s: cannot build the view", view->name);
}

int sc_assemble_warn(struct sc_view *view, struct sc_error *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int rc = sc_warnings_add(&view->warnings, &view->nwarnings, format, args);
	va_end(args);
	return rc < 0 ? out_of_memory(view, err) : 0;
}

/* Adds "NAME" or "NAME to NAME" of missing parts to a list that is cut when it gets long. */
static int name_missing(const struct sc_product *product, uint64_t first, uint64_t last, char *list, size_t size)
{
	sc_autofree char *first_name = sc_scan_part_name(product, first);
	sc_autofree char *last_name = sc_scan_part_name(product, last);
	size_t used = strlen(list);
	if (!first_name || !last_name)
		return -ENOMEM;
	if (first == last)
		snprintf(list + used, size - used, "%s%s", used ? ", " : "", first_name);
	else
		snprintf(list + used, size - used, "%s%s to %s", used ? ", " : "", first_name, last_name);
	return 0;
}

/*
 * Lists the missing numbers in `text`, of `size` bytes; returns how many there are, or -ENOMEM.
 */
static int64_t list_missing(const struct assembly *assembly, char *text, size_t size)
{
	const struct sc_product *product = assembly->product;
	uint64_t next = product->first_number;
	int64_t nmissing = 0;
	unsigned runs = 0;
	text[0] = 0;
	for (size_t i = 0; i <= assembly->ndigests; i++) {
		uint64_t number =
		    i < assembly->ndigests ? assembly->digests[i].name->number : assembly->last_number + 1;
		if (number > next) {
			nmissing += (int64_t)(number - next);
			if (runs < NAMED_MISSING && name_missing(product, next, number - 1, text, size) < 0)
				return -ENOMEM;
			runs++;
		}
		if (number + 1 > next)
			next = number + 1;
	}
	size_t used = strlen(text);
	if (runs > NAMED_MISSING)
		snprintf(text + used, size - used, " and %u more gap%s", runs - NAMED_MISSING,
			 runs == NAMED_MISSING + 1 ? "" : "s");
	return nmissing;
}

/* Decides which parts take part: those with a number below the one that --nparts excludes. */
static int select_parts(struct assembly *assembly, struct sc_error *err)
{
	const struct sc_product *product = assembly->product;
	const struct sc_view_options *options = assembly->options;
	assembly->digests = calloc(product->nparts + 1, sizeof(*assembly->digests));
	if (!assembly->digests)
		return out_of_memory(assembly->view, err);
	assembly->last_number = product->last_number;
	bool limited = options->nparts > 0 && !product->listed;
	if (limited)
		assembly->last_number = product->first_number + options->nparts - 1;
	size_t left_out = 0;
	for (size_t i = 0; i < product->nparts; i++) {
		if (limited && product->parts[i].number > assembly->last_number)
			left_out++;
		else
			assembly->digests[assembly->ndigests++].name = &product->parts[i];
	}
	if (assembly->ndigests == 0)
		return sc_error_set(err, -ENOENT, "%s: all its parts are numbered above %" PRIu64, assembly->view->name,
				    assembly->last_number);
	if (left_out == 0)
		return 0;
	return sc_assemble_warn(assembly->view, err, "%zu part%s from %s on %s left out: there should be %" PRIu64,
				left_out, left_out == 1 ? "" : "s", product->parts[assembly->ndigests].name,
				left_out == 1 ? "is" : "are", options->nparts);
}

static int report_missing(struct assembly *assembly, struct sc_error *err)
{
	char names[900];
	struct sc_view *view = assembly->view;
	int64_t nmissing = assembly->product->listed ? 0 : list_missing(assembly, names, sizeof(names));
	if (nmissing < 0)
		return out_of_memory(view, err);
	assembly->nmissing = nmissing;
	if (nmissing == 0)
		return 0;
	const char *verb = nmissing == 1 ? "is" : "are";
	switch (assembly->options->missing) {
	case SC_MISSING_ERROR:
		return sc_error_set(err, -ENOENT, "%s: %s %s missing; --missing=blank or --missing=skip goes without",
				    view->name, names, verb);
	case SC_MISSING_SKIP:
		return sc_assemble_warn(view, err, "%s %s missing; the cube is without %s channels", names, verb,
					nmissing == 1 ? "its" : "their");
	case SC_MISSING_BLANK:
		return 0; /* each gap is named with its channels, once they are known */
	}
	abort();
}

static void storage_of(const struct sc_subcube_array *array, struct sc_storage *storage)
{
	*storage = (struct sc_storage){ .offset_bytes = array->tsm.offset_bytes,
					.big_endian = array->tsm.big_endian,
					.coding = array->coding };
	memcpy(storage->tile, array->tsm.tile, sizeof(storage->tile));
	_Static_assert(sizeof(storage->file) >= sizeof(array->file), "a part's file name fits");
	memcpy(storage->file, array->file, sizeof(array->file));
}

/* Notes a data file that ends before its last tile. */
static int check_length(struct sc_view *view, const char *name, const struct sc_subcube_array *array,
			struct sc_error *err)
{
	if (array->id.size_bytes >= array->needed_bytes)
		return 0;
	const char *slash = array->file[0] ? "/" : "";
	if (view->ntruncated++ == 0 &&
	    asprintf(&view->truncated, "%s%s%s: %" PRIu64 " bytes long, expected %" PRIu64, name, slash, array->file,
		     array->id.size_bytes, array->needed_bytes) < 0) {
		view->truncated = NULL;
		return out_of_memory(view, err);
	}
	return 0;
}

/* Keeps how and where the part is stored. The mask's layout is kept along, whether or not any part has a mask. */
static int digest_part(struct assembly *assembly, struct digest *digest, const struct sc_subcube *subcube,
		       struct sc_error *err)
{
	struct sc_view *view = assembly->view;
	const struct sc_tsm *tsm = &subcube->pixels.tsm;
	const char *name = digest->name->name;
	int axis = sc_header_builder_axis(assembly->builder), rc = 0;
	if (view->pixels.ndim == 0) {
		rc = sc_layout_init(&view->pixels, tsm->ndim, tsm->shape, axis, tsm->type, err);
		if (rc == 0)
			rc = sc_layout_init(&view->mask, tsm->ndim, tsm->shape, axis, SC_TYPE_BOOL, err);
	}
	digest->count = tsm->shape[axis];
	digest->pixels_id = subcube->pixels.id;
	digest->mask_id = subcube->mask.id;
	digest->identity = subcube->identity;
	digest->mask_storage = SC_STORAGE_ONES;
	struct sc_storage storage;
	storage_of(&subcube->pixels, &storage);
	if (rc == 0)
		rc = sc_layout_add_storage(&view->pixels, &storage, &digest->pixels_storage, err);
	if (rc == 0)
		rc = check_length(view, name, &subcube->pixels, err);
	if (rc < 0 || !subcube->has_mask)
		return rc;
	storage_of(&subcube->mask, &storage);
	rc = sc_layout_add_storage(&view->mask, &storage, &digest->mask_storage, err);
	/* A FITS image's mask is in its pixels. */
	return rc < 0 || !subcube->mask.file[0] ? rc : check_length(view, name, &subcube->mask, err);
}

/* What opens the parts in their present order; its memory is freed with free_part_reader. */
struct part_reader {
	const char **names;
	struct sc_partreader *reader;
};

static void free_part_reader(struct part_reader *parts)
{
	sc_partreader_free(parts->reader);
	free(parts->names);
}

#define sc_autopartreader __attribute__((cleanup(free_part_reader)))

static int start_reading(const struct assembly *assembly, struct part_reader *parts, struct sc_error *err)
{
	parts->names = calloc(assembly->ndigests, sizeof(*parts->names));
	if (!parts->names)
		return out_of_memory(assembly->view, err);
	for (size_t i = 0; i < assembly->ndigests; i++)
		parts->names[i] = assembly->digests[i].name->name;
	parts->reader = sc_partreader_new(assembly->view->source, parts->names, assembly->ndigests);
	return parts->reader ? 0 : out_of_memory(assembly->view, err);
}

static int read_part(struct assembly *assembly, struct sc_partreader *reader, struct digest *digest,
		     struct sc_error *err)
{
	struct sc_subcube subcube;
	int rc = sc_partreader_next(reader, &subcube, err);
	if (rc < 0)
		return rc;
	rc = sc_header_builder_add(assembly->builder, digest->name->name, &subcube, err);
	if (rc == 0)
		rc = digest_part(assembly, digest, &subcube, err);
	sc_access_merge(&assembly->view->files, &subcube.files);
	sc_subcube_clear(&subcube);
	return rc;
}

static int read_parts(struct assembly *assembly, struct sc_error *err)
{
	struct sc_header_options options = assembly->options->header;
	/* A family whose size the user gave has been cleared of strangers; a list is what the user wants. */
	options.same_increments = !assembly->product->listed && assembly->options->nparts == 0;
	assembly->builder = sc_header_builder_new(&options);
	if (!assembly->builder)
		return out_of_memory(assembly->view, err);
	sc_autopartreader struct part_reader parts = { 0 };
	int rc = start_reading(assembly, &parts, err);
	for (size_t i = 0; i < assembly->ndigests && rc == 0; i++)
		rc = read_part(assembly, parts.reader, &assembly->digests[i], err);
	return rc;
}

/* The world value at the part's first pixel, and the sign of its increment. */
static int first_world(const struct assembly *assembly, struct sc_partreader *reader, const char *name,
		       double *ret_world, double *ret_increment, struct sc_error *err)
{
	struct sc_subcube subcube;
	struct sc_concataxis axis;
	const struct sc_header_options *options = &assembly->options->header;
	int rc = sc_partreader_next(reader, &subcube, err);
	if (rc < 0)
		return rc;
	const struct sc_record *coords = sc_record_get_record(subcube.keywords, "coords");
	if (!coords)
		rc = sc_error_set(err, -EUCLEAN, "%s/table.dat: no coordinates, not a CASA image", name);
	if (rc == 0)
		rc = sc_concataxis_find(coords, options->axis_given ? options->axis : -1, subcube.pixels.tsm.ndim, name,
					&axis, err);
	if (rc == 0)
		rc = sc_concataxis_worlds(&axis, coords, name, 1, ret_world, ret_increment, err);
	sc_subcube_clear(&subcube);
	return rc;
}

struct keyed_digest {
	double key;
	struct digest digest;
};

static int compare_keys(const void *left, const void *right)
{
	double a = ((const struct keyed_digest *)left)->key, b = ((const struct keyed_digest *)right)->key;
	return (a > b) - (a < b);
}

/* Puts the parts in the order of their world coordinates, falling when the first part's increment is negative, as CASA
 * does. */
static int reorder(struct assembly *assembly, struct sc_error *err)
{
	sc_autofree struct keyed_digest *keyed = calloc(assembly->ndigests, sizeof(*keyed));
	if (!keyed)
		return out_of_memory(assembly->view, err);
	sc_autopartreader struct part_reader parts = { 0 };
	int rc = start_reading(assembly, &parts, err);
	if (rc < 0)
		return rc;
	double sign = 1;
	for (size_t i = 0; i < assembly->ndigests; i++) {
		double world, increment;
		rc = first_world(assembly, parts.reader, assembly->digests[i].name->name, &world, &increment, err);
		if (rc < 0)
			return rc;
		if (i == 0 && increment < 0)
			sign = -1;
		keyed[i] = (struct keyed_digest){ sign * world, assembly->digests[i] };
	}
	qsort(keyed, assembly->ndigests, sizeof(*keyed), compare_keys);
	for (size_t i = 0; i < assembly->ndigests; i++)
		assembly->digests[i] = keyed[i].digest;
	return 0;
}

/* When nothing is missing, there should be as many channels as the user expects. */
static int check_total(const struct assembly *assembly, struct sc_error *err)
{
	int64_t total = 0, expected = assembly->options->nchan;
	for (size_t i = 0; i < assembly->ndigests; i++)
		total += assembly->digests[i].count;
	if (expected == 0 || total == expected || assembly->nmissing > 0)
		return 0;
	return sc_error_set(err, -EUCLEAN, "%s: the parts have %" PRId64 " channels, expected %" PRId64,
			    assembly->view->name, total, expected);
}

static int find_gaps(struct assembly *assembly, struct sc_error *err)
{
	const struct sc_header_builder *builder = assembly->builder;
	if (assembly->options->missing != SC_MISSING_BLANK || assembly->nmissing == 0)
		return check_total(assembly, err);
	if (assembly->options->reorder || !sc_header_builder_is_spectral(builder))
		return sc_error_set(
		    err, -EINVAL,
		    "%s: missing parts can be blank only along the spectral axis and in the order of their numbers",
		    assembly->view->name);
	sc_autofree struct sc_gap_part *parts = calloc(assembly->ndigests, sizeof(*parts));
	if (!parts)
		return out_of_memory(assembly->view, err);
	for (size_t i = 0; i < assembly->ndigests; i++) {
		const struct digest *digest = &assembly->digests[i];
		parts[i] = (struct sc_gap_part){ digest->name->name, digest->name->number, digest->count, 0, 0 };
		sc_header_builder_worlds(builder, i, &parts[i].first_hz, &parts[i].last_hz);
	}
	struct sc_gap_request request = {
		.nparts = assembly->ndigests,
		.parts = parts,
		.first_number = assembly->product->first_number,
		.last_number = assembly->last_number,
		.increment_hz = sc_header_builder_increment(builder),
		.total_nchan = assembly->options->nchan,
	};
	return sc_gaps_find(&request, &assembly->gaps, &assembly->ngaps, err);
}

/* Products that are summed or multiplied later are 0 where nothing is; in all others nothing is not a number. */
static bool is_zero_product(const char *ext)
{
	static const char *const names[] = { ".model", ".mask", ".weight", ".sumwt" };
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		size_t length = strlen(names[i]);
		if (strncmp(ext, names[i], length) == 0 && (ext[length] == 0 || ext[length] == '.'))
			return true;
	}
	return false;
}

static int add_blank(struct assembly *assembly, const struct sc_gap *gap, struct sc_error *err)
{
	struct sc_view *view = assembly->view;
	bool zero = is_zero_product(assembly->product->ext);
	char names[600] = "";
	if (name_missing(assembly->product, gap->first_number, gap->last_number, names, sizeof(names)) < 0)
		return out_of_memory(view, err);
	const char *verb = gap->first_number == gap->last_number ? "is" : "are";
	if (gap->nchan == 0)
		return sc_assemble_warn(view, err, "%s %s missing, but the other parts leave no gap in frequency",
					names, verb);
	struct sc_part *part = &view->parts[view->nparts++];
	*part = (struct sc_part){ .name = strdup(names), .blank = true, .number = gap->first_number };
	if (!part->name)
		return out_of_memory(view, err);
	assembly->has_masked_blank |= !zero;
	int64_t start = view->pixels.shape[view->pixels.axis];
	int rc =
	    sc_assemble_warn(view, err, "%s %s missing: %" PRId64 " blank channel%s from %" PRId64 " (counted from 0)",
			     names, verb, gap->nchan, gap->nchan == 1 ? "" : "s", start);
	if (rc == 0)
		rc = sc_layout_add_slab(&view->pixels, gap->nchan, zero ? SC_STORAGE_ZEROS : SC_STORAGE_ONES, err);
	if (rc == 0)
		rc = sc_layout_add_slab(&view->mask, gap->nchan, zero ? SC_STORAGE_ONES : SC_STORAGE_ZEROS, err);
	return rc;
}

static int add_part(struct assembly *assembly, const struct digest *digest, struct sc_error *err)
{
	struct sc_view *view = assembly->view;
	struct sc_part *part = &view->parts[view->nparts++];
	*part = (struct sc_part){ .name = strdup(digest->name->name),
				  .number = digest->name->number,
				  .pixels_id = digest->pixels_id,
				  .mask_id = digest->mask_id,
				  .identity = digest->identity };
	if (!part->name)
		return out_of_memory(view, err);
	int rc = sc_layout_add_slab(&view->pixels, digest->count, digest->pixels_storage, err);
	return rc < 0 ? rc : sc_layout_add_slab(&view->mask, digest->count, digest->mask_storage, err);
}

/* Parts and blanks, in order. */
static int lay_out(struct assembly *assembly, struct sc_error *err)
{
	struct sc_view *view = assembly->view;
	size_t gap = 0;
	int rc = 0;
	view->parts = calloc(assembly->ndigests + assembly->ngaps, sizeof(*view->parts));
	if (!view->parts)
		return out_of_memory(view, err);
	for (size_t i = 0; rc == 0 && i <= assembly->ndigests; i++) {
		if (gap < assembly->ngaps && assembly->gaps[gap].before == i)
			rc = add_blank(assembly, &assembly->gaps[gap++], err);
		if (rc == 0 && i < assembly->ndigests)
			rc = add_part(assembly, &assembly->digests[i], err);
	}
	return rc;
}

static int finish(struct assembly *assembly, struct sc_header *ret_header, struct sc_error *err)
{
	struct sc_view *view = assembly->view;
	int rc = sc_header_builder_finish(assembly->builder, assembly->gaps, assembly->ngaps, ret_header, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < ret_header->nwarnings; i++)
		rc = sc_assemble_warn(view, err, "%s", ret_header->warnings[i]);
	view->axis_differs = ret_header->axis_differs;
	/* What is blank has no value, so it is masked, though no part has a mask. */
	ret_header->has_mask |= assembly->has_masked_blank;
	view->has_mask = ret_header->has_mask;
	if (!view->has_mask)
		sc_layout_clear(&view->mask);
	if (rc < 0)
		sc_header_clear(ret_header);
	return rc;
}

int sc_assemble(struct sc_view *view, const struct sc_product *product, const struct sc_view_options *options,
		struct sc_header *ret_header, struct sc_error *err)
{
	struct assembly assembly = { .view = view, .product = product, .options = options };
	int rc = select_parts(&assembly, err);
	if (rc == 0)
		rc = report_missing(&assembly, err);
	if (rc == 0 && options->reorder)
		rc = reorder(&assembly, err);
	if (rc == 0)
		rc = read_parts(&assembly, err);
	if (rc == 0)
		rc = find_gaps(&assembly, err);
	if (rc == 0)
		rc = lay_out(&assembly, err);
	if (rc == 0)
		rc = finish(&assembly, ret_header, err);
	sc_header_builder_free(assembly.builder);
	free(assembly.digests);
	free(assembly.gaps);
	return rc;
}
