#include "handles.h"

#include <errno.h>
#include <pthread.h>

/* What was open at the end of a busy mount is never released: the list is for freeing that. */
struct open_node {
	struct sc_opened opened; /* first: file->fh points to it */
	struct open_node *previous, *next;
};

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct open_node *first_open;

static struct open_node *note_open(const struct sc_opened *opened)
{
	struct open_node *node = malloc(sizeof(*node));
	if (!node)
		return NULL;
	pthread_mutex_lock(&open_lock);
	*node = (struct open_node){ .opened = *opened, .next = first_open };
	if (first_open)
		first_open->previous = node;
	first_open = node;
	pthread_mutex_unlock(&open_lock);
	return node;
}

static void forget_open(struct open_node *node)
{
	pthread_mutex_lock(&open_lock);
	if (node->next)
		node->next->previous = node->previous;
	if (node->previous)
		node->previous->next = node->next;
	else
		first_open = node->next;
	pthread_mutex_unlock(&open_lock);
	free(node);
}

void sc_handles_destroy(void *userdata)
{
	(void)userdata;
	while (first_open)
		forget_open(first_open);
}

void sc_handles_reply(fuse_req_t request, const struct sc_opened *opened, struct fuse_file_info *file)
{
	const struct sc_service *service = sc_service_of(request);
	struct open_node *kept = note_open(opened);
	if (kept) {
		file->fh = (uintptr_t)&kept->opened;
		/* Fails where the process was interrupted, and nothing will be released. */
		if (fuse_reply_open(request, file) == 0)
			return;
		forget_open(kept);
	} else {
		sc_reply_error(request, -ENOMEM);
	}
	sc_catalog_release(service->catalog, opened);
}

void sc_handles_release(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)id;
	const struct sc_service *service = sc_service_of(request);
	/* NULL: opens are not counted. */
	struct sc_opened *opened = (struct sc_opened *)(uintptr_t)file->fh;
	if (opened) {
		sc_catalog_release(service->catalog, opened);
		forget_open((struct open_node *)opened);
	}
	sc_reply_error(request, 0);
}
