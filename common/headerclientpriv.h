/*
 * headerclientpriv.h - what headerclient.c (request, retry), headerdir.c (its
 * scratch directory), headerscratch.c (the files there), headerrun.c (the program)
 * and fitsclient.c (FITS headers) share, and what tests need; for no one else.
 */
#ifndef SC_HEADERCLIENTPRIV_H
#define SC_HEADERCLIENTPRIV_H

#include "headerclient.h"

/* How long a header may take, that of a family with a damaged history included; see headerclient.h. */
int64_t sc_header_time_limit_ms(void);

/* sc_headerclient_run with another time limit. */
int sc_headerclient_run_within(const struct sc_header_request *request, int64_t time_limit_ms,
			       struct sc_template *ret_template, struct sc_error *err);

/* A directory of our own for one run of the program; removed with all that is in it. */
struct sc_header_scratch {
	char *path; /* NULL: none */
	int dirfd;  /* the directory, locked: it is in use */
};

/* A process's first one removes what was left in the same place by processes that were killed. */
int sc_header_scratch_make(struct sc_header_scratch *scratch, struct sc_error *err);
void sc_header_scratch_remove(struct sc_header_scratch *scratch);

/* `subcubefs-header [option] SCRATCH`, started; it loads its libraries and waits for a request. */
struct sc_header_program;

int sc_header_program_start(const struct sc_header_scratch *scratch, const char *option,
			    struct sc_header_program **ret_program, struct sc_error *err);
void sc_header_program_abandon(struct sc_header_program *program);

/*
 * Gives it the request as its input, and frees it. *ret_output, what it wrote to standard output, is the caller's; a
 * failure's error is the program's own line.
 */
int sc_header_program_finish(struct sc_header_program *program, const void *request, size_t request_size,
			     int64_t time_limit_ms, char **ret_output, struct sc_error *err);

/*
 * Copies the part's log table, or FITS header, to SCRATCH/history/NUMBER. *ret_copied is false when the
 * part has none. What is no ordinary table is -EUCLEAN. On an error nothing is left there.
 */
int sc_header_scratch_copy_history(const struct sc_header_scratch *scratch, const struct sc_source *source,
				   const char *part, size_t number, bool *ret_copied, struct sc_error *err);

/* Removes what a failed run left, and the histories. */
int sc_header_scratch_reset(const struct sc_header_scratch *scratch, struct sc_error *err);

/* Reads all files of SCRATCH/image but the pixels, by path. */
int sc_header_scratch_read_image(const struct sc_header_scratch *scratch, struct sc_template *ret_template,
				 struct sc_error *err);

#endif
