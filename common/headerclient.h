/*
 * headerclient.h - runs the header program, the only one that uses casacore,
 * and reads back the tables it made.
 *
 * The program gets one TableRecord on standard input and a scratch directory;
 * it never learns a part's path, because casacore writes table.lock into
 * images it opens. It is given a time limit and killed when it takes longer,
 * and dies with the thread that started it.
 */
#ifndef SC_HEADERCLIENT_H
#define SC_HEADERCLIENT_H

#include "record.h"
#include "source.h"

/* A header program that has been started, to load its libraries while the request is being made. */
struct sc_headerclient;

/* NULL: it cannot be; sc_headerclient_run without it tries again and says why. To be freed by the thread that started it. */
struct sc_headerclient *sc_headerclient_start(void);
void sc_headerclient_free(struct sc_headerclient *client);

struct sc_header_request {
	int ndim;
	enum sc_type type; /* of a pixel */
	bool has_mask;
	const struct sc_record *coords; /* checked by casacore, and put into the template */
	const struct sc_record *imageinfo; /* may be NULL; beams are left out of the request */
	const char *units; /* may be NULL */
	/* The history: logtables of parts are copied into the scratch directory, their rows kept, then one is added. */
	const struct sc_source *source;
	size_t nhistory_parts;
	const char *const *history_parts; /* names of these parts in the source, in order */
	const char *history_message;
	double history_time; /* seconds, modified Julian date, UTC: casacore's TIME of a log row */
	struct sc_headerclient *started; /* by this thread, for this run; NULL: none */
};

struct sc_template_file {
	char *path; /* "table.dat", "logtable/table.f0", "mask0/table.f0", ...; no pixel files (*_TSM*) */
	uint8_t *data;
	size_t size;
};

struct sc_template {
	size_t nfiles;
	struct sc_template_file *files; /* by path */
	char *warning; /* NULL, or what could not be kept: a history that casacore cannot read */
};

/*
 * Where the header program is: beside the running program in a build tree, else
 * in libexec. The environment's SUBCUBEFS_HEADER overrides it, and SUBCUBEFS_HEADER_SECONDS the time limit of 60 s.
 */
int sc_headerclient_run(const struct sc_header_request *request, struct sc_template *ret_template,
			struct sc_error *err);
void sc_template_clear(struct sc_template *template_files);

/* NULL when the template has no such file. */
const struct sc_template_file *sc_template_find(const struct sc_template *template_files, const char *path);

#endif
