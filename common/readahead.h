/*
 * readahead.h - reads of files that are likely to come, done before they are asked for.
 *
 * Each demanded read is told (sc_readahead_note). Where a reader goes steadily
 * and has to wait for the storage, threads read the next blocks of its way into
 * memory, many at once, and demanded reads take them from there.
 *
 *    demanded reads   . . . . .|>
 *    blocks                     [ready][ready][being read][being read][queued]
 *
 * Storage that answers from its cache is left alone: nothing is gained there.
 * Memory is bounded by blocks of one size, which are used again and again. A
 * demanded read never waits for a block that nobody is reading yet, and for one
 * that is being read no longer than a read of its own, begun later, would take.
 * An error makes a block vanish; the demanded read will meet it.
 *
 * Whoever takes bytes must make sure that they still are the file's. Thread-safe.
 */
#ifndef SC_READAHEAD_H
#define SC_READAHEAD_H

#include "tracks.h"

struct sc_readahead;

/* Reads exactly `count` bytes at `offset`, none behind the file's end. 0 or -errno. */
typedef int sc_readahead_read(void *context, const struct sc_tracks_file *file, uint64_t offset, void *buffer,
			      size_t count);

struct sc_readahead_options {
	size_t block_bytes, nblocks; /* at least 2 blocks; memory is the product */
	unsigned max_threads;        /* at least 1; they are started when there is something to do */
	int64_t slow_ns;             /* a read of one byte that takes longer has waited; negative: all have */
	sc_readahead_read *read;
	void *context;
};

/* NULL: out of memory. */
struct sc_readahead *sc_readahead_new(const struct sc_readahead_options *options);

/* Waits for the reads that are under way. */
void sc_readahead_free(struct sc_readahead *ahead);

/*
 * Begins no more reads, and waits for those that are under way, but not for
 * longer than that. Returns whether they have ended; else nothing that they use
 * may be freed.
 */
bool sc_readahead_stop(struct sc_readahead *ahead, unsigned patience_ms);

/*
 * A demanded read comes: starts reading ahead where that helps. Returns what
 * sc_readahead_waited is to be told.
 */
uint64_t sc_readahead_note(struct sc_readahead *ahead, const struct sc_tracks_file *file, uint64_t file_bytes,
			   uint64_t offset, size_t count);

/* The demanded read has waited so long for bytes that were not taken from here; 0: not at all. */
void sc_readahead_waited(struct sc_readahead *ahead, uint64_t noted, size_t count, int64_t waited_ns);

/* Copies bytes from `offset` on that are in memory or are being read; returns how many, up to `count`. */
size_t sc_readahead_take(struct sc_readahead *ahead, const struct sc_tracks_file *file, uint64_t offset, void *buffer,
			 size_t count);

/* Drops what belongs to a view, and waits for the reads of it that are under way. */
void sc_readahead_forget(struct sc_readahead *ahead, const void *view);

#endif
