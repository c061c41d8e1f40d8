/*
 * program.h - runs another program once: bytes in, bounded text out, a time limit.
 * It can be started before its input is known, so that it is ready for it.
 *
 * The program gets descriptors 0, 1 and 2 and no others, default signal
 * dispositions and a process group of its own, which is killed as a whole when
 * the limits are passed. No signal of the calling process is touched, but
 * SIGCHLD must not be ignored there: the kernel would forget how the program ended.
 *
 * Thread-safe; several may run at once. Waits for this program's process only.
 */
#ifndef SC_PROGRAM_H
#define SC_PROGRAM_H

#include "base.h"
#include "error.h"

struct sc_program {
	const char *label; /* what errors call it: "the header program" */
	const char *path;
	char *const *argv; /* ends with NULL, as does the environment */
	char *const *environment;
	size_t output_limit; /* bytes of standard output, and as many of standard error */
	/* Not needed to start it: */
	const void *input; /* what it can read from descriptor 0 */
	size_t input_size;
	int64_t time_limit_ms;
};

/* One stream of a program's output. */
struct sc_program_stream {
	int fd; /* -1 after its end */
	char *text;
	size_t size, limit;
};

/* A program that was started and has not been given its input; it does what it can without. */
struct sc_running {
	pid_t pid;
	int pidfd; /* -1: the kernel has none */
	int input_fd;
	int unread_fd; /* the input's other end: while it is open, a program that has died is no reason for SIGPIPE */
	struct sc_program_stream streams[2];
};

struct sc_program_result {
	int status;            /* of waitpid */
	char *output, *errors; /* standard output and error, each a string */
};

/* The thread that starts it must live until it is finished or abandoned: programs may want to end with it. */
int sc_program_start(const struct sc_program *program, struct sc_running *ret_running, struct sc_error *err);

/* Kills it, and waits for its end. */
void sc_program_abandon(struct sc_running *running);

/*
 * Gives it its input and waits for its end; the time limit begins now. Returns 0 when the program has ended by itself,
 * however that was. -ETIMEDOUT and -EMSGSIZE when it was killed at a limit, else another error. `running` is no more
 * then. On success the caller calls sc_program_result_clear.
 */
int sc_program_finish(const struct sc_program *program, struct sc_running *running,
		      struct sc_program_result *ret_result, struct sc_error *err);

void sc_program_result_clear(struct sc_program_result *result);

#endif
