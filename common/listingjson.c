#include "listing.h"

#include <stdio.h>
#include <string.h>

#include "jsontext.h"

static json_t *numbers(const double values[2])
{
	return json_pack("[ff]", values[0], values[1]);
}

static json_t *shape_of(const struct sc_summary *summary)
{
	if (summary->ndim == 0)
		return json_null();
	json_t *shape = json_array();
	for (int i = 0; shape && i < summary->ndim; i++)
		json_array_append_new(shape, json_integer(summary->shape[i]));
	return shape;
}

static json_t *warnings_of(const struct sc_summary *summary)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < summary->nwarnings; i++)
		json_array_append_new(list, sc_jsontext(summary->warnings[i]));
	return list;
}

static json_t *beam_of(const struct sc_beamrange *beams)
{
	if (beams->nbeams == 0)
		return json_null();
	return json_pack("{s:o, s:o}", "major", numbers(beams->major), "minor", numbers(beams->minor));
}

/* An empty text tells nothing. */
static json_t *text_or_null(const char *text)
{
	return sc_jsontext(text && *text ? text : NULL);
}

static const char *kind_of(const struct sc_summary *summary)
{
	static const char *const names[] = { [SC_PRODUCT_PARTS] = "parts",
					     [SC_PRODUCT_CATALOG] = "catalog",
					     [SC_PRODUCT_PAGED] = "paged" };
	return names[summary->kind];
}

/* Adds what is read from headers. A json_object_set_new of NULL fails, and so tells that memory ran out. */
static bool add_header(json_t *object, const struct sc_summary *summary)
{
	bool known = summary->ndim > 0, has_axis = summary->has_frequencies;
	bool is_done = summary->kind == SC_PRODUCT_PAGED || !known || summary->problem;
	return json_object_set_new(object, "shape", shape_of(summary)) == 0 &&
	       json_object_set_new(object, "channels", has_axis ? json_integer(summary->nchan) : json_null()) == 0 &&
	       json_object_set_new(object, "frequency_hz", has_axis ? numbers(summary->hz) : json_null()) == 0 &&
	       json_object_set_new(object, "frame", text_or_null(summary->frame)) == 0 &&
	       json_object_set_new(object, "unit", text_or_null(summary->unit)) == 0 &&
	       json_object_set_new(object, "beam_arcsec", beam_of(&summary->beams)) == 0 &&
	       json_object_set_new(object, "flagged_beams",
				   known ? json_integer((json_int_t)summary->beams.nflagged) : json_null()) == 0 &&
	       json_object_set_new(object, "mask", known ? json_boolean(summary->has_mask) : json_null()) == 0 &&
	       json_object_set_new(object, "size_bytes",
				   known ? json_integer((json_int_t)summary->size_bytes) : json_null()) == 0 &&
	       json_object_set_new(object, "estimated_seconds",
				   is_done ? json_null() : json_real(sc_listing_seconds(summary))) == 0;
}

static json_t *family_of(const struct sc_summary *summary)
{
	char name[1024];
	snprintf(name, sizeof(name), "%s%s", summary->base, summary->ext);
	json_t *object =
	    json_pack("{s:o, s:o, s:o, s:s, s:I, s:I, s:o, s:o}", "name", sc_jsontext(name), "base",
		      sc_jsontext(summary->base), "extension", sc_jsontext(summary->ext), "kind", kind_of(summary),
		      "parts", (json_int_t)summary->nparts, "missing", (json_int_t)summary->nmissing, "warnings",
		      warnings_of(summary), "problem", sc_jsontext(summary->problem));
	if (object && add_header(object, summary))
		return object;
	json_decref(object);
	return NULL;
}

char *sc_listing_json(const struct sc_listing *listing)
{
	json_t *families = json_array();
	bool complete = families != NULL;
	for (size_t i = 0; complete && i < listing->count; i++)
		complete = json_array_append_new(families, family_of(&listing->summaries[i])) == 0;
	json_t *all = json_pack("{s:o, s:f, s:o}", "source", sc_jsontext(listing->source), "bytes_per_second",
				SC_LISTING_BYTES_PER_SECOND, "families", families);
	char *text = all && complete ? json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(all);
	char *lines = text ? realloc(text, strlen(text) + 2) : NULL;
	if (!lines) {
		free(text);
		return NULL;
	}
	return strcat(lines, "\n");
}
