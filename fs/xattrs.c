#include "xattrs.h"

#include "viewoptions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "user.subcubefs."

const char sc_xattrs_names[] = PREFIX "source\0" PREFIX "generation\0" PREFIX "parts\0" PREFIX "missing\0" SC_VIEWOPTIONS_ATTRIBUTE;
const size_t sc_xattrs_names_size = sizeof(sc_xattrs_names);

/* What is behind the prefix; "" for other names. */
static const char *short_name(const char *name)
{
	size_t length = strlen(PREFIX);
	return strncmp(name, PREFIX, length) == 0 ? name + length : "";
}

bool sc_xattrs_need_view(const char *name)
{
	return strcmp(short_name(name), "parts") == 0 || strcmp(short_name(name), "missing") == 0;
}

/* What Linux allows an extended attribute, without room for what tells that there is more. */
#define MAX_LIST_BYTES (65536 - 8)

static char *join_missing(const struct sc_view *view)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	const char *comma = "";
	if (!stream)
		return NULL;
	for (size_t i = 0; i < view->nparts; i++) {
		if (!view->parts[i].blank)
			continue;
		if ((size_t)ftello(stream) + strlen(view->parts[i].name) > MAX_LIST_BYTES) {
			fprintf(stream, ",...");
			break;
		}
		fprintf(stream, "%s%s", comma, view->parts[i].name);
		comma = ",";
	}
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}

static char *number(uint64_t value)
{
	char *text;
	return asprintf(&text, "%" PRIu64, value) < 0 ? NULL : text;
}

int sc_xattrs_get(struct sc_catalog *catalog, const struct sc_generation *generation, const char *options,
		  const char *name, char **ret_value)
{
	const char *wanted = short_name(name);
	char *value;
	if (strcmp(wanted, "source") == 0)
		return sc_catalog_source(catalog, generation, ret_value);
	if (strcmp(wanted, "generation") == 0)
		value = number(generation->serial);
	else if (strcmp(wanted, "parts") == 0)
		value = number(sc_view_count_parts(generation->view));
	else if (strcmp(wanted, "missing") == 0)
		value = join_missing(generation->view);
	else if (strcmp(name, SC_VIEWOPTIONS_ATTRIBUTE) == 0)
		value = strdup(options);
	else
		return -ENODATA;
	*ret_value = value;
	return value ? 0 : -ENOMEM;
}
