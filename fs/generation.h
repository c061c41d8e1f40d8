/*
 * generation.h - one state of an image: its view, and the nodes that show it.
 *
 *   node number   serial << 8 | index          a node of the view, below the root
 *                 serial << 8 | 128 | index    the same, below .subcubefs/gen/SERIAL
 *                 serial << 8 | 127            .subcubefs/gen/SERIAL itself
 *
 * A serial number is never used again, so a node's number always means the
 * same bytes, and that these are gone when they are gone. Serial 0 is the catalog's own.
 *
 * The catalog's lock guards all that can change; a view does not change once it is there.
 */
#ifndef SC_GENERATION_H
#define SC_GENERATION_H

#include "attributes.h"
#include "settle.h"
#include "view.h"

#define SC_NODE_BITS 8
#define SC_NODE_ALIAS 128U /* reached by .subcubefs/gen */
#define SC_NODE_HOME 127U  /* the directory .subcubefs/gen/SERIAL */
_Static_assert(SC_VIEW_MAXNODES < SC_NODE_HOME, "a view's nodes must fit below the other numbers");

struct sc_catalog_node {
	uint64_t id;
	struct stat attr;
	bool settled; /* the attributes are final: false for the directory of a view that is not built yet */
};

struct sc_generation {
	uint64_t serial;
	char *name, *base;             /* BASE.EXT, BASE */
	uint64_t name_hash;
	struct sc_entry *entry;        /* whose current one, or next one, it is; NULL: it has been replaced */
	struct sc_view *view;          /* NULL until it is built */
	bool access_known;
	struct sc_access access;       /* of the parts' directories */
	struct sc_identity identity;   /* of the parts, looked at before the view was built */
	size_t nunsettled;
	struct sc_unsettled *unsettled;
	int64_t failed_at_ns;
	char *failure;                 /* why it could not be built, when that was tried last; NULL: it was not, or could be */
	size_t references;             /* it stays while there are any: its entry, open files, requests */
	size_t nopen;                  /* open files and directories */
	int64_t opened_ns;             /* last open of a file */
	int64_t replaced_ns;
	struct sc_generation *next_unused; /* the catalog's own */
};

/* With one reference. NULL: out of memory. */
struct sc_generation *sc_generation_new(uint64_t serial, const struct sc_product *product);
void sc_generation_free(struct sc_generation *generation);

/* Takes over what is unsettled. */
void sc_generation_set_unsettled(struct sc_generation *generation, struct sc_settled *settled);

uint64_t sc_generation_node(const struct sc_generation *generation, unsigned index);

/* `index` may have SC_NODE_ALIAS. The access of the directories must be known. */
void sc_generation_fill_node(const struct sc_generation *generation, const struct sc_owner *owner, unsigned index,
			     struct sc_catalog_node *ret_node);

/* Whether the node is there; a view's root is even when the view is not built. */
bool sc_generation_has_node(const struct sc_generation *generation, unsigned index);
bool sc_generation_is_directory(const struct sc_generation *generation, unsigned index);

#endif
