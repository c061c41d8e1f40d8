/*
 * recordpriv.h - what record.c (the tree) and recordio.c (its bytes) share; for no one else.
 */
#ifndef SC_RECORDPRIV_H
#define SC_RECORDPRIV_H

#include "record.h"

struct sc_type_info {
	enum sc_type scalar, array;
	const char *scalar_name, *array_name; /* for messages */
	const char *object;                   /* AipsIO type of the array */
	uint8_t element_size;                 /* of sc_field.array.elements */
	uint8_t word_size,
	    words; /* an element on disk: `words` numbers of `word_size` bytes; Bool and String are special */
};

/* The entry whose scalar or array type is `type`; NULL for records, tables and unknown types. */
const struct sc_type_info *sc_type_find(int type);

static inline bool sc_type_is_array(const struct sc_type_info *info, enum sc_type type)
{
	return info && info->array == type;
}

/* Frees what the field owns, not the field. */
void sc_field_clear(struct sc_field *field);

/*
 * Appends `field`, whose name must be new to the record, and takes it over; on
 * failure (-ENOMEM, or -EEXIST for a name that is there) it is cleared.
 */
int sc_record_append(struct sc_record *record, struct sc_field *field);

#endif
