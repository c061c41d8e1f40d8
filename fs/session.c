#include "session.h"

#include "initreply.h"
#include "log.h"
#include "messages.h"
#include "mountpoint.h"
#include "options.h"
#include "unmounter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <time.h>

/* A dozen reads that hang must not stop everybody: more threads than libfuse's ten. Too many would never be needed. */
#define MAX_THREADS 64
#define FEW_THREADS 10

/* A read that the storage does not answer cannot hold up the end for longer. */
#define PATIENCE_MS 3000
#define POKE_MS 10

#define SIGNAL_END_WATCH SIGUSR2 /* to the thread that waits for signals: the session has ended by itself */
#define SIGNAL_WAKE SIGUSR1      /* to the main thread: look whether the session shall end */

struct sc_session {
	struct fuse_session *fuse;
	const char *mountpoint;
	struct sc_mounted mounted;
	bool mounted_known;
	const struct sc_service *service;
	struct sc_unmounter unmounter;
	sigset_t watched;
	pthread_t main_thread, watcher;
	atomic_bool ended; /* the loop has returned */
};

/* --- options --- */

/* Commas separate options; libfuse takes "\," and "\\" for the characters themselves. */
static char *make_fsname_option(const char *name)
{
	char *option = malloc(sizeof("-ofsname=") + 2 * strlen(name));
	if (!option)
		return NULL;
	char *to = stpcpy(option, "-ofsname=");
	for (; *name; name++) {
		if (*name == ',' || *name == '\\')
			*to++ = '\\';
		*to++ = *name;
	}
	*to = '\0';
	return option;
}

/* The user's options stand behind the defaults and before what is not to be changed. */
static int make_arguments(size_t noptions, const char *const *options, bool allow_other, const char *name,
			  struct fuse_args *args)
{
	sc_autofree char *fsname = make_fsname_option(name);
	if (!fsname || fuse_opt_add_arg(args, "subcubefs") < 0 || fuse_opt_add_arg(args, fsname) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < noptions; i++) {
		if (fuse_opt_add_arg(args, "-o") < 0 || fuse_opt_add_arg(args, options[i]) < 0)
			return -ENOMEM;
	}
	if (allow_other && fuse_opt_add_arg(args, "-oallow_other") < 0)
		return -ENOMEM;
	return fuse_opt_add_arg(args, "-osubtype=subcubefs,ro,default_permissions") < 0 ? -ENOMEM : 0;
}

/* Finds those of the options that are ours too: max_read stays, the others are nothing that libfuse or the kernel know. */
static int find_own_options(struct fuse_args *args, struct sc_service *service)
{
	static const struct fuse_opt options[] = {
		{ "max_read=%u", offsetof(struct sc_service, max_read), 1 },
		FUSE_OPT_KEY("max_read=", FUSE_OPT_KEY_KEEP),
		{ "direct_io", offsetof(struct sc_service, direct_io), 1 },
		{ "nonempty", offsetof(struct sc_service, nonempty), 1 },
		{ "auto_unmount", offsetof(struct sc_service, auto_unmount), 1 },
		FUSE_OPT_END,
	};
	return fuse_opt_parse(args, service, options, NULL);
}

int sc_session_new(const struct sc_options *options, const char *name, struct sc_service *service,
		   struct sc_session **ret_session)
{
	struct sc_session *session = calloc(1, sizeof(*session));
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	if (!session ||
	    make_arguments(options->nmount_options, options->mount_options, options->user, name, &args) < 0) {
		free(session);
		fuse_opt_free_args(&args);
		fputs("subcubefs: out of memory\n", stderr);
		return SC_EXIT_FAILURE;
	}
	session->service = service;
	session->unmounter.fd = -1;
	char said[512];
	sc_messages_catch();
	if (find_own_options(&args, service) == 0)
		session->fuse = fuse_session_new(&args, &sc_operations, sizeof(sc_operations), service);
	sc_messages_release(said, sizeof(said));
	fuse_opt_free_args(&args);
	if (session->fuse) {
		*ret_session = session;
		return 0;
	}
	free(session);
	/* fuse: unknown option(s): `-o foo,bar' */
	static const char before[] = "`-o ";
	char *quoted = strstr(said, before);
	if (!quoted)
		return sc_options_usage_error("mount options: %s", *said ? said : "not understood");
	quoted += strlen(before);
	quoted[strcspn(quoted, "'")] = '\0';
	return sc_options_usage_error("unknown mount option '%s'", quoted);
}

/*
 * libfuse frees what it knows of the mount only when it unmounts, by its path
 * and with rights that are gone. A device that has ended makes it leave that
 * out, and a pipe without a reader looks like one.
 */
