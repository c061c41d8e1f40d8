#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "clock.h"

/* How often to look after a process that no descriptor stands for. */
#define SC_PROGRAM_TICK_MS 10

/* The descriptors that become 0, 1 and 2. */
struct child_ends {
	int fds[3];
};

static void child_ends_close(struct child_ends *ends)
{
	for (int i = 0; i < 3; i++)
		if (ends->fds[i] >= 0)
			close(ends->fds[i]);
}

/*
 * Moves a descriptor above the standard ones, which it might be when the
 * caller runs with those closed; dup2 in the child would overwrite one with another.
 */
static int move_above_standard(int *fd)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	if (moved < 0)
		return -errno;
	close(*fd);
	*fd = moved;
	return 0;
}

/* A pipe of which end `ours` stays here: 0 for reading, 1 for writing. */
static int open_pipe(int ours, int *ret_our_fd, int *ret_child_fd)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	sc_autoclose int our_fd = fds[ours];
	sc_autoclose int child_fd = fds[!ours];
	/* Not on both ends: programs do not expect it of theirs. */
	if (fcntl(our_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	int rc = move_above_standard(&child_fd);
	if (rc < 0)
		return rc;
	*ret_our_fd = sc_steal_fd(&our_fd);
	*ret_child_fd = sc_steal_fd(&child_fd);
	return 0;
}

static int set_file_actions(posix_spawn_file_actions_t *actions, const struct child_ends *ends)
{
	for (int i = 0; i < 3; i++) {
		int rc = posix_spawn_file_actions_adddup2(actions, ends->fds[i], i);
		if (rc != 0)
			return -rc;
	}
	/* For those that a library, or whoever started us, opened without O_CLOEXEC. */
	return -posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	int rc = posix_spawnattr_setsigmask(attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attributes, &all);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(attributes, 0);
	if (rc == 0)
		rc = posix_spawnattr_setflags(attributes,
					      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	return -rc;
}

static int spawn(const struct sc_program *program, const struct child_ends *ends, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int rc = -posix_spawn_file_actions_init(&actions);
	if (rc < 0)
		return rc;
	posix_spawnattr_t attributes;
	rc = -posix_spawnattr_init(&attributes);
	if (rc == 0) {
		rc = set_file_actions(&actions, ends);
		if (rc == 0)
			rc = set_attributes(&attributes);
		if (rc == 0)
			rc = -posix_spawn(ret_pid, program->path, &actions, &attributes, program->argv,
					  program->environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* Opens the streams and starts the program, which then has the only copies of the outputs' writing ends. */
static int start(const struct sc_program *program, struct sc_running *running)
{
	__attribute__((cleanup(child_ends_close))) struct child_ends ends = { { -1, -1, -1 } };
	int rc = open_pipe(1, &running->input_fd, &ends.fds[0]);
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = open_pipe(0, &running->streams[i].fd, &ends.fds[1 + i]);
	if (rc == 0)
		rc = spawn(program, &ends, &running->pid);
	if (rc == 0)
		running->unread_fd = sc_steal_fd(&ends.fds[0]);
	return rc;
}

/* Writes of the input what goes in; closes it behind the last byte. */
static int feed(struct sc_running *running, const struct sc_program *program, size_t *fed)
{
	while (running->input_fd >= 0 && *fed < program->input_size) {
		ssize_t put =
		    write(running->input_fd, (const char *)program->input + *fed, program->input_size - *fed);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno == EAGAIN ? 0 : -errno;
		*fed += (size_t)put;
	}
	if (running->input_fd >= 0)
		close(running->input_fd);
	running->input_fd = -1;
	return 0;
}

/* Reads what is there. -EMSGSIZE when it is more than the limit. */
static int stream_drain(struct sc_program_stream *stream)
{
	while (stream->fd >= 0) {
		char chunk[4096];
		ssize_t got = read(stream->fd, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got < 0)
			return -errno;
		if (got == 0) {
			close(stream->fd);
			stream->fd = -1;
			return 0;
		}
		if ((size_t)got > stream->limit - stream->size)
			return -EMSGSIZE;
		memcpy(stream->text + stream->size, chunk, (size_t)got);
		stream->size += (size_t)got;
	}
	return 0;
}

static int wait_for_events(const struct sc_running *running, int64_t left_ms)
{
	struct pollfd polled[] = { { .fd = running->pidfd, .events = POLLIN },
				   { .fd = running->input_fd, .events = POLLOUT },
				   { .fd = running->streams[0].fd, .events = POLLIN },
				   { .fd = running->streams[1].fd, .events = POLLIN } };
	int64_t timeout_ms = left_ms > 60000 ? 60000 : left_ms;
	if (running->pidfd < 0 && timeout_ms > SC_PROGRAM_TICK_MS)
		timeout_ms = SC_PROGRAM_TICK_MS;
	if (poll(polled, SC_COUNT_OF(polled), (int)timeout_ms) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

/* Collects the output until the process has ended; -ETIMEDOUT, -EMSGSIZE or another error while it still runs. */
static int collect(const struct sc_program *program, struct sc_running *running, int *ret_status, bool *ret_reaped)
{
	int64_t deadline_ns = sc_clock_ns(CLOCK_MONOTONIC) + program->time_limit_ms * 1000000;
	size_t fed = 0;
	for (;;) {
		/* First asked whether it has ended, then read: so all that it wrote is there to be read. */
		pid_t ended = waitpid(running->pid, ret_status, WNOHANG);
		*ret_reaped = ended != 0;
		if (ended < 0)
			return -errno;
		for (int i = 0; i < 2; i++) {
			int rc = stream_drain(&running->streams[i]);
			if (rc < 0)
				return rc;
		}
		if (ended > 0)
			return 0;
		int64_t left_ms = (deadline_ns - sc_clock_ns(CLOCK_MONOTONIC)) / 1000000;
		if (left_ms <= 0)
			return -ETIMEDOUT;
		int rc = feed(running, program, &fed);
		if (rc == 0)
			rc = wait_for_events(running, left_ms);
		if (rc < 0)
			return rc;
	}
}

static void kill_group(pid_t pid)
{
	/* The group may have children that outlive its leader; before waitpid its number cannot be another's. */
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int describe(const struct sc_program *program, int code, struct sc_error *err)
{
	switch (code) {
	case -ETIMEDOUT:
		return sc_error_set(err, code, "%s took longer than %.3g s", program->label,
				    (double)program->time_limit_ms / 1000);
	case -EMSGSIZE:
		return sc_error_set(err, code, "%s %s wrote more than %zu bytes of messages", program->label,
				    program->path, program->output_limit);
	case -ECHILD:
		return sc_error_set(err, code, "%s %s: cannot learn how it ended; is SIGCHLD ignored?", program->label,
				    program->path);
	default:
		return sc_error_errno(err, code, "%s %s: cannot collect its output", program->label, program->path);
	}
}

/* Closes what is open; the texts stay. */
static void close_ends(struct sc_running *running)
{
	int *fds[] = { &running->pidfd, &running->input_fd, &running->unread_fd, &running->streams[0].fd,
		       &running->streams[1].fd };
	for (size_t i = 0; i < SC_COUNT_OF(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static void clear(struct sc_running *running)
{
	close_ends(running);
	for (int i = 0; i < 2; i++)
		free(running->streams[i].text);
}

int sc_program_start(const struct sc_program *program, struct sc_running *ret_running, struct sc_error *err)
{
	const struct sc_program_stream none = { .fd = -1, .limit = program->output_limit };
	struct sc_running running = { .pidfd = -1, .input_fd = -1, .unread_fd = -1, .streams = { none, none } };
	int rc = 0;
	for (int i = 0; i < 2 && rc == 0; i++) {
		running.streams[i].text = calloc(1, program->output_limit + 1);
		if (!running.streams[i].text)
			rc = -ENOMEM;
	}
	if (rc == 0)
		rc = start(program, &running);
	if (rc < 0) {
		clear(&running);
		return sc_error_errno(err, rc, "%s %s: cannot run", program->label, program->path);
	}
	/* Kernels before 5.3 and some containers have none; then we look every few milliseconds. */
	running.pidfd = (int)syscall(SYS_pidfd_open, running.pid, 0);
	*ret_running = running;
	return 0;
}

void sc_program_abandon(struct sc_running *running)
{
	kill_group(running->pid);
	clear(running);
}

int sc_program_finish(const struct sc_program *program, struct sc_running *running,
		      struct sc_program_result *ret_result, struct sc_error *err)
{
	bool reaped = false;
	int status = 0, rc = collect(program, running, &status, &reaped);
	if (rc < 0 && !reaped)
		kill_group(running->pid);
	if (rc < 0) {
		clear(running);
		return describe(program, rc, err);
	}
	close_ends(running);
	*ret_result = (struct sc_program_result){ status, running->streams[0].text, running->streams[1].text };
	return 0;
}

void sc_program_result_clear(struct sc_program_result *result)
{
	free(result->output);
	free(result->errors);
	*result = (struct sc_program_result){ 0 };
}
