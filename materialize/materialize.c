#include "materialize.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "dryrun.h"
#include "events.h"
#include "follow.h"
#include "followed.h"
#include "image.h"
#include "input.h"
#include "jobs.h"
#include "locking.h"
#include "log.h"
#include "overlap.h"
#include "plan.h"
#include "pool.h"
#include "progress.h"
#include "quantity.h"
#include "remove.h"
#include "settling.h"
#include "signals.h"
#include "space.h"
#include "sweep.h"
#include "viewcache.h"
#include "views.h"

/* Each image keeps some files open; far fewer than this. */
#define WANTED_FILES 16384

struct run {
	const struct sc_options *options;
	struct sc_input input;
	struct sc_settling settling;
	struct sc_follow *follow; /* NULL: the parts were all there */
	struct sc_views views;
	struct sc_plan plan;
	struct sc_progress progress;
	size_t nimages;
	struct sc_image *images;
	struct sc_progress_item *items; /* of the images */
	bool comparing; /* not copying: in children too */
};

static void raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= WANTED_FILES)
		return;
	limit.rlim_cur = limit.rlim_max < WANTED_FILES ? limit.rlim_max : WANTED_FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void discard_all(struct run *run)
{
	for (size_t i = 0; i < run->nimages; i++) {
		if (!run->images[i].is_made)
			sc_image_discard(&run->images[i]);
	}
}

/* What each image is made from, and as what. */
static void name_images(struct run *run)
{
	for (size_t i = 0; i < run->nimages; i++) {
		struct sc_image *image = &run->images[i];
		image->options = run->options;
		image->part_fd = -1;
		image->path = run->input.images[i].output;
		image->product = run->input.images[i].product;
		image->seen = run->settling.memories ? &run->settling.memories[i] : NULL;
		image->ext = image->product->ext;
	}
}

/* All that is wrong with the outputs is said before giving up. */
static enum sc_status open_outputs(struct run *run)
{
	enum sc_status status = SC_STATUS_DONE;
	for (size_t i = 0; i < run->nimages; i++) {
		struct sc_image *image = &run->images[i];
		struct sc_error err = { 0 };
		if (run->follow) {
			sc_follow_hand_over(run->follow, image);
			continue;
		}
		int rc = sc_output_open(image->path, run->options->overwrite, &image->output, &err);
		image->is_opened = rc == 0;
		if (rc < 0) {
			sc_log(SC_LOG_ERROR, "%s", err.text);
			image->error = err;
			status = SC_STATUS_USAGE;
		}
		if (rc < 0 && rc != -EEXIST)
			break;
	}
	return status;
}

/* What is written over is forgotten on disk before; where that cannot be, nothing is taken for copied. */
static void match_copied(struct sc_image *image)
{
	if (!image->copied || !image->view)
		return;
	int rc = sc_copied_match(image->copied, image->view, true);
	if (rc < 0 || (rc > 0 && sc_copied_save(image->copied, image->path, NULL) < 0))
		image->copied = NULL;
}

/*
 * Parts were settled before their headers were read, which takes a while where there are many: who began to write one
 * since then, and pauses, would have it copied half written, and nothing would tell of it in the end.
 */
static void check_still_settled(struct sc_image *image)
{
	const struct sc_options *options = image->options;
	if (!image->view || image->error.code || options->dry_run || options->follow == SC_FOLLOW_STDIN)
		return;
	if (!image->seen || sc_settle_may_have_changed(image->seen, image->view->newest_ns))
		sc_image_check_settled(image, &image->error);
}

