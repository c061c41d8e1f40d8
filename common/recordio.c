#include "recordpriv.h"

#include <errno.h>
#include <string.h>

/* ---- types ---- */

static const struct sc_type_info type_infos[] = {
	{ SC_TYPE_BOOL, SC_TYPE_ARRAY_BOOL, "bool", "bool array", "Array<void>", 1, 0, 0 },
	{ SC_TYPE_UCHAR, SC_TYPE_ARRAY_UCHAR, "uchar", "uchar array", "Array<uChar>", 1, 1, 1 },
	{ SC_TYPE_SHORT, SC_TYPE_ARRAY_SHORT, "short", "short array", "Array<short>", 2, 2, 1 },
	{ SC_TYPE_INT, SC_TYPE_ARRAY_INT, "int", "int array", "Array<Int>", 4, 4, 1 },
	{ SC_TYPE_UINT, SC_TYPE_ARRAY_UINT, "uint", "uint array", "Array<uInt>", 4, 4, 1 },
	{ SC_TYPE_FLOAT, SC_TYPE_ARRAY_FLOAT, "float", "float array", "Array<float>", 4, 4, 1 },
	{ SC_TYPE_DOUBLE, SC_TYPE_ARRAY_DOUBLE, "double", "double array", "Array<double>", 8, 8, 1 },
	{ SC_TYPE_COMPLEX, SC_TYPE_ARRAY_COMPLEX, "complex", "complex array", "Array<void>", 8, 4, 2 },
	{ SC_TYPE_DCOMPLEX, SC_TYPE_ARRAY_DCOMPLEX, "dcomplex", "dcomplex array", "Array<void>", 16, 8, 2 },
	{ SC_TYPE_STRING, SC_TYPE_ARRAY_STRING, "string", "string array", "Array<String>", sizeof(struct sc_string), 0,
	  0 },
	{ SC_TYPE_INT64, SC_TYPE_ARRAY_INT64, "int64", "int64 array", "Array<Int64>", 8, 8, 1 },
};

const struct sc_type_info *sc_type_find(int type)
{
	for (size_t i = 0; i < SC_COUNT_OF(type_infos); i++)
		if ((int)type_infos[i].scalar == type || (int)type_infos[i].array == type)
			return &type_infos[i];
	return NULL;
}

const char *sc_type_name(enum sc_type type)
{
	if (type == SC_TYPE_RECORD)
		return "record";
	if (type == SC_TYPE_TABLE)
		return "table";
	const struct sc_type_info *info = sc_type_find((int)type);
	if (!info)
		return "unknown type";
	return sc_type_is_array(info, type) ? info->array_name : info->scalar_name;
}

/* ---- arrays ---- */

/* Host numbers of `size` bytes to big-endian ones, or back. */
static void swap_words(uint8_t *to, const uint8_t *from, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++, to += size, from += size)
		for (size_t k = 0; k < size; k++)
			to[k] = from[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? size - 1 - k : k];
}

static void read_lengths(struct sc_aipsio_reader *reader, struct sc_field *field, uint32_t version)
{
	uint32_t ndim = sc_aipsio_u32(reader);
	if (ndim > SC_MAXDIM) {
		sc_aipsio_fail(reader, "expected an array of at most %d axes, found %u", SC_MAXDIM, ndim);
		return;
	}
	field->array.ndim = ndim;
	/* Long ago arrays had an origin, which casacore ignores as well. */
	for (uint32_t i = 0; version < 3 && i < ndim; i++)
		sc_aipsio_i32(reader);
	uint64_t product = ndim > 0;
	for (uint32_t i = 0; i < ndim; i++) {
		field->array.lengths[i] = sc_aipsio_u32(reader);
		if (__builtin_mul_overflow(product, field->array.lengths[i], &product))
			sc_aipsio_fail(reader, "the lengths of the array have too large a product");
	}
	uint32_t count = sc_aipsio_u32(reader);
	if (!reader->error && count != product)
		sc_aipsio_fail(reader, "expected the array's %llu elements, found %u", (unsigned long long)product,
			       count);
	field->array.count = reader->error ? 0 : count;
}

