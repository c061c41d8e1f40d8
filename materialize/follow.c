#include "follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "events.h"
#include "followed.h"
#include "jobs.h"
#include "log.h"
#include "partcheck.h"
#include "signals.h"

/* Between looks at the source, and for a look that takes long so many times what it took. */
#define POLL_MS 200
#define POLL_RATIO 10

#define TELL_SECONDS 10.0

struct sc_follow {
	const struct sc_options *options;
	struct sc_progress *progress;
	struct sc_source source; /* of the views */
	size_t nimages;
	struct sc_followed **images; /* each extension that was ever seen */
	struct sc_announced announced;
	struct sc_plan plan;
	bool is_behind;  /* more could be copied at once */
	bool is_waiting; /* for another process: that was said */
	/* What was told last. */
	double told_seconds;
	size_t told_expected, told_settled, told_copied;
};

/* --- images --- */

static struct sc_followed *find_image(const struct sc_follow *follow, const char *path)
{
	for (size_t i = 0; i < follow->nimages; i++) {
		if (strcmp(follow->images[i]->path, path) == 0)
			return follow->images[i];
	}
	return NULL;
}

static struct sc_followed *add_image(struct sc_follow *follow, const struct sc_input_image *input, struct sc_error *err)
{
	struct sc_followed **grown = reallocarray(follow->images, follow->nimages + 1, sizeof(struct sc_followed *));
	struct sc_followed *image = NULL;
	if (grown) {
		follow->images = grown;
		image = sc_followed_new(input->output, input->product->ext);
	}
	if (!image)
		sc_error_errno(err, -ENOMEM, "%s", input->output);
	else
		follow->images[follow->nimages++] = image;
	return image;
}

static enum sc_status status_of(int rc)
{
	return rc == 0         ? SC_STATUS_DONE
	       : rc == -EBUSY  ? SC_STATUS_BUSY
	       : rc == -EEXIST ? SC_STATUS_USAGE
			       : SC_STATUS_FAILED;
}

/* BUSY when it is in use elsewhere and that is waited for, too; then there is no `err`. */
static enum sc_status look_at_image(struct sc_follow *follow, const struct sc_input_image *input, struct sc_error *err)
{
	const struct sc_options *options = follow->options;
	struct sc_followed *image = find_image(follow, input->output);
	struct sc_error failure = { 0 };
	if (!image)
		image = add_image(follow, input, err);
	if (!image)
		return SC_STATUS_FAILED;
	if (image->error.code)
		return SC_STATUS_DONE;
	if (input->product->kind != SC_PRODUCT_PARTS) {
		sc_error_set(err, -EINVAL, "--follow: %s%s is a virtual image, which has all of its subcubes",
			     input->product->base, input->product->ext);
		return SC_STATUS_USAGE;
	}
	int rc = sc_followed_lock(image, options, &follow->source, input->product, &failure);
	if (rc == -EBUSY && options->wait) {
		if (!follow->is_waiting)
			sc_log(SC_LOG_WARNING, "%s: waiting for its end", failure.text);
		follow->is_waiting = true;
		return SC_STATUS_BUSY;
	}
	if (rc == 0)
		rc = sc_followed_look(image, options, &follow->source, input->product,
				      options->follow == SC_FOLLOW_STDIN ? &follow->announced : NULL, &failure);
	image->is_seen = rc == 0;
	if (rc == -EBUSY)
		sc_error_set(err, rc, "%.900s; --wait waits for its end", failure.text);
	else if (rc < 0)
		*err = failure;
	return status_of(rc);
}

/* --- looking --- */

/* Views are of the directory as it was opened. */
static int check_source(const struct sc_follow *follow, const struct sc_input *input, struct sc_error *err)
{
	struct stat before, now;
	if (fstat(follow->source.dirfd, &before) == 0 && fstat(input->source.dirfd, &now) == 0 &&
	    before.st_dev == now.st_dev && before.st_ino == now.st_ino)
		return 0;
	return sc_error_set(err, -ESTALE, "%s is another directory than before", follow->source.path);
}

