/*
 * Layout and gather against a model: random parts, written pixel by pixel, and
 * the view's file put together from pieces must be the file that the model
 * writes pixel by pixel. What pads the edge tiles counts for nothing.
 */
#include "naive.h"

#include "gather.h"
#include "slabs.h"

#define MAX_PARTS 6
#define CASES 6000

static const struct {
	enum sc_type type;
	unsigned element_bytes, word_bytes;
} types[] = {
	{ SC_TYPE_BOOL, 0, 1 },    { SC_TYPE_FLOAT, 4, 4 },     { SC_TYPE_DOUBLE, 8, 8 },
	{ SC_TYPE_COMPLEX, 8, 4 }, { SC_TYPE_DCOMPLEX, 16, 8 },
};

struct part {
	struct naive array;
	struct sc_storage storage;
	uint8_t *file; /* NULL: an all-good mask */
	uint64_t size;
};

struct family {
	struct sc_layout layout;
	struct naive view;
	uint8_t *expected, *counts; /* the view's file, and which of its bits are pixels */
	int nparts;
	struct part parts[MAX_PARTS];
	unsigned seed;
	size_t reads_until_failure; /* 0: none fails */
};

/* ---- making a family ---- */

static void choose_tile(uint64_t *random, int ndim, const int64_t *shape, int64_t *tile)
{
	for (int i = 0; i < ndim; i++)
		tile[i] =
		    naive_pick(random, 0, 3) ? naive_pick(random, 1, shape[i]) : naive_pick(random, 1, shape[i] + 3);
}

/* Parts mostly have the first one's tile, so that ranges are frequent. */
static void choose_part(struct family *family, uint64_t *random, int number, int axis, bool bits)
{
	struct part *part = &family->parts[number];
	part->array = family->view;
	part->array.shape[axis] = naive_pick(random, 1, 7);
	part->array.big_endian = naive_pick(random, 0, 3) == 0;
	if (number > 0 && naive_pick(random, 0, 2)) {
		memcpy(part->array.tile, family->parts[0].array.tile, sizeof(part->array.tile));
		part->array.big_endian = family->parts[0].array.big_endian;
	} else {
		choose_tile(random, part->array.ndim, part->array.shape, part->array.tile);
	}
	if (bits && naive_pick(random, 0, 4) == 0)
		return;
	part->storage.offset_bytes = naive_pick(random, 0, 3) ? 0 : (uint64_t)naive_pick(random, 1, 40);
	part->storage.big_endian = part->array.big_endian;
	memcpy(part->storage.tile, part->array.tile, sizeof(part->storage.tile));
	part->size = part->storage.offset_bytes + naive_file_bytes(&part->array);
	part->file = malloc(part->size);
	memset(part->file, 0xa5, part->size);
}

static void choose_view_tile(struct family *family, uint64_t *random, int axis)
{
	struct naive *view = &family->view;
	const struct naive *first = &family->parts[0].array;
	switch (naive_pick(random, 0, 3)) {
	case 0:
		choose_tile(random, view->ndim, view->shape, view->tile);
		return;
	case 1:
		memcpy(view->tile, first->tile, sizeof(view->tile));
		view->tile[axis] = naive_pick(random, 1, first->tile[axis]);
		return;
	case 2:
		memcpy(view->tile, first->tile, sizeof(view->tile));
		view->tile[axis] = 1;
		return;
	default:
		memcpy(view->tile, first->tile, sizeof(view->tile));
	}
}