static enum sc_status build_views(struct run *run)
{
	struct sc_error err = { 0 };
	struct sc_view_options options = run->options->view;
	if (!run->options->no_cache && !options.keep_miscinfo)
		options.cache = sc_viewcache_open(run->options->cache_dir);
	int rc = sc_views_build(&run->input, &options, run->options->njobs ? run->options->njobs : sc_jobs_processors(),
				&run->views, &err);
	sc_viewcache_close(options.cache);
	if (rc < 0) {
		sc_log(SC_LOG_ERROR, "%s", err.text);
		return SC_STATUS_FAILED;
	}
	sc_views_warn(&run->views);
	for (size_t i = 0; i < run->nimages; i++) {
		struct sc_image *image = &run->images[i];
		if (image->error.code)
			continue;
		image->error = run->views.errors[i];
		if (run->views.views[i])
			sc_image_set_view(image, run->views.views[i]);
		check_still_settled(image);
		match_copied(image);
	}
	return SC_STATUS_DONE;
}

/* That no part is lost to what is asked for: before anything is written. */
static enum sc_status check_parts(struct run *run)
{
	struct sc_error err = { 0 };
	int rc = 0;
	for (size_t i = 0; i < run->nimages && run->options->remove_parts && rc == 0; i++) {
		if (run->images[i].view)
			rc = sc_remove_check(&run->images[i], &err);
	}
	bool is_usage = rc < 0 && rc != -ESTALE;
	if (rc == 0) {
		rc = sc_overlap_check(run->images, run->nimages, &err);
		is_usage = rc == -EINVAL;
	}
	if (rc == 0)
		return SC_STATUS_DONE;
	sc_log(SC_LOG_ERROR, "%s", err.text);
	return is_usage ? SC_STATUS_USAGE : SC_STATUS_FAILED;
}

/* With --wait, BUSY comes when they are free, to look at everything anew; *ret_signal asked to stop in between. */
static enum sc_status lock_outputs(struct run *run, int *ret_signal)
{
	enum sc_status status = SC_STATUS_DONE;
	struct sc_error err = { 0 };
	if (sc_lock_images(run->images, run->nimages, &err) < 0) {
		sc_log(run->options->wait ? SC_LOG_WARNING : SC_LOG_ERROR, "%s%s", err.text,
		       run->options->wait ? ": waiting for its end" : "; --wait waits for its end");
		if (run->options->wait)
			*ret_signal = sc_lock_wait(run->images, run->nimages);
		return SC_STATUS_BUSY;
	}
	for (size_t i = 0; i < run->nimages && status == SC_STATUS_DONE; i++) {
		struct sc_image *image = &run->images[i];
		if (sc_image_is_pending(image) && sc_output_recover(&image->output, &image->error) == -EEXIST) {
			sc_log(SC_LOG_ERROR, "%s", image->error.text);
			status = SC_STATUS_USAGE;
		}
	}
	return status;
}

static void create_images(struct run *run)
{
	for (size_t i = 0; i < run->nimages; i++) {
		struct sc_image *image = &run->images[i];
		if (!sc_image_is_pending(image))
			continue;
		if (sc_image_create(image, &image->error) < 0)
			sc_image_discard(image);
	}
}

static void *worker_start(void *context, struct sc_pool *pool, struct sc_error *err)
{
	const struct run *run = context;
	return sc_jobs_start(run->options, pool, err);
}

static int worker_run(void *context, void *worker, const struct sc_plan_task *task, struct sc_error *err)
{
	const struct run *run = context;
	struct sc_copier *copier = worker;
	copier->compare = run->comparing;
	return sc_image_run_task(&run->images[task->output], copier, task, err);
}

static int worker_complete(void *context, void *worker, unsigned output, struct sc_error *err)
{
	const struct run *run = context;
	const struct sc_copier *copier = worker;
	const struct sc_image *image = &run->images[output];
	/* Its files are not needed any more; syncing needs some descriptors. */
	sc_reader_forget(copier->reader, image->view);
	return run->comparing ? sc_image_compare(image, err) : sc_image_complete(image, err);
}

/* It was made, or has failed. */
static void tell_end(struct run *run, const struct sc_image *image)
{
	char bytes[16];
	if (run->options->json)
		sc_events_image(image);
	else if (!image->is_made)
		sc_progress_line(&run->progress, "%s: failed", image->path);
	else if (image->array_bytes > 0)
		sc_progress_line(&run->progress, "%s: done, %s", image->path,
				 sc_quantity_bytes(bytes, (double)image->array_bytes));
	else
		sc_progress_line(&run->progress, "%s: done, names %zu subcubes", image->path, image->view->nparts);
}

