/*
 * messages.h - what libfuse and fusermount3 say: caught while mounting and
 * turned into one sentence that says what to do; sent to the log afterwards.
 *
 * Catching is for the time before there are threads: it takes standard error away.
 */
#ifndef SC_MESSAGES_H
#define SC_MESSAGES_H

#include "base.h"
#include "error.h"

/* Sends libfuse's messages to the log from now on. */
void sc_messages_to_log(void);

/* Catches libfuse's messages, and all that is written to standard error, also by programs that are started. */
void sc_messages_catch(void);

/* Ends that. What was caught goes to `ret_text` (cut when longer), lines joined by ";". */
void sc_messages_release(char *ret_text, size_t size);

/* Why mounting on `mountpoint` failed, from what was said. Always returns an error. */
int sc_messages_explain_mount(const char *mountpoint, const char *said, struct sc_error *err);

#endif
