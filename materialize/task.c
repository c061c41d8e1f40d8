#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "gather.h"
#include "ioutil.h"

/* Parts are read one after another, so few files are needed at a time. */
#define READER_FILES 32
/* The copier gathers boxes by itself and never asks the reader for single tiles. */
#define READER_CACHE_BYTES ((size_t)1 << 20)

/* A task while it is done. */
struct job {
	struct sc_copier *copier;
	const struct sc_plan_task *task;
	const struct sc_layout *layout;
	const struct sc_view *view;
	int fd;
	const char *label;
	struct sc_error *err;
};

/* A box of tiles. */
struct tiles {
	int64_t first[SC_MAXDIM], count[SC_MAXDIM];
};

int sc_copier_init(struct sc_copier *copier, struct sc_error *err)
{
	memset(copier, 0, sizeof(*copier));
	copier->box_limit = SC_PLAN_BOX_BYTES;
	copier->reader = sc_reader_new(READER_FILES, READER_CACHE_BYTES);
	copier->buffer = malloc(SC_COPIER_BUFFER_BYTES);
	if (!copier->reader || !copier->buffer) {
		sc_copier_clear(copier);
		return sc_error_errno(err, -ENOMEM, "cannot start a copying process");
	}
	return 0;
}

void sc_copier_clear(struct sc_copier *copier)
{
	if (copier->reader)
		sc_reader_free(copier->reader);
	free(copier->buffer);
	free(copier->box);
	free(copier->back);
	memset(copier, 0, sizeof(*copier));
}

/*
 * Runs: tiles of a box that are neighbours in the file. A run is whole along
 * the leading axes that the box spans; the axes behind them are stepped.
 */
struct runs {
	const struct sc_layout *layout;
	const struct tiles *box;
	int64_t chunk[SC_MAXDIM];
	uint64_t step, tiles_in_run;
};

static void runs_begin(struct runs *runs, const struct sc_layout *layout, const struct tiles *box)
{
	*runs = (struct runs){ .layout = layout, .box = box, .tiles_in_run = 1 };
	bool is_run = true;
	for (int i = 0; i < layout->ndim; i++) {
		runs->chunk[i] = is_run ? box->count[i] : 1;
		runs->tiles_in_run *= (uint64_t)runs->chunk[i];
		is_run = is_run && box->count[i] == layout->ntiles[i];
	}
}

/* Next run as tile numbers; false: no more. */
static bool runs_next(struct runs *runs, uint64_t *ret_tile, uint64_t *ret_ntiles)
{
	struct tiles at;
	const struct sc_layout *layout = runs->layout;
	if (!sc_plan_next_chunk(layout->ndim, runs->box->first, runs->box->count, runs->chunk, &runs->step, at.first,
				at.count))
		return false;
	uint64_t tile = 0;
	for (int i = layout->ndim - 1; i >= 0; i--)
		tile = tile * (uint64_t)layout->ntiles[i] + (uint64_t)at.first[i];
	*ret_tile = tile;
	*ret_ntiles = runs->tiles_in_run;
	return true;
}

/* Reads back what was written before. */
static int compare(const struct job *job, const uint8_t *bytes, size_t count, uint64_t offset)
{
	struct sc_copier *copier = job->copier;
	if (!copier->back)
		copier->back = malloc(SC_COPIER_BUFFER_BYTES);
	if (!copier->back)
		return sc_error_errno(job->err, -ENOMEM, "%s: cannot read it back", job->label);
	for (size_t done = 0; done < count;) {
		size_t some = count - done < SC_COPIER_BUFFER_BYTES ? count - done : SC_COPIER_BUFFER_BYTES;
		int rc = sc_io_pread_full(job->fd, copier->back, some, offset + done);
		if (rc < 0)
			return sc_error_errno(job->err, rc, "%s: cannot read it back", job->label);
		if (memcmp(copier->back, bytes + done, some) != 0)
			return sc_error_set(job->err, -EIO, "%s: read back, it is not what was written", job->label);
		done += some;
	}
	return 0;
}

