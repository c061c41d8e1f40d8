/*
 * program.h - runs another program once: bytes in, bounded text out, a time limit.
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
	const void *input; /* what it can read from descriptor 0 */
	size_t input_size;
	int64_t time_limit_ms;
	size_t output_limit; /* bytes of standard output, and as many of standard error */
};

struct sc_program_result {
	int status;            /* of waitpid */
	char *output, *errors; /* standard output and error, each a string */
};

/*
 * Returns 0 when the program has ended by itself, however that was. -ETIMEDOUT
 * and -EMSGSIZE when it was killed at a limit, else the error of starting it.
 * On success the caller calls sc_program_result_clear.
 */
int sc_program_run(const struct sc_program *program, struct sc_program_result *ret_result, struct sc_error *err);
void sc_program_result_clear(struct sc_program_result *result);

#endif
