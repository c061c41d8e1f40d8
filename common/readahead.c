#include "readahead.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "stopwatch.h"

/* Memory copies at least so fast: a longer time for a read is the storage's. */
#define FAST_BYTES_PER_NS 2

/* So many reads of a track without a wait show that the storage answers from its cache. */
#define SLOW_LASTS 16

#define FIRST_WINDOW 4

/* A thread needs little: a read of a view calls no deeper than a demanded one. */
#define STACK_BYTES ((size_t)256 << 10)

enum block_state { FREE, QUEUED, READING, READY };

struct block {
	enum block_state state;
	struct sc_tracks_file file;
	uint64_t offset;
	size_t count;
	uint64_t track;   /* id of that which wanted it */
	uint64_t serial;  /* the lowest was queued first */
	unsigned holders; /* that copy from it, or wait for it */
	bool forgotten;   /* while it was being read */
	uint8_t *data;    /* allocated at first use, kept */
};

struct sc_readahead {
	struct sc_readahead_options options;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work, done;
	struct sc_tracks tracks;
	struct block *blocks;
	size_t nused, nqueued, nreading; /* blocks that are not free; in these states */
	uint64_t last_serial;
	unsigned nthreads, nidle;
	bool stopping;
	pthread_t threads[];
};

static bool same_file(const struct sc_tracks_file *a, const struct sc_tracks_file *b)
{
	return a->view == b->view && a->node == b->node;
}

struct sc_readahead *sc_readahead_new(const struct sc_readahead_options *options)
{
	assert(options->nblocks >= 2 && options->block_bytes > 0 && options->max_threads > 0);
	struct sc_readahead *ahead = calloc(1, sizeof(*ahead) + options->max_threads * sizeof(ahead->threads[0]));
	if (!ahead)
		return NULL;
	ahead->options = *options;
	ahead->blocks = calloc(options->nblocks, sizeof(*ahead->blocks));
	if (!ahead->blocks) {
		free(ahead);
		return NULL;
	}
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->work, NULL);
	pthread_cond_init(&ahead->done, NULL);
	return ahead;
}

bool sc_readahead_stop(struct sc_readahead *ahead, unsigned patience_ms)
{
	int64_t end_ns = sc_clock_ns(CLOCK_MONOTONIC) + (int64_t)patience_ms * 1000000;
	const struct timespec end = { .tv_sec = end_ns / 1000000000, .tv_nsec = end_ns % 1000000000 };
	int rc = 0;
	pthread_mutex_lock(&ahead->lock);
	ahead->stopping = true;
	pthread_cond_broadcast(&ahead->work);
	while (ahead->nreading > 0 && rc == 0)
		rc = pthread_cond_clockwait(&ahead->done, &ahead->lock, CLOCK_MONOTONIC, &end);
	bool ended = ahead->nreading == 0;
	pthread_mutex_unlock(&ahead->lock);
	return ended;
}

void sc_readahead_free(struct sc_readahead *ahead)
{
	if (!ahead)
		return;
	sc_readahead_stop(ahead, 0);
	for (unsigned i = 0; i < ahead->nthreads; i++)
		pthread_join(ahead->threads[i], NULL);
	for (size_t i = 0; i < ahead->options.nblocks; i++)
		free(ahead->blocks[i].data);
	free(ahead->blocks);
	pthread_mutex_destroy(&ahead->lock);
	pthread_cond_destroy(&ahead->work);
	pthread_cond_destroy(&ahead->done);
	free(ahead);
}

/* --- blocks; the lock is held --- */

static void set_state(struct sc_readahead *ahead, struct block *block, enum block_state state)
{
	ahead->nused += (state != FREE) - (block->state != FREE);
	ahead->nqueued += (state == QUEUED) - (block->state == QUEUED);
	ahead->nreading += (state == READING) - (block->state == READING);
	block->state = state;
}

static struct block *find_block(struct sc_readahead *ahead, const struct sc_tracks_file *file, uint64_t offset)
{
	if (ahead->nused == 0)
		return NULL;
	for (size_t i = 0; i < ahead->options.nblocks; i++) {
		struct block *block = &ahead->blocks[i];
		if (block->state != FREE && offset - block->offset < block->count && same_file(&block->file, file))
			return block;
	}
	return NULL;
}

