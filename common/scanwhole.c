#include "scanpriv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "imageconcat.h"
#include "movejournal.h"

/* What imagers write: shown (with an error) even when no part of it can be recognized any more. */
const char *const sc_scan_known_extensions[SC_SCAN_NKNOWN_EXTENSIONS] = {
	".image", ".residual", ".psf", ".model", ".pb", ".image.pbcor", ".mask", ".weight", ".sumwt",
};

bool sc_scan_entry_exists(const struct sc_source *source, const char *part, const char *file)
{
	char path[PATH_MAX];
	struct stat st;
	if (snprintf(path, sizeof(path), "%s/%s", part, file) >= (int)sizeof(path))
		return false;
	/* One after the other, as that needs no descriptor where neither is a link. */
	return sc_source_stat(source, part, &st, NULL) == 0 && sc_source_stat(source, path, &st, NULL) == 0;
}

static bool has_suffix(const char *name, size_t length, const char *suffix)
{
	size_t suffix_length = strlen(suffix);
	return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

/* Where the extension of BASE.EXT begins: at what imagers write, else at the last dot, else at the end. */
static size_t extension_start(const struct sc_source *source, const char *name)
{
	size_t length = strlen(name), start = length;
	if (source->base)
		return strlen(source->base);
	for (size_t i = 0; i < SC_SCAN_NKNOWN_EXTENSIONS; i++) {
		size_t at = length - strlen(sc_scan_known_extensions[i]);
		if (has_suffix(name, length, sc_scan_known_extensions[i]) && at < start)
			start = at;
	}
	const char *dot = strrchr(name, '.');
	return start < length || !dot || dot == name ? start : (size_t)(dot - name);
}

static bool has_known_extension(const char *name)
{
	for (size_t i = 0; i < SC_SCAN_NKNOWN_EXTENSIONS; i++) {
		if (has_suffix(name, strlen(name), sc_scan_known_extensions[i]))
			return true;
	}
	return false;
}

/* Where one family is asked for, others are none of its business. */
static bool is_of_base(const struct sc_source *source, const char *name)
{
	size_t length = source->base ? strlen(source->base) : 0;
	return !source->base || (strncmp(name, source->base, length) == 0 && name[length] == '.');
}

/* What a directory that is no part is. A finished image must be one that an imager writes: the mount shows no others.
 */
static bool whole_kind(const struct sc_source *source, const char *name, enum sc_product_kind *ret_kind)
{
	if (sc_scan_entry_exists(source, name, SC_IMAGECONCAT_FILE)) {
		*ret_kind = SC_PRODUCT_CATALOG;
		return true;
	}
	*ret_kind = SC_PRODUCT_PAGED;
	return has_known_extension(name) && sc_scan_entry_exists(source, name, "table.dat") &&
	       sc_scan_entry_exists(source, name, "table.f0_TSM0");
}

static struct sc_product *find_named(const struct sc_scan *scan, const char *name)
{
	for (size_t i = 0; i < scan->nproducts; i++) {
		size_t length = strlen(scan->products[i].base);
		if (strncmp(scan->products[i].base, name, length) == 0 &&
		    strcmp(scan->products[i].ext, name + length) == 0)
			return &scan->products[i];
	}
	return NULL;
}

/* Parts of it are loose and parts are moved: neither is the cube. */
static int note_unfinished(const struct sc_source *source, const char *name, struct sc_product *product)
{
	struct sc_error reason;
	sc_autofree char *path = NULL;
	if (asprintf(&path, "%s/%s", source->path, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	sc_movejournal_report(path, &reason);
	free(product->problem);
	product->problem = strdup(reason.text);
	return product->problem ? 0 : -ENOMEM;
}

/* Adds the products that have no loose parts: where there are any, these count. */
int sc_scan_add_whole_products(const struct sc_source *source, const struct sc_scan_options *options,
			       const struct sc_candidates *candidates, struct sc_scan *scan)
{
	for (size_t i = 0; i < candidates->count; i++) {
		const char *name = candidates->names[i];
		struct stat st;
		if (!is_of_base(source, name) || sc_source_stat(source, name, &st, NULL) == -ELOOP)
			continue;
		struct sc_product product = { .listed = true, .pattern = sc_names_known(0) };
		struct sc_product *loose = find_named(scan, name);
		bool unfinished = sc_movejournal_is_unfinished(source->dirfd, name);
		if (unfinished && note_unfinished(source, name, loose ? loose : &product) < 0)
			return -ENOMEM;
		if (loose || (!unfinished && !whole_kind(source, name, &product.kind)))
			continue;
		if (product.kind == SC_PRODUCT_PAGED && options->without_finished)
			continue;
		size_t start = extension_start(source, name);
		product.base = strndup(name, start);
		product.ext = strdup(name + start);
		scan->products[scan->nproducts++] = product;
		if (!product.base || !product.ext)
			return -ENOMEM;
	}
	return 0;
}
