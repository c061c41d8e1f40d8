/*
 * base.h - what every module needs: limits, cleanup attributes, small helpers.
 *
 * Cleanup attributes: `sc_autofree char *p` frees p when it leaves scope,
 * `sc_autoclose int fd` closes it (-1 means none). sc_steal_ptr and
 * sc_steal_fd hand a resource on and disarm the attribute.
 */
#ifndef SC_BASE_H
#define SC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* Axes of an image. casacore has no limit; imagers write 4, hand-made images up to 5 or 6. */
#define SC_MAXDIM 8

#define SC_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define sc_printf_format(format_index, first_index) __attribute__((format(printf, format_index, first_index)))

static inline void sc_free_cleanup(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

static inline void sc_close_cleanup(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define sc_autofree __attribute__((cleanup(sc_free_cleanup)))
#define sc_autoclose __attribute__((cleanup(sc_close_cleanup)))

static inline int sc_steal_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/*
 * An array with room for `needed` elements, at least one: `array` itself, or moved to where there is at least twice the
 * room. NULL: out of memory, and the array is as it was.
 */
static inline void *sc_grow(void *array, size_t needed, size_t *capacity, size_t element_size)
{
	if (needed <= *capacity)
		return array;
	size_t wanted = *capacity ? 2 * *capacity : 64;
	if (wanted < needed)
		wanted = needed;
	void *grown = reallocarray(array, wanted, element_size);
	if (grown)
		*capacity = wanted;
	return grown;
}

#define sc_steal_ptr(pointer)                                                                                          \
	({                                                                                                             \
		__typeof__(pointer) taken_ = (pointer);                                                                \
		(pointer) = NULL;                                                                                      \
		taken_;                                                                                                \
	})

#endif
