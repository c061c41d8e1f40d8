/*
 * diskcalls.c - loaded into a program under test (LD_PRELOAD): numbers the calls by which it changes the disk, writes down
 * what they did, and at one of them does what it is told.
 *
 *   DISKCALLS_ROOT   only calls on files below this real path count
 *   DISKCALLS_TAPE   a file of zeros, mapped by all processes of the program: struct tape
 *   DISKCALLS_AT     the number of the call at which to act, from 1; 0: none
 *   DISKCALLS_DO     kill         the call is done, then the whole process group is killed
 *                    signal N     the call is done, then the first process gets signal N
 *                    hold         the call is done, then TAPE.held is made and TAPE.go is waited for
 *                    fail N       the call is not done and fails with errno N
 *                    full N       so do this and all later calls that need space
 *
 * A line of the tape is: number, name, then what the call was given, files as DEVICE:INODE. It stands there only when
 * the call succeeded. Calls are done one at a time, so that their order is that of the tape.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TAPE_BYTES ((size_t)64 << 20)

struct tape {
	_Atomic uint64_t state; /* 0: fresh, 1: being set up, 2: ready */
	_Atomic uint64_t count; /* of calls */
	_Atomic uint64_t acted; /* 1: DISKCALLS_DO was done */
	_Atomic uint64_t used;  /* of `text` */
	_Atomic uint64_t leader;
	pthread_mutex_t lock;
	char text[];
};

enum action { NOTHING, KILL, SIGNAL, HOLD, FAIL, FULL };

static struct tape *tape;
static const char *root, *tape_path;
static uint64_t act_at;
static enum action action;
static int action_number;

/* ---- set up ---- */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void parse_action(const char *text)
{
	static const char *const words[] = { "", "kill", "signal", "hold", "fail", "full" };
	char word[16] = "";
	if (!text || sscanf(text, "%15s %d", word, &action_number) < 1)
		return;
	for (int i = KILL; i <= FULL; i++)
		action = strcmp(word, words[i]) == 0 ? (enum action)i : action;
}

static void set_up_tape(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	/* Children are killed at any time. */
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&tape->lock, &attributes);
	tape->leader = (uint64_t)getpid();
	tape->state = 2;
}

