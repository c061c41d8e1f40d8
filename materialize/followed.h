/*
 * followed.h - one image of which parts are copied as they are finished (follow.h): looks at its parts, and keeps a
 * view of those that are.
 */
#ifndef SC_FOLLOWED_H
#define SC_FOLLOWED_H

#include "announced.h"
#include "copied.h"
#include "options.h"
#include "output.h"

struct sc_followed {
	char *path, *ext;
	struct sc_output output; /* open and locked, */
	bool is_locked;          /* or not yet */
	struct sc_copied copied;
	int part_fd; /* the lock on its first part (partlock.h), or -1 */
	struct sc_settle_memory memory;
	struct sc_settled settled; /* which were finished at the last look; its names are the product's */
	struct sc_view *view;      /* of the finished parts, the others blank; NULL: there is none */
	bool is_tried;             /* to make one, of parts with this identity: */
	struct sc_identity identity;
	char *told;    /* what was last said of why there is none */
	bool is_seen;  /* in this look */
	bool is_whole; /* all parts are there and finished */
	size_t nsettled, ncopied;
	struct sc_error error; /* why it was given up */
};

struct sc_followed *sc_followed_new(const char *path, const char *ext);

/*
 * Opens and locks its output, once, and takes what an earlier run copied. -EBUSY: another process is at work on it, or
 * on its parts; -EEXIST as sc_output_open.
 */
int sc_followed_lock(struct sc_followed *image, const struct sc_options *options, const struct sc_source *source,
		     const struct sc_product *product, struct sc_error *err);

/* Looks which parts of the product are finished: `announced` ones, or when that is NULL settled ones. 0 or -ENOMEM. */
int sc_followed_look(struct sc_followed *image, const struct sc_options *options, const struct sc_source *source,
		     const struct sc_product *product, const struct sc_announced *announced, struct sc_error *err);

/*
 * Makes a view of the finished parts of the last look, whose product is still there, unless there is one. That none can
 * be made (yet) is said once, as a warning. 0 or -ENOMEM.
 */
int sc_followed_make_view(struct sc_followed *image, const struct sc_options *options, const struct sc_source *source,
			  struct sc_error *err);

/* Adds to the plan what can be copied, of an image with a view; the files that it is copied to are made. */
int sc_followed_plan(struct sc_followed *image, const struct sc_options *options, unsigned output, unsigned nworkers,
		     struct sc_plan *plan, bool *ret_is_all, struct sc_error *err);

/* Removes what is copied of it; image->error says why. What sc_followed_outlives says stays for the next run. */
void sc_followed_give_up(struct sc_followed *image);

/*
 * Whether what was copied (NULL: nothing) outlives this failure, as it does the killing of the whole run: a copying process was
 * killed. That is added to what `err` says.
 */
bool sc_followed_outlives(const struct sc_copied *copied, struct sc_error *err);

/* What is copied stays where it is. */
void sc_followed_free(struct sc_followed *image);

#endif
