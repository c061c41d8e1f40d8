/*
 * imageconcat.json. What is decoded and can be written at all is read as the same again.
 */
#include "fuzz.h"

#include "imageconcat.h"

static void require_same(const struct sc_imageconcat *a, const struct sc_imageconcat *b)
{
	fuzz_require(a->type == b->type && a->axis == b->axis && a->tempclose == b->tempclose);
	fuzz_require(a->nimages == b->nimages);
	for (size_t i = 0; i < a->nimages; i++) {
		fuzz_require(a->images[i].place == b->images[i].place);
		fuzz_require(strcmp(a->images[i].path, b->images[i].path) == 0);
	}
}

static void check_paths(const struct sc_imageconcat *catalog)
{
	for (size_t i = 0; i < catalog->nimages; i++) {
		const char *path = catalog->images[i].path;
		size_t length = strlen(path);
		fuzz_require(length > 0 && path[length - 1] != '/');
		fuzz_require((path[0] == '/') == (catalog->images[i].place == SC_IMAGECONCAT_ABSOLUTE));
		fuzz_require(!strstr(path, "/../") && strncmp(path, "../", 3) != 0 && strcmp(path, "..") != 0);
		fuzz_require(length < 3 || strcmp(path + length - 3, "/..") != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sc_error err = { 0 };
	struct sc_imageconcat catalog, again;
	sc_autofree char *text = NULL, *warning = NULL;
	size_t text_size;
	int rc = sc_imageconcat_decode(data, size, "imageconcat.json", &catalog, &err);
	if (rc < 0) {
		fuzz_require_error(rc, &err);
		return 0;
	}
	fuzz_require(catalog.nimages > 0 && catalog.axis >= 0 && catalog.axis < SC_MAXDIM);
	check_paths(&catalog);
	rc = sc_imageconcat_encode(&catalog, NULL, &text, &text_size, &warning, &err);
	if (rc == 0) {
		fuzz_require(sc_imageconcat_decode(text, text_size, "imageconcat.json", &again, &err) == 0);
		require_same(&catalog, &again);
		sc_imageconcat_clear(&again);
	} else {
		fuzz_require_error(rc, &err);
	}
	sc_imageconcat_clear(&catalog);
	return 0;
}
