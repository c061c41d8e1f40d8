/*
 * handmade.h - a view without casacore: parts of floats in the temporary
 * directory and a struct sc_view over them, put together by hand.
 *
 *   node 1  pixels in tiles of one channel: ranges of the parts' files
 *   node 2  the same pixels in tiles of three channels: gathered
 *   node 3  a mask that only the parts with odd numbers have: ranges and fills
 *   node 4  bytes
 */
#ifndef SC_HANDMADE_H
#define SC_HANDMADE_H

#include "workdir.h"

#include "naive.h"
#include "slabs.h"
#include "view.h"

#define HANDMADE_CHANNELS 5 /* of a part */
#define HANDMADE_CHANNEL_BYTES (8 * 6 * 4)
#define HANDMADE_PART_BYTES (HANDMADE_CHANNELS * HANDMADE_CHANNEL_BYTES)

enum { HANDMADE_RANGES = 1, HANDMADE_GATHERED, HANDMADE_MASK, HANDMADE_BYTES };

struct handmade {
	struct sc_source source;
	struct sc_view view;
	struct sc_layout gathered;
	uint8_t *expected[5]; /* of each node */
};

static inline void handmade_path(char *path, size_t part, const char *file)
{
	sprintf(path, "c.subcube.%zu.image/%s", part, file);
}

static inline struct naive handmade_array(const struct sc_layout *layout)
{
	struct naive array = { .ndim = 3, .element_bytes = layout->bits / 8, .word_bytes = 4 };
	memcpy(array.shape, layout->shape, sizeof(array.shape));
	memcpy(array.tile, layout->tile, sizeof(array.tile));
	return array;
}

/* Writes a part's files pixel by pixel, and its pixels to the expected files of the view. */
static inline void handmade_write_part(struct handmade *made, size_t number)
{
	uint8_t pixels[HANDMADE_PART_BYTES], mask[HANDMADE_CHANNELS * 8 * 6 / 8] = { 0 };
	struct naive part = { 3, 4, 4, false, { 8, 6, HANDMADE_CHANNELS }, { 8, 6, 1 } }, bits = part;
	struct naive views[4];
	int64_t position[3] = { 0 };
	bool has_mask = number % 2;
	bits.element_bytes = 0;
	for (unsigned node = 1; node < 4; node++)
		views[node] = handmade_array(made->view.nodes[node].layout);
	do {
		int64_t at[3] = { position[0], position[1], position[2] + (int64_t)number * HANDMADE_CHANNELS };
		uint64_t value = (uint64_t)(at[0] + 100 * at[1] + 10000 * at[2]);
		naive_put(&part, pixels, position, value);
		naive_put(&bits, mask, position, value);
		naive_put(&views[1], made->expected[1], at, value);
		naive_put(&views[2], made->expected[2], at, value);
		if (has_mask)
			naive_put(&views[3], made->expected[3], at, value);
		else
			naive_put_bool(&views[3], made->expected[3], at, true);
	} while (naive_step(3, position, part.shape));
	char path[100];
	handmade_path(path, number, "");
	workdir_mkdir(path);
	handmade_path(path, number, "pixels");
	workdir_write(path, pixels, sizeof(pixels));
	handmade_path(path, number, "mask");
	if (has_mask)
		workdir_write(path, mask, sizeof(mask));
}

/* Notes what the files are now, as a view's builder does. */
static inline void handmade_identify(struct handmade *made, size_t number)
{
	char path[100];
	struct stat st;
	handmade_path(path, number, "pixels");
	assert_int_equal(fstatat(workdir_fd, path, &st, 0), 0);
	made->view.parts[number].pixels_id = sc_file_id_of(&st);
	handmade_path(path, number, "mask");
	if (fstatat(workdir_fd, path, &st, 0) == 0)
		made->view.parts[number].mask_id = sc_file_id_of(&st);
}

static inline void handmade_layout(struct sc_layout *layout, enum sc_type type, size_t nparts, int64_t depth)
{
	static const int64_t plane[] = { 8, 6, 0 };
	const int64_t tile[] = { 8, 6, depth };
	const struct sc_storage pixels = { .tile = { 8, 6, 1 }, .file = "pixels" };
	const struct sc_storage mask = { .tile = { 8, 6, 1 }, .file = "mask" };
	struct sc_error err = { 0 };
	assert_int_equal(sc_layout_init(layout, 3, plane, 2, type, &err), 0);
	for (size_t i = 0; i < nparts; i++) {
		const struct sc_storage *storage = type == SC_TYPE_FLOAT ? &pixels : i % 2 ? &mask : NULL;
		assert_int_equal(add_slab(layout, HANDMADE_CHANNELS, storage, &err), 0);
	}
	assert_int_equal(sc_layout_set_tile(layout, tile, false, &err), 0);
}

static inline void handmade_make(struct handmade *made, size_t nparts)
{
	static const uint8_t bytes[] = "the bytes of a table";
	struct sc_view *view = &made->view;
	memset(made, 0, sizeof(*made));
	made->source = (struct sc_source){ .path = workdir, .dirfd = workdir_fd };
	view->name = (char *)"c.image";
	view->source = &made->source;
	view->has_mask = true;
	handmade_layout(&view->pixels, SC_TYPE_FLOAT, nparts, 1);
	handmade_layout(&view->mask, SC_TYPE_BOOL, nparts, 1);
	handmade_layout(&made->gathered, SC_TYPE_FLOAT, nparts, 3);
	const struct sc_layout *layouts[] = { NULL, &view->pixels, &made->gathered, &view->mask };
	view->nnodes = 5;
	for (unsigned node = 1; node < 4; node++) {
		view->nodes[node] = (struct sc_node){ .kind = SC_NODE_ARRAY,
						      .size_bytes = layouts[node]->size_bytes,
						      .layout = layouts[node],
						      .is_mask = node == HANDMADE_MASK };
		made->expected[node] = calloc(1, layouts[node]->size_bytes);
	}
	view->nodes[HANDMADE_BYTES] =
	    (struct sc_node){ .kind = SC_NODE_BYTES, .size_bytes = sizeof(bytes), .bytes = bytes };
	made->expected[HANDMADE_BYTES] = malloc(sizeof(bytes));
	memcpy(made->expected[HANDMADE_BYTES], bytes, sizeof(bytes));
	view->nparts = nparts;
	view->parts = calloc(nparts, sizeof(*view->parts));
	for (size_t i = 0; i < nparts; i++) {
		assert_true(asprintf(&view->parts[i].name, "c.subcube.%zu.image", i) > 0);
		handmade_write_part(made, i);
		handmade_identify(made, i);
	}
}

static inline void handmade_free(struct handmade *made)
{
	for (size_t i = 0; i < made->view.nparts; i++)
		free(made->view.parts[i].name);
	for (size_t i = 0; i < SC_COUNT_OF(made->expected); i++)
		free(made->expected[i]);
	free(made->view.parts);
	sc_layout_clear(&made->view.pixels);
	sc_layout_clear(&made->view.mask);
	sc_layout_clear(&made->gathered);
}

#endif
