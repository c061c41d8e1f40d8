#include "told.h"

#include "log.h"

#include <stdio.h>
#include <string.h>

static void forget_warnings(struct sc_told *told)
{
	for (size_t i = 0; i < told->nwarnings; i++)
		free(told->warnings[i]);
	free(told->warnings);
	told->warnings = NULL;
	told->nwarnings = 0;
}

void sc_told_clear(struct sc_told *told)
{
	forget_warnings(told);
	free(told->unsettled);
	free(told->failure);
	*told = (struct sc_told){ 0 };
}

/* The first of them with its reason; that there are none any more is told, too. */
void sc_told_unsettled(struct sc_told *told, const char *name, const struct sc_settled *settled)
{
	char text[600] = "", more[40] = "";
	if (settled->nunsettled > 1)
		snprintf(more, sizeof(more), ", and %zu more", settled->nunsettled - 1);
	if (settled->nunsettled > 0)
		snprintf(text, sizeof(text), "%s is not settled: %s%s", settled->unsettled[0].name,
			 settled->unsettled[0].reason, more);
	if (strcmp(told->unsettled ? told->unsettled : "", text) == 0)
		return;
	sc_log(SC_LOG_INFO, "%s: %s", name, *text ? text : "all its parts are settled");
	free(told->unsettled);
	told->unsettled = strdup(text);
}

void sc_told_failure(struct sc_told *told, const char *name, const char *failure)
{
	if (told->failure && strcmp(told->failure, failure) == 0)
		return;
	/* Some errors are about the whole view and name it themselves. */
	bool names_it = strncmp(failure, name, strlen(name)) == 0;
	sc_log(SC_LOG_ERROR, "%s%s%s", names_it ? "" : name, names_it ? "" : ": ", failure);
	free(told->failure);
	told->failure = strdup(failure);
}

static bool was_told(const struct sc_told *told, const char *warning)
{
	for (size_t i = 0; i < told->nwarnings; i++) {
		if (strcmp(told->warnings[i], warning) == 0)
			return true;
	}
	return false;
}

static void warn(const struct sc_told *told, struct sc_told *next, const char *name, const char *warning)
{
	if (!was_told(told, warning))
		sc_log(SC_LOG_WARNING, "%s: %s", name, warning);
	/* Out of memory, it is told once more. */
	if (next->warnings && (next->warnings[next->nwarnings] = strdup(warning)))
		next->nwarnings++;
}

void sc_told_view(struct sc_told *told, const char *name, const struct sc_view *view)
{
	struct sc_told next = { .warnings = calloc(view->nwarnings + 1, sizeof(*next.warnings)) };
	for (size_t i = 0; i < view->nwarnings; i++)
		warn(told, &next, name, view->warnings[i]);
	if (view->truncated)
		warn(told, &next, name, view->truncated);
	forget_warnings(told);
	told->warnings = next.warnings;
	told->nwarnings = next.nwarnings;
	free(told->failure);
	told->failure = NULL;
}
