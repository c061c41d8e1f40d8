#include "miscinfo.h"

#include <errno.h>
#include <stdio.h>

int sc_miscinfo_init(struct sc_miscinfo *miscinfo)
{
	miscinfo->merged = sc_record_new();
	miscinfo->next_suffix = sc_record_new();
	return miscinfo->merged && miscinfo->next_suffix ? 0 : -ENOMEM;
}

void sc_miscinfo_clear(struct sc_miscinfo *miscinfo)
{
	sc_record_free(miscinfo->merged);
	sc_record_free(miscinfo->next_suffix);
	*miscinfo = (struct sc_miscinfo){ 0 };
}

/* Suffixes below the noted one were taken before, and a name is never given back. */
static int add_renamed(struct sc_miscinfo *miscinfo, const struct sc_field *field)
{
	int64_t suffix = 1;
	sc_autofree char *name = NULL;
	sc_record_get_int(miscinfo->next_suffix, field->name, &suffix);
	do {
		free(sc_steal_ptr(name));
		if (asprintf(&name, "%s_%lld", field->name, (long long)suffix) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		suffix++;
	} while (sc_record_find(miscinfo->merged, name));
	int rc = sc_record_put_field(miscinfo->merged, name, field);
	return rc < 0 ? rc : sc_record_put_int(miscinfo->next_suffix, field->name, (int32_t)suffix);
}

int sc_miscinfo_add(struct sc_miscinfo *miscinfo, const struct sc_record *record)
{
	for (size_t i = 0; record && i < record->nfields; i++) {
		const struct sc_field *field = &record->fields[i];
		int rc;
		if (sc_record_find(miscinfo->merged, field->name))
			rc = add_renamed(miscinfo, field);
		else
			rc = sc_record_put_field(miscinfo->merged, field->name, field);
		if (rc < 0)
			return rc;
	}
	return 0;
}
