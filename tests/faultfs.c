/*
 * faultfs - shows a directory read-only, and fails, delays, hangs or cuts short what is asked of it, on command.
 *
 *   faultfs SOURCE MOUNTPOINT
 *
 * Commands come on standard input, a line each, its fields separated by tabs; each is answered by a line on standard
 * output, "ok" and what was asked for, or "error" and why. The first line, "ready", comes by itself. At the end of the
 * input it unmounts and ends.
 *
 *   add ID OPERATIONS PATTERN ACTION [from=BYTE] [to=BYTE] [skip=N] [count=N]
 *                      ID is a number; a rule with it is there until cleared
 *                      OPERATIONS  of lookup getattr readlink opendir readdir statfs open read, with commas; or *
 *                      PATTERN     of paths below SOURCE, which is "" itself; its * matches slashes, too
 *                      from, to    reads that touch these bytes only; `to` is behind the last
 *                      skip, count leaves out the first N that match, and is over after N
 *   clear [ID]         forgets a rule, or all, and lets go whom it holds
 *   stats ID           "ok MATCHED FIRED HELD": how many it was right for, how many it hit, how many wait now
 *
 *   ACTION: errno=N    fails
 *           short=N    a read returns N bytes at most
 *           eof=N      a read finds the end of the file at byte N
 *           size=N     attributes tell this size
 *           delay=MS   first waits
 *           hang       waits until its rule is cleared
 *           pass       counts
 *
 * The first rule in order of their making that is right for a request decides. Nothing is cached by the kernel, neither
 * names nor attributes nor bytes: whatever a program asks comes here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fuse_lowlevel.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 256 /* each request that waits takes one */
#define NBUCKETS 4096
#define READ_BYTES_MAX (4u << 20)

/* --- rules --- */

enum operation { LOOKUP, GETATTR, READLINK, OPENDIR, READDIR, STATFS, OPEN, READ, NOPERATIONS };
static const char *const operation_names[] = { "lookup", "getattr", "readlink", "opendir",
					       "readdir", "statfs", "open",	"read" };

enum action { PASS, FAIL, SHORT, END, SIZE, DELAY, HANG };
static const char *const action_names[] = { "pass", "errno", "short", "eof", "size", "delay", "hang" };

struct rule {
	struct rule *next;
	uint64_t id;
	unsigned operations; /* a bit each */
	char *pattern;
	enum action action;
	uint64_t argument;
	uint64_t from, to, skip, count;
	uint64_t matched, fired, held;
	bool cleared; /* freed by the last that it holds */
};

static pthread_mutex_t rules_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rules_changed = PTHREAD_COND_INITIALIZER;
static struct rule *rules;

static void free_rule(struct rule *rule)
{
	free(rule->pattern);
	free(rule);
}

static bool is_right(const struct rule *rule, enum operation operation, const char *path, uint64_t offset,
		     uint64_t size)
{
	if (!(rule->operations & 1u << operation) || fnmatch(rule->pattern, path, 0) != 0)
		return false;
	return operation != READ || (offset < rule->to && offset + size > rule->from);
}

static void hold(struct rule *rule)
{
	rule->held++;
	while (!rule->cleared)
		pthread_cond_wait(&rules_changed, &rules_lock);
	if (--rule->held == 0)
		free_rule(rule);
}

static void wait_ms(uint64_t ms)
{
	const struct timespec pause = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };
	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* What is to be done to a request; what has to wait has waited. */
static enum action apply(enum operation operation, const char *path, uint64_t offset, uint64_t size,
			 uint64_t *ret_argument)
{
	enum action action = PASS;
	uint64_t argument = 0;
	pthread_mutex_lock(&rules_lock);
	for (struct rule *rule = rules; rule && action == PASS; rule = rule->next) {
		if (!is_right(rule, operation, path, offset, size))
			continue;
		if (rule->matched++ < rule->skip || rule->fired >= rule->count)
			continue;
		rule->fired++;
		action = rule->action;
		argument = rule->argument;
		if (action == HANG) {
			hold(rule);
			break;
		}
	}
	pthread_mutex_unlock(&rules_lock);
	if (action == DELAY)
		wait_ms(argument);
	*ret_argument = argument;
	return action == DELAY || action == HANG ? PASS : action;
}

/* --- commands --- */

