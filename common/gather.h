/*
 * gather.h - the general path: pixels of parts whose tiles, byte orders or bit
 * masks do not line up with the view's.
 *
 * Of the parts no more is read than a box of view tiles needs, so neighbouring
 * boxes read nothing twice, but for runs of fewer bytes than a page.
 * Functions are thread-safe as far as `read` is.
 */
#ifndef SC_GATHER_H
#define SC_GATHER_H

#include "layout.h"

/* Reads exactly `count` bytes at `offset` of the file that slab `slab` is stored in. 0 or -errno. */
typedef int sc_gather_read(void *context, size_t slab, uint64_t offset, void *buffer, size_t count,
			   struct sc_error *err);

/* What is read at once, and what is too short to be read by itself. */
#define SC_GATHER_WINDOW_BYTES ((size_t)1 << 20)
#define SC_GATHER_RUN_BYTES 4096

struct sc_gather_source {
	sc_gather_read *read;
	void *context;
	uint8_t *window; /* the caller's; at least 64 bytes */
	size_t window_bytes;
	size_t run_bytes; /* SC_GATHER_RUN_BYTES; tests choose less */
};

/*
 * Makes a box of view tiles, given in tiles: product of `count` times layout->tile_bytes
 * bytes, tile after tile, the first axis fastest. What pads the tiles is 0.
 */
int sc_gather_tiles(const struct sc_layout *layout, const int64_t *first, const int64_t *count, uint8_t *ret_tiles,
		    const struct sc_gather_source *source, struct sc_error *err);

/* The same for one tile, with a window of its own. */
int sc_gather_tile(const struct sc_layout *layout, uint64_t tile, uint8_t *ret_tile, sc_gather_read *read,
		   void *context, struct sc_error *err);

#endif
