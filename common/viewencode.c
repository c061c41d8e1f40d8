#include "viewcodecpriv.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "aipsio.h"

/* --- the key --- */

static void put_text(struct sc_aipsio_writer *writer, const char *text)
{
	sc_aipsio_put_string(writer, text, strlen(text));
}

static void put_pattern(struct sc_aipsio_writer *writer, const struct sc_pattern *pattern)
{
	unsigned ntokens = pattern ? pattern->ntokens : 0;
	sc_aipsio_put_u32(writer, ntokens);
	for (unsigned i = 0; i < ntokens; i++) {
		sc_aipsio_put_i32(writer, (int32_t)pattern->tokens[i].kind);
		bool has_text = pattern->tokens[i].kind == SC_TOKEN_TEXT;
		sc_aipsio_put_string(writer, has_text ? pattern->tokens[i].text : "",
				     has_text ? pattern->tokens[i].length : 0);
	}
}

static void put_options(struct sc_aipsio_writer *writer, const struct sc_view_options *options)
{
	const struct sc_tiling *tiling = &options->tiling;
	sc_aipsio_put_i32(writer, (int32_t)tiling->mode);
	bool given = tiling->mode == SC_TILING_GIVEN;
	sc_aipsio_put_iposition(writer, given ? tiling->ndim : 0, tiling->tile);
	sc_aipsio_put_i32(writer, options->header.axis_given ? options->header.axis : -1);
	sc_aipsio_put_bool(writer, options->header.strict);
	sc_aipsio_put_bool(writer, options->header.first_miscinfo);
	sc_aipsio_put_i32(writer, (int32_t)options->missing);
	sc_aipsio_put_u64(writer, options->nparts);
	sc_aipsio_put_i64(writer, options->nchan);
	sc_aipsio_put_bool(writer, options->reorder);
	sc_aipsio_put_bool(writer, options->all_history);
}

int sc_viewcodec_key(const struct sc_source *source, const struct sc_product *product,
		     const struct sc_view_options *options, uint8_t **ret_key, size_t *ret_size)
{
	struct stat st;
	if (fstat(source->dirfd, &st) < 0)
		return -errno;
	struct sc_aipsio_writer writer;
	sc_aipsio_writer_init(&writer);
	put_text(&writer, SC_VERSION);
	sc_aipsio_put_u32(&writer, SC_VIEWCODEC_VERSION);
	put_text(&writer, source->path);
	sc_aipsio_put_u64(&writer, st.st_ino);
	put_text(&writer, product->base);
	put_text(&writer, product->ext);
	sc_aipsio_put_bool(&writer, product->listed);
	sc_aipsio_put_bool(&writer, source->follow_links);
	put_pattern(&writer, product->pattern);
	put_options(&writer, options);
	return sc_aipsio_writer_finish(&writer, ret_key, ret_size);
}

/* --- encoding --- */

static void put_identity(struct sc_aipsio_writer *writer, const struct sc_identity *identity)
{
	sc_aipsio_put_u64(writer, identity->hash[0]);
	sc_aipsio_put_u64(writer, identity->hash[1]);
	sc_aipsio_put_i64(writer, identity->newest_ns);
}

struct sc_identity sc_viewcodec_names(const struct sc_product *product)
{
	struct sc_identity names = { 0 };
	for (size_t i = 0; i < product->nparts; i++)
		sc_identity_add_name(&names, product->parts[i].name);
	return names;
}

static void put_product(struct sc_aipsio_writer *writer, const struct sc_product *product)
{
	const struct sc_identity names = sc_viewcodec_names(product);
	sc_aipsio_put_u64(writer, product->first_number);
	sc_aipsio_put_u64(writer, product->last_number);
	put_identity(writer, &names);
}

static void put_access(struct sc_aipsio_writer *writer, const struct sc_access *access)
{
	sc_aipsio_put_bool(writer, access->any);
	sc_aipsio_put_bool(writer, access->uniform);
	sc_aipsio_put_u32(writer, access->uid);
	sc_aipsio_put_u32(writer, access->gid);
	sc_aipsio_put_u32(writer, access->mode);
	sc_aipsio_put_i64(writer, access->newest_ns);
}

