#include "viewcodecpriv.h"

#include <string.h>

#include "aipsio.h"
#include "warnings.h"

/* What is read, and how the view's arrays are to be tiled, which is set when all slabs are there. */
struct decoder {
	struct sc_aipsio_reader reader;
	const struct sc_product *product;
	struct sc_view *view;
	struct tiles {
		int64_t length, tile[SC_MAXDIM]; /* length: on the concatenation axis */
		bool big_endian;
	} pixels, mask;
};

static void bad(struct decoder *decoder, const char *what)
{
	sc_aipsio_fail(&decoder->reader, "expected %s", what);
}

static struct sc_identity read_identity(struct sc_aipsio_reader *reader)
{
	struct sc_identity identity;
	identity.hash[0] = sc_aipsio_u64(reader);
	identity.hash[1] = sc_aipsio_u64(reader);
	identity.newest_ns = sc_aipsio_i64(reader);
	return identity;
}

static void read_product(struct decoder *decoder)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	const struct sc_product *product = decoder->product;
	uint64_t first = sc_aipsio_u64(reader), last = sc_aipsio_u64(reader);
	struct sc_identity names = read_identity(reader);
	if (reader->error)
		return;
	const struct sc_identity now = sc_viewcodec_names(product);
	if (first != product->first_number || last != product->last_number || !sc_identity_equal(&names, &now))
		bad(decoder, "the same parts");
}

static void read_access(struct sc_aipsio_reader *reader, struct sc_access *access)
{
	access->any = sc_aipsio_bool(reader);
	access->uniform = sc_aipsio_bool(reader);
	access->uid = sc_aipsio_u32(reader);
	access->gid = sc_aipsio_u32(reader);
	access->mode = sc_aipsio_u32(reader);
	access->newest_ns = sc_aipsio_i64(reader);
}

/* A file in a part or in a table in it; "": the part itself. */
static bool is_inner_path(const char *path)
{
	unsigned depth = 0;
	for (const char *at = path; *path; at++) {
		size_t length = strcspn(at, "/");
		if (length == 0 || (length <= 2 && strspn(at, ".") >= length) || ++depth > 2)
			return false;
		at += length;
		if (*at == 0)
			return true;
	}
	return true;
}

static void read_storage(struct decoder *decoder, struct sc_layout *layout, uint32_t number)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	struct sc_storage storage = { 0 };
	uint32_t index;
	for (int i = 0; i < layout->ndim; i++) {
		storage.tile[i] = sc_aipsio_i64(reader);
		if (!reader->error && storage.tile[i] < 1)
			bad(decoder, "a tile of at least one pixel");
	}
	storage.offset_bytes = sc_aipsio_u64(reader);
	storage.big_endian = sc_aipsio_bool(reader);
	sc_autofree char *file = sc_aipsio_string(reader, NULL);
	int32_t kind = sc_aipsio_i32(reader);
	storage.coding.kind = (enum sc_coding_kind)kind;
	storage.coding.scale = sc_aipsio_f32(reader);
	storage.coding.zero = sc_aipsio_f32(reader);
	storage.coding.has_blank = sc_aipsio_bool(reader);
	storage.coding.blank = sc_aipsio_i32(reader);
	if (reader->error)
		return;
	bool is_mask = layout->type == SC_TYPE_BOOL;
	bool is_number = kind == SC_CODING_UCHAR || kind == SC_CODING_SHORT || kind == SC_CODING_INT;
	if (strlen(file) >= sizeof(storage.file) || !is_inner_path(file))
		bad(decoder, "a file in the part");
	else if (kind != SC_CODING_PLAIN && !(is_number && (is_mask || layout->type == SC_TYPE_FLOAT)) &&
		 !(is_mask && (kind == SC_CODING_FLOAT || kind == SC_CODING_DOUBLE)))
		bad(decoder, "a coding that suits the array");
	if (reader->error)
		return;
	memcpy(storage.file, file, strlen(file));
	if (sc_layout_add_storage(layout, &storage, &index, NULL) < 0)
		sc_aipsio_no_memory(reader);
	else if (index != number)
		bad(decoder, "storages that differ");
}

static void read_array(struct decoder *decoder, struct sc_layout *layout, struct tiles *tiles)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	int64_t shape[SC_MAXDIM] = { 0 };
	int32_t ndim = sc_aipsio_i32(reader), axis = sc_aipsio_i32(reader), type = sc_aipsio_i32(reader);
	tiles->big_endian = sc_aipsio_bool(reader);
	if (!reader->error && (ndim < 1 || ndim > SC_MAXDIM || axis < 0 || axis >= ndim))
		bad(decoder, "axes that an image can have");
	for (int32_t i = 0; !reader->error && i < ndim; i++) {
		shape[i] = sc_aipsio_i64(reader);
		tiles->tile[i] = sc_aipsio_i64(reader);
		if (!reader->error && shape[i] < 1)
			bad(decoder, "a shape of at least one pixel");
	}
	if (reader->error)
		return;
	bool right_type = layout == &decoder->view->mask
			      ? type == SC_TYPE_BOOL
			      : type == SC_TYPE_FLOAT || type == SC_TYPE_DOUBLE || type == SC_TYPE_COMPLEX ||
				    type == SC_TYPE_DCOMPLEX;
	if (!right_type || sc_layout_init(layout, ndim, shape, axis, (enum sc_type)type, NULL) < 0) {
		bad(decoder, "a type that pixels can have");
		return;
	}
	tiles->length = shape[axis];
	uint32_t nstorages = sc_aipsio_u32(reader);
	for (uint32_t i = 0; !reader->error && i < nstorages; i++)
		read_storage(decoder, layout, i);
}

