#include "moves.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "imageconcat.h"
#include "ioutil.h"
#include "log.h"
#include "move.h"
#include "partlock.h"
#include "progress.h"
#include "remove.h"
#include "signals.h"
#include "sweep.h"

/* How often one that others work on is tried again. */
#define POLL_MS 200

/* BASE itself, BASE.EXT, or with --ext one of those only. */
static bool is_asked_for(const struct sc_options *options, const char *base, const char *name)
{
	size_t length = strlen(base);
	if (strncmp(name, base, length) != 0)
		return false;
	for (size_t i = 0; i < options->nextensions; i++) {
		if (strcmp(name + length, options->extensions[i]) == 0)
			return true;
	}
	return options->nextensions == 0 && (name[length] == 0 || name[length] == '.');
}

/* Whether an image that was made without a journal holds parts of BASE. */
static bool catalog_belongs(int image_fd, const char *base, const char *name)
{
	struct sc_imageconcat catalog;
	if (sc_imageconcat_read(image_fd, &catalog, NULL) < 0)
		return false;
	const struct sc_imageconcat_image *first = &catalog.images[0];
	size_t length = strlen(base);
	bool belongs =
	    first->place == SC_IMAGECONCAT_INSIDE &&
	    (strcmp(name, base) == 0 || (strncmp(first->path, base, length) == 0 && first->path[length] == '.'));
	sc_imageconcat_clear(&catalog);
	return belongs;
}

/* Whether `name` is to be worked on: "a" must not take "a.b.image" apart, which is of "a.b". */
static bool belongs(const struct sc_options *options, int dirfd, const char *base, const char *name)
{
	struct sc_movejournal journal;
	sc_autoclose int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : sc_movejournal_read(fd, name, SC_MOVEJOURNAL_FILE, &journal, NULL);
	if (fd >= 0 && rc == -ENOENT && options->action == SC_ACTION_UNDO) {
		rc = sc_movejournal_read(fd, name, SC_MOVEJOURNAL_DONE, &journal, NULL);
		if (rc == -ENOENT)
			return catalog_belongs(fd, base, name);
	}
	/* An unreadable one is worked on, so that it is reported. */
	if (rc < 0)
		return rc != -ENOENT && rc != -ENOTDIR && rc != -ELOOP;
	bool is_ours = strcmp(journal.base, base) == 0 || strcmp(name, base) == 0;
	sc_movejournal_clear(&journal);
	return is_ours;
}

