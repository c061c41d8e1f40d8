#include "aipsio.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAGIC 0xbebebebeu

/* Of an object with nothing in it: its length, an empty type, its version. */
#define OBJECT_BYTES 12

/* ---- reader ---- */

void sc_aipsio_reader_init(struct sc_aipsio_reader *reader, const void *data, size_t size, const char *label,
			   struct sc_error *err)
{
	*reader = (struct sc_aipsio_reader){ .data = data, .size = size, .label = label, .err = err };
}

static int fail_at(struct sc_aipsio_reader *reader, size_t position, const char *text)
{
	if (reader->error == 0)
		reader->error = sc_error_set(reader->err, -EUCLEAN, "%s: byte %zu: %s", reader->label, position, text);
	return reader->error;
}

int sc_aipsio_fail(struct sc_aipsio_reader *reader, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return fail_at(reader, reader->position, text);
}

int sc_aipsio_no_memory(struct sc_aipsio_reader *reader)
{
	if (reader->error == 0)
		reader->error = sc_error_errno(reader->err, -ENOMEM, "%s: cannot decode", reader->label);
	return reader->error;
}

static size_t readable_end(const struct sc_aipsio_reader *reader)
{
	return reader->depth > 0 ? reader->object_end[reader->depth - 1] : reader->size;
}

size_t sc_aipsio_left(const struct sc_aipsio_reader *reader)
{
	return reader->error ? 0 : readable_end(reader) - reader->position;
}

/*
 * The only place that moves the cursor forward: what it returns is inside the
 * buffer. Of reading a header most is here, so it calls nothing.
 */
const uint8_t *sc_aipsio_bytes(struct sc_aipsio_reader *reader, size_t count)
{
	if (reader->error)
		return NULL;
	size_t left = readable_end(reader) - reader->position;
	if (count > left) {
		sc_aipsio_fail(reader, "expected %zu more bytes, the %s has %zu", count,
			       reader->depth > 0 ? "object" : "file", left);
		return NULL;
	}
	static const uint8_t nothing[1];
	const uint8_t *bytes = reader->data ? reader->data + reader->position : nothing;
	reader->position += count;
	return bytes;
}

static uint64_t big_endian(struct sc_aipsio_reader *reader, size_t count)
{
	const uint8_t *bytes = sc_aipsio_bytes(reader, count);
	uint64_t value = 0;
	for (size_t i = 0; bytes && i < count; i++)
		value = value << 8 | bytes[i];
	return value;
}

uint8_t sc_aipsio_u8(struct sc_aipsio_reader *reader)
{
	return (uint8_t)big_endian(reader, 1);
}

bool sc_aipsio_bool(struct sc_aipsio_reader *reader)
{
	size_t start = reader->position;
	uint8_t value = sc_aipsio_u8(reader);
	if (value > 1)
		fail_at(reader, start, "expected a Bool, 0 or 1");
	return value == 1;
}

int16_t sc_aipsio_i16(struct sc_aipsio_reader *reader)
{
	return (int16_t)big_endian(reader, 2);
}

int32_t sc_aipsio_i32(struct sc_aipsio_reader *reader)
{
	return (int32_t)big_endian(reader, 4);
}

uint32_t sc_aipsio_u32(struct sc_aipsio_reader *reader)
{
	return (uint32_t)big_endian(reader, 4);
}

int64_t sc_aipsio_i64(struct sc_aipsio_reader *reader)
{
	return (int64_t)big_endian(reader, 8);
}

uint64_t sc_aipsio_u64(struct sc_aipsio_reader *reader)
{
	return big_endian(reader, 8);
}

