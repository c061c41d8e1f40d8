/*
 * identity.h - what tells one version of a file, and of a set of files, from another.
 *
 * An identity is a hash over the identities of files in a fixed order; with it
 * goes the time at which one of them changed last. A file that changed just before it
 * was looked at may change again without its times telling.
 */
#ifndef SC_IDENTITY_H
#define SC_IDENTITY_H

#include "base.h"

#include <sys/stat.h>

/* Within this time after a change another one may leave the same times behind: git's rule. */
#define SC_IDENTITY_SETTLE_NS INT64_C(2000000000)

/* So long ago: what changed later may change again without a trace in its times. */
int64_t sc_identity_settled_ns(void);

/* Device numbers differ between nodes of a cluster, so they do not count. */
struct sc_file_id {
	uint64_t inode;
	uint64_t size_bytes;
	int64_t mtime_ns, ctime_ns;
};

struct sc_file_id sc_file_id_of(const struct stat *st);
struct sc_file_id sc_file_id_of_statx(const struct statx *stx);

/* What an open file is now; `ask`: its server's word, not what a network file system remembers. 0 or -errno. */
int sc_file_id_ask(int fd, bool ask, struct sc_file_id *ret_id);

/* What a path names, as its server says; `flags` as of fstatat. 0 or -errno. */
int sc_file_id_ask_at(int dirfd, const char *path, int flags, struct sc_file_id *ret_id);

bool sc_file_id_equal(const struct sc_file_id *a, const struct sc_file_id *b);

/* Starts as { 0 }. */
struct sc_identity {
	uint64_t hash[2];
	int64_t newest_ns; /* latest change of contents, owner or mode; not compared */
};

void sc_identity_add(struct sc_identity *identity, const struct sc_file_id *id);

void sc_identity_add_name(struct sc_identity *identity, const char *name);

/*
 * Adds all that lies below a directory, in order of the names, but for files called `without`. Of a directory counts which one
 * it is and who may use it, not its times, which change with such a file. Links are not followed, servers are asked. 0 or -errno.
 */
int sc_identity_add_tree(struct sc_identity *identity, int dirfd, const char *path, const char *without);

/* Adds all that is in another identity. */
void sc_identity_merge(struct sc_identity *identity, const struct sc_identity *other);

static inline bool sc_identity_equal(const struct sc_identity *a, const struct sc_identity *b)
{
	return a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1];
}

#endif
