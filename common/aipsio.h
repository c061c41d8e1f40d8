/*
 * aipsio.h - casacore's AipsIO serialization: a bounds-checked cursor over bytes
 * in memory, and a writer.
 *
 *   file    = magic object                    magic: be be be be
 *   object  = u32 length  String type  u32 version  content
 *             length counts itself, type, version and content, not the magic
 *   String  = u32 length  bytes               no NUL at the end, NULs allowed inside
 *   IPosition (object): version 1: u32 n, n x i32; version 2: u32 n, n x i64
 *
 * All numbers are big-endian. Source: casacore, casa/IO/AipsIO.cc.
 *
 * The reader's errors stick: after the first one every read returns zero and
 * sc_aipsio_reader.error is set, so that a parser checks once per object. It
 * never reads past `size`, and no length in the file makes it allocate more
 * than the file could hold.
 */
#ifndef SC_AIPSIO_H
#define SC_AIPSIO_H

#include "base.h"
#include "error.h"

/* Objects may nest this deep; real images need 12. */
#define SC_AIPSIO_MAXDEPTH 64

struct sc_aipsio_reader {
	const uint8_t *data; /* not owned */
	size_t size, position;
	const char *label; /* file name for error texts, not owned */
	struct sc_error *err; /* where the first error goes; may be NULL */
	int error; /* 0, or the first error's -errno */
	unsigned depth;
	size_t object_end[SC_AIPSIO_MAXDEPTH]; /* of each object that is open */
};

void sc_aipsio_reader_init(struct sc_aipsio_reader *reader, const void *data, size_t size, const char *label,
			   struct sc_error *err);

/* Records an error at the current position ("LABEL: byte N: ..."); the first one wins. Returns its code. */
int sc_aipsio_fail(struct sc_aipsio_reader *reader, const char *format, ...) sc_printf_format(2, 3);

/* Records -ENOMEM, for parsers that stand on the reader and allocate themselves. */
int sc_aipsio_no_memory(struct sc_aipsio_reader *reader);

/*
 * Opens an object that must have the type `type` and returns its version; the
 * magic is expected when no other object is open. sc_aipsio_end fails unless
 * the object was read to its end.
 */
uint32_t sc_aipsio_begin(struct sc_aipsio_reader *reader, const char *type);
void sc_aipsio_end(struct sc_aipsio_reader *reader);

/* The type of the object that comes next, without moving; an empty string on error. `type` holds `size` bytes. */
void sc_aipsio_peek_type(struct sc_aipsio_reader *reader, char *type, size_t size);

uint8_t sc_aipsio_u8(struct sc_aipsio_reader *reader);
bool sc_aipsio_bool(struct sc_aipsio_reader *reader);
int16_t sc_aipsio_i16(struct sc_aipsio_reader *reader);
int32_t sc_aipsio_i32(struct sc_aipsio_reader *reader);
uint32_t sc_aipsio_u32(struct sc_aipsio_reader *reader);
int64_t sc_aipsio_i64(struct sc_aipsio_reader *reader);
uint64_t sc_aipsio_u64(struct sc_aipsio_reader *reader);
float sc_aipsio_f32(struct sc_aipsio_reader *reader);
double sc_aipsio_f64(struct sc_aipsio_reader *reader);

/* A String in memory of its own with a NUL behind it; NULL on error. *ret_length may be NULL: then a NUL inside is an error. */
char *sc_aipsio_string(struct sc_aipsio_reader *reader, uint32_t *ret_length);

/* A String without NULs in memory of its own; NULL when it is empty, and on error. */
char *sc_aipsio_string_unless_empty(struct sc_aipsio_reader *reader);

/* Bytes inside the buffer, valid as long as it is; NULL on error. */
const uint8_t *sc_aipsio_bytes(struct sc_aipsio_reader *reader, size_t count);

/* How many bytes the innermost open object (or the file) still has. */
size_t sc_aipsio_left(const struct sc_aipsio_reader *reader);

/* Reads an IPosition of at most SC_MAXDIM elements and returns their number; 0 on error (check reader->error). */
int sc_aipsio_iposition(struct sc_aipsio_reader *reader, int64_t elements[SC_MAXDIM]);

/*
 * The writer grows its buffer; running out of memory (-ENOMEM), an object too long
 * for its length (-EFBIG) and objects nested too deep (-ELOOP) stick as an error that
 * sc_aipsio_writer_finish returns, which then has let go of the buffer. `data` belongs to the writer until then.
 */
struct sc_aipsio_writer {
	uint8_t *data;
	size_t size, capacity;
	int error;
	unsigned depth;
	size_t object_start[SC_AIPSIO_MAXDEPTH]; /* of each open object's length */
};

void sc_aipsio_writer_init(struct sc_aipsio_writer *writer);
void sc_aipsio_writer_discard(struct sc_aipsio_writer *writer);

/* Hands the bytes to the caller, who frees them. All objects must be closed (assert). */
int sc_aipsio_writer_finish(struct sc_aipsio_writer *writer, uint8_t **ret_data, size_t *ret_size);

void sc_aipsio_put_begin(struct sc_aipsio_writer *writer, const char *type, uint32_t version);
void sc_aipsio_put_end(struct sc_aipsio_writer *writer);
void sc_aipsio_put_u8(struct sc_aipsio_writer *writer, uint8_t value);
void sc_aipsio_put_bool(struct sc_aipsio_writer *writer, bool value);
void sc_aipsio_put_i16(struct sc_aipsio_writer *writer, int16_t value);
void sc_aipsio_put_i32(struct sc_aipsio_writer *writer, int32_t value);
void sc_aipsio_put_u32(struct sc_aipsio_writer *writer, uint32_t value);
void sc_aipsio_put_i64(struct sc_aipsio_writer *writer, int64_t value);
void sc_aipsio_put_u64(struct sc_aipsio_writer *writer, uint64_t value);
void sc_aipsio_put_f32(struct sc_aipsio_writer *writer, float value);
void sc_aipsio_put_f64(struct sc_aipsio_writer *writer, double value);
void sc_aipsio_put_string(struct sc_aipsio_writer *writer, const char *bytes, size_t length);
void sc_aipsio_put_bytes(struct sc_aipsio_writer *writer, const void *bytes, size_t count);

/* Version 1 when all elements fit 32 bits, else 2, as casacore does. */
void sc_aipsio_put_iposition(struct sc_aipsio_writer *writer, int ndim, const int64_t *elements);

#endif
