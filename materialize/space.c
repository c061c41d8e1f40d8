#include "space.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "quantity.h"

struct sc_space sc_space_of(const struct sc_image *images, size_t nimages)
{
	struct sc_space space = { 0 };
	const struct sc_image *first = NULL;
	struct statvfs fs;
	for (size_t i = 0; i < nimages; i++) {
		if (!sc_image_is_pending(&images[i]))
			continue;
		space.needed_bytes += sc_image_bytes_needed(&images[i]);
		if (!first)
			first = &images[i];
	}
	/* All outputs are in one directory. */
	if (!first || fstatvfs(first->output.parent_fd, &fs) < 0 || fs.f_blocks == 0)
		return space;
	space.free_bytes = (uint64_t)(geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * fs.f_frsize;
	space.is_known = true;
	return space;
}

void sc_space_check(struct sc_image *images, size_t nimages)
{
	const struct sc_space space = sc_space_of(images, nimages);
	char needed[16], available[16];
	if (!space.is_known || space.needed_bytes <= space.free_bytes)
		return;
	for (size_t i = 0; i < nimages; i++) {
		if (sc_image_is_pending(&images[i]))
			sc_error_set(&images[i].error, -ENOSPC, "not enough space: %s needed together, %s free",
				     sc_quantity_bytes(needed, (double)space.needed_bytes),
				     sc_quantity_bytes(available, (double)space.free_bytes));
	}
}
