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

void sc_log(enum sc_log_level level, const char *format, ...)
{
	char raw[2048], text[2048], line[2200], stamp[32] = "";
	va_list args;
	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	sc_printable(text, sizeof(text), raw);

	pthread_mutex_lock(&the_log.lock);
	if (level <= the_log.least) {
		if (the_log.fd < 0) {
			syslog(syslog_levels[level], "%s", text);
		} else {
			if (the_log.stamped) {
				time_t now = time(NULL);
				struct tm utc;
				strftime(stamp, sizeof(stamp), "%FT%TZ ", gmtime_r(&now, &utc));
			}
			int length = snprintf(line, sizeof(line), "%s%s: %s: %s\n", stamp, the_log.program,
					      level_names[level], text);
			/* A log that cannot be written must not stop what is logged. */
			if (write(the_log.fd, line, (size_t)length) < 0)
				errno = 0;
		}
	}
	pthread_mutex_unlock(&the_log.lock);
}