static void make_libfuse_forget(struct fuse_session *fuse)
{
	int ends[2];
	if (fuse_session_fd(fuse) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return;
	close(ends[0]);
	dup3(ends[1], fuse_session_fd(fuse), O_CLOEXEC);
	close(ends[1]);
	fuse_session_unmount(fuse);
}

void sc_session_free(struct sc_session *session)
{
	if (!session)
		return;
	make_libfuse_forget(session->fuse);
	fuse_session_destroy(session->fuse);
	free(session);
}

/* --- signals --- */

static void do_nothing(int number)
{
	(void)number;
}

static void set_handler(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };
	sigaction(number, &action, NULL);
}

/*
 * Signals are waited for by a thread, so no handler has to do anything. A
 * daemon takes SIGINT even when it was started with it ignored, as shells do
 * for what they put into the background; a foreground program respects that.
 */
static void prepare_signals(struct sc_session *session, bool foreground)
{
	sigemptyset(&session->watched);
	sigaddset(&session->watched, SIGTERM);
	sigaddset(&session->watched, SIGINT);
	sigaddset(&session->watched, SIGNAL_END_WATCH);
	set_handler(SIGPIPE, SIG_IGN);
	set_handler(SIGNAL_WAKE, do_nothing);
	set_handler(SIGTERM, SIG_DFL);
	if (foreground) {
		sigaddset(&session->watched, SIGHUP);
	} else {
		set_handler(SIGINT, SIG_DFL);
		set_handler(SIGHUP, SIG_IGN);
	}
	pthread_sigmask(SIG_BLOCK, &session->watched, NULL);
}

static bool has_ended_by_itself(const struct sc_session *session)
{
	struct pollfd device = { .fd = fuse_session_fd(session->fuse) };
	return poll(&device, 1, 0) == 1 && device.revents & POLLERR;
}

/* Another mount may have been put in the place of ours, or ours may be gone: the unmounter sees to that. */
static void unmount(const struct sc_session *session, enum sc_unmount how)
{
	sc_unmounter_unmount(&session->unmounter, session->mounted_known ? &session->mounted : NULL, how);
}

/*
 * Ends the loop: libfuse's main thread waits for a semaphore that only a
 * signal interrupts, and may miss one that comes between its check and its
 * wait, so it is poked until it has noticed.
 */
static void end_loop(struct sc_session *session)
{
	const struct timespec pause = { .tv_nsec = POKE_MS * 1000000 };
	fuse_session_exit(session->fuse);
	for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += POKE_MS) {
		pthread_kill(session->main_thread, SIGNAL_WAKE);
		nanosleep(&pause, NULL);
		if (atomic_load(&session->ended))
			return;
	}
	sc_log(SC_LOG_ERROR, "%s: the storage does not answer a read; ending without waiting for it",
	       session->mountpoint);
	unmount(session, SC_UNMOUNT_ABORT);
	/* Where that is not permitted, the connection ends with this descriptor, which the thread that hangs would keep. */
	close(fuse_session_fd(session->fuse));
	_exit(0);
}

/*
 * The loop ends by itself when somebody unmounts or aborts the connection; and then waits for its threads, of which one may
 * hang. To poll the device would wake this thread with each request.
 */
static void *watch_signals(void *pointer)
{
	const struct timespec period = { .tv_sec = 1 };
	struct sc_session *session = pointer;
	int number;
	do
		number = sigtimedwait(&session->watched, NULL, &period);
	while ((number < 0 && !fuse_session_exited(session->fuse)) ||
	       (number == SIGNAL_END_WATCH && !atomic_load(&session->ended)));
	if (number == SIGNAL_END_WATCH)
		return NULL;
	if (number > 0)
		sc_log(SC_LOG_INFO, "%s: unmounting on signal %d", session->mountpoint, number);
	end_loop(session);
	return NULL;
}

/* --- serving --- */

/* Each thread may have a part's file open: together at most half of what the process may. */
static unsigned choose_max_threads(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FEW_THREADS;
	rlim_t half = limit.rlim_cur / 2;
	return half < FEW_THREADS ? FEW_THREADS : half > MAX_THREADS ? MAX_THREADS : (unsigned)half;
}

/* All threads read from one /dev/fuse: to have one cloned for each is no faster, and takes as many descriptors. */
static int run_loop(struct sc_session *session)
{
#if FUSE_USE_VERSION >= 312
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_loop_cfg_set_max_threads(config, choose_max_threads());
	int rc = fuse_session_loop_mt(session->fuse, config);
	fuse_loop_cfg_destroy(config);
	return rc;
#else
	struct fuse_loop_config config = { .clone_fd = 0, .max_idle_threads = choose_max_threads() };
	return fuse_session_loop_mt(session->fuse, &config);
#endif
}