static void read_elements(struct sc_aipsio_reader *reader, struct sc_field *field, const struct sc_type_info *info)
{
	uint64_t count = field->array.count;
	bool strings = info->scalar == SC_TYPE_STRING, bits = info->scalar == SC_TYPE_BOOL;
	uint64_t bytes = strings ? count * 4 : bits ? (count + 7) / 8 : count * info->word_size * info->words;
	/* Looked at before anything is allocated for them. */
	if (!reader->error && bytes > sc_aipsio_left(reader))
		sc_aipsio_fail(reader, "expected an array's %llu bytes, the object has %zu", (unsigned long long)bytes,
			       sc_aipsio_left(reader));
	if (reader->error || count == 0) {
		field->array.count = 0;
		return;
	}
	field->array.elements = calloc(count, info->element_size);
	if (!field->array.elements) {
		field->array.count = 0;
		sc_aipsio_no_memory(reader);
		return;
	}
	if (strings) {
		struct sc_string *string = field->array.elements;
		for (uint64_t i = 0; !reader->error && i < count; i++, string++)
			string->bytes = sc_aipsio_string(reader, &string->length);
		return;
	}
	const uint8_t *from = sc_aipsio_bytes(reader, bytes);
	uint8_t *to = field->array.elements;
	if (bits)
		for (uint64_t i = 0; i < count; i++)
			to[i] = from[i / 8] >> i % 8 & 1;
	else
		swap_words(to, from, count * info->words, info->word_size);
}

static void read_array(struct sc_aipsio_reader *reader, struct sc_field *field, const struct sc_type_info *info)
{
	char type[64];
	sc_aipsio_peek_type(reader, type, sizeof(type));
	/* "Array" and other element names are in old files; what the elements are is known from the field's type. */
	if (!reader->error && strcmp(type, "Array") != 0 && strncmp(type, "Array<", 6) != 0)
		sc_aipsio_fail(reader, "expected an array object for the field \"%s\", found \"%s\"", field->name,
			       type);
	uint32_t version = sc_aipsio_begin(reader, type);
	if (!reader->error && (version < 1 || version > 3))
		sc_aipsio_fail(reader, "expected version 1 to 3 of an array, found %u", version);
	read_lengths(reader, field, version);
	read_elements(reader, field, info);
	sc_aipsio_end(reader);
}

static void write_array(const struct sc_field *field, const struct sc_type_info *info, struct sc_aipsio_writer *writer)
{
	uint64_t count = field->array.count;
	sc_aipsio_put_begin(writer, info->object, 3);
	sc_aipsio_put_u32(writer, field->array.ndim);
	for (uint32_t i = 0; i < field->array.ndim; i++)
		sc_aipsio_put_u32(writer, field->array.lengths[i]);
	sc_aipsio_put_u32(writer, (uint32_t)count);
	const uint8_t *elements = field->array.elements;
	if (info->scalar == SC_TYPE_STRING) {
		const struct sc_string *strings = field->array.elements;
		for (uint64_t i = 0; i < count; i++)
			sc_aipsio_put_string(writer, strings[i].bytes, strings[i].length);
	} else if (info->scalar == SC_TYPE_BOOL) {
		for (uint64_t i = 0; i < count; i += 8) {
			uint8_t bits = 0;
			for (uint64_t k = i; k < count && k < i + 8; k++)
				bits |= (uint8_t)((elements[k] != 0) << (k - i));
			sc_aipsio_put_u8(writer, bits);
		}
	} else {
		for (uint64_t i = 0; i < count * info->words; i++) {
			uint8_t word[8];
			swap_words(word, elements + i * info->word_size, 1, info->word_size);
			sc_aipsio_put_bytes(writer, word, info->word_size);
		}
	}
	sc_aipsio_put_end(writer);
}

/* ---- descriptions ---- */

static void read_desc(struct sc_aipsio_reader *reader, struct sc_record *record);

static void read_desc_shape(struct sc_aipsio_reader *reader, struct sc_field *field)
{
	struct sc_desc_shape shape = { 0 };
	shape.ndim = sc_aipsio_iposition(reader, shape.lengths);
	if (reader->error || (shape.ndim == 1 && shape.lengths[0] == -1))
		return;
	field->desc_shape = malloc(sizeof(shape));
	if (field->desc_shape)
		*field->desc_shape = shape;
	else
		sc_aipsio_no_memory(reader);
}

/* The part of a field's description that depends on its type. */
static void read_desc_type(struct sc_aipsio_reader *reader, struct sc_field *field)
{
	int32_t type = sc_aipsio_i32(reader);
	const struct sc_type_info *info = sc_type_find(type);
	if (reader->error)
		return;
	if (type == SC_TYPE_RECORD) {
		field->record = sc_record_new();
		if (!field->record) {
			sc_aipsio_no_memory(reader);
			return;
		}
		field->type = SC_TYPE_RECORD;
		read_desc(reader, field->record);
		field->inline_record = field->record->nfields > 0;
	} else if (type == SC_TYPE_TABLE) {
		field->type = SC_TYPE_TABLE;
		field->table_desc = sc_aipsio_string(reader, NULL);
	} else if (info) {
		field->type = (enum sc_type)type;
		if (sc_type_is_array(info, field->type))
			read_desc_shape(reader, field);
	} else {
		sc_aipsio_fail(reader, "the field \"%s\" has the unknown type %d", field->name, type);
	}
}

