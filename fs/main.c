/*
 * subcubefs - subcubes, mounted as whole CASA images.
 *
 *   parent: options, scan --fork--> child: mounts, serves
 *           waits on a pipe  <----- INIT came: "ready"
 *           looks up a name in the mount, returns 0
 *
 * All that can fail before the fork does; what fails in the child before it is
 * ready is said by the child on the standard error both share.
 */
#include "catalog.h"
#include "ioutil.h"
#include "list.h"
#include "log.h"
#include "messages.h"
#include "mountpoint.h"
#include "notify.h"
#include "options.h"
#include "privileges.h"
#include "refresh.h"
#include "session.h"
#include "unmounter.h"
#include "viewcache.h"
#include "viewread.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Parts that are kept open, where that is permitted: a spectrum through as many opens none when it is read again. */
#define MAX_FILES 4096

#define CACHE_BYTES ((size_t)64 << 20)

/* Between finding a file and opening it there is less than this. */
#define GRACE_NS INT64_C(10000000000)

/* What is being read ahead when the mount has ended cannot hold up the program for longer. */
#define PATIENCE_MS 4000

/* The daemon answers that this is not there, which shows that it answers. */
#define PROBE_NAME ".subcubefs-ready"

struct program {
	struct sc_options options;
	struct sc_source source;
	char *mountpoint;
	struct sc_user user; /* of --user */
	struct sc_service service;
	struct sc_session *session;
	struct sc_scan_options scan;
	struct sc_refresh *refresh; /* NULL: the source is not looked at again */
	int ready_fd; /* the child's end of the pipe; -1 in the foreground */
	bool was_ready;
	char *shown_options; /* service.options */
};

static int fail(const struct sc_error *err)
{
	fprintf(stderr, "subcubefs: %s\n", err->text);
	return SC_EXIT_FAILURE;
}

/* As many open files as permitted; half of them may be parts, the rest is for FUSE and header programs. */
static size_t choose_max_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 16;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	rlim_t half = limit.rlim_cur / 2;
	return half < 16 ? 16 : half > MAX_FILES ? MAX_FILES : (size_t)half;
}

static int open_log(const struct sc_options *options, struct sc_error *err)
{
	/* A daemon's log goes to syslog once it is ready; until then the user is there to read. */
	bool later = !options->foreground && strcmp(options->log, "syslog") == 0;
	return sc_log_open("subcubefs", later ? "stderr" : options->log, later ? SC_LOG_WARNING : SC_LOG_INFO, err);
}

static int explain_nothing_found(const struct program *program, struct sc_error *err)
{
	const struct sc_source *source = &program->source;
	const struct sc_options *options = &program->options;
	sc_autofree char *example = sc_pattern_example(options->has_pattern ? &options->pattern : NULL, source->base);
	const char *wanted = example ? example : "subcubes";
	if (source->base)
		return sc_error_set(err, -ENOENT,
				    "No subcube files found in %s; it is no directory, and %s holds no %s",
				    options->source, source->path, wanted);
	return sc_error_set(err, -ENOENT,
			    "No subcube files found in %s; give a directory that holds %s, or say with --nparts how "
			    "many there will be",
			    options->source, wanted);
}

/* An imager may begin after we do: who knows how many parts there will be has not mistaken the directory. */
static bool may_be_empty(const struct sc_options *options)
{
	return options->refresh_ns > 0 && options->view.nparts > 0;
}

/* Whoever looks into the mount next would wonder. */
static void warn_of_hidden(const struct program *program)
{
	sc_autofree char *hidden = sc_catalog_describe_hidden(program->service.catalog);
	if (hidden)
		fprintf(stderr, "subcubefs: warning: %s\n", hidden);
}

