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

char *sc_sweep_name(const char *work_name, const char *base)
{
	size_t length = strlen(work_name), base_length = strlen(base), suffix_length = strlen(SC_OUTPUT_WORK_SUFFIX);
	if (work_name[0] != '.' || length < 1 + base_length + suffix_length ||
	    strncmp(work_name + 1, base, base_length) != 0 || work_name[1 + base_length] != '.' ||
	    strcmp(work_name + length - suffix_length, SC_OUTPUT_WORK_SUFFIX) != 0)
		return NULL;
	return strndup(work_name + 1, length - 1 - suffix_length);
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
		return sc_error_set(err, -EINPROGRESS,
				    "%s is complete, but removing its subcubes was interrupted: subcube-materialize "
				    "--resume %s finishes that",
				    path, path);
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
