/*
 * viewfresh.h - whether the files a view was made from still are what they were.
 *
 * A view holds a hash of the identities of each part's files (subcube.h) and of the log tables in
 * its history. Here the files are looked at again, without being opened, by several threads.
 */
#ifndef SC_VIEWFRESH_H
#define SC_VIEWFRESH_H

#include "view.h"

/* Notes the log tables of the view's history: before they are read. 0 or -errno. */
int sc_viewfresh_note_history(struct sc_view *view, bool all_history);

/*
 * Whether all files are as they were. If so, the identities of the pixels' and masks' files are put into the parts.
 */
bool sc_viewfresh_check(struct sc_view *view, bool all_history);

/* Whether part `number`, which is not blank, is what its header was read from. */
bool sc_viewfresh_part(const struct sc_view *view, size_t number);

/* When a file of the view changed last, since 1970; its history's files count in the second only. */
int64_t sc_viewfresh_pixels_newest_ns(const struct sc_view *view);
int64_t sc_viewfresh_newest_ns(const struct sc_view *view);

#endif