/* Writes to the image, in whatever order, and counts it. */
static int put(const struct job *job, const void *bytes, size_t count, uint64_t offset)
{
	int rc = job->copier->compare ? compare(job, bytes, count, offset)
				      : sc_io_pwrite_full(job->fd, bytes, count, offset);
	if (rc < 0)
		return job->copier->compare ? rc : sc_error_errno(job->err, rc, "%s: cannot write", job->label);
	/* The disk begins at once: less is left for the sync at the end, and dirty pages do not pile up. */
	if (!job->copier->compare)
		sync_file_range(job->fd, (off_t)offset, (off_t)count, SYNC_FILE_RANGE_WRITE);
	return job->copier->advance ? job->copier->advance(job->copier->context, job->task->output, count) : 0;
}

static int stale(const struct job *job, size_t slab)
{
	return sc_error_set(job->err, -ESTALE, "%s changed while it was read", job->view->parts[slab].name);
}

static const struct sc_file_id *slab_id(const struct job *job, size_t slab)
{
	const struct sc_part *part = &job->view->parts[slab];
	return job->view->nodes[job->task->node].is_mask ? &part->mask_id : &part->pixels_id;
}

static int copy_between(const struct job *job, int from_fd, const struct sc_piece *piece)
{
	size_t slab = piece->slab;
	for (uint64_t done = 0; done < piece->length;) {
		size_t count = SC_COPIER_BUFFER_BYTES;
		if (piece->length - done < count)
			count = (size_t)(piece->length - done);
		int rc = sc_io_pread_full(from_fd, job->copier->buffer, count, piece->file_offset + done);
		if (rc < 0)
			return sc_error_errno(job->err, rc, "%s: cannot read", job->view->parts[slab].name);
		rc = put(job, job->copier->buffer, count, piece->offset + done);
		if (rc < 0)
			return rc;
		done += count;
	}
	/* Opened as the version the header was read from; read as that only if it still is. */
	struct stat st;
	if (fstat(from_fd, &st) < 0)
		return sc_error_errno(job->err, -errno, "%s: cannot read", job->view->parts[slab].name);
	struct sc_file_id id = sc_file_id_of(&st);
	return sc_file_id_equal(&id, slab_id(job, slab)) ? 0 : stale(job, slab);
}

static int copy_range(const struct job *job, const struct sc_piece *piece)
{
	struct sc_cache_entry *held;
	int from_fd;
	int rc =
	    sc_reader_get_file(job->copier->reader, job->view, job->task->node, piece->slab, &held, &from_fd, job->err);
	if (rc < 0)
		return rc;
	rc = copy_between(job, from_fd, piece);
	sc_reader_release_file(job->copier->reader, held);
	return rc;
}

static int fill(const struct job *job, const struct sc_piece *piece)
{
	size_t most = piece->length < SC_COPIER_BUFFER_BYTES ? (size_t)piece->length : SC_COPIER_BUFFER_BYTES;
	memset(job->copier->buffer, piece->fill, most);
	for (uint64_t done = 0; done < piece->length;) {
		size_t count = piece->length - done < most ? (size_t)(piece->length - done) : most;
		int rc = put(job, job->copier->buffer, count, piece->offset + done);
		if (rc < 0)
			return rc;
		done += count;
	}
	return 0;
}

/* Does what can be done without gathering in a box; tells whether there is more. */
static int copy_box(const struct job *job, const struct tiles *box, bool only_look, bool *ret_has_gather)
{
	struct runs runs;
	uint64_t tile, ntiles;
	bool has_gather = false;
	runs_begin(&runs, job->layout, box);
	while (runs_next(&runs, &tile, &ntiles)) {
		uint64_t offset = tile * job->layout->tile_bytes;
		uint64_t end = offset + ntiles * job->layout->tile_bytes;
		while (offset < end) {
			struct sc_piece piece;
			int rc = 0;
			sc_layout_piece(job->layout, offset, end - offset, &piece);
			if (piece.kind == SC_PIECE_GATHER)
				has_gather = true;
			else if (!only_look)
				rc = piece.kind == SC_PIECE_FILL ? fill(job, &piece) : copy_range(job, &piece);
			if (rc < 0)
				return rc;
			if (only_look && has_gather) {
				*ret_has_gather = true;
				return 0;
			}
			offset += piece.length;
		}
	}
	*ret_has_gather = has_gather;
	return 0;
}

