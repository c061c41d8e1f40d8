/*
 * source.h - the directory that parts are in.
 */
#ifndef SC_SOURCE_H
#define SC_SOURCE_H

#include "base.h"
#include "error.h"

#include <dirent.h>
#include <sys/stat.h>

/* Where the parts are. Immutable once it is used; outlives the views made from it. */
struct sc_source {
	char *path; /* real, absolute path of the directory */
	char *base; /* only this family; NULL: all */
	int dirfd;
	bool follow_links; /* also out of the directory */
	dev_t mount_device; /* of the mount that is made from it, which nothing is looked up in; 0: none */
};

/*
 * Opens SOURCE: a directory, or DIR/BASE for one family in DIR (`only_base`
 * forces the latter reading, also where DIR/BASE is a directory too).
 */
int sc_source_open(const char *argument, bool only_base, struct sc_source *ret_source, struct sc_error *err);
void sc_source_close(struct sc_source *source);

/*
 * Opens a regular file of the source as sc_io_open_regular does. `path` is relative to it, or absolute, as a catalog may
 * name a part. It may lead through symbolic links, but not out of the source, be it by a link or as an absolute path,
 * unless follow_links: whoever can write a part could show any file of the user's as its pixels. That is -EXDEV. What
 * leads into the mount itself is -ELOOP. Thread-safe.
 */
int sc_source_open_file(const struct sc_source *source, const char *path, int *ret_fd, struct stat *ret_stat,
			struct sc_error *err);

/* The same for a directory, to list it. */
int sc_source_open_directory(const struct sc_source *source, const char *path, DIR **ret_dir, struct sc_error *err);

/*
 * As stat does. A link is followed wherever it leads, but not into the mount itself: -ELOOP. That the directories in `path`
 * do not lead there is for the caller to have seen to, with sc_source_check.
 */
int sc_source_stat(const struct sc_source *source, const char *path, struct stat *ret_stat, struct sc_error *err);

/*
 * Whether the source's path still leads to the directory that was opened. What cannot be told counts as yes. Only for
 * a path that is not covered by the mount itself.
 */
bool sc_source_is_in_place(const struct sc_source *source);
bool sc_source_is_covered(const struct sc_source *source);

/* Whether the path may be looked up: 0, or -ELOOP when it leads into the mount itself. See ownmount.h. */
int sc_source_check(const struct sc_source *source, const char *path, struct sc_error *err);

/* The same for the name of a part: most have no directories, and are then for sc_source_stat. */
int sc_source_check_part(const struct sc_source *source, const char *part, struct sc_error *err);

/* Reads a whole file of at most `max_bytes` (more is -EUCLEAN); the caller frees *ret_data. */
int sc_source_read_file(const struct sc_source *source, const char *path, size_t max_bytes, uint8_t **ret_data,
			size_t *ret_size, struct sc_error *err);

#endif
