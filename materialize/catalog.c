#include "catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "imageconcat.h"
#include "ioutil.h"
#include "log.h"

/* casacore's time to define them goes with the square: 28,000 take 2 s, 420,000 about 8 minutes. */
#define MANY_FIELDS 100000

static int place_images(const struct sc_partlist *parts, const struct sc_output *output, bool inside,
			struct sc_imageconcat *catalog)
{
	catalog->images = calloc(parts->count, sizeof(*catalog->images));
	if (!catalog->images)
		return -ENOMEM;
	for (; catalog->nimages < parts->count; catalog->nimages++) {
		struct sc_imageconcat_image *image = &catalog->images[catalog->nimages];
		if (!inside) {
			if (sc_imageconcat_place(output->parent_path, output->name, parts->paths[catalog->nimages],
						 image) < 0)
				return -ENOMEM;
			continue;
		}
		char *name = strdup(parts->names[catalog->nimages]);
		if (!name)
			return -ENOMEM;
		*image = (struct sc_imageconcat_image){ SC_IMAGECONCAT_INSIDE, name };
	}
	return 0;
}

/* What casacore takes the pixels for: those of a FITS image are floats, double ones too. */
static int pixel_type(const struct sc_view *view, const char *path, enum sc_type *ret_type, struct sc_error *err)
{
	const struct sc_layout *pixels = &view->pixels;
	size_t nfits = 0;
	*ret_type = pixels->type;
	if (pixels->type != SC_TYPE_DOUBLE)
		return 0;
	for (size_t i = 0; i < pixels->nslabs; i++) {
		uint32_t storage = pixels->slabs[i].storage;
		nfits += !sc_storage_is_fill(storage) && !pixels->storages[storage].file[0];
	}
	if (nfits > 0 && nfits < pixels->nslabs)
		return sc_error_set(
		    err, -EINVAL,
		    "%s: casacore takes the FITS images among the parts for float, not double as the others", path);
	if (nfits > 0)
		*ret_type = SC_TYPE_FLOAT;
	return 0;
}

int sc_catalog_write_file(int dirfd, const char *name, const void *data, size_t size)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	int rc = sc_io_write_full(fd, data, size);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

int sc_catalog_write(const struct sc_view *view, const struct sc_partlist *parts, const struct sc_output *output,
		     const char *file, bool inside, bool tempclose, struct sc_error *err)
{
	struct sc_imageconcat catalog = { .axis = view->pixels.axis, .tempclose = tempclose };
	sc_autofree char *data = NULL, *warning = NULL;
	size_t size;
	int rc = pixel_type(view, output->path, &catalog.type, err);
	if (rc < 0)
		return rc;
	rc = place_images(parts, output, inside, &catalog);
	if (rc < 0)
		sc_error_errno(err, rc, "%s", output->path);
	else
		rc = sc_imageconcat_encode(&catalog, view->miscinfo, &data, &size, &warning, err);
	if (rc == 0) {
		rc = sc_catalog_write_file(output->image_fd, file, data, size);
		if (rc < 0)
			sc_error_errno(err, rc, "%s: cannot write %s in it", output->path, file);
	}
	if (rc == 0 && warning)
		sc_log(SC_LOG_WARNING, "%s: %s", output->path, warning);
	/* Only a name stands in the catalog, no axis: its reader makes one, part by part. */
	if (rc == 0 && view->axis_differs)
		sc_log(
		    SC_LOG_WARNING,
		    "%s: its parts are not evenly spaced along the axis, or not all shown in one unit and frame; "
		    "casacore will number it by rules of its own when it opens this virtual image, and may be wrong; a "
		    "paged image or a mount has it right",
		    output->path);
	if (rc == 0 && view->miscinfo && view->miscinfo->nfields > MANY_FIELDS)
		sc_log(SC_LOG_WARNING,
		       "%s: casacore takes minutes to read its %zu fields of miscinfo; --miscinfo first keeps only the "
		       "first subcube's",
		       output->path, view->miscinfo->nfields);
	sc_imageconcat_clear(&catalog);
	return rc;
}
