/*
 * nullfs - what FUSE allows: a tree served in as little time as any daemon could.
 *
 *   nullfs [-o OPTION[,...]]... [-p] TREE MOUNTPOINT
 *
 * Shows the directory TREE, read when it starts, through subcubefs's own session: the same options, threads, limits and
 * answers to open. A read is answered from one buffer of constant bytes, without a look at anything; with -p, by one
 * pread of the file in TREE. So a reader of it takes the time that the kernel, libfuse and the wake-ups take, and with
 * -p that of reading one ordinary file on top.
 */
#include "attributes.h"
#include "session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_NODES 256 /* an image has some twenty */
#define KEEP_SECONDS 3600.0

struct node {
	char name[NAME_MAX + 1];
	unsigned parent;
	struct stat attr;
	int fd; /* of a file with -p, else -1 */
};

/* nodes[i] has the number i + FUSE_ROOT_ID; all are known before the first request. */
static struct node nodes[MAX_NODES];
static unsigned nnodes;
static bool pread_files;
static char constant[SC_KERNEL_READ_AHEAD];

/* --- the tree --- */

static void die(const char *what)
{
	fprintf(stderr, "nullfs: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct node *add_node(int dirfd, const char *path, const char *name, unsigned parent)
{
	if (nnodes == MAX_NODES) {
		errno = E2BIG;
		die(path);
	}
	struct node *node = &nodes[nnodes];
	*node = (struct node){ .parent = parent, .fd = -1 };
	snprintf(node->name, sizeof(node->name), "%s", name);
	if (fstatat(dirfd, path, &node->attr, 0) < 0)
		die(path);
	node->attr.st_ino = nnodes++ + FUSE_ROOT_ID;
	node->attr.st_blksize = SC_BEST_READ_BYTES;
	if (pread_files && S_ISREG(node->attr.st_mode) && (node->fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC)) < 0)
		die(path);
	return node;
}

/* Adds what is in nodes[index], opened as `fd`, which this closes. */
static void add_entries(unsigned index, int fd)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		die(nodes[index].name);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		unsigned added = nnodes;
		if (S_ISDIR(add_node(fd, entry->d_name, entry->d_name, index)->attr.st_mode))
			add_entries(added, openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	}
	closedir(dir);
}

/* --- operations --- */

static void null_init(void *userdata, struct fuse_conn_info *connection)
{
	const struct sc_service *service = userdata;
	connection->max_readahead = SC_KERNEL_READ_AHEAD;
	connection->max_background = SC_MAX_BACKGROUND;
	connection->congestion_threshold = SC_MAX_BACKGROUND * 3 / 4;
	service->ready(service->context);
}

static struct fuse_entry_param entry_of(const struct node *node)
{
	return (struct fuse_entry_param){
		.ino = node->attr.st_ino,
		.attr = node->attr,
		.attr_timeout = KEEP_SECONDS,
		.entry_timeout = KEEP_SECONDS,
	};
}

static void null_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	for (unsigned i = 1; i < nnodes; i++) {
		if (nodes[i].parent + FUSE_ROOT_ID == parent && strcmp(nodes[i].name, name) == 0) {
			struct fuse_entry_param entry = entry_of(&nodes[i]);
			fuse_reply_entry(request, &entry);
			return;
		}
	}
	fuse_reply_err(request, ENOENT);
}

static void null_getattr(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)file;
	fuse_reply_attr(request, &nodes[id - FUSE_ROOT_ID].attr, KEEP_SECONDS);
}

static void null_opendir(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)id, (void)file;
	fuse_reply_err(request, ENOSYS);
}

/* The offset of an entry is the index of the next node to look at. */
static void null_readdirplus(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)file;
	char buffer[65536];
	size_t used = 0, room = size < sizeof(buffer) ? size : sizeof(buffer);
	for (unsigned i = offset > 0 ? (unsigned)offset : 1; i < nnodes; i++) {
		if (nodes[i].parent + FUSE_ROOT_ID != id)
			continue;
		struct fuse_entry_param entry = entry_of(&nodes[i]);
		size_t needed =
		    fuse_add_direntry_plus(request, buffer + used, room - used, nodes[i].name, &entry, i + 1);
		if (needed > room - used)
			break;
		used += needed;
	}
	fuse_reply_buf(request, buffer, used);
}

