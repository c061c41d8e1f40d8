#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gather.h"
#include "ioutil.h"
#include "readback.h"

/* Parts are read one after another, so few files are needed at a time. */
#define READER_FILES 32
/* The copier gathers boxes by itself and never asks the reader for single tiles. */
#define READER_CACHE_BYTES ((size_t)1 << 20)

/* A box that the processor's caches hold is gathered and written in half the time of one of 64 MiB. */
#define BOX_BYTES (UINT64_C(6) << 20)

/* Of the next part, ahead of its turn. */
#define FETCH_BYTES (UINT64_C(4) << 20)

/* So many bytes in one go are worth telling the disk of; for fewer, that costs more than it gains. */
#define WRITEBACK_BYTES (UINT64_C(16) << 20)

/* A task while it is done. */
struct job {
	struct sc_copier *copier;
	const struct sc_plan_task *task;
	const struct sc_layout *layout;
	const struct sc_view *view;
	struct sc_clone_target to;
	const char *label;
	struct sc_error *err;
	uint64_t dirty_first, dirty_behind; /* written, and the disk not yet told of it */
};

/* A box of tiles. */
struct tiles {
	int64_t first[SC_MAXDIM], count[SC_MAXDIM];
};

int sc_copier_init(struct sc_copier *copier, uint64_t memory_bytes, enum sc_reflink reflink, struct sc_error *err)
{
	memset(copier, 0, sizeof(*copier));
	copier->cloner.reflink = reflink;
	copier->box_limit = memory_bytes < 2 * SC_COPIER_FIXED_BYTES ? SC_COPIER_FIXED_BYTES
								      : memory_bytes - SC_COPIER_FIXED_BYTES;
	copier->reader = sc_reader_new(READER_FILES, READER_CACHE_BYTES);
	copier->buffer = malloc(SC_COPIER_BUFFER_BYTES);
	copier->window = malloc(SC_GATHER_WINDOW_BYTES);
	if (!copier->reader || !copier->buffer || !copier->window) {
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
	free(copier->window);
	free(copier->box);
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
	int rc = sc_readback_compare(job->to.fd, bytes, count, offset);
	if (rc < 0)
		return sc_error_errno(job->err, rc, "%s: cannot read it back", job->label);
	return rc == 0 ? 0 : sc_error_set(job->err, -EIO, "%s: read back, it is not what was written", job->label);
}

/* The disk begins at once: less is left for the sync at the end, and dirty pages do not pile up. */
static void start_writeback(struct job *job)
{
	if (job->dirty_behind > job->dirty_first)
		sync_file_range(job->to.fd, (off_t)job->dirty_first, (off_t)(job->dirty_behind - job->dirty_first),
				SYNC_FILE_RANGE_WRITE);
	job->dirty_first = job->dirty_behind = 0;
}

static void add_dirty(struct job *job, uint64_t offset, uint64_t count)
{
	if (offset != job->dirty_behind) {
		start_writeback(job);
		job->dirty_first = offset;
	}
	job->dirty_behind = offset + count;
	if (job->dirty_behind - job->dirty_first >= WRITEBACK_BYTES)
		start_writeback(job);
}

static int advance(const struct job *job, uint64_t bytes)
{
	return job->copier->advance ? job->copier->advance(job->copier->context, job->task->output, bytes) : 0;
}

/* Writes to the image, in whatever order, and counts it. */
static int put(struct job *job, const void *bytes, size_t count, uint64_t offset)
{
	if (job->copier->compare) {
		int rc = compare(job, bytes, count, offset);
		return rc < 0 ? rc : advance(job, count);
	}
	int rc = sc_io_pwrite_full(job->to.fd, bytes, count, offset);
	if (rc < 0)
		return sc_error_errno(job->err, rc, "%s: cannot write", job->label);
	add_dirty(job, offset, count);
	return advance(job, count);
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

/* The bytes [first, behind) of a piece. */
static int copy_bytes(struct job *job, int from_fd, const struct sc_piece *piece, uint64_t first, uint64_t behind)
{
	for (uint64_t done = first; done < behind;) {
		size_t count = behind - done < SC_COPIER_BUFFER_BYTES ? (size_t)(behind - done) : SC_COPIER_BUFFER_BYTES;
		int rc = sc_io_pread_full(from_fd, job->copier->buffer, count, piece->file_offset + done);
		if (rc < 0)
			return sc_error_errno(job->err, rc, "%s: cannot read", job->view->parts[piece->slab].name);
		rc = put(job, job->copier->buffer, count, piece->offset + done);
		if (rc < 0)
			return rc;
		done += count;
	}
	return 0;
}

/* Clones what can be cloned; it is then in [*ret_first, *ret_behind). */
static int clone_bytes(struct job *job, int from_fd, const struct sc_piece *piece, uint64_t *ret_first,
		       uint64_t *ret_behind)
{
	int rc = sc_clone_range(&job->copier->cloner, from_fd, piece->file_offset, &job->to, piece->offset,
				piece->length, ret_first, ret_behind);
	if (rc < 0)
		return sc_error_errno(job->err, rc, "%s: cannot clone it into %s",
				      job->view->parts[piece->slab].name, job->label);
	return advance(job, *ret_behind - *ret_first);
}

/* The disk fetches what comes next while this is copied: the kernel's read-ahead ends with each part. */
static void fetch_next(const struct job *job, const struct sc_piece *piece)
{
	const struct sc_layout *layout = job->layout;
	size_t next = piece->slab + 1;
	struct sc_cache_entry *held;
	int fd;
	if (next == layout->nslabs || sc_storage_is_fill(layout->slabs[next].storage))
		return;
	/* What is wrong with it is told when it is its turn. */
	if (sc_reader_get_file(job->copier->reader, job->view, job->task->node, next, &held, &fd, NULL) < 0)
		return;
	uint64_t count = piece->length < FETCH_BYTES ? piece->length : FETCH_BYTES;
	posix_fadvise(fd, (off_t)layout->storages[layout->slabs[next].storage].offset_bytes, (off_t)count,
		      POSIX_FADV_WILLNEED);
	sc_reader_release_file(job->copier->reader, held);
}

static int copy_between(struct job *job, int from_fd, const struct sc_piece *piece)
{
	size_t slab = piece->slab;
	uint64_t first = 0, behind = 0;
	int rc = job->copier->compare ? 0 : clone_bytes(job, from_fd, piece, &first, &behind);
	if (rc == 0 && behind == 0)
		fetch_next(job, piece);
	if (rc == 0)
		rc = copy_bytes(job, from_fd, piece, 0, first);
	if (rc == 0)
		rc = copy_bytes(job, from_fd, piece, behind, piece->length);
	if (rc < 0)
		return rc;
	/* Opened as the version the header was read from; read as that only if it still is. */
	struct sc_file_id id;
	rc = sc_file_id_ask(from_fd, true, &id);
	if (rc < 0)
		return sc_error_errno(job->err, rc, "%s: cannot read", job->view->parts[slab].name);
	return sc_file_id_equal(&id, slab_id(job, slab)) ? 0 : stale(job, slab);
}

static int copy_range(struct job *job, const struct sc_piece *piece)
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

static int fill(struct job *job, const struct sc_piece *piece)
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
static int copy_box(struct job *job, const struct tiles *box, bool only_look, bool *ret_has_gather)
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

static int grow_box(const struct job *job, uint64_t bytes)
{
	struct sc_copier *copier = job->copier;
	if (bytes <= copier->box_bytes)
		return 0;
	free(copier->box);
	copier->box_bytes = 0;
	copier->box = malloc(bytes);
	if (!copier->box)
		return sc_error_errno(job->err, -ENOMEM, "%s: cannot gather %llu bytes", job->label,
				      (unsigned long long)bytes);
	copier->box_bytes = bytes;
	return 0;
}

/* Gathered tiles that are neighbours in the file, on their way to one write. */
struct pending {
	const uint8_t *bytes;
	uint64_t offset, count;
};

static int flush(struct job *job, struct pending *pending)
{
	int rc = pending->count ? put(job, pending->bytes, pending->count, pending->offset) : 0;
	pending->count = 0;
	return rc;
}

/* Gathers a box that fits into memory at once and writes those of its tiles that copy_box could not. */
static int gather_box(struct job *job, const struct tiles *box)
{
	const struct sc_layout *layout = job->layout;
	struct sc_copier *copier = job->copier;
	struct sc_gather_context context = { copier->reader, job->view, job->task->node };
	struct sc_gather_source source = { sc_view_gather_read, &context, copier->window, SC_GATHER_WINDOW_BYTES,
					   SC_GATHER_RUN_BYTES };
	uint64_t bytes = layout->tile_bytes;
	for (int i = 0; i < layout->ndim; i++)
		bytes *= (uint64_t)box->count[i];
	int rc = grow_box(job, bytes);
	if (rc == 0)
		rc = sc_gather_tiles(layout, box->first, box->count, copier->box, &source, job->err);
	if (rc < 0)
		return rc;
	struct runs runs;
	struct pending pending = { copier->box, 0, 0 };
	uint64_t tile, ntiles;
	const uint8_t *at = copier->box;
	runs_begin(&runs, layout, box);
	while (runs_next(&runs, &tile, &ntiles)) {
		for (uint64_t end = tile + ntiles; tile < end; tile++, at += layout->tile_bytes) {
			struct sc_piece piece;
			uint64_t offset = tile * layout->tile_bytes;
			sc_layout_piece(layout, offset, layout->tile_bytes, &piece);
			if (piece.kind != SC_PIECE_GATHER)
				continue;
			if (pending.offset + pending.count != offset || pending.bytes + pending.count != at) {
				rc = flush(job, &pending);
				if (rc < 0)
					return rc;
				pending = (struct pending){ at, offset, 0 };
			}
			pending.count += layout->tile_bytes;
		}
	}
	return flush(job, &pending);
}

static int gather_in_chunks(struct job *job, const struct tiles *box)
{
	const struct sc_layout *layout = job->layout;
	uint64_t limit = job->copier->box_limit, suitable = limit < BOX_BYTES ? limit : BOX_BYTES;
	int64_t chunk[SC_MAXDIM];
	struct tiles part;
	uint64_t step = 0;
	if (job->copier->cloner.reflink == SC_REFLINK_ALWAYS)
		return sc_error_set(job->err, -EINVAL, "%s: it cannot be cloned: its tiles are not the subcubes'",
				    job->label);
	if (layout->tile_bytes > limit)
		return sc_error_set(job->err, -ENOMEM,
				    "%s: its tiles are large: it needs --memory=%lluM, or smaller ones (--tiling)",
				    job->label,
				    (unsigned long long)((layout->tile_bytes + SC_COPIER_FIXED_BYTES) >> 20) + 1);
	sc_plan_split(layout, box->count, layout->tile_bytes, suitable, chunk);
	/* Not cut where lines would be. */
	if (chunk[0] < box->count[0] && layout->axis != 0)
		sc_plan_split(layout, box->count, layout->tile_bytes, limit, chunk);
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
static int run_layers(struct job *job, const struct tiles *layers)
{
	bool has_gather;
	int rc = copy_box(job, layers, false, &has_gather);
	return rc == 0 && has_gather ? gather_in_chunks(job, layers) : rc;
}

static int run_all_layers(struct job *job)
{
	struct tiles same;
	int axis = job->layout->axis;
	bool kind = false;
	memcpy(same.first, job->task->first, sizeof(same.first));
	memcpy(same.count, job->task->count, sizeof(same.count));
	int64_t end = same.first[axis] + same.count[axis];
	same.count[axis] = 0;
	for (int64_t layer = same.first[axis]; layer < end; layer++) {
		struct tiles one = same;
		bool has_gather;
		one.first[axis] = layer;
		one.count[axis] = 1;
		int rc = copy_box(job, &one, true, &has_gather);
		if (rc == 0 && has_gather != kind && same.count[axis] > 0) {
			rc = run_layers(job, &same);
			same.first[axis] = layer;
			same.count[axis] = 0;
		}
		if (rc < 0)
			return rc;
		kind = has_gather;
		same.count[axis]++;
	}
	return run_layers(job, &same);
}

int sc_task_run(struct sc_copier *copier, const struct sc_plan_task *task, const struct sc_view *view, int fd,
		const char *label, struct sc_error *err)
{
	struct job job = { .copier = copier, .task = task, .layout = task->layout, .view = view, .label = label,
			   .err = err };
	int rc = sc_clone_target_init(fd, &job.to);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot write", label);
	rc = run_all_layers(&job);
	start_writeback(&job);
	return rc;
}

bool sc_task_clones(const struct sc_view *view, unsigned node, int fd, enum sc_reflink reflink)
{
	const struct sc_layout *layout = view->nodes[node].layout;
	struct sc_copier copier = { .cloner = { .reflink = reflink }, .reader = sc_reader_new(1, 1) };
	struct sc_piece piece = { .kind = SC_PIECE_FILL };
	struct sc_clone_target to;
	struct sc_cache_entry *held;
	uint64_t first = 0, behind = 0;
	int from_fd;
	if (!copier.reader || sc_clone_target_init(fd, &to) < 0)
		reflink = SC_REFLINK_NEVER;
	for (uint64_t offset = 0; offset < layout->size_bytes && piece.kind == SC_PIECE_FILL; offset += piece.length)
		sc_layout_piece(layout, offset, layout->size_bytes - offset, &piece);
	if (reflink != SC_REFLINK_NEVER && piece.kind == SC_PIECE_RANGE &&
	    sc_reader_get_file(copier.reader, view, node, piece.slab, &held, &from_fd, NULL) == 0) {
		sc_clone_range(&copier.cloner, from_fd, piece.file_offset, &to, piece.offset, piece.length, &first,
			       &behind);
		sc_reader_release_file(copier.reader, held);
	}
	sc_reader_free(copier.reader);
	return behind > first;
}
