/* The header program, started before its request is known. Shell scripts take its place. */
#include "testdata.h"

#include "headerclientpriv.h"
#include "headerdir.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#define PATIENCE 1000 /* times 20 ms */

/* A script that has not run yet. */
static void use_new_script(const char *text)
{
	unlinkat(workdir_fd, "program.log", 0);
	use_script(text);
}

/* What the script has written to ${0}.log, once it holds `text`; the caller frees it. */
static char *await_log(const char *text)
{
	for (int i = 0; i < PATIENCE; i++) {
		uint8_t *data = NULL;
		size_t size;
		if (sc_io_read_file(workdir_fd, "program.log", "log", 4096, &data, &size, NULL) == 0) {
			char *log = strndup((const char *)data, size);
			free(data);
			if (strstr(log, text))
				return log;
			free(log);
		}
		usleep(20000);
	}
	fail_msg("the script has not written \"%s\"", text);
	return NULL;
}

static struct sc_header_request make_request(const struct sc_record *coords, const char *message)
{
	return (struct sc_header_request){ .ndim = 4,
					   .type = SC_TYPE_FLOAT,
					   .coords = coords,
					   .source = &workdir_source,
					   .history_message = message };
}

/* For a request that is longer than what fits between the two programs; the caller frees it. */
static char *make_long_message(void)
{
	enum { LONG = 3 << 20 };
	char *message = malloc(LONG + 1);
	assert_non_null(message);
	memset(message, 'x', LONG);
	message[LONG] = 0;
	return message;
}

static void gets_the_request_when_it_is_known(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *coords = sc_record_new();
	sc_autofree char *message = make_long_message();
	struct sc_header_request request = make_request(coords, message);
	use_new_script("#!/bin/sh\necho started >> ${0}.log\ntr -dc x | wc -c >> ${0}.log\n"
		   "mkdir $1/image; echo > $1/image/table.dat; echo ended >> ${0}.log\n");
	request.started = sc_headerclient_start();
	assert_non_null(request.started);
	free(await_log("started\n"));
	struct sc_error err = { 0 };
	struct sc_template made;
	if (sc_headerclient_run(&request, &made, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(made.nfiles, 1);
	sc_template_clear(&made);
	sc_headerclient_free(request.started);
	sc_autofree char *log = await_log("ended\n");
	/* Once, and all of it: no other field has an x. */
	assert_string_equal(log, "started\n3145728\nended\n");
}

/* That would be the end of us as well, were it written to a pipe that nobody can read. */
static void ends_before_the_request_is_known(void **state)
{
	(void)state;
	sc_autorecord struct sc_record *coords = sc_record_new();
	sc_autofree char *message = make_long_message();
	struct sc_header_request request = make_request(coords, message);
	use_new_script("#!/bin/sh\necho 'subcubefs-header: no' >&2; echo started >> ${0}.log; exit 3\n");
	request.started = sc_headerclient_start();
	assert_non_null(request.started);
	free(await_log("started\n"));
	struct sc_error err = { 0 };
	struct sc_template made;
	assert_int_equal(sc_headerclient_run(&request, &made, &err), -EUCLEAN);
	assert_string_equal(err.text, "cannot make the header: no");
	sc_headerclient_free(request.started);
}

static void is_killed_when_it_is_not_needed(void **state)
{
	(void)state;
	use_new_script("#!/bin/sh\necho pid $$. > ${0}.log\ncat\n");
	struct sc_headerclient *client = sc_headerclient_start();
	assert_non_null(client);
	sc_autofree char *log = await_log(".\n");
	pid_t pid = atoi(log + strlen("pid "));
	assert_true(pid > 1);
	assert_int_equal(kill(pid, 0), 0);
	sc_headerclient_free(client);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void cannot_be_started(void **state)
{
	(void)state;
	setenv("SUBCUBEFS_HEADER", "/nonexistent/program", 1);
	assert_null(sc_headerclient_start());
	setenv("TMPDIR", "/nonexistent/tmp", 1);
	assert_null(sc_headerclient_start());
	setenv("TMPDIR", workdir, 1);
	sc_headerclient_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(gets_the_request_when_it_is_known, no_scratch_left),
		cmocka_unit_test_teardown(ends_before_the_request_is_known, no_scratch_left),
		cmocka_unit_test_teardown(is_killed_when_it_is_not_needed, no_scratch_left),
		cmocka_unit_test_teardown(cannot_be_started, no_scratch_left),
	};
	return cmocka_run_group_tests(tests, make_workdir, remove_workdir);
}
