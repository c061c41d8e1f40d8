#include "tsm.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* From this size on casacore writes lengths and offsets with 64 bits. */
#define WIDE_FROM (UINT64_C(1) << 31)

/* One row has one cube in one file; a few more are harmless, thousands are no image. */
#define MAX_FILES 64

unsigned sc_tsm_type_bits(enum sc_type type)
{
	switch (type) {
	case SC_TYPE_BOOL:
		return 1;
	case SC_TYPE_UCHAR:
		return 8;
	case SC_TYPE_SHORT:
		return 16;
	case SC_TYPE_INT:
	case SC_TYPE_UINT:
	case SC_TYPE_FLOAT:
		return 32;
	case SC_TYPE_INT64:
	case SC_TYPE_DOUBLE:
	case SC_TYPE_COMPLEX:
		return 64;
	case SC_TYPE_DCOMPLEX:
		return 128;
	default:
		return 0;
	}
}

/* ---- checks: all that layouts compute from a cube must fit int64_t ---- */

/*
 * Bytes of the cube's whole tiles; -1 when a length is not positive or a
 * product is too large. A Bool tile ends with a whole byte.
 */
static int64_t cube_bytes(const struct sc_tsm *tsm)
{
	int64_t pixels = 1, tile_bits = (int64_t)sc_tsm_type_bits(tsm->type), ntiles = 1, bytes, end;
	for (int i = 0; i < tsm->ndim; i++) {
		if (tsm->shape[i] <= 0 || tsm->tile[i] <= 0)
			return -1;
		int64_t across = tsm->shape[i] / tsm->tile[i] + (tsm->shape[i] % tsm->tile[i] != 0);
		if (__builtin_mul_overflow(pixels, tsm->shape[i], &pixels) ||
		    __builtin_mul_overflow(tile_bits, tsm->tile[i], &tile_bits) ||
		    __builtin_mul_overflow(ntiles, across, &ntiles))
			return -1;
	}
	int64_t tile_bytes = tile_bits / 8 + (tile_bits % 8 != 0);
	if (__builtin_mul_overflow(ntiles, tile_bytes, &bytes) ||
	    __builtin_add_overflow(bytes, tsm->offset_bytes, &end))
		return -1;
	return bytes;
}

static void check_default_tile(struct sc_aipsio_reader *reader, const struct sc_tsm *tsm, int ndim)
{
	for (int i = 0; i < ndim; i++)
		if (tsm->default_tile[i] <= 0)
			sc_aipsio_fail(reader, "expected positive lengths of the default tile, found %lld",
				       (long long)tsm->default_tile[i]);
}

/* ---- decoding ---- */

/* What is open while a header is read. */
struct header {
	struct sc_aipsio_reader reader;
	struct sc_tsm *tsm;
	uint32_t version; /* of "TiledStMan" */
	uint64_t file_lengths[MAX_FILES];
	bool file_there[MAX_FILES];
};

/* A count or size: 64 bits from version 3 on. */
static uint64_t read_wide(struct header *header)
{
	return header->version >= 3 ? sc_aipsio_u64(&header->reader) : sc_aipsio_u32(&header->reader);
}

static void read_name(struct sc_aipsio_reader *reader, const char *what, char *name, size_t size)
{
	sc_autofree char *string = sc_aipsio_string(reader, NULL);
	if (string && strlen(string) >= size)
		sc_aipsio_fail(reader, "expected a %s shorter than %zu bytes", what, size);
	else if (string)
		strcpy(name, string);
}

static void read_columns(struct header *header)
{
	struct sc_aipsio_reader *reader = &header->reader;
	uint64_t nrows = read_wide(header);
	if (!reader->error && nrows != 1)
		sc_aipsio_fail(reader, "expected one row, found %llu", (unsigned long long)nrows);
	uint32_t ncolumns = sc_aipsio_u32(reader);
	if (!reader->error && ncolumns != 1)
		sc_aipsio_fail(reader, "expected one column, found %u", ncolumns);
	int32_t type = sc_aipsio_i32(reader);
	if (!reader->error && (type < 0 || sc_tsm_type_bits((enum sc_type)type) == 0))
		sc_aipsio_fail(reader, "expected a type of pixels, found %d", type);
	header->tsm->type = (enum sc_type)type;
	read_name(reader, "hypercolumn name", header->tsm->hypercolumn, sizeof(header->tsm->hypercolumn));
	header->tsm->max_cache_bytes = read_wide(header);
}