static void fill_files(struct family *family, int axis)
{
	int64_t start = 0;
	for (int p = 0; p < family->nparts; p++) {
		struct part *part = &family->parts[p];
		int64_t position[SC_MAXDIM] = { 0 }, in_view[SC_MAXDIM];
		do {
			uint64_t value = 0;
			memcpy(in_view, position, sizeof(in_view));
			in_view[axis] += start;
			for (int i = 0; i < family->view.ndim; i++)
				value = value * 1000 + (uint64_t)in_view[i];
			if (part->file) {
				naive_put(&part->array, part->file + part->storage.offset_bytes, position, value);
				naive_put(&family->view, family->expected, in_view, value);
			} else {
				naive_put_bool(&family->view, family->expected, in_view, true);
			}
			unsigned bit;
			uint64_t at = naive_place(&family->view, in_view, &bit);
			if (family->view.element_bytes)
				memset(family->counts + at, 0xff, family->view.element_bytes);
			else
				family->counts[at] |= (uint8_t)(1u << bit);
		} while (naive_step(family->view.ndim, position, part->array.shape));
		start += part->array.shape[axis];
	}
}

static void make_family(struct family *family, unsigned seed)
{
	uint64_t random = (seed + 1) * UINT64_C(0x2545f4914f6cdd1d);
	struct sc_error err = { 0 };
	memset(family, 0, sizeof(*family));
	family->seed = seed;
	size_t type = (size_t)naive_pick(&random, -2, SC_COUNT_OF(types) - 1);
	type = type < SC_COUNT_OF(types) ? type : 0; /* masks more often: their bits are the harder case */
	struct naive *view = &family->view;
	view->ndim = (int)naive_pick(&random, 1, 5);
	view->element_bytes = types[type].element_bytes;
	view->word_bytes = types[type].word_bytes;
	for (int i = 0; i < view->ndim; i++)
		view->shape[i] = naive_pick(&random, 1, view->ndim > 3 ? 5 : 9);
	int axis = (int)naive_pick(&random, 0, view->ndim - 1);
	family->nparts = (int)naive_pick(&random, 1, MAX_PARTS);
	assert_int_equal(sc_layout_init(&family->layout, view->ndim, view->shape, axis, types[type].type, &err), 0);
	int64_t channels = 0;
	for (int p = 0; p < family->nparts; p++) {
		struct part *part = &family->parts[p];
		choose_part(family, &random, p, axis, view->element_bytes == 0);
		channels += part->array.shape[axis];
		assert_int_equal(add_slab(&family->layout, part->array.shape[axis],
						    part->file ? &part->storage : NULL, &err),
				 0);
	}
	view->shape[axis] = channels;
	choose_view_tile(family, &random, axis);
	view->big_endian = naive_pick(&random, 0, 1);
	assert_int_equal(sc_layout_set_tile(&family->layout, view->tile, view->big_endian, &err), 0);
	family->expected = calloc(1, naive_file_bytes(view));
	family->counts = calloc(1, naive_file_bytes(view));
	fill_files(family, axis);
}

static void free_family(struct family *family)
{
	for (int p = 0; p < family->nparts; p++)
		free(family->parts[p].file);
	free(family->expected);
	free(family->counts);
	sc_layout_clear(&family->layout);
}

/* ---- reading it back ---- */

static int read_part(void *context, size_t slab, uint64_t offset, void *buffer, size_t count, struct sc_error *err)
{
	struct family *family = context;
	assert_true(slab < (size_t)family->nparts);
	const struct part *part = &family->parts[slab];
	assert_non_null(part->file);
	if (offset > part->size || count > part->size - offset || count == 0)
		fail_msg("case %u: %zu bytes at %llu of part %zu, which has %llu", family->seed, count,
			 (unsigned long long)offset, slab, (unsigned long long)part->size);
	if (family->reads_until_failure && --family->reads_until_failure == 0)
		return sc_error_set(err, -EIO, "no");
	memcpy(buffer, part->file + offset, count);
	return 0;
}

