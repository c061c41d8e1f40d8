#include "partlist.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "imageconcat.h"
#include "ioutil.h"
#include "movejournal.h"

/* Nearly all parts are in one directory, which is resolved once. */
struct resolver {
	const struct sc_view *view;
	char *directory, *real; /* of the part before */
};

char *sc_partlist_directory(const struct sc_source *source, const char *part)
{
	const char *name;
	sc_autofree char *directory = sc_io_directory_of(part, &name), *path = NULL;
	if (!directory)
		return NULL;
	if (directory[0] == '/')
		return realpath(directory, NULL);
	if (asprintf(&path, "%s/%s", source->path, directory) < 0) {
		path = NULL;
		return NULL;
	}
	return realpath(path, NULL);
}

int sc_partlist_path(const char *real_directory, const char *part, char **ret_path)
{
	const char *slash = strrchr(part, '/'), *separator = strcmp(real_directory, "/") == 0 ? "" : "/";
	char *path;
	if (asprintf(&path, "%s%s%s", real_directory, separator, slash ? slash + 1 : part) < 0)
		return -ENOMEM;
	*ret_path = path;
	return 0;
}

static int resolve(struct resolver *resolver, const char *part, char **ret_path, struct sc_error *err)
{
	const char *name;
	sc_autofree char *directory = sc_io_directory_of(part, &name);
	if (!directory)
		return sc_error_errno(err, -ENOMEM, "%s", part);
	if (!resolver->real || strcmp(resolver->directory, directory) != 0) {
		free(resolver->directory);
		free(resolver->real);
		resolver->directory = sc_steal_ptr(directory);
		resolver->real = sc_partlist_directory(resolver->view->source, part);
		if (!resolver->real)
			return sc_error_errno(err, -errno, "%s: cannot resolve its directory", part);
	}
	int rc = sc_partlist_path(resolver->real, part, ret_path);
	return rc < 0 ? sc_error_errno(err, rc, "%s", part) : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(const struct sc_partlist *list, const char *label, struct sc_error *err)
{
	static const char *const taken[] = { SC_IMAGECONCAT_FILE,
					     SC_IMAGECONCAT_FILE ".part",
					     SC_MOVEJOURNAL_FILE,
					     SC_MOVEJOURNAL_DONE,
					     ".",
					     "..",
					     "" };
	sc_autofree char **sorted = calloc(list->count, sizeof(*sorted));
	if (!sorted)
		return sc_error_errno(err, -ENOMEM, "%s", label);
	memcpy(sorted, list->names, list->count * sizeof(*sorted));
	qsort(sorted, list->count, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0 && strcmp(sorted[i - 1], sorted[i]) == 0)
			return sc_error_set(err, -EINVAL,
					    "%s: more than one image is called %s, they cannot both be in it", label,
					    sorted[i]);
		for (size_t k = 0; k < SC_COUNT_OF(taken); k++) {
			if (strcmp(sorted[i], taken[k]) == 0)
				return sc_error_set(err, -EINVAL, "%s: an image called '%s' cannot be in it", label,
						    sorted[i]);
		}
	}
	return 0;
}

static int fill(const struct sc_view *view, bool inside, const char *label, struct sc_partlist *list,
		struct sc_error *err)
{
	struct resolver resolver = { .view = view };
	int rc = 0;
	list->paths = calloc(view->nparts, sizeof(*list->paths));
	list->names = calloc(view->nparts, sizeof(*list->names));
	if (!list->paths || !list->names)
		return sc_error_errno(err, -ENOMEM, "%s", label);
	for (size_t i = 0; i < view->nparts && rc == 0; i++) {
		const char *name = view->parts[i].name;
		if (view->parts[i].blank)
			rc = sc_error_set(err, -EINVAL,
					  "%s: a virtual image cannot have blank channels, but %s %s missing: use "
					  "--mode paged, or --missing skip",
					  label, name, strstr(name, " to ") ? "are" : "is");
		if (rc == 0)
			rc = resolve(&resolver, name, &list->paths[i], err);
		if (rc < 0)
			break;
		list->count++;
		list->names[i] = strrchr(list->paths[i], '/') + 1;
	}
	free(resolver.directory);
	free(resolver.real);
	return rc == 0 && inside ? check_names(list, label, err) : rc;
}

int sc_partlist_make(const struct sc_view *view, bool inside, const char *label, struct sc_partlist *ret_list,
		     struct sc_error *err)
{
	struct sc_partlist list = { 0 };
	int rc = fill(view, inside, label, &list, err);
	if (rc < 0)
		sc_partlist_clear(&list);
	else
		*ret_list = list;
	return rc;
}

void sc_partlist_clear(struct sc_partlist *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->paths);
	free(list->names);
	*list = (struct sc_partlist){ 0 };
}
