/*
 * options.h - the command line, and what the configuration file puts before it. Texts point into argv or `config`.
 */
#ifndef SC_OPTIONS_H
#define SC_OPTIONS_H

#include "clone.h"
#include "config.h"
#include "progress.h"
#include "view.h"

/* Exit statuses, beside 128 + signal. */
enum sc_status {
	SC_STATUS_DONE = 0,
	SC_STATUS_FAILED = 1, /* some or all images */
	SC_STATUS_USAGE = 2,  /* of what was asked for: nothing was written */
	SC_STATUS_NOT_FOUND = 3,
	SC_STATUS_BUSY = 4, /* another materializer is at work on the same output */
};

/* What an image is made of. */
enum sc_mode {
	SC_MODE_PAGED,       /* pixels of its own */
	SC_MODE_NOMOVE,      /* a catalog of the parts where they are */
	SC_MODE_COPYVIRTUAL, /* a catalog of copies in it */
	SC_MODE_MOVEVIRTUAL, /* a catalog of the parts, moved into it */
};

/* What tells that a part is finished, while the imager is at work. */
enum sc_follow_mode {
	SC_FOLLOW_OFF,     /* it is not */
	SC_FOLLOW_SETTLED, /* settle.h */
	SC_FOLLOW_STDIN,   /* its number on standard input */
};

enum sc_action { SC_ACTION_MAKE, SC_ACTION_RESUME, SC_ACTION_UNDO, SC_ACTION_LIST };

/* What each job may hold of pixels. */
#define SC_OPTIONS_MEMORY_BYTES (UINT64_C(256) << 20)
#define SC_OPTIONS_LEAST_MEMORY_BYTES (UINT64_C(4) << 20)

/* There are fewer. */
#define SC_OPTIONS_MAX_GIVEN 32

struct sc_options {
	struct sc_config config;
	enum sc_action action;
	const char *base; /* with `listed` NULL; of SC_ACTION_LIST the source */
	size_t nlisted;
	char **listed; /* --images: the images one by one */
	enum sc_mode mode;
	bool no_tempclose;  /* readers of a catalog keep all parts open */
	bool remove_parts;  /* when all images are made, read back and compared */
	const char *output; /* NULL: not given */
	unsigned njobs;     /* 0: as suits the machine */
	uint64_t memory_bytes; /* of each job, for pixels */
	enum sc_reflink reflink;
	size_t nextensions; /* 0: all */
	char **extensions;  /* ".image", each once, owned */
	struct sc_view_options view;
	char *adopted; /* lines of a mount's options (adopt.h), owned; the pattern may point into it */
	size_t ngiven; /* of the options of the view, and the pattern, that are on the command line: */
	const char *given[SC_OPTIONS_MAX_GIVEN];
	bool has_pattern;          /* else the known ones */
	struct sc_pattern pattern; /* of the parts' names */
	bool verify;               /* read all back before it gets its name; with overwrite and remove_parts too */
	bool wait;                 /* for others that work on the same, and for parts to be finished */
	bool overwrite, quiet, no_cache, follow_links;
	bool dry_run;
	enum sc_follow_mode follow; /* with view.nparts */
	enum sc_progress_when progress;
	bool json; /* what is told on standard output is for programs */
	const char *cache_dir; /* NULL: the user's */
};

/* Ends the program for --help, --version (status 0) and for what is wrong (SC_STATUS_USAGE). */
void sc_options_parse(int argc, char **argv, struct sc_options *ret_options);
void sc_options_clear(struct sc_options *options);

#endif
