#include "view.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "assemble.h"
#include "catalogparts.h"
#include "clock.h"
#include "passthrough.h"
#include "viewaccess.h"
#include "viewcache.h"
#include "viewcodec.h"
#include "viewfresh.h"
#include "viewtables.h"
#include "warnings.h"

/* Modified Julian date of 1970-01-01; casacore's log times are in seconds of it. */
#define MJD_OF_UNIX_EPOCH 40587.0

/* From here on it is worth the time to give freed memory back. */
#define MANY_PARTS 1000

static int out_of_memory(const struct sc_view *view, struct sc_error *err)
{
	return sc_error_errno(err, -ENOMEM, "%s: cannot build the view", view->name);
}

static int choose_tiles(struct sc_view *view, const struct sc_tiling *tiling, struct sc_error *err)
{
	const struct sc_layout *pixels = &view->pixels;
	int64_t tile[SC_MAXDIM], mask_tile[SC_MAXDIM];
	bool big_endian = false, mask_big_endian = false;
	switch (tiling->mode) {
	case SC_TILING_KEEP:
		sc_tiling_keep(pixels, NULL, tile, &big_endian);
		if (view->has_mask)
			sc_tiling_keep(&view->mask, tile, mask_tile, &mask_big_endian);
		break;
	case SC_TILING_CASA:
		sc_tiling_casa(pixels->ndim, pixels->shape, tile);
		break;
	case SC_TILING_AUTO:
		sc_tiling_auto(pixels->ndim, pixels->shape, pixels->axis, tile);
		break;
	case SC_TILING_GIVEN:
		if (tiling->ndim != pixels->ndim)
			return sc_error_set(err, -EINVAL, "%s has %d axes, but the tiling has %d lengths", view->name,
					    pixels->ndim, tiling->ndim);
		for (int i = 0; i < pixels->ndim; i++)
			tile[i] = tiling->tile[i] < pixels->shape[i] ? tiling->tile[i] : pixels->shape[i];
		break;
	}
	if (tiling->mode != SC_TILING_KEEP)
		memcpy(mask_tile, tile, sizeof(tile));
	int rc = sc_layout_set_tile(&view->pixels, tile, big_endian, err);
	if (rc == 0 && view->has_mask)
		rc = sc_layout_set_tile(&view->mask, mask_tile, mask_big_endian, err);
	return rc;
}

/* Adds a node; -1: out of memory or too many files. */
static int add_node(struct sc_view *view, unsigned parent, const char *name, size_t length, enum sc_node_kind kind)
{
	if (view->nnodes == SC_VIEW_MAXNODES)
		return -1;
	char *copy = strndup(name, length);
	if (!copy)
		return -1;
	view->nodes[view->nnodes] = (struct sc_node){ .name = copy, .parent = parent, .kind = kind };
	return (int)view->nnodes++;
}

/* Adds a file by its path, of at most one directory, and that directory when it is new. */
static struct sc_node *add_file(struct sc_view *view, const char *path, enum sc_node_kind kind)
{
	const char *slash = strchr(path, '/');
	int parent = 0;
	if (slash) {
		sc_autofree char *directory = strndup(path, (size_t)(slash - path));
		if (!directory)
			return NULL;
		parent = sc_view_find(view, 0, directory);
		if (parent < 0)
			parent = add_node(view, 0, directory, strlen(directory), SC_NODE_DIRECTORY);
	}
	const char *name = slash ? slash + 1 : path;
	int node = parent < 0 ? -1 : add_node(view, (unsigned)parent, name, strlen(name), kind);
	return node < 0 ? NULL : &view->nodes[node];
}

static int add_array(struct sc_view *view, const char *path, const struct sc_layout *layout, bool is_mask,
		     struct sc_error *err)
{
	struct sc_node *node = add_file(view, path, SC_NODE_ARRAY);
	if (!node)
		return out_of_memory(view, err);
	node->layout = layout;
	node->size_bytes = layout->size_bytes;
	node->is_mask = is_mask;
	return 0;
}

/* Makes the tree of the finished tables; their bytes move from the template to the view. */
static int make_tree(struct sc_view *view, struct sc_template *files, const struct sc_viewtables *tables,
		     struct sc_error *err)
{
	if (add_node(view, 0, "", 0, SC_NODE_DIRECTORY) < 0)
		return out_of_memory(view, err);
	for (size_t i = 0; i < files->nfiles; i++) {
		struct sc_node *node = add_file(view, files->files[i].path, SC_NODE_BYTES);
		if (!node)
			return out_of_memory(view, err);
		node->bytes = sc_steal_ptr(files->files[i].data);
		node->size_bytes = files->files[i].size;
	}
	int rc = add_array(view, tables->pixels_file, &view->pixels, false, err);
	if (rc == 0 && view->has_mask)
		rc = add_array(view, tables->mask_file, &view->mask, true, err);
	return rc;
}