/* The mask covers the pixels. */
static void check_mask(struct decoder *decoder)
{
	const struct sc_layout *pixels = &decoder->view->pixels, *mask = &decoder->view->mask;
	if (decoder->reader.error)
		return;
	if (pixels->ndim != mask->ndim || pixels->axis != mask->axis ||
	    memcmp(pixels->shape, mask->shape, sizeof(pixels->shape)) != 0)
		bad(decoder, "a mask of the image's shape");
}

/* Whether all bytes that a slab of `count` channels has are where a file can have some. */
static bool lies_in_a_file(const struct sc_layout *layout, const struct sc_storage *storage, int64_t count)
{
	bool is_plain = storage->coding.kind == SC_CODING_PLAIN, overflow = false;
	uint64_t tile_bits = is_plain ? layout->bits : sc_coding_bits(&storage->coding), ntiles = 1, bytes, end;
	for (int i = 0; i < layout->ndim; i++) {
		int64_t length = i == layout->axis ? count : layout->shape[i];
		uint64_t across = (uint64_t)((length - 1) / storage->tile[i] + 1);
		overflow |= __builtin_mul_overflow(tile_bits, (uint64_t)storage->tile[i], &tile_bits);
		overflow |= __builtin_mul_overflow(ntiles, across, &ntiles);
	}
	overflow |= __builtin_mul_overflow(ntiles, (tile_bits - 1) / 8 + 1, &bytes);
	overflow |= __builtin_add_overflow(bytes, storage->offset_bytes, &end);
	return !overflow && end <= INT64_MAX;
}

static void add_slab(struct decoder *decoder, struct sc_layout *layout, int64_t count, uint32_t storage, bool may_fill)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	if (reader->error)
		return;
	if (sc_storage_is_fill(storage) ? !may_fill : storage >= layout->nstorages)
		bad(decoder, "a storage of the array");
	else if (!sc_storage_is_fill(storage) && !lies_in_a_file(layout, &layout->storages[storage], count))
		bad(decoder, "pixels that a file can have");
	else if (sc_layout_add_slab(layout, count, storage, NULL) < 0)
		bad(decoder, "fewer channels");
}

static void read_part(struct decoder *decoder, struct sc_part *part)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	struct sc_view *view = decoder->view;
	part->blank = sc_aipsio_bool(reader);
	int64_t count = sc_aipsio_i64(reader);
	uint32_t pixels_storage = sc_aipsio_u32(reader), mask_storage = sc_aipsio_u32(reader);
	if (!reader->error &&
	    (count < 1 ||
	     (part->blank && (!sc_storage_is_fill(pixels_storage) || !sc_storage_is_fill(mask_storage)))))
		bad(decoder, "a part with channels");
	add_slab(decoder, &view->pixels, count, pixels_storage, part->blank);
	if (view->has_mask)
		add_slab(decoder, &view->mask, count, mask_storage, true);
	if (part->blank) {
		part->number = sc_aipsio_u64(reader);
		part->name = sc_aipsio_string(reader, NULL);
		return;
	}
	uint64_t index = sc_aipsio_u64(reader);
	part->identity = read_identity(reader);
	if (!reader->error && index >= decoder->product->nparts)
		bad(decoder, "a part of the product");
	if (reader->error)
		return;
	part->number = decoder->product->parts[index].number;
	part->name = strdup(decoder->product->parts[index].name);
	if (!part->name)
		sc_aipsio_no_memory(reader);
}

static void read_parts(struct decoder *decoder)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	struct sc_view *view = decoder->view;
	uint64_t nparts = sc_aipsio_u64(reader);
	/* Each takes more than a byte: never more memory than a multiple of the file's size. */
	if (!reader->error && (nparts == 0 || nparts > sc_aipsio_left(reader)))
		bad(decoder, "as many parts as there is room for");
	if (reader->error)
		return;
	view->parts = calloc(nparts, sizeof(*view->parts));
	if (!view->parts) {
		sc_aipsio_no_memory(reader);
		return;
	}
	while (!reader->error && view->nparts < nparts)
		read_part(decoder, &view->parts[view->nparts++]);
}