float sc_aipsio_f32(struct sc_aipsio_reader *reader)
{
	uint32_t bits = sc_aipsio_u32(reader);
	float value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

double sc_aipsio_f64(struct sc_aipsio_reader *reader)
{
	uint64_t bits = sc_aipsio_u64(reader);
	double value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

char *sc_aipsio_string(struct sc_aipsio_reader *reader, uint32_t *ret_length)
{
	size_t start = reader->position;
	uint32_t length = sc_aipsio_u32(reader);
	const uint8_t *bytes = sc_aipsio_bytes(reader, length);
	if (!bytes)
		return NULL;
	if (!ret_length && memchr(bytes, 0, length)) {
		fail_at(reader, start, "expected a String without NULs");
		return NULL;
	}
	char *string = malloc((size_t)length + 1);
	if (!string) {
		sc_aipsio_no_memory(reader);
		return NULL;
	}
	memcpy(string, bytes, length);
	string[length] = 0;
	if (ret_length)
		*ret_length = length;
	return string;
}

char *sc_aipsio_string_unless_empty(struct sc_aipsio_reader *reader)
{
	size_t start = reader->position;
	if (sc_aipsio_u32(reader) == 0 || reader->error)
		return NULL;
	reader->position = start;
	return sc_aipsio_string(reader, NULL);
}

/* A type name for comparisons and messages: what cannot be printed is a '?', which no type has. */
static void read_type(struct sc_aipsio_reader *reader, char *type, size_t size)
{
	uint32_t length = sc_aipsio_u32(reader);
	const uint8_t *bytes = sc_aipsio_bytes(reader, length);
	size_t kept = 0;
	for (; bytes && kept < length && kept < size - 1; kept++)
		type[kept] = bytes[kept] > ' ' && bytes[kept] < 127 ? (char)bytes[kept] : '?';
	type[kept] = 0;
	/* A name that does not fit must not equal the one it begins with. */
	if (bytes && kept < length && kept > 0)
		type[kept - 1] = '?';
}

/* Magic (outermost object only), length, type. The object is open when this returns 0. */
static int open_object(struct sc_aipsio_reader *reader, char *type, size_t size)
{
	type[0] = 0;
	if (reader->error)
		return reader->error;
	if (reader->depth == SC_AIPSIO_MAXDEPTH)
		return sc_aipsio_fail(reader, "objects are nested deeper than %d", SC_AIPSIO_MAXDEPTH);
	if (reader->depth == 0 && sc_aipsio_u32(reader) != MAGIC && !reader->error) {
		reader->position -= 4;
		return sc_aipsio_fail(reader, "expected the magic be be be be of AipsIO");
	}
	size_t start = reader->position, left = sc_aipsio_left(reader);
	if (left < OBJECT_BYTES)
		return sc_aipsio_fail(reader, "expected an object, at least %d more bytes, the %s has %zu", OBJECT_BYTES,
				      reader->depth > 0 ? "object around it" : "file", left);
	uint32_t length = sc_aipsio_u32(reader);
	if (length < OBJECT_BYTES || length > left) {
		char text[128];
		snprintf(text, sizeof(text), "expected the length of an object, %d to %zu bytes, found %u",
			 OBJECT_BYTES, left, length);
		return fail_at(reader, start, text);
	}
	reader->object_end[reader->depth++] = start + length;
	read_type(reader, type, size);
	return reader->error;
}

void sc_aipsio_peek_type(struct sc_aipsio_reader *reader, char *type, size_t size)
{
	size_t position = reader->position;
	unsigned depth = reader->depth;
	if (open_object(reader, type, size) < 0) {
		type[0] = 0;
		return;
	}
	reader->position = position;
	reader->depth = depth;
}

uint32_t sc_aipsio_begin(struct sc_aipsio_reader *reader, const char *type)
{
	char found[64], text[256];
	size_t start = reader->position;
	if (open_object(reader, found, sizeof(found)) < 0)
		return 0;
	if (strcmp(found, type) != 0) {
		snprintf(text, sizeof(text), "expected an object \"%s\", found \"%s\"", type, found);
		fail_at(reader, start, text);
		return 0;
	}
	return sc_aipsio_u32(reader);
}

void sc_aipsio_end(struct sc_aipsio_reader *reader)
{
	if (reader->error)
		return;
	assert(reader->depth > 0);
	size_t left = sc_aipsio_left(reader);
	if (left > 0)
		sc_aipsio_fail(reader, "expected the end of an object, which has %zu more bytes", left);
	else
		reader->depth--;
}

int sc_aipsio_iposition(struct sc_aipsio_reader *reader, int64_t elements[SC_MAXDIM])
{
	uint32_t version = sc_aipsio_begin(reader, "IPosition");
	if (!reader->error && version != 1 && version != 2)
		sc_aipsio_fail(reader, "expected version 1 or 2 of IPosition, found %u", version);
	uint32_t count = sc_aipsio_u32(reader);
	if (count > SC_MAXDIM)
		sc_aipsio_fail(reader, "expected an IPosition of at most %d elements, found %u", SC_MAXDIM, count);
	for (uint32_t i = 0; !reader->error && i < count; i++)
		elements[i] = version == 1 ? sc_aipsio_i32(reader) : sc_aipsio_i64(reader);
	sc_aipsio_end(reader);
	return reader->error ? 0 : (int)count;
}

/* ---- writer ---- */

void sc_aipsio_writer_init(struct sc_aipsio_writer *writer)
{
	*writer = (struct sc_aipsio_writer){ 0 };
}

void sc_aipsio_writer_discard(struct sc_aipsio_writer *writer)
{
	free(writer->data);
	*writer = (struct sc_aipsio_writer){ 0 };
}

int sc_aipsio_writer_finish(struct sc_aipsio_writer *writer, uint8_t **ret_data, size_t *ret_size)
{
	int error = writer->error;
	if (error == 0) {
		assert(writer->depth == 0);
		*ret_data = sc_steal_ptr(writer->data);
		*ret_size = writer->size;
	}
	sc_aipsio_writer_discard(writer);
	return error;
}

/* Room for `count` bytes at the end, which then belong to the content; NULL on error. */
static uint8_t *extend(struct sc_aipsio_writer *writer, size_t count)
{
	size_t wanted;
	if (writer->error)
		return NULL;
	if (__builtin_add_overflow(writer->size, count, &wanted) || wanted > SIZE_MAX / 4) {
		writer->error = -ENOMEM;
		return NULL;
	}
	if (wanted > writer->capacity) {
		size_t capacity = writer->capacity ? writer->capacity * 2 : 1024;
		if (capacity < wanted)
			capacity = wanted;
		uint8_t *data = realloc(writer->data, capacity);
		if (!data) {
			writer->error = -ENOMEM;
			return NULL;
		}
		writer->data = data;
		writer->capacity = capacity;
	}
	uint8_t *room = writer->data + writer->size;
	writer->size = wanted;
	return room;
}

static void store_big_endian(uint8_t *to, uint64_t value, size_t count)
{
	for (size_t i = count; i-- > 0; value >>= 8)
		to[i] = (uint8_t)value;
}

static void put_big_endian(struct sc_aipsio_writer *writer, uint64_t value, size_t count)
{
	uint8_t *to = extend(writer, count);
	if (to)
		store_big_endian(to, value, count);
}

void sc_aipsio_put_begin(struct sc_aipsio_writer *writer, const char *type, uint32_t version)
{
	if (writer->error)
		return;
	if (writer->depth == SC_AIPSIO_MAXDEPTH) {
		writer->error = -ELOOP;
		return;
	}
	if (writer->depth == 0)
		sc_aipsio_put_u32(writer, MAGIC);
	writer->object_start[writer->depth++] = writer->size;
	sc_aipsio_put_u32(writer, 0); /* the length, known at the end */
	sc_aipsio_put_string(writer, type, strlen(type));
	sc_aipsio_put_u32(writer, version);
}

void sc_aipsio_put_end(struct sc_aipsio_writer *writer)
{
	if (writer->error)
		return;
	assert(writer->depth > 0);
	size_t start = writer->object_start[--writer->depth];
	size_t length = writer->size - start;
	if (length > UINT32_MAX)
		writer->error = -EFBIG;
	else
		store_big_endian(writer->data + start, length, 4);
}

void sc_aipsio_put_u8(struct sc_aipsio_writer *writer, uint8_t value)
{
	put_big_endian(writer, value, 1);
}

void sc_aipsio_put_bool(struct sc_aipsio_writer *writer, bool value)
{
	put_big_endian(writer, value, 1);
}

void sc_aipsio_put_i16(struct sc_aipsio_writer *writer, int16_t value)
{
	put_big_endian(writer, (uint64_t)value, 2);
}

void sc_aipsio_put_i32(struct sc_aipsio_writer *writer, int32_t value)
{
	put_big_endian(writer, (uint64_t)value, 4);
}

void sc_aipsio_put_u32(struct sc_aipsio_writer *writer, uint32_t value)
{
	put_big_endian(writer, value, 4);
}

void sc_aipsio_put_i64(struct sc_aipsio_writer *writer, int64_t value)
{
	put_big_endian(writer, (uint64_t)value, 8);
}

void sc_aipsio_put_u64(struct sc_aipsio_writer *writer, uint64_t value)
{
	put_big_endian(writer, value, 8);
}

void sc_aipsio_put_f32(struct sc_aipsio_writer *writer, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	put_big_endian(writer, bits, 4);
}

void sc_aipsio_put_f64(struct sc_aipsio_writer *writer, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	put_big_endian(writer, bits, 8);
}

void sc_aipsio_put_string(struct sc_aipsio_writer *writer, const char *bytes, size_t length)
{
	if (length > UINT32_MAX && writer->error == 0)
		writer->error = -EFBIG;
	sc_aipsio_put_u32(writer, (uint32_t)length);
	sc_aipsio_put_bytes(writer, bytes, length);
}

void sc_aipsio_put_bytes(struct sc_aipsio_writer *writer, const void *bytes, size_t count)
{
	uint8_t *to = count > 0 ? extend(writer, count) : NULL;
	if (to)
		memcpy(to, bytes, count);
}

void sc_aipsio_put_iposition(struct sc_aipsio_writer *writer, int ndim, const int64_t *elements)
{
	bool narrow = true;
	for (int i = 0; i < ndim; i++)
		narrow = narrow && elements[i] >= INT32_MIN && elements[i] <= INT32_MAX;
	sc_aipsio_put_begin(writer, "IPosition", narrow ? 1 : 2);
	sc_aipsio_put_u32(writer, (uint32_t)ndim);
	for (int i = 0; i < ndim; i++)
		put_big_endian(writer, (uint64_t)elements[i], narrow ? 4 : 8);
	sc_aipsio_put_end(writer);
}
