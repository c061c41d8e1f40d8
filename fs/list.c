#include "list.h"

#include <stdio.h>

#include "listing.h"

int sc_list_run(const struct sc_options *options)
{
	const struct sc_listing_request request = {
		.source = options->source,
		.pattern = options->has_pattern ? &options->pattern : NULL,
		.view = options->view,
		.cache_dir = options->cache_dir,
		.no_cache = options->no_cache,
		.follow_links = options->follow_links,
	};
	struct sc_listing listing;
	struct sc_error err = { 0 };
	if (sc_listing_make(&request, &listing, &err) < 0) {
		fprintf(stderr, "subcubefs: %s\n", err.text);
		return SC_EXIT_FAILURE;
	}
	sc_autofree char *text = sc_listing_text(&listing, options->json);
	bool complete = text && !sc_listing_has_problems(&listing);
	sc_listing_clear(&listing);
	if (!text)
		fprintf(stderr, "subcubefs: %s: out of memory\n", options->source);
	else if (fputs(text, stdout) < 0 || fflush(stdout) < 0)
		complete = false;
	return complete ? 0 : SC_EXIT_FAILURE;
}
