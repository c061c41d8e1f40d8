#include "remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ioutil.h"
#include "partcheck.h"

int sc_remove_check(const struct sc_image *image, struct sc_error *err)
{
	for (size_t i = 0; i < image->view->nparts; i++) {
		if (image->view->parts[i].blank)
			continue;
		/* Real, so that no link hides it. */
		sc_autofree char *name = NULL;
		if (asprintf(&name, "/proc/self/fd/%d/%s", image->view->source->dirfd, image->view->parts[i].name) < 0)
			return sc_error_errno(err, -ENOMEM, "%s", image->path);
		sc_autofree char *path = realpath(name, NULL);
		size_t length = path ? strlen(path) : 0;
		const char *parent = image->output.parent_path;
		if (path && strncmp(parent, path, length) == 0 && (parent[length] == '/' || parent[length] == 0))
			return sc_error_set(err, -EINVAL, "%s would be removed together with the subcube it is in",
					    image->path);
	}
	return 0;
}

/* ".cube.subcube.3.tmpdir" for "cube.subcube.3.image". */
static int remove_tmpdir(int dirfd, const char *part, const char *ext)
{
	const char *slash = strrchr(part, '/'), *name = slash ? slash + 1 : part;
	size_t length = strlen(name), ext_length = strlen(ext);
	if (ext_length == 0 || length <= ext_length || strcmp(name + length - ext_length, ext) != 0)
		return 0;
	sc_autofree char *path = NULL;
	if (asprintf(&path, "%.*s.%.*s.tmpdir", (int)(name - part), part, (int)(length - ext_length), name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return sc_io_remove_tree(dirfd, path);
}

static int remove_part(const struct sc_image *image, size_t i, bool tmpdirs, size_t *count, struct sc_error *err)
{
	int dirfd = image->view->source->dirfd;
	const char *name = image->view->parts[i].name;
	struct stat st;
	int rc = sc_partcheck_one(image->view, i, err);
	if (rc < 0)
		return rc;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return sc_error_errno(err, -errno, "%s: cannot remove it", name);
	if (S_ISLNK(st.st_mode))
		return sc_error_set(err, -EINVAL, "%s is a symbolic link: what it names is not removed", name);
	rc = sc_io_remove_tree(dirfd, name);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot remove it", name);
	++*count;
	rc = tmpdirs ? remove_tmpdir(dirfd, name, image->ext) : 0;
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot remove the imager's temporary directory", name) : 0;
}

int sc_remove_parts(const struct sc_image *images, size_t nimages, bool tmpdirs, size_t *ret_count,
		    struct sc_error *err)
{
	int rc = 0;
	*ret_count = 0;
	for (size_t i = 0; i < nimages && rc == 0; i++)
		rc = sc_partcheck_all(images[i].view, err);
	for (size_t i = 0; i < nimages; i++) {
		const struct sc_view *view = images[i].view;
		for (size_t k = 0; k < view->nparts && rc == 0; k++) {
			if (!view->parts[k].blank)
				rc = remove_part(&images[i], k, tmpdirs, ret_count, err);
		}
	}
	return rc;
}
