#include "buffers.h"

#include <pthread.h>

#define PAGE_BYTES 4096

struct sc_buffers {
	pthread_mutex_t lock;
	struct sc_buffer *last; /* that was given back; there are as many as reads at one time */
};

struct sc_buffers *sc_buffers_new(void)
{
	struct sc_buffers *buffers = calloc(1, sizeof(*buffers));
	if (buffers)
		pthread_mutex_init(&buffers->lock, NULL);
	return buffers;
}

static void free_buffer(struct sc_buffer *buffer)
{
	free(buffer->data);
	free(buffer);
}

void sc_buffers_free(struct sc_buffers *buffers)
{
	if (!buffers)
		return;
	for (struct sc_buffer *buffer = buffers->last, *next; buffer; buffer = next) {
		next = buffer->next;
		free_buffer(buffer);
	}
	pthread_mutex_destroy(&buffers->lock);
	free(buffers);
}

static struct sc_buffer *make_buffer(size_t size)
{
	struct sc_buffer *buffer = calloc(1, sizeof(*buffer));
	if (buffer && posix_memalign(&buffer->data, PAGE_BYTES, size) == 0) {
		buffer->capacity = size;
		return buffer;
	}
	free(buffer);
	return NULL;
}

struct sc_buffer *sc_buffers_take(struct sc_buffers *buffers, size_t size)
{
	pthread_mutex_lock(&buffers->lock);
	struct sc_buffer *buffer = buffers->last;
	if (buffer)
		buffers->last = buffer->next;
	pthread_mutex_unlock(&buffers->lock);
	if (buffer && buffer->capacity >= size)
		return buffer;
	/* Requests grow to the kernel's largest one; so do the buffers. */
	if (buffer)
		free_buffer(buffer);
	return make_buffer(size);
}

void sc_buffers_give_back(struct sc_buffers *buffers, struct sc_buffer *buffer)
{
	pthread_mutex_lock(&buffers->lock);
	buffer->next = buffers->last;
	buffers->last = buffer;
	pthread_mutex_unlock(&buffers->lock);
}
