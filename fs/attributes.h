/*
 * attributes.h - owner, permissions and times of what the mount shows: nobody
 * sees through the mount what the parts' owners did not let them see.
 *
 *   all parts have one owner and one group and no ACL: these, and the AND of
 *   the permissions, less write permission; else the mounting user alone.
 *
 * Pure but for what looks at SOURCE. The kernel enforces it (default_permissions).
 */
#ifndef SC_ATTRIBUTES_H
#define SC_ATTRIBUTES_H

#include "subcube.h"

#include <sys/stat.h>

/*
 * What stat shows as the best size of a read. cp and cat read so much at once, and write it into larger pages; who
 * buffers small reads, as Python does, reads no less either.
 */
#define SC_BEST_READ_BYTES (512 << 10)

struct sc_owner {
	uid_t uid; /* the mounting user's */
	gid_t gid;
	struct stat root; /* of the mount's root directory, but for number and links */
};

/* The directories above SOURCE, held: the mount may come to lie upon one of them. Starts as { 0 }. */
struct sc_way {
	size_t count;
	int *dirfds;
	bool unknown; /* one of them could not be opened */
};

int sc_way_open(const struct sc_source *source, struct sc_way *ret_way, struct sc_error *err);
void sc_way_close(struct sc_way *way);

/* What is shown of SOURCE as it and the directories above it are now. `ret_root`: all but number and links. 0 or -errno. */
int sc_attributes_root(const struct sc_source *source, const struct sc_way *way, uid_t uid, gid_t gid,
		       struct stat *ret_root);

/* All of a stat but number and links; `parts` says what the parts let see. */
void sc_attributes_directory(const struct sc_owner *owner, const struct sc_access *parts, struct stat *ret_stat);
void sc_attributes_file(const struct sc_owner *owner, const struct sc_access *parts, uint64_t size_bytes,
			struct stat *ret_stat);

#endif
