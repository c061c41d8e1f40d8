#include "catalogparts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "imageconcat.h"

/* The image's path seen from the source's directory, in which the catalog `name` is. */
static int part_path(const char *name, const struct sc_imageconcat_image *image, char **ret_path, struct sc_error *err)
{
	char *path = NULL;
	int length = 0;
	switch (image->place) {
	case SC_IMAGECONCAT_INSIDE:
		length = asprintf(&path, "%s/%s", name, image->path);
		break;
	case SC_IMAGECONCAT_BESIDE:
	case SC_IMAGECONCAT_ABSOLUTE:
		length = asprintf(&path, "%s", image->path);
		break;
	case SC_IMAGECONCAT_PLAIN:
		return sc_error_set(err, -EUCLEAN,
				    "%s/" SC_IMAGECONCAT_FILE
				    ": the image %s is meant from somebody's working directory; "
				    "expected ./%s, or an absolute path",
				    name, image->path, image->path);
	}
	if (length < 0)
		return sc_error_errno(err, -ENOMEM, "%s: cannot list the parts", name);
	*ret_path = path;
	return 0;
}

static int fill(const struct sc_source *source, const char *name, const struct sc_imageconcat *catalog,
		struct sc_product *product, struct sc_error *err)
{
	product->parts = calloc(catalog->nimages, sizeof(*product->parts));
	if (!product->parts)
		return sc_error_errno(err, -ENOMEM, "%s: cannot list the parts", name);
	for (size_t i = 0; i < catalog->nimages; i++) {
		struct sc_part_name *part = &product->parts[product->nparts];
		int rc = part_path(name, &catalog->images[i], &part->name, err);
		if (rc < 0)
			return rc;
		part->number = product->nparts++;
		rc = sc_source_check(source, part->name, err);
		if (rc < 0)
			return rc;
	}
	product->last_number = catalog->nimages - 1;
	return 0;
}

static int read_catalog(const struct sc_source *source, const char *name, struct sc_imageconcat *ret_catalog,
			struct sc_error *err)
{
	char path[PATH_MAX];
	sc_autofree uint8_t *data = NULL;
	size_t size;
	if (snprintf(path, sizeof(path), "%s/" SC_IMAGECONCAT_FILE, name) >= (int)sizeof(path))
		return sc_error_set(err, -ENAMETOOLONG, "%s: its files' names are too long", name);
	int rc = sc_source_read_file(source, path, SC_IMAGECONCAT_BYTES_MAX, &data, &size, err);
	return rc < 0 ? rc : sc_imageconcat_decode(data, size, path, ret_catalog, err);
}

int sc_catalogparts_read(const struct sc_source *source, const struct sc_product *product,
			 struct sc_product *ret_product, int *ret_axis, struct sc_error *err)
{
	sc_autofree char *name = NULL;
	struct sc_imageconcat catalog;
	struct sc_product filled = *product;
	if (asprintf(&name, "%s%s", product->base, product->ext) < 0) {
		name = NULL;
		return sc_error_errno(err, -ENOMEM, "%s%s: cannot list the parts", product->base, product->ext);
	}
	int rc = read_catalog(source, name, &catalog, err);
	if (rc < 0)
		return rc;
	filled.listed = true;
	rc = fill(source, name, &catalog, &filled, err);
	int axis = catalog.axis;
	sc_imageconcat_clear(&catalog);
	if (rc < 0) {
		sc_catalogparts_clear(&filled);
		return rc;
	}
	*ret_product = filled;
	*ret_axis = axis;
	return 0;
}

/* All but the parts belongs to the product that this one was made from. */
void sc_catalogparts_clear(struct sc_product *product)
{
	for (size_t i = 0; i < product->nparts; i++)
		free(product->parts[i].name);
	free(product->parts);
	product->parts = NULL;
	product->nparts = 0;
}
