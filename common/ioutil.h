/*
 * ioutil.h - whole reads and writes, and opening of files that strangers made.
 *
 * All functions are thread-safe. Paths are relative to `dirfd` as in openat.
 */
#ifndef SC_IOUTIL_H
#define SC_IOUTIL_H

#include "base.h"
#include "error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

/*
 * Opens a regular file for reading; never blocks on a FIFO or device, which is
 * -EUCLEAN, and never becomes a controlling terminal. `ret_stat` may be NULL.
 * `label` is the name that errors use.
 */
int sc_io_open_regular(int dirfd, const char *path, const char *label, int *ret_fd, struct stat *ret_stat,
		       struct sc_error *err);

/* The same for what was opened with those flags; on an error `fd` is closed. */
int sc_io_take_regular(int fd, const char *label, int *ret_fd, struct stat *ret_stat, struct sc_error *err);

/* Flags for opening what may be anything: a FIFO is not waited for, a terminal not made the controlling one. */
#define SC_IO_OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/*
 * Reads a whole small file (a header) into memory of its own; more than
 * `max_bytes` is -EUCLEAN. The caller frees *ret_data.
 */
int sc_io_read_file(int dirfd, const char *path, const char *label, size_t max_bytes, uint8_t **ret_data,
		    size_t *ret_size, struct sc_error *err);

/* The same for a file that is open; its size is st->st_size. */
int sc_io_read_open(int fd, const struct stat *st, const char *label, size_t max_bytes, uint8_t **ret_data,
		    struct sc_error *err);

/* Reads exactly `count` bytes at `offset`; -EIO when the file ends before. */
int sc_io_pread_full(int fd, void *buffer, size_t count, uint64_t offset);

int sc_io_write_full(int fd, const void *buffer, size_t count);
int sc_io_pwrite_full(int fd, const void *buffer, size_t count, uint64_t offset);

/*
 * Opens a directory for listing, with a position of its own; `flags` are more
 * for open, such as O_NOFOLLOW. 0 or -errno.
 */
int sc_io_open_directory(int dirfd, const char *path, int flags, DIR **ret_dir);

/* The next entry but "." and "..", valid until the next call: 1, 0 at the end, or -errno. */
int sc_io_next_entry(DIR *dir, const char **ret_name);

static inline void sc_io_closedir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define sc_autoclosedir __attribute__((cleanup(sc_io_closedir_cleanup)))

/*
 * For the start of a program: what is closed of the descriptors 0, 1 and 2 becomes /dev/null, so that no file gets such a
 * number. Messages would be written into it.
 */
void sc_io_hold_standard(void);

/* Whether a sticky directory keeps its entry from this user's renaming or removing it: neither is his. */
bool sc_io_is_kept_by_sticky(const struct stat *directory, const struct stat *entry);

/* Whether a component of the path is "..". */
bool sc_io_leads_out(const char *path);

/* The directory that `path` is in, "." without a slash, and the name in it. The caller frees it; NULL: out of memory. */
char *sc_io_directory_of(const char *path, const char **ret_name);

/* Names, such as all that is in a directory but for "." and "..". Starts as { 0 }. */
struct sc_io_names {
	size_t count, capacity;
	char **items;
};

/* Adds one, behind the others. 0 or -ENOMEM. */
int sc_io_names_append(struct sc_io_names *names, const char *name);

/* Puts them in the order of strcmp. */
void sc_io_names_sort(struct sc_io_names *names);

/* Adds all that comes from `dir`, and sorts. 0 or -errno; what was added by then is there. */
int sc_io_names_add(struct sc_io_names *names, DIR *dir);
void sc_io_names_clear(struct sc_io_names *names);
#define sc_autoionames __attribute__((cleanup(sc_io_names_clear)))

/*
 * Opens what lies below `dirfd`, on its file system, without a symbolic link in its path. A descriptor, or -errno: -ELOOP,
 * -EXDEV and -EAGAIN for paths that are not such, -ENOSYS and -EPERM where there is no openat2.
 */
int sc_io_open_straight(int dirfd, const char *path, int flags);

/* Where an open descriptor is; the path is empty when that cannot be told. */
void sc_io_path_of(int fd, char path[PATH_MAX]);

/* Whether a call failed for want of descriptors or memory: so it says nothing about the path. */
static inline bool sc_io_is_shortage(int code)
{
	return code == -EMFILE || code == -ENFILE || code == -ENOMEM;
}

/* Whether there is an entry of that name, whatever it is: 1, 0, or -errno where that cannot be told. */
int sc_io_exists(int dirfd, const char *name);

/*
 * Removes a directory and all in it, without following symbolic links. -ENOENT is no error. -EBUSY: something is mounted in it; of
 * that nothing is removed.
 */
int sc_io_remove_tree(int dirfd, const char *path);

/* The same for what this program has made: that its modes do not let its owner do so is no hindrance. */
int sc_io_remove_own_tree(int dirfd, const char *path);

#endif
