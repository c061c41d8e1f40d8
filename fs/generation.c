#include "generation.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

struct sc_generation *sc_generation_new(uint64_t serial, const struct sc_product *product)
{
	struct sc_generation *generation = calloc(1, sizeof(*generation));
	if (!generation)
		return NULL;
	generation->serial = serial;
	generation->references = 1;
	generation->base = strdup(product->base);
	if (asprintf(&generation->name, "%s%s", product->base, product->ext) < 0)
		generation->name = NULL;
	if (!generation->base || !generation->name) {
		sc_generation_free(generation);
		return NULL;
	}
	generation->name_hash = XXH3_64bits(generation->name, strlen(generation->name));
	return generation;
}

void sc_generation_free(struct sc_generation *generation)
{
	if (!generation)
		return;
	sc_view_free(generation->view);
	sc_unsettled_free(generation->nunsettled, generation->unsettled);
	free(generation->failure);
	free(generation->name);
	free(generation->base);
	free(generation);
}

void sc_generation_set_unsettled(struct sc_generation *generation, struct sc_settled *settled)
{
	sc_unsettled_free(generation->nunsettled, generation->unsettled);
	generation->nunsettled = settled->nunsettled;
	generation->unsettled = sc_steal_ptr(settled->unsettled);
	settled->nunsettled = 0;
}

uint64_t sc_generation_node(const struct sc_generation *generation, unsigned index)
{
	return generation->serial << SC_NODE_BITS | index;
}

static nlink_t count_links(const struct sc_view *view, unsigned directory)
{
	nlink_t links = 2;
	for (unsigned i = 1; i < view->nnodes; i++)
		links += view->nodes[i].parent == directory && view->nodes[i].kind == SC_NODE_DIRECTORY;
	return links;
}

bool sc_generation_has_node(const struct sc_generation *generation, unsigned index)
{
	index &= ~SC_NODE_ALIAS;
	return index == 0 || (generation->view && index < generation->view->nnodes);
}

bool sc_generation_is_directory(const struct sc_generation *generation, unsigned index)
{
	index &= ~SC_NODE_ALIAS;
	return index == 0 || generation->view->nodes[index].kind == SC_NODE_DIRECTORY;
}

/*
 * A directory whose sub-directories are not known yet has a link count of 1,
 * as on Btrfs: programs that count sub-directories by it then look.
 */
void sc_generation_fill_node(const struct sc_generation *generation, const struct sc_owner *owner, unsigned index,
			     struct sc_catalog_node *ret_node)
{
	const struct sc_view *view = generation->view;
	unsigned inner = index & ~SC_NODE_ALIAS;
	struct stat *st = &ret_node->attr;
	*ret_node = (struct sc_catalog_node){ .id = sc_generation_node(generation, index), .settled = view != NULL };
	if (sc_generation_is_directory(generation, index)) {
		sc_attributes_directory(owner, &generation->access, st);
		st->st_nlink = view ? count_links(view, inner) : 1;
	} else {
		sc_attributes_file(owner, &view->files, view->nodes[inner].size_bytes, st);
	}
	st->st_ino = ret_node->id;
}