/*
 * The kernel reads 128 KiB ahead, and only root may raise that. It counts when
 * it is done before the kernel's INIT is answered, which says as much.
 */
static void raise_read_ahead(const struct sc_mounted *mounted)
{
	char path[64], text[16];
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", mounted->major, mounted->minor);
	int length = snprintf(text, sizeof(text), "%d\n", SC_KERNEL_READ_AHEAD / 1024);
	sc_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, (size_t)length) < 0)
		sc_log(SC_LOG_INFO, "%s: cannot be raised: %s", path, strerror(errno));
}

static int mount_session(struct sc_session *session, const char *mountpoint, struct sc_error *err)
{
	char said[512];
	sc_messages_catch();
	int rc = fuse_session_mount(session->fuse, mountpoint);
	sc_messages_release(said, sizeof(said));
	if (rc < 0)
		return sc_messages_explain_mount(mountpoint, said, err);
	rc = sc_initreply_amend(session->fuse);
	if (rc < 0) {
		fuse_session_unmount(session->fuse);
		return sc_error_errno(err, rc, "%s", mountpoint);
	}
	session->mountpoint = mountpoint;
	session->mounted_known = sc_mountpoint_mounted(mountpoint, &session->mounted);
	if (session->mounted_known && sc_mountpoint_is_subcubefs(&session->mounted))
		raise_read_ahead(&session->mounted);
	return 0;
}

static int serve_mounted(struct sc_session *session, struct sc_error *err)
{
	session->main_thread = pthread_self();
	atomic_init(&session->ended, false);
	int rc = pthread_create(&session->watcher, NULL, watch_signals, session);
	if (rc != 0)
		return sc_error_errno(err, -rc, "cannot start a thread");
	rc = run_loop(session);
	atomic_store(&session->ended, true);
	pthread_kill(session->watcher, SIGNAL_END_WATCH);
	pthread_join(session->watcher, NULL);
	return rc < 0 ? sc_error_errno(err, rc, "%s: FUSE broke off", session->mountpoint) : 0;
}

static int mount_and_drop(struct sc_session *session, const char *mountpoint, const struct sc_user *user,
			  struct sc_error *err)
{
	bool is_mounted = sc_mountpoint_descriptor(mountpoint) >= 0;
	int rc = is_mounted ? 0
			    : sc_unmounter_start(mountpoint, session->service->auto_unmount, &session->unmounter, err);
	if (rc == 0)
		rc = mount_session(session, mountpoint, err);
	if (rc < 0)
		return rc;
	rc = sc_privileges_drop(user, err);
	if (rc < 0)
		unmount(session, SC_UNMOUNT);
	return rc;
}

int sc_session_serve(struct sc_session *session, const char *mountpoint, bool foreground, const struct sc_user *user,
		     struct sc_error *err)
{
	prepare_signals(session, foreground);
	int rc = mount_and_drop(session, mountpoint, user, err);
	if (rc == 0) {
		rc = serve_mounted(session, err);
		unmount(session, has_ended_by_itself(session) ? SC_UNMOUNT_DEAD : SC_UNMOUNT);
	}
	sc_unmounter_stop(&session->unmounter);
	return rc;
}

/* Of a mount that was handed over only its connection is known. Its number is the device's; not all kernels tell it. */
static dev_t device_of_connection(int fd)
{
	char path[64], line[128];
	unsigned number = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *file = fopen(path, "re");
	while (file && number == 0 && fgets(line, sizeof(line), file))
		sscanf(line, "fuse_connection: %u", &number);
	if (file)
		fclose(file);
	return number > 0 ? makedev(0, number) : 0;
}

dev_t sc_session_device(const struct sc_session *session)
{
	if (!session->mounted_known)
		return device_of_connection(fuse_session_fd(session->fuse));
	return makedev(session->mounted.major, session->mounted.minor);
}

/*
 * What the kernel does not know is no error. Of names it is told nothing, they run out soon: for that a thread would wait in
 * the kernel for all who look one up in the root. While one of them waits for storage that hangs, not even a killed program would end.
 */
void sc_session_tell(void *pointer, const struct sc_catalog_change *change)
{
	const struct sc_session *session = pointer;
	for (unsigned i = 0; i < change->nnodes; i++) {
		uint64_t id = change->serial << SC_NODE_BITS | i;
		fuse_lowlevel_notify_inval_inode(session->fuse, id, 0, 0);
		fuse_lowlevel_notify_inval_inode(session->fuse, id | SC_NODE_ALIAS, 0, 0);
	}
}
