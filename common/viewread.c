#include "viewread.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cache.h"
#include "gather.h"
#include "ioutil.h"

struct sc_reader {
	struct sc_cache *files; /* of struct open_file, by slab; cost 1 */
	struct sc_cache *tiles; /* of gathered tiles, by tile number; cost bytes */
};

struct open_file {
	int fd;
};

static void drop_file(void *value)
{
	struct open_file *file = value;
	close(file->fd);
	free(file);
}

struct sc_reader *sc_reader_new(size_t max_files, size_t cache_bytes)
{
	struct sc_reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return NULL;
	reader->files = sc_cache_new(max_files, drop_file);
	reader->tiles = sc_cache_new(cache_bytes, free);
	if (!reader->files || !reader->tiles) {
		sc_reader_free(reader);
		return NULL;
	}
	return reader;
}

void sc_reader_free(struct sc_reader *reader)
{
	if (!reader)
		return;
	sc_cache_free(reader->files);
	sc_cache_free(reader->tiles);
	free(reader);
}

void sc_reader_forget(struct sc_reader *reader, const struct sc_view *view)
{
	sc_cache_forget(reader->files, view);
	sc_cache_forget(reader->tiles, view);
}

/* A slab's file: its path below the source, its name in messages, and what it was when the header was read. */
struct slab_file {
	char path[PATH_MAX];
	const struct sc_file_id *id;
};

static int format_path(struct slab_file *file, const char *directory, const char *name, struct sc_error *err)
{
	const char *slash = name[0] ? "/" : "";
	if (snprintf(file->path, sizeof(file->path), "%s%s%s", directory, slash, name) >= (int)sizeof(file->path))
		return sc_error_set(err, -ENAMETOOLONG, "%s: its files' names are too long", directory);
	return 0;
}

static int slab_file_of(const struct sc_view *view, unsigned node, size_t slab, struct slab_file *file,
			struct sc_error *err)
{
	const struct sc_layout *layout = view->nodes[node].layout;
	if (view->nodes[node].kind == SC_NODE_FILE) {
		file->id = &view->nodes[node].id;
		return format_path(file, view->nodes[node].path, "", err);
	}
	const struct sc_part *part = &view->parts[slab];
	uint32_t storage = layout->slabs[slab].storage;
	assert(!sc_storage_is_fill(storage));
	file->id = view->nodes[node].is_mask ? &part->mask_id : &part->pixels_id;
	return format_path(file, part->name, layout->storages[storage].file, err);
}

static int check_unchanged(const struct slab_file *file, const struct stat *st, struct sc_error *err)
{
	struct sc_file_id now = sc_file_id_of(st);
	if (sc_file_id_equal(&now, file->id))
		return 0;
	return sc_error_set(err, -ESTALE, "%s: it changed since its header was read", file->path);
}

/* When the header was read there was a regular file. */
static int open_error(const struct slab_file *file, int code, struct sc_error *err)
{
	switch (code) {
	case -ENOENT:
	case -ENOTDIR:
		return sc_error_set(err, -ESTALE, "%s: it went away since its header was read", file->path);
	case -EUCLEAN: /* a FIFO or a directory in its place */
	case -ELOOP:
		return sc_error_set(err, -ESTALE, "%s: it is no file any more", file->path);
	case -EACCES:
		return sc_error_set(err, -EIO, "%s: no permission to read it", file->path);
	default:
		return code;
	}
}

static int open_slab(struct sc_reader *reader, const struct sc_view *view, const struct slab_file *file, int *ret_fd,
		     struct sc_error *err)
{
	struct stat st;
	sc_autoclose int fd = -1;
	int rc;
	do
		rc = sc_io_open_regular(view->source->dirfd, file->path, file->path, &fd, &st, err);
	while ((rc == -EMFILE || rc == -ENFILE) && sc_cache_shed(reader->files));
	if (rc < 0)
		return open_error(file, rc, err);
	rc = check_unchanged(file, &st, err);
	if (rc < 0)
		return rc;
	*ret_fd = sc_steal_fd(&fd);
	return 0;
}

int sc_reader_get_file(struct sc_reader *reader, const struct sc_view *view, unsigned node, size_t slab,
		       struct sc_cache_entry **ret_held, int *ret_fd, struct sc_error *err)
{
	struct sc_cache_key key = { view, node, slab };
	struct sc_cache_entry *entry = sc_cache_get(reader->files, &key);
	if (!entry) {
		struct slab_file path;
		int fd = -1, rc = slab_file_of(view, node, slab, &path, err);
		if (rc == 0)
			rc = open_slab(reader, view, &path, &fd, err);
		if (rc < 0)
			return rc;
		struct open_file *file = malloc(sizeof(*file));
		if (!file) {
			close(fd);
			return sc_error_errno(err, -ENOMEM, "%s: cannot read", path.path);
		}
		file->fd = fd;
		entry = sc_cache_put(reader->files, &key, file, 1);
		if (!entry)
			return sc_error_errno(err, -ENOMEM, "%s: cannot read", path.path);
	}
	*ret_held = entry;
	*ret_fd = ((const struct open_file *)entry->value)->fd;
	return 0;
}

