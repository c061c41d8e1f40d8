#include "partcheck.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

int sc_partcheck_one(const struct sc_view *view, size_t i, struct sc_error *err)
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

int sc_partcheck_all(const struct sc_view *view, struct sc_error *err)
{
	for (size_t i = 0; i < view->nparts; i++) {
		int rc = sc_partcheck_one(view, i, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