static int make_catalog(struct program *program, struct sc_error *err)
{
	struct sc_scan scan = { 0 };
	const struct sc_source *source = &program->source;
	const struct sc_options *options = &program->options;
	program->scan = (struct sc_scan_options){
		.exclude = sc_mountpoint_entry_of(program->mountpoint, source->dirfd),
		.pattern = options->has_pattern ? &options->pattern : NULL,
	};
	int rc = sc_scan_source(source, &program->scan, &scan, err);
	if (rc < 0)
		return rc;
	if (scan.nproducts == 0 && !may_be_empty(options)) {
		sc_scan_clear(&scan);
		return explain_nothing_found(program, err);
	}
	program->service.refreshing = options->refresh_ns > 0;
	const struct sc_catalog_options catalog_options = {
		.source = source,
		.view = &options->view,
		.uid = geteuid(),
		.gid = getegid(),
		.refreshing = program->service.refreshing,
		.grace_ns = GRACE_NS,
	};
	rc = sc_catalog_new(&catalog_options, &scan, &program->service.catalog, err);
	if (rc == 0)
		warn_of_hidden(program);
	return rc;
}

static int open_source(struct program *program, struct sc_error *err)
{
	const struct sc_options *options = &program->options;
	int rc = sc_source_open(options->source, false, &program->source, err);
	if (rc < 0)
		return rc;
	program->source.follow_links = options->follow_links;
	/* Opened here: its path may be relative, or lie below the mountpoint. */
	if (!options->no_cache)
		program->options.view.cache = sc_viewcache_open(options->cache_dir);
	program->service.source = &program->source;
	program->service.options = program->shown_options = sc_options_shown(options);
	return program->shown_options ? make_catalog(program, err) : sc_error_errno(err, -ENOMEM, "%s", options->source);
}

/* Who shall serve looks at the source, and finds there what he may. */
static int open_source_as_user(struct program *program, struct sc_error *err)
{
	if (!program->options.user)
		return open_source(program, err);
	int rc = sc_privileges_lend(&program->user, err);
	if (rc == 0)
		rc = open_source(program, err);
	struct sc_error lost = { 0 };
	if (sc_privileges_take_back(&lost) < 0) {
		*err = lost;
		rc = -EPERM;
	}
	return rc;
}

static int make_session(struct program *program)
{
	struct sc_error err = { 0 };
	sc_autofree char *name = NULL;
	if (asprintf(&name, "%s%s%s", program->source.path, program->source.base ? "/" : "",
		     program->source.base ? program->source.base : "") < 0) {
		name = NULL;
		sc_error_errno(&err, -ENOMEM, "%s", program->options.source);
		return fail(&err);
	}
	return sc_session_new(&program->options, name, &program->service, &program->session);
}

static int find_user(struct program *program)
{
	struct sc_error err = { 0 };
	if (!program->options.user)
		return 0;
	if (sc_user_find(program->options.user, &program->user, &err) < 0)
		return sc_options_usage_error("--user: %s", err.text);
	if (geteuid() == 0)
		return 0;
	sc_error_set(&err, -EPERM, "--user: only root can serve as another user; leave it out to mount as yourself");
	return fail(&err);
}

static int find_mountpoint(struct program *program, struct sc_error *err)
{
	const char *given = program->options.mountpoint;
	if (sc_mountpoint_descriptor(given) < 0)
		return sc_mountpoint_resolve(given, &program->mountpoint, err);
	/* How it was mounted cannot be known: the kernel may leave the permissions to us. */
	program->service.checks = true;
	program->service.nonempty = true;
	program->mountpoint = strdup(given);
	return program->mountpoint ? sc_mountpoint_check_descriptor(given, err) : sc_error_errno(err, -ENOMEM, "%s", given);
}

/* Everything that is in the way of mounting and can be known before. Returns the exit status. */
static int prepare(struct program *program)
{
	struct sc_error err = { 0 };
	const struct sc_options *options = &program->options;
	int status = find_user(program);
	if (status != 0)
		return status;
	/* The mountpoint first: it may be the source, and still have on it what died there. */
	if (find_mountpoint(program, &err) < 0 || open_log(options, &err) < 0 ||
	    open_source_as_user(program, &err) < 0)
		return fail(&err);
	status = make_session(program);
	if (status == 0 && !program->service.nonempty &&
	    sc_mountpoint_check_empty(program->mountpoint, program->source.dirfd, &err) < 0)
		return fail(&err);
	return status;
}

