#include "viewfresh.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>

#include "ioutil.h"
#include "workers.h"

/* --- the history --- */

/* A log table has 5. */
#define MAX_FILES 64

static int add_file(const struct sc_source *source, const char *directory, const char *name,
		    struct sc_identity *identity)
{
	char path[PATH_MAX];
	struct stat st;
	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int rc = sc_source_stat(source, path, &st, NULL);
	if (rc < 0)
		return rc;
	const struct sc_file_id id = sc_file_id_of(&st);
	sc_identity_add_name(identity, name);
	sc_identity_add(identity, &id);
	return 0;
}

static int add_directory(const struct sc_source *source, const char *path, DIR *dir, struct sc_identity *identity)
{
	sc_autoionames struct sc_io_names names = { 0 };
	struct stat st;
	if (fstat(dirfd(dir), &st) < 0)
		return -errno;
	const struct sc_file_id id = sc_file_id_of(&st);
	sc_identity_add(identity, &id);
	int rc = sc_io_names_add(&names, dir);
	if (rc == 0 && names.count > MAX_FILES)
		rc = -E2BIG;
	for (size_t i = 0; rc == 0 && i < names.count; i++)
		rc = add_file(source, path, names.items[i], identity);
	return rc;
}

/* The log table of one part: that it has none is a state too. A FITS image has its history in its own file. */
static int add_history(const struct sc_view *view, const struct sc_part *part, struct sc_identity *identity)
{
	char path[PATH_MAX];
	sc_autoclosedir DIR *dir = NULL;
	if (snprintf(path, sizeof(path), "%s/logtable", part->name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int rc = sc_source_check(view->source, path, NULL);
	if (rc == 0)
		rc = sc_io_open_directory(view->source->dirfd, path, 0, &dir);
	if (rc == 0)
		return add_directory(view->source, path, dir, identity);
	if (rc != -ENOENT && rc != -ENOTDIR)
		return rc;
	sc_identity_add_name(identity, "absent");
	return 0;
}

static int history_of(const struct sc_view *view, bool all_history, struct sc_identity *ret_identity)
{
	struct sc_identity identity = { 0 };
	int rc = 0;
	bool any = false;
	for (size_t i = 0; rc == 0 && i < view->nparts && (all_history || !any); i++) {
		if (view->parts[i].blank)
			continue;
		any = true;
		rc = add_history(view, &view->parts[i], &identity);
	}
	if (rc == 0)
		*ret_identity = identity;
	return rc;
}

int sc_viewfresh_note_history(struct sc_view *view, bool all_history)
{
	return history_of(view, all_history, &view->history);
}

/* --- the parts --- */

struct check {
	struct sc_view *view;
	atomic_bool stale;
};

static bool look_at_part(const struct sc_view *view, size_t number, struct sc_subcube_seen *ret_seen)
{
	const struct sc_part *part = &view->parts[number];
	uint32_t mask = view->has_mask ? view->mask.slabs[number].storage : SC_STORAGE_ONES;
	const struct sc_subcube_files files = {
		.name = part->name,
		.pixels = view->pixels.storages[view->pixels.slabs[number].storage].file,
		.mask = sc_storage_is_fill(mask) ? NULL : view->mask.storages[mask].file,
	};
	return sc_subcube_look(view->source, &files, true, ret_seen) &&
	       sc_identity_equal(&ret_seen->identity, &part->identity);
}

bool sc_viewfresh_part(const struct sc_view *view, size_t number)
{
	struct sc_subcube_seen seen;
	return look_at_part(view, number, &seen);
}

static bool is_fresh(const struct check *check, size_t number)
{
	struct sc_part *part = &check->view->parts[number];
	struct sc_subcube_seen seen;
	if (!look_at_part(check->view, number, &seen))
		return false;
	part->pixels_id = seen.pixels_id;
	if (!sc_storage_is_fill(check->view->has_mask ? check->view->mask.slabs[number].storage : SC_STORAGE_ONES))
		part->mask_id = seen.mask_id;
	return true;
}

static void check_part(void *context, size_t number)
{
	struct check *check = context;
	if (check->view->parts[number].blank || atomic_load_explicit(&check->stale, memory_order_relaxed))
		return;
	if (!is_fresh(check, number))
		atomic_store(&check->stale, true);
}

bool sc_viewfresh_check(struct sc_view *view, bool all_history)
{
	struct sc_identity history;
	if (history_of(view, all_history, &history) < 0 || !sc_identity_equal(&history, &view->history))
		return false;
	struct check check = { .view = view };
	sc_workers_each(view->nparts, check_part, &check);
	return !check.stale;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t sc_viewfresh_pixels_newest_ns(const struct sc_view *view)
{
	int64_t newest_ns = 0;
	for (unsigned i = 0; i < view->nnodes; i++)
		newest_ns = later(newest_ns, later(view->nodes[i].id.mtime_ns, view->nodes[i].id.ctime_ns));
	for (size_t i = 0; i < view->nparts; i++)
		newest_ns = later(newest_ns, view->parts[i].identity.newest_ns);
	return newest_ns;
}

int64_t sc_viewfresh_newest_ns(const struct sc_view *view)
{
	return later(view->history.newest_ns, sc_viewfresh_pixels_newest_ns(view));
}
