/*
 * options.h - the command line of subcubefs.
 *
 * Parsing touches neither FUSE nor the file system, so --help and --version
 * work everywhere.
 */
#ifndef SC_OPTIONS_H
#define SC_OPTIONS_H

#include "config.h"
#include "view.h"

/* Exit statuses of the program. */
#define SC_EXIT_FAILURE 1
#define SC_EXIT_USAGE 2

struct sc_options {
	struct sc_config config; /* what is not in argv is in here */
	const char *source, *mountpoint; /* in argv; with `list` no mountpoint */
	bool list, json;                 /* only tell what is in the source */
	const char *log;                 /* "stderr", "syslog" or a path; never NULL */
	const char *user;                /* who shall serve; NULL: who mounts */
	bool foreground;
	bool no_cache;
	bool follow_links;
	const char *cache_dir; /* NULL: the user's */
	size_t readahead_bytes; /* 0: off */
	bool readahead_always;
	int64_t refresh_ns; /* the source is looked at again each time; 0: never */
	struct sc_view_options view;
	bool has_pattern; /* else the known ones */
	struct sc_pattern pattern; /* of the parts' names */
	const char *pattern_text;  /* as it was given */
	size_t nmount_options;
	const char **mount_options; /* each argument of -o, in order; the strings are in argv */
	char **own_argv;	    /* what stands for argv when mount(8) called; else NULL */
};

/*
 * Returns -1 when the program shall go on, else the status to exit with: 0
 * after --help and --version, SC_EXIT_USAGE after a message.
 */
int sc_options_parse(int argc, char **argv, struct sc_options *ret_options);
/* The lines of SC_VIEWOPTIONS_ATTRIBUTE; the caller frees them. NULL: out of memory. */
char *sc_options_shown(const struct sc_options *options);
void sc_options_clear(struct sc_options *options);

/* "subcubefs: MESSAGE" and where to find help, on standard error. Returns SC_EXIT_USAGE. */
int sc_options_usage_error(const char *format, ...) sc_printf_format(1, 2);

#endif
