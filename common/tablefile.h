/*
 * tablefile.h - table.dat of a casacore table: row count, byte order, keywords,
 * which storage manager holds which column.
 *
 *   "Table" v2 (or v3: 64-bit rows)
 *      u32 rows, u32 byte order of the storage managers (0 big, 1 little), String table type ("PlainTable")
 *      "TableDesc" v2: String name, String version, String comment,
 *         TableRecord keywords, TableRecord private keywords, u32 ncolumns, column descriptions
 *      column set: i32 -2, u32 rows (or i32 -3, u64 rows, i32 storage option, i32 block size), u32 next sequence,
 *         u32 nmanagers, per manager String type, u32 sequence
 *         per column: u32 2, String name, u32 1, u32 sequence of its manager; arrays: Bool, IPosition if true
 *         per manager: u32 nbytes, its own bytes
 *
 *   column description = u32 1, String class ("ArrayColumnDesc<float   "), u32 1, String name, comment, manager, group,
 *      i32 type, i32 option, u32 ndim, IPosition shape (arrays), u32 maximum length, TableRecord keywords,
 *      u32 1, then for an array Bool, for a scalar its default value, for a record nothing
 *
 * Source: casacore, tables/Tables/{BaseTable,PlainTable,TableDesc,BaseColDesc,ColumnSet,PlainColumn}.cc. Only the
 * keywords (and rows and byte order) are edited; the rest is kept as bytes, so encoding a decoded file gives the
 * same bytes. What is behind the "Table" object is no part of it, for casacore neither, and is dropped.
 */
#ifndef SC_TABLEFILE_H
#define SC_TABLEFILE_H

#include "record.h"

struct sc_tablefile_column {
	char name[64]; /* "map" in an image, "PagedArray" in a mask */
	enum sc_type type; /* scalar code of the elements */
	/*
	 * What holds the column, from the column set; the description's manager is only the wish
	 * ("TiledShapeStMan" in images that have a "TiledCellStMan").
	 */
	char manager[32];
	uint32_t sequence; /* N of the manager's files table.fN, table.fN_TSM0 */
};

struct sc_tablefile {
	uint64_t nrows;
	bool big_endian; /* byte order of the storage managers' data */
	struct sc_record *keywords; /* public ones */
	size_t ncolumns;
	struct sc_tablefile_column *columns;
	/* For the encoder: a copy of the file, and where in it the parts begin that are not decoded. */
	uint8_t *raw;
	uint32_t version; /* of the "Table" object */
	uint32_t desc_version; /* of the "TableDesc" object */
	size_t type_start, type_end; /* the table type, up to "TableDesc" */
	size_t names_start, names_end; /* in "TableDesc", up to the keywords */
	size_t inside_start, inside_end; /* behind the keywords, up to the end of "TableDesc" */
	size_t after_start, after_end; /* behind "TableDesc" */
};

/* `label` names the file in errors. On success the caller calls sc_tablefile_clear. */
int sc_tablefile_decode(const void *data, size_t size, const char *label, struct sc_tablefile *ret_table,
			struct sc_error *err);
/* The caller frees *ret_data. */
int sc_tablefile_encode(const struct sc_tablefile *table, uint8_t **ret_data, size_t *ret_size);
void sc_tablefile_clear(struct sc_tablefile *table);

#endif
