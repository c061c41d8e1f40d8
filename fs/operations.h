/*
 * operations.h - the kernel's requests, answered from the catalog.
 *
 * Each request is one low-level FUSE operation: it finds the node, asks the
 * catalog or the reader, and turns -errno into the reply. Here are names, attributes and directories;
 * in files.h opening and reading, in handles.h what is open, in nodes.h whose a node is.
 */
#ifndef SC_OPERATIONS_H
#define SC_OPERATIONS_H

#include "buffers.h"
#include "catalog.h"
#include "status.h"
#include "viewread.h"

#include <fuse_lowlevel.h>

/*
 * How far the kernel shall read ahead of a sequential reader, in bytes: the
 * longest request there is. More is not faster, and each page fault in a mapped
 * file brings in as much.
 */
#define SC_KERNEL_READ_AHEAD (1 << 20)

/* Requests that the kernel reads ahead with, for all readers together; they wait for the storage, not for us. */
#define SC_MAX_BACKGROUND 64

/* The session's userdata. */
struct sc_service {
	const struct sc_source *source;
	const char *options; /* the lines of SC_VIEWOPTIONS_ATTRIBUTE */
	struct sc_catalog *catalog;
	struct sc_reader *reader;
	struct sc_buffers *buffers; /* for reads */
	struct sc_status *status;
	struct sc_status_reads reads;
	unsigned max_read; /* bytes, of -o max_read; 0: not given */
	bool refreshing;   /* views can be replaced */
	int direct_io;     /* -o direct_io was given: reads of files pass the kernel's page cache by */
	int nonempty;      /* -o nonempty was given: what is in the mountpoint may be hidden */
	int auto_unmount;  /* -o auto_unmount was given: the mount goes when the program dies */
	bool checks;       /* the kernel may not check permissions: we do */
	void (*ready)(void *context); /* called once, when the kernel has sent INIT */
	void *context;
};

static inline struct sc_service *sc_service_of(fuse_req_t request)
{
	return fuse_req_userdata(request);
}

/* `code` is 0 or -errno. */
static inline void sc_reply_error(fuse_req_t request, int code)
{
	fuse_reply_err(request, -code);
}

extern const struct fuse_lowlevel_ops sc_operations;

#endif
