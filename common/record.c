#include "recordpriv.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/auxv.h>
#include <xxhash.h>

/* Below this many fields walking them is as fast as hashing. */
#define INDEX_FROM 16

/* ---- life of fields and records ---- */

void sc_field_clear(struct sc_field *field)
{
	if (field->type == SC_TYPE_RECORD) {
		sc_record_free(field->record);
	} else if (field->type == SC_TYPE_STRING || field->type == SC_TYPE_TABLE) {
		free(field->string.bytes);
	} else if (sc_type_is_array(sc_type_find((int)field->type), field->type)) {
		struct sc_string *strings = field->array.elements;
		for (uint64_t i = 0; strings && field->type == SC_TYPE_ARRAY_STRING && i < field->array.count; i++)
			free(strings[i].bytes);
		free(field->array.elements);
	}
	free(field->name);
	free(field->comment);
	free(field->desc_shape);
	free(field->table_desc);
	*field = (struct sc_field){ 0 };
}

struct sc_record *sc_record_new(void)
{
	struct sc_record *record = calloc(1, sizeof(*record));
	if (record)
		record->kind = 1;
	return record;
}

void sc_record_free(struct sc_record *record)
{
	if (!record)
		return;
	for (size_t i = 0; i < record->nfields; i++)
		sc_field_clear(&record->fields[i]);
	free(record->fields);
	free(record->index);
	free(record);
}

/* ---- the index: open addressing, at most half full ---- */

/* With a seed that differs between processes, so that no file can be made whose names all meet in one place. */
static size_t hash_name(const char *name)
{
	/* Looked up once; threads that do so at the same time find the same. */
	static const void *_Atomic random;
	if (!random)
		random = (const void *)getauxval(AT_RANDOM);
	uint64_t seed = 0;
	if (random)
		memcpy(&seed, random, sizeof(seed));
	return (size_t)XXH3_64bits_withSeed(name, strlen(name), seed);
}

static void index_add(struct sc_record *record, size_t number)
{
	size_t mask = record->index_size - 1;
	size_t at = hash_name(record->fields[number].name) & mask;
	while (record->index[at])
		at = (at + 1) & mask;
	record->index[at] = (uint32_t)number + 1;
}