/* The image whose parts a run has not all removed, and whose work directory is called `work_name`; or NULL. */
static char *unfinished_removal(const struct sc_options *options, int dirfd, const char *base, const char *work_name)
{
	sc_autofree char *name = sc_sweep_name(work_name, base);
	if (!name || options->action != SC_ACTION_RESUME || !is_asked_for(options, base, name))
		return NULL;
	sc_autoclose int work_fd = openat(dirfd, work_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (work_fd < 0 || !sc_remove_is_unfinished(work_fd))
		return NULL;
	sc_autofree char *whose = sc_remove_base(work_fd);
	/* A list that can't be read is worked on, so that it is reported. */
	return !whose || strcmp(whose, base) == 0 || strcmp(name, base) == 0 ? sc_steal_ptr(name) : NULL;
}

/* The images in a directory that are to be worked on. */
static int find_images(const struct sc_options *options, const char *directory, const char *base,
		       struct sc_io_names *names, struct sc_error *err)
{
	sc_autoclosedir DIR *dir = NULL;
	const char *entry;
	int rc = sc_io_open_directory(AT_FDCWD, directory, 0, &dir);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot open the directory", directory);
	while ((rc = sc_io_next_entry(dir, &entry)) > 0) {
		sc_autofree char *removal = unfinished_removal(options, dirfd(dir), base, entry);
		const char *name = removal ? removal : entry;
		if (!removal && !(is_asked_for(options, base, entry) && belongs(options, dirfd(dir), base, entry)))
			continue;
		rc = sc_io_names_append(names, name);
		if (rc < 0)
			break;
	}
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot read the directory", directory);
	sc_io_names_sort(names);
	return 0;
}

/* The first part is at one of its two places. */
static int lock_parts(const struct sc_move *move, int *ret_fd, struct sc_error *err)
{
	const struct sc_moved_part *first = &move->journal.parts[0];
	int rc = sc_partlock_take(move->output->parent_fd, first->from, true, ret_fd, err);
	return rc < 0 || *ret_fd >= 0 ? rc : sc_partlock_take(move->image_fd, first->name, true, ret_fd, err);
}

static int move(const struct sc_options *options, const struct sc_output *output, bool *ret_busy, struct sc_error *err)
{
	struct sc_move move;
	sc_autoclose int part_fd = -1;
	int rc = sc_move_open(output, &move, err);
	if (rc < 0)
		return rc;
	rc = lock_parts(&move, &part_fd, err);
	*ret_busy = rc == -EBUSY;
	if (rc == 0)
		rc = options->action == SC_ACTION_RESUME ? sc_move_forward(&move, err) : sc_move_back(&move, err);
	sc_move_close(&move);
	return rc;
}

/* What comes of one image. */
struct result {
	bool busy;  /* others are at work on it, nothing was done */
	int signal; /* asked to stop */
	const char *done;
};

static void say_unfinished(struct sc_error *err)
{
	struct sc_error reason = *err;
	sc_error_set(err, reason.code, "%.900s; it is left unfinished: --resume finishes it, --undo takes it back",
		     reason.text);
}

static int work_on(const struct sc_options *options, const char *path, struct result *result, struct sc_error *err)
{
	struct sc_output output;
	size_t count = 0;
	int rc = sc_output_open_existing(path, &output, err);
	if (rc < 0)
		return rc;
	rc = sc_output_lock(&output, err);
	result->busy = rc == -EBUSY;
	bool removes = rc == 0 && sc_remove_is_unfinished(output.work_fd);
	if (removes && options->action == SC_ACTION_UNDO) {
		sc_output_abandon(&output);
		sc_output_close(&output);
		return sc_error_set(err, -EINPROGRESS, "%s: its subcubes were being removed, which --resume finishes and nothing undoes",
				    path);
	}
	result->done = removes ? "subcubes removed" : options->action == SC_ACTION_RESUME ? "finished" : "taken apart";
	if (removes)
		rc = sc_remove_resume(&output, &count, &result->signal, err);
	/* Without an unfinished move it is half an image of a killed run, not what NAME was. */
	else if (rc == 0 && !sc_movejournal_is_unfinished(output.parent_fd, output.name))
		rc = sc_output_clear(&output, err);
	if (rc == 0 && !removes)
		rc = move(options, &output, &result->busy, err);
	/* What NAME was before, and the list of what is to be removed, stay with what is unfinished. */
	bool is_moving = rc < 0 && !removes && sc_movejournal_is_unfinished(output.parent_fd, output.name);
	if (is_moving && !result->busy)
		say_unfinished(err);
	if (is_moving || (removes && sc_remove_is_unfinished(output.work_fd)))
		sc_output_abandon(&output);
	else
		sc_output_discard(&output);
	sc_output_close(&output);
	return rc;
}

/* Says what came of an image; waiting for others is said once. */
static void tell(const struct sc_options *options, const char *path, const struct result *result, int rc,
		 const struct sc_error *err, bool *is_told)
{
	struct sc_progress progress;
	sc_progress_start(&progress, SC_PROGRESS_NEVER, options->quiet, false);
	if (rc == 0)
		sc_progress_line(&progress, "%s: %s", path, result->done);
	else if (!result->busy || !options->wait)
		sc_log(SC_LOG_ERROR, "%s", err->text);
	else if (!*is_told)
		sc_log(SC_LOG_WARNING, "%s: waiting for its end", err->text);
	*is_told = *is_told || result->busy;
}

static int work_on_all(const struct sc_options *options, const char *directory, const struct sc_io_names *names,
		       bool *is_told)
{
	size_t ndone = 0;
	bool is_busy = false;
	for (size_t i = 0; i < names->count; i++) {
		struct sc_error err = { 0 };
		struct result result = { .signal = sc_signals_stopped(0) };
		/* A move that is begun is finished. */
		if (result.signal)
			return 128 + result.signal;
		sc_autofree char *path = NULL;
		if (asprintf(&path, "%s%s%s", strcmp(directory, ".") == 0 ? "" : directory,
			     strcmp(directory, ".") == 0 ? "" : "/", names->items[i]) < 0)
			path = NULL;
		int rc = path ? work_on(options, path, &result, &err)
			      : sc_error_errno(&err, -ENOMEM, "%s", names->items[i]);
		tell(options, path, &result, rc, &err, is_told);
		if (result.signal)
			return 128 + result.signal;
		ndone += rc == 0;
		is_busy = is_busy || result.busy;
	}
	if (is_busy)
		return SC_STATUS_BUSY;
	return ndone == names->count ? SC_STATUS_DONE : SC_STATUS_FAILED;
}

static int attempt(const struct sc_options *options, bool *is_told)
{
	sc_autoionames struct sc_io_names names = { 0 };
	struct sc_error err = { 0 };
	sc_autofree char *text = strdup(options->base);
	if (!text)
		return SC_STATUS_FAILED;
	for (size_t length = strlen(text); length > 1 && text[length - 1] == '/'; length--)
		text[length - 1] = 0;
	char *slash = strrchr(text, '/');
	const char *base = slash ? slash + 1 : text, *directory = slash ? text : ".";
	sc_autofree char *root = NULL;
	if (slash == text)
		directory = root = strdup("/");
	else if (slash)
		*slash = 0;
	int rc = find_images(options, directory, base, &names, &err);
	if (rc < 0) {
		sc_log(SC_LOG_ERROR, "%s", err.text);
		return rc == -ENOENT ? SC_STATUS_NOT_FOUND : SC_STATUS_FAILED;
	}
	if (names.count == 0) {
		sc_log(SC_LOG_ERROR, "%s: %s", options->base,
		       options->action == SC_ACTION_RESUME ? "nothing was interrupted" : "nothing was moved into it");
		return SC_STATUS_NOT_FOUND;
	}
	sc_signals_block();
	return work_on_all(options, directory, &names, is_told);
}

int sc_moves_run(const struct sc_options *options)
{
	bool is_told = false;
	for (;;) {
		int number, status = attempt(options, &is_told);
		/* Not before: --undo puts back what an image was that a dead run had just replaced. What is unfinished stays. */
		sc_sweep(options->base, NULL);
		if (status != SC_STATUS_BUSY || !options->wait)
			return status;
		number = sc_signals_stopped(POLL_MS);
		if (number)
			return 128 + number;
	}
}