static struct rule **find_rule(uint64_t id)
{
	struct rule **at = &rules;
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void clear_rule(struct rule **at)
{
	struct rule *rule = *at;
	*at = rule->next;
	rule->cleared = true;
	if (rule->held == 0)
		free_rule(rule);
}

static int find_name(const char *const *names, size_t count, const char *name, size_t length)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
			return (int)i;
	}
	return -1;
}

static bool parse_operations(const char *text, unsigned *ret_operations)
{
	*ret_operations = 0;
	if (strcmp(text, "*") == 0) {
		*ret_operations = (1u << NOPERATIONS) - 1;
		return true;
	}
	while (*text) {
		size_t length = strcspn(text, ",");
		int operation = find_name(operation_names, NOPERATIONS, text, length);
		if (operation < 0)
			return false;
		*ret_operations |= 1u << operation;
		text += length + (text[length] == ',');
	}
	return true;
}

static bool parse_number(const char *text, uint64_t *ret_number)
{
	char *end;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == 0;
}

static bool parse_action(const char *text, struct rule *rule)
{
	size_t length = strcspn(text, "=");
	int action = find_name(action_names, HANG + 1, text, length);
	if (action < 0)
		return false;
	rule->action = (enum action)action;
	bool has_argument = action != PASS && action != HANG;
	return has_argument ? text[length] == '=' && parse_number(text + length + 1, &rule->argument) : !text[length];
}

static bool parse_limit(const char *text, struct rule *rule)
{
	static const char *const names[] = { "from", "to", "skip", "count" };
	uint64_t *const fields[] = { &rule->from, &rule->to, &rule->skip, &rule->count };
	size_t length = strcspn(text, "=");
	int name = find_name(names, 4, text, length);
	return name >= 0 && text[length] == '=' && parse_number(text + length + 1, fields[name]);
}

static bool parse_rule(char *rest, struct rule *rule)
{
	const char *id = strsep(&rest, "\t"), *operations = strsep(&rest, "\t"), *pattern = strsep(&rest, "\t"),
		   *action = strsep(&rest, "\t");
	if (!action || !parse_number(id, &rule->id) || !parse_operations(operations, &rule->operations) ||
	    !parse_action(action, rule))
		return false;
	rule->to = rule->count = UINT64_MAX;
	for (const char *limit; (limit = strsep(&rest, "\t"));) {
		if (!parse_limit(limit, rule))
			return false;
	}
	rule->pattern = strdup(pattern);
	return rule->pattern;
}

static bool add_rule(char *rest)
{
	struct rule *rule = calloc(1, sizeof(*rule));
	if (!rule || !parse_rule(rest, rule)) {
		free(rule);
		return false;
	}
	struct rule **at = &rules;
	while (*at)
		at = &(*at)->next;
	*at = rule;
	return true;
}

static bool clear_rules(const char *rest)
{
	uint64_t id;
	if (!rest) {
		while (rules)
			clear_rule(&rules);
		return true;
	}
	if (!parse_number(rest, &id) || !*find_rule(id))
		return false;
	clear_rule(find_rule(id));
	return true;
}

static void answer(char *line)
{
	uint64_t id;
	char *rest = line;
	const char *command = strsep(&rest, "\t");
	const struct rule *rule;
	bool done = false;
	pthread_mutex_lock(&rules_lock);
	if (strcmp(command, "add") == 0)
		done = rest && add_rule(rest);
	else if (strcmp(command, "clear") == 0)
		done = clear_rules(rest);
	if (strcmp(command, "stats") == 0 && rest && parse_number(rest, &id) && (rule = *find_rule(id)))
		printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", rule->matched, rule->fired, rule->held);
	else
		puts(done ? "ok" : "error not understood");
	pthread_cond_broadcast(&rules_changed);
	pthread_mutex_unlock(&rules_lock);
}

static void *command_loop(void *session)
{
	char *line = NULL;
	size_t size = 0;
	for (ssize_t length; (length = getline(&line, &size, stdin)) > 0;) {
		line[strcspn(line, "\n")] = 0;
		answer(line);
	}
	free(line);
	fuse_session_unmount(session);
	_exit(0);
}

/* --- inodes --- */

/* The kernel's number of an inode is the address of this. */
struct inode {
	struct inode *next;
	int fd; /* O_PATH: no other file gets its number as long as it is open */
	dev_t device;
	ino_t number;
	uint64_t lookups;
	char path[PATH_MAX]; /* below SOURCE, by which it was found last */
};