static int index_rebuild(struct sc_record *record, size_t index_size)
{
	uint32_t *index = calloc(index_size, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(record->index);
	record->index = index;
	record->index_size = index_size;
	for (size_t i = 0; i < record->nfields; i++)
		index_add(record, i);
	return 0;
}

static struct sc_field *find(const struct sc_record *record, const char *name)
{
	if (!record->index) {
		/* Most names differ in the first character, which takes no call to see. */
		for (size_t i = 0; i < record->nfields; i++)
			if (record->fields[i].name[0] == name[0] && strcmp(record->fields[i].name, name) == 0)
				return &record->fields[i];
		return NULL;
	}
	size_t mask = record->index_size - 1;
	for (size_t at = hash_name(name) & mask; record->index[at]; at = (at + 1) & mask) {
		struct sc_field *field = &record->fields[record->index[at] - 1];
		if (strcmp(field->name, name) == 0)
			return field;
	}
	return NULL;
}

/* Makes room for one more field, in the fields and in the index. */
static int reserve(struct sc_record *record)
{
	if (record->nfields >= UINT32_MAX / 4)
		return -ENOMEM;
	if (record->nfields == record->capacity) {
		size_t capacity = record->capacity ? record->capacity * 2 : 2; /* most are that small */
		struct sc_field *fields = reallocarray(record->fields, capacity, sizeof(*fields));
		if (!fields)
			return -ENOMEM;
		record->fields = fields;
		record->capacity = capacity;
	}
	if (record->nfields >= INDEX_FROM && (record->nfields + 1) * 2 > record->index_size)
		return index_rebuild(record, record->index_size ? record->index_size * 2 : INDEX_FROM * 4);
	return 0;
}

int sc_record_append(struct sc_record *record, struct sc_field *field)
{
	int rc = find(record, field->name) ? -EEXIST : reserve(record);
	if (rc < 0) {
		sc_field_clear(field);
		return rc;
	}
	record->fields[record->nfields++] = *field;
	*field = (struct sc_field){ 0 };
	if (record->index)
		index_add(record, record->nfields - 1);
	return 0;
}

void sc_record_remove(struct sc_record *record, const char *name)
{
	struct sc_field *field = find(record, name);
	if (!field)
		return;
	size_t number = (size_t)(field - record->fields);
	sc_field_clear(field);
	record->nfields--;
	memmove(field, field + 1, (record->nfields - number) * sizeof(*field));
	if (!record->index)
		return;
	memset(record->index, 0, record->index_size * sizeof(*record->index));
	for (size_t i = 0; i < record->nfields; i++)
		index_add(record, i);
}

/* ---- copies ---- */

static int copy_string(struct sc_string *to, const struct sc_string *from)
{
	to->bytes = malloc((size_t)from->length + 1);
	if (!to->bytes)
		return -ENOMEM;
	if (from->length > 0)
		memcpy(to->bytes, from->bytes, from->length);
	to->bytes[from->length] = 0;
	to->length = from->length;
	return 0;
}

static int copy_elements(struct sc_field *to, const void *elements, uint64_t count)
{
	size_t size = sc_type_find((int)to->type)->element_size;
	to->array.elements = NULL;
	to->array.count = count;
	if (count == 0)
		return 0;
	to->array.elements = calloc(count, size);
	if (!to->array.elements)
		return -ENOMEM;
	if (to->type != SC_TYPE_ARRAY_STRING) {
		memcpy(to->array.elements, elements, count * size);
		return 0;
	}
	struct sc_string *strings = to->array.elements;
	for (uint64_t i = 0; i < count; i++)
		if (copy_string(&strings[i], (const struct sc_string *)elements + i) < 0)
			return -ENOMEM;
	return 0;
}

static int copy_optional(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int copy_desc(struct sc_field *to, const struct sc_field *from)
{
	if (copy_optional(&to->comment, from->comment) < 0 || copy_optional(&to->table_desc, from->table_desc) < 0)
		return -ENOMEM;
	to->inline_record = from->inline_record;
	if (!from->desc_shape)
		return 0;
	to->desc_shape = malloc(sizeof(*to->desc_shape));
	if (!to->desc_shape)
		return -ENOMEM;
	*to->desc_shape = *from->desc_shape;
	return 0;
}

/* `*to` is cleared on failure. */
static int copy_field(struct sc_field *to, const struct sc_field *from, const char *name)
{
	*to = (struct sc_field){ .type = from->type };
	int rc = copy_optional(&to->name, name);
	if (rc == 0)
		rc = copy_desc(to, from);
	if (rc == 0 && from->type == SC_TYPE_RECORD) {
		to->record = sc_record_copy(from->record);
		rc = to->record ? 0 : -ENOMEM;
	} else if (rc == 0 && (from->type == SC_TYPE_STRING || from->type == SC_TYPE_TABLE)) {
		rc = copy_string(&to->string, &from->string);
	} else if (rc == 0 && sc_type_is_array(sc_type_find((int)from->type), from->type)) {
		to->array.ndim = from->array.ndim;
		memcpy(to->array.lengths, from->array.lengths, sizeof(to->array.lengths));
		rc = copy_elements(to, from->array.elements, from->array.count);
	} else if (rc == 0) {
		memcpy(to->real, from->real, sizeof(to->real)); /* the widest of the plain values */
	}
	if (rc < 0)
		sc_field_clear(to);
	return rc;
}

struct sc_record *sc_record_copy(const struct sc_record *record)
{
	struct sc_record *copy = sc_record_new();
	if (!copy)
		return NULL;
	copy->kind = record->kind;
	for (size_t i = 0; i < record->nfields; i++) {
		struct sc_field field;
		if (copy_field(&field, &record->fields[i], record->fields[i].name) < 0 ||
		    sc_record_append(copy, &field) < 0) {
			sc_record_free(copy);
			return NULL;
		}
	}
	return copy;
}

/* ---- comparison ---- */

static bool equal_reals(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static bool equal_strings(const struct sc_string *a, const struct sc_string *b)
{
	return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static bool equal_elements(const struct sc_field *a, const struct sc_field *b)
{
	const struct sc_type_info *info = sc_type_find((int)a->type);
	uint64_t count = a->array.count;
	if (count == 0)
		return true;
	const void *x = a->array.elements, *y = b->array.elements;
	switch (a->type) {
	case SC_TYPE_ARRAY_STRING:
		for (uint64_t i = 0; i < count; i++)
			if (!equal_strings((const struct sc_string *)x + i, (const struct sc_string *)y + i))
				return false;
		return true;
	case SC_TYPE_ARRAY_FLOAT:
	case SC_TYPE_ARRAY_COMPLEX:
		for (uint64_t i = 0; i < count * info->words; i++)
			if (!equal_reals((double)((const float *)x)[i], (double)((const float *)y)[i]))
				return false;
		return true;
	case SC_TYPE_ARRAY_DOUBLE:
	case SC_TYPE_ARRAY_DCOMPLEX:
		for (uint64_t i = 0; i < count * info->words; i++)
			if (!equal_reals(((const double *)x)[i], ((const double *)y)[i]))
				return false;
		return true;
	default:
		return memcmp(x, y, count * info->element_size) == 0;
	}
}

bool sc_field_equal(const struct sc_field *a, const struct sc_field *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case SC_TYPE_RECORD:
		return sc_record_equal(a->record, b->record);
	case SC_TYPE_STRING:
	case SC_TYPE_TABLE:
		return equal_strings(&a->string, &b->string);
	case SC_TYPE_BOOL:
		return a->boolean == b->boolean;
	case SC_TYPE_FLOAT:
	case SC_TYPE_DOUBLE:
		return equal_reals(a->real[0], b->real[0]);
	case SC_TYPE_COMPLEX:
	case SC_TYPE_DCOMPLEX:
		return equal_reals(a->real[0], b->real[0]) && equal_reals(a->real[1], b->real[1]);
	default:
		break;
	}
	if (!sc_type_is_array(sc_type_find((int)a->type), a->type))
		return a->integer == b->integer;
	return a->array.ndim == b->array.ndim && a->array.count == b->array.count &&
	       memcmp(a->array.lengths, b->array.lengths, a->array.ndim * sizeof(a->array.lengths[0])) == 0 &&
	       equal_elements(a, b);
}

bool sc_record_equal(const struct sc_record *a, const struct sc_record *b)
{
	if (a->nfields != b->nfields)
		return false;
	for (size_t i = 0; i < a->nfields; i++) {
		const struct sc_field *other = find(b, a->fields[i].name);
		if (!other || !sc_field_equal(&a->fields[i], other))
			return false;
	}
	return true;
}

/* ---- getting ---- */

const struct sc_field *sc_record_find(const struct sc_record *record, const char *name)
{
	return find(record, name);
}

static bool is_integer(const struct sc_field *field)
{
	return field->type == SC_TYPE_UCHAR || field->type == SC_TYPE_SHORT || field->type == SC_TYPE_INT ||
	       field->type == SC_TYPE_UINT || field->type == SC_TYPE_INT64;
}

bool sc_record_get_int(const struct sc_record *record, const char *name, int64_t *ret_value)
{
	const struct sc_field *field = find(record, name);
	if (!field || !is_integer(field))
		return false;
	*ret_value = field->integer;
	return true;
}

bool sc_record_get_double(const struct sc_record *record, const char *name, double *ret_value)
{
	const struct sc_field *field = find(record, name);
	if (!field)
		return false;
	if (field->type == SC_TYPE_FLOAT || field->type == SC_TYPE_DOUBLE)
		*ret_value = field->real[0];
	else if (is_integer(field))
		*ret_value = (double)field->integer;
	else
		return false;
	return true;
}

const char *sc_record_get_string(const struct sc_record *record, const char *name)
{
	const struct sc_field *field = find(record, name);
	return field && (field->type == SC_TYPE_STRING || field->type == SC_TYPE_TABLE) ? field->string.bytes : NULL;
}

const struct sc_record *sc_record_get_record(const struct sc_record *record, const char *name)
{
	const struct sc_field *field = find(record, name);
	return field && field->type == SC_TYPE_RECORD ? field->record : NULL;
}

struct sc_record *sc_record_edit_record(struct sc_record *record, const char *name)
{
	struct sc_field *field = find(record, name);
	return field && field->type == SC_TYPE_RECORD ? field->record : NULL;
}

const struct sc_field *sc_record_get_array(const struct sc_record *record, const char *name, enum sc_type type)
{
	const struct sc_field *field = find(record, name);
	return field && field->type == type && sc_type_is_array(sc_type_find((int)type), type) ? field : NULL;
}

/* ---- putting ---- */

/* Puts `field`, which has no name yet, under `name`; takes it over also on failure. */
static int install(struct sc_record *record, const char *name, struct sc_field *field)
{
	struct sc_field *old = find(record, name);
	if (!old) {
		field->name = strdup(name);
		if (field->name)
			return sc_record_append(record, field);
		sc_field_clear(field);
		return -ENOMEM;
	}
	field->name = sc_steal_ptr(old->name);
	if (!field->comment)
		field->comment = sc_steal_ptr(old->comment);
	sc_field_clear(old);
	*old = *field;
	return 0;
}

int sc_record_put_bool(struct sc_record *record, const char *name, bool value)
{
	return install(record, name, &(struct sc_field){ .type = SC_TYPE_BOOL, .boolean = value });
}

int sc_record_put_int(struct sc_record *record, const char *name, int32_t value)
{
	return install(record, name, &(struct sc_field){ .type = SC_TYPE_INT, .integer = value });
}

int sc_record_put_float(struct sc_record *record, const char *name, float value)
{
	return install(record, name, &(struct sc_field){ .type = SC_TYPE_FLOAT, .real = { (double)value } });
}

int sc_record_put_double(struct sc_record *record, const char *name, double value)
{
	return install(record, name, &(struct sc_field){ .type = SC_TYPE_DOUBLE, .real = { value } });
}

int sc_record_put_string(struct sc_record *record, const char *name, const char *value)
{
	struct sc_field field = { .type = SC_TYPE_STRING };
	size_t length = strlen(value);
	if (length > UINT32_MAX)
		return -ENOMEM;
	if (copy_string(&field.string, &(struct sc_string){ (char *)value, (uint32_t)length }) < 0)
		return -ENOMEM;
	return install(record, name, &field);
}

int sc_record_put_record(struct sc_record *record, const char *name, struct sc_record *value)
{
	if (!value)
		return -ENOMEM;
	return install(record, name, &(struct sc_field){ .type = SC_TYPE_RECORD, .record = value });
}

int sc_record_put_vector(struct sc_record *record, const char *name, enum sc_type type, const void *elements,
			 uint64_t count)
{
	assert(sc_type_is_array(sc_type_find((int)type), type));
	if (count > UINT32_MAX)
		return -ENOMEM;
	struct sc_field field = { .type = type, .array = { .ndim = 1, .lengths = { (uint32_t)count } } };
	int rc = copy_elements(&field, elements, count);
	if (rc < 0) {
		sc_field_clear(&field);
		return rc;
	}
	return install(record, name, &field);
}

int sc_record_put_field(struct sc_record *record, const char *name, const struct sc_field *field)
{
	struct sc_field copy;
	int rc = copy_field(&copy, field, NULL);
	return rc < 0 ? rc : install(record, name, &copy);
}