static void commit(struct run *run, struct sc_image *image)
{
	sc_image_commit(image);
	tell_end(run, image);
}

static void image_finished(void *context, unsigned output, const struct sc_error *err)
{
	struct run *run = context;
	struct sc_image *image = &run->images[output];
	if (err) {
		image->error = *err;
		image->output.keeps_copied = sc_followed_outlives(image->copied, &image->error);
		sc_image_discard(image);
		tell_end(run, image);
		return;
	}
	/* Parts that go, an image that is replaced: only for what was read back. */
	if (!run->options->verify || run->comparing)
		commit(run, image);
}

static void draw(void *context, const struct sc_pool *pool)
{
	struct run *run = context;
	for (size_t i = 0; i < run->nimages; i++) {
		const struct sc_image *image = &run->images[i];
		/* Small files of a part are copied, but not counted. */
		uint64_t bytes = sc_pool_bytes_done(pool, (unsigned)i) + (run->comparing ? 0 : image->copied_bytes);
		run->items[i] = (struct sc_progress_item){
			.path = image->path,
			.done_bytes = bytes < image->array_bytes ? bytes : image->array_bytes,
			.total_bytes = image->array_bytes,
			.has_failed = image->error.code || sc_pool_has_failed(pool, (unsigned)i),
			.is_told = image->is_made,
		};
	}
	sc_progress_update(&run->progress, run->comparing ? "comparing" : "copying", run->items, run->nimages);
}

/* What is left of images that are copied in part. */
static int plan_rest(struct run *run, unsigned nworkers)
{
	for (size_t i = 0; i < run->nimages; i++) {
		struct sc_image *image = &run->images[i];
		uint64_t bytes;
		if (!image->copied || !sc_image_is_pending(image))
			continue;
		if (sc_copied_plan_rest(image->copied, image->view, (unsigned)i,
					sc_plan_task_bytes(image->array_bytes, nworkers), run->options->memory_bytes,
					&run->plan, &bytes) < 0)
			return -ENOMEM;
		image->copied_bytes = image->array_bytes > bytes ? image->array_bytes - bytes : 0;
	}
	return 0;
}

static bool is_in_part(const struct run *run, const struct sc_image *image)
{
	return image->copied && !run->comparing;
}

/* Does the tasks of all images that are pending; returns a signal that asked to stop, or 0. */
static int run_tasks(struct run *run)
{
	struct sc_error err = { 0 };
	sc_autofree const struct sc_view **views = calloc(run->nimages, sizeof(*views));
	unsigned nworkers = sc_jobs_count(run->options);
	int rc = 0;
	for (size_t i = 0; views && i < run->nimages; i++)
		views[i] = sc_image_is_pending(&run->images[i]) && !is_in_part(run, &run->images[i])
				   ? run->images[i].view
				   : NULL;
	sc_plan_clear(&run->plan);
	if (!views ||
	    sc_plan_make(views, run->nimages, run->options->mode != SC_MODE_PAGED, nworkers, run->options->memory_bytes,
			 &run->plan, &err) < 0 ||
	    (!run->comparing && plan_rest(run, nworkers) < 0))
		rc = sc_error_errno(&err, -ENOMEM, "cannot plan the work");
	if (rc == 0) {
		struct sc_pool_work work = { .plan = &run->plan,
					     .noutputs = run->nimages,
					     .nworkers = nworkers,
					     .context = run,
					     .start = worker_start,
					     .run = worker_run,
					     .complete = worker_complete,
					     .finished = image_finished,
					     .tick = draw };
		rc = sc_pool_run(&work, &err);
	}
	sc_progress_clear(&run->progress);
	for (size_t i = 0; rc < 0 && i < run->nimages; i++) {
		if (sc_image_is_pending(&run->images[i]))
			run->images[i].error = err;
	}
	return rc > 0 ? rc : 0;
}

