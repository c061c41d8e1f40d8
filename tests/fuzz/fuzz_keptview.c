/*
 * A view as it is kept in the cache, without the checksum in front. The input's first byte is how many parts the product
 * has, of which the rest must be a view. What is decoded encodes to the same view, and every byte of its arrays lies
 * somewhere.
 */
#include "fuzzlayout.h"

#include <errno.h>

#include "viewcodec.h"

#define PARTS_MAX 16

static struct sc_part_name parts[PARTS_MAX];

static struct sc_product make_product(size_t nparts)
{
	for (size_t i = 0; i < PARTS_MAX && !parts[PARTS_MAX - 1].name; i++) {
		parts[i].number = i;
		fuzz_require(asprintf(&parts[i].name, "cube.subcube.%zu.image", i) > 0);
	}
	return (struct sc_product){ .base = (char *)"cube",
				    .ext = (char *)".image",
				    .nparts = nparts,
				    .parts = parts,
				    .last_number = nparts - 1 };
}

static struct sc_view *decode(const uint8_t *data, size_t size, const struct sc_product *product)
{
	struct sc_view *view = calloc(1, sizeof(*view));
	fuzz_require(view && (view->name = strdup("cube.image")));
	int rc = sc_viewcodec_decode(data, size, product, view);
	if (rc == 0)
		return view;
	fuzz_require(rc == -EUCLEAN);
	sc_view_free(view);
	return NULL;
}

static void check(const struct sc_view *view)
{
	fuzz_require(view->nnodes > 0 && view->nnodes <= SC_VIEW_MAXNODES && view->nparts > 0);
	for (unsigned i = 0; i < view->nnodes; i++) {
		const struct sc_node *node = &view->nodes[i];
		fuzz_require(i == 0 || (node->parent < i && node->name[0] && !strchr(node->name, '/')));
		fuzz_require(sc_view_find(view, node->parent, node->name) >= 0 || i == 0);
	}
	fuzz_check_layout(&view->pixels);
	if (view->has_mask)
		fuzz_check_layout(&view->mask);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct sc_product product = make_product(1 + data[0] % PARTS_MAX);
	struct sc_view *view = decode(data + 1, size - 1, &product), *again;
	sc_autofree uint8_t *first = NULL, *second = NULL;
	size_t first_size, second_size;
	if (!view)
		return 0;
	check(view);
	fuzz_require(sc_viewcodec_encode(view, &product, &first, &first_size) == 0);
	again = decode(first, first_size, &product);
	fuzz_require(again && sc_viewcodec_encode(again, &product, &second, &second_size) == 0);
	fuzz_require_same(first, first_size, second, second_size);
	sc_view_free(again);
	sc_view_free(view);
	return 0;
}