/* --- the child --- */

/* Lets go of the terminal. Standard error stays when it is where the log goes. */
static void detach_stdio(const struct sc_options *options)
{
	setsid();
	sc_autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (strcmp(options->log, "stderr") != 0)
			dup2(null, STDERR_FILENO);
	}
	if (strcmp(options->log, "syslog") == 0)
		sc_log_open("subcubefs", "syslog", SC_LOG_INFO, NULL);
}

static void start_refreshing(struct program *program)
{
	const struct sc_refresh_options options = {
		.catalog = program->service.catalog,
		.source = &program->source,
		.scan = program->scan,
		.period_ns = program->options.refresh_ns,
		.tell = sc_session_tell,
		.context = program->session,
	};
	int rc = options.period_ns > 0 ? sc_refresh_start(&options, &program->refresh) : 0;
	if (rc < 0)
		sc_log(SC_LOG_ERROR, "%s: cannot be looked at again: %s", program->source.path, strerror(-rc));
}

/* The kernel has sent INIT. */
static void become_ready(void *context)
{
	struct program *program = context;
	program->was_ready = true;
	/* Nobody has asked for a name yet. */
	program->source.mount_device = sc_session_device(program->session);
	if (program->ready_fd >= 0) {
		detach_stdio(&program->options);
		/* A parent that was killed will not unmount, so nobody wants this mount. */
		if (write(program->ready_fd, "R", 1) != 1)
			kill(getpid(), SIGTERM);
		close(program->ready_fd);
		program->ready_fd = -1;
	} else {
		sc_notify("READY=1");
	}
	start_refreshing(program);
	sc_log(SC_LOG_INFO, "%s: mounted on %s, %zu image%s", program->source.path, program->mountpoint,
	       sc_catalog_count(program->service.catalog), sc_catalog_count(program->service.catalog) == 1 ? "" : "s");
}

static void forget_view(void *reader, const struct sc_view *view)
{
	sc_reader_forget(reader, view);
}

/* False: a thread waits for the storage, which does not answer. */
static bool stop_serving(const struct program *program)
{
	const struct sc_service *service = &program->service;
	/* Before it ended, the thread that looks at the source may have started one more job. */
	return sc_catalog_stop(service->catalog, PATIENCE_MS) && sc_refresh_stop(program->refresh, PATIENCE_MS) &&
	       sc_catalog_stop(service->catalog, PATIENCE_MS) &&
	       (!service->reader || sc_reader_stop(service->reader, PATIENCE_MS));
}

static void free_service(struct program *program)
{
	struct sc_service *service = &program->service;
	sc_refresh_free(program->refresh);
	sc_status_free(service->status);
	sc_catalog_free(sc_steal_ptr(service->catalog));
	sc_reader_free(service->reader);
	sc_buffers_free(service->buffers);
}

static int serve(struct program *program)
{
	struct sc_error err = { 0 };
	program->service.ready = become_ready;
	program->service.context = program;
	program->service.reader = sc_reader_new(choose_max_files(), CACHE_BYTES);
	program->service.buffers = sc_buffers_new();
	program->service.status = sc_status_new(program->service.catalog, &program->service.reads);
	sc_catalog_set_forget(program->service.catalog, forget_view, program->service.reader);
	const struct sc_options *options = &program->options;
	int rc = 0;
	if (program->service.reader && options->readahead_bytes > 0)
		rc = sc_reader_read_ahead(program->service.reader, options->readahead_bytes, options->readahead_always);
	if (rc < 0 || !program->service.reader || !program->service.buffers || !program->service.status)
		rc = sc_error_errno(&err, -ENOMEM, "%s", program->options.source);
	else
		rc = sc_session_serve(program->session, program->mountpoint, program->options.foreground,
				      program->options.user ? &program->user : NULL, &err);
	if (rc == 0 && !program->was_ready)
		rc = sc_error_set(&err, -EIO, "%s: unmounted before it was ready", program->mountpoint);
	if (rc < 0 && !program->was_ready)
		fail(&err);
	else if (rc < 0)
		sc_log(SC_LOG_ERROR, "%s", err.text);
	else
		sc_log(SC_LOG_INFO, "%s: unmounted", program->mountpoint);
	if (!stop_serving(program)) {
		sc_log(SC_LOG_ERROR, "%s: the storage does not answer a read; ending without waiting for it",
		       program->mountpoint);
		_exit(rc < 0 ? SC_EXIT_FAILURE : 0);
	}
	free_service(program);
	return rc < 0 ? SC_EXIT_FAILURE : 0;
}

