#include "tablefile.h"

#include <errno.h>
#include <string.h>

/* A measurement set's main table has 25, an image 1; more than this is no table. */
#define MAX_COLUMNS 1000

/* casacore's StorageOption::Option: files of their own for every storage manager (or the default, which is that). */
#define STORAGE_SEPARATE 2
#define STORAGE_DEFAULT 3

/* casacore has two types that no record field has. */
#define TYPE_CHAR 1
#define TYPE_USHORT 4

enum column_class { COLUMN_SCALAR, COLUMN_ARRAY, COLUMN_RECORD };

/* One storage manager of the column set. */
struct manager {
	char type[32];
	uint32_t sequence;
};

/* What is open while a table is read. */
struct tables_reader {
	struct sc_aipsio_reader reader;
	struct sc_tablefile *table;
	enum column_class *classes; /* of each column */
	struct manager *managers;
	uint32_t nmanagers;
};

/* ---- small pieces ---- */

static void read_name(struct sc_aipsio_reader *reader, const char *what, char *name, size_t size)
{
	sc_autofree char *string = sc_aipsio_string(reader, NULL);
	if (string && strlen(string) >= size)
		sc_aipsio_fail(reader, "expected a %s shorter than %zu bytes", what, size);
	else if (string)
		memcpy(name, string, strlen(string) + 1);
}

static void skip_string(struct sc_aipsio_reader *reader)
{
	sc_aipsio_bytes(reader, sc_aipsio_u32(reader));
}

/* Classes that casacore has not wrapped in an object have a bare version number in front. */
static void expect_version(struct sc_aipsio_reader *reader, const char *what, uint32_t wanted)
{
	uint32_t version = sc_aipsio_u32(reader);
	if (!reader->error && version != wanted)
		sc_aipsio_fail(reader, "expected version %u of %s, found %u", wanted, what, version);
}

/* ---- the column descriptions ---- */

static void read_class(struct sc_aipsio_reader *reader, enum column_class *ret_class)
{
	sc_autofree char *name = sc_aipsio_string(reader, NULL);
	if (!name)
		return;
	if (strncmp(name, "ArrayColumnDesc<", 16) == 0)
		*ret_class = COLUMN_ARRAY;
	else if (strncmp(name, "ScalarColumnDesc<", 17) == 0)
		*ret_class = COLUMN_SCALAR;
	else if (strcmp(name, "ScalarRecordColumnDesc") == 0)
		*ret_class = COLUMN_RECORD;
	else
		sc_aipsio_fail(reader, "expected an array, scalar or record column, found another class");
}

static void skip_default_value(struct sc_aipsio_reader *reader, int32_t type)
{
	switch (type) {
	case SC_TYPE_BOOL:
	case TYPE_CHAR:
	case SC_TYPE_UCHAR:
		sc_aipsio_bytes(reader, 1);
		break;
	case SC_TYPE_SHORT:
	case TYPE_USHORT:
		sc_aipsio_bytes(reader, 2);
		break;
	case SC_TYPE_INT:
	case SC_TYPE_UINT:
	case SC_TYPE_FLOAT:
		sc_aipsio_bytes(reader, 4);
		break;
	case SC_TYPE_INT64:
	case SC_TYPE_DOUBLE:
	case SC_TYPE_COMPLEX:
		sc_aipsio_bytes(reader, 8);
		break;
	case SC_TYPE_DCOMPLEX:
		sc_aipsio_bytes(reader, 16);
		break;
	case SC_TYPE_STRING:
		skip_string(reader);
		break;
	default:
		sc_aipsio_fail(reader, "expected a scalar column, found the type %d", type);
	}
}

static void read_column_desc(struct sc_aipsio_reader *reader, struct sc_tablefile_column *column,
			     enum column_class *ret_class)
{
	int64_t shape[SC_MAXDIM];
	expect_version(reader, "a column description", 1);
	read_class(reader, ret_class);
	expect_version(reader, "a column", 1);
	read_name(reader, "column name", column->name, sizeof(column->name));
	for (int i = 0; i < 3; i++) /* comment, manager, group */
		skip_string(reader);
	int32_t type = sc_aipsio_i32(reader);
	column->type = (enum sc_type)type;
	sc_aipsio_i32(reader); /* option */
	sc_aipsio_i32(reader); /* ndim */
	if (*ret_class == COLUMN_ARRAY)
		sc_aipsio_iposition(reader, shape);
	sc_aipsio_u32(reader); /* maximum length */
	sc_record_free(sc_record_decode(reader, "TableRecord"));
	expect_version(reader, "a column's value description", 1);
	if (*ret_class == COLUMN_ARRAY)
		sc_aipsio_bool(reader);
	else if (*ret_class == COLUMN_SCALAR)
		skip_default_value(reader, type);
}

