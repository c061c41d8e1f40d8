/*
 * nodes.h - whose a node is: an image's, and so the catalog's, or one of those below .subcubefs (status.h).
 *
 * Thread-safe. Functions return as those of the catalog do.
 */
#ifndef SC_NODES_H
#define SC_NODES_H

#include "operations.h"

int sc_nodes_lookup(const struct sc_service *service, uint64_t directory, const char *name, struct sc_waiter *waiter,
		    struct sc_catalog_node *ret_node);
int sc_nodes_getattr(const struct sc_service *service, uint64_t id, struct sc_waiter *waiter,
		     struct sc_catalog_node *ret_node);
int sc_nodes_read_directory(const struct sc_service *service, uint64_t id, uint64_t position, struct sc_waiter *waiter,
			    struct sc_catalog_dirent *ret_entry);

#endif
