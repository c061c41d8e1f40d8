/*
 * notify.h - telling the service manager that started us (systemd's Type=notify).
 */
#ifndef SC_NOTIFY_H
#define SC_NOTIFY_H

/* Sends `state`, such as "READY=1". Does nothing without $NOTIFY_SOCKET; what cannot be sent is lost. */
void sc_notify(const char *state);

#endif
