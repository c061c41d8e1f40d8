#include "partcheck.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

#include "workers.h"

/* -ESTALE names the part that is not. The file server is asked, for each file. */
static int check_one(const struct sc_view *view, size_t i, struct sc_error *err)
{
	const struct sc_part *part = &view->parts[i];
	for (unsigned node = 0; node < view->nnodes; node++) {
		if (view->nodes[node].kind != SC_NODE_ARRAY)
			continue;
		const struct sc_layout *layout = view->nodes[node].layout;
		if (sc_storage_is_fill(layout->slabs[i].storage))
			continue;
		char path[PATH_MAX];
		const char *file = layout->storages[layout->slabs[i].storage].file;
		if (snprintf(path, sizeof(path), "%s%s%s", part->name, *file ? "/" : "", file) >= (int)sizeof(path))
			return sc_error_errno(err, -ENAMETOOLONG, "%s", part->name);
		struct sc_file_id id;
		int rc = sc_file_id_ask_at(view->source->dirfd, path, 0, &id);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s", path);
		if (!sc_file_id_equal(&id, view->nodes[node].is_mask ? &part->mask_id : &part->pixels_id))
			return sc_error_set(err, -ESTALE, "%s changed while it was read", part->name);
	}
	return 0;
}

struct checks {
	const struct sc_view *view;
	pthread_mutex_t lock; /* guards the rest */
	size_t failed; /* the first part that is not what it was; nparts: none */
	int rc;
	struct sc_error err;
};

static void check(void *context, size_t i)
{
	struct checks *checks = context;
	struct sc_error err = { 0 };
	int rc = check_one(checks->view, i, &err);
	if (rc == 0)
		return;
	pthread_mutex_lock(&checks->lock);
	if (i < checks->failed) {
		checks->failed = i;
		checks->rc = rc;
		checks->err = err;
	}
	pthread_mutex_unlock(&checks->lock);
}

int sc_partcheck_all(const struct sc_view *view, struct sc_error *err)
{
	struct checks checks = { .view = view, .lock = PTHREAD_MUTEX_INITIALIZER, .failed = view->nparts };
	sc_workers_each(view->nparts, check, &checks);
	return checks.rc < 0 ? sc_error_set(err, checks.rc, "%s", checks.err.text) : 0;
}
