#include "followed.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "partlock.h"
#include "write.h"

/* More is not begun before what is copied is synced and noted: so much is lost at most when a run is stopped. */
#define ROUND_BYTES (UINT64_C(2) << 30)

struct sc_followed *sc_followed_new(const char *path, const char *ext)
{
	struct sc_followed *image = calloc(1, sizeof(*image));
	if (!image)
		return NULL;
	*image = (struct sc_followed){ .path = strdup(path), .ext = strdup(ext), .part_fd = -1 };
	image->output.parent_fd = image->output.work_fd = image->output.lock_fd = image->output.image_fd = -1;
	image->copied.dirfd = -1;
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++)
		image->copied.arrays[i].fd = -1;
	if (image->path && image->ext)
		return image;
	sc_followed_free(image);
	return NULL;
}

static void forget_view(struct sc_followed *image)
{
	sc_view_free(image->view);
	image->view = NULL;
	image->is_tried = false;
}

void sc_followed_free(struct sc_followed *image)
{
	if (!image)
		return;
	forget_view(image);
	sc_settled_clear(&image->settled);
	if (sc_copied_is_empty(&image->copied)) {
		image->output.keeps_copied = false;
		sc_output_discard(&image->output);
	}
	sc_copied_close(&image->copied);
	sc_output_close(&image->output);
	sc_settle_forget(&image->memory);
	if (image->part_fd >= 0)
		close(image->part_fd);
	free(image->told);
	free(image->path);
	free(image->ext);
	free(image);
}

bool sc_followed_outlives(const struct sc_copied *copied, struct sc_error *err)
{
	struct sc_error reason = *err;
	if (err->code != -EOWNERDEAD || !copied || sc_copied_is_empty(copied))
		return false;
	sc_error_set(err, reason.code, "%.900s; what was copied is kept, and the same command goes on with it",
		     reason.text);
	return true;
}

void sc_followed_give_up(struct sc_followed *image)
{
	image->output.keeps_copied = sc_followed_outlives(&image->copied, &image->error);
	sc_log(SC_LOG_WARNING, "%s is given up: %s", image->path, image->error.text);
	sc_copied_close(&image->copied);
	sc_output_discard(&image->output);
}

/* --- locks --- */

static int lock_output(struct sc_followed *image, const struct sc_options *options, struct sc_error *err)
{
	struct sc_output *output = &image->output;
	int rc = output->path ? 0 : sc_output_open(image->path, options->overwrite, output, err);
	if (rc == 0)
		rc = sc_output_lock(output, err);
	if (rc < 0)
		return rc;
	output->keeps_copied = true;
	rc = sc_output_recover(output, err);
	if (rc == 0)
		rc = sc_copied_open(output->work_fd, image->path, &image->copied, err);
	image->is_locked = rc == 0;
	if (rc < 0)
		sc_output_discard(output);
	return rc;
}

/* The first one that is there may be another each time. */
static int lock_part(struct sc_followed *image, const struct sc_source *source, const struct sc_product *product,
		     struct sc_error *err)
{
	int fd;
	if (product->nparts == 0)
		return 0;
	int rc = sc_partlock_take(source->dirfd, product->parts[0].name, false, &fd, err);
	if (rc < 0)
		return rc;
	if (image->part_fd >= 0)
		close(image->part_fd);
	image->part_fd = fd;
	return 0;
}

int sc_followed_lock(struct sc_followed *image, const struct sc_options *options, const struct sc_source *source,
		     const struct sc_product *product, struct sc_error *err)
{
	int rc = image->is_locked ? 0 : lock_output(image, options, err);
	return rc == 0 ? lock_part(image, source, product, err) : rc;
}

/* --- looking --- */

/* Said once, until something else is to be said. */
static void tell(struct sc_followed *image, const struct sc_error *err)
{
	if (image->told && strcmp(image->told, err->text) == 0)
		return;
	free(image->told);
	image->told = strdup(err->text);
	sc_log(SC_LOG_WARNING, "%s; nothing more of %s is copied as long as that is so", err->text, image->path);
}

