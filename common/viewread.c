#include "viewread.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cache.h"
#include "gather.h"
#include "ioutil.h"
#include "partfile.h"
#include "readahead.h"
#include "stopwatch.h"

/* The kernel's own requests are as long, unless it was told to read more ahead. */
#define AHEAD_BLOCK_BYTES ((size_t)128 << 10)

/* Opening a file, finding its bytes in the page cache and coming back takes less. */
#define AHEAD_SLOW_NS 60000

/* So many reads at once hide a latency of milliseconds, and every storage can have them under way. */
#define AHEAD_THREADS 32

struct sc_reader {
	struct sc_cache *files; /* of struct open_file, by slab; cost 1 */
	struct sc_cache *tiles; /* of gathered tiles, by tile number; cost bytes */
	struct sc_readahead *ahead; /* NULL: off */
	size_t max_files;
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
	reader->max_files = max_files;
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
	sc_readahead_free(reader->ahead);
	sc_cache_free(reader->files);
	sc_cache_free(reader->tiles);
	free(reader);
}

void sc_reader_forget(struct sc_reader *reader, const struct sc_view *view)
{
	if (reader->ahead)
		sc_readahead_forget(reader->ahead, view);
	sc_cache_forget(reader->files, view);
	sc_cache_forget(reader->tiles, view);
}

/* Closes files of the cache when the process has too many open. */
static int open_slab(struct sc_reader *reader, const struct sc_partfile *file, int *ret_fd, struct sc_error *err)
{
	int rc;
	do
		rc = sc_partfile_open(file, ret_fd, err);
	while ((rc == -EMFILE || rc == -ENFILE) && sc_cache_shed(reader->files));
	return rc;
}

/* Puts the open file into the cache. */
static int keep_file(struct sc_reader *reader, const struct sc_cache_key *key, int fd,
		     struct sc_cache_entry **ret_entry, struct sc_error *err)
{
	struct open_file *file = malloc(sizeof(*file));
	if (file) {
		file->fd = fd;
		*ret_entry = sc_cache_put(reader->files, key, file, 1);
		if (*ret_entry)
			return 0;
	} else {
		close(fd);
	}
	return sc_error_errno(err, -ENOMEM, "%s: cannot read", ((const struct sc_view *)key->view)->name);
}

