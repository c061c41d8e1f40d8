#include "messages.h"

#include "log.h"

#include <fuse_log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static void log_line(enum fuse_log_level level, const char *line)
{
	enum sc_log_level ours = SC_LOG_INFO;
	if (level <= FUSE_LOG_ERR)
		ours = SC_LOG_ERROR;
	else if (level <= FUSE_LOG_WARNING)
		ours = SC_LOG_WARNING;
	sc_log(ours, "%s", line);
}

/* libfuse says some lines in pieces; a line is logged when its end has come. */
static void send_to_log(enum fuse_log_level level, const char *format, va_list args)
{
	static _Thread_local char line[1024];
	static _Thread_local size_t length;
	int added = vsnprintf(line + length, sizeof(line) - length, format, args);
	if (added > 0)
		length += (size_t)added;
	if (length >= sizeof(line))
		length = sizeof(line) - 1;
	if (length == 0 || (line[length - 1] != '\n' && length < sizeof(line) - 1))
		return;
	line[strcspn(line, "\n")] = '\0';
	log_line(level, line);
	length = 0;
}

static void send_to_stderr(enum fuse_log_level level, const char *format, va_list args)
{
	if (level < FUSE_LOG_DEBUG)
		vdprintf(STDERR_FILENO, format, args);
}

void sc_messages_to_log(void)
{
	fuse_set_log_func(send_to_log);
}

/* A file in memory rather than a pipe: whoever keeps it open as its standard error never blocks and never gets SIGPIPE.
 */
static int caught_fd = -1, real_stderr = -1;

void sc_messages_catch(void)
{
	fuse_set_log_func(send_to_stderr);
	caught_fd = memfd_create("messages", MFD_CLOEXEC);
	real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (caught_fd >= 0 && real_stderr >= 0)
		dup2(caught_fd, STDERR_FILENO);
}

/* Lines become parts of one sentence. */
static void join_lines(char *text)
{
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	for (char *end; (end = strchr(text, '\n'));)
		*end = ';';
}

void sc_messages_release(char *ret_text, size_t size)
{
	ret_text[0] = '\0';
	if (caught_fd >= 0 && real_stderr >= 0) {
		dup2(real_stderr, STDERR_FILENO);
		ssize_t length = pread(caught_fd, ret_text, size - 1, 0);
		ret_text[length > 0 ? length : 0] = '\0';
		join_lines(ret_text);
	}
	if (caught_fd >= 0)
		close(caught_fd);
	if (real_stderr >= 0)
		close(real_stderr);
	caught_fd = real_stderr = -1;
	sc_messages_to_log();
}

static int explain_device(int code, struct sc_error *err)
{
	char reason[128];
	if (code == -EACCES || code == -EPERM)
		return sc_error_set(err, code,
				    "/dev/fuse cannot be opened (%s); have root make it readable and writable for you "
				    "(chmod 666 /dev/fuse), or allow the container to use it",
				    strerror_r(-code, reason, sizeof(reason)));
	return sc_error_set(err, code,
			    "/dev/fuse is missing; load the kernel module with 'modprobe fuse', or give the container "
			    "the device (--device /dev/fuse --cap-add SYS_ADMIN)");
}

int sc_messages_explain_mount(const char *mountpoint, const char *said, struct sc_error *err)
{
	sc_autoclose int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO || errno == EACCES || errno == EPERM))
		return explain_device(-errno, err);
	if (strstr(said, "user_allow_other"))
		return sc_error_set(err, -EPERM,
				    "allow_other is not permitted to users here; have root add the line "
				    "'user_allow_other' to /etc/fuse.conf, or mount without it");
	if (strstr(said, "failed to exec fusermount3"))
		return sc_error_set(
		    err, -ENOENT,
		    "%s: mounting as an ordinary user needs the program fusermount3; install the package "
		    "fuse3",
		    mountpoint);
	if (strstr(said, "no write access to mountpoint"))
		return sc_error_set(err, -EACCES,
				    "%s: an ordinary user can only mount on a directory that he may write to; choose "
				    "another one",
				    mountpoint);
	if (strstr(said, "could not determine username"))
		return sc_error_set(err, -EPERM,
				    "%s: fusermount3 mounts only for users that have a name; have root add user %u to "
				    "/etc/passwd",
				    mountpoint, (unsigned)getuid());
	if (strstr(said, "Operation not permitted") || strstr(said, "Permission denied"))
		return sc_error_set(err, -EPERM,
				    "%s: mounting is not permitted (%s); fusermount3 must be setuid root, a container "
				    "needs --cap-add SYS_ADMIN",
				    mountpoint, said);
	return sc_error_set(err, -EIO, "%s: cannot mount: %s", mountpoint, *said ? said : "FUSE gave no reason");
}
