#include "tracks.h"

#include <assert.h>

/*
 * The kernel reads whole pages, so equal distances may seem to differ by one;
 * and by another one where they are predicted from the mean of a few.
 */
#define PAGE_BYTES 4096
#define SLACK_BYTES (2 * PAGE_BYTES)

/* How far out of order the requests of a sequence may come, in their own lengths. */
#define DISORDER_REQUESTS 3

/* A track is left when this many reads have gone elsewhere. */
#define LEFT_AFTER 64

/* Equal distances are looked for among the newest runs: with more, reads at random have some too. */
#define NCANDIDATES 16

#define JOINS_OF_A_SEQUENCE 2
#define RUNS_OF_A_STRIDE 3

/* Runs that a reader may leave out, because the kernel has their bytes already. */
#define LEFT_OUT_MAX 8

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

static bool has_habit(const struct sc_track *track)
{
	return track->nth >= RUNS_OF_A_STRIDE || (track->nth == 0 && track->joins >= JOINS_OF_A_SEQUENCE);
}

static bool is_of(const struct sc_track *track, const struct sc_tracks_file *file)
{
	return track->id != 0 && track->file.view == file->view && track->file.node == file->node;
}

/* Where run number `run` begins, from the mean distance so far; -1: before the file's beginning or beyond all files. */
static int64_t run_start(const struct sc_track *track, uint64_t run)
{
	if (track->nth == 0)
		return (int64_t)track->start;
	__int128 moved = (__int128)track->start - track->first;
	__int128 at = track->first + moved * (__int128)run / (__int128)track->nth;
	return at < 0 || at > INT64_MAX ? -1 : (int64_t)at;
}

/* --- noting --- */

static bool joins(const struct sc_track *track, uint64_t offset, uint64_t count)
{
	if (offset == track->end)
		return true;
	/* Requests that overtook others, or were overtaken. */
	return track->nth == 0 && has_habit(track) && distance(offset, track->end) / DISORDER_REQUESTS <= count;
}

static void join(struct sc_track *track, uint64_t end)
{
	track->joins++;
	if (end > track->end)
		track->end = end;
	uint64_t bytes = track->end - track->start;
	/* A run that goes on and on is a sequence, whatever was before. */
	if (track->nth > 0 && track->joins > JOINS_OF_A_SEQUENCE && bytes > 4 * track->length) {
		track->nth = 0;
		track->exact = true; /* it has no distances */
		track->ahead_run = 0;
		track->ahead_bytes = 0;
	}
}

/* The number of the run that begins at `offset` if it is one of the next; 0: it is none. */
static uint64_t next_run(const struct sc_track *track, uint64_t offset)
{
	if (track->nth == 0)
		return 0;
	/* While there is no habit yet, all must come: reads at random would often seem to leave some out. */
	uint64_t last = track->nth + 1 + (has_habit(track) ? LEFT_OUT_MAX : 0);
	uint64_t half = distance(track->start, track->first) / track->nth / 2;
	uint64_t slack = half < SLACK_BYTES ? half : SLACK_BYTES;
	for (uint64_t run = track->nth + 1; run <= last; run++) {
		int64_t at = run_start(track, run);
		if (at >= 0 && distance((uint64_t)at, offset) <= slack)
			return run;
	}
	return 0;
}

static void begin_run(struct sc_track *track, uint64_t run, uint64_t offset, uint64_t end)
{
	if (run_start(track, run) != (int64_t)offset)
		track->exact = false;
	track->length = track->end - track->start;
	track->start = offset;
	track->end = end;
	track->joins = 0;
	track->nth = run;
}

/* The newest tracks of a file that have no habit, newest first. */
static unsigned find_candidates(const struct sc_tracks *tracks, const struct sc_tracks_file *file,
				const struct sc_track *candidates[NCANDIDATES])
{
	unsigned count = 0;
	for (unsigned i = 0; i < SC_TRACKS_MAX; i++) {
		const struct sc_track *track = &tracks->tracks[i];
		if (!is_of(track, file) || has_habit(track))
			continue;
		unsigned at = count < NCANDIDATES ? count++ : NCANDIDATES;
		for (; at > 0 && candidates[at - 1]->used < track->used; at--) {
			if (at < NCANDIDATES)
				candidates[at] = candidates[at - 1];
		}
		if (at < NCANDIDATES)
			candidates[at] = track;
	}
	return count;
}