static void read_piece(struct family *family, const struct sc_piece *piece, uint8_t *to)
{
	struct sc_error err = { 0 };
	const struct sc_layout *layout = &family->layout;
	if (piece->kind == SC_PIECE_RANGE) {
		assert_int_equal(read_part(family, piece->slab, piece->file_offset, to, piece->length, &err), 0);
	} else if (piece->kind == SC_PIECE_FILL) {
		memset(to, piece->fill, piece->length);
	} else {
		uint8_t *tile = malloc(layout->tile_bytes);
		assert_int_equal(sc_gather_tile(layout, piece->tile, tile, read_part, family, &err), 0);
		assert_true(piece->tile_offset + piece->length <= layout->tile_bytes);
		assert_int_equal(piece->tile * layout->tile_bytes + piece->tile_offset, piece->offset);
		memcpy(to, tile + piece->tile_offset, piece->length);
		free(tile);
	}
}

static unsigned kinds_seen[3];

/* Reads and compares the bytes [offset, offset + count), `limit` bytes at a time at most. */
static void check_range(struct family *family, uint64_t offset, uint64_t count, uint64_t limit)
{
	for (uint64_t end = offset + count; offset < end;) {
		struct sc_piece piece;
		uint64_t most = end - offset < limit ? end - offset : limit;
		sc_layout_piece(&family->layout, offset, most, &piece);
		assert_int_equal(piece.offset, offset);
		assert_in_range(piece.length, 1, most);
		uint8_t *got = malloc(piece.length);
		read_piece(family, &piece, got);
		for (uint64_t i = 0; i < piece.length; i++) {
			uint8_t mask = family->counts[offset + i];
			if ((got[i] & mask) != (family->expected[offset + i] & mask))
				fail_msg("case %u: byte %llu is 0x%02x, expected 0x%02x (kind %d, mask 0x%02x)",
					 family->seed, (unsigned long long)(offset + i), got[i],
					 family->expected[offset + i], (int)piece.kind, mask);
		}
		free(got);
		kinds_seen[piece.kind]++;
		offset += piece.length;
	}
}

static void views_are_what_a_naive_writer_writes(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < CASES; seed++) {
		struct family family;
		make_family(&family, seed);
		uint64_t size = naive_file_bytes(&family.view), random = seed + 77;
		if (family.layout.size_bytes != size)
			fail_msg("case %u: %llu bytes, expected %llu", seed,
				 (unsigned long long)family.layout.size_bytes, (unsigned long long)size);
		check_range(&family, 0, size, UINT64_MAX);
		for (int i = 0; i < 4; i++) {
			uint64_t offset = naive_random(&random) % size;
			check_range(&family, offset, naive_random(&random) % (size - offset) + 1,
				    naive_random(&random) % 64 + 1);
		}
		free_family(&family);
	}
	for (size_t i = 0; i < SC_COUNT_OF(kinds_seen); i++)
		assert_true(kinds_seen[i] > CASES / 20);
}

/* The model must be able to say no: one bit of a part, changed, must be seen in some byte. */
static void model_sees_a_changed_bit(void **state)
{
	(void)state;
	unsigned seen = 0, changed = 0;
	for (unsigned seed = 0; seed < 300; seed++) {
		struct family family;
		make_family(&family, seed);
		struct part *part = &family.parts[0];
		if (part->file) {
			int64_t last[SC_MAXDIM];
			unsigned bit;
			for (int i = 0; i < part->array.ndim; i++)
				last[i] = part->array.shape[i] - 1;
			uint64_t place = naive_place(&part->array, last, &bit);
			part->file[part->storage.offset_bytes + place] ^= (uint8_t)(1u << bit);
			changed++;
			for (uint64_t at = 0, done = 0; !done && at < family.layout.size_bytes;) {
				struct sc_piece piece;
				sc_layout_piece(&family.layout, at, UINT64_MAX, &piece);
				uint8_t *got = malloc(piece.length);
				read_piece(&family, &piece, got);
				for (uint64_t i = 0; i < piece.length; i++)
					done |= (got[i] ^ family.expected[at + i]) & family.counts[at + i];
				seen += done != 0;
				at += piece.length;
				free(got);
			}
		}
		free_family(&family);
	}
	assert_true(changed > 200);
	assert_int_equal(seen, changed);
}