/* --- the parent --- */

static int collect_child(pid_t child)
{
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* The child died without being ready. It said why, unless a signal killed it; then its mount may be left. */
static int report_death(const struct program *program, pid_t child)
{
	int status = collect_child(child);
	if (!WIFSIGNALED(status))
		return SC_EXIT_FAILURE;
	fprintf(stderr, "subcubefs: %s: the serving process was killed by signal %d (%s)\n", program->mountpoint,
		WTERMSIG(status), strsignal(WTERMSIG(status)));
	struct sc_mounted mounted;
	if (sc_mountpoint_mounted(program->mountpoint, &mounted) && sc_mountpoint_is_subcubefs(&mounted))
		sc_mountpoint_detach(program->mountpoint);
	return SC_EXIT_FAILURE;
}

static int wait_until_ready(const struct program *program, int ready_fd, pid_t child)
{
	char byte;
	ssize_t got;
	while ((got = read(ready_fd, &byte, 1)) < 0 && errno == EINTR)
		;
	if (got != 1)
		return report_death(program, child);
	sc_autofree char *probe = NULL;
	struct stat st;
	if (asprintf(&probe, "%s/%s", program->mountpoint, PROBE_NAME) < 0)
		probe = NULL;
	else if (lstat(probe, &st) == 0 || errno == ENOENT)
		return 0;
	fprintf(stderr, "subcubefs: %s: mounted, but it does not answer: %s\n", program->mountpoint, strerror(errno));
	kill(child, SIGTERM);
	collect_child(child);
	return SC_EXIT_FAILURE;
}

static int run_daemon(struct program *program)
{
	struct sc_error err = { 0 };
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0) {
		sc_error_errno(&err, -errno, "cannot start in the background");
		return fail(&err);
	}
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		program->ready_fd = ends[1];
		/* Nothing from here on uses a relative path. */
		if (chdir("/") < 0)
			sc_log(SC_LOG_WARNING, "cannot leave the current directory");
		return serve(program);
	}
	close(ends[1]);
	sc_autoclose int ready_fd = ends[0];
	if (child < 0) {
		sc_error_errno(&err, -errno, "cannot start in the background");
		return fail(&err);
	}
	return wait_until_ready(program, ready_fd, child);
}

int main(int argc, char **argv)
{
	struct program program = { .source.dirfd = -1, .ready_fd = -1 };
	sc_io_hold_standard();
	sc_unmounter_init(argc, argv);
	int status = sc_options_parse(argc, argv, &program.options);
	if (status >= 0)
		return status;
	if (program.options.list) {
		status = sc_list_run(&program.options);
		sc_options_clear(&program.options);
		return status;
	}
	/* Whoever started us may ignore it; then nobody could be waited for. */
	signal(SIGCHLD, SIG_DFL);
	sc_messages_to_log();
	status = prepare(&program);
	if (status == 0)
		status = program.options.foreground ? serve(&program) : run_daemon(&program);
	sc_session_free(program.session);
	sc_catalog_free(program.service.catalog);
	free(program.mountpoint);
	free(program.shown_options);
	sc_source_close(&program.source);
	sc_viewcache_close(program.options.view.cache);
	sc_user_clear(&program.user);
	sc_options_clear(&program.options);
	return status;
}
