/*
 * config.h - the one configuration file, $XDG_CONFIG_HOME/subcubefs/config, else ~/.config/subcubefs/config, of both
 * programs: what a user would else type each time.
 *
 *   # a comment
 *   missing = skip          an option's long name, and its value
 *   strict                  an option without a value
 *
 * What belongs to one run (what is read, written, removed) is refused. No file is no error.
 */
#ifndef SC_CONFIG_H
#define SC_CONFIG_H

#include "base.h"
#include "error.h"

#define SC_CONFIG_MAX_BYTES (64 << 10)

struct sc_config_entry {
	char *name;
	char *value;   /* NULL: the option has none */
	unsigned line; /* from 1 */
};

struct sc_config {
	char *path; /* NULL: there is no file */
	size_t nentries;
	struct sc_config_entry *entries; /* in the file's order; those that only the other program has too */
};

/* Errors name the file and the line. The caller calls sc_config_clear. Values are not checked. */
int sc_config_read(struct sc_config *ret_config, struct sc_error *err);
void sc_config_clear(struct sc_config *config);

#endif
