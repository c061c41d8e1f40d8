#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "imageconcat.h"
#include "ioutil.h"
#include "movejournal.h"

/* A catalog that holds nothing but itself: 1; another directory: 0. Of parts in it there may be no other copy. */
static int look_for_parts(const struct sc_replace *replace, int fd, struct sc_error *err)
{
	int is_moving = sc_io_exists(fd, SC_MOVEJOURNAL_FILE), is_catalog = sc_io_exists(fd, SC_IMAGECONCAT_FILE);
	if (is_moving > 0) {
		sc_movejournal_report(replace->label, err);
		return -EEXIST;
	}
	if (is_moving < 0 || is_catalog < 0)
		return sc_error_errno(err, is_moving < 0 ? is_moving : is_catalog, "%s: cannot look into it",
				      replace->label);
	if (!is_catalog)
		return 0;
	sc_autoclosedir DIR *dir = NULL;
	int rc = sc_io_open_directory(fd, ".", 0, &dir);
	bool has_parts = false;
	const char *name;
	while (rc >= 0 && !has_parts && (rc = sc_io_next_entry(dir, &name)) > 0)
		has_parts = strcmp(name, SC_IMAGECONCAT_FILE) != 0;
	/* A listing that broke off says nothing about parts. */
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot look into it", replace->label);
	if (!has_parts)
		return 1;
	return sc_error_set(err, -EEXIST,
			    "%s holds subcubes, which are never replaced: take it apart with --undo, or choose another "
			    "output with -o",
			    replace->label);
}