static int grow_box(const struct job *job, size_t bytes)
{
	struct sc_copier *copier = job->copier;
	if (bytes <= copier->box_bytes)
		return 0;
	free(copier->box);
	copier->box_bytes = 0;
	copier->box = malloc(bytes);
	if (!copier->box)
		return sc_error_errno(job->err, -ENOMEM, "%s: cannot gather %zu bytes", job->label, bytes);
	copier->box_bytes = bytes;
	return 0;
}

/* The pixels of a box of tiles that are inside the array; returns the bytes they take when gathered. */
static size_t pixels_of(const struct sc_layout *layout, const struct tiles *box, int64_t *start, int64_t *count)
{
	size_t bytes = sc_gather_element_bytes(layout);
	for (int i = 0; i < layout->ndim; i++) {
		int64_t end = (box->first[i] + box->count[i]) * layout->tile[i];
		start[i] = box->first[i] * layout->tile[i];
		count[i] = (end < layout->shape[i] ? end : layout->shape[i]) - start[i];
		bytes *= (size_t)count[i];
	}
	return bytes;
}

/* Cut tiles that are neighbours in the file, on their way to one write. */
struct pending {
	uint64_t offset;
	size_t bytes;
};

static int flush(const struct job *job, struct pending *pending)
{
	int rc = pending->bytes ? put(job, job->copier->buffer, pending->bytes, pending->offset) : 0;
	pending->bytes = 0;
	return rc;
}

/* Cuts one tile out of the gathered box; a tile larger than the buffer is cut in memory of its own. */
static int cut_tile(const struct job *job, uint64_t tile, const int64_t *start, const int64_t *count,
		    struct pending *pending)
{
	const struct sc_layout *layout = job->layout;
	size_t bytes = (size_t)layout->tile_bytes;
	uint64_t offset = tile * layout->tile_bytes;
	int64_t indices[SC_MAXDIM];
	sc_layout_tile_indices(layout, tile, indices);
	if (bytes > SC_COPIER_BUFFER_BYTES) {
		sc_autofree uint8_t *large = malloc(bytes);
		if (!large)
			return sc_error_errno(job->err, -ENOMEM, "%s: cannot gather a tile", job->label);
		sc_gather_cut_tile(layout, indices, start, count, job->copier->box, large);
		return put(job, large, bytes, offset);
	}
	if (pending->bytes + bytes > SC_COPIER_BUFFER_BYTES || pending->offset + pending->bytes != offset) {
		int rc = flush(job, pending);
		if (rc < 0)
			return rc;
		pending->offset = offset;
	}
	sc_gather_cut_tile(layout, indices, start, count, job->copier->box, job->copier->buffer + pending->bytes);
	pending->bytes += bytes;
	return 0;
}

/* Gathers a box that fits into memory at once and writes those of its tiles that copy_box could not. */
static int gather_box(const struct job *job, const struct tiles *box)
{
	const struct sc_layout *layout = job->layout;
	struct sc_gather_context context = { job->copier->reader, job->view, job->task->node };
	int64_t start[SC_MAXDIM], count[SC_MAXDIM];
	int rc = grow_box(job, pixels_of(layout, box, start, count));
	if (rc == 0)
		rc = sc_gather_box(layout, start, count, job->copier->box, sc_view_gather_read, &context, job->err);
	if (rc < 0)
		return rc;
	struct runs runs;
	struct pending pending = { 0 };
	uint64_t first, ntiles;
	runs_begin(&runs, layout, box);
	while (runs_next(&runs, &first, &ntiles)) {
		for (uint64_t tile = first; tile < first + ntiles; tile++) {
			struct sc_piece piece;
			sc_layout_piece(layout, tile * layout->tile_bytes, layout->tile_bytes, &piece);
			if (piece.kind != SC_PIECE_GATHER)
				continue;
			rc = cut_tile(job, tile, start, count, &pending);
			if (rc < 0)
				return rc;
		}
	}
	return flush(job, &pending);
}