static void read_column_descs(struct tables_reader *tables)
{
	struct sc_aipsio_reader *reader = &tables->reader;
	uint32_t ncolumns = sc_aipsio_u32(reader);
	if (ncolumns > MAX_COLUMNS)
		sc_aipsio_fail(reader, "expected at most %d columns, found %u", MAX_COLUMNS, ncolumns);
	if (reader->error || ncolumns == 0)
		return;
	tables->table->columns = calloc(ncolumns, sizeof(*tables->table->columns));
	tables->classes = calloc(ncolumns, sizeof(*tables->classes));
	if (!tables->table->columns || !tables->classes) {
		sc_aipsio_no_memory(reader);
		return;
	}
	tables->table->ncolumns = ncolumns;
	for (uint32_t i = 0; !reader->error && i < ncolumns; i++)
		read_column_desc(reader, &tables->table->columns[i], &tables->classes[i]);
}

/* "TableDesc", noting where the parts are that stay as bytes. */
static void read_table_desc(struct tables_reader *tables)
{
	struct sc_aipsio_reader *reader = &tables->reader;
	struct sc_tablefile *table = tables->table;
	table->desc_version = sc_aipsio_begin(reader, "TableDesc");
	if (!reader->error && table->desc_version != 2)
		sc_aipsio_fail(reader, "expected version 2 of TableDesc, found %u", table->desc_version);
	table->names_start = reader->position;
	for (int i = 0; i < 3; i++) /* name, version, comment */
		skip_string(reader);
	table->names_end = reader->position;
	if (!reader->error)
		table->keywords = sc_record_decode(reader, "TableRecord");
	table->inside_start = reader->position;
	if (!reader->error)
		sc_record_free(sc_record_decode(reader, "TableRecord")); /* the private keywords */
	read_column_descs(tables);
	table->inside_end = reader->position;
	sc_aipsio_end(reader);
}

/* ---- the column set ---- */

static void read_column_set_head(struct sc_aipsio_reader *reader)
{
	int32_t version = sc_aipsio_i32(reader);
	if (!reader->error && version != -2 && version != -3) {
		sc_aipsio_fail(reader, "expected version -2 or -3 of the column set, found %d", version);
		return;
	}
	if (version == -2) {
		sc_aipsio_u32(reader); /* rows */
		return;
	}
	sc_aipsio_u64(reader); /* rows */
	int32_t option = sc_aipsio_i32(reader);
	if (!reader->error && option != STORAGE_SEPARATE && option != STORAGE_DEFAULT)
		sc_aipsio_fail(reader,
			       "the table keeps its data in one combined file (storage option %d), "
			       "expected separate files",
			       option);
	sc_aipsio_i32(reader); /* block size */
}

static void read_managers(struct tables_reader *tables)
{
	struct sc_aipsio_reader *reader = &tables->reader;
	sc_aipsio_u32(reader); /* the sequence number that the next manager would get */
	uint32_t nmanagers = sc_aipsio_u32(reader);
	if (nmanagers > tables->table->ncolumns)
		sc_aipsio_fail(reader, "expected at most %zu storage managers, one a column, found %u",
			       tables->table->ncolumns, nmanagers);
	if (reader->error || nmanagers == 0)
		return;
	tables->managers = calloc(nmanagers, sizeof(*tables->managers));
	if (!tables->managers) {
		sc_aipsio_no_memory(reader);
		return;
	}
	tables->nmanagers = nmanagers;
	for (uint32_t i = 0; !reader->error && i < nmanagers; i++) {
		struct manager *manager = &tables->managers[i];
		read_name(reader, "storage manager's name", manager->type, sizeof(manager->type));
		manager->sequence = sc_aipsio_u32(reader);
	}
}

/* Which manager a column is with. */
static void read_column_place(struct tables_reader *tables, size_t number)
{
	struct sc_aipsio_reader *reader = &tables->reader;
	struct sc_tablefile_column *column = &tables->table->columns[number];
	int64_t shape[SC_MAXDIM];
	expect_version(reader, "a column in the column set", 2);
	skip_string(reader); /* the name before it was renamed */
	expect_version(reader, "a column's data", 1);
	column->sequence = sc_aipsio_u32(reader);
	uint32_t i = 0;
	while (i < tables->nmanagers && tables->managers[i].sequence != column->sequence)
		i++;
	if (!reader->error && i == tables->nmanagers)
		sc_aipsio_fail(reader, "expected the number of a storage manager for the column \"%s\", found %u",
			       column->name, column->sequence);
	if (reader->error)
		return;
	memcpy(column->manager, tables->managers[i].type, sizeof(column->manager));
	if (tables->classes[number] == COLUMN_ARRAY && sc_aipsio_bool(reader))
		sc_aipsio_iposition(reader, shape);
}