static void null_open(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)id;
	const struct sc_service *service = fuse_req_userdata(request);
	file->direct_io = 1;
	if (service->direct_io)
		fuse_reply_open(request, file);
	else
		fuse_reply_err(request, ENOSYS);
}

static void read_file(fuse_req_t request, int fd, size_t size, off_t offset)
{
	struct sc_service *service = fuse_req_userdata(request);
	struct sc_buffer *buffer = sc_buffers_take(service->buffers, size);
	ssize_t got = buffer ? pread(fd, buffer->data, size, offset) : -1;
	if (got < 0)
		fuse_reply_err(request, EIO);
	else
		fuse_reply_buf(request, buffer->data, (size_t)got);
	if (buffer)
		sc_buffers_give_back(service->buffers, buffer);
}

static void null_read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)file;
	const struct node *node = &nodes[id - FUSE_ROOT_ID];
	off_t left = node->attr.st_size > offset ? node->attr.st_size - offset : 0;
	size_t length = (off_t)size < left ? size : (size_t)left;
	if (node->fd >= 0)
		read_file(request, node->fd, length, offset);
	else
		fuse_reply_buf(request, constant, length < sizeof(constant) ? length : sizeof(constant));
}

/* Ours has attributes of its own, so it cannot say that there are none at all; but not of the kind that ls asks for. */
static void null_getxattr(fuse_req_t request, fuse_ino_t id, const char *name, size_t size)
{
	(void)id, (void)name, (void)size;
	fuse_reply_err(request, EOPNOTSUPP);
}

const struct fuse_lowlevel_ops sc_operations = {
	.init = null_init,
	.lookup = null_lookup,
	.getattr = null_getattr,
	.opendir = null_opendir,
	.readdirplus = null_readdirplus,
	.open = null_open,
	.read = null_read,
	.getxattr = null_getxattr,
};

/* --- the program --- */

/* INIT has come: lets the parent go. */
static void become_ready(void *context)
{
	const int *ready_fd = context;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (write(*ready_fd, "R", 1) != 1)
		exit(1);
}

/* The parent's wait for the child. Returns its exit status. */
static int wait_until_ready(int ready_fd)
{
	char byte;
	return read(ready_fd, &byte, 1) == 1 ? 0 : 1;
}

static int serve(const struct sc_options *options, const char *mountpoint)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
	pid_t child = fork();
	if (child != 0) {
		close(ends[1]);
		return child < 0 ? 1 : wait_until_ready(ends[0]);
	}
	setsid();
	struct sc_service service = { .buffers = sc_buffers_new(), .ready = become_ready, .context = &ends[1] };
	struct sc_session *session;
	struct sc_error err = { 0 };
	if (!service.buffers || sc_session_new(options, "nullfs", &service, &session) != 0)
		return 1;
	int rc = sc_session_serve(session, mountpoint, false, NULL, &err);
	if (rc < 0)
		fprintf(stderr, "nullfs: %s\n", err.text);
	sc_session_free(session);
	sc_buffers_free(service.buffers);
	return rc < 0;
}

int main(int argc, char **argv)
{
	const char *mount_options[16];
	struct sc_options options = { .mount_options = mount_options };
	for (int option; (option = getopt(argc, argv, "o:p")) != -1;) {
		if (option == 'o' && options.nmount_options < SC_COUNT_OF(mount_options))
			mount_options[options.nmount_options++] = optarg;
		else if (option == 'p')
			pread_files = true;
		else
			argc = 0;
	}
	if (argc != optind + 2) {
		fputs("Usage: nullfs [-o OPTION[,...]]... [-p] TREE MOUNTPOINT\n", stderr);
		return 2;
	}
	add_node(AT_FDCWD, argv[optind], "", 0);
	add_entries(0, open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	memset(constant, 0x5a, sizeof(constant));
	sc_autofree char *mountpoint = realpath(argv[optind + 1], NULL);
	if (!mountpoint)
		die(argv[optind + 1]);
	return serve(&options, mountpoint);
}
