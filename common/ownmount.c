#include "ownmount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* As many links as the kernel follows. */
#define MAX_LINKS 40

/* What is left of the path, and where it starts. */
struct way {
	int fd;
	unsigned nlinks;
	char rest[PATH_MAX];
};

static void go_to(struct way *way, int fd)
{
	close(way->fd);
	way->fd = fd;
}

/* Takes the first name off the rest; false: there is none. */
static bool next_name(struct way *way, char name[PATH_MAX])
{
	size_t skipped = strspn(way->rest, "/"), length = strcspn(way->rest + skipped, "/");
	memcpy(name, way->rest + skipped, length);
	name[length] = 0;
	memmove(way->rest, way->rest + skipped + length, strlen(way->rest + skipped + length) + 1);
	return length > 0;
}

static bool start(struct way *way, int dirfd)
{
	way->fd = openat(dirfd, way->rest[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return way->fd >= 0;
}

/* The target takes the link's place in the rest. */
static bool follow(struct way *way, int link_fd)
{
	char target[PATH_MAX], joined[PATH_MAX];
	ssize_t length = readlinkat(link_fd, "", target, sizeof(target) - 1);
	if (length <= 0 || ++way->nlinks > MAX_LINKS)
		return false;
	target[length] = 0;
	if (snprintf(joined, sizeof(joined), "%s%s", target, way->rest) >= (int)sizeof(joined))
		return false;
	strcpy(way->rest, joined);
	if (target[0] == '/')
		go_to(way, openat(way->fd, "/", O_PATH | O_DIRECTORY | O_CLOEXEC));
	return way->fd >= 0;
}

/* The kernel knows a mount's device and the type of its root without asking who serves it. */
static bool look(int fd, dev_t *ret_device, bool *ret_is_link)
{
	struct statx st;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
		return false;
	*ret_device = makedev(st.stx_dev_major, st.stx_dev_minor);
	*ret_is_link = S_ISLNK(st.stx_mode);
	return true;
}

/* One name further; 1: go on, 0: it leads nowhere, -ELOOP. */
static int step(struct way *way, const char *name, dev_t device)
{
	bool is_link;
	dev_t there;
	sc_autoclose int fd = openat(way->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || !look(fd, &there, &is_link))
		return 0;
	if (there == device)
		return -ELOOP;
	if (is_link)
		return follow(way, fd);
	go_to(way, sc_steal_fd(&fd));
	return 1;
}

int sc_ownmount_check(int dirfd, const char *path, dev_t device)
{
	struct way way = { .fd = -1 };
	char name[PATH_MAX];
	int rc = 1;
	if (device == 0 || snprintf(way.rest, sizeof(way.rest), "%s", path) >= (int)sizeof(way.rest) ||
	    !start(&way, dirfd))
		return 0;
	while (rc > 0 && next_name(&way, name))
		rc = step(&way, name, device);
	if (way.fd >= 0)
		close(way.fd);
	return rc < 0 ? rc : 0;
}