static void read_files(struct header *header)
{
	struct sc_aipsio_reader *reader = &header->reader;
	uint64_t nfiles = read_wide(header);
	if (nfiles > MAX_FILES)
		sc_aipsio_fail(reader, "expected at most %d files, found %llu", MAX_FILES, (unsigned long long)nfiles);
	for (uint32_t i = 0; !reader->error && i < nfiles; i++) {
		if (!sc_aipsio_bool(reader))
			continue;
		uint32_t version = sc_aipsio_u32(reader);
		if (!reader->error && version != 1 && version != 2)
			sc_aipsio_fail(reader, "expected version 1 or 2 of a file, found %u", version);
		uint32_t number = sc_aipsio_u32(reader);
		if (!reader->error && number != i)
			sc_aipsio_fail(reader, "expected the file number %u, found %u", i, number);
		header->file_lengths[i] = version == 1 ? sc_aipsio_u32(reader) : sc_aipsio_u64(reader);
		header->file_there[i] = !reader->error;
	}
}

static void read_cube_place(struct header *header, uint32_t version)
{
	struct sc_aipsio_reader *reader = &header->reader;
	struct sc_tsm *tsm = header->tsm;
	int32_t file = sc_aipsio_i32(reader);
	if (!reader->error && (file < 0 || file >= MAX_FILES || !header->file_there[file])) {
		sc_aipsio_fail(reader, "expected the number of one of the files, found %d", file);
		return;
	}
	tsm->file = (uint32_t)file;
	tsm->file_bytes = reader->error ? 0 : header->file_lengths[file];
	int64_t offset = version == 1 ? sc_aipsio_u32(reader) : sc_aipsio_i64(reader);
	if (offset < 0)
		sc_aipsio_fail(reader, "expected an offset, found %lld", (long long)offset);
	tsm->offset_bytes = (uint64_t)offset;
	if (!reader->error && cube_bytes(tsm) < 0)
		sc_aipsio_fail(reader,
			       "the cube's shape or tile has a length that is not positive, or they are too large");
}

/* The dummy that TiledShapeStMan puts in front: no axes. */
static void read_dummy_cube(struct header *header)
{
	struct sc_aipsio_reader *reader = &header->reader;
	int64_t ignored[SC_MAXDIM];
	uint32_t version = sc_aipsio_u32(reader);
	sc_record_free(sc_record_decode(reader, "Record"));
	sc_aipsio_bool(reader);
	sc_aipsio_u32(reader);
	int ndim = sc_aipsio_iposition(reader, ignored);
	sc_aipsio_iposition(reader, ignored);
	if (ndim > 0)
		sc_aipsio_fail(reader, "expected one shape of cells, found more");
	sc_aipsio_i32(reader);
	sc_aipsio_bytes(reader, version == 1 ? 4 : 8);
}

static void read_cube(struct header *header)
{
	struct sc_aipsio_reader *reader = &header->reader;
	struct sc_tsm *tsm = header->tsm;
	uint32_t version = sc_aipsio_u32(reader);
	if (!reader->error && version != 1 && version != 2)
		sc_aipsio_fail(reader, "expected version 1 or 2 of a cube, found %u", version);
	sc_record_free(sc_record_decode(reader, "Record"));
	sc_aipsio_bool(reader); /* extensible */
	uint32_t ndim = sc_aipsio_u32(reader);
	int shape_ndim = sc_aipsio_iposition(reader, tsm->shape);
	int tile_ndim = sc_aipsio_iposition(reader, tsm->tile);
	if (!reader->error && (ndim == 0 || ndim != (uint32_t)shape_ndim || ndim != (uint32_t)tile_ndim))
		sc_aipsio_fail(reader, "expected a cube shape and a tile of the same axes, found %u, %d and %d", ndim,
			       shape_ndim, tile_ndim);
	if (!reader->error && ndim != (uint32_t)tsm->ndim)
		sc_aipsio_fail(reader, "expected a cube of %d axes, found %u", tsm->ndim, ndim);
	read_cube_place(header, version);
}