static void read_desc_field(struct sc_aipsio_reader *reader, struct sc_record *record, uint32_t version)
{
	struct sc_field field = { 0 };
	field.name = sc_aipsio_string(reader, NULL);
	read_desc_type(reader, &field);
	if (version > 1)
		field.comment = sc_aipsio_string_unless_empty(reader);
	if (reader->error) {
		sc_field_clear(&field);
		return;
	}
	int rc = sc_record_append(record, &field);
	if (rc == -EEXIST)
		sc_aipsio_fail(reader, "the record has two fields of one name");
	else if (rc < 0)
		sc_aipsio_no_memory(reader);
}

/* Recursion is as deep as objects are nested, which the reader limits. */
static void read_desc(struct sc_aipsio_reader *reader, struct sc_record *record)
{
	uint32_t version = sc_aipsio_begin(reader, "RecordDesc");
	if (!reader->error && version != 1 && version != 2)
		sc_aipsio_fail(reader, "expected version 1 or 2 of RecordDesc, found %u", version);
	uint32_t nfields = sc_aipsio_u32(reader);
	for (uint32_t i = 0; !reader->error && i < nfields; i++)
		read_desc_field(reader, record, version);
	sc_aipsio_end(reader);
}

/* An inline record that has lost its fields can only be written nested: no fields in its description mean that. */
static bool is_inline(const struct sc_field *field)
{
	return field->inline_record && field->record->nfields > 0;
}

static void write_desc(const struct sc_record *record, bool empty, struct sc_aipsio_writer *writer)
{
	sc_aipsio_put_begin(writer, "RecordDesc", 2);
	sc_aipsio_put_u32(writer, empty ? 0 : (uint32_t)record->nfields);
	for (size_t i = 0; !empty && !writer->error && i < record->nfields; i++) {
		const struct sc_field *field = &record->fields[i];
		const char *table_desc = field->table_desc ? field->table_desc : "";
		const char *comment = field->comment ? field->comment : "";
		sc_aipsio_put_string(writer, field->name, strlen(field->name));
		sc_aipsio_put_i32(writer, (int32_t)field->type);
		if (field->type == SC_TYPE_RECORD)
			write_desc(field->record, !is_inline(field), writer);
		else if (field->type == SC_TYPE_TABLE)
			sc_aipsio_put_string(writer, table_desc, strlen(table_desc));
		else if (field->desc_shape)
			sc_aipsio_put_iposition(writer, field->desc_shape->ndim, field->desc_shape->lengths);
		else if (sc_type_is_array(sc_type_find((int)field->type), field->type))
			sc_aipsio_put_iposition(writer, 1, (const int64_t[]){ -1 });
		sc_aipsio_put_string(writer, comment, strlen(comment));
	}
	sc_aipsio_put_end(writer);
}

/* ---- values ---- */

static void read_record(struct sc_aipsio_reader *reader, const char *type, struct sc_record *record, unsigned depth);
static void read_values(struct sc_aipsio_reader *reader, const char *type, struct sc_record *record, unsigned depth);

static void read_scalar(struct sc_aipsio_reader *reader, struct sc_field *field)
{
	switch (field->type) {
	case SC_TYPE_BOOL:
		field->boolean = sc_aipsio_bool(reader);
		break;
	case SC_TYPE_UCHAR:
		field->integer = sc_aipsio_u8(reader);
		break;
	case SC_TYPE_SHORT:
		field->integer = sc_aipsio_i16(reader);
		break;
	case SC_TYPE_INT:
		field->integer = sc_aipsio_i32(reader);
		break;
	case SC_TYPE_UINT:
		field->integer = sc_aipsio_u32(reader);
		break;
	case SC_TYPE_INT64:
		field->integer = sc_aipsio_i64(reader);
		break;
	case SC_TYPE_COMPLEX:
	case SC_TYPE_FLOAT:
		field->real[0] = (double)sc_aipsio_f32(reader);
		field->real[1] = field->type == SC_TYPE_COMPLEX ? (double)sc_aipsio_f32(reader) : 0;
		break;
	case SC_TYPE_DCOMPLEX:
	case SC_TYPE_DOUBLE:
		field->real[0] = sc_aipsio_f64(reader);
		field->real[1] = field->type == SC_TYPE_DCOMPLEX ? sc_aipsio_f64(reader) : 0;
		break;
	default: /* STRING, TABLE */
		field->string.bytes = sc_aipsio_string(reader, &field->string.length);
		break;
	}
}

