#include "statusjson.h"

#include <stdio.h>

#include "jsontext.h"

static json_t *missing_parts(const struct sc_view *view)
{
	json_t *list = json_array();
	for (size_t i = 0; i < view->nparts; i++) {
		if (view->parts[i].blank)
			json_array_append_new(list, sc_jsontext(view->parts[i].name));
	}
	return list;
}

static json_t *unsettled_parts(size_t count, const struct sc_unsettled *unsettled)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "part", sc_jsontext(unsettled[i].name), "reason",
						      sc_jsontext(unsettled[i].reason)));
	return list;
}

static json_t *warnings(const struct sc_view *view)
{
	json_t *list = json_array();
	for (size_t i = 0; i < view->nwarnings; i++)
		json_array_append_new(list, sc_jsontext(view->warnings[i]));
	if (view->truncated)
		json_array_append_new(list, sc_jsontext(view->truncated));
	return list;
}

static void add_image(void *context, const struct sc_generation *generation)
{
	const struct sc_view *view = generation->view;
	if (!generation->entry && generation->nopen == 0)
		return;
	json_t *image = json_pack(
	    "{s:o, s:I, s:b, s:s, s:o}", "name", sc_jsontext(generation->name), "generation", (json_int_t)generation->serial,
	    "current", generation->entry != NULL, "state",
	    view ? "shown" : generation->failure ? "failed" : "not looked into", "problem",
	    sc_jsontext(generation->failure));
	json_object_set_new(image, "parts", view ? json_integer((json_int_t)sc_view_count_parts(view)) : json_null());
	json_object_set_new(image, "missing", view ? missing_parts(view) : json_null());
	json_object_set_new(image, "unsettled", unsettled_parts(generation->nunsettled, generation->unsettled));
	json_object_set_new(image, "warnings", view ? warnings(view) : json_null());
	json_object_set_new(image, "open", json_integer((json_int_t)generation->nopen));
	json_array_append_new(json_object_get(context, "images"), image);
}

static void add_hidden(void *context, const struct sc_product *product, size_t nunsettled,
		       const struct sc_unsettled *unsettled)
{
	sc_autofree char *name = NULL;
	if (asprintf(&name, "%s%s", product->base, product->ext) < 0)
		name = NULL;
	json_array_append_new(json_object_get(context, "not_shown"),
			      json_pack("{s:o, s:o}", "name", sc_jsontext(name ? name : product->base), "unsettled",
					unsettled_parts(nunsettled, unsettled)));
}

char *sc_statusjson_make(struct sc_catalog *catalog, const struct sc_status_reads *reads)
{
	sc_autofree char *problem = sc_catalog_problem(catalog);
	json_t *status = json_pack(
	    "{s:s, s:o, s:o, s:[], s:[], s:{s:I, s:I, s:I}}", "version", SC_VERSION, "source",
	    sc_jsontext(sc_catalog_source_path(catalog)), "problem", sc_jsontext(problem), "images", "not_shown", "reads", "count",
	    (json_int_t)atomic_load(&reads->count), "bytes", (json_int_t)atomic_load(&reads->bytes), "errors",
	    (json_int_t)atomic_load(&reads->errors));
	if (!status)
		return NULL;
	sc_catalog_each(catalog, add_image, add_hidden, status);
	char *dumped = json_dumps(status, JSON_INDENT(1)), *made = NULL;
	json_decref(status);
	if (dumped && asprintf(&made, "%s\n", dumped) < 0)
		made = NULL;
	free(dumped);
	return made;
}
