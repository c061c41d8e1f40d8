#include "viewtables.h"

#include <errno.h>
#include <stdio.h>

#include "tablefile.h"
#include "tsm.h"

#define MASK_NAME "mask0"

static int template_is_odd(struct sc_error *err, const char *what)
{
	return sc_error_set(err, -EUCLEAN, "the header program's tables lack %s", what);
}

/* The template's file `path`, to be changed. */
static struct sc_template_file *edit_file(struct sc_template *files, const char *path)
{
	return (struct sc_template_file *)sc_template_find(files, path);
}

static void replace_data(struct sc_template_file *file, uint8_t *data, size_t size)
{
	free(file->data);
	file->data = data;
	file->size = size;
}

/* The mask's region record holds the image's shape twice: 1-based corner as floats, lengths as ints. */
static int set_mask_box(struct sc_record *keywords, const struct sc_layout *mask, struct sc_error *err)
{
	struct sc_record *masks = sc_record_edit_record(keywords, "masks");
	struct sc_record *region = masks ? sc_record_edit_record(masks, MASK_NAME) : NULL;
	struct sc_record *box = region ? sc_record_edit_record(region, "box") : NULL;
	if (!box)
		return template_is_odd(err, "the mask's box");
	float blc[SC_MAXDIM], trc[SC_MAXDIM];
	int32_t shape[SC_MAXDIM];
	for (int i = 0; i < mask->ndim; i++) {
		if (mask->shape[i] > INT32_MAX)
			return sc_error_set(err, -EFBIG, "an axis of %lld pixels is more than a mask can have",
					    (long long)mask->shape[i]);
		blc[i] = 1;
		trc[i] = (float)mask->shape[i];
		shape[i] = (int32_t)mask->shape[i];
	}
	size_t ndim = (size_t)mask->ndim;
	if (sc_record_put_vector(box, "blc", SC_TYPE_ARRAY_FLOAT, blc, ndim) < 0 ||
	    sc_record_put_vector(box, "trc", SC_TYPE_ARRAY_FLOAT, trc, ndim) < 0 ||
	    sc_record_put_vector(box, "shape", SC_TYPE_ARRAY_INT, shape, ndim) < 0)
		return sc_error_errno(err, -ENOMEM, "cannot build the header");
	return 0;
}

/* The header's records stand in the keywords while these are encoded: a long cube's are too large to be copied. */
#define NLENT 3
static const char *const lent_names[NLENT] = { "coords", "imageinfo", "miscinfo" };

/* Exchanges the contents of these keywords with the header's records; a second time gives them back. */
static void swap_records(struct sc_record *keywords, const struct sc_header *header)
{
	struct sc_record *const records[NLENT] = { header->coords, header->imageinfo, header->miscinfo };
	for (size_t i = 0; i < NLENT; i++) {
		struct sc_record *place = sc_record_edit_record(keywords, lent_names[i]), lent = *place;
		*place = *records[i];
		*records[i] = lent;
	}
}

/* Puts empty records where the header's will stand. */
static int set_keywords(struct sc_record *keywords, const struct sc_header *header)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < NLENT; i++)
		rc = sc_record_put_record(keywords, lent_names[i], sc_record_new());
	return rc < 0 ? rc : sc_record_put_string(keywords, "units", header->units);
}

static int encode_table(const struct sc_tablefile *table, const struct sc_header *header, uint8_t **ret_data,
			size_t *ret_size)
{
	if (header)
		swap_records(table->keywords, header);
	int rc = sc_tablefile_encode(table, ret_data, ret_size);
	if (header)
		swap_records(table->keywords, header);
	return rc;
}

/* Rewrites a table.dat; `header` is NULL for the mask's table, whose keywords stay. */
static int finish_table(struct sc_template *files, const char *path, const struct sc_header *header,
			const struct sc_layout *array, const struct sc_layout *mask, struct sc_error *err)
{
	struct sc_template_file *file = edit_file(files, path);
	struct sc_tablefile table;
	uint8_t *data = NULL;
	size_t size;
	if (!file)
		return template_is_odd(err, path);
	int rc = sc_tablefile_decode(file->data, file->size, path, &table, err);
	if (rc < 0)
		return rc;
	table.big_endian = array->big_endian;
	if (header && set_keywords(table.keywords, header) < 0)
		rc = sc_error_errno(err, -ENOMEM, "cannot build the header");
	if (rc == 0 && header && mask)
		rc = set_mask_box(table.keywords, mask, err);
	if (rc == 0 && encode_table(&table, header, &data, &size) < 0)
		rc = sc_error_errno(err, -ENOMEM, "cannot build the header");
	if (rc == 0)
		replace_data(file, data, size);
	sc_tablefile_clear(&table);
	return rc;
}

/* Rewrites a table.f0 and tells the name of its data file. */
static int finish_tsm(struct sc_template *files, const char *path, const struct sc_layout *array, char *ret_file,
		      size_t size, struct sc_error *err)
{
	struct sc_template_file *file = edit_file(files, path);
	struct sc_tsm tsm;
	uint8_t *data;
	size_t data_size;
	if (!file)
		return template_is_odd(err, path);
	int rc = sc_tsm_decode(file->data, file->size, path, &tsm, err);
	if (rc < 0)
		return rc;
	if (tsm.type != array->type || tsm.ndim != array->ndim || tsm.offset_bytes != 0)
		return template_is_odd(err, "an array of the right kind");
	for (int i = 0; i < array->ndim; i++) {
		tsm.shape[i] = array->shape[i];
		tsm.tile[i] = tsm.default_tile[i] = array->tile[i];
	}
	tsm.big_endian = array->big_endian;
	tsm.file_bytes = array->size_bytes;
	if (sc_tsm_encode(&tsm, &data, &data_size) < 0)
		return sc_error_errno(err, -ENOMEM, "cannot build the header");
	replace_data(file, data, data_size);
	snprintf(ret_file, size, "%s_TSM%u", path, tsm.file);
	return 0;
}

int sc_viewtables_finish(const struct sc_header *header, const struct sc_layout *pixels, const struct sc_layout *mask,
			 struct sc_template *files, struct sc_viewtables *ret_tables, struct sc_error *err)
{
	int rc = finish_table(files, "table.dat", header, pixels, mask, err);
	if (rc == 0)
		rc = finish_tsm(files, "table.f0", pixels, ret_tables->pixels_file, sizeof(ret_tables->pixels_file),
				err);
	if (rc == 0 && mask)
		rc = finish_table(files, MASK_NAME "/table.dat", NULL, mask, mask, err);
	if (rc == 0 && mask)
		rc = finish_tsm(files, MASK_NAME "/table.f0", mask, ret_tables->mask_file,
				sizeof(ret_tables->mask_file), err);
	return rc;
}
