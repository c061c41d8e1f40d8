/*
 * fuzzlayout.h - a layout made of numbers that a file gave: every piece and every gathered tile lies where it must.
 */
#ifndef SC_FUZZLAYOUT_H
#define SC_FUZZLAYOUT_H

#include "fuzz.h"

#include "gather.h"
#include "layout.h"

/* What a reader asks for at once, and the largest tile that is put together. */
#define FUZZ_READ_BYTES 4096
#define FUZZ_TILE_BYTES 4096

static inline int fuzz_gather_read(void *context, size_t slab, uint64_t offset, void *buffer, size_t count,
				   struct sc_error *err)
{
	const struct sc_layout *layout = context;
	(void)err;
	fuzz_require(slab < layout->nslabs && !sc_storage_is_fill(layout->slabs[slab].storage));
	fuzz_require(count <= INT64_MAX && offset <= INT64_MAX - count);
	memset(buffer, 0x5a, count);
	return 0;
}

static inline void fuzz_check_piece(const struct sc_layout *layout, const struct sc_piece *piece)
{
	switch (piece->kind) {
	case SC_PIECE_RANGE:
		fuzz_require(piece->slab < layout->nslabs);
		fuzz_require(piece->file_offset <= INT64_MAX && piece->length <= INT64_MAX - piece->file_offset);
		break;
	case SC_PIECE_GATHER:
		fuzz_require(piece->tile < layout->total_tiles);
		fuzz_require(piece->tile_offset + piece->length <= layout->tile_bytes);
		break;
	case SC_PIECE_FILL:
		break;
	}
}

/* A tile is put together only when it is small and has no more elements than bits. */
static inline void fuzz_gather(const struct sc_layout *layout, uint64_t tile)
{
	struct sc_error err = { 0 };
	int64_t first[SC_MAXDIM], count[SC_MAXDIM];
	uint8_t window[256];
	const struct sc_gather_source source = { .read = fuzz_gather_read,
						 .context = (void *)layout,
						 .window = window,
						 .window_bytes = sizeof(window),
						 .run_bytes = 16 };
	if (layout->tile_bytes > FUZZ_TILE_BYTES)
		return;
	sc_autofree uint8_t *bytes = malloc(layout->tile_bytes);
	fuzz_require(bytes);
	sc_layout_tile_indices(layout, tile, first);
	for (int i = 0; i < layout->ndim; i++)
		count[i] = 1;
	fuzz_require(sc_gather_tiles(layout, first, count, bytes, &source, &err) == 0);
}

/* Pieces follow each other without a gap, in a few places of the file. */
static inline void fuzz_check_layout(const struct sc_layout *layout)
{
	fuzz_require(layout->size_bytes > 0 && layout->size_bytes <= INT64_MAX);
	const uint64_t offsets[] = { 0, layout->tile_bytes - 1, layout->size_bytes / 2, layout->size_bytes - 1 };
	for (size_t i = 0; i < SC_COUNT_OF(offsets); i++) {
		struct sc_piece piece;
		uint64_t offset = offsets[i];
		for (int k = 0; k < 3 && offset < layout->size_bytes; k++) {
			uint64_t left = layout->size_bytes - offset;
			uint64_t limit = left < FUZZ_READ_BYTES ? left : FUZZ_READ_BYTES;
			sc_layout_piece(layout, offset, limit, &piece);
			fuzz_require(piece.offset == offset && piece.length > 0 && piece.length <= limit);
			fuzz_check_piece(layout, &piece);
			if (piece.kind == SC_PIECE_GATHER)
				fuzz_gather(layout, piece.tile);
			offset += piece.length;
		}
	}
}

#endif