/* The parts whose log rows the view gets; the caller frees the list, not the names. */
static const char **history_parts(const struct sc_view *view, bool all, size_t *ret_count)
{
	const char **names = calloc(view->nparts, sizeof(*names));
	*ret_count = 0;
	for (size_t i = 0; names && i < view->nparts && (all || *ret_count == 0); i++) {
		if (!view->parts[i].blank)
			names[(*ret_count)++] = view->parts[i].name;
	}
	return names;
}

/* The name without directories, so that parts that were moved give the same history. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* A history that could not be read, or noted, may be readable the next time: such a view is not kept. */
static void forget_history(struct sc_view *view)
{
	view->history.newest_ns = INT64_MAX;
}

/* Who may read the log rows that the view has. */
static int add_history_access(struct sc_view *view, const char *const *parts, size_t count, struct sc_error *err)
{
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		sc_autofree char *path = NULL;
		if (asprintf(&path, "%s/logtable", parts[i]) < 0) {
			path = NULL;
			return out_of_memory(view, err);
		}
		rc = sc_access_add_contents(&view->files, view->source, path);
		if (rc < 0)
			sc_error_errno(err, rc, "%s: cannot be looked at", path);
	}
	return rc;
}

static int make_tables(struct sc_view *view, const struct sc_header *header, const struct sc_view_options *options,
		       struct sc_headerclient *client, struct sc_error *err)
{
	char message[1024];
	snprintf(message, sizeof(message), "subcubefs %s: %zu parts concatenated along pixel axis %d, %s to %s",
		 SC_VERSION, view->nparts, header->axis, base_name(view->parts[0].name),
		 base_name(view->parts[view->nparts - 1].name));
	size_t nhistories;
	sc_autofree const char **histories = history_parts(view, options->all_history, &nhistories);
	if (!histories)
		return out_of_memory(view, err);
	struct sc_header_request request = {
		.ndim = header->ndim,
		.type = header->type,
		.has_mask = header->has_mask,
		.coords = header->coords,
		.imageinfo = header->imageinfo,
		.units = header->units,
		.source = view->source,
		.nhistory_parts = nhistories,
		.history_parts = histories,
		.history_message = message,
		.history_time = (double)view->files.newest_ns * 1e-9 + MJD_OF_UNIX_EPOCH * 86400,
		.started = client,
	};
	struct sc_template files = { 0 };
	struct sc_viewtables tables;
	if (options->cache && sc_viewfresh_note_history(view, options->all_history) < 0)
		forget_history(view);
	int rc = sc_headerclient_run(&request, &files, err);
	/* A history that is left out for being out of reach is seen by nobody. */
	if (rc == 0 && !files.warning)
		rc = add_history_access(view, histories, nhistories, err);
	if (rc == 0 && files.warning) {
		forget_history(view);
		rc = sc_assemble_warn(view, err, "%s", files.warning);
	}
	if (rc == 0)
		rc = sc_viewtables_finish(header, &view->pixels, view->has_mask ? &view->mask : NULL, &files, &tables,
					  err);
	if (rc == 0)
		rc = make_tree(view, &files, &tables, err);
	sc_template_clear(&files);
	return rc;
}

static int make_arrays(struct sc_view *view, struct sc_error *err)
{
	static const struct sc_viewtables tables = { .pixels_file = SC_VIEW_PIXELS, .mask_file = SC_VIEW_MASK };
	struct sc_template none = { 0 };
	return make_tree(view, &none, &tables, err);
}

static int build_by(struct sc_headerclient *client, struct sc_view *view, const struct sc_product *product,
		    const struct sc_view_options *options, struct sc_error *err)
{
	struct sc_header header;
	int rc = sc_assemble(view, product, options, &header, err);
	if (rc < 0)
		return rc;
	rc = choose_tiles(view, &options->tiling, err);
	if (rc == 0)
		rc = options->arrays_only ? make_arrays(view, err) : make_tables(view, &header, options, client, err);
	if (rc == 0 && options->keep_miscinfo)
		view->miscinfo = sc_steal_ptr(header.miscinfo);
	sc_header_clear(&header);
	return rc;
}

/* While the parts are read, the header program loads its libraries. */
static int read_and_build(struct sc_view *view, const struct sc_product *product, const struct sc_view_options *options,
			  struct sc_error *err)
{
	struct sc_headerclient *client = options->arrays_only ? NULL : sc_headerclient_start();
	int rc = build_by(client, view, product, options, err);
	sc_headerclient_free(client);
	return rc;
}

/* Frees all but the name. */
static void clear_view(struct sc_view *view)
{
	for (unsigned i = 0; i < view->nnodes; i++) {
		free(view->nodes[i].name);
		free((void *)view->nodes[i].bytes);
		free(view->nodes[i].path);
	}
	for (size_t i = 0; i < view->nparts; i++)
		free(view->parts[i].name);
	sc_layout_clear(&view->pixels);
	sc_layout_clear(&view->mask);
	free(view->parts);
	sc_warnings_free(view->warnings, view->nwarnings);
	free(view->truncated);
	sc_record_free(view->miscinfo);
	*view = (struct sc_view){ .name = view->name, .source = view->source };
}

