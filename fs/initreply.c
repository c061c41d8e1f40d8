#include "initreply.h"

#include <fuse_lowlevel.h>

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 14) && FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)

#include <linux/fuse.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_uint_fast64_t init_unique; /* the number of the request, when the kernel knows the flag; 0: none */

static ssize_t receive(int fd, void *request, size_t size, void *userdata)
{
	(void)userdata;
	ssize_t count = read(fd, request, size);
	const struct fuse_in_header *header = request;
	const struct fuse_init_in *init = (const struct fuse_init_in *)(header + 1);
	if (count >= (ssize_t)(sizeof(*header) + offsetof(struct fuse_init_in, flags2)) && header->opcode == FUSE_INIT &&
	    init->flags & FUSE_PARALLEL_DIROPS)
		atomic_store(&init_unique, header->unique);
	return count;
}

static ssize_t answer(int fd, struct iovec *parts, int count, void *userdata)
{
	(void)userdata;
	const struct fuse_out_header *header = parts[0].iov_base;
	if (header->unique != 0 && header->unique == atomic_load(&init_unique)) {
		atomic_store(&init_unique, 0);
		if (count == 2 && parts[1].iov_len >= offsetof(struct fuse_init_out, max_background))
			((struct fuse_init_out *)parts[1].iov_base)->flags |= FUSE_PARALLEL_DIROPS;
	}
	return writev(fd, parts, count);
}

int sc_initreply_amend(struct fuse_session *session)
{
	static const struct fuse_custom_io io = { .read = receive, .writev = answer };
	return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}

#else

int sc_initreply_amend(struct fuse_session *session)
{
	(void)session;
	return 0;
}

#endif