static bool is_stdin_over(const struct sc_follow *follow)
{
	return follow->options->follow == SC_FOLLOW_STDIN && follow->announced.is_over;
}

static enum sc_status check_end(const struct sc_follow *follow, bool has_unfinished, struct sc_error *err)
{
	uint64_t nparts = follow->options->view.nparts;
	if (!is_stdin_over(follow) || (follow->announced.count >= nparts && !has_unfinished))
		return SC_STATUS_DONE;
	sc_error_set(err, -EPIPE,
		     "standard input ended after the numbers of %zu of %" PRIu64
		     " finished subcubes; what was copied is "
		     "kept, and the same command goes on with it",
		     follow->announced.count, nparts);
	return SC_STATUS_FAILED;
}

/* *ret_is_whole: all that is to be made is there and finished, or, as far as standard input tells, will not be any
 * more. */
static enum sc_status look(struct sc_follow *follow, struct sc_input *input, bool *ret_is_whole, struct sc_error *err)
{
	const struct sc_options *options = follow->options;
	*ret_is_whole = false;
	for (size_t i = 0; i < follow->nimages; i++)
		follow->images[i]->is_seen = false;
	if (options->follow == SC_FOLLOW_STDIN && sc_announced_read(&follow->announced, options->view.nparts, err) < 0)
		return SC_STATUS_FAILED;
	enum sc_status status = sc_input_find(options, input, err);
	if (status == SC_STATUS_NOT_FOUND && !is_stdin_over(follow))
		return SC_STATUS_DONE;
	if (status != SC_STATUS_DONE)
		return status;
	if (check_source(follow, input, err) < 0)
		return SC_STATUS_FAILED;
	bool is_whole = options->nextensions == 0 || input->nimages == options->nextensions;
	bool is_busy = false, has_unfinished = false;
	for (size_t i = 0; i < input->nimages; i++) {
		status = look_at_image(follow, &input->images[i], err);
		if (status != SC_STATUS_DONE && !(status == SC_STATUS_BUSY && options->wait))
			return status;
		is_busy = is_busy || status == SC_STATUS_BUSY;
		const struct sc_followed *image = find_image(follow, input->images[i].output);
		if (image->error.code)
			continue;
		is_whole = is_whole && image->is_whole;
		has_unfinished = has_unfinished || image->settled.product.nparts < input->images[i].product->nparts;
	}
	/* When no more will be, what is missing is told as it is without --follow. */
	*ret_is_whole = !is_busy && (is_whole || is_stdin_over(follow));
	return is_whole ? SC_STATUS_DONE : check_end(follow, has_unfinished, err);
}

/* --- copying --- */

static void *worker_start(void *context, struct sc_pool *pool, struct sc_error *err)
{
	const struct sc_follow *follow = context;
	return sc_jobs_start(follow->options, pool, err);
}

static int worker_run(void *context, void *worker, const struct sc_plan_task *task, struct sc_error *err)
{
	const struct sc_follow *follow = context;
	const struct sc_followed *image = follow->images[task->output];
	bool is_mask = image->view->nodes[task->node].is_mask;
	return sc_task_run(worker, task, image->view,
			   image->copied.arrays[is_mask ? SC_COPIED_MASK : SC_COPIED_PIXELS].fd, image->path, err);
}

static int worker_complete(void *context, void *worker, unsigned output, struct sc_error *err)
{
	const struct sc_follow *follow = context;
	const struct sc_followed *image = follow->images[output];
	const struct sc_copier *copier = worker;
	sc_reader_forget(copier->reader, image->view);
	int rc = sc_partcheck_all(image->view, err);
	for (unsigned i = 0; rc == 0 && i < SC_COPIED_ARRAYS; i++) {
		if (image->copied.arrays[i].fd >= 0 && fsync(image->copied.arrays[i].fd) < 0)
			rc = sc_error_errno(err, -errno, "%s: cannot sync it", image->path);
	}
	return rc;
}

