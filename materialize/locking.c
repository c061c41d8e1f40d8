#include "locking.h"

#include <errno.h>

#include "signals.h"

#define POLL_MS 200

static void unlock_all(struct sc_image *images, size_t nimages)
{
	for (size_t i = 0; i < nimages; i++)
		sc_image_discard(&images[i]);
}

int sc_lock_images(struct sc_image *images, size_t nimages, struct sc_error *err)
{
	for (size_t i = 0; i < nimages; i++) {
		struct sc_error failure = { 0 };
		if (!sc_image_is_pending(&images[i]) || sc_image_lock(&images[i], &failure) == 0)
			continue;
		if (failure.code != -EBUSY) {
			images[i].error = failure;
			continue;
		}
		unlock_all(images, nimages);
		if (err)
			*err = failure;
		return -EBUSY;
	}
	return 0;
}

int sc_lock_wait(struct sc_image *images, size_t nimages)
{
	for (;;) {
		int number = sc_signals_stopped(POLL_MS);
		if (number)
			return number;
		if (sc_lock_images(images, nimages, NULL) == 0) {
			unlock_all(images, nimages);
			return 0;
		}
	}
}
