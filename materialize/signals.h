/*
 * signals.h - signals that ask to stop are waited for, never handled behind the
 * program's back: so what must not be interrupted (renames, removing of work
 * directories) is not.
 */
#ifndef SC_SIGNALS_H
#define SC_SIGNALS_H

#include "base.h"

/* Before anything is written, also after sc_signals_block: a signal that asks to stop ends the process with status 128 + signal. */
void sc_signals_exit_at_once(void);

/*
 * What is called then, with the status: from a signal handler, so it may do little. NULL, as at first: nothing.
 */
void sc_signals_set_last_words(void (*tell)(int status));

/* From now on they wait, as does SIGCHLD; SIGPIPE is ignored. */
void sc_signals_block(void);

/*
 * Waits for a signal: returns SIGINT, SIGTERM or SIGHUP when one of them asked
 * to stop, SIGCHLD when a child ended, 0 when the time was over.
 */
int sc_signals_wait(unsigned milliseconds);

/* The same, but 0 also when a child ended. */
int sc_signals_stopped(unsigned milliseconds);

/* In a forked child: it is ended by SIGTERM, and by the parent's end; a terminal's Ctrl-C is for the parent. */
void sc_signals_in_child(pid_t parent);

#endif
