/*
 * partlist.h - where the parts of a view are, and how they are called inside of a virtual image.
 */
#ifndef SC_PARTLIST_H
#define SC_PARTLIST_H

#include "view.h"

struct sc_partlist {
	size_t count; /* as many as the view has parts */
	char **paths; /* absolute; real but for the last component */
	char **names; /* the last component; none twice, none of ours */
};

/*
 * -EINVAL: a part is blank, or, when `inside`, two are called alike or like a file of a virtual image.
 * `label` names the image in errors.
 */
int sc_partlist_make(const struct sc_view *view, bool inside, const char *label, struct sc_partlist *ret_list,
		     struct sc_error *err);
/* The real path of the directory that a part, named from the source's, is in. The caller frees it; NULL: errno says why not. */
char *sc_partlist_directory(const struct sc_source *source, const char *part);

/* The part's path in that directory. The caller frees it. */
int sc_partlist_path(const char *real_directory, const char *part, char **ret_path);

void sc_partlist_clear(struct sc_partlist *list);

#endif