static int gather_in_chunks(const struct job *job, const struct tiles *box)
{
	const struct sc_layout *layout = job->layout;
	uint64_t tile_cost = sc_gather_element_bytes(layout);
	for (int i = 0; i < layout->ndim; i++)
		tile_cost *= (uint64_t)layout->tile[i];
	int64_t chunk[SC_MAXDIM];
	struct tiles part;
	uint64_t step = 0;
	sc_plan_split(layout, box->count, tile_cost, job->copier->box_limit, chunk);
	while (sc_plan_next_chunk(layout->ndim, box->first, box->count, chunk, &step, part.first, part.count)) {
		int rc = gather_box(job, &part);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/*
 * Neighbouring layers of one kind together: where parts begin inside of tiles,
 * few layers of a plain copy need gathering.
 */
static int run_layers(const struct job *job, const struct tiles *layers)
{
	bool has_gather;
	int rc = copy_box(job, layers, false, &has_gather);
	return rc == 0 && has_gather ? gather_in_chunks(job, layers) : rc;
}

int sc_task_run(struct sc_copier *copier, const struct sc_plan_task *task, const struct sc_view *view, int fd,
		const char *label, struct sc_error *err)
{
	const struct sc_layout *layout = task->layout;
	struct job job = { copier, task, layout, view, fd, label, err };
	struct tiles same;
	memcpy(same.first, task->first, sizeof(same.first));
	memcpy(same.count, task->count, sizeof(same.count));
	int axis = layout->axis;
	int64_t end = task->first[axis] + task->count[axis];
	bool kind = false;
	same.count[axis] = 0;
	for (int64_t layer = task->first[axis]; layer < end; layer++) {
		struct tiles one = same;
		bool has_gather;
		one.first[axis] = layer;
		one.count[axis] = 1;
		int rc = copy_box(&job, &one, true, &has_gather);
		if (rc == 0 && has_gather != kind && same.count[axis] > 0) {
			rc = run_layers(&job, &same);
			same.first[axis] = layer;
			same.count[axis] = 0;
		}
		if (rc < 0)
			return rc;
		kind = has_gather;
		same.count[axis]++;
	}
	return run_layers(&job, &same);
}

int sc_task_check_part(const struct sc_view *view, size_t i, struct sc_error *err)
{
	const struct sc_part *part = &view->parts[i];
	for (unsigned node = 0; node < view->nnodes; node++) {
		if (view->nodes[node].kind != SC_NODE_ARRAY)
			continue;
		const struct sc_layout *layout = view->nodes[node].layout;
		if (sc_storage_is_fill(layout->slabs[i].storage))
			continue;
		char path[PATH_MAX];
		const char *file = layout->storages[layout->slabs[i].storage].file;
		if (snprintf(path, sizeof(path), "%s%s%s", part->name, *file ? "/" : "", file) >= (int)sizeof(path))
			return sc_error_errno(err, -ENAMETOOLONG, "%s", part->name);
		struct stat st;
		if (fstatat(view->source->dirfd, path, &st, 0) < 0)
			return sc_error_errno(err, -errno, "%s", path);
		struct sc_file_id id = sc_file_id_of(&st);
		if (!sc_file_id_equal(&id, view->nodes[node].is_mask ? &part->mask_id : &part->pixels_id))
			return sc_error_set(err, -ESTALE, "%s changed while it was read", part->name);
	}
	return 0;
}

int sc_task_check_parts(const struct sc_view *view, struct sc_error *err)
{
	for (size_t i = 0; i < view->nparts; i++) {
		int rc = sc_task_check_part(view, i, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