static pthread_mutex_t inodes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct inode *buckets[NBUCKETS];
static struct inode root;

static struct inode *inode_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &root : (struct inode *)(uintptr_t)ino;
}

static void copy_path(const struct inode *inode, char *path)
{
	pthread_mutex_lock(&inodes_lock);
	strcpy(path, inode->path);
	pthread_mutex_unlock(&inodes_lock);
}

/* Takes over `fd`. */
static struct inode *note_inode(int fd, const struct stat *st, const char *path)
{
	struct inode **bucket = &buckets[st->st_ino % NBUCKETS], *inode;
	pthread_mutex_lock(&inodes_lock);
	for (inode = *bucket; inode; inode = inode->next) {
		if (inode->number == st->st_ino && inode->device == st->st_dev)
			break;
	}
	if (inode) {
		close(fd);
	} else if ((inode = calloc(1, sizeof(*inode)))) {
		*inode = (struct inode){ .next = *bucket, .fd = fd, .device = st->st_dev, .number = st->st_ino };
		*bucket = inode;
	}
	if (inode) {
		inode->lookups++;
		strcpy(inode->path, path);
	}
	pthread_mutex_unlock(&inodes_lock);
	return inode;
}

static void fault_forget(fuse_req_t request, fuse_ino_t ino, uint64_t lookups)
{
	struct inode *inode = inode_of(ino);
	pthread_mutex_lock(&inodes_lock);
	if (inode != &root && (inode->lookups -= lookups) == 0) {
		struct inode **at = &buckets[inode->number % NBUCKETS];
		while (*at != inode)
			at = &(*at)->next;
		*at = inode->next;
		close(inode->fd);
		free(inode);
	}
	pthread_mutex_unlock(&inodes_lock);
	fuse_reply_none(request);
}

/* --- operations --- */

/* Whether the request has been answered with an error. */
static bool has_failed(fuse_req_t request, enum operation operation, const struct inode *inode)
{
	char path[PATH_MAX];
	uint64_t code;
	copy_path(inode, path);
	if (apply(operation, path, 0, 0, &code) != FAIL)
		return false;
	fuse_reply_err(request, (int)code);
	return true;
}

static void fault_lookup(fuse_req_t request, fuse_ino_t parent_ino, const char *name)
{
	const struct inode *parent = inode_of(parent_ino);
	struct fuse_entry_param entry = { 0 };
	char path[PATH_MAX];
	uint64_t argument;
	copy_path(parent, path);
	size_t length = strlen(path);
	if (snprintf(path + length, sizeof(path) - length, "%s%s", length ? "/" : "", name) >=
	    (int)(sizeof(path) - length)) {
		fuse_reply_err(request, ENAMETOOLONG);
		return;
	}
	enum action action = apply(LOOKUP, path, 0, 0, &argument);
	if (action == FAIL) {
		fuse_reply_err(request, (int)argument);
		return;
	}
	int fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &entry.attr) < 0) {
		fuse_reply_err(request, errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	entry.ino = (fuse_ino_t)(uintptr_t)note_inode(fd, &entry.attr, path);
	if (action == SIZE)
		entry.attr.st_size = (off_t)argument;
	if (entry.ino)
		fuse_reply_entry(request, &entry);
	else
		fuse_reply_err(request, ENOMEM);
}

static void fault_getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info)
{
	const struct inode *inode = inode_of(ino);
	char path[PATH_MAX];
	uint64_t argument;
	struct stat st;
	(void)info;
	copy_path(inode, path);
	enum action action = apply(GETATTR, path, 0, 0, &argument);
	if (action == FAIL) {
		fuse_reply_err(request, (int)argument);
		return;
	}
	if (fstatat(inode->fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
		fuse_reply_err(request, errno);
		return;
	}
	if (action == SIZE)
		st.st_size = (off_t)argument;
	fuse_reply_attr(request, &st, 0);
}

static void fault_readlink(fuse_req_t request, fuse_ino_t ino)
{
	char target[PATH_MAX];
	const struct inode *inode = inode_of(ino);
	if (has_failed(request, READLINK, inode))
		return;
	ssize_t length = readlinkat(inode->fd, "", target, sizeof(target) - 1);
	if (length < 0) {
		fuse_reply_err(request, errno);
		return;
	}
	target[length] = 0;
	fuse_reply_readlink(request, target);
}

static void fault_statfs(fuse_req_t request, fuse_ino_t ino)
{
	struct statvfs st;
	const struct inode *inode = inode_of(ino);
	if (has_failed(request, STATFS, inode))
		return;
	if (fstatvfs(inode->fd, &st) < 0)
		fuse_reply_err(request, errno);
	else
		fuse_reply_statfs(request, &st);
}

/* -errno, or the file opened for reading. */
static int reopen(const struct inode *inode, int flags)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", inode->fd);
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	return fd < 0 ? -errno : fd;
}