__attribute__((constructor)) static void start(void)
{
	root = getenv("DISKCALLS_ROOT");
	tape_path = getenv("DISKCALLS_TAPE");
	int fd = root && tape_path ? REAL(open)(tape_path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *mapped = mmap(NULL, TAPE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REAL(close)(fd);
	if (mapped == MAP_FAILED)
		return;
	parse_action(getenv("DISKCALLS_DO"));
	act_at = strtoull(getenv("DISKCALLS_AT") ? getenv("DISKCALLS_AT") : "0", NULL, 10);
	tape = mapped;
	uint64_t fresh = 0;
	if (atomic_compare_exchange_strong(&tape->state, &fresh, 1))
		set_up_tape();
	while (tape->state != 2)
		usleep(100);
}

/* ---- which calls count ---- */

static bool is_below(const char *path)
{
	size_t length = strlen(root);
	return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0 || length == 1);
}

static bool is_watched_fd(int fd)
{
	char link[64], path[4096];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = tape ? readlink(link, path, sizeof(path) - 1) : -1;
	if (length < 0)
		return false;
	path[length] = 0;
	return is_below(path);
}

static bool is_watched_at(int dirfd, const char *path)
{
	char cwd[4096];
	if (!tape || !path)
		return false;
	if (path[0] == '/')
		return is_below(path);
	if (dirfd != AT_FDCWD)
		return is_watched_fd(dirfd);
	return getcwd(cwd, sizeof(cwd)) && is_below(cwd);
}

/* ---- one call ---- */

struct call {
	bool watched, fails;
	uint64_t number;
};

static void act(void)
{
	char held[4200], go[4200];
	tape->acted = 1;
	if (action == KILL)
		kill(0, SIGKILL);
	if (action == SIGNAL)
		kill((pid_t)tape->leader, action_number);
	if (action != HOLD)
		return;
	snprintf(held, sizeof(held), "%s.held", tape_path);
	snprintf(go, sizeof(go), "%s.go", tape_path);
	int fd = REAL(open)(held, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	REAL(close)(fd);
	while (access(go, F_OK) < 0)
		usleep(5000);
}

/* Takes the lock; returns with `fails` when the call must not be done, errno set. */
static struct call begin(bool watched, bool needs_space)
{
	struct call call = { .watched = watched };
	if (!watched)
		return call;
	if (pthread_mutex_lock(&tape->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&tape->lock);
	call.number = ++tape->count;
	bool is_it = call.number == act_at;
	call.fails = (action == FAIL && is_it) || (action == FULL && act_at && call.number >= act_at && needs_space);
	if (call.fails)
		tape->acted = 1;
	return call;
}

/* Gives the lock back; does what is to be done. Keeps errno, which is the injected one when the call was to fail. */
static void end(const struct call *call)
{
	int code = call->fails ? action_number : errno;
	if (!call->watched)
		return;
	bool is_it = call->number == act_at && (action == KILL || action == SIGNAL);
	if (is_it)
		act();
	pthread_mutex_unlock(&tape->lock);
	/* Others go on while this one is held. */
	if (call->number == act_at && action == HOLD)
		act();
	errno = code;
}

static void put(const char *bytes, size_t length)
{
	size_t room = TAPE_BYTES - sizeof(*tape) - tape->used;
	if (length > room)
		abort();
	memcpy(tape->text + tape->used, bytes, length);
	tape->used += length;
}

__attribute__((format(printf, 2, 3))) static void note(const struct call *call, const char *format, ...)
{
	char line[9000];
	va_list arguments;
	int code = errno, length = snprintf(line, sizeof(line), "%llu\t", (unsigned long long)call->number);
	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
	va_end(arguments);
	put(line, (size_t)length);
	errno = code;
}

static void note_bytes(const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < count; i++) {
		char two[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };
		put(two, 2);
	}
	put("\n", 1);
}

struct key {
	char text[48];
};

static struct key key_of_stat(const struct stat *st)
{
	struct key key;
	snprintf(key.text, sizeof(key.text), "%llu:%llu", (unsigned long long)st->st_dev,
		 (unsigned long long)st->st_ino);
	return key;
}

static struct key key_of_fd(int fd)
{
	struct stat st = { 0 };
	fstat(fd, &st);
	return key_of_stat(&st);
}

static struct key key_at(int dirfd, const char *path)
{
	struct stat st = { 0 };
	fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW);
	return key_of_stat(&st);
}

static const char *last(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Of the directory that the last component of a path is in. */
static struct key key_of_parent(int dirfd, const char *path)
{
	char directory[4096];
	size_t length = (size_t)(last(path) - path);
	snprintf(directory, sizeof(directory), "%.*s", (int)length, length ? path : "");
	return key_at(dirfd, length ? directory : ".");
}

/* ---- the calls ---- */

#define EXPORT __attribute__((visibility("default")))

static int open_file(int (*real)(int, const char *, int, ...), int dirfd, const char *path, int flags, mode_t mode)
{
	if (!(flags & (O_CREAT | O_TRUNC)) || !is_watched_at(dirfd, path))
		return real(dirfd, path, flags, mode);
	struct call call = begin(true, true);
	bool is_new = faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	int fd = call.fails ? -1 : real(dirfd, path, flags, mode);
	if (fd >= 0 && is_new)
		note(&call, "create\t%s\t%s\t%s\n", key_of_parent(dirfd, path).text, last(path), key_of_fd(fd).text);
	else if (fd >= 0 && flags & O_TRUNC)
		note(&call, "truncate\t%s\t0\n", key_of_fd(fd).text);
	end(&call);
	return fd;
}

#define OPEN_AT(name)                                                                                                  \
	EXPORT int name(int dirfd, const char *path, int flags, ...)                                                   \
	{                                                                                                              \
		va_list arguments;                                                                                     \
		va_start(arguments, flags);                                                                            \
		mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;                         \
		va_end(arguments);                                                                                     \
		return open_file(REAL(name), dirfd, path, flags, mode);                                                \
	}
OPEN_AT(openat)
OPEN_AT(openat64)

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct call call = begin(is_watched_at(dirfd, path), true);
	int rc = call.fails ? -1 : REAL(mkdirat)(dirfd, path, mode);
	if (rc == 0 && call.watched)
		note(&call, "mkdir\t%s\t%s\t%s\n", key_of_parent(dirfd, path).text, last(path),
		     key_at(dirfd, path).text);
	end(&call);
	return rc;
}

EXPORT int renameat2(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
	struct call call = begin(is_watched_at(from_dirfd, from), false);
	int rc = call.fails ? -1 : REAL(renameat2)(from_dirfd, from, to_dirfd, to, flags);
	if (rc == 0 && call.watched)
		note(&call, "rename\t%s\t%s\t%s\t%s\t%u\n", key_of_parent(from_dirfd, from).text, last(from),
		     key_of_parent(to_dirfd, to).text, last(to), flags);
	end(&call);
	return rc;
}

EXPORT int renameat(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	return renameat2(from_dirfd, from, to_dirfd, to, 0);
}

EXPORT int unlinkat(int dirfd, const char *path, int flags)
{
	struct call call = begin(is_watched_at(dirfd, path), false);
	struct key parent = { "" };
	if (call.watched)
		parent = key_of_parent(dirfd, path);
	int rc = call.fails ? -1 : REAL(unlinkat)(dirfd, path, flags);
	if (rc == 0 && call.watched)
		note(&call, "unlink\t%s\t%s\n", parent.text, last(path));
	end(&call);
	return rc;
}

static void note_written(const struct call *call, int fd, const void *bytes, ssize_t count, off_t offset)
{
	if (count > 0 && call->watched) {
		note(call, "write\t%s\t%lld\t", key_of_fd(fd).text, (long long)offset);
		note_bytes(bytes, (size_t)count);
	}
}

EXPORT ssize_t write(int fd, const void *bytes, size_t count)
{
	struct call call = begin(is_watched_fd(fd), true);
	ssize_t done = call.fails ? -1 : REAL(write)(fd, bytes, count);
	if (done > 0 && call.watched)
		note_written(&call, fd, bytes, done, lseek(fd, 0, SEEK_CUR) - done);
	end(&call);
	return done;
}

#define PWRITE(name)                                                                                                   \
	EXPORT ssize_t name(int fd, const void *bytes, size_t count, off_t offset)                                     \
	{                                                                                                              \
		struct call call = begin(is_watched_fd(fd), true);                                                     \
		ssize_t done = call.fails ? -1 : REAL(name)(fd, bytes, count, offset);                                 \
		note_written(&call, fd, bytes, done, offset);                                                          \
		end(&call);                                                                                            \
		return done;                                                                                           \
	}
PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name)                                                                                                \
	EXPORT int name(int fd, off_t size)                                                                            \
	{                                                                                                              \
		struct call call = begin(is_watched_fd(fd), false);                                                    \
		int rc = call.fails ? -1 : REAL(name)(fd, size);                                                       \
		if (rc == 0 && call.watched)                                                                           \
			note(&call, "truncate\t%s\t%lld\n", key_of_fd(fd).text, (long long)size);                      \
		end(&call);                                                                                            \
		return rc;                                                                                             \
	}
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define FALLOCATE(name)                                                                                                \
	EXPORT int name(int fd, int mode, off_t offset, off_t length)                                                  \
	{                                                                                                              \
		struct call call = begin(is_watched_fd(fd), true);                                                     \
		int rc = call.fails ? -1 : REAL(name)(fd, mode, offset, length);                                       \
		if (rc == 0 && call.watched)                                                                           \
			note(&call, "allocate\t%s\t%lld\n", key_of_fd(fd).text, (long long)(offset + length));         \
		end(&call);                                                                                            \
		return rc;                                                                                             \
	}
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

