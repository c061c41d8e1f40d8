#include "copied.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "copiedstate.h"
#include "ioutil.h"

static const char *const file_names[SC_COPIED_ARRAYS] = { SC_VIEW_PIXELS, SC_VIEW_MASK };

/* --- the files --- */

static void forget_array(struct sc_copied *copied, unsigned number)
{
	struct sc_copied_array *array = &copied->arrays[number];
	if (array->fd >= 0)
		close(array->fd);
	free(array->done);
	*array = (struct sc_copied_array){ .fd = -1 };
	unlinkat(copied->dirfd, file_names[number], 0);
}

void sc_copied_close(struct sc_copied *copied)
{
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++) {
		if (copied->arrays[i].fd >= 0)
			close(copied->arrays[i].fd);
		free(copied->arrays[i].done);
	}
	free(copied->parts);
	if (copied->dirfd >= 0)
		close(copied->dirfd);
	*copied = (struct sc_copied){ .dirfd = -1, .arrays = { { .fd = -1 }, { .fd = -1 } } };
}

/* What somebody else put there is not what we copied. */
static bool is_ours(const struct stat *st)
{
	return st->st_uid == geteuid();
}

/* The file that the state tells of. One that has a second name may be in a finished image. */
static bool open_array(struct sc_copied *copied, unsigned number, uint64_t inode)
{
	struct stat st;
	sc_autoclose int fd = openat(copied->dirfd, file_names[number], O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_ours(&st) || st.st_nlink != 1 ||
	    st.st_ino != inode || st.st_size != copied->arrays[number].form.size_bytes)
		return false;
	copied->arrays[number].fd = sc_steal_fd(&fd);
	return true;
}

static bool load(struct sc_copied *copied)
{
	uint64_t inodes[SC_COPIED_ARRAYS];
	struct stat st;
	if (fstat(copied->dirfd, &st) < 0 || !is_ours(&st) || sc_copiedstate_read(copied, inodes) < 0)
		return false;
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++) {
		if (copied->arrays[i].nlayers > 0 && !open_array(copied, i, inodes[i]))
			return false;
	}
	return true;
}

