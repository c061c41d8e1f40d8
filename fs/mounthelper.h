/*
 * mounthelper.h - when mount(8) calls the program: mount.subcubefs SOURCE MOUNTPOINT [-sfnv] [-N NS] [-t TYPE] [-o OPT,...]
 *
 * Makes the program's own command line of that: of the options that -o lists,
 * those that are long options of the program (nparts=64, pattern=..., cache-dir=...)
 * become long options, what only mount(8) and systemd read is left out, and the
 * rest stays in -o.
 */
#ifndef SC_MOUNTHELPER_H
#define SC_MOUNTHELPER_H

#include "base.h"

#include <getopt.h>

/* Whether the program was called under the helper's name. */
bool sc_mounthelper_is_called(const char *argv0);

/*
 * `known`: the program's long options, up to one without a name; those with a
 * short form tell how the program runs, which is mount(8)'s affair here.
 * Returns -1 and a NULL-terminated vector, for sc_mounthelper_free, when the
 * program shall go on, else the status to exit with, after a message if it is
 * not 0. Uses and resets getopt.
 */
int sc_mounthelper_translate(const struct option *known, int argc, char **argv, int *ret_argc, char ***ret_argv);
void sc_mounthelper_free(char **argv);

#endif