int sc_reader_get_file(struct sc_reader *reader, const struct sc_view *view, unsigned node, size_t slab,
		       struct sc_cache_entry **ret_held, int *ret_fd, struct sc_error *err)
{
	struct sc_cache_key key = { view, node, slab };
	struct sc_cache_entry *entry = sc_cache_get(reader->files, &key);
	if (!entry) {
		const struct sc_partfile file = { view, node, slab };
		int fd = -1, rc = open_slab(reader, &file, &fd, err);
		if (rc == 0)
			rc = keep_file(reader, &key, fd, &entry, err);
		if (rc < 0)
			return rc;
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
	const struct sc_partfile file = { view, node, slab };
	struct sc_cache_entry *held;
	int fd, rc = sc_reader_get_file(reader, view, node, slab, &held, &fd, err);
	if (rc < 0)
		return rc;
	int read_rc = sc_io_pread_full(fd, buffer, count, offset);
	rc = sc_partfile_check(&file, fd, true, err);
	sc_reader_release_file(reader, held);
	return rc < 0 || read_rc == 0 ? rc : sc_partfile_unreadable(&file, read_rc, offset, count, err);
}

/* Whether the part that bytes in memory came from is unchanged. */
static int check_slab(struct sc_reader *reader, const struct sc_view *view, unsigned node, size_t slab,
		      struct sc_error *err)
{
	const struct sc_partfile file = { view, node, slab };
	struct sc_cache_entry *held;
	int fd, rc = sc_reader_get_file(reader, view, node, slab, &held, &fd, err);
	if (rc < 0)
		return rc;
	rc = sc_partfile_check(&file, fd, false, err);
	sc_reader_release_file(reader, held);
	return rc;
}

int sc_view_gather_read(void *gather_context, size_t slab, uint64_t offset, void *buffer, size_t count,
			struct sc_error *err)
{
	const struct sc_gather_context *context = gather_context;
	return read_slab(context->reader, context->view, context->node, slab, offset, buffer, count, err);
}

/* Whether all parts that a view's tile was made of are unchanged. */
static int check_tile(struct sc_reader *reader, const struct sc_view *view, unsigned node, uint64_t tile,
		      struct sc_error *err)
{
	const struct sc_layout *layout = view->nodes[node].layout;
	int64_t indices[SC_MAXDIM];
	sc_layout_tile_indices(layout, tile, indices);
	int64_t first = indices[layout->axis] * layout->tile[layout->axis];
	int64_t behind = first + layout->tile[layout->axis];
	for (size_t i = sc_layout_find_slab(layout, first); i < layout->nslabs; i++) {
		const struct sc_slab *slab = &layout->slabs[i];
		if (slab->start >= behind)
			break;
		int rc = sc_storage_is_fill(slab->storage) ? 0 : check_slab(reader, view, node, i, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/*
 * File times move on in steps. What changed within the last of them may change again and its times stay the same, so
 * what is read of it now must not be handed out later.
 */
static bool is_young(const struct sc_view *view)
{
	return view->newest_ns > sc_identity_settled_ns();
}

/* Gathers a tile that is not in the cache, takes the piece from it and puts it there. */
static int make_tile(struct sc_reader *reader, const struct sc_view *view, const struct sc_cache_key *key,
		     const struct sc_piece *piece, uint8_t *buffer, struct sc_error *err)
{
	const struct sc_layout *layout = view->nodes[key->node].layout;
	struct sc_gather_context context = { reader, view, key->node };
	struct sc_cache_entry *entry = NULL;
	bool young = is_young(view);
	sc_autofree uint8_t *tile = NULL;
	int rc = sc_layout_check_tile(layout, err);
	if (rc < 0)
		sc_error_prefix(err, "%s", view->name);
	else if (!(tile = malloc(layout->tile_bytes)))
		rc = sc_error_errno(err, -ENOMEM, "%s: cannot gather a tile", view->name);
	else
		rc = sc_gather_tile(layout, key->number, tile, sc_view_gather_read, &context, err);
	if (rc == 0)
		memcpy(buffer, tile + piece->tile_offset, piece->length);
	if (rc == 0 && !young)
		entry = sc_cache_put(reader->tiles, key, sc_steal_ptr(tile), layout->tile_bytes);
	else
		sc_cache_abandon(reader->tiles, key);
	if (entry)
		sc_cache_release(reader->tiles, entry);
	return rc;
}

static int read_gathered(struct sc_reader *reader, const struct sc_view *view, unsigned node,
			 const struct sc_piece *piece, uint8_t *buffer, struct sc_error *err)
{
	const struct sc_cache_key key = { view, node, piece->tile };
	struct sc_cache_entry *entry = sc_cache_claim(reader->tiles, &key);
	if (!entry)
		return make_tile(reader, view, &key, piece, buffer, err);
	memcpy(buffer, (const uint8_t *)entry->value + piece->tile_offset, piece->length);
	sc_cache_release(reader->tiles, entry);
	/* What was gathered before may be the bytes of a part that has changed since. */
	return check_tile(reader, view, node, piece->tile, err);
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

static int read_file(struct sc_reader *reader, const struct sc_view *view, unsigned node, uint64_t offset,
		     void *buffer, size_t count, struct sc_error *err)
{
	if (view->nodes[node].kind == SC_NODE_FILE)
		return read_slab(reader, view, node, 0, offset, buffer, count, err);
	return read_array(reader, view, node, offset, buffer, count, err);
}

/* --- reading ahead --- */

/* Whether all parts that a range's bytes come from are unchanged. */
static int check_range(struct sc_reader *reader, const struct sc_view *view, unsigned node, uint64_t offset,
		       uint64_t count)
{
	if (view->nodes[node].kind == SC_NODE_FILE)
		return check_slab(reader, view, node, 0, NULL);
	int rc = 0;
	while (rc == 0 && count > 0) {
		struct sc_piece piece;
		sc_layout_piece(view->nodes[node].layout, offset, count, &piece);
		if (piece.kind == SC_PIECE_RANGE)
			rc = check_slab(reader, view, node, piece.slab, NULL);
		else if (piece.kind == SC_PIECE_GATHER)
			rc = check_tile(reader, view, node, piece.tile, NULL);
		offset += piece.length;
		count -= piece.length;
	}
	return rc;
}

static int read_for_later(void *context, const struct sc_tracks_file *file, uint64_t offset, void *buffer,
			  size_t count)
{
	return is_young(file->view) ? -EAGAIN
				    : read_file(context, file->view, file->node, offset, buffer, count, NULL);
}

static int read_or_take(struct sc_reader *reader, const struct sc_view *view, unsigned node, uint64_t offset,
			uint8_t *buffer, size_t count, struct sc_error *err)
{
	const struct sc_tracks_file file = { view, node };
	uint64_t noted = sc_readahead_note(reader->ahead, &file, view->nodes[node].size_bytes, offset, count);
	size_t taken = sc_readahead_take(reader->ahead, &file, offset, buffer, count);
	/* If a part has changed since, reading it says so. */
	if (taken > 0 && check_range(reader, view, node, offset, taken) < 0)
		taken = 0;
	if (taken == count)
		return 0;
	const struct sc_stopwatch watch = sc_stopwatch_start();
	int rc = read_file(reader, view, node, offset + taken, buffer + taken, count - taken, err);
	sc_readahead_waited(reader->ahead, noted, count - taken, sc_stopwatch_waited_ns(&watch));
	return rc;
}

int sc_reader_read_ahead(struct sc_reader *reader, size_t bytes, bool always)
{
	assert(!reader->ahead);
	/* A thread holds a file while it reads, and demanded reads need files too. */
	size_t max_threads = reader->max_files / 4, nblocks = bytes / AHEAD_BLOCK_BYTES;
	const struct sc_readahead_options options = {
		.block_bytes = AHEAD_BLOCK_BYTES,
		.nblocks = nblocks < 2 ? 2 : nblocks,
		.max_threads = max_threads < 1 ? 1 : max_threads > AHEAD_THREADS ? AHEAD_THREADS : (unsigned)max_threads,
		.slow_ns = always ? -1 : AHEAD_SLOW_NS,
		.read = read_for_later,
		.context = reader,
	};
	reader->ahead = sc_readahead_new(&options);
	return reader->ahead ? 0 : -ENOMEM;
}

bool sc_reader_stop(struct sc_reader *reader, unsigned patience_ms)
{
	return !reader->ahead || sc_readahead_stop(reader->ahead, patience_ms);
}

ssize_t sc_view_read(struct sc_reader *reader, const struct sc_view *view, unsigned node, uint64_t offset, void *buffer,
		     size_t count, struct sc_error *err)
{
	const struct sc_node *file = &view->nodes[node];
	assert(node < view->nnodes && file->kind != SC_NODE_DIRECTORY);
	if (offset >= file->size_bytes || count == 0)
		return 0;
	if (count > file->size_bytes - offset)
		count = file->size_bytes - offset;
	if (file->kind == SC_NODE_BYTES) {
		memcpy(buffer, file->bytes + offset, count);
		return (ssize_t)count;
	}
	int rc = reader->ahead ? read_or_take(reader, view, node, offset, buffer, count, err)
			       : read_file(reader, view, node, offset, buffer, count, err);
	return rc < 0 ? rc : (ssize_t)count;
}