/* The object "TiledStMan", with `ndummies` cubes in front of the one that counts. */
static void read_stman(struct header *header, unsigned ndummies)
{
	struct sc_aipsio_reader *reader = &header->reader;
	struct sc_tsm *tsm = header->tsm;
	header->version = sc_aipsio_begin(reader, "TiledStMan");
	if (!reader->error && (header->version < 1 || header->version > 3))
		sc_aipsio_fail(reader, "expected version 1 to 3 of TiledStMan, found %u", header->version);
	tsm->big_endian = header->version == 1 || sc_aipsio_bool(reader);
	tsm->sequence = sc_aipsio_u32(reader);
	read_columns(header);
	uint32_t ndim = sc_aipsio_u32(reader);
	if (!reader->error && (ndim < 1 || ndim > SC_MAXDIM))
		sc_aipsio_fail(reader, "expected 1 to %d axes, found %u", SC_MAXDIM, ndim);
	tsm->ndim = reader->error ? 0 : (int)ndim;
	read_files(header);
	uint64_t ncubes = read_wide(header);
	if (!reader->error && ncubes != 1 + ndummies)
		sc_aipsio_fail(reader, "expected %u cubes, found %llu", 1 + ndummies, (unsigned long long)ncubes);
	for (unsigned i = 0; !reader->error && i < ndummies; i++)
		read_dummy_cube(header);
	read_cube(header);
	sc_aipsio_end(reader);
}

/*
 * TiledShapeStMan and TiledColumnStMan have the rows as the cube's last axis.
 * The one row's cell is the cube when a tile holds one row.
 */
static void drop_row_axis(struct header *header)
{
	struct sc_tsm *tsm = header->tsm;
	if (header->reader.error)
		return;
	int last = tsm->ndim - 1;
	if (last == 0 || tsm->shape[last] != 1 || tsm->tile[last] != 1)
		sc_aipsio_fail(&header->reader, "expected a cube of one row in tiles of one row, found %lld in %lld",
			       (long long)tsm->shape[last], (long long)tsm->tile[last]);
	else
		tsm->ndim--;
}

/* A default tile that describes other axes than the cell's says nothing about it. */
static void settle_default_tile(struct header *header, int ndim)
{
	struct sc_tsm *tsm = header->tsm;
	check_default_tile(&header->reader, tsm, ndim);
	if (!header->reader.error && ndim != tsm->ndim)
		memcpy(tsm->default_tile, tsm->tile, sizeof(tsm->tile));
}

static void read_cell_header(struct header *header)
{
	struct sc_aipsio_reader *reader = &header->reader;
	int ndim = sc_aipsio_iposition(reader, header->tsm->default_tile);
	check_default_tile(reader, header->tsm, ndim);
	read_stman(header, 0);
	if (!reader->error && ndim != header->tsm->ndim)
		sc_aipsio_fail(reader, "expected a default tile of the cube's %d axes, found %d", header->tsm->ndim,
			       ndim);
}

static void read_column_header(struct header *header)
{
	int ndim = sc_aipsio_iposition(&header->reader, header->tsm->default_tile);
	read_stman(header, 0);
	drop_row_axis(header);
	settle_default_tile(header, ndim);
}

/* One entry of one of the three blocks of the row map. */
static void read_row_map(struct sc_aipsio_reader *reader, const char *what, uint32_t wanted)
{
	sc_aipsio_begin(reader, "Block");
	uint32_t count = sc_aipsio_u32(reader);
	if (!reader->error && count != 1)
		sc_aipsio_fail(reader, "expected one entry in the %s map, found %u", what, count);
	uint32_t value = sc_aipsio_u32(reader);
	if (!reader->error && value != wanted)
		sc_aipsio_fail(reader, "expected %u in the %s map, found %u", wanted, what, value);
	sc_aipsio_end(reader);
}

static void read_shape_header(struct header *header)
{
	struct sc_aipsio_reader *reader = &header->reader;
	read_stman(header, 1);
	drop_row_axis(header);
	int ndim = sc_aipsio_iposition(reader, header->tsm->default_tile);
	settle_default_tile(header, ndim);
	uint32_t used = sc_aipsio_u32(reader);
	if (!reader->error && used != 1)
		sc_aipsio_fail(reader, "expected a row map of one entry, found %u", used);
	read_row_map(reader, "row", 0);
	read_row_map(reader, "cube", 1);
	read_row_map(reader, "position", 0);
}

static const struct {
	const char *manager;
	void (*read)(struct header *header);
} managers[] = {
	{ "TiledCellStMan", read_cell_header },
	{ "TiledShapeStMan", read_shape_header },
	{ "TiledColumnStMan", read_column_header },
};

static size_t find_manager(const char *name)
{
	size_t i = 0;
	while (i < SC_COUNT_OF(managers) && strcmp(name, managers[i].manager) != 0)
		i++;
	return i;
}

bool sc_tsm_is_tiled(const char *manager)
{
	return find_manager(manager) < SC_COUNT_OF(managers);
}

