#include "image.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "catalog.h"
#include "copytree.h"
#include "imageconcat.h"
#include "move.h"
#include "partcheck.h"
#include "partlock.h"
#include "settling.h"

static enum sc_mode mode_of(const struct sc_image *image)
{
	return image->options->mode;
}

void sc_image_set_view(struct sc_image *image, const struct sc_view *view)
{
	image->view = view;
	if (mode_of(image) == SC_MODE_PAGED) {
		image->array_bytes = view->pixels.size_bytes + (view->has_mask ? view->mask.size_bytes : 0);
	} else if (mode_of(image) == SC_MODE_COPYVIRTUAL) {
		for (size_t i = 0; i < view->nparts; i++)
			image->array_bytes += sc_plan_part_bytes(&view->parts[i]);
	}
}

bool sc_image_is_pending(const struct sc_image *image)
{
	return !image->is_made && image->error.code == 0;
}

/* Whether all of an array's file will share blocks of the parts. Right for whole tiles of the usual block. */
static bool is_cloned(const struct sc_node *node)
{
	struct sc_piece piece;
	if (node->kind != SC_NODE_ARRAY || node->layout->tile_bytes % 4096 != 0)
		return false;
	sc_layout_piece(node->layout, 0, node->size_bytes, &piece);
	return piece.kind == SC_PIECE_RANGE && piece.file_offset % 4096 == 0;
}

bool sc_image_can_clone(const struct sc_image *image)
{
	struct stat here, there;
	return image->options->reflink != SC_REFLINK_NEVER && sc_clone_is_likely(image->output.parent_fd) &&
	       fstat(image->output.parent_fd, &here) == 0 && fstat(image->view->source->dirfd, &there) == 0 &&
	       here.st_dev == there.st_dev;
}

uint64_t sc_image_bytes_needed(const struct sc_image *image)
{
	enum sc_mode mode = mode_of(image);
	bool clones = sc_image_can_clone(image);
	if (mode == SC_MODE_COPYVIRTUAL)
		return clones ? 0 : image->array_bytes;
	if (mode != SC_MODE_PAGED)
		return 0;
	uint64_t bytes = sc_write_bytes(image->view);
	for (unsigned i = 0; clones && i < image->view->nnodes; i++) {
		if (is_cloned(&image->view->nodes[i]))
			bytes -= image->view->nodes[i].size_bytes;
	}
	uint64_t copied = image->copied ? sc_copied_bytes(image->copied, image->view) : 0;
	return bytes > copied ? bytes - copied : 0;
}

char *sc_image_base(const struct sc_image *image)
{
	const char *name = image->output.name;
	size_t length = strlen(name), ext_length = strlen(image->ext);
	if (length > ext_length && strcmp(name + length - ext_length, image->ext) == 0)
		length -= ext_length;
	return strndup(name, length);
}

static int prepare_move(struct sc_image *image, struct sc_error *err)
{
	sc_autofree char *base = sc_image_base(image);
	int rc = sc_move_check(&image->parts, &image->output, err);
	if (rc == 0 && !base)
		rc = sc_error_errno(err, -ENOMEM, "%s", image->path);
	return rc == 0 ? sc_move_prepare(&image->parts, &image->output, base, err) : rc;
}

static int create_virtual(struct sc_image *image, struct sc_error *err)
{
	enum sc_mode mode = mode_of(image);
	bool inside = mode != SC_MODE_NOMOVE;
	const char *file = mode == SC_MODE_MOVEVIRTUAL ? SC_MOVE_CATALOG_PART : SC_IMAGECONCAT_FILE;
	int rc = sc_partlist_make(image->view, inside, image->path, &image->parts, err);
	if (rc == 0)
		rc = sc_catalog_write(image->view, &image->parts, &image->output, file, inside,
				      !image->options->no_tempclose, err);
	if (rc == 0 && mode == SC_MODE_MOVEVIRTUAL)
		rc = prepare_move(image, err);
	return rc;
}

int sc_image_lock(struct sc_image *image, struct sc_error *err)
{
	const struct sc_view *view = image->view;
	bool takes = mode_of(image) == SC_MODE_MOVEVIRTUAL || image->options->remove_parts;
	int rc = sc_output_lock(&image->output, err);
	for (size_t i = 0; rc == 0 && image->part_fd < 0 && i < view->nparts; i++) {
		if (!view->parts[i].blank)
			rc = sc_partlock_take(view->source->dirfd, view->parts[i].name, takes, &image->part_fd, err);
	}
	return rc;
}

int sc_image_create(struct sc_image *image, struct sc_error *err)
{
	int rc = sc_output_create(&image->output, err);
	if (rc < 0)
		return rc;
	if (mode_of(image) != SC_MODE_PAGED)
		return create_virtual(image, err);
	rc = sc_write_create(image->view, image->output.image_fd, image->path, image->copied, image->options->reflink,
			     &image->write, err);
	image->is_created = rc == 0;
	return rc;
}

/* Hands on what copytree tells of progress. */
struct part_progress {
	struct sc_copier *copier;
	unsigned output;
};