/*
 * The block to use next: a free one, else the one that was queued first, if it
 * is ready. No track may have more than half of all ahead of it, so that one
 * has been read, or is of a reader who left. NULL: all that came first are busy.
 */
static struct block *choose_block(struct sc_readahead *ahead)
{
	struct block *oldest = NULL;
	for (size_t i = 0; i < ahead->options.nblocks; i++) {
		struct block *block = &ahead->blocks[i];
		if (block->holders > 0)
			continue;
		if (block->state == FREE)
			return block;
		if (!oldest || block->serial < oldest->serial)
			oldest = block;
	}
	return oldest && oldest->state == READY ? oldest : NULL;
}

static struct block *next_queued(struct sc_readahead *ahead)
{
	struct block *first = NULL;
	for (size_t i = 0; ahead->nqueued > 0 && i < ahead->options.nblocks; i++) {
		struct block *block = &ahead->blocks[i];
		if (block->state == QUEUED && (!first || block->serial < first->serial))
			first = block;
	}
	return first;
}

/* --- the threads --- */

static void judge_speed(const struct sc_readahead *ahead, struct sc_track *track, size_t count, int64_t waited_ns)
{
	if (!track)
		return;
	int64_t slow_ns = ahead->options.slow_ns;
	if (slow_ns < 0 || waited_ns > slow_ns + (int64_t)(count / FAST_BYTES_PER_NS))
		track->slow = SLOW_LASTS;
	else if (track->slow > 0)
		track->slow--;
}

/* Reads without the lock. */
static void read_block(struct sc_readahead *ahead, struct block *block)
{
	const struct sc_readahead_options *options = &ahead->options;
	set_state(ahead, block, READING);
	pthread_mutex_unlock(&ahead->lock);
	if (!block->data)
		block->data = malloc(options->block_bytes);
	const struct sc_stopwatch watch = sc_stopwatch_start();
	int rc = -1;
	if (block->data)
		rc = options->read(options->context, &block->file, block->offset, block->data, block->count);
	int64_t waited_ns = sc_stopwatch_waited_ns(&watch);
	pthread_mutex_lock(&ahead->lock);
	judge_speed(ahead, sc_tracks_find(&ahead->tracks, block->track), block->count, waited_ns);
	set_state(ahead, block, rc < 0 || block->forgotten ? FREE : READY);
	pthread_cond_broadcast(&ahead->done);
}

/* What a reader who left has not begun to get is not read. */
static bool is_wanted(struct sc_readahead *ahead, const struct block *block)
{
	const struct sc_track *track = sc_tracks_find(&ahead->tracks, block->track);
	return track && sc_tracks_is_steady(&ahead->tracks, track);
}

static void *work(void *argument)
{
	struct sc_readahead *ahead = argument;
	pthread_mutex_lock(&ahead->lock);
	while (!ahead->stopping) {
		struct block *block = next_queued(ahead);
		if (!block) {
			ahead->nidle++;
			pthread_cond_wait(&ahead->work, &ahead->lock);
			ahead->nidle--;
		} else if (is_wanted(ahead, block)) {
			read_block(ahead, block);
		} else {
			set_state(ahead, block, FREE);
		}
	}
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

/* Without a thread nothing is read ahead: demanded reads take their blocks off the queue. */
static void start_thread(struct sc_readahead *ahead)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&ahead->threads[ahead->nthreads], &attributes, work, ahead) == 0)
		ahead->nthreads++;
	pthread_attr_destroy(&attributes);
}

static void wake_threads(struct sc_readahead *ahead, size_t queued)
{
	for (; queued > ahead->nidle && ahead->nthreads < ahead->options.max_threads; queued--)
		start_thread(ahead);
	for (; queued > 0; queued--)
		pthread_cond_signal(&ahead->work);
}

/* --- demanded reads --- */

/* Doubles with each read, up to the track's share of half of the blocks. */
static unsigned grow_window(const struct sc_readahead *ahead, const struct sc_track *track)
{
	unsigned steady = sc_tracks_count_steady(&ahead->tracks);
	size_t share = ahead->options.nblocks / 2 / (steady ? steady : 1);
	size_t wanted = track->window ? 2 * (size_t)track->window : FIRST_WINDOW;
	return (unsigned)(share < 1 ? 1 : wanted < share ? wanted : share);
}

