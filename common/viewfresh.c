#include "viewfresh.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "workers.h"

/* --- the history --- */

/* The log table of one part. A FITS image has its history in its own file. */
static int add_history(const struct sc_view *view, const struct sc_part *part, struct sc_identity *identity)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/logtable", part->name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return sc_identity_add_directory(identity, view->source->dirfd, path);
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

/* Adds a file of the part. Network file systems are asked to tell what is, not what they remember. */
static bool add_file(int dirfd, const char *path, mode_t kind, struct sc_identity *identity, struct sc_file_id *ret_id)
{
	struct statx stx;
	if (statx(dirfd, path, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &stx) < 0 || (stx.stx_mode & S_IFMT) != kind)
		return false;
	const struct sc_file_id id = sc_file_id_of_statx(&stx);
	sc_identity_add(identity, &id);
	if (ret_id)
		*ret_id = id;
	return true;
}

/* Adds the file `name`, of `length` bytes, in the part. */
static bool add_inner(const struct check *check, const struct sc_part *part, const char *name, size_t length,
		      struct sc_identity *identity, struct sc_file_id *ret_id)
{
	char path[PATH_MAX];
	return snprintf(path, sizeof(path), "%s/%.*s", part->name, (int)length, name) < (int)sizeof(path) &&
	       add_file(check->view->source->dirfd, path, S_IFREG, identity, ret_id);
}

/* Adds what belongs to the data file `file` ("mask0/table.f0_TSM0"): table.dat, table.f0 and the file itself. */
static bool add_table(const struct check *check, const struct sc_part *part, const char *file,
		      struct sc_identity *identity, struct sc_file_id *ret_id)
{
	char table[PATH_MAX];
	const char *slash = strrchr(file, '/'), *end = strstr(slash ? slash : file, "_TSM");
	int directory = slash ? (int)(slash - file) + 1 : 0;
	snprintf(table, sizeof(table), "%.*stable.dat", directory, file);
	return end && add_inner(check, part, table, strlen(table), identity, NULL) &&
	       add_inner(check, part, file, (size_t)(end - file), identity, NULL) &&
	       add_inner(check, part, file, strlen(file), identity, ret_id);
}

/* The directory that the mask is in. */
static bool add_mask_directory(const struct check *check, const struct sc_part *part, const char *file,
			       struct sc_identity *identity)
{
	char path[PATH_MAX];
	const char *slash = strrchr(file, '/');
	return slash && snprintf(path, sizeof(path), "%s/%.*s", part->name, (int)(slash - file), file) < (int)sizeof(path) &&
	       add_file(check->view->source->dirfd, path, S_IFDIR, identity, NULL);
}

/* In the order of sc_subcube.identity. */
static bool is_fresh(const struct check *check, size_t number)
{
	const struct sc_view *view = check->view;
	struct sc_part *part = &view->parts[number];
	struct sc_identity identity = { 0 };
	uint32_t mask = view->has_mask ? view->mask.slabs[number].storage : SC_STORAGE_ONES;
	const char *pixels_file = view->pixels.storages[view->pixels.slabs[number].storage].file;
	const char *mask_file = sc_storage_is_fill(mask) ? NULL : view->mask.storages[mask].file;
	bool is_fits = !pixels_file[0], same;
	if (is_fits) {
		same = add_file(view->source->dirfd, part->name, S_IFREG, &identity, &part->pixels_id);
		if (mask_file)
			part->mask_id = part->pixels_id;
	} else {
		same = add_file(view->source->dirfd, part->name, S_IFDIR, &identity, NULL) &&
		       add_table(check, part, pixels_file, &identity, &part->pixels_id) &&
		       (!mask_file || (add_mask_directory(check, part, mask_file, &identity) &&
				       add_table(check, part, mask_file, &identity, &part->mask_id)));
	}
	return same && sc_identity_equal(&identity, &part->identity);
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
