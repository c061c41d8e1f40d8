#include "checks.h"

#include "nodes.h"

#include <errno.h>
#include <semaphore.h>

/* Who has been shown a node has had its attributes; should they have to be waited for again, this thread does. */
struct patient {
	struct sc_waiter waiter;
	sem_t woken;
	bool ended;
};

static void wake(struct sc_waiter *waiter, bool ended)
{
	struct patient *patient = (struct patient *)((char *)waiter - offsetof(struct patient, waiter));
	patient->ended = ended;
	sem_post(&patient->woken);
}

static int get_attributes(const struct sc_service *service, fuse_ino_t id, struct sc_catalog_node *ret_node)
{
	struct patient patient = { .waiter.wake = wake };
	int rc;
	sem_init(&patient.woken, 0, 0);
	while ((rc = sc_nodes_getattr(service, id, &patient.waiter, ret_node)) == SC_CATALOG_WAIT) {
		while (sem_wait(&patient.woken) < 0 && errno == EINTR)
			;
		if (patient.ended) {
			rc = -ENOTCONN;
			break;
		}
	}
	sem_destroy(&patient.woken);
	return rc;
}

#define FIRST_GROUPS 64

/* 1: one of the groups who asks is in; 0: none; -1: it cannot be known, as for a process in another PID namespace. */
static int is_in_group(fuse_req_t request, gid_t gid)
{
	gid_t first[FIRST_GROUPS];
	sc_autofree gid_t *more = NULL;
	const gid_t *groups = first;
	if (fuse_req_ctx(request)->gid == gid)
		return 1;
	int count = fuse_req_getgroups(request, FIRST_GROUPS, first);
	if (count > FIRST_GROUPS) {
		int room = count;
		groups = more = calloc((size_t)room, sizeof(*more));
		count = more ? fuse_req_getgroups(request, room, more) : -1;
		if (count > room)
			count = -1;
	}
	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		if (groups[i] == gid)
			return 1;
	}
	return 0;
}

static bool has_all(mode_t mode, int shift, int mask)
{
	return ((int)(mode >> shift) & mask) == mask;
}

static bool modes_permit(fuse_req_t request, const struct stat *st, int mask)
{
	const struct fuse_ctx *who = fuse_req_ctx(request);
	if (who->uid == 0)
		return true;
	if (who->uid == st->st_uid)
		return has_all(st->st_mode, 6, mask);
	bool group_may = has_all(st->st_mode, 3, mask), others_may = has_all(st->st_mode, 0, mask);
	if (group_may == others_may)
		return others_may;
	int is_member = is_in_group(request, st->st_gid);
	return is_member < 0 ? false : is_member ? group_may : others_may;
}

int sc_checks_permit(fuse_req_t request, fuse_ino_t id, int mask)
{
	const struct sc_service *service = sc_service_of(request);
	struct sc_catalog_node node;
	if (!service->checks)
		return 0;
	if (mask & W_OK)
		return -EROFS;
	int rc = get_attributes(service, id, &node);
	if (rc < 0)
		return rc;
	return modes_permit(request, &node.attr, mask) ? 0 : -EACCES;
}