/* Fills the view from the cache; false, and an empty view, when it has none of these very parts. */
static bool take_kept(struct sc_view *view, const struct sc_product *product, const struct sc_view_options *options,
		      const uint8_t *key, size_t key_size)
{
	sc_autofree uint8_t *data = NULL;
	const uint8_t *payload;
	size_t size;
	if (sc_viewcache_get(options->cache, key, key_size, &data, &payload, &size) < 0)
		return false;
	if (sc_viewcodec_decode(payload, size, product, view) == 0 && sc_viewfresh_check(view, options->all_history))
		return true;
	clear_view(view);
	return false;
}

/* Keeps the view unless one of its files was so young when it was read that it may change again unseen. */
static void keep(const struct sc_view *view, const struct sc_product *product, const struct sc_view_options *options,
		 const uint8_t *key, size_t key_size, int64_t started_ns)
{
	sc_autofree uint8_t *payload = NULL;
	size_t size;
	if (sc_viewfresh_newest_ns(view) <= started_ns - options->cache->settle_ns &&
	    sc_viewcodec_encode(view, product, &payload, &size) == 0)
		sc_viewcache_put(options->cache, key, key_size, payload, size);
}

static int build_from_parts(struct sc_view *view, const struct sc_product *product,
			    const struct sc_view_options *options, struct sc_error *err)
{
	sc_autofree uint8_t *key = NULL;
	size_t key_size;
	/* What writes catalogs needs the miscinfo as a record, which is not kept. */
	if (!options->cache || options->keep_miscinfo || options->arrays_only ||
	    sc_viewcodec_key(view->source, product, options, &key, &key_size) < 0)
		return read_and_build(view, product, options, err);
	if (take_kept(view, product, options, key, key_size))
		return 0;
	int64_t started_ns = sc_clock_ns(CLOCK_REALTIME);
	int rc = read_and_build(view, product, options, err);
	if (rc == 0)
		keep(view, product, options, key, key_size, started_ns);
	return rc;
}

/* The catalog says along which axis its parts are concatenated, unless the user does. */
static int build_from_catalog(struct sc_view *view, const struct sc_product *product,
			      const struct sc_view_options *options, struct sc_error *err)
{
	struct sc_view_options with_axis = *options;
	struct sc_product filled;
	int axis, rc = sc_catalogparts_read(view->source, product, &filled, &axis, err);
	if (rc < 0)
		return rc;
	if (!with_axis.header.axis_given) {
		with_axis.header.axis_given = true;
		with_axis.header.axis = axis;
	}
	rc = build_from_parts(view, &filled, &with_axis, err);
	if (rc == 0) {
		/* The view's own directory is the catalog's; how to get to the parts counts for the files. */
		struct sc_access access;
		sc_view_directory_access(view->source, &filled, &access);
		sc_access_merge(&view->files, &access);
	}
	sc_catalogparts_clear(&filled);
	return rc;
}

static int build(struct sc_view *view, const struct sc_product *product, const struct sc_view_options *options,
		 struct sc_error *err)
{
	if (product->problem)
		return sc_error_set(err, -EUCLEAN, "%s: %s", view->name, product->problem);
	switch (product->kind) {
	case SC_PRODUCT_PARTS:
		return build_from_parts(view, product, options, err);
	case SC_PRODUCT_CATALOG:
		return build_from_catalog(view, product, options, err);
	case SC_PRODUCT_PAGED:
		return sc_passthrough(view, view->name, err);
	}
	abort();
}

/* A long cube's header takes ten times the memory of its view while it is made; the system gets that back. */
static void release_memory(const struct sc_view *view)
{
#ifdef __GLIBC__
	if (view->nparts >= MANY_PARTS)
		malloc_trim(0);
#else
	(void)view;
#endif
}

int sc_view_build(const struct sc_source *source, const struct sc_product *product,
		  const struct sc_view_options *options, struct sc_view **ret_view, struct sc_error *err)
{
	struct sc_view *view = calloc(1, sizeof(*view));
	if (!view || asprintf(&view->name, "%s%s", product->base, product->ext) < 0) {
		free(view);
		return sc_error_errno(err, -ENOMEM, "%s%s: cannot build the view", product->base, product->ext);
	}
	view->source = source;
	int rc = build(view, product, options, err);
	release_memory(view);
	if (rc < 0) {
		sc_view_free(view);
		return rc;
	}
	view->newest_ns = sc_viewfresh_pixels_newest_ns(view);
	*ret_view = view;
	return 0;
}

void sc_view_free(struct sc_view *view)
{
	if (!view)
		return;
	clear_view(view);
	free(view->name);
	free(view);
}

size_t sc_view_count_parts(const struct sc_view *view)
{
	size_t count = 0;
	for (size_t i = 0; i < view->nparts; i++)
		count += !view->parts[i].blank;
	return count;
}

int sc_view_find(const struct sc_view *view, unsigned directory, const char *name)
{
	/* From 1: the root is its own parent and nobody's child. */
	for (unsigned i = 1; i < view->nnodes; i++) {
		if (view->nodes[i].parent == directory && strcmp(view->nodes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}
