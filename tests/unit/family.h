/*
 * family.h - the parts of a real family's product, found by the scan.
 */
#ifndef SC_FAMILY_H
#define SC_FAMILY_H

#include "testdata.h"

#include "scan.h"

struct family {
	struct sc_source source;
	struct sc_scan scan;
	const struct sc_product *product;
};

static inline void family_open_at(struct family *family, const char *path, const char *ext)
{
	struct sc_error err = { 0 };
	const struct sc_scan_options everything = { 0 };
	*family = (struct family){ .product = NULL };
	if (sc_source_open(path, false, &family->source, &err) < 0 ||
	    sc_scan_source(&family->source, &everything, &family->scan, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < family->scan.nproducts; i++)
		if (strcmp(family->scan.products[i].ext, ext) == 0)
			family->product = &family->scan.products[i];
	if (!family->product)
		fail_msg("%s: no *%s", path, ext);
}

/* Of $SC_TEST_DATA/DIRECTORY; skips the test without data. */
static inline void family_open(struct family *family, const char *directory, const char *ext)
{
	const char *root = getenv("SC_TEST_DATA");
	if (!root || !*root)
		skip();
	sc_autofree char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", root, directory) > 0);
	family_open_at(family, path, ext);
}

static inline void family_close(struct family *family)
{
	sc_scan_clear(&family->scan);
	sc_source_close(&family->source);
}

#endif
