#include "remove.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "imageconcat.h"
#include "ioutil.h"
#include "move.h"
#include "partcheck.h"
#include "signals.h"
#include "viewfresh.h"

/* ---- the journal: sc_movejournal's, with the part's identity as its name ---- */

#define IDENTITY_DIGITS 32

/* A part is renamed so, before it goes: then it is whole or not there. */
#define DOOMED_BEFORE "."
#define DOOMED_BEHIND ".subcube-removed"

/* Of all that is in the part, but for table.lock, which readers change; of a FITS image, of that file. 0 or -errno. */
static int identify(int dirfd, const char *path, char ret_text[IDENTITY_DIGITS + 1])
{
	struct sc_identity identity = { 0 };
	struct stat st;
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	struct sc_file_id id;
	int rc = S_ISDIR(st.st_mode) ? sc_identity_add_tree(&identity, dirfd, path, "table.lock")
				     : sc_file_id_ask_at(dirfd, path, AT_SYMLINK_NOFOLLOW, &id);
	if (rc == 0 && !S_ISDIR(st.st_mode))
		sc_identity_add(&identity, &id);
	snprintf(ret_text, IDENTITY_DIGITS + 1, "%016" PRIx64 "%016" PRIx64, identity.hash[0], identity.hash[1]);
	return rc;
}

static int add_entry(const struct sc_output *output, const char *path, struct sc_movejournal *journal,
		     struct sc_error *err)
{
	char identity[IDENTITY_DIGITS + 1];
	struct sc_imageconcat_image image;
	int rc = identify(AT_FDCWD, path, identity);
	if (rc == 0)
		rc = sc_imageconcat_place(output->parent_path, output->name, path, &image);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot look at it", path);
	char *text = strdup(identity);
	journal->parts[journal->nparts++] = (struct sc_moved_part){ image.path, text };
	return text ? 0 : sc_error_errno(err, -ENOMEM, "%s", path);
}

/* ".cube.subcube.3.tmpdir" for "cube.subcube.3.image", when it is there; NULL: it is not. */
static char *tmpdir_of(const char *directory, const char *name, const char *ext)
{
	size_t length = strlen(name), ext_length = strlen(ext);
	char *path;
	struct stat st;
	if (ext_length == 0 || length <= ext_length || strcmp(name + length - ext_length, ext) != 0 ||
	    asprintf(&path, "%s/.%.*s.tmpdir", directory, (int)(length - ext_length), name) < 0)
		return NULL;
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return path;
	free(path);
	return NULL;
}

static int note_part(const struct sc_image *image, size_t number, struct sc_movejournal *journal, struct sc_error *err)
{
	const char *part = image->view->parts[number].name;
	sc_autofree char *directory = sc_partlist_directory(image->view->source, part), *path = NULL;
	if (!directory)
		return sc_error_errno(err, -errno, "%s: cannot look at its directory", part);
	int rc = sc_partlist_path(directory, part, &path);
	rc = rc < 0 ? sc_error_errno(err, rc, "%s", part) : add_entry(&image->output, path, journal, err);
	/* Looked at after it was noted, so that what is noted is what its header was read from. */
	if (rc == 0 && !sc_viewfresh_part(image->view, number))
		return sc_error_set(err, -ESTALE, "%s changed since its header was read", part);
	return rc;
}

static int note_parts(struct sc_image *image, struct sc_error *err)
{
	const struct sc_view *view = image->view;
	struct sc_movejournal *journal = &image->removal;
	int rc = 0;
	journal->base = sc_image_base(image);
	/* And as many temporary directories. */
	journal->parts = calloc(2 * view->nparts, sizeof(*journal->parts));
	if (!journal->base || !journal->parts)
		return sc_error_errno(err, -ENOMEM, "%s", image->path);
	for (size_t i = 0; i < view->nparts && rc == 0; i++) {
		if (!view->parts[i].blank)
			rc = note_part(image, i, journal, err);
	}
	return rc;
}

/* ---- before anything is written ---- */

