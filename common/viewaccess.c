#include "viewaccess.h"

#include "ioutil.h"
#include "workers.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The directories of a product's parts, looked at by several threads. */
struct directories {
	const struct sc_source *source;
	const struct sc_product *product;
	pthread_mutex_t lock; /* of `access` */
	struct sc_access access;
};

static void merge(struct directories *directories, const struct sc_access *one)
{
	pthread_mutex_lock(&directories->lock);
	sc_access_merge(&directories->access, one);
	pthread_mutex_unlock(&directories->lock);
}

/* A directory above a part. One that everybody may pass says nothing, whoever it belongs to. */
static void look_at_way(struct directories *directories, const char *path)
{
	struct stat st;
	struct sc_access one = { 0 };
	int dirfd = directories->source->dirfd;
	if (sc_source_stat(directories->source, path, &st, NULL) < 0)
		return;
	bool has_acl = sc_access_has_acl(dirfd, path);
	if ((st.st_mode & 0111) == 0111 && !has_acl)
		return;
	sc_access_add_way(&one, &st, has_acl);
	merge(directories, &one);
}

/* All directories in the path, but not what it leads to. Returns whether one of them is a link. Cuts and mends `path`. */
static bool look_at_ways(struct directories *directories, char *path)
{
	bool any_link = false;
	if (path[0] == '/')
		look_at_way(directories, "/");
	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		struct stat st;
		*slash = 0;
		look_at_way(directories, path);
		any_link |= fstatat(directories->source->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
		*slash = '/';
	}
	return any_link;
}

/* Where it cannot be told who may go there: nobody but who mounts. */
static void close_to_others(struct directories *directories)
{
	const struct stat none = { .st_mode = S_IFDIR };
	struct sc_access one = { 0 };
	sc_access_add_way(&one, &none, true);
	merge(directories, &one);
}

/* Where links lead, everything above counts: it need not lie in the source. */
static void look_at_target(struct directories *directories, const char *name)
{
	char target[PATH_MAX];
	sc_autoclose int fd = openat(directories->source->dirfd, name, O_PATH | O_CLOEXEC);
	sc_io_path_of(fd, target);
	if (target[0] == '/' && sc_source_check(directories->source, target, NULL) == 0) {
		look_at_ways(directories, target);
		return;
	}
	/* The mount may lie over it. */
	close_to_others(directories);
}

static void look_at_directory(struct directories *directories, const char *name)
{
	struct stat st;
	struct sc_access one = { 0 };
	int dirfd = directories->source->dirfd;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		int rc = sc_source_stat(directories->source, name, &st, NULL);
		if (sc_io_is_shortage(rc))
			close_to_others(directories);
		if (rc < 0)
			return;
		look_at_target(directories, name);
	}
	/* What is neither is no part; to look into the view tells the reader so. */
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return;
	/* A FITS image is a file; in the directory that is shown for it, who may read may search as well. */
	if (S_ISREG(st.st_mode))
		st.st_mode |= (st.st_mode & 0444) >> 2;
	sc_access_add(&one, &st, sc_access_has_acl(dirfd, name));
	merge(directories, &one);
}

/* Parts mostly lie side by side, and their way is looked at once. */
static bool has_the_way_of(const char *name, const char *other)
{
	const char *slash = strrchr(name, '/');
	return !slash || strncmp(name, other, (size_t)(slash - name) + 1) == 0;
}

static void look_at_part(void *context, size_t number)
{
	struct directories *directories = context;
	const struct sc_part_name *parts = directories->product->parts;
	sc_autofree char *path = NULL;
	int rc = sc_source_check_part(directories->source, parts[number].name, NULL);
	if (sc_io_is_shortage(rc))
		close_to_others(directories);
	if (rc < 0)
		return;
	bool is_new = strchr(parts[number].name, '/') &&
		      (number == 0 || !has_the_way_of(parts[number].name, parts[number - 1].name));
	if (is_new)
		path = strdup(parts[number].name);
	if (path && look_at_ways(directories, path))
		look_at_target(directories, path);
	look_at_directory(directories, parts[number].name);
}

void sc_view_directory_access(const struct sc_source *source, const struct sc_product *product,
			      struct sc_access *ret_access)
{
	struct directories directories = { .source = source, .product = product };
	char name[NAME_MAX + 1];
	pthread_mutex_init(&directories.lock, NULL);
	sc_workers_each(product->nparts, look_at_part, &directories);
	/* What is no loose part is in the directory that has the view's own name. */
	if (product->kind != SC_PRODUCT_PARTS &&
	    snprintf(name, sizeof(name), "%s%s", product->base, product->ext) < (int)sizeof(name))
		look_at_directory(&directories, name);
	pthread_mutex_destroy(&directories.lock);
	*ret_access = directories.access;
}
