#include "forecast.h"

#include "listing.h"

/* Nearly every file system that clones has this block. */
#define BLOCK_BYTES 4096

static void add_array(const struct sc_layout *layout, bool clones, struct sc_forecast *forecast)
{
	struct sc_piece piece;
	for (uint64_t at = 0; at < layout->size_bytes; at += piece.length) {
		sc_layout_piece(layout, at, layout->size_bytes - at, &piece);
		bool is_aligned = at % BLOCK_BYTES == 0 && piece.file_offset % BLOCK_BYTES == 0;
		uint64_t *kind = &forecast->retiled_bytes;
		if (piece.kind == SC_PIECE_FILL)
			kind = &forecast->blank_bytes;
		else if (piece.kind == SC_PIECE_RANGE)
			kind = clones && is_aligned ? &forecast->cloned_bytes : &forecast->copied_bytes;
		*kind += piece.length;
	}
}

struct sc_forecast sc_forecast_of(const struct sc_image *image)
{
	struct sc_forecast forecast = { 0 };
	bool clones = sc_image_can_clone(image);
	switch (image->options->mode) {
	case SC_MODE_PAGED:
		add_array(&image->view->pixels, clones, &forecast);
		if (image->view->has_mask)
			add_array(&image->view->mask, clones, &forecast);
		break;
	case SC_MODE_COPYVIRTUAL:
		*(clones ? &forecast.cloned_bytes : &forecast.copied_bytes) = image->array_bytes;
		break;
	case SC_MODE_NOMOVE:
	case SC_MODE_MOVEVIRTUAL:
		break;
	}
	return forecast;
}

double sc_forecast_seconds(const struct sc_forecast *forecast)
{
	return (double)(forecast->copied_bytes + forecast->retiled_bytes + forecast->blank_bytes) /
	       SC_LISTING_BYTES_PER_SECOND;
}