/* Whether a name in a part is of its table, its history, its mask, or says that it is ready: all that the image gets. */
static bool is_known(const struct sc_image *image, size_t number, const char *name)
{
	static const char in_part[] = "{part}/";
	const struct sc_view *view = image->view;
	const char *ready = image->options->view.settle.ready_file;
	uint32_t mask = view->has_mask ? view->mask.slabs[number].storage : SC_STORAGE_ONES;
	if (strncmp(name, "table.", strlen("table.")) == 0 || strcmp(name, "logtable") == 0)
		return true;
	if (ready && strncmp(ready, in_part, strlen(in_part)) == 0 && strcmp(ready + strlen(in_part), name) == 0)
		return true;
	if (sc_storage_is_fill(mask))
		return false;
	const char *file = view->mask.storages[mask].file;
	size_t length = strlen(name);
	return strncmp(file, name, length) == 0 && file[length] == '/';
}

/* A directory that its owner has protected keeps what is in it. */
static bool is_protected(int dirfd, const char *path)
{
	struct stat st;
	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	       faccessat(dirfd, path, W_OK | X_OK, AT_EACCESS) < 0;
}

/* Another mask, or what somebody put there: a part that is copied as a whole takes it along. And what cannot be removed. */
static int look_inside(const struct sc_image *image, size_t number, struct sc_error *err)
{
	const char *part = image->view->parts[number].name, *name;
	bool is_paged = image->options->mode == SC_MODE_PAGED;
	sc_autoclosedir DIR *dir = NULL;
	int rc = sc_io_open_directory(image->view->source->dirfd, part, O_NOFOLLOW, &dir);
	while (rc >= 0 && (rc = sc_io_next_entry(dir, &name)) > 0) {
		if (is_protected(dirfd(dir), name))
			return sc_error_errno(err, -errno, "%s/%s cannot be removed", part, name);
		if (is_paged && !is_known(image, number, name))
			return sc_error_set(err, -EINVAL,
					    "%s is not removed: there is also %s in it, which %s does not get", part, name,
					    image->path);
	}
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot look into it", part) : 0;
}

/* A part is renamed in its directory before it goes. */
static int check_directory(int dirfd, const char *part, const struct stat *st, struct sc_error *err)
{
	const char *name;
	struct stat parent;
	sc_autofree char *directory = sc_io_directory_of(part, &name);
	if (!directory)
		return sc_error_errno(err, -ENOMEM, "%s", part);
	if (faccessat(dirfd, directory, W_OK | X_OK, AT_EACCESS) < 0)
		return sc_error_errno(err, -errno, "%s cannot be removed from its directory", part);
	if (fstatat(dirfd, directory, &parent, 0) < 0)
		return sc_error_errno(err, -errno, "%s: cannot stat its directory", part);
	if (sc_io_is_kept_by_sticky(&parent, st))
		return sc_error_set(err, -EPERM,
				    "%s cannot be removed from its sticky directory: it is somebody else's", part);
	if (strlen(name) + strlen(DOOMED_BEFORE DOOMED_BEHIND) > NAME_MAX)
		return sc_error_set(err, -ENAMETOOLONG, "%s cannot be removed: its name is too long to be put aside before",
				    part);
	return 0;
}