/* casacore writes into table.info what kind of table it is; only of an image it says so. */
static bool says_image(int dirfd)
{
	static const char words[] = "Type = Image\n";
	char text[sizeof(words) - 1];
	sc_autoclose int fd = openat(dirfd, "table.info", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && sc_io_pread_full(fd, text, sizeof(text), 0) == 0 && memcmp(text, words, sizeof(text)) == 0;
}

int sc_replace_look(const struct sc_replace *replace, struct sc_error *err)
{
	struct stat st;
	if (fstatat(replace->parent_fd, replace->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return sc_error_errno(err, -errno, "%s: cannot look at it", replace->label);
	}
	if (S_ISLNK(st.st_mode))
		return sc_error_set(err, -EEXIST, "%s is a symbolic link, which is never replaced", replace->label);
	if (!S_ISDIR(st.st_mode))
		return sc_error_set(err, -EEXIST, "%s exists and is no image, which is never replaced", replace->label);
	sc_autoclose int fd =
	    openat(replace->parent_fd, replace->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sc_error_errno(err, -errno, "%s: cannot look at it", replace->label);
	int rc = look_for_parts(replace, fd, err);
	if (rc < 0 || rc == 1)
		return rc;
	if (fstatat(fd, "table.dat", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return sc_error_set(err, -EEXIST, "%s exists and is no image (no table.dat in it), never replaced",
				    replace->label);
	if (!says_image(fd))
		return sc_error_set(err, -EEXIST, "%s exists and is another table (no image by its table.info), never replaced",
				    replace->label);
	return 1;
}

static void step_done(const struct sc_replace *replace, int step)
{
	if (replace->after_step)
		replace->after_step(step);
}

/* Whether the file system (or kernel) does not know a flag of renameat2; the others are real failures. */
static bool is_unknown_flag(int rc)
{
	return rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP;
}

static int rename_flagged(const struct sc_replace *replace, unsigned flags)
{
	if (replace->plain)
		return -EINVAL;
	if (renameat2(replace->work_fd, SC_REPLACE_IMAGE, replace->parent_fd, replace->name, flags) < 0)
		return -errno;
	return 0;
}

static int sync_both(const struct sc_replace *replace, struct sc_error *err)
{
	if (fsync(replace->parent_fd) < 0 || fsync(replace->work_fd) < 0)
		return sc_error_errno(err, -errno, "%s: cannot sync its directory", replace->label);
	return 0;
}

static int put_in_place(const struct sc_replace *replace, struct sc_error *err)
{
	int rc = rename_flagged(replace, RENAME_NOREPLACE);
	/* Plain rename puts a directory only in place of nothing or an empty one. */
	if (is_unknown_flag(rc)) {
		rc = sc_io_exists(replace->parent_fd, replace->name);
		rc = rc > 0 ? -EEXIST : rc;
		if (rc == 0 && renameat(replace->work_fd, SC_REPLACE_IMAGE, replace->parent_fd, replace->name) < 0)
			rc = -errno;
	}
	if (rc == -EEXIST || rc == -ENOTEMPTY || rc == -ENOTDIR)
		return sc_error_set(err, -EEXIST, "%s exists: something else made it in the meantime", replace->label);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot rename to it", replace->label);
	return 0;
}

static int write_journal(const struct sc_replace *replace)
{
	sc_autoclose int fd =
	    openat(replace->work_fd, SC_REPLACE_JOURNAL, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	/* Its being there is what counts; the text is for whoever finds it. */
	char text[512];
	int length = snprintf(text, sizeof(text),
			      "subcube-materialize: replacing %.255s: old is what it was, "
			      "image what it becomes\n",
			      replace->name);
	int rc = sc_io_write_full(fd, text, (size_t)length);
	if (rc == 0 && (fsync(fd) < 0 || fsync(replace->work_fd) < 0))
		rc = -errno;
	return rc;
}

static int replace_in_two_steps(const struct sc_replace *replace, struct sc_error *err)
{
	int rc = write_journal(replace);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot write the journal for replacing it", replace->label);
	step_done(replace, 1);
	if (renameat(replace->parent_fd, replace->name, replace->work_fd, SC_REPLACE_OLD) < 0)
		return sc_error_errno(err, -errno, "%s: cannot move the old one away", replace->label);
	rc = sync_both(replace, err);
	step_done(replace, 2);
	if (rc == 0)
		rc = put_in_place(replace, err);
	if (rc < 0) {
		/* What cannot be put back is kept: the journal stays, and the next run tries again. */
		if (renameat(replace->work_fd, SC_REPLACE_OLD, replace->parent_fd, replace->name) == 0)
			sync_both(replace, NULL);
		return rc;
	}
	step_done(replace, 3);
	return 0;
}

/* Takes a commit back whose directory could not be synced: the old image must not go for one that may be lost. */
static void undo(const struct sc_replace *replace, bool is_replaced, bool is_exchanged)
{
	if (is_exchanged) {
		rename_flagged(replace, RENAME_EXCHANGE);
		return;
	}
	if (renameat(replace->parent_fd, replace->name, replace->work_fd, SC_REPLACE_IMAGE) == 0 && is_replaced)
		renameat(replace->work_fd, SC_REPLACE_OLD, replace->parent_fd, replace->name);
}

int sc_replace_commit(const struct sc_replace *replace, bool overwrite, struct sc_error *err)
{
	if (fsync(replace->work_fd) < 0)
		return sc_error_errno(err, -errno, "%s: cannot sync its directory", replace->label);
	int there = overwrite ? sc_replace_look(replace, err) : 0;
	if (there < 0)
		return there;
	int rc;
	bool is_exchanged = false;
	if (!there) {
		rc = put_in_place(replace, err);
	} else {
		rc = rename_flagged(replace, RENAME_EXCHANGE);
		is_exchanged = rc == 0;
		if (is_unknown_flag(rc))
			rc = replace_in_two_steps(replace, err);
		else if (rc < 0)
			sc_error_errno(err, rc, "%s: cannot exchange it with the new one", replace->label);
	}
	if (rc < 0)
		return rc;
	rc = sync_both(replace, err);
	if (rc < 0)
		undo(replace, there, is_exchanged);
	return rc;
}

int sc_replace_repair(const struct sc_replace *replace, struct sc_error *err)
{
	int has_old = sc_io_exists(replace->work_fd, SC_REPLACE_OLD);
	/* The journal is removed after the old image, so without it there is none. */
	int is_journaled = sc_io_exists(replace->work_fd, SC_REPLACE_JOURNAL);
	int has_image = sc_io_exists(replace->work_fd, SC_REPLACE_IMAGE);
	int has_name = sc_io_exists(replace->parent_fd, replace->name);
	const int looks[] = { has_old, is_journaled, has_image, has_name };
	for (size_t i = 0; i < SC_COUNT_OF(looks); i++) {
		if (looks[i] < 0)
			return sc_error_errno(err, looks[i], "%s: cannot see what an interrupted run left", replace->label);
	}
	if (!has_old)
		return 0;
	if (has_name && (has_image || !is_journaled))
		return sc_error_set(err, -EEXIST,
				    "%s was made by something else while it was being replaced; its former content "
				    "is kept in the hidden .%s.subcube-materialize/%s beside it: move that away first",
				    replace->label, replace->name, SC_REPLACE_OLD);
	if (has_name)
		return 0;
	const char *from = has_image && is_journaled ? SC_REPLACE_IMAGE : SC_REPLACE_OLD;
	if (renameat(replace->work_fd, from, replace->parent_fd, replace->name) < 0)
		return sc_error_errno(err, -errno, "%s: cannot finish what an interrupted run began", replace->label);
	return sync_both(replace, err);
}
