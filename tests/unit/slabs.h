/*
 * slabs.h - slabs of a layout that is made by hand.
 */
#ifndef SC_TEST_SLABS_H
#define SC_TEST_SLABS_H

#include "layout.h"

/* Adds a slab that is stored like `storage`; NULL: a slab of all bits set, which nothing stores. */
static inline int add_slab(struct sc_layout *layout, int64_t count, const struct sc_storage *storage,
			   struct sc_error *err)
{
	uint32_t index = SC_STORAGE_ONES;
	int rc = storage ? sc_layout_add_storage(layout, storage, &index, err) : 0;
	return rc < 0 ? rc : sc_layout_add_slab(layout, count, index, err);
}

#endif
