/*
 * record.h - casacore's TableRecord as a tree of named, typed fields.
 *
 * A record owns its fields, a field its value. Field order is kept and names
 * are unique. Looking a name up takes constant time (a hash index is made once
 * a record has more than a few fields: a long cube's miscinfo has 400,000).
 * Not thread-safe while changed; any number of readers otherwise (the index is kept by the writers).
 *
 * On disk (AipsIO, version 1 of "TableRecord"; casacore tables/Tables/TableRecordRep.cc):
 *   "TableRecord" v1 = "RecordDesc" v2, i32 record type (0 fixed, 1 variable), values in field order
 *   "RecordDesc" v2  = u32 nfields, per field: String name, i32 type,
 *                        record: RecordDesc of it; array: IPosition shape; table: String description name;
 *                        then String comment
 *   a value of type Record: a nested "TableRecord" when its RecordDesc is empty, else its values inline.
 *   Array = object "Array<T>" v3: u32 ndim, u32 lengths, u32 count, elements (Bool packed, first in the lowest bit)
 * A decoded record encodes to the same bytes again.
 */
#ifndef SC_RECORD_H
#define SC_RECORD_H

#include "aipsio.h"
#include "base.h"
#include "error.h"

/* casacore's DataType codes (casa/Utilities/DataType.h). */
enum sc_type {
	SC_TYPE_BOOL = 0,
	SC_TYPE_UCHAR = 2,
	SC_TYPE_SHORT = 3,
	SC_TYPE_INT = 5,
	SC_TYPE_UINT = 6,
	SC_TYPE_FLOAT = 7,
	SC_TYPE_DOUBLE = 8,
	SC_TYPE_COMPLEX = 9,
	SC_TYPE_DCOMPLEX = 10,
	SC_TYPE_STRING = 11,
	SC_TYPE_TABLE = 12,
	SC_TYPE_ARRAY_BOOL = 13,
	SC_TYPE_ARRAY_UCHAR = 15,
	SC_TYPE_ARRAY_SHORT = 16,
	SC_TYPE_ARRAY_INT = 18,
	SC_TYPE_ARRAY_UINT = 19,
	SC_TYPE_ARRAY_FLOAT = 20,
	SC_TYPE_ARRAY_DOUBLE = 21,
	SC_TYPE_ARRAY_COMPLEX = 22,
	SC_TYPE_ARRAY_DCOMPLEX = 23,
	SC_TYPE_ARRAY_STRING = 24,
	SC_TYPE_RECORD = 25,
	SC_TYPE_INT64 = 29,
	SC_TYPE_ARRAY_INT64 = 30,
};

/* "float", "string array", ... for messages; "unknown type" for other codes. */
const char *sc_type_name(enum sc_type type);

/* A String: `length` bytes and a NUL behind them; NULs inside are possible ("FREQ\0\0\0"). */
struct sc_string {
	char *bytes;
	uint32_t length;
};

struct sc_record;

struct sc_desc_shape {
	int ndim;
	int64_t lengths[SC_MAXDIM]; /* negative: variable */
};

struct sc_field {
	char *name;
	char *comment; /* NULL means empty, the usual */
	enum sc_type type;
	union {
		bool boolean;
		int64_t integer; /* UCHAR, SHORT, INT, UINT, INT64 */
		double real[2]; /* FLOAT, DOUBLE: [0]; COMPLEX, DCOMPLEX: re, im */
		struct sc_string string; /* STRING, TABLE */
		struct sc_record *record;
		struct {
			/*
			 * Elements in Fortran order, in host byte order, one of:
			 * uint8_t (BOOL: 0 or 1; UCHAR), int16_t, int32_t, uint32_t, int64_t,
			 * float, double (2 each for complex types), struct sc_string.
			 */
			void *elements;
			uint64_t count;
			uint32_t ndim;
			uint32_t lengths[SC_MAXDIM];
		} array;
	};
	/* What only the encoder needs, to give back the same bytes. */
	struct sc_desc_shape *desc_shape; /* arrays: the shape in the RecordDesc; NULL means (-1), the usual */
	char *table_desc; /* tables: description name, usually empty; NULL means empty */
	bool inline_record; /* records: values without a header of their own */
};

struct sc_record {
	struct sc_field *fields;
	size_t nfields, capacity;
	int32_t kind; /* 0 fixed, 1 variable (the usual) */
	uint32_t *index; /* hash table of field numbers + 1, NULL while small */
	size_t index_size;
};

struct sc_record *sc_record_new(void); /* NULL: out of memory */
void sc_record_free(struct sc_record *record);

static inline void sc_record_cleanup(struct sc_record **record)
{
	sc_record_free(*record);
}
#define sc_autorecord __attribute__((cleanup(sc_record_cleanup)))

/* A deep copy; NULL: out of memory. */
struct sc_record *sc_record_copy(const struct sc_record *record);

/* Same fields in any order, same types, same values (NaN equals NaN); comments do not count. */
bool sc_record_equal(const struct sc_record *a, const struct sc_record *b);
bool sc_field_equal(const struct sc_field *a, const struct sc_field *b);

const struct sc_field *sc_record_find(const struct sc_record *record, const char *name);

/*
 * Typed access; they return false (or NULL) when the field is absent or of
 * another kind. Numbers: any real scalar type for get_double, any integer type
 * for get_int. What is returned by pointer belongs to the record.
 */
bool sc_record_get_int(const struct sc_record *record, const char *name, int64_t *ret_value);
bool sc_record_get_double(const struct sc_record *record, const char *name, double *ret_value);
const char *sc_record_get_string(const struct sc_record *record, const char *name); /* STRING or TABLE */
const struct sc_record *sc_record_get_record(const struct sc_record *record, const char *name);
struct sc_record *sc_record_edit_record(struct sc_record *record, const char *name);
const struct sc_field *sc_record_get_array(const struct sc_record *record, const char *name, enum sc_type type);

/*
 * Set a field, replacing one of that name in its place (whose comment stays unless
 * the new field has one), else appending it. All
 * copy what they are given but put_record, which takes `value` over (also when
 * it fails). They return 0 or -ENOMEM.
 */
int sc_record_put_bool(struct sc_record *record, const char *name, bool value);
int sc_record_put_int(struct sc_record *record, const char *name, int32_t value);
int sc_record_put_float(struct sc_record *record, const char *name, float value);
int sc_record_put_double(struct sc_record *record, const char *name, double value);
int sc_record_put_string(struct sc_record *record, const char *name, const char *value);
int sc_record_put_record(struct sc_record *record, const char *name, struct sc_record *value);
/* A vector of `count` elements of the array type `type`, laid out as in sc_field.array.elements (strings are copied). */
int sc_record_put_vector(struct sc_record *record, const char *name, enum sc_type type, const void *elements,
			 uint64_t count);
/* A deep copy of `field` under the name `name`. */
int sc_record_put_field(struct sc_record *record, const char *name, const struct sc_field *field);
/* Takes time linear in the number of fields. */
void sc_record_remove(struct sc_record *record, const char *name);

/* Reads the object "TableRecord" (or "Record", as in table.f0) at the cursor; NULL on error (reader->error is set). */
struct sc_record *sc_record_decode(struct sc_aipsio_reader *reader, const char *type);
void sc_record_encode(const struct sc_record *record, const char *type, struct sc_aipsio_writer *writer);

#endif
