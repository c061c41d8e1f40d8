#include "refresh.h"

#include "builder.h"
#include "clock.h"
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* Looking takes at most one part in so many of the time. */
#define SHARE 20

/* A look at one image's parts that takes longer does not hold up the others. */
#define LOOK_PATIENCE_S 5

/* How soon a name goes over to its new generation once it may. */
#define ADVANCE_NS INT64_C(100000000)

#define TELL_THREADS 4

struct sc_refresh {
	struct sc_refresh_options options;
	struct sc_builder *tellers;
	pthread_t thread;
	pthread_mutex_t lock; /* guards `stop` */
	pthread_cond_t stopped;
	bool stop;
	struct sc_error told; /* the last error that was logged */
};

/* --- telling --- */

struct telling {
	struct sc_job job;
	const struct sc_refresh *refresh;
	struct sc_catalog_change *changes;
};

static void run_telling(struct sc_job *job)
{
	struct telling *telling = (struct telling *)((char *)job - offsetof(struct telling, job));
	while (telling->changes) {
		struct sc_catalog_change *change = telling->changes;
		telling->changes = change->next;
		telling->refresh->options.tell(telling->refresh->options.context, change);
		free(change);
	}
	free(telling);
}

static void tell(struct sc_refresh *refresh, struct sc_catalog_change *changes)
{
	struct telling *telling = changes ? malloc(sizeof(*telling)) : NULL;
	if (!changes)
		return;
	if (!telling) {
		while (changes) {
			struct sc_catalog_change *next = changes->next;
			free(changes);
			changes = next;
		}
		return;
	}
	*telling = (struct telling){ .job.run = run_telling, .refresh = refresh, .changes = changes };
	sc_builder_add(refresh->tellers, &telling->job);
}

/* --- looking --- */

/* Views of the directory that was mounted are of no use to who looks for his files in the one that took its place. */
static void check_place(const struct sc_source *source, struct sc_error *err)
{
	if (!*err->text && !sc_source_is_covered(source) && !sc_source_is_in_place(source))
		sc_error_set(err, -ESTALE,
			     "%s: not the directory that was mounted, which was renamed, removed or mounted over; to see "
			     "what is there now, mount again",
			     source->path);
}

/* What cannot be read now stays as it was. */
static void scan(struct sc_refresh *refresh)
{
	const struct sc_refresh_options *options = &refresh->options;
	struct sc_scan scan = { 0 };
	struct sc_error err = { 0 };
	int rc = sc_scan_source(options->source, &options->scan, &scan, &err);
	if (rc == 0)
		rc = sc_catalog_look_at_root(options->catalog, &err);
	if (rc == 0) {
		rc = sc_catalog_update(options->catalog, &scan);
		if (rc < 0)
			sc_error_errno(&err, rc, "%s: cannot list the images", options->source->path);
	}
	sc_scan_clear(&scan);
	check_place(options->source, &err);
	sc_catalog_set_problem(options->catalog, *err.text ? err.text : NULL);
	if (*err.text && strcmp(err.text, refresh->told.text) != 0)
		sc_log(SC_LOG_WARNING, "%s; what was there before is shown", err.text);
	refresh->told = err;
}

/* Returns when the next look is due. */
static int64_t look(struct sc_refresh *refresh)
{
	int64_t begun_ns = sc_clock_ns(CLOCK_MONOTONIC);
	scan(refresh);
	int64_t took_ns = sc_clock_ns(CLOCK_MONOTONIC) - begun_ns;
	took_ns += sc_catalog_check(refresh->options.catalog, LOOK_PATIENCE_S);
	int64_t pause_ns = took_ns * (SHARE - 1);
	return sc_clock_ns(CLOCK_MONOTONIC) +
	       (pause_ns > refresh->options.period_ns ? pause_ns : refresh->options.period_ns);
}

/* Until then or until the end; true: it is the end. */
static bool wait_until(struct sc_refresh *refresh, int64_t ns)
{
	const struct timespec then = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	int rc = 0;
	pthread_mutex_lock(&refresh->lock);
	while (!refresh->stop && rc == 0)
		rc = pthread_cond_timedwait(&refresh->stopped, &refresh->lock, &then);
	bool stop = refresh->stop;
	pthread_mutex_unlock(&refresh->lock);
	return stop;
}

static void *run(void *argument)
{
	struct sc_refresh *refresh = argument;
	int64_t due_ns = sc_clock_ns(CLOCK_MONOTONIC) + refresh->options.period_ns, next_ns = due_ns;
	while (!wait_until(refresh, next_ns)) {
		if (sc_clock_ns(CLOCK_MONOTONIC) >= due_ns)
			due_ns = look(refresh);
		tell(refresh, sc_catalog_advance(refresh->options.catalog));
		/* A view that is being built may be ready at any time. */
		next_ns = sc_clock_ns(CLOCK_MONOTONIC) + ADVANCE_NS;
		if (due_ns < next_ns)
			next_ns = due_ns;
	}
	return NULL;
}

/* --- starting and stopping --- */

int sc_refresh_start(const struct sc_refresh_options *options, struct sc_refresh **ret_refresh)
{
	struct sc_refresh *refresh = calloc(1, sizeof(*refresh));
	if (!refresh || !(refresh->tellers = sc_builder_new(TELL_THREADS))) {
		free(refresh);
		return -ENOMEM;
	}
	refresh->options = *options;
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&refresh->stopped, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&refresh->lock, NULL);
	/* Signals are for the thread that waits for them. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&refresh->thread, NULL, run, refresh);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		sc_refresh_free(refresh);
		return -rc;
	}
	*ret_refresh = refresh;
	return 0;
}

bool sc_refresh_stop(struct sc_refresh *refresh, unsigned patience_ms)
{
	struct timespec end;
	if (!refresh)
		return true;
	pthread_mutex_lock(&refresh->lock);
	refresh->stop = true;
	pthread_cond_signal(&refresh->stopped);
	pthread_mutex_unlock(&refresh->lock);
	/* The thread sanitizer does not know pthread_clockjoin_np, for the clock that nobody sets. */
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += patience_ms / 1000;
	return pthread_timedjoin_np(refresh->thread, NULL, &end) == 0 && sc_builder_stop(refresh->tellers, patience_ms);
}

void sc_refresh_free(struct sc_refresh *refresh)
{
	if (!refresh)
		return;
	sc_builder_free(refresh->tellers);
	pthread_cond_destroy(&refresh->stopped);
	pthread_mutex_destroy(&refresh->lock);
	free(refresh);
}
