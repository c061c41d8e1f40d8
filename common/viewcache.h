/*
 * viewcache.h - a directory of files that hold what was costly to make, by key. Knows nothing of views.
 *
 *   file    = magic "SCVIEW" u16 format  XXH3_128 of the rest  u64 key length  key  payload     big-endian
 *   name    = XXH3_128 of the key, in hexadecimal, and ".view"
 *
 * A file is believed when its magic, its checksum and its whole key are right and
 * it belongs to the user who runs the program; else it is as if it were not there. It is written under
 * another name and renamed, so readers and writers on any number of hosts need no locks.
 * What was not used for the longest time goes when all files together are larger than max_bytes.
 *
 * Nothing here is an error to the user: a directory that cannot be made or
 * written is told once in the log, at level info. Thread-safe.
 */
#ifndef SC_VIEWCACHE_H
#define SC_VIEWCACHE_H

#include "base.h"

#include <stdatomic.h>

#define SC_VIEWCACHE_BYTES ((uint64_t)512 << 20)

struct sc_viewcache {
	char *path;
	int dirfd;     /* -1: there is no directory to use */
	char *problem; /* why, NULL otherwise */
	atomic_bool told;
	uint64_t max_bytes;
	int64_t settle_ns; /* for whoever makes the payloads; may be set before first use, as may max_bytes */
};

/*
 * `directory` is made when it is not there; NULL: $XDG_CACHE_HOME/subcubefs, else ~/.cache/subcubefs.
 * Only a directory of the user's own that no one else can write is used. NULL: out of memory.
 */
struct sc_viewcache *sc_viewcache_open(const char *directory);
void sc_viewcache_close(struct sc_viewcache *cache);

/* The payload in memory of its own; the caller frees *ret_data, in which it is *ret_payload. -ENOENT: none to believe. */
int sc_viewcache_get(struct sc_viewcache *cache, const void *key, size_t key_size, uint8_t **ret_data,
		     const uint8_t **ret_payload, size_t *ret_size);

/* Keeps a payload, in place of one that is there. */
void sc_viewcache_put(struct sc_viewcache *cache, const void *key, size_t key_size, const void *payload, size_t size);

#endif
