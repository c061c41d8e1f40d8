/*
 * tracks.h - where in a file its readers will read next, told from where they read.
 *
 * A track is one reader's way: a run of bytes read one after another, or equal
 * runs at equal distances, as a spectrum is read from a cube. Several readers of
 * one file have a track each; what fits none begins a new one, the oldest goes.
 *
 *   a sequence   |====|====|====> ...          read 3 times in a row
 *   a stride     |=|    |=|    |=|    |=| ...  the 4th at an equal distance
 *
 * The kernel asks for whole pages, so distances may vary by a page. Requests of
 * one reader may arrive out of order. Pure: no reads, no threads, no clock.
 */
#ifndef SC_TRACKS_H
#define SC_TRACKS_H

#include "base.h"

struct sc_tracks_file {
	const void *view;
	unsigned node;
};

struct sc_track {
	/* Set by sc_tracks_note. */
	struct sc_tracks_file file;
	uint64_t id;         /* never used again */
	uint64_t used;       /* when, in reads noted */
	uint64_t start, end; /* of the run that is being read */
	unsigned joins;      /* reads that began where the run ended */
	uint64_t first;      /* where the first run began */
	uint64_t nth;        /* number of this run, the first is 0; a sequence has only that */
	uint64_t length;     /* of a whole run */
	bool exact;          /* the distances have been equal to the byte */
	/* How far it has been predicted: so many bytes of that run. */
	uint64_t ahead_run, ahead_bytes;
	/* For the user of the track; 0 at first. */
	unsigned window, slow;
};

#define SC_TRACKS_MAX 32

struct sc_tracks {
	uint64_t clock, last_id;
	struct sc_track tracks[SC_TRACKS_MAX]; /* id 0: free */
};

/* Notes a read of `count` bytes, at least one, and returns its track, which is valid until the next note. */
struct sc_track *sc_tracks_note(struct sc_tracks *tracks, const struct sc_tracks_file *file, uint64_t offset,
				uint64_t count);

/* Whether the reader has shown a habit, and has not left it for other reads since. */
bool sc_tracks_is_steady(const struct sc_tracks *tracks, const struct sc_track *track);

/* The steady tracks, of all files. */
unsigned sc_tracks_count_steady(const struct sc_tracks *tracks);

/* NULL: it is gone. */
struct sc_track *sc_tracks_find(struct sc_tracks *tracks, uint64_t id);

/* Drops the tracks of all files of a view. */
void sc_tracks_forget(struct sc_tracks *tracks, const void *view);

/* How many blocks of `block_bytes` at most have been predicted that are yet to be read. */
uint64_t sc_track_ahead(const struct sc_track *track, uint64_t block_bytes);

/*
 * Predicts the next bytes that a steady track reads, at most `block_bytes`, and
 * moves on. False: none before the end of the file.
 */
bool sc_track_predict(struct sc_track *track, uint64_t file_bytes, uint64_t block_bytes, uint64_t *ret_offset,
		      uint64_t *ret_count);

#endif
