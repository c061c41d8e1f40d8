/*
 * cache.h - a bounded, shared, least-recently-used cache of values that are in use or may be dropped.
 *
 * A value is found by the view and node it belongs to and a number. Whoever
 * gets an entry holds a reference; only entries that nobody holds are dropped,
 * so the bound may be exceeded while more are held. Thread-safe.
 *
 * A value that takes long to make is made by one thread: sc_cache_claim tells
 * one to make it, and has all others wait until that one puts or abandons it.
 */
#ifndef SC_CACHE_H
#define SC_CACHE_H

#include "base.h"

struct sc_cache;

struct sc_cache_key {
	const void *view;
	unsigned node;
	uint64_t number;
};

struct sc_cache_entry {
	void *value; /* set by sc_cache_put, constant after */
	/* The cache's own. */
	struct sc_cache_key key;
	size_t cost;
	unsigned references;
	bool forgotten; /* no longer found; dropped with its last reference */
	struct sc_cache_entry *next_in_bucket, *newer, *older;
};

/* `most` is the bound on the sum of costs; `drop` frees a value. NULL: out of memory. */
struct sc_cache *sc_cache_new(size_t most, void (*drop)(void *value));
void sc_cache_free(struct sc_cache *cache); /* no entry may be held */

/* NULL: not there. */
struct sc_cache_entry *sc_cache_get(struct sc_cache *cache, const struct sc_cache_key *key);

/*
 * Like sc_cache_get, but waits for a thread that makes the value. NULL: make
 * it, and then put or abandon it.
 */
struct sc_cache_entry *sc_cache_claim(struct sc_cache *cache, const struct sc_cache_key *key);
void sc_cache_abandon(struct sc_cache *cache, const struct sc_cache_key *key);

/*
 * Adds a value and returns its entry, held. When another thread was first, its
 * entry is returned and `value` is dropped. NULL: out of memory; `value` is dropped.
 */
struct sc_cache_entry *sc_cache_put(struct sc_cache *cache, const struct sc_cache_key *key, void *value, size_t cost);
void sc_cache_release(struct sc_cache *cache, struct sc_cache_entry *entry);

/* Drops all entries that nobody holds; returns whether there were any. */
bool sc_cache_shed(struct sc_cache *cache);

/* No entry of the view is found any more. */
void sc_cache_forget(struct sc_cache *cache, const void *view);

#endif
