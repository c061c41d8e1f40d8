#include "views.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "log.h"

#define MAX_THREADS 16

struct builder {
	const struct sc_input *input;
	const struct sc_view_options *options;
	struct sc_views *views;
	_Atomic size_t next;
};

static int build(const struct builder *builder, size_t i, struct sc_view **ret_view, struct sc_error *err)
{
	struct sc_view *view;
	int rc = sc_view_build(&builder->input->source, builder->input->images[i].product, builder->options, &view, err);
	if (rc < 0)
		return rc;
	if (view->ntruncated > 0)
		rc = sc_error_set(err, -EIO, "%s", view->truncated);
	if (rc == 0)
		rc = sc_layout_check_tile(&view->pixels, err);
	if (rc == 0 && view->has_mask)
		rc = sc_layout_check_tile(&view->mask, err);
	if (rc < 0)
		sc_view_free(view);
	else
		*ret_view = view;
	return rc;
}

static void *build_some(void *argument)
{
	struct builder *builder = argument;
	for (;;) {
		size_t i = atomic_fetch_add(&builder->next, 1);
		if (i >= builder->views->count)
			return NULL;
		build(builder, i, &builder->views->views[i], &builder->views->errors[i]);
	}
}

int sc_views_build(const struct sc_input *input, const struct sc_view_options *options, unsigned nthreads,
		   struct sc_views *ret_views, struct sc_error *err)
{
	struct sc_views views = { .count = input->nimages };
	views.views = calloc(views.count, sizeof(struct sc_view *));
	views.errors = calloc(views.count, sizeof(*views.errors));
	if (!views.views || !views.errors) {
		sc_views_clear(&views);
		return sc_error_errno(err, -ENOMEM, "cannot read the headers");
	}
	struct builder builder = { .input = input, .options = options, .views = &views };
	pthread_t threads[MAX_THREADS];
	unsigned nstarted = 0;
	if (nthreads > views.count)
		nthreads = (unsigned)views.count;
	if (nthreads > MAX_THREADS)
		nthreads = MAX_THREADS;
	/* This thread is one of them; the others only make it faster. */
	while (nstarted + 1 < nthreads && pthread_create(&threads[nstarted], NULL, build_some, &builder) == 0)
		nstarted++;
	build_some(&builder);
	for (unsigned i = 0; i < nstarted; i++)
		pthread_join(threads[i], NULL);
	*ret_views = views;
	return 0;
}

void sc_views_clear(struct sc_views *views)
{
	for (size_t i = 0; views->views && i < views->count; i++) {
		if (views->views[i])
			sc_view_free(views->views[i]);
	}
	free(views->views);
	free(views->errors);
	memset(views, 0, sizeof(*views));
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(**(const char *const *const *)a, **(const char *const *const *)b);
}

void sc_views_warn(const struct sc_views *views)
{
	size_t total = 0, count = 0;
	for (size_t i = 0; i < views->count; i++)
		total += views->views[i] ? views->views[i]->nwarnings : 0;
	/* Pointers to the texts, in the order of the texts to find equal ones, then said in the order of the views. */
	char ***sorted = calloc(total ? total : 1, sizeof(*sorted));
	bool *is_said = calloc(total ? total : 1, sizeof(*is_said));
	for (size_t i = 0; sorted && i < views->count; i++) {
		for (size_t k = 0; views->views[i] && k < views->views[i]->nwarnings; k++)
			sorted[count++] = &views->views[i]->warnings[k];
	}
	if (sorted)
		qsort(sorted, count, sizeof(*sorted), compare_texts);
	for (size_t i = 0; i < views->count; i++) {
		for (size_t k = 0; views->views[i] && k < views->views[i]->nwarnings; k++) {
			char **text = &views->views[i]->warnings[k], ***found = NULL;
			if (sorted && is_said)
				found = bsearch(&text, sorted, count, sizeof(*sorted), compare_texts);
			/* The first of equal ones stands for all. */
			while (found && found > sorted && strcmp(**(found - 1), *text) == 0)
				found--;
			if (found && is_said[found - sorted])
				continue;
			if (found)
				is_said[found - sorted] = true;
			sc_log(SC_LOG_WARNING, "%s", *text);
		}
	}
	free(sorted);
	free(is_said);
}
