#include "unmounter.h"

#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME "sc-unmount"

/* Should it not answer, the end must not wait for it. */
#define PATIENCE_MS 3000

struct request {
	struct sc_mounted mounted;
	bool any; /* `mounted` is not known */
	enum sc_unmount how;
};

static char *arguments_start, *arguments_end;

void sc_unmounter_init(int argc, char **argv)
{
	if (argc == 0)
		return;
	arguments_start = argv[0];
	arguments_end = argv[argc - 1] + strlen(argv[argc - 1]);
}

/* --- the unmounter --- */

/* Whoever looks for the serving process by its arguments finds that one only. */
static void rename_process(void)
{
	prctl(PR_SET_NAME, NAME);
	if (arguments_end <= arguments_start)
		return;
	size_t size = (size_t)(arguments_end - arguments_start);
	memset(arguments_start, 0, size);
	memcpy(arguments_start, NAME, size < strlen(NAME) ? size : strlen(NAME));
}

/* Holds on to nothing of the program's: no directory, no terminal, nobody's pipe. Returns where `fd` is now. */
static int let_go(int fd)
{
	setsid();
	int rc = chdir("/");
	(void)rc; /* there is nothing better */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	if (fd != 3)
		dup3(fd, 3, O_CLOEXEC);
	closefrom(4);
	return 3;
}

static bool is_meant(const char *mountpoint, const struct request *request)
{
	struct sc_mounted now;
	if (!sc_mountpoint_mounted(mountpoint, &now) || !sc_mountpoint_is_subcubefs(&now))
		return false;
	if (!request->any && (now.major != request->mounted.major || now.minor != request->mounted.minor))
		return false;
	return request->how != SC_UNMOUNT_DEAD || sc_mountpoint_is_dead(mountpoint);
}

/* A reader that waits for storage holds the connection open as long as that takes. */
static void abort_connection(const struct sc_mounted *mounted)
{
	char path[64];
	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", mounted->minor);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* The kernel's answer is in what the readers get. */
	ssize_t put = write(fd, "1", 1);
	(void)put;
	close(fd);
}

/* What the serving process asks for, and after its end. */
static void serve(int fd, const char *mountpoint, bool clear_dead)
{
	struct request request;
	ssize_t got;
	while ((got = recv(fd, &request, sizeof(request), 0)) != 0) {
		if (got != (ssize_t)sizeof(request))
			continue;
		if (is_meant(mountpoint, &request)) {
			sc_mountpoint_detach(mountpoint);
			if (request.how == SC_UNMOUNT_ABORT && !request.any)
				abort_connection(&request.mounted);
		}
		send(fd, "D", 1, MSG_NOSIGNAL);
	}
	request = (struct request){ .any = true, .how = SC_UNMOUNT_DEAD };
	if (clear_dead && is_meant(mountpoint, &request))
		sc_mountpoint_detach(mountpoint);
}

static _Noreturn void be_unmounter(int fd, const char *mountpoint, bool clear_dead)
{
	/* A terminal's signal goes to all its processes; this one ends after the serving one. */
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	for (size_t i = 0; i < SC_COUNT_OF(ignored); i++)
		signal(ignored[i], SIG_IGN);
	fd = let_go(fd);
	rename_process();
	sc_privileges_keep_unmounting();
	send(fd, "R", 1, MSG_NOSIGNAL);
	serve(fd, mountpoint, clear_dead);
	_exit(0);
}

/* --- the serving process --- */

static bool wait_for_answer(int fd)
{
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	char byte;
	int ready;
	while ((ready = poll(&answer, 1, PATIENCE_MS)) < 0 && errno == EINTR)
		;
	return ready > 0 && recv(fd, &byte, 1, 0) == 1;
}

int sc_unmounter_start(const char *mountpoint, bool clear_dead, struct sc_unmounter *ret_unmounter,
		       struct sc_error *err)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return sc_error_errno(err, -errno, "cannot start the process that unmounts");
	pid_t pid = fork();
	if (pid == 0)
		be_unmounter(ends[1], mountpoint, clear_dead);
	int code = -errno;
	close(ends[1]);
	struct sc_unmounter unmounter = { .fd = ends[0] };
	if (pid < 0 || !wait_for_answer(unmounter.fd)) {
		close(unmounter.fd);
		return sc_error_errno(err, pid < 0 ? code : -EIO, "cannot start the process that unmounts");
	}
	*ret_unmounter = unmounter;
	return 0;
}

void sc_unmounter_unmount(const struct sc_unmounter *unmounter, const struct sc_mounted *mounted, enum sc_unmount how)
{
	struct request request;
	if (unmounter->fd < 0)
		return;
	/* All of it is sent, what pads it too. */
	memset(&request, 0, sizeof(request));
	request.any = !mounted;
	request.how = how;
	if (mounted)
		request.mounted = *mounted;
	if (send(unmounter->fd, &request, sizeof(request), MSG_NOSIGNAL) == (ssize_t)sizeof(request))
		wait_for_answer(unmounter->fd);
}

void sc_unmounter_stop(struct sc_unmounter *unmounter)
{
	if (unmounter->fd < 0)
		return;
	close(unmounter->fd);
	unmounter->fd = -1;
}