int sc_copied_open(int work_fd, const char *label, struct sc_copied *ret_copied, struct sc_error *err)
{
	struct sc_copied copied = { .dirfd = -1, .arrays = { { .fd = -1 }, { .fd = -1 } } };
	copied.dirfd = openat(work_fd, SC_COPIED_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (copied.dirfd >= 0 && load(&copied)) {
		*ret_copied = copied;
		return 0;
	}
	sc_copied_close(&copied);
	int rc = sc_io_remove_own_tree(work_fd, SC_COPIED_DIRECTORY);
	if (rc == 0 && mkdirat(work_fd, SC_COPIED_DIRECTORY, 0777) < 0)
		rc = -errno;
	if (rc == 0)
		copied.dirfd = openat(work_fd, SC_COPIED_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (rc == 0 && copied.dirfd < 0)
		rc = -errno;
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot make %s in its work directory", label, SC_COPIED_DIRECTORY);
	*ret_copied = copied;
	return 0;
}

int sc_copied_save(const struct sc_copied *copied, const char *label, struct sc_error *err)
{
	int rc = sc_copiedstate_write(copied);
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot note what is copied", label) : 0;
}

bool sc_copied_take(const struct sc_copied *copied, bool is_mask, int dirfd, const char *name)
{
	unsigned number = is_mask ? SC_COPIED_MASK : SC_COPIED_PIXELS;
	if (copied->arrays[number].fd < 0)
		return false;
	/* With two names, an interrupted end can be begun anew; some file systems have one only. */
	return linkat(copied->dirfd, file_names[number], dirfd, name, 0) == 0 ||
	       renameat(copied->dirfd, file_names[number], dirfd, name) == 0;
}

/* --- parts --- */

int sc_copied_node(const struct sc_view *view, unsigned array)
{
	for (unsigned i = 0; i < view->nnodes; i++) {
		if (view->nodes[i].kind == SC_NODE_ARRAY && view->nodes[i].is_mask == (array == SC_COPIED_MASK))
			return (int)i;
	}
	return -1;
}

static const struct sc_layout *layout_of(const struct sc_view *view, unsigned array)
{
	return array == SC_COPIED_PIXELS ? &view->pixels : view->has_mask ? &view->mask : NULL;
}

static struct sc_copied_form form_of(const struct sc_layout *layout)
{
	struct sc_copied_form form = { .ndim = layout->ndim,
				       .axis = layout->axis,
				       .type = layout->type,
				       .big_endian = layout->big_endian,
				       .size_bytes = (int64_t)layout->size_bytes };
	memcpy(form.shape, layout->shape, (size_t)layout->ndim * sizeof(form.shape[0]));
	memcpy(form.tile, layout->tile, (size_t)layout->ndim * sizeof(form.tile[0]));
	return form;
}

/* Layers that have some of its channels; an array without a file has none. */
static void forget_layers(struct sc_copied *copied, const struct sc_copied_part *part)
{
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++) {
		struct sc_copied_array *array = &copied->arrays[i];
		int64_t depth = array->form.tile[array->form.axis];
		for (int64_t k = array->done ? part->start / depth : 0;
		     k < array->nlayers && k * depth < part->start + part->count; k++)
			array->done[k] = false;
	}
}

static bool is_same_part(const struct sc_copied_part *a, const struct sc_copied_part *b)
{
	return a->start == b->start && a->count == b->count && a->number == b->number &&
	       sc_file_id_equal(&a->pixels_id, &b->pixels_id) && sc_file_id_equal(&a->mask_id, &b->mask_id);
}

/*
 * Both lists are by start: those of the old one that none of the new ones overlaps stay. 1: layers were forgotten, 0: none;
 * or -ENOMEM.
 */
static int merge_parts(struct sc_copied *copied, const struct sc_copied_part *now, size_t nnow, bool is_final)
{
	struct sc_copied_part *merged = calloc(copied->nparts + nnow + 1, sizeof(*merged));
	size_t count = 0, i = 0;
	bool has_forgotten = false;
	if (!merged)
		return -ENOMEM;
	for (size_t k = 0; k < nnow; k++) {
		for (; i < copied->nparts && copied->parts[i].start < now[k].start + now[k].count; i++) {
			const struct sc_copied_part *old = &copied->parts[i];
			bool is_before = old->start + old->count <= now[k].start;
			if (is_before && !is_final) {
				merged[count++] = *old;
			} else if (!is_same_part(old, &now[k])) {
				forget_layers(copied, old);
				has_forgotten = true;
			}
		}
		merged[count++] = now[k];
	}
	for (; i < copied->nparts; i++) {
		if (is_final) {
			forget_layers(copied, &copied->parts[i]);
			has_forgotten = true;
		} else {
			merged[count++] = copied->parts[i];
		}
	}
	free(copied->parts);
	copied->parts = merged;
	copied->nparts = count;
	return has_forgotten;
}

int sc_copied_match(struct sc_copied *copied, const struct sc_view *view, bool is_final)
{
	bool has_forgotten = false;
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++) {
		const struct sc_layout *layout = layout_of(view, i);
		struct sc_copied_array *array = &copied->arrays[i];
		if (!layout)
			continue;
		struct sc_copied_form form = form_of(layout);
		if (array->fd >= 0 && memcmp(&form, &array->form, sizeof(form)) == 0)
			continue;
		has_forgotten = has_forgotten || array->fd >= 0;
		bool *done = calloc((size_t)layout->ntiles[layout->axis], sizeof(*done));
		if (!done)
			return -ENOMEM;
		forget_array(copied, i);
		*array = (struct sc_copied_array){ -1, form, layout->ntiles[layout->axis], done };
	}
	size_t count = 0;
	sc_autofree struct sc_copied_part *now = calloc(view->nparts + 1, sizeof(*now));
	if (!now)
		return -ENOMEM;
	for (size_t i = 0; i < view->nparts; i++) {
		const struct sc_part *part = &view->parts[i];
		if (!part->blank)
			now[count++] =
			    (struct sc_copied_part){ view->pixels.slabs[i].start, view->pixels.slabs[i].count,
						     part->number, part->pixels_id, part->mask_id };
	}
	int rc = merge_parts(copied, now, count, is_final);
	return rc < 0 ? rc : has_forgotten || rc > 0;
}

/* --- layers --- */

static bool can_be_copied(const struct sc_view *view, const struct sc_layout *layout, int64_t layer, int64_t before_ns)
{
	int64_t depth = layout->tile[layout->axis], first = layer * depth;
	if (before_ns == INT64_MAX)
		return true;
	for (size_t i = sc_layout_find_slab(layout, first); i < layout->nslabs; i++) {
		if (layout->slabs[i].start >= first + depth)
			break;
		if (view->parts[i].blank || view->parts[i].identity.newest_ns > before_ns)
			return false;
	}
	return true;
}