static size_t queue_blocks(struct sc_readahead *ahead, struct sc_track *track, uint64_t file_bytes)
{
	size_t block_bytes = ahead->options.block_bytes, queued = 0;
	uint64_t offset, count;
	while (sc_track_ahead(track, block_bytes) < track->window) {
		struct block *block = choose_block(ahead);
		if (!block || !sc_track_predict(track, file_bytes, block_bytes, &offset, &count))
			break;
		const struct block *there = find_block(ahead, &track->file, offset);
		if (there && there->offset + there->count >= offset + count)
			continue;
		block->file = track->file;
		block->offset = offset;
		block->count = count;
		block->track = track->id;
		block->serial = ++ahead->last_serial;
		block->forgotten = false;
		set_state(ahead, block, QUEUED);
		queued++;
	}
	return queued;
}

uint64_t sc_readahead_note(struct sc_readahead *ahead, const struct sc_tracks_file *file, uint64_t file_bytes,
			   uint64_t offset, size_t count)
{
	pthread_mutex_lock(&ahead->lock);
	struct sc_track *track = sc_tracks_note(&ahead->tracks, file, offset, count);
	uint64_t id = track->id;
	if (track->slow > 0 && sc_tracks_is_steady(&ahead->tracks, track)) {
		track->window = grow_window(ahead, track);
		/* A quarter at a time, so that threads have more than one block to read when they wake up. */
		if (sc_track_ahead(track, ahead->options.block_bytes) * 4 <= (uint64_t)track->window * 3)
			wake_threads(ahead, queue_blocks(ahead, track, file_bytes));
	}
	pthread_mutex_unlock(&ahead->lock);
	return id;
}

void sc_readahead_waited(struct sc_readahead *ahead, uint64_t noted, size_t count, int64_t waited_ns)
{
	pthread_mutex_lock(&ahead->lock);
	judge_speed(ahead, sc_tracks_find(&ahead->tracks, noted), count, waited_ns);
	pthread_mutex_unlock(&ahead->lock);
}

/* Copies from the block that holds `offset`, without the lock meanwhile; 0: there is none. */
static size_t take_from_block(struct sc_readahead *ahead, const struct sc_tracks_file *file, uint64_t offset,
			      uint8_t *buffer, size_t count)
{
	struct block *block = find_block(ahead, file, offset);
	if (!block)
		return 0;
	if (block->state == QUEUED) {
		set_state(ahead, block, FREE);
		return 0;
	}
	block->holders++;
	while (block->state == READING)
		pthread_cond_wait(&ahead->done, &ahead->lock);
	size_t taken = 0;
	if (block->state == READY) {
		size_t from = (size_t)(offset - block->offset);
		taken = block->count - from < count ? block->count - from : count;
		pthread_mutex_unlock(&ahead->lock);
		memcpy(buffer, block->data + from, taken);
		pthread_mutex_lock(&ahead->lock);
		/* Whoever goes steadily does not come back. */
		if (from + taken == block->count)
			set_state(ahead, block, FREE);
	}
	block->holders--;
	return taken;
}

size_t sc_readahead_take(struct sc_readahead *ahead, const struct sc_tracks_file *file, uint64_t offset, void *buffer,
			 size_t count)
{
	size_t taken = 0;
	pthread_mutex_lock(&ahead->lock);
	while (taken < count) {
		size_t more =
		    take_from_block(ahead, file, offset + taken, (uint8_t *)buffer + taken, count - taken);
		if (more == 0)
			break;
		taken += more;
	}
	pthread_mutex_unlock(&ahead->lock);
	return taken;
}

void sc_readahead_forget(struct sc_readahead *ahead, const void *view)
{
	pthread_mutex_lock(&ahead->lock);
	sc_tracks_forget(&ahead->tracks, view);
	for (size_t i = 0; i < ahead->options.nblocks; i++) {
		struct block *block = &ahead->blocks[i];
		if (block->state == FREE || block->file.view != view)
			continue;
		block->forgotten = true;
		while (block->state == READING && block->forgotten)
			pthread_cond_wait(&ahead->done, &ahead->lock);
		if (block->state != FREE && block->forgotten)
			set_state(ahead, block, FREE);
	}
	pthread_mutex_unlock(&ahead->lock);
}
