#include "headerclientpriv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>


struct sc_headerclient {
	struct sc_header_scratch scratch;
	struct sc_header_program *waiting; /* for a request; NULL: it has had one */
};

struct sc_headerclient *sc_headerclient_start(void)
{
	struct sc_headerclient *client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	if (sc_header_scratch_make(&client->scratch, NULL) == 0 &&
	    sc_header_program_start(&client->scratch, NULL, &client->waiting, NULL) == 0)
		return client;
	sc_headerclient_free(client);
	return NULL;
}

void sc_headerclient_free(struct sc_headerclient *client)
{
	if (!client)
		return;
	sc_header_program_abandon(client->waiting);
	sc_header_scratch_remove(&client->scratch);
	free(client);
}

/* One run of sc_headerclient_run_within; the request is a TableRecord, as common/casa/header.cc describes it. */
struct run {
	struct sc_headerclient *client;
	uint8_t *request;
	size_t request_size;
	int64_t time_limit_ms;
};

/* The image info without its beams, of which a long cube has one a plane; the caller writes those itself. */
static int put_image_info(struct sc_record *to, const struct sc_record *imageinfo)
{
	struct sc_record *kept = sc_record_new();
	if (!kept)
		return -ENOMEM;
	for (size_t i = 0; i < imageinfo->nfields; i++) {
		const struct sc_field *field = &imageinfo->fields[i];
		if (strcmp(field->name, "restoringbeam") == 0 || strcmp(field->name, "perplanebeams") == 0)
			continue;
		int rc = sc_record_put_field(kept, field->name, field);
		if (rc < 0) {
			sc_record_free(kept);
			return rc;
		}
	}
	return sc_record_put_record(to, "imageinfo", kept);
}

static const char *pixel_type_name(enum sc_type type)
{
	switch (type) {
	case SC_TYPE_FLOAT:
		return "float";
	case SC_TYPE_DOUBLE:
		return "double";
	case SC_TYPE_COMPLEX:
		return "complex";
	case SC_TYPE_DCOMPLEX:
		return "dcomplex";
	default:
		return NULL;
	}
}

static int put_coords(struct sc_record *to, const struct sc_record *coords)
{
	struct sc_record *copy = sc_record_copy(coords);
	return copy ? sc_record_put_record(to, "coords", copy) : -ENOMEM;
}

static int fill_record(struct sc_record *record, const struct sc_header_request *request, const char *type)
{
	int rc = sc_record_put_int(record, "ndim", request->ndim);
	if (rc == 0)
		rc = sc_record_put_string(record, "type", type);
	if (rc == 0)
		rc = sc_record_put_bool(record, "mask", request->has_mask);
	if (rc == 0)
		rc = put_coords(record, request->coords);
	if (rc == 0 && request->imageinfo)
		rc = put_image_info(record, request->imageinfo);
	if (rc == 0 && request->units)
		rc = sc_record_put_string(record, "units", request->units);
	if (rc == 0)
		rc = sc_record_put_string(record, "message", request->history_message);
	if (rc == 0)
		rc = sc_record_put_double(record, "time", request->history_time);
	return rc;
}

static int encode_request(const struct sc_header_request *request, struct run *run, struct sc_error *err)
{
	const char *type = pixel_type_name(request->type);
	if (!type)
		return sc_error_set(err, -EUCLEAN, "images of type %s are not supported", sc_type_name(request->type));
	sc_autorecord struct sc_record *record = sc_record_new();
	if (!record)
		return sc_error_errno(err, -ENOMEM, "cannot make the header");
	int rc = fill_record(record, request, type);
	if (rc == 0) {
		struct sc_aipsio_writer writer;
		sc_aipsio_writer_init(&writer);
		sc_record_encode(record, "TableRecord", &writer);
		rc = sc_aipsio_writer_finish(&writer, &run->request, &run->request_size);
	}
	return rc < 0 ? sc_error_errno(err, rc, "cannot make the header") : 0;
}

/* The text behind "warning: " of the first line of that kind in memory of its own, or NULL. */
static char *find_warning(const char *output)
{
	static const char mark[] = "warning: ";
	for (const char *line = output; *line;) {
		size_t length = strcspn(line, "\n");
		if (strncmp(line, mark, strlen(mark)) == 0)
			return strndup(line + strlen(mark), length - strlen(mark));
		line += length + (line[length] == '\n');
	}
	return NULL;
}

