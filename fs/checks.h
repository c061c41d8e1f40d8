/*
 * checks.h - permissions and the read-only mount, where the kernel may not see
 * to them: somebody else has mounted and handed us the device (/dev/fd/N).
 *
 * Names are then looked up anew each time, so that the kernel asks for each
 * user; what is asked for is the same that default_permissions has the kernel check.
 */
#ifndef SC_CHECKS_H
#define SC_CHECKS_H

#include "operations.h"

/*
 * Whether who asks may do to the node what is in `mask`, of R_OK, W_OK and
 * X_OK. 0, -EACCES, -EROFS or another error of the node. Always 0 where the kernel checks.
 */
int sc_checks_permit(fuse_req_t request, fuse_ino_t id, int mask);

#endif
