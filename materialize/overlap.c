#include "overlap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ioutil.h"

/* A directory that no part may be, or, when it is an output itself, may be in. */
struct place {
	dev_t device;
	ino_t inode;
	bool is_output; /* or a directory that one is in */
	const char *path; /* of the output */
};

struct places {
	size_t count, capacity;
	struct place *items;
};

static const struct place *find(const struct places *places, const struct stat *st, bool only_outputs)
{
	for (size_t i = 0; i < places->count; i++) {
		const struct place *place = &places->items[i];
		if (place->inode == st->st_ino && place->device == st->st_dev && (place->is_output || !only_outputs))
			return place;
	}
	return NULL;
}

static int add(struct places *places, const struct stat *st, bool is_output, const char *path)
{
	struct place *grown = sc_grow(places->items, places->count + 1, &places->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	places->items = grown;
	grown[places->count++] = (struct place){ st->st_dev, st->st_ino, is_output, path };
	return 0;
}

/* The directory above `*fd`, which is closed for it. 1: there is none, or none that this user may get to; or -errno. */
static int go_up(int *fd, struct stat *st)
{
	struct stat above;
	sc_autoclose int parent_fd = openat(*fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0 && errno == EACCES)
		return 1;
	if (parent_fd < 0 || fstat(parent_fd, &above) < 0)
		return -errno;
	if (above.st_ino == st->st_ino && above.st_dev == st->st_dev)
		return 1;
	*st = above;
	close(*fd);
	*fd = sc_steal_fd(&parent_fd);
	return 0;
}

/* The output, when it is there, and all directories that it is in. Those of outputs beside it are known already. */
static int add_output(struct places *places, const struct sc_output *output)
{
	struct stat st;
	sc_autoclose int fd = openat(output->parent_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;
	if (fd < 0)
		return -errno;
	if (fstatat(output->parent_fd, output->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		rc = add(places, &st, true, output->path);
	else if (errno != ENOENT)
		rc = -errno;
	if (rc == 0 && fstat(fd, &st) < 0)
		rc = -errno;
	while (rc == 0 && !find(places, &st, false)) {
		rc = add(places, &st, false, output->path);
		if (rc == 0)
			rc = go_up(&fd, &st);
	}
	return rc < 0 ? rc : 0;
}

/* Whether the directory is an output, or in one: *ret_place, else NULL. */
static int look_above(const struct places *places, int dirfd, const char *directory, const struct place **ret_place)
{
	struct stat st;
	sc_autoclose int fd = openat(dirfd, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*ret_place = NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	int rc = 0;
	while (rc == 0 && !(*ret_place = find(places, &st, true)))
		rc = go_up(&fd, &st);
	return rc < 0 ? rc : 0;
}

/* Parts mostly lie side by side, and their directory is looked at once. */
struct looker {
	const struct places *places;
	const struct sc_source *source;
	char *directory; /* of the part before; NULL at first */
};

static int refuse(const struct place *place, const char *part, const char *how, struct sc_error *err)
{
	return sc_error_set(err, -EINVAL, "%s %s the subcube %s: choose another output", place->path, how, part);
}

/* Another name of the part, without links, in place of one that is a link; the caller frees it. */
static char *real_name(const struct sc_source *source, const char *part)
{
	sc_autofree char *path = NULL;
	if (asprintf(&path, "/proc/self/fd/%d/%s", source->dirfd, part) < 0) {
		path = NULL;
		return NULL;
	}
	return realpath(part[0] == '/' ? part : path, NULL);
}

static int look_at(struct looker *looker, const char *part, const char *name, const struct stat *st,
		   struct sc_error *err)
{
	const struct place *place = find(looker->places, st, false);
	if (place)
		return refuse(place, part, place->is_output ? "is" : "lies in", err);
	const char *base;
	sc_autofree char *directory = sc_io_directory_of(name, &base);
	if (!directory)
		return sc_error_errno(err, -ENOMEM, "%s", part);
	if (looker->directory && strcmp(looker->directory, directory) == 0)
		return 0;
	int rc = look_above(looker->places, looker->source->dirfd, directory, &place);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot look at the directories that it is in", part);
	if (place)
		return refuse(place, part, "holds", err);
	free(looker->directory);
	looker->directory = sc_steal_ptr(directory);
	return 0;
}

static int look_at_part(struct looker *looker, const char *part, struct sc_error *err)
{
	struct stat st;
	sc_autofree char *real = NULL;
	int rc = fstatat(looker->source->dirfd, part, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	if (rc == 0 && S_ISLNK(st.st_mode)) {
		real = real_name(looker->source, part);
		rc = !real || lstat(real, &st) < 0 ? -errno : 0;
	}
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot look at it", part)
		      : look_at(looker, part, real ? real : part, &st, err);
}

static int look_at_parts(const struct places *places, const struct sc_view *view, struct sc_error *err)
{
	struct looker looker = { .places = places, .source = view->source };
	int rc = 0;
	for (size_t i = 0; i < view->nparts && rc == 0; i++) {
		if (!view->parts[i].blank)
			rc = look_at_part(&looker, view->parts[i].name, err);
	}
	free(looker.directory);
	return rc;
}

int sc_overlap_check(const struct sc_image *images, size_t nimages, struct sc_error *err)
{
	struct places places = { 0 };
	int rc = 0;
	for (size_t i = 0; i < nimages && rc == 0; i++) {
		if (!images[i].is_opened)
			continue;
		rc = add_output(&places, &images[i].output);
		if (rc < 0)
			sc_error_errno(err, rc, "%s: cannot look at it", images[i].path);
	}
	for (size_t i = 0; i < nimages && rc == 0; i++) {
		if (images[i].view)
			rc = look_at_parts(&places, images[i].view, err);
	}
	free(places.items);
	return rc;
}
