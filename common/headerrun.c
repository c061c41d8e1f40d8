#include "headerclientpriv.h"
#include "program.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define SC_HEADER_OUTPUT_MAXBYTES ((size_t)65536)
#define SC_HEADER_PROGRAM "subcubefs-header"
#define TIME_LIMIT_MS 60000

/* DIR/below when the running program is DIR/NAME and that file can be run; NULL otherwise. */
static char *beside_this_program(const char *below)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length <= 0)
		return NULL;
	self[length] = '\0';
	char *slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	char *path = NULL;
	if (asprintf(&path, "%s/%s", self, below) < 0)
		return NULL;
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* Memory of its own; NULL: out of memory. */
static char *find_program(void)
{
	static const char *const places[] = {
		"../libexec/subcubefs/" SC_HEADER_PROGRAM, /* installed, and perhaps moved as a whole */
		"../common/casa/" SC_HEADER_PROGRAM,       /* BUILD/fs/subcubefs, BUILD/materialize/... */
		"../../common/casa/" SC_HEADER_PROGRAM,    /* BUILD/tests/unit/test_headerclient */
	};
	const char *given = secure_getenv("SUBCUBEFS_HEADER");
	if (given && *given)
		return strdup(given);
	for (size_t i = 0; i < SC_COUNT_OF(places); i++) {
		char *path = beside_this_program(places[i]);
		if (path)
			return path;
	}
	return strdup(SC_LIBEXEC_DIR "/" SC_HEADER_PROGRAM);
}

int64_t sc_header_time_limit_ms(void)
{
	const char *given = secure_getenv("SUBCUBEFS_HEADER_SECONDS");
	double seconds = given ? atof(given) : 0;
	return seconds > 0 && seconds < 1e6 ? (int64_t)(seconds * 1000) : TIME_LIMIT_MS;
}

/*
 * All of the program's environment. A user's would let casacore find a
 * .casarc, and OpenBLAS start a thread for each processor.
 */
struct environment {
	char *entries[10];
	size_t count;
};

static void environment_cleanup(struct environment *environment)
{
	for (size_t i = 0; i < environment->count; i++)
		free(environment->entries[i]);
}

static int environment_add(struct environment *environment, const char *name, const char *value)
{
	char *entry;
	assert(environment->count + 1 < SC_COUNT_OF(environment->entries));
	if (asprintf(&entry, "%s=%s", name, value) < 0)
		return -ENOMEM;
	environment->entries[environment->count++] = entry;
	return 0;
}

static int environment_fill(struct environment *environment, const char *home)
{
	/* Where its libraries are, and how a build with sanitizers reports. */
	static const char *const passed[] = { "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };
	int rc = environment_add(environment, "PATH", "/usr/bin:/bin");
	if (rc == 0)
		rc = environment_add(environment, "HOME", home);
	if (rc == 0)
		rc = environment_add(environment, "CASARCFILES", "/dev/null");
	if (rc == 0)
		rc = environment_add(environment, "OPENBLAS_NUM_THREADS", "1");
	for (size_t i = 0; i < SC_COUNT_OF(passed) && rc == 0; i++) {
		const char *value = secure_getenv(passed[i]);
		if (value)
			rc = environment_add(environment, passed[i], value);
	}
	return rc;
}

/*
 * Finds the program's own line among what it and the libraries wrote:
 * the last one with its name, else the last one that is not empty. Cuts `text`.
 */
static const char *own_line(char *text)
{
	static const char mark[] = SC_HEADER_PROGRAM ": ";
	const char *found = "", *last = "";
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (strncmp(line, mark, strlen(mark)) == 0)
			found = line + strlen(mark);
		if (*line)
			last = line;
	}
	return *found ? found : last;
}

static int check_status(const char *path, struct sc_program_result *result, struct sc_error *err)
{
	int status = result->status;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return sc_error_set(err, -EIO, "the header program %s was killed by signal %d (%s)", path,
				    WTERMSIG(status), strsignal(WTERMSIG(status)));
	const char *line = own_line(result->errors);
	if (!*line)
		return sc_error_set(err, -EIO, "the header program %s ended with status %d and no message", path,
				    WEXITSTATUS(status));
	return sc_error_set(err, -EUCLEAN, "cannot make the header: %s", line);
}

struct sc_header_program {
	char *path;
	struct environment environment;
	char *argv[4];
	struct sc_program program;
	struct sc_running running;
};

static void program_free(struct sc_header_program *header)
{
	environment_cleanup(&header->environment);
	free(header->path);
	free(header);
}

int sc_header_program_start(const struct sc_header_scratch *scratch, const char *option,
			    struct sc_header_program **ret_program, struct sc_error *err)
{
	struct sc_header_program *header = calloc(1, sizeof(*header));
	if (header)
		header->path = find_program();
	if (!header || !header->path || environment_fill(&header->environment, scratch->path) < 0) {
		if (header)
			program_free(header);
		return sc_error_errno(err, -ENOMEM, "cannot run the header program");
	}
	char **argument = header->argv;
	*argument++ = (char *)SC_HEADER_PROGRAM;
	if (option)
		*argument++ = (char *)option;
	*argument = scratch->path;
	header->program = (struct sc_program){
		.label = "the header program",
		.path = header->path,
		.argv = header->argv,
		.environment = header->environment.entries,
		.output_limit = SC_HEADER_OUTPUT_MAXBYTES,
	};
	int rc = sc_program_start(&header->program, &header->running, err);
	if (rc < 0) {
		program_free(header);
		return rc;
	}
	*ret_program = header;
	return 0;
}

void sc_header_program_abandon(struct sc_header_program *header)
{
	if (!header)
		return;
	sc_program_abandon(&header->running);
	program_free(header);
}

int sc_header_program_finish(struct sc_header_program *header, const void *request, size_t request_size,
			     int64_t time_limit_ms, char **ret_output, struct sc_error *err)
{
	struct sc_program_result result;
	header->program.input = request;
	header->program.input_size = request_size;
	header->program.time_limit_ms = time_limit_ms;
	int rc = sc_program_finish(&header->program, &header->running, &result, err);
	if (rc == 0) {
		rc = check_status(header->path, &result, err);
		if (rc == 0)
			*ret_output = sc_steal_ptr(result.output);
		sc_program_result_clear(&result);
	}
	program_free(header);
	return rc;
}