int sc_tsm_decode(const void *data, size_t size, const char *label, struct sc_tsm *ret_tsm, struct sc_error *err)
{
	struct sc_tsm tsm = { 0 };
	struct header header = { .tsm = &tsm };
	struct sc_aipsio_reader *reader = &header.reader;
	char manager[32];
	sc_aipsio_reader_init(reader, data, size, label, err);
	sc_aipsio_peek_type(reader, manager, sizeof(manager));
	size_t i = find_manager(manager);
	if (i == SC_COUNT_OF(managers))
		return sc_aipsio_fail(reader, "expected the header of a tiled storage manager, found \"%s\"", manager);
	uint32_t version = sc_aipsio_begin(reader, manager);
	if (!reader->error && version != 1)
		sc_aipsio_fail(reader, "expected version 1 of %s, found %u", manager, version);
	managers[i].read(&header);
	sc_aipsio_end(reader);
	if (reader->error)
		return reader->error;
	snprintf(tsm.manager, sizeof(tsm.manager), "%s", manager);
	*ret_tsm = tsm;
	return 0;
}

/* ---- encoding ---- */

static void put_wide(struct sc_aipsio_writer *writer, bool wide, uint64_t value)
{
	if (wide)
		sc_aipsio_put_u64(writer, value);
	else
		sc_aipsio_put_u32(writer, (uint32_t)value);
}

static void put_file(struct sc_aipsio_writer *writer, bool there, uint32_t number, uint64_t bytes)
{
	bool wide = bytes >= WIDE_FROM;
	sc_aipsio_put_bool(writer, there);
	if (!there)
		return;
	sc_aipsio_put_u32(writer, wide ? 2 : 1);
	sc_aipsio_put_u32(writer, number);
	put_wide(writer, wide, bytes);
}

static void put_cube(struct sc_aipsio_writer *writer, const struct sc_tsm *tsm)
{
	const struct sc_record values = { .kind = 1 };
	bool wide = tsm->offset_bytes >= WIDE_FROM;
	sc_aipsio_put_u32(writer, wide ? 2 : 1);
	sc_record_encode(&values, "Record", writer);
	sc_aipsio_put_bool(writer, false);
	sc_aipsio_put_u32(writer, (uint32_t)tsm->ndim);
	sc_aipsio_put_iposition(writer, tsm->ndim, tsm->shape);
	sc_aipsio_put_iposition(writer, tsm->ndim, tsm->tile);
	sc_aipsio_put_u32(writer, tsm->file);
	put_wide(writer, wide, tsm->offset_bytes);
}

static void put_stman(struct sc_aipsio_writer *writer, const struct sc_tsm *tsm)
{
	bool wide = tsm->max_cache_bytes > UINT32_MAX;
	uint32_t version = wide ? 3 : tsm->big_endian ? 1 : 2;
	sc_aipsio_put_begin(writer, "TiledStMan", version);
	if (version > 1)
		sc_aipsio_put_bool(writer, tsm->big_endian);
	sc_aipsio_put_u32(writer, tsm->sequence);
	put_wide(writer, wide, 1);    /* rows */
	sc_aipsio_put_u32(writer, 1); /* columns */
	sc_aipsio_put_i32(writer, (int32_t)tsm->type);
	sc_aipsio_put_string(writer, tsm->hypercolumn, strlen(tsm->hypercolumn));
	put_wide(writer, wide, tsm->max_cache_bytes);
	sc_aipsio_put_u32(writer, (uint32_t)tsm->ndim);
	put_wide(writer, wide, (uint64_t)tsm->file + 1);
	for (uint32_t i = 0; i <= tsm->file; i++)
		put_file(writer, i == tsm->file, i, tsm->file_bytes);
	put_wide(writer, wide, 1); /* cubes */
	put_cube(writer, tsm);
	sc_aipsio_put_end(writer);
}

int sc_tsm_encode(const struct sc_tsm *tsm, uint8_t **ret_data, size_t *ret_size)
{
	assert(tsm->ndim >= 1 && tsm->ndim <= SC_MAXDIM && tsm->file < MAX_FILES);
	struct sc_aipsio_writer writer;
	sc_aipsio_writer_init(&writer);
	sc_aipsio_put_begin(&writer, "TiledCellStMan", 1);
	sc_aipsio_put_iposition(&writer, tsm->ndim, tsm->default_tile);
	put_stman(&writer, tsm);
	sc_aipsio_put_end(&writer);
	return sc_aipsio_writer_finish(&writer, ret_data, ret_size);
}
