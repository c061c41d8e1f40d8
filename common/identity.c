#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <xxhash.h>

#include "clock.h"
#include "ioutil.h"

/* Since 1970; a clock that is centuries off is cut to what fits. */
static int64_t nanoseconds(const struct timespec *time)
{
	int64_t ns;
	if (__builtin_mul_overflow(time->tv_sec, INT64_C(1000000000), &ns) ||
	    __builtin_add_overflow(ns, time->tv_nsec, &ns))
		return time->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static int look(int dirfd, const char *path, int flags, struct sc_file_id *ret_id)
{
	struct statx stx;
	if (statx(dirfd, path, flags, STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	*ret_id = sc_file_id_of_statx(&stx);
	return 0;
}

int sc_file_id_ask(int fd, bool ask, struct sc_file_id *ret_id)
{
	return look(fd, "", AT_EMPTY_PATH | (ask ? AT_STATX_FORCE_SYNC : 0), ret_id);
}

int sc_file_id_ask_at(int dirfd, const char *path, int flags, struct sc_file_id *ret_id)
{
	return look(dirfd, path, flags | AT_STATX_FORCE_SYNC, ret_id);
}

struct sc_file_id sc_file_id_of_statx(const struct statx *stx)
{
	const struct stat st = {
		.st_ino = stx->stx_ino,
		.st_size = (off_t)stx->stx_size,
		.st_mtim = { stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec },
		.st_ctim = { stx->stx_ctime.tv_sec, stx->stx_ctime.tv_nsec },
	};
	return sc_file_id_of(&st);
}

struct sc_file_id sc_file_id_of(const struct stat *st)
{
	return (struct sc_file_id){
		.inode = st->st_ino,
		.size_bytes = (uint64_t)st->st_size,
		.mtime_ns = nanoseconds(&st->st_mtim),
		.ctime_ns = nanoseconds(&st->st_ctim),
	};
}

bool sc_file_id_equal(const struct sc_file_id *a, const struct sc_file_id *b)
{
	return a->inode == b->inode && a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns;
}

int64_t sc_identity_settled_ns(void)
{
	return sc_clock_ns(CLOCK_REALTIME) - SC_IDENTITY_SETTLE_NS;
}

/* What came before is hashed along, so that order counts. */
static void chain(struct sc_identity *identity, const void *bytes, size_t size)
{
	XXH128_hash_t added = XXH3_128bits(bytes, size);
	const uint64_t words[] = { identity->hash[0], identity->hash[1], added.low64, added.high64 };
	XXH128_hash_t hash = XXH3_128bits(words, sizeof(words));
	identity->hash[0] = hash.low64;
	identity->hash[1] = hash.high64;
}

void sc_identity_add(struct sc_identity *identity, const struct sc_file_id *id)
{
	const uint64_t words[] = { id->inode, id->size_bytes, (uint64_t)id->mtime_ns, (uint64_t)id->ctime_ns };
	chain(identity, words, sizeof(words));
	if (id->mtime_ns > identity->newest_ns)
		identity->newest_ns = id->mtime_ns;
	if (id->ctime_ns > identity->newest_ns)
		identity->newest_ns = id->ctime_ns;
}

void sc_identity_add_name(struct sc_identity *identity, const char *name)
{
	chain(identity, name, strlen(name));
}

void sc_identity_merge(struct sc_identity *identity, const struct sc_identity *other)
{
	chain(identity, other->hash, sizeof(other->hash));
	if (other->newest_ns > identity->newest_ns)
		identity->newest_ns = other->newest_ns;
}

/* Deeper than any image; what is deeper is no image's. */
#define MAX_DEPTH 16

static int add_below(struct sc_identity *identity, int dirfd_, const char *path, const char *without, int depth)
{
	sc_autoionames struct sc_io_names names = { 0 };
	sc_autoclosedir DIR *dir = NULL;
	int rc = depth > MAX_DEPTH ? -ELOOP : sc_io_open_directory(dirfd_, path, O_NOFOLLOW, &dir);
	if (rc == 0)
		rc = sc_io_names_add(&names, dir);
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		struct statx stx;
		if (strcmp(names.items[i], without) == 0)
			continue;
		if (statx(dirfd(dir), names.items[i], AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS,
			  &stx) < 0)
			return -errno;
		struct sc_file_id id = sc_file_id_of_statx(&stx);
		if (S_ISDIR(stx.stx_mode))
			id = (struct sc_file_id){ .inode = stx.stx_ino, .size_bytes = stx.stx_mode,
						  .mtime_ns = stx.stx_uid, .ctime_ns = stx.stx_gid };
		sc_identity_add_name(identity, names.items[i]);
		sc_identity_add(identity, &id);
		if (S_ISDIR(stx.stx_mode))
			rc = add_below(identity, dirfd(dir), names.items[i], without, depth + 1);
	}
	return rc;
}

int sc_identity_add_tree(struct sc_identity *identity, int dirfd_, const char *path, const char *without)
{
	return add_below(identity, dirfd_, path, without, 0);
}
