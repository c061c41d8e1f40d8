#include "imageconcat.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ioutil.h"
#include "jsontext.h"

/* casacore reads with a line buffer of 4096 bytes, its NUL included; a key, indentation and punctuation go off that. */
#define LINE_BYTES_MAX 4000

static const struct {
	enum sc_type type;
	const char *name;
} data_types[] = {
	{ SC_TYPE_FLOAT, "float" },
	{ SC_TYPE_DOUBLE, "double" },
	{ SC_TYPE_COMPLEX, "Complex" },
	{ SC_TYPE_DCOMPLEX, "DComplex" },
};

int sc_imageconcat_place(const char *parent, const char *name, const char *image,
			 struct sc_imageconcat_image *ret_image)
{
	size_t length = strlen(parent), name_length = strlen(name);
	while (length > 0 && parent[length - 1] == '/')
		length--;
	const char *rest = image;
	enum sc_imageconcat_place place = SC_IMAGECONCAT_ABSOLUTE;
	if (strncmp(image, parent, length) == 0 && image[length] == '/' && image[length + 1] != 0) {
		rest = image + length + 1;
		place = SC_IMAGECONCAT_BESIDE;
		if (strncmp(rest, name, name_length) == 0 && rest[name_length] == '/' && rest[name_length + 1] != 0) {
			rest += name_length + 1;
			place = SC_IMAGECONCAT_INSIDE;
		}
	}
	char *path = strdup(rest);
	if (!path)
		return -ENOMEM;
	*ret_image = (struct sc_imageconcat_image){ place, path };
	return 0;
}

/* Escaped, a byte takes six at most; only long texts are counted exactly. Arrays take a line for each element. */
static bool fits_line(const char *key, const json_t *value)
{
	size_t key_bytes = 6 * strlen(key), bytes = json_is_string(value) ? 6 * json_string_length(value) : 0;
	if (key_bytes + bytes < LINE_BYTES_MAX)
		return true;
	sc_autofree char *text = bytes > 0 ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
	return text && key_bytes + strlen(text) < LINE_BYTES_MAX;
}

/* NULL for what the format cannot hold, or casacore would not read. */
static json_t *number_of(double value)
{
	return isfinite(value) ? json_real(value) : NULL;
}

static json_t *complex_of(double real, double imaginary)
{
	if (!isfinite(real) || !isfinite(imaginary))
		return NULL;
	json_t *value = json_object();
	if (value && (json_object_set_new(value, "r", json_real(real)) < 0 ||
		      json_object_set_new(value, "i", json_real(imaginary)) < 0)) {
		json_decref(value);
		return NULL;
	}
	return value;
}

static json_t *string_of(const struct sc_string *string)
{
	json_t *value = json_stringn(string->bytes, string->length);
	if (value && !fits_line("", value)) {
		json_decref(value);
		return NULL;
	}
	return value;
}

static json_t *element_of(const struct sc_field *field, uint64_t i)
{
	const void *elements = field->array.elements;
	switch (field->type) {
	case SC_TYPE_ARRAY_BOOL:
		return json_boolean(((const uint8_t *)elements)[i]);
	case SC_TYPE_ARRAY_UCHAR:
		return json_integer(((const uint8_t *)elements)[i]);
	case SC_TYPE_ARRAY_SHORT:
		return json_integer(((const int16_t *)elements)[i]);
	case SC_TYPE_ARRAY_INT:
		return json_integer(((const int32_t *)elements)[i]);
	case SC_TYPE_ARRAY_UINT:
		return json_integer(((const uint32_t *)elements)[i]);
	case SC_TYPE_ARRAY_INT64:
		return json_integer(((const int64_t *)elements)[i]);
	case SC_TYPE_ARRAY_FLOAT:
		return number_of((double)((const float *)elements)[i]);
	case SC_TYPE_ARRAY_DOUBLE:
		return number_of(((const double *)elements)[i]);
	case SC_TYPE_ARRAY_COMPLEX:
		return complex_of((double)((const float *)elements)[2 * i],
				  (double)((const float *)elements)[2 * i + 1]);
	case SC_TYPE_ARRAY_DCOMPLEX:
		return complex_of(((const double *)elements)[2 * i], ((const double *)elements)[2 * i + 1]);
	case SC_TYPE_ARRAY_STRING:
		return string_of(&((const struct sc_string *)elements)[i]);
	default:
		return NULL;
	}
}