static void image_finished(void *context, unsigned output, const struct sc_error *err)
{
	struct sc_follow *follow = context;
	struct sc_followed *image = follow->images[output];
	if (!err) {
		sc_copied_add(&image->copied, image->view, &follow->plan, output);
		sc_copied_save(&image->copied, image->path, &image->error);
	} else if (sc_partcheck_all(image->view, NULL) == 0) {
		image->error = *err;
	} else {
		/* It will be looked at anew, as any part that comes. */
		follow->is_behind = false;
		image->is_tried = false;
	}
}

static int plan_image(struct sc_follow *follow, size_t i, unsigned nworkers, struct sc_error *err)
{
	struct sc_followed *image = follow->images[i];
	bool is_all = true;
	if (!image->is_seen || image->error.code)
		return 0;
	int rc = sc_followed_make_view(image, follow->options, &follow->source, err);
	if (rc < 0 || !image->view)
		return rc;
	rc = sc_followed_plan(image, follow->options, (unsigned)i, nworkers, &follow->plan, &is_all, &image->error);
	if (rc < 0 && image->error.code != -ENOMEM)
		return 0;
	if (rc < 0)
		*err = image->error;
	follow->is_behind = follow->is_behind || !is_all;
	return rc;
}

/* Copies what can be; what is wrong with one image does not matter to the others. Returns a signal that asked to stop,
 * 0, or -errno. */
static int copy(struct sc_follow *follow, struct sc_error *err)
{
	unsigned nworkers = sc_jobs_count(follow->options);
	int rc = 0;
	sc_plan_clear(&follow->plan);
	follow->is_behind = false;
	for (size_t i = 0; rc == 0 && i < follow->nimages; i++)
		rc = plan_image(follow, i, nworkers, err);
	if (rc < 0)
		return rc;
	struct sc_pool_work work = { .plan = &follow->plan,
				     .noutputs = follow->nimages,
				     .nworkers = nworkers,
				     .context = follow,
				     .start = worker_start,
				     .run = worker_run,
				     .complete = worker_complete,
				     .finished = image_finished };
	rc = sc_pool_run(&work, err);
	for (size_t i = 0; i < follow->nimages; i++) {
		if (follow->images[i]->error.code && follow->images[i]->is_locked) {
			sc_followed_give_up(follow->images[i]);
			follow->images[i]->is_locked = false;
		}
	}
	return rc;
}

/* --- telling --- */

static void tell(struct sc_follow *follow, bool is_last)
{
	size_t expected = 0, settled = 0, copied = 0, nimages = 0;
	struct sc_progress *progress = follow->progress;
	for (size_t i = 0; i < follow->nimages; i++) {
		struct sc_followed *image = follow->images[i];
		if (!image->is_seen || image->error.code)
			continue;
		image->ncopied = image->view ? sc_copied_count(&image->copied, image->view) : 0;
		nimages++;
		expected += follow->options->view.nparts;
		settled += image->nsettled;
		copied += image->ncopied;
	}
	double seconds = sc_progress_seconds(progress);
	bool is_same =
	    expected == follow->told_expected && settled == follow->told_settled && copied == follow->told_copied;
	bool is_soon = progress->form != SC_PROGRESS_JSON && follow->told_seconds > 0 &&
		       seconds - follow->told_seconds < TELL_SECONDS && !is_last;
	if (is_same || is_soon || progress->form == SC_PROGRESS_NONE)
		return;
	follow->told_seconds = seconds;
	follow->told_expected = expected;
	follow->told_settled = settled;
	follow->told_copied = copied;
	if (progress->form == SC_PROGRESS_JSON)
		sc_events_follow(seconds, follow->options->view.nparts, follow->images, follow->nimages);
	else
		sc_progress_line(progress, "following %zu extension%s: %zu subcubes expected, %zu finished, %zu copied",
				 nimages, nimages == 1 ? "" : "s", expected, settled, copied);
}

/* --- the run --- */

static int stopped(struct sc_error *err, int number)
{
	sc_error_set(err, -EINTR,
		     "stopped by signal %d (%s): what was copied is kept, and the same command goes on with it", number,
		     strsignal(number));
	return 128 + number;
}

