#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "printable.h"

static struct {
	pthread_mutex_t lock;
	int fd;       /* -1: syslog */
	bool stamped; /* a file's lines carry the time, a terminal's do not */
	enum sc_log_level least;
	char program[32];
	char *tail[SC_LOG_TAIL_LINES]; /* line i is in place i % SC_LOG_TAIL_LINES; NULL: there was no memory */
	size_t nlines;
} the_log = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .least = SC_LOG_WARNING };

int sc_log_open(const char *program, const char *target, enum sc_log_level least, struct sc_error *err)
{
	int fd = STDERR_FILENO;
	if (strcmp(target, "syslog") == 0) {
		fd = -1;
	} else if (strcmp(target, "stderr") != 0) {
		fd = open(target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
		if (fd < 0)
			return sc_error_errno(err, -errno, "%s: cannot open the log file", target);
	}
	pthread_mutex_lock(&the_log.lock);
	snprintf(the_log.program, sizeof(the_log.program), "%s", program);
	the_log.fd = fd;
	the_log.stamped = fd >= 0 && fd != STDERR_FILENO;
	the_log.least = least;
	if (fd < 0)
		openlog(the_log.program, LOG_PID, LOG_DAEMON);
	pthread_mutex_unlock(&the_log.lock);
	return 0;
}

static const char *const level_names[] = {
	[SC_LOG_ERROR] = "error",
	[SC_LOG_WARNING] = "warning",
	[SC_LOG_INFO] = "info",
};
static const int syslog_levels[] = {
	[SC_LOG_ERROR] = LOG_ERR,
	[SC_LOG_WARNING] = LOG_WARNING,
	[SC_LOG_INFO] = LOG_INFO,
};

static void keep(const char *line)
{
	char **place = &the_log.tail[the_log.nlines++ % SC_LOG_TAIL_LINES];
	free(*place);
	*place = strdup(line);
}

void sc_log(enum sc_log_level level, const char *format, ...)
{
	char raw[2048], text[2048], line[2200], stamp[32];
	va_list args;
	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	sc_printable(text, sizeof(text), raw);

	pthread_mutex_lock(&the_log.lock);
	if (level <= the_log.least) {
		time_t now = time(NULL);
		struct tm utc;
		size_t stamp_length = strftime(stamp, sizeof(stamp), "%FT%TZ ", gmtime_r(&now, &utc));
		int length =
		    snprintf(line, sizeof(line), "%s%s: %s: %s\n", stamp, the_log.program, level_names[level], text);
		size_t from = the_log.stamped ? 0 : stamp_length;
		keep(line);
		if (the_log.fd < 0)
			syslog(syslog_levels[level], "%s", text);
		/* A log that cannot be written must not stop what is logged. */
		else if (write(the_log.fd, line + from, (size_t)length - from) < 0)
			errno = 0;
	}
	pthread_mutex_unlock(&the_log.lock);
}

char *sc_log_tail(size_t *ret_length)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, ret_length);
	if (!stream)
		return NULL;
	pthread_mutex_lock(&the_log.lock);
	size_t first = the_log.nlines > SC_LOG_TAIL_LINES ? the_log.nlines - SC_LOG_TAIL_LINES : 0;
	for (size_t i = first; i < the_log.nlines; i++) {
		const char *line = the_log.tail[i % SC_LOG_TAIL_LINES];
		fputs(line ? line : "", stream);
	}
	pthread_mutex_unlock(&the_log.lock);
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}