static void read_column_set(struct tables_reader *tables)
{
	struct sc_aipsio_reader *reader = &tables->reader;
	struct sc_tablefile *table = tables->table;
	table->after_start = reader->position;
	read_column_set_head(reader);
	read_managers(tables);
	for (size_t i = 0; !reader->error && i < table->ncolumns; i++)
		read_column_place(tables, i);
	for (uint32_t i = 0; !reader->error && i < tables->nmanagers; i++)
		skip_string(reader); /* each manager's own bytes */
	/* A manager that has lost its columns still writes bytes; casacore does not read them either. */
	sc_aipsio_bytes(reader, sc_aipsio_left(reader));
	table->after_end = reader->position;
}

/* ---- the table ---- */

static void read_table_head(struct tables_reader *tables)
{
	struct sc_aipsio_reader *reader = &tables->reader;
	struct sc_tablefile *table = tables->table;
	table->version = sc_aipsio_begin(reader, "Table");
	if (!reader->error && table->version != 2 && table->version != 3)
		sc_aipsio_fail(reader, "expected version 2 or 3 of Table, found %u", table->version);
	table->nrows = table->version == 3 ? sc_aipsio_u64(reader) : sc_aipsio_u32(reader);
	uint32_t order = sc_aipsio_u32(reader);
	if (order > 1)
		sc_aipsio_fail(reader, "expected the byte order, 0 or 1, found %u", order);
	table->big_endian = order == 0;
	table->type_start = reader->position;
	sc_autofree char *type = sc_aipsio_string(reader, NULL);
	table->type_end = reader->position;
	/* Others are views of tables elsewhere: a selection of rows, a concatenation. */
	if (type && strcmp(type, "RefTable") == 0)
		sc_aipsio_fail(reader,
			       "expected a PlainTable, found a RefTable, a reference to a part of another table");
	else if (type && strcmp(type, "ConcatTable") == 0)
		sc_aipsio_fail(reader, "expected a PlainTable, found a ConcatTable, a concatenation of other tables");
	else if (type && strcmp(type, "PlainTable") != 0)
		sc_aipsio_fail(reader, "expected a PlainTable, found another type of table");
}

int sc_tablefile_decode(const void *data, size_t size, const char *label, struct sc_tablefile *ret_table,
			struct sc_error *err)
{
	struct sc_tablefile table = { 0 };
	struct tables_reader tables = { .table = &table };
	struct sc_aipsio_reader *reader = &tables.reader;
	sc_aipsio_reader_init(reader, data, size, label, err);
	read_table_head(&tables);
	read_table_desc(&tables);
	read_column_set(&tables);
	sc_aipsio_end(reader);
	if (!reader->error) {
		table.raw = malloc(table.after_end);
		if (table.raw)
			memcpy(table.raw, data, table.after_end);
		else
			sc_aipsio_no_memory(reader);
	}
	free(tables.classes);
	free(tables.managers);
	if (reader->error) {
		sc_tablefile_clear(&table);
		return reader->error;
	}
	*ret_table = table;
	return 0;
}

int sc_tablefile_encode(const struct sc_tablefile *table, uint8_t **ret_data, size_t *ret_size)
{
	struct sc_aipsio_writer writer;
	if (table->version < 3 && table->nrows > UINT32_MAX)
		return -EFBIG;
	sc_aipsio_writer_init(&writer);
	sc_aipsio_put_begin(&writer, "Table", table->version);
	if (table->version == 3)
		sc_aipsio_put_u64(&writer, table->nrows);
	else
		sc_aipsio_put_u32(&writer, (uint32_t)table->nrows);
	sc_aipsio_put_u32(&writer, table->big_endian ? 0 : 1);
	sc_aipsio_put_bytes(&writer, table->raw + table->type_start, table->type_end - table->type_start);
	sc_aipsio_put_begin(&writer, "TableDesc", table->desc_version);
	sc_aipsio_put_bytes(&writer, table->raw + table->names_start, table->names_end - table->names_start);
	sc_record_encode(table->keywords, "TableRecord", &writer);
	sc_aipsio_put_bytes(&writer, table->raw + table->inside_start, table->inside_end - table->inside_start);
	sc_aipsio_put_end(&writer);
	sc_aipsio_put_bytes(&writer, table->raw + table->after_start, table->after_end - table->after_start);
	sc_aipsio_put_end(&writer);
	return sc_aipsio_writer_finish(&writer, ret_data, ret_size);
}

void sc_tablefile_clear(struct sc_tablefile *table)
{
	sc_record_free(table->keywords);
	free(table->columns);
	free(table->raw);
	*table = (struct sc_tablefile){ 0 };
}
