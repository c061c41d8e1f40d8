#include "ownmount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "ioutil.h"

/* As many links as the kernel follows. */
#define MAX_LINKS 40

/* What is left of the path, and where it starts. */
struct way {
	int fd;
	unsigned nlinks;
	bool is_fresh; /* another mount, or another start: the rest may lead straight to its end */
	char rest[2 * PATH_MAX];
};

/* Out of descriptors or memory: where it leads is not known, and whoever looks it up anyway may need none. */
static int nowhere(int code)
{
	return sc_io_is_shortage(-code) ? -code : 0;
}

static void go_to(struct way *way, int fd)
{
	int code = errno;
	if (way->fd >= 0)
		close(way->fd);
	errno = code;
	way->fd = fd;
}

/* Takes the first name off the rest; false: there is none. */
static bool next_name(struct way *way, char name[PATH_MAX])
{
	size_t skipped = strspn(way->rest, "/"), length = strcspn(way->rest + skipped, "/");
	if (length >= PATH_MAX)
		return false;
	memcpy(name, way->rest + skipped, length);
	name[length] = 0;
	memmove(way->rest, way->rest + skipped + length, strlen(way->rest + skipped + length) + 1);
	return length > 0;
}

static int start(struct way *way, int dirfd)
{
	go_to(way, openat(dirfd, way->rest[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	way->is_fresh = true;
	return way->fd >= 0 ? 1 : nowhere(errno);
}

/* Whether the rest has no link and stays in the file system, which is not the mount. */
static bool ends_straight(struct way *way)
{
	const char *rest = way->rest + strspn(way->rest, "/");
	if (!way->is_fresh || !*rest)
		return false;
	way->is_fresh = false;
	sc_autoclose int fd = sc_io_open_straight(way->fd, rest, O_PATH | O_CLOEXEC);
	return fd >= 0;
}

/* The target takes the link's place in the rest. */
static int follow(struct way *way, int link_fd)
{
	char target[PATH_MAX], joined[sizeof(way->rest)];
	ssize_t length = readlinkat(link_fd, "", target, sizeof(target) - 1);
	if (length <= 0 || ++way->nlinks > MAX_LINKS)
		return 0;
	target[length] = 0;
	/* The kernel might follow it all the same. */
	if (snprintf(joined, sizeof(joined), "%s%s", target, way->rest) >= (int)sizeof(joined))
		return -ENAMETOOLONG;
	strcpy(way->rest, joined);
	way->is_fresh = true;
	return target[0] == '/' ? start(way, way->fd) : 1;
}

/* Links in /proc lead to what they stand for, whatever they read. */
static bool is_magic(int fd)
{
	struct statfs st;
	return fstatfs(fd, &st) == 0 && st.f_type == PROC_SUPER_MAGIC;
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

/* To where a link in /proc leads; returns as step. */
static int jump(struct way *way, const char *name, dev_t device, dev_t *here)
{
	bool is_link;
	sc_autoclose int fd = openat(way->fd, name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return nowhere(errno);
	if (!look(fd, here, &is_link))
		return 0;
	if (*here == device)
		return -ELOOP;
	go_to(way, sc_steal_fd(&fd));
	way->is_fresh = true;
	return 1;
}

/* One name further; 1: go on, 0: it leads nowhere, or -errno. */
static int step(struct way *way, const char *name, dev_t device, dev_t *here)
{
	bool is_link;
	dev_t there;
	sc_autoclose int fd = openat(way->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return nowhere(errno);
	if (!look(fd, &there, &is_link))
		return 0;
	if (there == device)
		return -ELOOP;
	if (is_link && is_magic(fd))
		return jump(way, name, device, here);
	if (is_link)
		return follow(way, fd);
	go_to(way, sc_steal_fd(&fd));
	way->is_fresh |= there != *here;
	*here = there;
	return 1;
}

int sc_ownmount_check(int dirfd, const char *path, dev_t device)
{
	struct way way = { .fd = -1 };
	char name[PATH_MAX];
	dev_t here = 0;
	if (device == 0 || strlen(path) >= PATH_MAX)
		return 0;
	strcpy(way.rest, path);
	int rc = start(&way, dirfd);
	while (rc > 0 && !ends_straight(&way) && next_name(&way, name))
		rc = step(&way, name, device, &here);
	if (way.fd >= 0)
		close(way.fd);
	return rc < 0 ? rc : 0;
}
