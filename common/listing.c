#include "listing.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "viewcache.h"
#include "workers.h"

/* Views are built side by side: more than these would only take memory. */
#define MOST_AT_ONCE 4

struct work {
	const struct sc_source *source;
	const struct sc_view_options *options;
	const struct sc_product **products;
	struct sc_summary *summaries;
	size_t count;
	atomic_size_t next;
	atomic_int failure;
};

static void *summarize_some(void *context)
{
	struct work *work = context;
	for (;;) {
		size_t i = atomic_fetch_add(&work->next, 1);
		if (i >= work->count)
			return NULL;
		int rc = sc_summary_make(work->source, work->products[i], work->options, &work->summaries[i]);
		if (rc < 0)
			atomic_store(&work->failure, rc);
	}
}

static bool is_wanted(const struct sc_listing_request *request, const char *extension)
{
	for (size_t i = 0; i < request->nextensions; i++) {
		if (strcmp(request->extensions[i], extension) == 0)
			return true;
	}
	return request->nextensions == 0;
}

/* Summarizes the products of a scan that are wanted. */
static int summarize(const struct sc_listing_request *request, const struct sc_source *source,
		     const struct sc_scan *scan, const struct sc_view_options *view, struct sc_listing *listing)
{
	sc_autofree const struct sc_product **products = calloc(scan->nproducts + 1, sizeof(*products));
	struct sc_workers workers;
	listing->source = strdup(source->path);
	listing->summaries = calloc(scan->nproducts + 1, sizeof(*listing->summaries));
	if (!products || !listing->source || !listing->summaries)
		return -ENOMEM;
	struct work work = { .source = source,
			     .options = view,
			     .products = products,
			     .summaries = listing->summaries };
	for (size_t i = 0; i < scan->nproducts; i++) {
		if (is_wanted(request, scan->products[i].ext))
			products[work.count++] = &scan->products[i];
	}
	listing->count = work.count;
	size_t threads = work.count > MOST_AT_ONCE ? MOST_AT_ONCE : work.count;
	sc_workers_start(&workers, threads > 0 ? threads - 1 : 0, summarize_some, &work);
	summarize_some(&work);
	sc_workers_join(&workers);
	return work.failure;
}

/* As a mount has it, so that both use what the other kept. */
static struct sc_view_options view_options(const struct sc_listing_request *request)
{
	struct sc_view_options view = request->view;
	view.tiling.mode = SC_TILING_KEEP;
	view.keep_miscinfo = false;
	view.cache = request->no_cache ? NULL : sc_viewcache_open(request->cache_dir);
	return view;
}

static int list_source(const struct sc_listing_request *request, const struct sc_source *source,
		       struct sc_listing *listing, struct sc_error *err)
{
	struct sc_scan scan;
	const struct sc_scan_options options = { .pattern = request->pattern };
	int rc = sc_scan_source(source, &options, &scan, err);
	if (rc < 0)
		return rc;
	struct sc_view_options view = view_options(request);
	rc = summarize(request, source, &scan, &view, listing);
	sc_viewcache_close(view.cache);
	sc_scan_clear(&scan);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot list the families", request->source);
	if (listing->count > 0)
		return 0;
	sc_autofree char *example = sc_pattern_example(request->pattern, source->base);
	return sc_error_set(err, -ENOENT, "No subcube files found in %s; give a directory that holds %s%s, or DIR/BASE",
			    request->source, example ? example : "subcubes",
			    request->nextensions > 0 ? " of these extensions" : "");
}

int sc_listing_make(const struct sc_listing_request *request, struct sc_listing *ret_listing, struct sc_error *err)
{
	struct sc_source source;
	struct sc_listing listing = { 0 };
	int rc = sc_source_open(request->source, false, &source, err);
	if (rc < 0)
		return rc;
	source.follow_links = request->follow_links;
	rc = list_source(request, &source, &listing, err);
	sc_source_close(&source);
	if (rc < 0)
		sc_listing_clear(&listing);
	else
		*ret_listing = listing;
	return rc;
}

void sc_listing_clear(struct sc_listing *listing)
{
	for (size_t i = 0; listing->summaries && i < listing->count; i++)
		sc_summary_clear(&listing->summaries[i]);
	free(listing->summaries);
	free(listing->source);
	*listing = (struct sc_listing){ 0 };
}

bool sc_listing_has_problems(const struct sc_listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		if (listing->summaries[i].problem)
			return true;
	}
	return false;
}

double sc_listing_seconds(const struct sc_summary *summary)
{
	return (double)summary->size_bytes / SC_LISTING_BYTES_PER_SECOND;
}

char *sc_listing_text(const struct sc_listing *listing, bool as_json)
{
	return as_json ? sc_listing_json(listing) : sc_listing_table(listing);
}
