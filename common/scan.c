#include "ioutil.h"
#include "log.h"
#include "scanpriv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* One directory entry that is a part, before parts are grouped. */
struct found {
	char *name;                 /* path in the source */
	struct sc_name_parts parts; /* points into name */
	const struct sc_pattern *pattern;
};

struct found_list {
	size_t count, capacity;
	struct found *items;
};

static void free_found(struct found_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
}

#define sc_autofound __attribute__((cleanup(free_found)))

static int compare_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
	return order ? order : (a_length > b_length) - (a_length < b_length);
}

/* A family is one base in one way of naming. */
static int compare_family(const struct found *a, const struct found *b)
{
	int order = compare_text(a->parts.base, a->parts.base_length, b->parts.base, b->parts.base_length);
	return order ? order : (a->pattern > b->pattern) - (a->pattern < b->pattern);
}

static int compare_product(const struct found *a, const struct found *b)
{
	int order = compare_family(a, b);
	return order ? order : compare_text(a->parts.ext, a->parts.ext_length, b->parts.ext, b->parts.ext_length);
}

static int compare_found(const void *left, const void *right)
{
	const struct found *a = left, *b = right;
	int order = compare_product(a, b);
	if (order == 0)
		order = (a->parts.number > b->parts.number) - (a->parts.number < b->parts.number);
	/* Two names of one number are an error, in which they have an order too. */
	return order != 0 ? order : strcmp(a->name, b->name);
}