/* ---- boxes of tiles ---- */

/* A window of random size, small enough that tiles are read in pieces. */
struct window {
	uint8_t bytes[4096];
	struct sc_gather_source source;
};

static void choose_window(struct window *window, uint64_t *random, sc_gather_read *read, struct family *family)
{
	window->source = (struct sc_gather_source){
		.read = read,
		.context = family,
		.window = window->bytes,
		.window_bytes = (size_t)(naive_pick(random, 0, 1) ? naive_pick(random, 64, 200) : 4096),
		.run_bytes = (size_t)(naive_pick(random, 0, 1) ? 1 : naive_pick(random, 1, 100)),
	};
}

/* Calls `check` for boxes that together are all tiles. */
static void cut_into_boxes(struct family *family, uint64_t *random, const struct window *window,
			   void (*check)(struct family *family, const int64_t *first, const int64_t *count,
					 const struct window *window))
{
	const struct sc_layout *layout = &family->layout;
	int64_t most[SC_MAXDIM], first[SC_MAXDIM] = { 0 }, count[SC_MAXDIM];
	for (int i = 0; i < layout->ndim; i++)
		most[i] = naive_pick(random, 1, layout->ntiles[i]);
	for (int i = 0; i < layout->ndim;) {
		for (int k = 0; k < layout->ndim; k++)
			count[k] = most[k] < layout->ntiles[k] - first[k] ? most[k] : layout->ntiles[k] - first[k];
		check(family, first, count, window);
		for (i = 0; i < layout->ndim && (first[i] += most[i]) >= layout->ntiles[i]; i++)
			first[i] = 0;
	}
}

/* Padding included: it is 0. */
static void check_box(struct family *family, const int64_t *first, const int64_t *count, const struct window *window)
{
	const struct sc_layout *layout = &family->layout;
	uint64_t ntiles = 1;
	int64_t position[SC_MAXDIM] = { 0 };
	struct sc_error err = { 0 };
	for (int i = 0; i < layout->ndim; i++)
		ntiles *= (uint64_t)count[i];
	uint8_t *tiles = malloc(ntiles * layout->tile_bytes), *got = tiles;
	memset(tiles, 0x5a, ntiles * layout->tile_bytes);
	assert_int_equal(sc_gather_tiles(layout, first, count, tiles, &window->source, &err), 0);
	do {
		uint64_t number = 0;
		for (int i = layout->ndim - 1; i >= 0; i--)
			number = number * (uint64_t)layout->ntiles[i] + (uint64_t)(first[i] + position[i]);
		const uint8_t *expected = family->expected + number * layout->tile_bytes;
		for (uint64_t i = 0; i < layout->tile_bytes; i++) {
			if (got[i] != expected[i])
				fail_msg("case %u: byte %llu of tile %llu is 0x%02x, expected 0x%02x", family->seed,
					 (unsigned long long)i, (unsigned long long)number, got[i], expected[i]);
		}
		got += layout->tile_bytes;
	} while (naive_step(layout->ndim, position, count));
	free(tiles);
}

static void boxes_of_tiles_are_what_a_naive_writer_writes(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < CASES; seed++) {
		struct family family;
		struct window window;
		uint64_t random = seed + 99;
		make_family(&family, seed);
		choose_window(&window, &random, read_part, &family);
		cut_into_boxes(&family, &random, &window, check_box);
		free_family(&family);
	}
}

static void failed_reads_are_passed_on(void **state)
{
	(void)state;
	unsigned failures = 0;
	for (unsigned seed = 0; seed < 500; seed++) {
		struct family family;
		struct sc_error err = { 0 };
		make_family(&family, seed);
		uint8_t *tile = malloc(family.layout.tile_bytes);
		family.reads_until_failure = 1 + seed % 3;
		int rc = sc_gather_tile(&family.layout, 0, tile, read_part, &family, &err);
		assert_int_equal(rc, family.reads_until_failure ? 0 : -EIO);
		if (rc < 0)
			assert_string_equal(err.text, "no");
		failures += rc < 0;
		free(tile);
		free_family(&family);
	}
	assert_true(failures > 100);
}