static void read_value(struct sc_aipsio_reader *reader, const char *type, struct sc_field *field, unsigned depth)
{
	const struct sc_type_info *info = sc_type_find((int)field->type);
	if (field->type == SC_TYPE_RECORD && field->inline_record)
		read_values(reader, type, field->record, depth + 1);
	else if (field->type == SC_TYPE_RECORD)
		read_record(reader, type, field->record, depth + 1);
	else if (sc_type_is_array(info, field->type))
		read_array(reader, field, info);
	else
		read_scalar(reader, field);
}

static void read_values(struct sc_aipsio_reader *reader, const char *type, struct sc_record *record, unsigned depth)
{
	/* Inline records open no object, so the reader's own limit does not hold them. */
	if (depth >= SC_AIPSIO_MAXDEPTH)
		sc_aipsio_fail(reader, "records are nested deeper than %d", SC_AIPSIO_MAXDEPTH);
	for (size_t i = 0; !reader->error && i < record->nfields; i++)
		read_value(reader, type, &record->fields[i], depth);
}

static void read_record(struct sc_aipsio_reader *reader, const char *type, struct sc_record *record, unsigned depth)
{
	uint32_t version = sc_aipsio_begin(reader, type);
	if (!reader->error && version != 1)
		sc_aipsio_fail(reader, "expected version 1 of %s, found %u", type, version);
	read_desc(reader, record);
	record->kind = sc_aipsio_i32(reader);
	read_values(reader, type, record, depth);
	sc_aipsio_end(reader);
}

struct sc_record *sc_record_decode(struct sc_aipsio_reader *reader, const char *type)
{
	struct sc_record *record = sc_record_new();
	if (!record) {
		sc_aipsio_no_memory(reader);
		return NULL;
	}
	read_record(reader, type, record, 0);
	if (reader->error) {
		sc_record_free(record);
		return NULL;
	}
	return record;
}

static void write_scalar(const struct sc_field *field, struct sc_aipsio_writer *writer)
{
	switch (field->type) {
	case SC_TYPE_BOOL:
		sc_aipsio_put_bool(writer, field->boolean);
		break;
	case SC_TYPE_UCHAR:
		sc_aipsio_put_u8(writer, (uint8_t)field->integer);
		break;
	case SC_TYPE_SHORT:
		sc_aipsio_put_i16(writer, (int16_t)field->integer);
		break;
	case SC_TYPE_INT:
	case SC_TYPE_UINT:
		sc_aipsio_put_u32(writer, (uint32_t)field->integer);
		break;
	case SC_TYPE_INT64:
		sc_aipsio_put_i64(writer, field->integer);
		break;
	case SC_TYPE_COMPLEX:
	case SC_TYPE_FLOAT:
		sc_aipsio_put_f32(writer, (float)field->real[0]);
		if (field->type == SC_TYPE_COMPLEX)
			sc_aipsio_put_f32(writer, (float)field->real[1]);
		break;
	case SC_TYPE_DCOMPLEX:
	case SC_TYPE_DOUBLE:
		sc_aipsio_put_f64(writer, field->real[0]);
		if (field->type == SC_TYPE_DCOMPLEX)
			sc_aipsio_put_f64(writer, field->real[1]);
		break;
	default: /* STRING, TABLE */
		sc_aipsio_put_string(writer, field->string.bytes, field->string.length);
		break;
	}
}

static void write_values(const struct sc_record *record, const char *type, struct sc_aipsio_writer *writer)
{
	for (size_t i = 0; !writer->error && i < record->nfields; i++) {
		const struct sc_field *field = &record->fields[i];
		const struct sc_type_info *info = sc_type_find((int)field->type);
		if (field->type == SC_TYPE_RECORD && is_inline(field))
			write_values(field->record, type, writer);
		else if (field->type == SC_TYPE_RECORD)
			sc_record_encode(field->record, type, writer);
		else if (sc_type_is_array(info, field->type))
			write_array(field, info, writer);
		else
			write_scalar(field, writer);
	}
}

void sc_record_encode(const struct sc_record *record, const char *type, struct sc_aipsio_writer *writer)
{
	sc_aipsio_put_begin(writer, type, 1);
	write_desc(record, false, writer);
	sc_aipsio_put_i32(writer, record->kind);
	write_values(record, type, writer);
	sc_aipsio_put_end(writer);
}
