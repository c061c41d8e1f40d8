#include "nodes.h"

#include <string.h>

int sc_nodes_lookup(const struct sc_service *service, uint64_t directory, const char *name, struct sc_waiter *waiter,
		    struct sc_catalog_node *ret_node)
{
	bool is_status =
	    directory == SC_CATALOG_ROOT ? strcmp(name, SC_STATUS_NAME) == 0 : sc_status_owns(directory);
	if (is_status)
		return sc_status_lookup(service->status, directory, name, waiter, ret_node);
	return sc_catalog_lookup(service->catalog, directory, name, waiter, ret_node);
}

int sc_nodes_getattr(const struct sc_service *service, uint64_t id, struct sc_waiter *waiter,
		     struct sc_catalog_node *ret_node)
{
	if (sc_status_owns(id))
		return sc_status_getattr(service->status, id, ret_node);
	return sc_catalog_getattr(service->catalog, id, waiter, ret_node);
}

int sc_nodes_read_directory(const struct sc_service *service, uint64_t id, uint64_t position, struct sc_waiter *waiter,
			    struct sc_catalog_dirent *ret_entry)
{
	if (sc_status_owns(id))
		return sc_status_read_directory(service->status, id, position, ret_entry);
	return sc_catalog_read_directory(service->catalog, id, position, waiter, ret_entry);
}