int sc_followed_make_view(struct sc_followed *image, const struct sc_options *options, const struct sc_source *source,
			  struct sc_error *err)
{
	const struct sc_settled *settled = &image->settled;
	struct sc_view_options view = options->view;
	struct sc_error failure = { 0 };
	if (settled->product.nparts == 0 ||
	    (image->is_tried && sc_identity_equal(&image->identity, &settled->identity)))
		return 0;
	forget_view(image);
	view.missing = SC_MISSING_BLANK;
	view.arrays_only = true;
	view.keep_miscinfo = false;
	int rc = sc_view_build(source, &settled->product, &view, &image->view, &failure);
	if (rc == 0 && image->view->ntruncated > 0) {
		rc = sc_error_set(&failure, -EIO, "%s", image->view->truncated);
		forget_view(image);
	}
	if (rc == -ENOMEM)
		return sc_error_errno(err, rc, "%s: cannot look at the subcubes", image->path);
	if (rc < 0)
		tell(image, &failure);
	image->is_tried = true;
	image->identity = settled->identity;
	return 0;
}

static void count_parts(struct sc_followed *image, const struct sc_options *options, const struct sc_product *product)
{
	const struct sc_product *settled = &image->settled.product;
	image->nsettled = 0;
	/* Those numbered above will be left out. */
	for (size_t i = 0; i < settled->nparts; i++)
		image->nsettled += settled->parts[i].number - product->first_number < options->view.nparts;
	image->is_whole = image->nsettled == options->view.nparts && settled->nparts == product->nparts;
}

/* The parts that were announced; the names are the product's. */
static int choose(const struct sc_product *product, const struct sc_announced *announced, struct sc_product *ret_chosen)
{
	struct sc_product chosen = *product;
	chosen.parts = calloc(product->nparts + 1, sizeof(*chosen.parts));
	chosen.nparts = 0;
	if (!chosen.parts)
		return -ENOMEM;
	for (size_t i = 0; i < product->nparts; i++) {
		if (sc_announced_has(announced, product->parts[i].number))
			chosen.parts[chosen.nparts++] = product->parts[i];
	}
	*ret_chosen = chosen;
	return 0;
}

static int find_settled(struct sc_followed *image, const struct sc_options *options, const struct sc_source *source,
			const struct sc_product *product, const struct sc_announced *announced,
			struct sc_settled *ret_settled, struct sc_error *err)
{
	static const struct sc_settle_options all = { 0 };
	struct sc_product chosen;
	if (!announced)
		return sc_settle_look(source, product, &options->view.settle, &image->memory, ret_settled, err);
	int rc = choose(product, announced, &chosen);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot look at the subcubes", image->path);
	rc = sc_settle_look(source, &chosen, &all, NULL, ret_settled, err);
	free(chosen.parts);
	return rc;
}

int sc_followed_look(struct sc_followed *image, const struct sc_options *options, const struct sc_source *source,
		     const struct sc_product *product, const struct sc_announced *announced, struct sc_error *err)
{
	sc_settled_clear(&image->settled);
	int rc = find_settled(image, options, source, product, announced, &image->settled, err);
	if (rc == 0)
		count_parts(image, options, product);
	return rc;
}

/* --- copying --- */

static int make_files(struct sc_followed *image, enum sc_reflink reflink, struct sc_error *err)
{
	for (unsigned i = 0; i < SC_COPIED_ARRAYS; i++) {
		int node = sc_copied_node(image->view, i);
		int *fd = &image->copied.arrays[i].fd;
		int rc = node < 0 || *fd >= 0
			     ? 0
			     : sc_write_array(image->view, (unsigned)node, image->copied.dirfd, reflink, fd);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s: cannot make %s for it", image->path,
					      image->view->nodes[node].name);
	}
	return 0;
}

int sc_followed_plan(struct sc_followed *image, const struct sc_options *options, unsigned output, unsigned nworkers,
		     struct sc_plan *plan, bool *ret_is_all, struct sc_error *err)
{
	int64_t before_ns = sc_identity_settled_ns();
	struct sc_copied *copied = &image->copied;
	int rc = sc_copied_match(copied, image->view, false);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s", image->path);
	/* Before it is written over. */
	if (rc > 0)
		rc = sc_copied_save(copied, image->path, err);
	if (rc == 0)
		rc = make_files(image, options->reflink, err);
	if (rc < 0)
		return rc;
	uint64_t part_bytes = image->view->pixels.size_bytes / options->view.nparts;
	rc = sc_copied_plan(copied, image->view, output, before_ns, sc_plan_task_bytes(part_bytes, nworkers),
			    options->memory_bytes, ROUND_BYTES, plan, ret_is_all);
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot plan the work", image->path) : 0;
}
