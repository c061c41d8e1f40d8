/* The header program's scratch directories: made, removed, and those that a killed program of ours left behind. */
#include "headerclientpriv.h"
#include "ioutil.h"
#include "log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define PREFIX "subcubefs-header-"
#define RANDOM "XXXXXX"

/* Nobody has one for so long; where locks do not reach other machines, nothing else tells that it is in use. */
#define ABANDONED_S 600

/* Whoever uses a directory has it locked, as long as he lives. */
static bool is_abandoned(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && st.st_uid == geteuid() && time(NULL) - st.st_mtime > ABANDONED_S &&
	       flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void remove_abandoned(const char *parent)
{
	sc_autoclosedir DIR *dir = NULL;
	const char *name;
	if (sc_io_open_directory(AT_FDCWD, parent, 0, &dir) < 0)
		return;
	while (sc_io_next_entry(dir, &name) > 0) {
		if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || strlen(name) != strlen(PREFIX RANDOM))
			continue;
		sc_autoclose int fd = openat(dirfd(dir), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || !is_abandoned(fd))
			continue;
		int rc = sc_io_remove_tree(dirfd(dir), name);
		if (rc < 0)
			sc_log(SC_LOG_WARNING, "%s/%s: cannot remove: %s", parent, name, strerror(-rc));
	}
}

static int lock(struct sc_header_scratch *scratch, struct sc_error *err)
{
	scratch->dirfd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (scratch->dirfd < 0)
		return sc_error_errno(err, -errno, "%s: cannot open", scratch->path);
	/* Where there are no locks, nobody can take it for abandoned either. */
	flock(scratch->dirfd, LOCK_EX | LOCK_NB);
	return 0;
}

int sc_header_scratch_make(struct sc_header_scratch *scratch, struct sc_error *err)
{
	static atomic_flag was_swept = ATOMIC_FLAG_INIT;
	const char *parent = secure_getenv("TMPDIR");
	struct sc_header_scratch made = { .dirfd = -1 };
	if (!parent || !*parent)
		parent = "/tmp";
	if (!atomic_flag_test_and_set(&was_swept))
		remove_abandoned(parent);
	sc_autofree char *path = NULL;
	if (asprintf(&path, "%s/" PREFIX RANDOM, parent) < 0) {
		path = NULL;
		return sc_error_errno(err, -ENOMEM, "cannot make a scratch directory");
	}
	if (!mkdtemp(path))
		return sc_error_errno(err, -errno, "cannot make a scratch directory in %s", parent);
	made.path = sc_steal_ptr(path);
	int rc = lock(&made, err);
	if (rc < 0)
		sc_header_scratch_remove(&made);
	else
		*scratch = made;
	return rc;
}

void sc_header_scratch_remove(struct sc_header_scratch *scratch)
{
	if (!scratch->path)
		return;
	int rc = sc_io_remove_tree(AT_FDCWD, scratch->path);
	if (rc < 0)
		sc_log(SC_LOG_WARNING, "%s: cannot remove: %s", scratch->path, strerror(-rc));
	if (scratch->dirfd >= 0)
		close(scratch->dirfd);
	free(scratch->path);
	scratch->path = NULL;
}
