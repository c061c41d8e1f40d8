#include "list.h"

#include <errno.h>
#include <stdio.h>

#include "listing.h"
#include "log.h"

int sc_list_run(const struct sc_options *options)
{
	const struct sc_listing_request request = {
		.source = options->base,
		.pattern = options->has_pattern ? &options->pattern : NULL,
		.view = options->view,
		.cache_dir = options->cache_dir,
		.no_cache = options->no_cache,
		.follow_links = options->follow_links,
		.nextensions = options->nextensions,
		.extensions = options->extensions,
	};
	struct sc_listing listing;
	struct sc_error err = { 0 };
	int rc = sc_listing_make(&request, &listing, &err);
	if (rc < 0) {
		sc_log(SC_LOG_ERROR, "%s", err.text);
		return rc == -ENOENT ? SC_STATUS_NOT_FOUND : SC_STATUS_FAILED;
	}
	sc_autofree char *text = sc_listing_text(&listing, options->json);
	bool complete = text && !sc_listing_has_problems(&listing);
	sc_listing_clear(&listing);
	if (!text)
		sc_log(SC_LOG_ERROR, "%s: out of memory", options->base);
	else if (fputs(text, stdout) < 0 || fflush(stdout) < 0)
		complete = false;
	return complete ? SC_STATUS_DONE : SC_STATUS_FAILED;
}