void sc_reader_release_file(struct sc_reader *reader, struct sc_cache_entry *held)
{
	sc_cache_release(reader->files, held);
}

/* Reads from a part, then makes sure that the part is still the one the header was read from. */
static int read_slab(struct sc_reader *reader, const struct sc_view *view, unsigned node, size_t slab, uint64_t offset,
		     void *buffer, size_t count, struct sc_error *err)
{
	struct sc_cache_entry *held;
	struct slab_file path;
	struct stat st;
	int fd, rc = sc_reader_get_file(reader, view, node, slab, &held, &fd, err);
	if (rc < 0)
		return rc;
	int read_rc = sc_io_pread_full(fd, buffer, count, offset);
	int stat_rc = fstat(fd, &st) < 0 ? -errno : 0;
	sc_reader_release_file(reader, held);

	rc = slab_file_of(view, node, slab, &path, err);
	if (rc == 0 && stat_rc < 0)
		rc = sc_error_errno(err, stat_rc, "%s: cannot stat", path.path);
	if (rc == 0)
		rc = check_unchanged(&path, &st, err);
	if (rc == 0 && read_rc < 0)
		rc = sc_error_set(err, -EIO, "%s: cannot read %zu bytes at byte %llu of %lld", path.path, count,
				  (unsigned long long)offset, (long long)st.st_size);
	return rc;
}

int sc_view_gather_read(void *gather_context, size_t slab, uint64_t offset, void *buffer, size_t count,
			struct sc_error *err)
{
	const struct sc_gather_context *context = gather_context;
	return read_slab(context->reader, context->view, context->node, slab, offset, buffer, count, err);
}

static int read_gathered(struct sc_reader *reader, const struct sc_view *view, unsigned node,
			 const struct sc_piece *piece, uint8_t *buffer, struct sc_error *err)
{
	const struct sc_layout *layout = view->nodes[node].layout;
	struct sc_cache_key key = { view, node, piece->tile };
	struct sc_cache_entry *entry = sc_cache_get(reader->tiles, &key);
	if (!entry) {
		struct sc_gather_context context = { reader, view, node };
		sc_autofree uint8_t *tile = malloc(layout->tile_bytes);
		if (!tile)
			return sc_error_errno(err, -ENOMEM, "%s: cannot gather a tile", view->name);
		int rc = sc_gather_tile(layout, piece->tile, tile, sc_view_gather_read, &context, err);
		if (rc < 0)
			return rc;
		entry = sc_cache_put(reader->tiles, &key, sc_steal_ptr(tile), layout->tile_bytes);
		if (!entry)
			return sc_error_errno(err, -ENOMEM, "%s: cannot gather a tile", view->name);
	}
	memcpy(buffer, (const uint8_t *)entry->value + piece->tile_offset, piece->length);
	sc_cache_release(reader->tiles, entry);
	return 0;
}

static int read_array(struct sc_reader *reader, const struct sc_view *view, unsigned node, uint64_t offset,
		      uint8_t *buffer, uint64_t count, struct sc_error *err)
{
	for (int rc; count > 0;) {
		struct sc_piece piece;
		sc_layout_piece(view->nodes[node].layout, offset, count, &piece);
		switch (piece.kind) {
		case SC_PIECE_RANGE:
			rc = read_slab(reader, view, node, piece.slab, piece.file_offset, buffer, piece.length, err);
			break;
		case SC_PIECE_GATHER:
			rc = read_gathered(reader, view, node, &piece, buffer, err);
			break;
		case SC_PIECE_FILL:
			memset(buffer, piece.fill, piece.length);
			rc = 0;
			break;
		default:
			abort();
		}
		if (rc < 0)
			return rc;
		offset += piece.length;
		buffer += piece.length;
		count -= piece.length;
	}
	return 0;
}

ssize_t sc_view_read(struct sc_reader *reader, const struct sc_view *view, unsigned node, uint64_t offset, void *buffer,
		     size_t count, struct sc_error *err)
{
	const struct sc_node *file = &view->nodes[node];
	assert(node < view->nnodes && file->kind != SC_NODE_DIRECTORY);
	if (offset >= file->size_bytes)
		return 0;
	if (count > file->size_bytes - offset)
		count = file->size_bytes - offset;
	if (file->kind == SC_NODE_BYTES) {
		memcpy(buffer, file->bytes + offset, count);
		return (ssize_t)count;
	}
	int rc = file->kind == SC_NODE_FILE ? read_slab(reader, view, node, 0, offset, buffer, count, err)
					    : read_array(reader, view, node, offset, buffer, count, err);
	return rc < 0 ? rc : (ssize_t)count;
}