static json_t *array_of(const struct sc_field *field)
{
	if (field->array.count == 0 || field->array.ndim != 1)
		return NULL;
	json_t *array = json_array();
	for (uint64_t i = 0; array && i < field->array.count; i++) {
		json_t *element = element_of(field, i);
		if (!element || json_array_append_new(array, element) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* What is left out of MiscInfo. */
struct lost {
	size_t count;
	const char *first; /* its name */
};

static json_t *object_of(const struct sc_record *record, struct lost *lost);

static json_t *value_of(const struct sc_field *field, struct lost *lost)
{
	switch (field->type) {
	case SC_TYPE_BOOL:
		return json_boolean(field->boolean);
	case SC_TYPE_UCHAR:
	case SC_TYPE_SHORT:
	case SC_TYPE_INT:
	case SC_TYPE_UINT:
	case SC_TYPE_INT64:
		return json_integer(field->integer);
	case SC_TYPE_FLOAT:
	case SC_TYPE_DOUBLE:
		return number_of(field->real[0]);
	case SC_TYPE_COMPLEX:
	case SC_TYPE_DCOMPLEX:
		return complex_of(field->real[0], field->real[1]);
	case SC_TYPE_STRING:
		return string_of(&field->string);
	case SC_TYPE_RECORD:
		return object_of(field->record, lost);
	default:
		return array_of(field);
	}
}

/* NULL: out of memory. */
static json_t *object_of(const struct sc_record *record, struct lost *lost)
{
	json_t *object = json_object();
	for (size_t i = 0; object && record && i < record->nfields; i++) {
		const struct sc_field *field = &record->fields[i];
		json_t *value = value_of(field, lost);
		/* Not UTF-8, or too long together. */
		if (value && fits_line(field->name, value) && json_object_set(object, field->name, value) == 0) {
			json_decref(value);
			continue;
		}
		json_decref(value);
		if (lost->count++ == 0)
			lost->first = field->name;
	}
	return object;
}

/* "././x", "./x" or x, as casacore understands it. */
static int stored_name(const struct sc_imageconcat_image *image, json_t **ret_value, struct sc_error *err)
{
	static const char *const prefixes[] = {
		[SC_IMAGECONCAT_INSIDE] = "././",
		[SC_IMAGECONCAT_BESIDE] = "./",
		[SC_IMAGECONCAT_ABSOLUTE] = "",
		[SC_IMAGECONCAT_PLAIN] = "",
	};
	sc_autofree char *name = NULL;
	/* casacore's Path takes a $ for the start of a variable's name, with no way to say that it is not. */
	if (strchr(image->path, '$'))
		return sc_error_set(err, -EINVAL, "%s: a virtual image cannot name it: casacore would expand the $",
				    image->path);
	if (asprintf(&name, "%s%s", prefixes[image->place], image->path) < 0) {
		name = NULL;
		return sc_error_errno(err, -ENOMEM, "%s", image->path);
	}
	sc_autojson json_t *value = json_string(name);
	if (!value)
		return sc_error_set(err, -EINVAL, "%s: a virtual image cannot name it: the name is not UTF-8",
				    image->path);
	if (!fits_line("", value))
		return sc_error_set(err, -EINVAL, "%.100s...: a virtual image cannot name it: the name is too long",
				    image->path);
	*ret_value = sc_steal_ptr(value);
	return 0;
}

static int images_of(const struct sc_imageconcat *catalog, json_t **ret_array, struct sc_error *err)
{
	sc_autojson json_t *array = json_array();
	for (size_t i = 0; i < catalog->nimages; i++) {
		json_t *name = NULL;
		int rc = stored_name(&catalog->images[i], &name, err);
		if (rc < 0)
			return rc;
		if (json_array_append_new(array, name) < 0)
			return sc_error_errno(err, -ENOMEM, "%s", SC_IMAGECONCAT_FILE);
	}
	*ret_array = sc_steal_ptr(array);
	return 0;
}

static const char *name_of_type(enum sc_type type)
{
	for (size_t i = 0; i < SC_COUNT_OF(data_types); i++) {
		if (data_types[i].type == type)
			return data_types[i].name;
	}
	abort();
}

int sc_imageconcat_encode(const struct sc_imageconcat *catalog, const struct sc_record *miscinfo, char **ret_data,
			  size_t *ret_size, char **ret_warning, struct sc_error *err)
{
	struct lost lost = { 0 };
	json_t *images = NULL;
	int rc = images_of(catalog, &images, err);
	if (rc < 0)
		return rc;
	/* pack takes over `o` also when it fails; an element a line keeps lines short. */
	sc_autojson json_t *root = json_pack(
	    "{s:i, s:s, s:i, s:b, s:o, s:o}", "Version", 1, "DataType", name_of_type(catalog->type), "Axis",
	    catalog->axis, "TempClose", catalog->tempclose, "Images", images, "MiscInfo", object_of(miscinfo, &lost));
	sc_autofree char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL, *warning = NULL;
	if (text && lost.count > 0 &&
	    asprintf(&warning, "%zu field%s of miscinfo (%s%s) left out: a virtual image cannot hold %s", lost.count,
		     lost.count == 1 ? "" : "s", lost.first, lost.count == 1 ? "" : ", ...",
		     lost.count == 1 ? "it" : "them") < 0)
		warning = NULL;
	if (!text || (lost.count > 0 && !warning))
		return sc_error_errno(err, -ENOMEM, "%s", SC_IMAGECONCAT_FILE);
	size_t size = strlen(text);
	text[size] = '\n';
	*ret_size = size + 1;
	*ret_data = sc_steal_ptr(text);
	*ret_warning = sc_steal_ptr(warning);
	return 0;
}

/* Path::addDirectory: one "./" in front is the catalog's parent, more are the catalog. */
static int parse_name(const char *name, size_t length, size_t number, const char *label,
		      struct sc_imageconcat_image *ret_image, struct sc_error *err)
{
	if (strlen(name) != length)
		return sc_error_set(err, -EUCLEAN, "%s: the name of image %zu has a NUL in it", label, number);
	if (length >= PATH_MAX)
		return sc_error_set(err, -EUCLEAN, "%s: the name of image %zu has %zu bytes", label, number, length);
	unsigned ndots = 0;
	const char *rest = name;
	for (; rest[0] == '.' && rest[1] == '/'; rest += 2)
		ndots++;
	enum sc_imageconcat_place place = SC_IMAGECONCAT_PLAIN;
	if (ndots > 0) {
		place = ndots == 1 ? SC_IMAGECONCAT_BESIDE : SC_IMAGECONCAT_INSIDE;
		/* What is left names something in that directory: it must not look like the start of another place. */
		while (rest[0] == '/' || (rest[0] == '.' && rest[1] == '/'))
			rest++;
	} else if (rest[0] == '/') {
		place = SC_IMAGECONCAT_ABSOLUTE;
	}
	size_t rest_length = strlen(rest);
	while (rest_length > 0 && rest[rest_length - 1] == '/')
		rest_length--;
	bool is_dot = rest_length == 1 && rest[0] == '.';
	if (rest_length == 0 || is_dot || sc_io_leads_out(rest))
		return sc_error_set(err, -EUCLEAN, "%s: image %zu has the name %s, expected one without \"..\"", label,
				    number, length > 0 ? name : "\"\"");
	char *path = strndup(rest, rest_length);
	if (!path)
		return sc_error_errno(err, -ENOMEM, "%s", label);
	*ret_image = (struct sc_imageconcat_image){ place, path };
	return 0;
}

static int parse_images(const json_t *names, const char *label, struct sc_imageconcat *catalog, struct sc_error *err)
{
	size_t count = json_array_size(names);
	if (count == 0)
		return sc_error_set(err, -EUCLEAN, "%s: no \"Images\", expected an array of names", label);
	catalog->images = calloc(count, sizeof(*catalog->images));
	if (!catalog->images)
		return sc_error_errno(err, -ENOMEM, "%s", label);
	for (size_t i = 0; i < count; i++) {
		const json_t *name = json_array_get(names, i);
		if (!json_is_string(name))
			return sc_error_set(err, -EUCLEAN, "%s: image %zu is no name", label, i);
		int rc =
		    parse_name(json_string_value(name), json_string_length(name), i, label, &catalog->images[i], err);
		if (rc < 0)
			return rc;
		catalog->nimages++;
	}
	return 0;
}

static int parse_root(const json_t *root, const char *label, struct sc_imageconcat *catalog, struct sc_error *err)
{
	const json_t *version = json_object_get(root, "Version"), *axis = json_object_get(root, "Axis"),
		     *type = json_object_get(root, "DataType"), *tempclose = json_object_get(root, "TempClose");
	if (version && (!json_is_integer(version) || json_integer_value(version) != 1))
		return sc_error_set(err, -EUCLEAN, "%s: expected version 1", label);
	if (!json_is_integer(axis) || json_integer_value(axis) < 0 || json_integer_value(axis) >= SC_MAXDIM)
		return sc_error_set(err, -EUCLEAN, "%s: expected an \"Axis\" from 0 to %d", label, SC_MAXDIM - 1);
	if (tempclose && !json_is_boolean(tempclose))
		return sc_error_set(err, -EUCLEAN, "%s: \"TempClose\" is neither true nor false", label);
	catalog->axis = (int)json_integer_value(axis);
	catalog->tempclose = !tempclose || json_is_true(tempclose);
	for (size_t i = 0; i < SC_COUNT_OF(data_types); i++) {
		if (json_is_string(type) && strcasecmp(json_string_value(type), data_types[i].name) == 0) {
			catalog->type = data_types[i].type;
			return parse_images(json_object_get(root, "Images"), label, catalog, err);
		}
	}
	return sc_error_set(err, -EUCLEAN, "%s: the \"DataType\" is %.40s, expected float, double or complex", label,
			    json_is_string(type) ? json_string_value(type) : "no text");
}

int sc_imageconcat_decode(const void *data, size_t size, const char *label, struct sc_imageconcat *ret_catalog,
			  struct sc_error *err)
{
	json_error_t problem;
	/* NULs are let through to be refused where they matter: miscinfo may have some. */
	sc_autojson json_t *root = json_loadb(data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
	if (!root)
		return sc_error_set(err, -EUCLEAN, "%s: line %d: %s", label, problem.line, problem.text);
	if (!json_is_object(root))
		return sc_error_set(err, -EUCLEAN, "%s: expected an object", label);
	struct sc_imageconcat catalog = { 0 };
	int rc = parse_root(root, label, &catalog, err);
	if (rc < 0)
		sc_imageconcat_clear(&catalog);
	else
		*ret_catalog = catalog;
	return rc;
}

int sc_imageconcat_read(int dirfd, struct sc_imageconcat *ret_catalog, struct sc_error *err)
{
	static const char file[] = SC_IMAGECONCAT_FILE;
	sc_autofree uint8_t *data = NULL;
	size_t size;
	int rc = sc_io_read_file(dirfd, file, file, SC_IMAGECONCAT_BYTES_MAX, &data, &size, err);
	return rc < 0 ? rc : sc_imageconcat_decode(data, size, file, ret_catalog, err);
}

void sc_imageconcat_clear(struct sc_imageconcat *catalog)
{
	for (size_t i = 0; i < catalog->nimages; i++)
		free(catalog->images[i].path);
	free(catalog->images);
	*catalog = (struct sc_imageconcat){ 0 };
}