static int check_part(const struct sc_image *image, size_t number, struct sc_error *err)
{
	int dirfd = image->view->source->dirfd;
	const char *part = image->view->parts[number].name;
	struct stat st = { 0 };
	if (fstatat(dirfd, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return sc_error_set(err, -EINVAL, "%s is a symbolic link: what it names is not removed", part);
	/* Rather than when half of them are gone. */
	if (is_protected(dirfd, part))
		return sc_error_errno(err, -errno, "%s cannot be removed", part);
	int rc = check_directory(dirfd, part, &st, err);
	if (rc == 0 && S_ISDIR(st.st_mode))
		rc = look_inside(image, number, err);
	return rc;
}

int sc_remove_check(struct sc_image *image, struct sc_error *err)
{
	int rc = 0;
	for (size_t i = 0; i < image->view->nparts && rc == 0; i++) {
		if (!image->view->parts[i].blank)
			rc = check_part(image, i, err);
	}
	return rc == 0 ? note_parts(image, err) : rc;
}

/* ---- the list ---- */

/* All noted parts still are what they were, as far as bytes tell and times. */
static int look_again(const struct sc_image *image, struct sc_error *err)
{
	for (size_t i = 0; i < image->removal.nparts; i++) {
		const struct sc_moved_part *part = &image->removal.parts[i];
		char identity[IDENTITY_DIGITS + 1];
		int rc = identify(image->output.parent_fd, part->from, identity);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s: cannot look at it", part->from);
		if (strcmp(identity, part->name) != 0)
			return sc_error_set(err, -ESTALE, "%s changed since it was read", part->from);
	}
	return sc_partcheck_all(image->view, err);
}

static int list_tmpdirs(struct sc_image *image, struct sc_error *err)
{
	const struct sc_view *view = image->view;
	int rc = 0;
	for (size_t i = 0; i < view->nparts && rc == 0; i++) {
		const char *part = view->parts[i].name, *slash = strrchr(part, '/');
		if (view->parts[i].blank)
			continue;
		sc_autofree char *directory = sc_partlist_directory(view->source, part);
		if (!directory)
			return sc_error_errno(err, -errno, "%s: cannot look at its directory", part);
		sc_autofree char *tmpdir = tmpdir_of(directory, slash ? slash + 1 : part, image->ext);
		if (tmpdir)
			rc = add_entry(&image->output, tmpdir, &image->removal, err);
	}
	return rc;
}

/* ---- removing ---- */

/* 1: it is not what was noted, so it stays. */
static int remove_entry(int dirfd, const char *name, const struct sc_moved_part *entry, size_t *count,
			struct sc_error *err)
{
	char identity[IDENTITY_DIGITS + 1];
	sc_autofree char *doomed = NULL;
	if (asprintf(&doomed, DOOMED_BEFORE "%s" DOOMED_BEHIND, name) < 0) {
		doomed = NULL;
		return sc_error_errno(err, -ENOMEM, "%s", entry->from);
	}
	/* From before a crash. */
	int rc = sc_io_remove_tree(dirfd, doomed);
	if (rc == 0)
		rc = identify(dirfd, name, identity);
	if (rc == -ENOENT)
		return 0;
	if (rc == 0 && strcmp(identity, entry->name) != 0)
		return 1;
	if (rc == 0 && renameat(dirfd, name, dirfd, doomed) < 0)
		rc = -errno;
	if (rc == 0)
		rc = sc_io_remove_tree(dirfd, doomed);
	*count += rc == 0;
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot remove it", entry->from) : 0;
}

/* The directory of an entry; the one before, when it is another, is synced. */
static int enter_directory(int parent_fd, const char *path, char **directory, int *fd, const char **ret_name)
{
	sc_autofree char *wanted = sc_io_directory_of(path, ret_name);
	if (!wanted)
		return -ENOMEM;
	if (*directory && strcmp(*directory, wanted) == 0)
		return 0;
	if (*fd >= 0 && (fsync(*fd) < 0 || close(sc_steal_fd(fd)) < 0))
		return -errno;
	*fd = openat(parent_fd, wanted, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(*directory);
	*directory = sc_steal_ptr(wanted);
	return *fd < 0 ? -errno : 0;
}

/* *ret_changed: the first part that is another by now and stays, for good, or NULL. The others go all the same. */
static int remove_all(const struct sc_output *output, const struct sc_movejournal *journal, size_t *count,
		      const char **ret_changed, int *ret_signal, struct sc_error *err)
{
	sc_autofree char *directory = NULL;
	sc_autoclose int fd = -1;
	*ret_changed = NULL;
	for (size_t i = 0; i < journal->nparts; i++) {
		const struct sc_moved_part *entry = &journal->parts[i];
		const char *name;
		*ret_signal = sc_signals_stopped(0);
		if (*ret_signal)
			return sc_error_set(err, -ECANCELED, "stopped before all subcubes were removed");
		int rc = enter_directory(output->parent_fd, entry->from, &directory, &fd, &name);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s: cannot open its directory", entry->from);
		rc = remove_entry(fd, name, entry, count, err);
		if (rc < 0)
			return rc;
		if (rc == 1 && !*ret_changed)
			*ret_changed = entry->from;
	}
	return fd >= 0 && fsync(fd) < 0 ? sc_error_errno(err, -errno, "%s: cannot sync it", directory) : 0;
}

/*
 * Only when nothing is left to be removed is the list not needed any more. Of a part that changed, made anew by another
 * run of the imager, it would be believed never again, and be in the way of whatever is to become of that.
 */
static int remove_listed(const struct sc_output *output, const struct sc_movejournal *journal, size_t *count,
			 int *ret_signal, struct sc_error *err)
{
	const char *changed;
	int rc = remove_all(output, journal, count, &changed, ret_signal, err);
	if (rc < 0)
		return rc;
	if (unlinkat(output->work_fd, SC_OUTPUT_REMOVAL, 0) < 0)
		return sc_error_errno(err, -errno, "%s: cannot remove the list of its subcubes", output->path);
	if (changed)
		return sc_error_set(err, -EEXIST, "%s changed since it was compared with %s, so it is not removed",
				    changed, output->path);
	return 0;
}

int sc_remove_list(struct sc_image *image, bool tmpdirs, struct sc_error *err)
{
	/* Parts that are announced are finished, whatever their times are. */
	int rc = image->options->follow == SC_FOLLOW_STDIN ? 0 : sc_image_check_settled(image, err);
	if (rc == 0)
		rc = look_again(image, err);
	if (rc == 0 && tmpdirs)
		rc = list_tmpdirs(image, err);
	if (rc < 0)
		return rc;
	rc = sc_move_write_journal(&image->removal, image->output.work_fd, SC_OUTPUT_REMOVAL, image->output.path, err);
	/* Nothing is removed, so nothing is unfinished. */
	if (rc < 0)
		sc_remove_forget(image);
	return rc;
}

void sc_remove_forget(const struct sc_image *image)
{
	unlinkat(image->output.work_fd, SC_OUTPUT_REMOVAL, 0);
}

int sc_remove_parts(const struct sc_image *image, size_t *count, int *ret_signal, struct sc_error *err)
{
	return remove_listed(&image->output, &image->removal, count, ret_signal, err);
}

bool sc_remove_is_unfinished(int work_fd)
{
	struct stat st;
	return fstatat(work_fd, SC_OUTPUT_REMOVAL, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

char *sc_remove_base(int work_fd)
{
	struct sc_movejournal journal;
	if (sc_movejournal_read(work_fd, "", SC_OUTPUT_REMOVAL, &journal, NULL) < 0)
		return NULL;
	char *base = sc_steal_ptr(journal.base);
	sc_movejournal_clear(&journal);
	return base;
}

static bool has_file(int image_fd, const char *file)
{
	struct stat st;
	return fstatat(image_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Whether NAME is a directory, and no link to one, with an image in it. */
static int check_image(const struct sc_output *output, struct sc_error *err)
{
	sc_autoclose int fd = -1;
	int rc = sc_output_open_image(output, &fd, err);
	if (rc == -EPERM || (rc == 0 && (has_file(fd, "table.dat") || has_file(fd, SC_IMAGECONCAT_FILE))))
		return rc;
	return sc_error_set(err, -ENOENT,
			    "%s is not there any more: what is left of its subcubes is kept; to begin anew, remove %s beside it",
			    output->path, output->work_name);
}

int sc_remove_resume(const struct sc_output *output, size_t *count, int *ret_signal, struct sc_error *err)
{
	struct sc_movejournal journal;
	int rc = check_image(output, err);
	if (rc == 0)
		rc = sc_movejournal_read(output->work_fd, output->work_name, SC_OUTPUT_REMOVAL, &journal, err);
	if (rc < 0)
		return rc;
	rc = remove_listed(output, &journal, count, ret_signal, err);
	sc_movejournal_clear(&journal);
	return rc;
}