/* One look, and copying what it found; DONE without *ret_is_whole: there has to be another one. */
static int turn(struct sc_follow *follow, struct sc_input *input, bool *ret_is_whole, struct sc_error *err)
{
	int64_t began_ns = sc_clock_ns(CLOCK_MONOTONIC);
	int status = look(follow, input, ret_is_whole, err);
	double took_ms = (double)(sc_clock_ns(CLOCK_MONOTONIC) - began_ns) / 1e6;
	if (status == SC_STATUS_DONE && !*ret_is_whole) {
		int number = copy(follow, err);
		status = number < 0 ? SC_STATUS_FAILED : number > 0 ? stopped(err, number) : SC_STATUS_DONE;
	}
	if (status == SC_STATUS_DONE)
		tell(follow, *ret_is_whole);
	if (status != SC_STATUS_DONE || *ret_is_whole)
		return status;
	sc_input_clear(input);
	unsigned wait_ms = took_ms * POLL_RATIO > POLL_MS ? (unsigned)(took_ms * POLL_RATIO) : POLL_MS;
	int number = sc_signals_stopped(follow->is_behind ? 0 : wait_ms);
	return number ? stopped(err, number) : SC_STATUS_DONE;
}

/* An imager's temporary product: there will be no image of it. */
static void forget_gone(const struct sc_follow *follow)
{
	for (size_t i = 0; i < follow->nimages; i++) {
		struct sc_followed *image = follow->images[i];
		if (image->is_seen || !image->is_locked)
			continue;
		image->output.keeps_copied = false;
		sc_output_discard(&image->output);
	}
}

int sc_follow_run(const struct sc_options *options, struct sc_progress *progress, struct sc_input *input,
		  struct sc_follow **ret_follow, struct sc_error *err)
{
	struct sc_follow *follow = calloc(1, sizeof(*follow));
	if (!follow) {
		sc_error_errno(err, -ENOMEM, "%s", options->base);
		return SC_STATUS_FAILED;
	}
	*follow = (struct sc_follow){ .options = options, .progress = progress, .source.dirfd = -1 };
	/* An empty directory may be where an imager will begin, but not one that does not exist. */
	int rc = sc_source_open(options->base, true, &follow->source, err);
	int status = rc == 0                           ? SC_STATUS_DONE
		     : rc == -ENOENT || rc == -ENOTDIR ? SC_STATUS_NOT_FOUND
						       : SC_STATUS_FAILED;
	follow->source.follow_links = options->follow_links;
	bool is_whole = false;
	sc_signals_block();
	while (status == SC_STATUS_DONE && !is_whole)
		status = turn(follow, input, &is_whole, err);
	if (status != SC_STATUS_DONE) {
		sc_input_clear(input);
		sc_follow_free(follow);
		return status;
	}
	forget_gone(follow);
	/* Until there is something to be written, what is copied is left by just ending. */
	sc_signals_exit_at_once();
	*ret_follow = follow;
	return SC_STATUS_DONE;
}

void sc_follow_hand_over(struct sc_follow *follow, struct sc_image *image)
{
	struct sc_followed *followed = find_image(follow, image->path);
	image->error = followed->error;
	image->output = followed->output;
	image->is_opened = true;
	image->copied = followed->error.code ? NULL : &followed->copied;
	followed->output = (struct sc_output){ .parent_fd = -1, .work_fd = -1, .lock_fd = -1, .image_fd = -1 };
	if (followed->part_fd >= 0)
		close(sc_steal_fd(&followed->part_fd));
}

void sc_follow_free(struct sc_follow *follow)
{
	if (!follow)
		return;
	for (size_t i = 0; i < follow->nimages; i++)
		sc_followed_free(follow->images[i]);
	free(follow->images);
	sc_announced_clear(&follow->announced);
	sc_plan_clear(&follow->plan);
	if (follow->source.dirfd >= 0)
		sc_source_close(&follow->source);
	free(follow);
}