/* How often each byte of each part was read. */
static uint8_t *times_read[MAX_PARTS];

static int count_read(void *context, size_t slab, uint64_t offset, void *buffer, size_t count, struct sc_error *err)
{
	for (size_t i = 0; i < count; i++)
		times_read[slab][offset + i]++;
	return read_part(context, slab, offset, buffer, count, err);
}

/* However the tiles are cut into boxes, and however little is read at once. Bits share bytes. */
static void no_byte_is_read_twice(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < CASES; seed++) {
		struct family family;
		struct window window;
		uint64_t random = seed + 7;
		make_family(&family, seed);
		choose_window(&window, &random, count_read, &family);
		window.source.run_bytes = 1;
		for (int p = 0; p < family.nparts; p++)
			times_read[p] = calloc(1, family.parts[p].size + 1);
		cut_into_boxes(&family, &random, &window, check_box);
		for (int p = 0; p < family.nparts; p++) {
			for (uint64_t i = 0; i < family.parts[p].size; i++) {
				if (times_read[p][i] > 1 && family.layout.bits > 1)
					fail_msg("case %u: byte %llu of part %d was read %u times", seed,
						 (unsigned long long)i, p, times_read[p][i]);
			}
			free(times_read[p]);
		}
		free_family(&family);
	}
}

/* Runs shorter than what is worth a read of its own are read together, with what lies between them. */
static size_t nreads;

static int count_reads(void *context, size_t slab, uint64_t offset, void *buffer, size_t count, struct sc_error *err)
{
	nreads++;
	return read_part(context, slab, offset, buffer, count, err);
}

static void short_runs_are_read_together(void **state)
{
	(void)state;
	static const int64_t second[SC_MAXDIM] = { 1, 0 }, one[SC_MAXDIM] = { 1, 1 };
	struct family family;
	struct sc_error err = { 0 };
	uint8_t file[8 * 8 * 4] = { 0 }, window[sizeof(file)], tile[4 * 8 * 4];
	memset(&family, 0, sizeof(family));
	family.nparts = 1;
	family.parts[0].file = file;
	family.parts[0].size = sizeof(file);
	struct sc_storage storage = { .tile = { 8, 8 } };
	int64_t view_tile[SC_MAXDIM] = { 4, 8 }, plane[SC_MAXDIM] = { 8, 0 };
	assert_int_equal(sc_layout_init(&family.layout, 2, plane, 1, SC_TYPE_FLOAT, &err), 0);
	assert_int_equal(add_slab(&family.layout, 8, &storage, &err), 0);
	assert_int_equal(sc_layout_set_tile(&family.layout, view_tile, false, &err), 0);
	struct sc_gather_source source = { count_reads, &family, window, sizeof(window), 17 };
	nreads = 0;
	assert_int_equal(sc_gather_tiles(&family.layout, second, one, tile, &source, &err), 0);
	assert_int_equal(nreads, 1);
	source.run_bytes = 16;
	nreads = 0;
	assert_int_equal(sc_gather_tiles(&family.layout, second, one, tile, &source, &err), 0);
	assert_int_equal(nreads, 8);
	sc_layout_clear(&family.layout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_are_what_a_naive_writer_writes),
		cmocka_unit_test(model_sees_a_changed_bit),
		cmocka_unit_test(boxes_of_tiles_are_what_a_naive_writer_writes),
		cmocka_unit_test(failed_reads_are_passed_on),
		cmocka_unit_test(no_byte_is_read_twice),
		cmocka_unit_test(short_runs_are_read_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
