#include "mountpoint.h"

#include "ioutil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* Of /dev/fuse, everywhere. */
#define FUSE_MAJOR 10
#define FUSE_MINOR 229

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE SOURCE SUPEROPTIONS */
static bool parse_mount(char *line, char **ret_path, struct sc_mounted *ret_mounted)
{
	int path_start = 0, path_end = 0;
	if (sscanf(line, "%*d %*d %u:%u %*s %n%*s%n", &ret_mounted->major, &ret_mounted->minor, &path_start,
		   &path_end) != 2 ||
	    path_end == 0)
		return false;
	const char *separator = strstr(line + path_end, " - ");
	if (!separator || sscanf(separator, " - %63s", ret_mounted->type) != 1)
		return false;
	const char *uid = strstr(separator, "user_id=");
	if (!uid || sscanf(uid, "user_id=%u", &ret_mounted->uid) != 1)
		ret_mounted->uid = 0;
	line[path_end] = '\0';
	*ret_path = line + path_start;
	unescape(*ret_path);
	return true;
}

bool sc_mountpoint_mounted(const char *path, struct sc_mounted *ret_mounted)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return false;
	sc_autofree char *line = NULL;
	size_t capacity = 0;
	bool found = false;
	while (getline(&line, &capacity, file) >= 0) {
		struct sc_mounted mounted = { 0 };
		char *mounted_on;
		/* Mounts are listed after those that they cover: the last one counts. */
		if (parse_mount(line, &mounted_on, &mounted) && strcmp(mounted_on, path) == 0) {
			*ret_mounted = mounted;
			found = true;
		}
	}
	fclose(file);
	return found;
}

bool sc_mountpoint_is_subcubefs(const struct sc_mounted *mounted)
{
	return strcmp(mounted->type, "fuse.subcubefs") == 0;
}

bool sc_mountpoint_is_dead(const char *path)
{
	struct statx st;
	/* What the kernel remembers of it is no sign of life. */
	int flags = AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC;
	/* ECONNABORTED: it died over this question. */
	return statx(AT_FDCWD, path, flags, STATX_MODE, &st) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

static int explain_unusable(const char *argument, int code, struct sc_error *err)
{
	if (code == -EACCES && geteuid() == 0)
		return sc_error_set(err, code,
				    "%s: root may not look at it, for it is on a network file system or a user's own "
				    "mount; mount as the user it belongs to, or on a local directory",
				    argument);
	switch (code) {
	case -ENOENT:
		return sc_error_set(err, code, "%s: there is no such directory to mount on; make it with mkdir first",
				    argument);
	case -ENOTDIR:
		return sc_error_set(err, code, "%s: not a directory; choose a directory to mount on", argument);
	case -ENOTCONN:
		return sc_error_set(
		    err, code, "%s: what is mounted there has died; free it with fusermount3 -u (root: umount) first",
		    argument);
	default:
		return sc_error_errno(err, code, "%s: cannot be mounted on", argument);
	}
}

/* What a subcubefs that was killed has left: lets go of as many as lie there one upon the other, but only of ours. */
static void clear_dead(const char *path)
{
	struct sc_mounted mounted;
	for (int left = 16; left > 0 && sc_mountpoint_is_dead(path); left--) {
		if (!sc_mountpoint_mounted(path, &mounted) || !sc_mountpoint_is_subcubefs(&mounted) ||
		    (geteuid() != 0 && mounted.uid != geteuid()))
			return;
		sc_mountpoint_detach(path);
	}
}

int sc_mountpoint_descriptor(const char *argument)
{
	static const char start[] = "/dev/fd/";
	if (strncmp(argument, start, strlen(start)) != 0)
		return -1;
	const char *digits = argument + strlen(start);
	size_t length = strspn(digits, "0123456789");
	return length > 0 && length < 8 && !digits[length] ? atoi(digits) : -1;
}

int sc_mountpoint_check_descriptor(const char *argument, struct sc_error *err)
{
	int fd = sc_mountpoint_descriptor(argument);
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(FUSE_MAJOR, FUSE_MINOR))
		return sc_error_set(err, -EBADF,
				    "%s: not an open /dev/fuse; give a directory to mount on, or have the program that "
				    "mounts (such as apptainer --fusemount) start this one",
				    argument);
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? sc_error_errno(err, -errno, "%s", argument) : 0;
}

int sc_mountpoint_resolve(const char *argument, char **ret_path, struct sc_error *err)
{
	sc_autofree char *path = realpath(argument, NULL);
	struct stat st;
	if (path)
		clear_dead(path);
	if (!path || stat(path, &st) < 0)
		return explain_unusable(argument, -errno, err);
	if (!S_ISDIR(st.st_mode))
		return explain_unusable(argument, -ENOTDIR, err);
	/* FUSE would put a second mount over the first, which fusermount3 -u would then uncover. */
	struct sc_mounted mounted;
	if (sc_mountpoint_mounted(path, &mounted) && sc_mountpoint_is_subcubefs(&mounted))
		return sc_error_set(err, -EBUSY,
				    "%s: subcubefs is already mounted there; unmount it with fusermount3 -u first",
				    argument);
	*ret_path = sc_steal_ptr(path);
	return 0;
}

int sc_mountpoint_check_empty(const char *path, int source_dirfd, struct sc_error *err)
{
	DIR *directory;
	struct stat mountpoint, source;
	/* What cannot be listed hides nothing from those who mount. */
	if (sc_io_open_directory(AT_FDCWD, path, 0, &directory) < 0)
		return 0;
	bool is_source = fstat(dirfd(directory), &mountpoint) == 0 && fstat(source_dirfd, &source) == 0 &&
			 mountpoint.st_dev == source.st_dev && mountpoint.st_ino == source.st_ino;
	const char *name;
	int rc = 0;
	if (!is_source && sc_io_next_entry(directory, &name) > 0)
		rc = sc_error_set(err, -ENOTEMPTY,
				  "%s: not empty, it has '%s', which would be hidden; choose an empty directory, or "
				  "hide it with -o nonempty",
				  path, name);
	closedir(directory);
	return rc;
}

const char *sc_mountpoint_entry_of(const char *path, int dirfd)
{
	const char *slash = strrchr(path, '/');
	if (!slash || !slash[1])
		return NULL;
	sc_autofree char *parent = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	struct stat above, directory;
	if (!parent || stat(parent, &above) < 0 || fstat(dirfd, &directory) < 0)
		return NULL;
	return above.st_dev == directory.st_dev && above.st_ino == directory.st_ino ? slash + 1 : NULL;
}

void sc_mountpoint_detach(const char *path)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || geteuid() == 0)
		return;
	char *argv[] = { "fusermount3", "-u", "-q", "-z", "--", (char *)path, NULL };
	pid_t pid;
	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}
