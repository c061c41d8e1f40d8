/*
 * viewaccess.h - who may look into a view: whoever may look into all of its parts, and get there.
 */
#ifndef SC_VIEWACCESS_H
#define SC_VIEWACCESS_H

#include "scan.h"
#include "subcube.h"

/*
 * What `ls -l` shows of a product before its view is built, and of the directories of the view: looks at the parts'
 * directories and those above them only. Parts that cannot be looked at are passed over. Thread-safe.
 */
void sc_view_directory_access(const struct sc_source *source, const struct sc_product *product,
			      struct sc_access *ret_access);

#endif