/*
 * Two runs that lie so that one at `offset` is the third at equal distances.
 * Of several such pairs the one with the largest distance: neighbouring pixels'
 * spectra, read at once, are equally far from each other as well.
 */
static bool find_equal_distances(const struct sc_tracks *tracks, const struct sc_tracks_file *file, uint64_t offset,
				 const struct sc_track **ret_first, const struct sc_track **ret_second)
{
	const struct sc_track *candidates[NCANDIDATES];
	unsigned count = find_candidates(tracks, file, candidates);
	uint64_t largest = PAGE_BYTES;
	for (unsigned i = 0; i < count; i++) {
		int64_t step = (int64_t)(offset - candidates[i]->start);
		if (distance(offset, candidates[i]->start) <= largest)
			continue;
		for (unsigned k = i + 1; k < count; k++) {
			int64_t before = (int64_t)(candidates[i]->start - candidates[k]->start);
			if (llabs(step - before) > PAGE_BYTES)
				continue;
			largest = (uint64_t)llabs(step);
			*ret_first = candidates[k];
			*ret_second = candidates[i];
			break;
		}
	}
	return largest > PAGE_BYTES;
}

/* The oldest without a habit, so that reads at random drive out no reader; without such a one the oldest. */
static struct sc_track *choose_victim(struct sc_tracks *tracks)
{
	struct sc_track *victim = NULL;
	for (unsigned i = 0; i < SC_TRACKS_MAX; i++) {
		struct sc_track *track = &tracks->tracks[i];
		if (track->id == 0)
			return track;
		bool keeps = sc_tracks_is_steady(tracks, track);
		bool victim_keeps = victim && sc_tracks_is_steady(tracks, victim);
		if (!victim || keeps < victim_keeps || (keeps == victim_keeps && track->used < victim->used))
			victim = track;
	}
	return victim;
}

static struct sc_track *begin_track(struct sc_tracks *tracks, const struct sc_tracks_file *file, uint64_t offset,
				    uint64_t end)
{
	struct sc_track *track = choose_victim(tracks);
	*track = (struct sc_track){
		.file = *file, .id = ++tracks->last_id, .start = offset, .end = end, .first = offset, .exact = true
	};
	return track;
}

/* The two runs stay: they may be another reader's. */
static struct sc_track *begin_stride(struct sc_tracks *tracks, const struct sc_track *first,
				     const struct sc_track *second, uint64_t offset, uint64_t end)
{
	struct sc_track seen = *second;
	seen.first = first->start;
	seen.nth = 1;
	begin_run(&seen, 2, offset, end);
	struct sc_track *track = begin_track(tracks, &seen.file, offset, end);
	seen.id = track->id;
	*track = seen;
	return track;
}

static struct sc_track *find_track(struct sc_tracks *tracks, const struct sc_tracks_file *file, uint64_t offset,
				   uint64_t count)
{
	uint64_t end = offset + count;
	for (unsigned i = 0; i < SC_TRACKS_MAX; i++) {
		struct sc_track *track = &tracks->tracks[i];
		if (is_of(track, file) && joins(track, offset, count)) {
			join(track, end);
			return track;
		}
	}
	for (unsigned i = 0; i < SC_TRACKS_MAX; i++) {
		struct sc_track *track = &tracks->tracks[i];
		uint64_t run = is_of(track, file) ? next_run(track, offset) : 0;
		if (run > 0) {
			begin_run(track, run, offset, end);
			return track;
		}
	}
	const struct sc_track *first, *second;
	if (find_equal_distances(tracks, file, offset, &first, &second))
		return begin_stride(tracks, first, second, offset, end);
	return begin_track(tracks, file, offset, end);
}

struct sc_track *sc_tracks_note(struct sc_tracks *tracks, const struct sc_tracks_file *file, uint64_t offset,
				uint64_t count)
{
	assert(count > 0 && offset <= INT64_MAX && count <= INT64_MAX - offset);
	tracks->clock++;
	struct sc_track *track = find_track(tracks, file, offset, count);
	track->used = tracks->clock;
	return track;
}

/* --- asking --- */

bool sc_tracks_is_steady(const struct sc_tracks *tracks, const struct sc_track *track)
{
	return track->id != 0 && has_habit(track) && tracks->clock - track->used <= LEFT_AFTER;
}