/* Copies what can be copied; returns a signal that asked to stop, or 0. */
static int copy_images(struct run *run)
{
	int number = run_tasks(run);
	if (number || !run->options->verify)
		return number;
	for (size_t i = 0; i < run->nimages; i++)
		sc_image_read_back(&run->images[i]);
	run->comparing = true;
	return run_tasks(run);
}

/* Images that only name or move parts: one after the other, there is nothing to copy. */
static int finish_images(struct run *run)
{
	for (size_t i = 0; i < run->nimages; i++) {
		struct sc_image *image = &run->images[i];
		if (!sc_image_is_pending(image))
			continue;
		int number = sc_signals_stopped(0);
		if (number)
			return number;
		if (sc_image_complete(image, &image->error) == 0)
			commit(run, image);
	}
	return 0;
}

/* Only when all images are made, each of which was compared before. */
static int remove_parts(struct run *run)
{
	struct sc_error err = { 0 };
	size_t count = 0;
	int number = 0, rc = 0;
	/* The imager's temporary directories belong to all of its products. */
	bool tmpdirs = !run->options->listed && run->nimages == run->input.scan.nproducts;
	/* All lists before the first part goes, so that --resume knows of all. */
	for (size_t i = 0; i < run->nimages && rc == 0; i++)
		rc = sc_remove_list(&run->images[i], tmpdirs, &err);
	for (size_t i = 0; i < run->nimages && rc < 0; i++)
		sc_remove_forget(&run->images[i]);
	for (size_t i = 0; i < run->nimages && rc == 0; i++)
		rc = sc_remove_parts(&run->images[i], &count, &number, &err);
	sc_progress_line(&run->progress, "%zu subcubes removed", count);
	bool is_unfinished = false;
	for (size_t i = 0; i < run->nimages; i++)
		is_unfinished = is_unfinished || sc_remove_is_unfinished(run->images[i].output.work_fd);
	if (rc < 0)
		sc_log(SC_LOG_ERROR, "the images are complete, but not all subcubes are removed: %s%s", err.text,
		       is_unfinished ? "; --resume goes on with it" : "");
	if (number)
		return 128 + number;
	return rc < 0 ? SC_STATUS_FAILED : SC_STATUS_DONE;
}

/* The work directories of images whose parts were to be removed: one with a list of those that are left stays. */
static void clear_removals(struct run *run)
{
	for (size_t i = 0; i < run->nimages && run->options->remove_parts; i++) {
		struct sc_image *image = &run->images[i];
		if (image->is_made && sc_remove_is_unfinished(image->output.work_fd))
			sc_output_abandon(&image->output);
		else
			sc_image_discard(image);
	}
}

static int summarize(struct run *run)
{
	size_t nmade = 0;
	for (size_t i = 0; i < run->nimages; i++)
		nmade += run->images[i].is_made;
	sc_progress_line(&run->progress, "%zu of %zu extensions succeeded in %.1f s", nmade, run->nimages,
			 sc_progress_seconds(&run->progress));
	for (size_t i = 0; i < run->nimages; i++) {
		const struct sc_image *image = &run->images[i];
		if (image->is_made)
			continue;
		sc_log(SC_LOG_ERROR, "%s: %s", image->path, sc_image_reason(image));
	}
	if (nmade < run->nimages && run->options->remove_parts)
		sc_log(SC_LOG_ERROR, "no subcubes are removed");
	if (nmade < run->nimages)
		return SC_STATUS_FAILED;
	return run->options->remove_parts ? remove_parts(run) : SC_STATUS_DONE;
}

static int report_signal(const struct run *run, int number)
{
	sc_log(SC_LOG_ERROR, "stopped by signal %d (%s): what was not complete is %s", number, strsignal(number),
	       run->follow ? "kept, and the same command goes on with it" : "removed");
	return 128 + number;
}

/* What was copied while parts were not finished is for the next run when this one is stopped, not when it fails. */
static void keep_copied(struct run *run, bool keep)
{
	for (size_t i = 0; i < run->nimages; i++)
		run->images[i].output.keeps_copied = keep && run->images[i].copied;
}

