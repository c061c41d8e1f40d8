#include "partlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

int sc_partlock_take(int dirfd, const char *part, bool exclusive, int *ret_fd, struct sc_error *err)
{
	*ret_fd = -1;
	/* What is wrong with a part that cannot be opened is told when it is used. */
	sc_autoclose int fd = openat(dirfd, part, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return sc_error_set(err, -EBUSY, "%s: another subcube-materialize is at work on it", part);
		if (errno != EINTR)
			return 0;
	}
	*ret_fd = sc_steal_fd(&fd);
	return 0;
}
