#include "readback.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>

/* What O_DIRECT asks of offsets and memory; larger blocks are read through the cache. */
#define ALIGN_BYTES ((size_t)4096)
#define WINDOW_BYTES ((size_t)256 << 10)

void sc_readback_begin(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_DIRECT);
}

/* Reads on until the window is full or the file ends; returns the number of bytes, or -errno. */
static ssize_t read_window(int fd, uint8_t *window, size_t count, uint64_t offset)
{
	size_t done = 0;
	while (done < count) {
		ssize_t got = pread(fd, window + done, count - done, (off_t)(offset + done));
		int flags;
		if (got < 0 && errno == EINTR)
			continue;
		/* Not aligned enough for this one: the last resort is the cache, which was dropped. */
		if (got < 0 && errno == EINVAL && (flags = fcntl(fd, F_GETFL)) >= 0 && flags & O_DIRECT) {
			if (fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0)
				continue;
			errno = EINVAL;
		}
		if (got < 0)
			return -errno;
		done += (size_t)got;
		/* At the end of the file, which need not be aligned. */
		if (got == 0 || (size_t)got % ALIGN_BYTES != 0)
			break;
	}
	return (ssize_t)done;
}

int sc_readback_compare(int fd, const void *wanted, size_t count, uint64_t offset)
{
	alignas(ALIGN_BYTES) uint8_t window[WINDOW_BYTES];
	const uint8_t *expected = wanted;
	while (count > 0) {
		size_t before = (size_t)(offset % ALIGN_BYTES);
		size_t some = count < WINDOW_BYTES - before ? count : WINDOW_BYTES - before;
		size_t whole = (before + some + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
		ssize_t got = read_window(fd, window, whole, offset - before);
		if (got < 0)
			return (int)got;
		if ((size_t)got < before + some || memcmp(window + before, expected, some) != 0)
			return 1;
		expected += some;
		offset += some;
		count -= some;
	}
	return 0;
}
