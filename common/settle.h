/*
 * settle.h - which parts of a product are finished, as far as that can be told from outside.
 *
 *   settled    unchanged for a time, or marked as ready, and nobody holds casacore's write lock on it
 *   unsettled  all else: such a part is treated as missing, with a reason
 *   broken     settled, and yet it cannot be read: who builds the view is told so
 *
 * casacore makes an image at its full size and fills it in, so only its
 * times and locks tell an unfinished one, or whoever writes it with a file of his.
 *
 * Only loose parts can be unsettled: what a catalog names, and a finished
 * image, was put there as a whole.
 *
 * Nothing is written to the source, no lock is taken.
 */
#ifndef SC_SETTLE_H
#define SC_SETTLE_H

#include "identity.h"
#include "scan.h"
#include "subcube.h"

#define SC_SETTLE_DEFAULT_NS INT64_C(10000000000)

struct sc_settle_options {
	int64_t quiet_ns;       /* a part has to be unchanged for so long; 0: times and locks do not matter */
	const char *ready_file; /* decides in place of the times: see sc_settle_check_ready_file; NULL: none */
};

/* Whether times, locks or ready files matter: else all parts are settled. */
static inline bool sc_settle_is_wanted(const struct sc_settle_options *options)
{
	return options->quiet_ns > 0 || options->ready_file;
}

/*
 * What was seen of parts that are too young by their times. A part that stays
 * as it is while we look is settled too: the storage's clock may be ahead of ours. A file of a table that changes while
 * we look is young, even if its time is set back as rsync -t does it; before, nobody was there to see it half done.
 * Starts as { 0 }; for one product; used by one thread at a time.
 */
struct sc_settle_memory {
	size_t count;
	struct sc_settle_seen *seen; /* by name */
	int64_t begun_ns;            /* since when we watch, since 1970; 0: the next look is the first */
	int64_t newest_ns;           /* of the last look: when a settled part changed last, since 1970 */
	int64_t quiet_ns;            /* of the last look: what changed later than that may have changed again unseen */
};

/*
 * Whether parts that were settled at the last look have to be looked at again to know that they are those that
 * something was made of since then; `newest_ns` is when the latest of its files changed (sc_view.newest_ns). False:
 * they are.
 */
bool sc_settle_may_have_changed(const struct sc_settle_memory *memory, int64_t newest_ns);

void sc_settle_forget(struct sc_settle_memory *memory);

struct sc_unsettled {
	char *name;
	uint64_t number;
	char *reason; /* "it changed less than 10 s ago" */
};

void sc_unsettled_free(size_t count, struct sc_unsettled *unsettled);

struct sc_settled {
	struct sc_product product; /* of the settled parts; all strings are those of the product that was looked at */
	size_t nunsettled;
	struct sc_unsettled *unsettled; /* by ascending number */
	struct sc_access access;        /* of the directories of all parts, see viewaccess.h */
	struct sc_identity parts;       /* of all settled parts and their names */
	struct sc_identity identity;    /* of all settled parts, their names, and who may see them: another one needs another view */
};

/*
 * Looks at all parts of `product`, which must outlive the result; the caller calls sc_settled_clear.
 * `memory` may be NULL. 0, -ENOMEM, -EMFILE or -ENFILE, or -ENAMETOOLONG of a
 * ready file; a part that cannot be looked at for another reason is settled, for its view to say what is wrong.
 */
int sc_settle_look(const struct sc_source *source, const struct sc_product *product,
		   const struct sc_settle_options *options, struct sc_settle_memory *memory,
		   struct sc_settled *ret_settled, struct sc_error *err);
void sc_settled_clear(struct sc_settled *settled);

/* Whether any part is settled, by times, locks and ready files: looks at the parts until one is. */
bool sc_settle_any(const struct sc_source *source, const struct sc_product *product,
		   const struct sc_settle_options *options);

/*
 * Whether `pattern` can name the ready files: a path in the source with {part}
 * (the part's own path), or {n} and perhaps {base} and {ext} as in names.h. -EINVAL: it cannot.
 */
int sc_settle_check_ready_file(const char *pattern, struct sc_error *err);

#endif