unsigned sc_tracks_count_steady(const struct sc_tracks *tracks)
{
	unsigned count = 0;
	for (unsigned i = 0; i < SC_TRACKS_MAX; i++)
		count += sc_tracks_is_steady(tracks, &tracks->tracks[i]);
	return count;
}

struct sc_track *sc_tracks_find(struct sc_tracks *tracks, uint64_t id)
{
	for (unsigned i = 0; i < SC_TRACKS_MAX; i++) {
		if (tracks->tracks[i].id == id)
			return &tracks->tracks[i];
	}
	return NULL;
}

void sc_tracks_forget(struct sc_tracks *tracks, const void *view)
{
	for (unsigned i = 0; i < SC_TRACKS_MAX; i++) {
		if (tracks->tracks[i].file.view == view)
			tracks->tracks[i].id = 0;
	}
}

/* --- predicting --- */

/* More on both sides where distances vary. */
static uint64_t run_bytes(const struct sc_track *track)
{
	uint64_t read = track->end - track->start;
	uint64_t bytes = read > track->length ? read : track->length;
	return track->exact ? bytes : bytes + 2 * SLACK_BYTES;
}

/* How many of the predicted bytes of this run have been read. */
static uint64_t bytes_behind(const struct sc_track *track)
{
	return track->end - track->start + (track->exact ? 0 : 2 * SLACK_BYTES);
}

/* What the reader has read already needs no prediction. */
static void catch_up(struct sc_track *track)
{
	uint64_t read = bytes_behind(track);
	if (track->ahead_run < track->nth || (track->ahead_run == track->nth && track->ahead_bytes < read)) {
		track->ahead_run = track->nth;
		track->ahead_bytes = read;
	}
}

uint64_t sc_track_ahead(const struct sc_track *track, uint64_t block_bytes)
{
	uint64_t read = bytes_behind(track);
	if (track->ahead_run < track->nth || (track->ahead_run == track->nth && track->ahead_bytes <= read))
		return 0;
	if (track->nth == 0)
		return (track->ahead_bytes - read - 1) / block_bytes + 1;
	uint64_t blocks_of_run = (run_bytes(track) - 1) / block_bytes + 1;
	uint64_t begun = (track->ahead_bytes + block_bytes - 1) / block_bytes;
	return (track->ahead_run - track->nth) * blocks_of_run + begun;
}

static bool predict_sequence(struct sc_track *track, uint64_t file_bytes, uint64_t block_bytes, uint64_t *ret_offset,
			     uint64_t *ret_count)
{
	uint64_t offset = track->start + track->ahead_bytes;
	if (offset >= file_bytes)
		return false;
	/* Blocks end at their multiples, so that two readers of one file share them. */
	uint64_t count = block_bytes - offset % block_bytes;
	if (count > file_bytes - offset)
		count = file_bytes - offset;
	track->ahead_bytes += count;
	*ret_offset = offset;
	*ret_count = count;
	return true;
}

static bool predict_stride(struct sc_track *track, uint64_t file_bytes, uint64_t block_bytes, uint64_t *ret_offset,
			   uint64_t *ret_count)
{
	uint64_t bytes = run_bytes(track);
	if (track->ahead_bytes >= bytes) {
		track->ahead_run++;
		track->ahead_bytes = 0;
	}
	int64_t start = run_start(track, track->ahead_run);
	if (start < 0)
		return false;
	uint64_t from = (uint64_t)start;
	if (!track->exact)
		from = from > SLACK_BYTES ? from - SLACK_BYTES : 0;
	if (from + track->ahead_bytes >= file_bytes)
		return false;
	uint64_t offset = from + track->ahead_bytes, count = bytes - track->ahead_bytes;
	if (count > block_bytes)
		count = block_bytes;
	track->ahead_bytes += count;
	*ret_offset = offset;
	*ret_count = count < file_bytes - offset ? count : file_bytes - offset;
	return true;
}

bool sc_track_predict(struct sc_track *track, uint64_t file_bytes, uint64_t block_bytes, uint64_t *ret_offset,
		      uint64_t *ret_count)
{
	catch_up(track);
	if (track->nth == 0)
		return predict_sequence(track, file_bytes, block_bytes, ret_offset, ret_count);
	return predict_stride(track, file_bytes, block_bytes, ret_offset, ret_count);
}
