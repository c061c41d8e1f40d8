#include "cache.h"

#include <assert.h>
#include <pthread.h>

#define BUCKET_BITS 12 /* caches hold some thousand entries */

/* Values that are being made at one time; whoever finds no place makes one that another may make too. */
#define NCLAIMS 128

struct sc_cache {
	pthread_mutex_t lock;
	size_t most, cost;
	void (*drop)(void *value);
	struct sc_cache_entry *newest, *oldest;
	pthread_cond_t claim_ended;
	unsigned nclaims;
	struct sc_cache_key claims[NCLAIMS];
	struct sc_cache_entry *buckets[1 << BUCKET_BITS];
};

struct sc_cache *sc_cache_new(size_t most, void (*drop)(void *value))
{
	struct sc_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return NULL;
	pthread_mutex_init(&cache->lock, NULL);
	pthread_cond_init(&cache->claim_ended, NULL);
	cache->most = most;
	cache->drop = drop;
	return cache;
}

static struct sc_cache_entry **bucket_of(struct sc_cache *cache, const struct sc_cache_key *key)
{
	/* Numbers are consecutive: multiply by 2^64 / golden ratio and keep the high bits. */
	uint64_t mixed = key->number ^ ((uint64_t)(uintptr_t)key->view << 7) ^ ((uint64_t)key->node << 56);
	return &cache->buckets[mixed * 0x9e3779b97f4a7c15u >> (64 - BUCKET_BITS)];
}

static bool same_key(const struct sc_cache_key *a, const struct sc_cache_key *b)
{
	return a->view == b->view && a->node == b->node && a->number == b->number;
}

static struct sc_cache_entry *find(struct sc_cache *cache, const struct sc_cache_key *key)
{
	struct sc_cache_entry *entry = *bucket_of(cache, key);
	while (entry && !same_key(&entry->key, key))
		entry = entry->next_in_bucket;
	return entry;
}

static void unlink_from_bucket(struct sc_cache *cache, struct sc_cache_entry *entry)
{
	struct sc_cache_entry **at = bucket_of(cache, &entry->key);
	while (*at != entry)
		at = &(*at)->next_in_bucket;
	*at = entry->next_in_bucket;
}

static void unlink_from_age(struct sc_cache *cache, struct sc_cache_entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void make_newest(struct sc_cache *cache, struct sc_cache_entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

/* The entry is in no list any more. */
static void destroy(struct sc_cache *cache, struct sc_cache_entry *entry)
{
	cache->cost -= entry->cost;
	cache->drop(entry->value);
	free(entry);
}

static void remove_entry(struct sc_cache *cache, struct sc_cache_entry *entry)
{
	unlink_from_bucket(cache, entry);
	unlink_from_age(cache, entry);
	destroy(cache, entry);
}

/* Drops the oldest entries that nobody holds until the cost is at most `most`. */
static bool shrink(struct sc_cache *cache, size_t most)
{
	bool any = false;
	for (struct sc_cache_entry *entry = cache->oldest, *newer; entry && cache->cost > most; entry = newer) {
		newer = entry->newer;
		if (entry->references == 0) {
			remove_entry(cache, entry);
			any = true;
		}
	}
	return any;
}

void sc_cache_free(struct sc_cache *cache)
{
	if (!cache)
		return;
	shrink(cache, 0);
	assert(!cache->oldest);
	pthread_mutex_destroy(&cache->lock);
	pthread_cond_destroy(&cache->claim_ended);
	free(cache);
}

/* The entry, held and the newest one now. */
static struct sc_cache_entry *hold(struct sc_cache *cache, const struct sc_cache_key *key)
{
	struct sc_cache_entry *entry = find(cache, key);
	if (entry) {
		entry->references++;
		unlink_from_age(cache, entry);
		make_newest(cache, entry);
	}
	return entry;
}

struct sc_cache_entry *sc_cache_get(struct sc_cache *cache, const struct sc_cache_key *key)
{
	pthread_mutex_lock(&cache->lock);
	struct sc_cache_entry *entry = hold(cache, key);
	pthread_mutex_unlock(&cache->lock);
	return entry;
}

/* The place of the key's claim, nclaims: there is none. */
static unsigned find_claim(const struct sc_cache *cache, const struct sc_cache_key *key)
{
	unsigned i = 0;
	while (i < cache->nclaims && !same_key(&cache->claims[i], key))
		i++;
	return i;
}

static void end_claim(struct sc_cache *cache, const struct sc_cache_key *key)
{
	unsigned i = find_claim(cache, key);
	if (i == cache->nclaims)
		return;
	cache->claims[i] = cache->claims[--cache->nclaims];
	pthread_cond_broadcast(&cache->claim_ended);
}

struct sc_cache_entry *sc_cache_claim(struct sc_cache *cache, const struct sc_cache_key *key)
{
	struct sc_cache_entry *entry;
	pthread_mutex_lock(&cache->lock);
	while (!(entry = hold(cache, key)) && find_claim(cache, key) < cache->nclaims)
		pthread_cond_wait(&cache->claim_ended, &cache->lock);
	if (!entry && cache->nclaims < NCLAIMS)
		cache->claims[cache->nclaims++] = *key;
	pthread_mutex_unlock(&cache->lock);
	return entry;
}

void sc_cache_abandon(struct sc_cache *cache, const struct sc_cache_key *key)
{
	pthread_mutex_lock(&cache->lock);
	end_claim(cache, key);
	pthread_mutex_unlock(&cache->lock);
}

struct sc_cache_entry *sc_cache_put(struct sc_cache *cache, const struct sc_cache_key *key, void *value, size_t cost)
{
	struct sc_cache_entry *added = calloc(1, sizeof(*added));
	pthread_mutex_lock(&cache->lock);
	struct sc_cache_entry *entry = find(cache, key);
	if (!entry && added) {
		entry = sc_steal_ptr(added);
		entry->value = sc_steal_ptr(value);
		entry->key = *key;
		entry->cost = cost;
		struct sc_cache_entry **bucket = bucket_of(cache, key);
		entry->next_in_bucket = *bucket;
		*bucket = entry;
		make_newest(cache, entry);
		cache->cost += cost;
	}
	if (entry) {
		entry->references++;
		shrink(cache, cache->most);
	}
	end_claim(cache, key);
	pthread_mutex_unlock(&cache->lock);
	free(added);
	if (value)
		cache->drop(value);
	return entry;
}

void sc_cache_release(struct sc_cache *cache, struct sc_cache_entry *entry)
{
	pthread_mutex_lock(&cache->lock);
	assert(entry->references > 0);
	if (--entry->references == 0) {
		if (entry->forgotten)
			destroy(cache, entry);
		else
			shrink(cache, cache->most);
	}
	pthread_mutex_unlock(&cache->lock);
}

bool sc_cache_shed(struct sc_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	bool any = shrink(cache, 0);
	pthread_mutex_unlock(&cache->lock);
	return any;
}

void sc_cache_forget(struct sc_cache *cache, const void *view)
{
	pthread_mutex_lock(&cache->lock);
	for (struct sc_cache_entry *entry = cache->oldest, *newer; entry; entry = newer) {
		newer = entry->newer;
		if (entry->key.view != view)
			continue;
		unlink_from_bucket(cache, entry);
		unlink_from_age(cache, entry);
		if (entry->references == 0)
			destroy(cache, entry);
		else
			entry->forgotten = true;
	}
	pthread_mutex_unlock(&cache->lock);
}