static void put_storage(struct sc_aipsio_writer *writer, int ndim, const struct sc_storage *storage)
{
	for (int i = 0; i < ndim; i++)
		sc_aipsio_put_i64(writer, storage->tile[i]);
	sc_aipsio_put_u64(writer, storage->offset_bytes);
	sc_aipsio_put_bool(writer, storage->big_endian);
	put_text(writer, storage->file);
	sc_aipsio_put_i32(writer, (int32_t)storage->coding.kind);
	sc_aipsio_put_f32(writer, storage->coding.scale);
	sc_aipsio_put_f32(writer, storage->coding.zero);
	sc_aipsio_put_bool(writer, storage->coding.has_blank);
	sc_aipsio_put_i32(writer, storage->coding.blank);
}

static void put_array(struct sc_aipsio_writer *writer, const struct sc_layout *layout)
{
	sc_aipsio_put_i32(writer, layout->ndim);
	sc_aipsio_put_i32(writer, layout->axis);
	sc_aipsio_put_i32(writer, (int32_t)layout->type);
	sc_aipsio_put_bool(writer, layout->big_endian);
	for (int i = 0; i < layout->ndim; i++) {
		sc_aipsio_put_i64(writer, layout->shape[i]);
		sc_aipsio_put_i64(writer, layout->tile[i]);
	}
	sc_aipsio_put_u32(writer, (uint32_t)layout->nstorages);
	for (size_t i = 0; i < layout->nstorages; i++)
		put_storage(writer, layout->ndim, &layout->storages[i]);
}

/* Numbers rise in a product. */
static uint64_t index_of(const struct sc_product *product, uint64_t number)
{
	size_t low = 0, high = product->nparts;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (product->parts[middle].number <= number)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void put_parts(struct sc_aipsio_writer *writer, const struct sc_view *view, const struct sc_product *product)
{
	sc_aipsio_put_u64(writer, view->nparts);
	for (size_t i = 0; i < view->nparts; i++) {
		const struct sc_part *part = &view->parts[i];
		const struct sc_slab *slab = &view->pixels.slabs[i];
		sc_aipsio_put_bool(writer, part->blank);
		sc_aipsio_put_i64(writer, slab->count);
		sc_aipsio_put_u32(writer, slab->storage);
		sc_aipsio_put_u32(writer, view->has_mask ? view->mask.slabs[i].storage : SC_STORAGE_ONES);
		if (part->blank) {
			sc_aipsio_put_u64(writer, part->number);
			put_text(writer, part->name);
		} else {
			sc_aipsio_put_u64(writer, index_of(product, part->number));
			put_identity(writer, &part->identity);
		}
	}
}

static void put_texts(struct sc_aipsio_writer *writer, const struct sc_view *view)
{
	sc_aipsio_put_u64(writer, view->nwarnings);
	for (size_t i = 0; i < view->nwarnings; i++)
		put_text(writer, view->warnings[i]);
	sc_aipsio_put_u64(writer, view->ntruncated);
	if (view->ntruncated > 0)
		put_text(writer, view->truncated);
}

static void put_nodes(struct sc_aipsio_writer *writer, const struct sc_view *view)
{
	sc_aipsio_put_u32(writer, view->nnodes);
	for (unsigned i = 0; i < view->nnodes; i++) {
		const struct sc_node *node = &view->nodes[i];
		put_text(writer, node->name);
		sc_aipsio_put_u32(writer, node->parent);
		sc_aipsio_put_i32(writer, (int32_t)node->kind);
		if (node->kind == SC_NODE_BYTES) {
			sc_aipsio_put_u64(writer, node->size_bytes);
			sc_aipsio_put_bytes(writer, node->bytes, node->size_bytes);
		} else if (node->kind == SC_NODE_ARRAY) {
			sc_aipsio_put_bool(writer, node->is_mask);
		}
	}
}

int sc_viewcodec_encode(const struct sc_view *view, const struct sc_product *product, uint8_t **ret_data,
			size_t *ret_size)
{
	struct sc_aipsio_writer writer;
	sc_aipsio_writer_init(&writer);
	sc_aipsio_put_begin(&writer, SC_VIEWCODEC_TYPE, SC_VIEWCODEC_VERSION);
	put_product(&writer, product);
	put_access(&writer, &view->files);
	sc_aipsio_put_bool(&writer, view->axis_differs);
	sc_aipsio_put_bool(&writer, view->has_mask);
	put_identity(&writer, &view->history);
	put_array(&writer, &view->pixels);
	if (view->has_mask)
		put_array(&writer, &view->mask);
	put_parts(&writer, view, product);
	put_texts(&writer, view);
	put_nodes(&writer, view);
	sc_aipsio_put_end(&writer);
	return sc_aipsio_writer_finish(&writer, ret_data, ret_size);
}