static void fault_opendir(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info)
{
	const struct inode *inode = inode_of(ino);
	if (has_failed(request, OPENDIR, inode))
		return;
	int fd = reopen(inode, O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		fuse_reply_err(request, fd < 0 ? -fd : errno);
		return;
	}
	info->fh = (uint64_t)(uintptr_t)dir;
	fuse_reply_open(request, info);
}

static void fault_readdir(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	DIR *dir = (DIR *)(uintptr_t)info->fh;
	const struct dirent *found;
	size_t used = 0;
	if (has_failed(request, READDIR, inode_of(ino)))
		return;
	char *buffer = malloc(size);
	if (!buffer) {
		fuse_reply_err(request, ENOMEM);
		return;
	}
	seekdir(dir, offset);
	while ((found = readdir(dir))) {
		const struct stat st = { .st_ino = found->d_ino, .st_mode = (mode_t)found->d_type << 12 };
		size_t taken = fuse_add_direntry(request, buffer + used, size - used, found->d_name, &st, telldir(dir));
		if (taken > size - used)
			break;
		used += taken;
	}
	fuse_reply_buf(request, buffer, used);
	free(buffer);
}

static void fault_releasedir(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	closedir((DIR *)(uintptr_t)info->fh);
	fuse_reply_err(request, 0);
}

static void fault_open(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info)
{
	const struct inode *inode = inode_of(ino);
	if (has_failed(request, OPEN, inode))
		return;
	int fd = reopen(inode, info->flags & O_NONBLOCK);
	if (fd < 0) {
		fuse_reply_err(request, -fd);
		return;
	}
	info->fh = (uint64_t)fd;
	info->direct_io = 1;
	fuse_reply_open(request, info);
}

static void fault_release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	close((int)info->fh);
	fuse_reply_err(request, 0);
}

static void fault_read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	char path[PATH_MAX];
	uint64_t argument, start = (uint64_t)offset;
	copy_path(inode_of(ino), path);
	enum action action = apply(READ, path, start, size, &argument);
	if (action == FAIL) {
		fuse_reply_err(request, (int)argument);
		return;
	}
	if (action == SHORT && argument < size)
		size = argument;
	if (action == END && argument < start + size)
		size = argument > start ? argument - start : 0;
	if (size > READ_BYTES_MAX)
		size = READ_BYTES_MAX;
	char *buffer = malloc(size + 1);
	ssize_t got = buffer ? pread((int)info->fh, buffer, size, offset) : -1;
	if (got < 0)
		fuse_reply_err(request, buffer ? errno : ENOMEM);
	else
		fuse_reply_buf(request, buffer, (size_t)got);
	free(buffer);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = fault_lookup,
	.forget = fault_forget,
	.getattr = fault_getattr,
	.readlink = fault_readlink,
	.statfs = fault_statfs,
	.opendir = fault_opendir,
	.readdir = fault_readdir,
	.releasedir = fault_releasedir,
	.open = fault_open,
	.release = fault_release,
	.read = fault_read,
};

/* --- the program --- */

static int serve(struct fuse_session *session)
{
#if FUSE_USE_VERSION >= 312
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, THREADS);
	int rc = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return rc;
#else
	struct fuse_loop_config config = { .max_idle_threads = THREADS };
	return fuse_session_loop_mt(session, &config);
#endif
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("Usage: faultfs SOURCE MOUNTPOINT, and commands on standard input\n", stderr);
		return 2;
	}
	root.fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root.fd < 0) {
		perror(argv[1]);
		return 1;
	}
	char *arguments[] = { argv[0], "-oro,fsname=faultfs,subtype=faultfs", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(2, arguments);
	struct fuse_session *session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
	pthread_t commands;
	if (!session || fuse_session_mount(session, argv[2]) < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	if (pthread_create(&commands, NULL, command_loop, session) != 0)
		return 1;
	int rc = serve(session);
	fuse_session_unmount(session);
	return rc < 0;
}
