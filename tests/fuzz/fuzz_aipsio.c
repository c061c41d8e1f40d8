/*
 * The cursor and the writer: the input is a program, a byte for each step and a NUL behind them, and the bytes it reads.
 * What was read without an error is written by the same steps, and must be the same bytes.
 */
#include "fuzz.h"

#include "aipsio.h"
#include "record.h"

static const char *const types[] = { "Table", "TableDesc", "RecordDesc", "Array<Int>" };

/* Whether the step can be checked: some forms have two spellings, of which the writer knows one. */
static bool step(char what, struct sc_aipsio_reader *reader, struct sc_aipsio_writer *writer)
{
	int64_t elements[SC_MAXDIM];
	size_t start = reader->position, written = writer->size;
	uint32_t length = 0;
	switch (what) {
	case '(': {
		char type[64];
		sc_aipsio_peek_type(reader, type, sizeof(type));
		for (size_t i = 0; i < SC_COUNT_OF(types); i++) {
			if (strcmp(type, types[i]) != 0)
				continue;
			uint32_t version = sc_aipsio_begin(reader, type);
			if (!reader->error)
				sc_aipsio_put_begin(writer, type, version);
			return true;
		}
		sc_aipsio_fail(reader, "expected one of a few types");
		return true;
	}
	case ')':
		if (reader->depth == 0)
			return true;
		sc_aipsio_end(reader);
		if (!reader->error)
			sc_aipsio_put_end(writer);
		return true;
	case '1':
		sc_aipsio_put_u8(writer, sc_aipsio_u8(reader));
		return true;
	case 'b':
		sc_aipsio_put_bool(writer, sc_aipsio_bool(reader));
		return true;
	case '2':
		sc_aipsio_put_i16(writer, sc_aipsio_i16(reader));
		return true;
	case '4':
		sc_aipsio_put_i32(writer, sc_aipsio_i32(reader));
		return true;
	case '8':
		sc_aipsio_put_i64(writer, sc_aipsio_i64(reader));
		return true;
	case 'f':
		sc_aipsio_put_f32(writer, sc_aipsio_f32(reader));
		return true;
	case 'd':
		sc_aipsio_put_f64(writer, sc_aipsio_f64(reader));
		return true;
	case 's': {
		sc_autofree char *string = sc_aipsio_string(reader, &length);
		if (string)
			sc_aipsio_put_string(writer, string, length);
		return true;
	}
	case 't': {
		sc_autofree char *string = sc_aipsio_string(reader, NULL);
		if (string)
			sc_aipsio_put_string(writer, string, strlen(string));
		return true;
	}
	case 'i': {
		int ndim = sc_aipsio_iposition(reader, elements);
		fuzz_require(ndim >= 0 && ndim <= SC_MAXDIM);
		if (!reader->error)
			sc_aipsio_put_iposition(writer, ndim, elements);
		return reader->position - start == writer->size - written;
	}
	default: {
		sc_autorecord struct sc_record *record = sc_record_decode(reader, what == 'r' ? "Record" : "TableRecord");
		if (record)
			sc_record_encode(record, what == 'r' ? "Record" : "TableRecord", writer);
		return false;
	}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sc_error err = { 0 };
	struct sc_aipsio_reader reader;
	struct sc_aipsio_writer writer;
	const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
	if (!end)
		return 0;
	bool exact = true;
	sc_aipsio_reader_init(&reader, end + 1, size - (size_t)(end + 1 - data), "input", &err);
	sc_aipsio_writer_init(&writer);
	for (const uint8_t *at = data; at < end && !reader.error; at++) {
		exact = step((char)*at, &reader, &writer) && exact;
		fuzz_require(reader.position <= reader.size);
		fuzz_require(sc_aipsio_left(&reader) <= reader.size - reader.position);
	}
	if (reader.error) {
		fuzz_require_error(reader.error, &err);
		fuzz_require(sc_aipsio_u32(&reader) == 0 && sc_aipsio_left(&reader) == 0);
	} else if (reader.depth == 0 && writer.depth == 0 && exact) {
		fuzz_require(writer.error == 0);
		fuzz_require_same(writer.data, writer.size, end + 1, reader.position);
	}
	sc_aipsio_writer_discard(&writer);
	return 0;
}
