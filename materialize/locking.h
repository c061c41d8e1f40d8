/*
 * locking.h - all images of a run are locked before the first byte is written, or none: a run that does half of what
 * another one does helps nobody.
 *
 * Locked are the output (output.h) and the parts (partlock.h).
 */
#ifndef SC_LOCKING_H
#define SC_LOCKING_H

#include "image.h"

/* -EBUSY: another process has one of them, and none is locked. Other errors are those of single images. */
int sc_lock_images(struct sc_image *images, size_t nimages, struct sc_error *err);

/*
 * Waits until all can be locked, and leaves them unlocked: what is there now is no longer what was looked at before. Returns
 * 0, or a signal that asked to stop. Signals must be blocked (signals.h).
 */
int sc_lock_wait(struct sc_image *images, size_t nimages);

#endif