static int add_found(struct found_list *list, const char *name, const struct sc_pattern *pattern)
{
	struct found *grown = sc_grow(list->items, list->count + 1, &list->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	struct found found = { .name = strdup(name), .pattern = pattern };
	if (!found.name)
		return -ENOMEM;
	sc_pattern_match(pattern, found.name, &found.parts);
	list->items[list->count++] = found;
	return 0;
}

static void free_candidates(struct sc_candidates *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
}

#define sc_autocandidates __attribute__((cleanup(free_candidates)))

static int add_candidate(struct sc_candidates *list, const char *name)
{
	char **grown = reallocarray(list->names, list->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->names = grown;
	if (!(grown[list->count] = strdup(name)))
		return -ENOMEM;
	list->count++;
	return 0;
}

/* A walk through the source, as deep as the patterns go. */
struct walk {
	const struct sc_source *source;
	const struct sc_scan_options *options;
	unsigned npatterns;
	const struct sc_pattern *patterns[SC_NAMES_KNOWN];
	struct found_list *list;
	struct sc_candidates *candidates;
};

static bool wanted_base(const struct sc_source *source, const struct sc_name_parts *parts)
{
	return !source->base || compare_text(source->base, strlen(source->base), parts->base, parts->base_length) == 0;
}

static int walk_directory(const struct walk *walk, const char *path, unsigned depth, struct sc_error *err);

/* Adds the entry when it is a part, goes into it when parts may be there. */
static int walk_entry(const struct walk *walk, const char *path, unsigned depth, struct sc_error *err)
{
	for (unsigned i = 0; i < walk->npatterns; i++) {
		struct sc_name_parts parts;
		const struct sc_pattern *pattern = walk->patterns[i];
		unsigned pattern_depth = sc_pattern_depth(pattern);
		if (pattern_depth > depth && sc_pattern_match_directory(pattern, path, depth))
			return walk_directory(walk, path, depth + 1, err);
		if (pattern_depth != depth || !sc_pattern_match(pattern, path, &parts))
			continue;
		if (wanted_base(walk->source, &parts) && add_found(walk->list, path, pattern) < 0)
			return sc_error_errno(err, -ENOMEM, "%s: cannot list the parts", walk->source->path);
		return 0;
	}
	/* With a pattern of the user's, subcubes of other names are still no images of their own. */
	struct sc_name_parts parts;
	if (depth == 0 && !sc_pattern_match(sc_names_known(0), path, &parts) &&
	    add_candidate(walk->candidates, path) < 0)
		return sc_error_errno(err, -ENOMEM, "%s: cannot list the images", walk->source->path);
	return 0;
}

static int walk_entries(const struct walk *walk, DIR *directory, const char *path, unsigned depth, struct sc_error *err)
{
	const char *name;
	int rc;
	while ((rc = sc_io_next_entry(directory, &name)) > 0) {
		char below[PATH_MAX];
		if (name[0] == '.' ||
		    (depth == 0 && walk->options->exclude && strcmp(name, walk->options->exclude) == 0))
			continue;
		if (snprintf(below, sizeof(below), "%s%s%s", path, depth ? "/" : "", name) >= (int)sizeof(below))
			continue;
		rc = walk_entry(walk, below, depth, err);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return sc_error_errno(err, rc, "%s/%s: cannot read the directory", walk->source->path, path);
	return 0;
}

static int walk_directory(const struct walk *walk, const char *path, unsigned depth, struct sc_error *err)
{
	/* A descriptor of its own: two scans of one source must not share a position. */
	sc_autoclosedir DIR *directory = NULL;
	int rc = depth > 0 ? sc_source_check(walk->source, path, NULL) : 0;
	if (rc == 0)
		rc = sc_io_open_directory(walk->source->dirfd, depth ? path : ".", 0, &directory);
	if (depth > 0 && (rc == -ENOTDIR || rc == -ENOENT || rc == -ELOOP))
		return 0;
	/* What is in it may be of any family, or of none. */
	if (depth > 0 && rc == -EACCES) {
		sc_log(SC_LOG_INFO, "%s/%s: passed over, it cannot be read", walk->source->path, path);
		return 0;
	}
	if (rc < 0)
		return sc_error_errno(err, rc, "%s/%s: cannot read the directory", walk->source->path, path);
	return walk_entries(walk, directory, path, depth, err);
}

static int find_parts(const struct sc_source *source, const struct sc_scan_options *options, struct found_list *list,
		      struct sc_candidates *candidates, struct sc_error *err)
{
	struct walk walk = { .source = source, .options = options, .list = list, .candidates = candidates };
	if (options->pattern)
		walk.patterns[walk.npatterns++] = options->pattern;
	for (unsigned i = 0; !options->pattern && i < SC_NAMES_KNOWN; i++)
		walk.patterns[walk.npatterns++] = sc_names_known(i);
	return walk_directory(&walk, "", 0, err);
}

/* Whether the part is a file with the ending of FITS images. */
static bool is_fits_file(const struct sc_source *source, const struct found *part)
{
	static const char ending[] = ".fits";
	size_t length = strlen(ending), ext_length = part->parts.ext_length;
	struct stat st;
	return ext_length >= length && memcmp(part->parts.ext + ext_length - length, ending, length) == 0 &&
	       sc_source_stat(source, part->name, &st, NULL) == 0 && S_ISREG(st.st_mode);
}

/*
 * Whether the product's parts are images. A measurement set or another table
 * has neither a history nor tiled data with its first storage manager.
 */
static bool looks_like_images(const struct sc_source *source, const struct found *parts, size_t nparts)
{
	for (size_t i = 0; i < SC_SCAN_NKNOWN_EXTENSIONS; i++) {
		const char *known = sc_scan_known_extensions[i];
		if (compare_text(parts[0].parts.ext, parts[0].parts.ext_length, known, strlen(known)) == 0)
			return true;
	}
	for (size_t i = 0; i < nparts; i++) {
		if (is_fits_file(source, &parts[i]))
			return true;
		if (!sc_scan_entry_exists(source, parts[i].name, "table.dat"))
			continue;
		return sc_scan_entry_exists(source, parts[i].name, "logtable") ||
		       sc_scan_entry_exists(source, parts[i].name, "table.f0_TSM0");
	}
	return false;
}

/* A part's name moves from the list to the product. */
static int make_product(struct found *parts, size_t nparts, struct sc_product *ret_product, struct sc_error *err)
{
	sc_autofree char *problem = NULL;
	for (size_t i = 1; i < nparts && !problem; i++) {
		if (parts[i].parts.number == parts[i - 1].parts.number &&
		    asprintf(&problem, "%s and %s have the same number", parts[i - 1].name, parts[i].name) < 0)
			return sc_error_errno(err, -ENOMEM, "cannot list the parts");
	}
	struct sc_product product = { .pattern = parts[0].pattern,
				      .base = strndup(parts[0].parts.base, parts[0].parts.base_length),
				      .ext = strndup(parts[0].parts.ext, parts[0].parts.ext_length),
				      .parts = calloc(nparts, sizeof(*product.parts)) };
	if (!product.base || !product.ext || !product.parts) {
		free(product.base);
		free(product.ext);
		free(product.parts);
		return sc_error_errno(err, -ENOMEM, "cannot list the parts");
	}
	for (size_t i = 0; i < nparts; i++)
		product.parts[product.nparts++] =
		    (struct sc_part_name){ sc_steal_ptr(parts[i].name), parts[i].parts.number };
	product.problem = sc_steal_ptr(problem);
	*ret_product = product;
	return 0;
}

/* A product that ends earlier than its siblings lacks its last parts. */
static void set_numbers(struct sc_product *products, size_t nproducts)
{
	uint64_t highest = 0, lowest = UINT64_MAX;
	for (size_t i = 0; i < nproducts; i++) {
		uint64_t first = products[i].parts[0].number, last = products[i].parts[products[i].nparts - 1].number;
		highest = last > highest ? last : highest;
		lowest = first < lowest ? first : lowest;
	}
	for (size_t i = 0; i < nproducts; i++) {
		const struct sc_pattern *pattern = products[i].pattern;
		products[i].first_number = pattern->from_one || (pattern->from_lowest && lowest > 0) ? 1 : 0;
		products[i].last_number = highest;
	}
}

void sc_product_clear(struct sc_product *product)
{
	for (size_t i = 0; i < product->nparts; i++)
		free(product->parts[i].name);
	free(product->parts);
	free(product->problem);
	free(product->base);
	free(product->ext);
}

static int compare_products(const void *left, const void *right)
{
	const struct sc_product *a = left, *b = right;
	int order = strcmp(a->base, b->base);
	if (order == 0)
		order = strcmp(a->ext, b->ext);
	return order ? order : (a->pattern > b->pattern) - (a->pattern < b->pattern);
}

/* Sorts the products. Of two of one name, whose parts are named in two ways, one stays, with a problem: which is meant?
 */
static int sort_products(struct sc_scan *scan)
{
	size_t kept = 0;
	int rc = 0;
	if (scan->nproducts > 0)
		qsort(scan->products, scan->nproducts, sizeof(*scan->products), compare_products);
	for (size_t i = 0; i < scan->nproducts; i++) {
		struct sc_product *product = &scan->products[i], *last = kept > 0 ? &scan->products[kept - 1] : NULL;
		if (!last || strcmp(last->base, product->base) != 0 || strcmp(last->ext, product->ext) != 0) {
			scan->products[kept++] = *product;
			continue;
		}
		free(last->problem);
		if (asprintf(&last->problem, "%s and %s are named in two ways; --pattern says which one is meant",
			     last->parts[0].name, product->parts[0].name) < 0) {
			last->problem = NULL;
			rc = -ENOMEM;
		}
		sc_product_clear(product);
	}
	scan->nproducts = kept;
	return rc;
}

int sc_scan_source(const struct sc_source *source, const struct sc_scan_options *options, struct sc_scan *ret_scan,
		   struct sc_error *err)
{
	sc_autofound struct found_list list = { 0 };
	struct sc_scan scan = { 0 };
	sc_autocandidates struct sc_candidates candidates = { 0 };
	int rc = find_parts(source, options, &list, &candidates, err);
	if (rc < 0)
		return rc;
	if (list.count > 0)
		qsort(list.items, list.count, sizeof(*list.items), compare_found);
	scan.products = calloc(list.count + candidates.count + 1, sizeof(*scan.products));
	if (!scan.products)
		return sc_error_errno(err, -ENOMEM, "%s: cannot list the parts", source->path);

	size_t family_start = 0;
	for (size_t i = 0, end; rc == 0 && i < list.count; i = end) {
		struct found *parts = &list.items[i];
		for (end = i + 1; end < list.count; end++) {
			if (compare_product(parts, &list.items[end]) != 0)
				break;
		}
		bool family_ends = end == list.count || compare_family(parts, &list.items[end]) != 0;
		if (looks_like_images(source, parts, end - i)) {
			rc = make_product(parts, end - i, &scan.products[scan.nproducts], err);
			if (rc == 0)
				scan.nproducts++;
		}
		if (rc == 0 && family_ends) {
			set_numbers(&scan.products[family_start], scan.nproducts - family_start);
			family_start = scan.nproducts;
		}
	}
	if (rc == 0 &&
	    (sc_scan_add_whole_products(source, options, &candidates, &scan) < 0 || sort_products(&scan) < 0))
		rc = sc_error_errno(err, -ENOMEM, "%s: cannot list the parts", source->path);
	if (rc < 0) {
		sc_scan_clear(&scan);
		return rc;
	}
	*ret_scan = scan;
	return 0;
}

char *sc_scan_part_name(const struct sc_product *product, uint64_t number)
{
	struct sc_name_parts first;
	bool known = product->nparts > 0 && sc_pattern_match(product->pattern, product->parts[0].name, &first);
	return sc_pattern_format(product->pattern, product->base, number, known ? first.width : 1, product->ext);
}

void sc_scan_clear(struct sc_scan *scan)
{
	for (size_t i = 0; i < scan->nproducts; i++)
		sc_product_clear(&scan->products[i]);
	free(scan->products);
	*scan = (struct sc_scan){ 0 };
}
