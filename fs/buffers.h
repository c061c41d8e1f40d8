/*
 * buffers.h - memory for reads, used again and again.
 *
 * A fresh megabyte for each read would cost more than the read, and requests go
 * to all of the server's threads in turn, so one for each would be a megabyte
 * times all of them. Here there are as many as reads at one time, and a read gets
 * the one that was given back last. Thread-safe.
 */
#ifndef SC_BUFFERS_H
#define SC_BUFFERS_H

#include "base.h"

struct sc_buffers;

struct sc_buffer {
	void *data; /* page-aligned */
	/* The module's own. */
	size_t capacity;
	struct sc_buffer *next;
};

struct sc_buffers *sc_buffers_new(void); /* NULL: out of memory */
void sc_buffers_free(struct sc_buffers *buffers); /* all must have been given back */

/* At least `size` bytes, with anything in them; NULL: out of memory. */
struct sc_buffer *sc_buffers_take(struct sc_buffers *buffers, size_t size);
void sc_buffers_give_back(struct sc_buffers *buffers, struct sc_buffer *buffer);

#endif