/* From the first file that is written to the end. */
static int write_images(struct run *run)
{
	sc_signals_block();
	raise_file_limit();
	int number = 0, status = lock_outputs(run, &number);
	if (status == SC_STATUS_DONE) {
		keep_copied(run, false);
		sc_space_check(run->images, run->nimages);
		create_images(run);
		if (run->options->json)
			sc_events_start(run->images, run->nimages);
		/* Allocating may have taken a while. */
		number = sc_signals_stopped(0);
		if (number == 0)
			number = run->options->mode == SC_MODE_PAGED || run->options->mode == SC_MODE_COPYVIRTUAL
				     ? copy_images(run)
				     : finish_images(run);
	}
	keep_copied(run, number || status != SC_STATUS_DONE);
	discard_all(run);
	if (number) {
		clear_removals(run);
		return report_signal(run, number);
	}
	status = status == SC_STATUS_DONE ? summarize(run) : status;
	clear_removals(run);
	return status;
}

static int find_input(struct run *run)
{
	struct sc_error err = { 0 };
	const struct sc_options *options = run->options;
	if (!options->dry_run && sc_sweep(options->output ? options->output : options->base, &err) < 0) {
		sc_log(SC_LOG_ERROR, "%s", err.text);
		return SC_STATUS_USAGE;
	}
	int status = options->follow != SC_FOLLOW_OFF
			 ? sc_follow_run(options, &run->progress, &run->input, &run->follow, &err)
			 : (int)sc_settling_find(options, &run->settling, &run->input, &err);
	/* These words are looked for by callers, so nothing is put in front of them. */
	if (status == SC_STATUS_NOT_FOUND)
		fprintf(stderr, "%s\n", err.text);
	else if (status != SC_STATUS_DONE)
		sc_log(SC_LOG_ERROR, "%s", err.text);
	if (status != SC_STATUS_DONE)
		return status;
	run->images = calloc(run->input.nimages, sizeof(*run->images));
	run->items = calloc(run->input.nimages, sizeof(*run->items));
	if (!run->images || !run->items) {
		sc_log(SC_LOG_ERROR, "%s: out of memory", run->options->base);
		return SC_STATUS_FAILED;
	}
	run->nimages = run->input.nimages;
	name_images(run);
	return SC_STATUS_DONE;
}

static int attempt(const struct sc_options *options)
{
	struct run run = { .options = options, .input.source.dirfd = -1 };
	sc_events_begin();
	sc_signals_set_last_words(options->json && !options->dry_run ? sc_events_stopped : NULL);
	sc_signals_exit_at_once();
	sc_progress_start(&run.progress, options->progress, options->quiet, options->json);
	int status = find_input(&run);
	if (status == SC_STATUS_DONE)
		status = open_outputs(&run);
	if (status == SC_STATUS_DONE)
		status = build_views(&run);
	if (status == SC_STATUS_DONE)
		status = check_parts(&run);
	if (status == SC_STATUS_DONE)
		status = options->dry_run ? (int)sc_dryrun_tell(options, run.images, run.nimages) : write_images(&run);
	bool is_over = !options->dry_run && !(status == SC_STATUS_BUSY && options->wait);
	/* One summary, and whole. */
	sc_signals_block();
	if (options->json && is_over)
		sc_events_summary(run.images, run.nimages, status, sc_progress_seconds(&run.progress));
	for (size_t i = 0; i < run.nimages; i++)
		sc_image_close(&run.images[i]);
	free(run.images);
	free(run.items);
	sc_plan_clear(&run.plan);
	sc_views_clear(&run.views);
	sc_input_clear(&run.input);
	sc_settling_clear(&run.settling);
	sc_follow_free(run.follow);
	return status;
}

int sc_materialize(const struct sc_options *options)
{
	int status;
	do
		status = attempt(options);
	while (status == SC_STATUS_BUSY && options->wait);
	return status;
}