static int advance(void *context, uint64_t bytes)
{
	const struct part_progress *progress = context;
	return progress->copier->advance ? progress->copier->advance(progress->copier->context, progress->output, bytes)
					 : 0;
}

static int run_parts(const struct sc_image *image, struct sc_copier *copier, const struct sc_plan_task *task,
		     struct sc_error *err)
{
	struct part_progress progress = { copier, task->output };
	struct sc_copytree copy = { copier->buffer, SC_COPIER_BUFFER_BYTES, advance, &progress,
				    &copier->cloner };
	int dirfd = image->view->source->dirfd;
	for (int64_t i = task->first[0]; i < task->first[0] + task->count[0]; i++) {
		const char *from = image->view->parts[i].name, *to = image->parts.names[i];
		int rc = copier->compare ? sc_copytree_compare(&copy, dirfd, from, image->output.image_fd, to, err)
					 : sc_copytree_copy(&copy, dirfd, from, image->output.image_fd, to, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int sc_image_run_task(const struct sc_image *image, struct sc_copier *copier, const struct sc_plan_task *task,
		      struct sc_error *err)
{
	if (!task->layout)
		return run_parts(image, copier, task, err);
	return sc_task_run(copier, task, image->view, image->write.fds[task->node], image->path, err);
}

int sc_image_complete(const struct sc_image *image, struct sc_error *err)
{
	int rc = sc_partcheck_all(image->view, err);
	if (rc == 0 && image->is_created)
		rc = sc_write_sync(&image->write, image->path, err);
	if (rc == 0)
		rc = sc_output_sync(&image->output, err);
	return rc;
}

void sc_image_read_back(const struct sc_image *image)
{
	if (image->is_created)
		sc_write_read_back(&image->write);
}

int sc_image_compare(const struct sc_image *image, struct sc_error *err)
{
	int rc = sc_partcheck_all(image->view, err);
	if (rc == 0 && image->is_created)
		rc = sc_write_compare(image->view, image->output.image_fd, image->path, err);
	return rc;
}

/* All or nothing: what cannot be finished is put back at once. */
static int move_parts(struct sc_image *image, struct sc_error *err)
{
	struct sc_move move;
	struct sc_error failure = { 0 };
	int rc = sc_move_open(&image->output, &move, &failure);
	if (rc == 0) {
		rc = sc_move_forward(&move, &failure);
		if (rc < 0 && sc_move_back(&move, NULL) < 0)
			rc = -EINPROGRESS;
		sc_move_close(&move);
	} else {
		rc = -EINPROGRESS;
	}
	if (rc == -EINPROGRESS) {
		/* Also what NAME was before stays in the work directory, for --undo. */
		sc_output_abandon(&image->output);
		return sc_error_set(err, rc, "%s; it is left unfinished: --resume finishes it, --undo takes it back",
				    failure.text);
	}
	if (rc < 0)
		*err = failure;
	return rc;
}

int sc_image_check_settled(const struct sc_image *image, struct sc_error *err)
{
	return sc_settling_check(image->options, image->view->source, image->product, image->seen, err);
}

void sc_image_commit(struct sc_image *image)
{
	struct sc_error *err = &image->error;
	int rc = sc_partcheck_all(image->view, err);
	if (rc == 0 && image->is_created) {
		image->is_created = false;
		rc = sc_write_close(&image->write, image->path, err);
	}
	bool is_moved = mode_of(image) == SC_MODE_MOVEVIRTUAL;
	if (rc == 0 && is_moved)
		rc = sc_image_check_settled(image, err);
	if (rc == 0)
		rc = is_moved || image->options->remove_parts ? sc_output_publish(&image->output, err)
							      : sc_output_commit(&image->output, err);
	if (rc == 0 && is_moved)
		rc = move_parts(image, err);
	image->is_made = rc == 0;
	/* What NAME was before is kept until the parts are in it. */
	if (rc < 0 || is_moved)
		sc_image_discard(image);
}

void sc_image_discard(struct sc_image *image)
{
	if (image->is_created)
		sc_write_close(&image->write, image->path, NULL);
	image->is_created = false;
	if (image->is_opened)
		sc_output_discard(&image->output);
	if (image->part_fd >= 0)
		close(sc_steal_fd(&image->part_fd));
}

const char *sc_image_reason(const struct sc_image *image)
{
	const char *names[] = { image->path, image->output.name }, *text = image->error.text;
	for (size_t i = 0; i < SC_COUNT_OF(names); i++) {
		size_t length = names[i] ? strlen(names[i]) : 0;
		if (length > 0 && strncmp(text, names[i], length) == 0 && text[length] == ':' && text[length + 1] == ' ')
			return text + length + 2;
	}
	return text;
}

void sc_image_close(struct sc_image *image)
{
	if (image->is_opened)
		sc_output_close(&image->output);
	image->is_opened = false;
	if (image->part_fd >= 0)
		close(sc_steal_fd(&image->part_fd));
	sc_partlist_clear(&image->parts);
	sc_movejournal_clear(&image->removal);
}