EXPORT int fsync(int fd)
{
	struct call call = begin(is_watched_fd(fd), true);
	int rc = call.fails ? -1 : REAL(fsync)(fd);
	if (rc == 0 && call.watched)
		note(&call, "sync\t%s\n", key_of_fd(fd).text);
	end(&call);
	return rc;
}

EXPORT int fchmod(int fd, mode_t mode)
{
	struct call call = begin(is_watched_fd(fd), false);
	int rc = call.fails ? -1 : REAL(fchmod)(fd, mode);
	end(&call);
	return rc;
}

EXPORT int futimens(int fd, const struct timespec times[2])
{
	struct call call = begin(is_watched_fd(fd), false);
	int rc = call.fails ? -1 : REAL(futimens)(fd, times);
	end(&call);
	return rc;
}

/* Some network file systems tell only here that a write failed. */
EXPORT int close(int fd)
{
	int flags = tape ? fcntl(fd, F_GETFL) : -1;
	struct call call = begin(flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && is_watched_fd(fd), false);
	int rc = REAL(close)(fd);
	if (call.fails)
		rc = -1;
	end(&call);
	return rc;
}

/* What is shared or copied in the kernel is read back for the tape: the source does not change here. */
static void note_copied(const struct call *call, int fd, off_t offset, size_t count)
{
	uint8_t bytes[4096];
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int code = errno, from = REAL(open)(link, O_RDONLY | O_CLOEXEC);
	for (size_t done = 0; done < count;) {
		size_t some = count - done < sizeof(bytes) ? count - done : sizeof(bytes);
		ssize_t got = pread(from, bytes, some, offset + (off_t)done);
		if (got <= 0)
			break;
		note_written(call, fd, bytes, got, offset + (off_t)done);
		done += (size_t)got;
	}
	REAL(close)(from);
	errno = code;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	struct call call = begin(request == FICLONERANGE && is_watched_fd(fd), true);
	int rc = call.fails ? -1 : REAL(ioctl)(fd, request, argument);
	if (rc == 0 && call.watched) {
		const struct file_clone_range *range = argument;
		note_copied(&call, fd, (off_t)range->dest_offset, range->src_length);
	}
	end(&call);
	return rc;
}

EXPORT ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t count, unsigned flags)
{
	struct call call = begin(is_watched_fd(to), true);
	ssize_t done = call.fails ? -1 : REAL(copy_file_range)(from, from_offset, to, to_offset, count, flags);
	if (done > 0 && call.watched)
		note_copied(&call, to, (to_offset ? *to_offset : lseek(to, 0, SEEK_CUR)) - done, (size_t)done);
	end(&call);
	return done;
}