static void set_tiles(struct decoder *decoder, struct sc_layout *layout, const struct tiles *tiles)
{
	if (decoder->reader.error)
		return;
	if (layout->shape[layout->axis] != tiles->length)
		bad(decoder, "as many channels as the parts have");
	else if (sc_layout_set_tile(layout, tiles->tile, tiles->big_endian, NULL) < 0)
		bad(decoder, "tiles that an image can have");
}

static void read_texts(struct decoder *decoder)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	struct sc_view *view = decoder->view;
	uint64_t nwarnings = sc_aipsio_u64(reader);
	for (uint64_t i = 0; !reader->error && i < nwarnings; i++) {
		sc_autofree char *text = sc_aipsio_string(reader, NULL);
		if (text && sc_warnings_take(&view->warnings, &view->nwarnings, sc_steal_ptr(text)) < 0)
			sc_aipsio_no_memory(reader);
	}
	view->ntruncated = sc_aipsio_u64(reader);
	if (view->ntruncated > 0)
		view->truncated = sc_aipsio_string(reader, NULL);
}

static bool is_entry_name(const char *name, bool is_root)
{
	return is_root ? name[0] == 0 : name[0] && is_inner_path(name) && !strchr(name, '/');
}

static void read_content(struct decoder *decoder, struct sc_node *node)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	struct sc_view *view = decoder->view;
	if (node->kind == SC_NODE_BYTES) {
		uint64_t size = sc_aipsio_u64(reader);
		const uint8_t *bytes = size <= SIZE_MAX ? sc_aipsio_bytes(reader, size) : NULL;
		uint8_t *copy = reader->error ? NULL : malloc(size ? size : 1);
		if (!reader->error && !copy)
			sc_aipsio_no_memory(reader);
		if (!copy)
			return;
		if (size > 0)
			memcpy(copy, bytes, size);
		node->bytes = copy;
		node->size_bytes = size;
	} else if (node->kind == SC_NODE_ARRAY) {
		node->is_mask = sc_aipsio_bool(reader);
		if (!reader->error && node->is_mask && !view->has_mask)
			bad(decoder, "no mask");
		node->layout = node->is_mask ? &view->mask : &view->pixels;
		node->size_bytes = node->layout->size_bytes;
	}
}

static void read_node(struct decoder *decoder, struct sc_node *node, unsigned number)
{
	struct sc_aipsio_reader *reader = &decoder->reader;
	node->name = sc_aipsio_string(reader, NULL);
	node->parent = sc_aipsio_u32(reader);
	int32_t kind = sc_aipsio_i32(reader);
	if (reader->error)
		return;
	node->kind = (enum sc_node_kind)kind;
	bool is_root = number == 0;
	bool right_kind = is_root ? kind == SC_NODE_DIRECTORY
				  : kind == SC_NODE_DIRECTORY || kind == SC_NODE_BYTES || kind == SC_NODE_ARRAY;
	bool right_parent = is_root ? node->parent == 0
				    : node->parent < number &&
					  decoder->view->nodes[node->parent].kind == SC_NODE_DIRECTORY;
	if (!right_kind || !right_parent || !is_entry_name(node->name, is_root))
		bad(decoder, "a file or directory of an image");
	else
		read_content(decoder, node);
}

static void read_nodes(struct decoder *decoder)
{
	struct sc_view *view = decoder->view;
	uint32_t nnodes = sc_aipsio_u32(&decoder->reader);
	if (!decoder->reader.error && (nnodes == 0 || nnodes > SC_VIEW_MAXNODES))
		bad(decoder, "as many files as an image has");
	while (!decoder->reader.error && view->nnodes < nnodes) {
		unsigned number = view->nnodes++;
		read_node(decoder, &view->nodes[number], number);
	}
}

int sc_viewcodec_decode(const uint8_t *data, size_t size, const struct sc_product *product, struct sc_view *view)
{
	struct decoder decoder = { .product = product, .view = view };
	struct sc_aipsio_reader *reader = &decoder.reader;
	sc_aipsio_reader_init(reader, data, size, "cache", NULL);
	uint32_t version = sc_aipsio_begin(reader, SC_VIEWCODEC_TYPE);
	if (!reader->error && version != SC_VIEWCODEC_VERSION)
		bad(&decoder, "another version");
	read_product(&decoder);
	read_access(reader, &view->files);
	view->axis_differs = sc_aipsio_bool(reader);
	view->has_mask = sc_aipsio_bool(reader);
	view->history = read_identity(reader);
	read_array(&decoder, &view->pixels, &decoder.pixels);
	if (view->has_mask && !reader->error) {
		read_array(&decoder, &view->mask, &decoder.mask);
		check_mask(&decoder);
	}
	read_parts(&decoder);
	set_tiles(&decoder, &view->pixels, &decoder.pixels);
	if (view->has_mask)
		set_tiles(&decoder, &view->mask, &decoder.mask);
	read_texts(&decoder);
	read_nodes(&decoder);
	sc_aipsio_end(reader);
	return reader->error;
}
