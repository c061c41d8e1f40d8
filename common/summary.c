#include "summary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "concataxis.h"
#include "coordinates.h"
#include "subcube.h"
#include "tablefile.h"
#include "warnings.h"
#include "worlds.h"

static void count_parts(const struct sc_product *product, const struct sc_view_options *options,
			struct sc_summary *summary)
{
	uint64_t first = product->first_number, last = product->last_number, present = 0;
	summary->nparts = product->nparts;
	if (product->kind != SC_PRODUCT_PARTS || product->listed)
		return;
	if (options->nparts > 0)
		last = first + options->nparts - 1;
	summary->nparts = 0;
	for (size_t i = 0; i < product->nparts; i++) {
		/* Those above are left out. */
		summary->nparts += product->parts[i].number <= last;
		/* CASA's own numbers begin at 1; one below is not of those that there should be. */
		present += product->parts[i].number >= first && product->parts[i].number <= last;
	}
	summary->nmissing = last + 1 - first - present;
}

static void take_frequencies(struct sc_summary *summary, const struct sc_record *coords)
{
	struct sc_concataxis axis;
	double increment;
	if (sc_concataxis_find(coords, -1, summary->ndim, summary->base, &axis, NULL) < 0)
		return;
	int64_t nchan = summary->shape[axis.pixel_axis];
	/* As for a cube's parts, a shape that is out of all proportion gets no memory. */
	struct sc_worlds worlds = { 0 };
	int rc = sc_worlds_add(&worlds, &axis, coords, summary->base, nchan, &increment, NULL);
	if (rc == 0)
		sc_worlds_of_part(&worlds, 0, &summary->hz[0], &summary->hz[1]);
	sc_worlds_clear(&worlds);
	if (rc < 0)
		return;
	const char *kind;
	const struct sc_record *spectral = sc_coordinates_get(coords, axis.coordinate, &kind);
	const char *frame = spectral ? sc_record_get_string(spectral, "system") : NULL;
	summary->has_frequencies = true;
	summary->nchan = nchan;
	snprintf(summary->frame, sizeof(summary->frame), "%s", frame ? frame : "");
}

/* From the keywords of the image's table.dat, once the shape is known. */
static int take_keywords(struct sc_summary *summary, const struct sc_record *keywords)
{
	const struct sc_record *coords = sc_record_get_record(keywords, "coords");
	const char *unit = sc_record_get_string(keywords, "units");
	if (coords)
		take_frequencies(summary, coords);
	sc_beamrange_find(sc_record_get_record(keywords, "imageinfo"), &summary->beams);
	summary->unit = strdup(unit ? unit : "");
	return summary->unit ? 0 : -ENOMEM;
}

static int take_warnings(struct sc_summary *summary, const struct sc_view *view)
{
	summary->warnings = calloc(view->nwarnings, sizeof(*summary->warnings));
	for (size_t i = 0; summary->warnings && i < view->nwarnings; i++) {
		char *copy = strdup(view->warnings[i]);
		if (!copy)
			return -ENOMEM;
		summary->warnings[summary->nwarnings++] = copy;
	}
	return summary->warnings || view->nwarnings == 0 ? 0 : -ENOMEM;
}

static int take_view(struct sc_summary *summary, const struct sc_view *view, struct sc_error *err)
{
	const struct sc_layout *pixels = &view->pixels;
	int node = sc_view_find(view, 0, "table.dat");
	struct sc_tablefile table;
	if (node < 0)
		return sc_error_set(err, -EUCLEAN, "%s: its view has no table.dat", view->name);
	int rc = sc_tablefile_decode(view->nodes[node].bytes, view->nodes[node].size_bytes, view->name, &table, err);
	if (rc < 0)
		return rc;
	summary->ndim = pixels->ndim;
	memcpy(summary->shape, pixels->shape, sizeof(summary->shape));
	summary->has_mask = view->has_mask;
	size_t npresent = 0;
	for (size_t i = 0; i < view->nparts; i++) {
		const struct sc_part *part = &view->parts[i];
		/* The mask of a FITS image is in its pixels. */
		bool one_file = sc_file_id_equal(&part->pixels_id, &part->mask_id);
		npresent += !part->blank;
		summary->size_bytes += part->pixels_id.size_bytes + (one_file ? 0 : part->mask_id.size_bytes);
	}
	/* A catalog's parts are known only now. */
	if (summary->kind == SC_PRODUCT_CATALOG)
		summary->nparts = npresent;
	rc = take_keywords(summary, table.keywords);
	sc_tablefile_clear(&table);
	if (rc == 0)
		rc = take_warnings(summary, view);
	if (rc == 0 && view->ntruncated > 0)
		rc = sc_error_set(err, -EIO, "%s", view->truncated);
	return rc;
}

static int summarize_view(struct sc_summary *summary, const struct sc_source *source, const struct sc_product *product,
			  const struct sc_view_options *options, struct sc_error *err)
{
	struct sc_view *view;
	int rc = sc_view_build(source, product, options, &view, err);
	if (rc < 0)
		return rc;
	rc = take_view(summary, view, err);
	sc_view_free(view);
	return rc;
}

/* A finished image's view is just its files: what they hold is read as of a part. */
static int summarize_image(struct sc_summary *summary, const struct sc_source *source, struct sc_error *err)
{
	sc_autofree char *name = NULL;
	struct sc_subcube image;
	if (asprintf(&name, "%s%s", summary->base, summary->ext) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	int rc = sc_subcube_open(source, name, &image, err);
	if (rc < 0)
		return rc;
	summary->ndim = image.pixels.tsm.ndim;
	memcpy(summary->shape, image.pixels.tsm.shape, sizeof(summary->shape));
	summary->has_mask = image.has_mask;
	summary->size_bytes = image.pixels.id.size_bytes + (image.has_mask ? image.mask.id.size_bytes : 0);
	rc = take_keywords(summary, image.keywords);
	bool truncated = image.pixels.id.size_bytes < image.pixels.needed_bytes ||
			 (image.has_mask && image.mask.id.size_bytes < image.mask.needed_bytes);
	sc_subcube_clear(&image);
	if (rc == 0 && truncated)
		rc = sc_error_set(err, -EIO, "%s: its pixels or its mask are cut short", name);
	return rc;
}

int sc_summary_make(const struct sc_source *source, const struct sc_product *product,
		    const struct sc_view_options *options, struct sc_summary *ret_summary)
{
	struct sc_error err = { 0 };
	struct sc_summary summary = { .kind = product->kind,
				      .base = strdup(product->base),
				      .ext = strdup(product->ext) };
	int rc = summary.base && summary.ext ? 0 : -ENOMEM;
	count_parts(product, options, &summary);
	if (rc == 0)
		rc = product->kind == SC_PRODUCT_PAGED ? summarize_image(&summary, source, &err)
						       : summarize_view(&summary, source, product, options, &err);
	if (rc < 0 && rc != -ENOMEM)
		summary.problem = strdup(err.text);
	if (rc == -ENOMEM || (rc < 0 && !summary.problem)) {
		sc_summary_clear(&summary);
		return -ENOMEM;
	}
	*ret_summary = summary;
	return 0;
}

void sc_summary_clear(struct sc_summary *summary)
{
	free(summary->base);
	free(summary->ext);
	free(summary->unit);
	free(summary->problem);
	sc_warnings_free(summary->warnings, summary->nwarnings);
	*summary = (struct sc_summary){ 0 };
}