/* By the program that waits; without one, as for a second run, by one that is started now. */
static int run_program(const struct run *run, int64_t time_limit_ms, char **ret_warning, struct sc_error *err)
{
	sc_autofree char *output = NULL;
	struct sc_header_program *program = sc_steal_ptr(run->client->waiting);
	int rc = program ? 0 : sc_header_program_start(&run->client->scratch, NULL, &program, err);
	if (rc == 0)
		rc = sc_header_program_finish(program, run->request, run->request_size, time_limit_ms, &output, err);
	if (rc == 0)
		*ret_warning = find_warning(output);
	return rc;
}

static int set_warning(char **ret_warning, const char *reason, struct sc_error *err)
{
	char *warning;
	if (asprintf(&warning, "the history is left out: %s", reason) < 0)
		return sc_error_errno(err, -ENOMEM, "cannot run the header program");
	free(*ret_warning);
	*ret_warning = warning;
	return 0;
}

/* Copies the log tables; *ret_skipped says why one of them (the first) is left out. */
static bool copy_histories(const struct sc_header_request *request, const struct sc_header_scratch *scratch,
			   struct sc_error *ret_skipped)
{
	bool any = false;
	for (size_t i = 0; i < request->nhistory_parts; i++) {
		struct sc_error reason = { 0 };
		bool copied = false;
		int rc = sc_header_scratch_copy_history(scratch, request->source, request->history_parts[i], i,
							&copied, &reason);
		any |= copied;
		if (rc < 0 && !ret_skipped->code)
			*ret_skipped = reason;
	}
	return any;
}

/*
 * A log table that strangers wrote can do more than be unreadable: casacore may
 * crash on it or never end. So a run with it has half of the time, and when
 * one without it succeeds, the history was the reason and is done without.
 */
static int run_with_history(const struct sc_header_request *request, const struct run *run, char **ret_warning,
			    struct sc_error *err)
{
	struct sc_error skipped = { 0 };
	const struct sc_header_scratch *scratch = &run->client->scratch;
	int64_t time_limit_ms = run->time_limit_ms;
	int rc;
	if (copy_histories(request, scratch, &skipped)) {
		struct sc_error reason = { 0 };
		time_limit_ms /= 2;
		rc = run_program(run, time_limit_ms, ret_warning, &reason);
		if (rc == 0)
			return *ret_warning || !skipped.code ? 0 : set_warning(ret_warning, skipped.text, err);
		rc = sc_header_scratch_reset(scratch, err);
		if (rc < 0)
			return rc;
		skipped = reason;
	}
	rc = run_program(run, time_limit_ms, ret_warning, err);
	if (rc == 0 && skipped.code)
		rc = set_warning(ret_warning, skipped.text, err);
	return rc;
}

static int make_template(const struct sc_header_request *request, struct run *run, struct sc_template *ret_template,
			 struct sc_error *err)
{
	sc_autofree char *warning = NULL;
	int rc = run_with_history(request, run, &warning, err);
	if (rc == 0)
		rc = sc_header_scratch_read_image(&run->client->scratch, ret_template, err);
	if (rc < 0)
		return rc;
	ret_template->warning = sc_steal_ptr(warning);
	return 0;
}

int sc_headerclient_run_within(const struct sc_header_request *request, int64_t time_limit_ms,
			       struct sc_template *ret_template, struct sc_error *err)
{
	struct sc_headerclient own = { 0 };
	struct run run = { .client = request->started ? request->started : &own, .time_limit_ms = time_limit_ms };
	int rc = encode_request(request, &run, err);
	if (rc == 0 && !request->started)
		rc = sc_header_scratch_make(&own.scratch, err);
	if (rc == 0)
		rc = make_template(request, &run, ret_template, err);
	sc_header_scratch_remove(&own.scratch);
	free(run.request);
	return rc;
}

int sc_headerclient_run(const struct sc_header_request *request, struct sc_template *ret_template, struct sc_error *err)
{
	return sc_headerclient_run_within(request, sc_header_time_limit_ms(), ret_template, err);
}
