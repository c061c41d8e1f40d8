#include "sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ioutil.h"
#include "movejournal.h"
#include "output.h"
#include "remove.h"

/* ".NAME.subcube-materialize" -> "NAME"; the caller frees it. NULL: it is no such name. */
static char *name_of(const char *work_name)
{
	size_t length = strlen(work_name), suffix_length = strlen(SC_OUTPUT_WORK_SUFFIX);
	if (work_name[0] != '.' || length < 2 + suffix_length ||
	    strcmp(work_name + length - suffix_length, SC_OUTPUT_WORK_SUFFIX) != 0)
		return NULL;
	return strndup(work_name + 1, length - 1 - suffix_length);
}

char *sc_sweep_name(const char *work_name, const char *base)
{
	size_t base_length = strlen(base);
	if (work_name[0] != '.' || strncmp(work_name + 1, base, base_length) != 0 || work_name[1 + base_length] != '.')
		return NULL;
	return name_of(work_name);
}

static int report_removal(const char *path, struct sc_error *err)
{
	return sc_error_set(err, -EINPROGRESS,
			    "%s is complete, but removing its subcubes was interrupted: subcube-materialize "
			    "--resume %s finishes that",
			    path, path);
}

static int sweep_one(int dirfd, const char *work_name, const char *path, const char *name, struct sc_error *err)
{
	sc_autoclose int work_fd = openat(dirfd, work_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct sc_output output;
	if (work_fd < 0)
		return 0;
	/* Also where its parts came from another directory, which is empty by now. */
	if (sc_movejournal_is_unfinished(dirfd, name))
		return err ? sc_movejournal_report(path, err) : 0;
	if (sc_remove_is_unfinished(work_fd))
		return report_removal(path, err);
	if (sc_output_open_existing(path, &output, NULL) < 0)
		return 0;
	if (sc_output_try_lock(&output, NULL) == 0) {
		output.keeps_copied = true;
		/* That the name is taken is no matter here. */
		sc_output_recover(&output, NULL);
		sc_output_discard(&output);
	}
	sc_output_close(&output);
	return 0;
}

int sc_sweep(const char *path, struct sc_error *err)
{
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		length--;
	sc_autofree char *whole = strndup(path, length);
	const char *slash = whole ? strrchr(whole, '/') : NULL, *base = slash ? slash + 1 : whole;
	sc_autofree char *directory = slash ? strndup(whole, (size_t)(base - whole)) : strdup("");
	sc_autoclosedir DIR *dir = NULL;
	const char *entry;
	int rc = 0;
	if (!whole || !directory || sc_io_open_directory(AT_FDCWD, slash ? directory : ".", 0, &dir) < 0)
		return 0;
	while (rc == 0 && sc_io_next_entry(dir, &entry) > 0) {
		sc_autofree char *name = sc_sweep_name(entry, base), *image = NULL;
		if (!name || asprintf(&image, "%s%s", directory, name) < 0) {
			image = NULL;
			continue;
		}
		rc = sweep_one(dirfd(dir), entry, image, name, err);
	}
	return rc;
}

/* Whether a list names a part of `base`, beside the image, that is not there any more. */
static bool has_taken(int list_fd, const char *file, int dirfd, const char *base)
{
	struct sc_movejournal journal;
	size_t length = strlen(base);
	bool has = false;
	if (list_fd < 0 || sc_movejournal_read(list_fd, "", file, &journal, NULL) < 0)
		return false;
	for (size_t i = 0; i < journal.nparts && !has; i++) {
		const char *from = journal.parts[i].from;
		has = strncmp(from, base, length) == 0 && from[length] == '.' && sc_io_exists(dirfd, from) == 0;
	}
	sc_movejournal_clear(&journal);
	return has;
}

/* Nobody is at work on it, and it is not another user's. */
static bool is_left(const char *path)
{
	struct sc_output output;
	if (sc_output_open_existing(path, &output, NULL) < 0)
		return false;
	bool is_free = sc_output_try_lock(&output, NULL) == 0;
	sc_output_abandon(&output);
	sc_output_close(&output);
	return is_free;
}

static int look_at(int dirfd, const char *work_name, const char *name, const char *path, const char *base,
		   struct sc_error *err)
{
	static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	sc_autoclose int work_fd = openat(dirfd, work_name, flags);
	sc_autoclose int image_fd = openat(dirfd, name, flags);
	bool moves = has_taken(image_fd, SC_MOVEJOURNAL_FILE, dirfd, base);
	if ((!moves && !has_taken(work_fd, SC_OUTPUT_REMOVAL, dirfd, base)) || !is_left(path))
		return 0;
	return moves ? sc_movejournal_report(path, err) : report_removal(path, err);
}

int sc_sweep_look(const char *directory, const char *base, struct sc_error *err)
{
	sc_autoclosedir DIR *dir = NULL;
	const char *entry;
	int rc = 0;
	if (sc_io_open_directory(AT_FDCWD, directory, 0, &dir) < 0)
		return 0;
	while (rc == 0 && sc_io_next_entry(dir, &entry) > 0) {
		sc_autofree char *name = name_of(entry), *path = NULL;
		if (!name || asprintf(&path, "%s/%s", directory, name) < 0) {
			path = NULL;
			continue;
		}
		rc = look_at(dirfd(dir), entry, name, path, base, err);
	}
	return rc;
}
