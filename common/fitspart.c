#include "subcube.h"

#include <assert.h>
#include <errno.h>

/* The arrays of a FITS part: both are in the same numbers of the same file, which is the part itself. */
static void set_arrays(struct sc_subcube *subcube, const struct stat *st)
{
	const struct sc_fits *fits = subcube->fits;
	struct sc_subcube_array *pixels = &subcube->pixels;
	pixels->tsm.type = fits->type;
	pixels->tsm.big_endian = true;
	pixels->tsm.offset_bytes = fits->header_bytes;
	pixels->coding = fits->pixels;
	pixels->id = sc_file_id_of(st);
	pixels->needed_bytes = fits->header_bytes + fits->data_bytes;
	subcube->has_mask = fits->has_mask;
	if (!fits->has_mask)
		return;
	subcube->mask = *pixels;
	subcube->mask.tsm.type = SC_TYPE_BOOL;
	subcube->mask.coding = fits->mask;
}

/* Rows of a FITS image are its tiles; see sc_fits_tile_rows. */
static void set_shape(struct sc_tsm *tsm, const int64_t *shape, int ndim, const struct sc_fits *fits)
{
	tsm->ndim = ndim;
	for (int i = 0; i < ndim; i++) {
		tsm->shape[i] = shape[i];
		tsm->tile[i] = i == 0 ? shape[i] : 1;
	}
	/* Where casacore put other axes of length 1, plane and row may not be what they were. */
	if (ndim >= 2 && fits->ndim >= 2 && shape[0] == fits->shape[0] && shape[1] == fits->shape[1])
		tsm->tile[1] = sc_fits_tile_rows(fits);
}

/* Whether both shapes are one but for axes of length 1, so that the pixels lie in the same order. */
static bool same_but_for_ones(const int64_t *a, int a_ndim, const int64_t *b, int b_ndim)
{
	int i = 0, k = 0;
	for (;;) {
		while (i < a_ndim && a[i] == 1)
			i++;
		while (k < b_ndim && b[k] == 1)
			k++;
		if (i == a_ndim || k == b_ndim)
			return i == a_ndim && k == b_ndim;
		if (a[i++] != b[k++])
			return false;
	}
}

int sc_subcube_open_fits(const struct sc_source *source, const char *name, struct sc_subcube *ret_subcube,
			 struct sc_error *err)
{
	struct stat st;
	sc_autoclose int fd = -1;
	int rc = sc_source_open_file(source, name, &fd, &st, err);
	if (rc < 0)
		return rc;
	struct sc_subcube subcube = { .fits = calloc(1, sizeof(*subcube.fits)) };
	if (!subcube.fits)
		return sc_error_errno(err, -ENOMEM, "%s: cannot read", name);
	rc = sc_fits_read(fd, name, subcube.fits, err);
	if (rc < 0) {
		sc_subcube_clear(&subcube);
		return rc;
	}
	struct sc_file_id now;
	const struct sc_file_id id = sc_file_id_of(&st);
	if (sc_file_id_ask(fd, true, &now) < 0 || !sc_file_id_equal(&now, &id)) {
		sc_subcube_clear(&subcube);
		return sc_error_set(err, -ESTALE, "%s: it changed while it was read", name);
	}
	sc_identity_add(&subcube.identity, &id);
	sc_access_add(&subcube.files, &st, sc_access_open_has_acl(fd));
	set_arrays(&subcube, &st);
	*ret_subcube = subcube;
	return 0;
}

/* Puts back what was taken out of the header that casacore saw. */
static int put_telescope(struct sc_record *keywords, const char *telescope)
{
	static const char instrume[] = "scinstru"; /* casacore's spelling of SC_FITS_INSTRUME */
	struct sc_record *coords = sc_record_edit_record(keywords, "coords");
	struct sc_record *miscinfo = sc_record_edit_record(keywords, "miscinfo");
	const struct sc_field *hidden = miscinfo ? sc_record_find(miscinfo, instrume) : NULL;
	int rc = coords && *telescope ? sc_record_put_string(coords, "telescope", telescope) : 0;
	if (rc == 0 && hidden)
		rc = sc_record_put_field(miscinfo, "instrume", hidden);
	if (rc == 0 && hidden)
		sc_record_remove(miscinfo, instrume);
	return rc;
}

int sc_subcube_complete(struct sc_subcube *subcube, const char *name, struct sc_record *keywords, struct sc_error *err)
{
	assert(subcube->fits && !subcube->keywords);
	subcube->keywords = keywords;
	const struct sc_fits *fits = subcube->fits;
	const struct sc_field *shape = sc_record_get_array(keywords, "shape", SC_TYPE_ARRAY_INT64);
	if (!shape || shape->array.count < 1 || shape->array.count > SC_MAXDIM)
		return sc_error_set(err, -EUCLEAN, "%s: casacore gives no shape of 1 to %d axes", name, SC_MAXDIM);
	int ndim = (int)shape->array.count;
	const int64_t *lengths = shape->array.elements;
	if (!same_but_for_ones(lengths, ndim, fits->shape, fits->ndim))
		return sc_error_set(err, -EUCLEAN, "%s: casacore sees another shape than the FITS header has", name);
	set_shape(&subcube->pixels.tsm, lengths, ndim, fits);
	if (subcube->has_mask)
		set_shape(&subcube->mask.tsm, lengths, ndim, fits);
	sc_record_remove(keywords, "shape");
	if (put_telescope(keywords, fits->telescope) < 0)
		return sc_error_errno(err, -ENOMEM, "%s: cannot read", name);
	sc_fits_clear(subcube->fits);
	free(subcube->fits);
	subcube->fits = NULL;
	return 0;
}