static uint64_t layer_bytes(const struct sc_layout *layout)
{
	return layout->size_bytes / (uint64_t)layout->ntiles[layout->axis];
}

int sc_copied_plan(const struct sc_copied *copied, const struct sc_view *view, unsigned output, int64_t before_ns,
		   uint64_t task_bytes, uint64_t box_bytes, uint64_t most_bytes, struct sc_plan *plan, bool *ret_is_all)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < plan->ntasks; i++)
		bytes += plan->tasks[i].bytes;
	*ret_is_all = true;
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++) {
		const struct sc_layout *layout = layout_of(view, i);
		const struct sc_copied_array *array = &copied->arrays[i];
		int64_t first = 0, layer = 0;
		for (; layout && layer <= array->nlayers; layer++) {
			bool is_next = layer < array->nlayers && !array->done[layer] &&
				       can_be_copied(view, layout, layer, before_ns);
			if (is_next && bytes >= most_bytes)
				*ret_is_all = is_next = false;
			if (is_next)
				bytes += layer_bytes(layout);
			if (is_next)
				continue;
			if (layer > first && sc_plan_add_layers(plan, output, (unsigned)sc_copied_node(view, i), layout,
								first, layer - first, task_bytes, box_bytes) < 0)
				return -ENOMEM;
			first = layer + 1;
		}
	}
	return 0;
}

/* The array whose layers a task is of. */
static unsigned array_of(const struct sc_view *view, const struct sc_plan_task *task)
{
	return view->nodes[task->node].is_mask ? SC_COPIED_MASK : SC_COPIED_PIXELS;
}

void sc_copied_add(struct sc_copied *copied, const struct sc_view *view, const struct sc_plan *plan, unsigned output)
{
	for (size_t i = 0; i < plan->ntasks; i++) {
		const struct sc_plan_task *task = &plan->tasks[i];
		int axis = task->layout->axis;
		for (int64_t k = 0; task->output == output && k < task->count[axis]; k++)
			copied->arrays[array_of(view, task)].done[task->first[axis] + k] = true;
	}
}

bool sc_copied_is_empty(const struct sc_copied *copied)
{
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++) {
		const struct sc_copied_array *array = &copied->arrays[i];
		if (array->fd >= 0 && memchr(array->done, true, (size_t)array->nlayers * sizeof(*array->done)))
			return false;
	}
	return true;
}

static bool is_done(const struct sc_copied_array *array, int64_t first_layer, int64_t end_layer)
{
	for (int64_t k = first_layer; k < end_layer; k++) {
		if (array->fd < 0 || !array->done[k])
			return false;
	}
	return true;
}

size_t sc_copied_count(const struct sc_copied *copied, const struct sc_view *view)
{
	size_t count = 0;
	for (size_t i = 0; i < copied->nparts; i++) {
		const struct sc_copied_part *part = &copied->parts[i];
		bool all = true;
		for (unsigned k = 0; k < SC_COPIED_ARRAYS && all; k++) {
			const struct sc_layout *layout = layout_of(view, k);
			int64_t depth = layout ? layout->tile[layout->axis] : 1;
			all = !layout || is_done(&copied->arrays[k], part->start / depth,
						 (part->start + part->count - 1) / depth + 1);
		}
		count += all;
	}
	return count;
}

int sc_copied_plan_rest(const struct sc_copied *copied, const struct sc_view *view, unsigned output,
			uint64_t task_bytes, uint64_t box_bytes, struct sc_plan *plan, uint64_t *ret_bytes)
{
	size_t before = plan->ntasks;
	uint64_t bytes = 0;
	bool is_all;
	int rc = sc_copied_plan(copied, view, output, INT64_MAX, task_bytes, box_bytes, UINT64_MAX, plan, &is_all);
	if (rc == 0 && plan->ntasks == before) {
		int64_t last = view->pixels.ntiles[view->pixels.axis] - 1;
		rc = sc_plan_add_layers(plan, output, (unsigned)sc_copied_node(view, SC_COPIED_PIXELS), &view->pixels,
					last, 1, task_bytes, box_bytes);
	}
	if (rc < 0)
		return rc;
	for (size_t i = before; i < plan->ntasks; i++)
		bytes += plan->tasks[i].bytes;
	*ret_bytes = bytes;
	return 0;
}

uint64_t sc_copied_bytes(const struct sc_copied *copied, const struct sc_view *view)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++)
		bytes += copied->arrays[i].fd >= 0 && layout_of(view, i) ? layout_of(view, i)->size_bytes : 0;
	return bytes;
}
