/*
 * optionvalues.h - values of options that this program has alone. -EINVAL: `err` says what was expected.
 */
#ifndef SC_OPTIONVALUES_H
#define SC_OPTIONVALUES_H

#include "options.h"

/* Adds extensions as in ".image,psf", each once. -ENOMEM too. */
int sc_optionvalues_extensions(const char *list, struct sc_options *options, struct sc_error *err);

int sc_optionvalues_jobs(const char *text, unsigned *ret_njobs, struct sc_error *err);

/* A size like 512M. */
int sc_optionvalues_memory(const char *text, uint64_t *ret_bytes, struct sc_error *err);

/* One of auto, always and never, as a number of an enumeration that has them in this order. */
int sc_optionvalues_when(const char *option, const char *text, int *ret_when, struct sc_error *err);

int sc_optionvalues_mode(const char *text, enum sc_mode *ret_mode, bool *ret_auto, struct sc_error *err);

#endif
