#include "opens.h"

#include <errno.h>
#include <stdio.h>

struct sc_opens_record {
	pid_t pid; /* of the thread */
	unsigned refused;
	bool is_asked_again; /* it was refused for another thread's sake, and the kernel will ask once more */
	uint64_t name, serial;
	int64_t last_ns;
};

void sc_opens_clear(struct sc_opens *opens)
{
	free(opens->records);
	*opens = (struct sc_opens){ 0 };
}

/* Whether two threads are of one process; one of them is alive. */
static bool same_process(pid_t a, pid_t b)
{
	char path[64];
	if (a == b)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)a, (int)b);
	return access(path, F_OK) == 0;
}

/* Whoever opened nothing for that long is forgotten, so there are no more records than opens in that time. */
static void drop_old(struct sc_opens *opens, int64_t now_ns)
{
	size_t kept = 0;
	for (size_t i = 0; i < opens->count; i++) {
		if (now_ns - opens->records[i].last_ns < SC_OPENS_TOGETHER_NS)
			opens->records[kept++] = opens->records[i];
	}
	opens->count = kept;
}

/* The record of the thread itself, or else of another thread of its process that has another generation open. */
static struct sc_opens_record *find(struct sc_opens *opens, pid_t pid, uint64_t name, uint64_t serial)
{
	for (size_t i = 0; i < opens->count; i++) {
		if (opens->records[i].pid == pid && opens->records[i].name == name)
			return &opens->records[i];
	}
	for (size_t i = 0; i < opens->count; i++) {
		struct sc_opens_record *record = &opens->records[i];
		if (record->name == name && record->serial != serial && same_process(pid, record->pid))
			return record;
	}
	return NULL;
}

static struct sc_opens_record *add(struct sc_opens *opens)
{
	struct sc_opens_record *grown = sc_grow(opens->records, opens->count + 1, &opens->capacity, sizeof(*grown));
	if (!grown)
		return NULL;
	opens->records = grown;
	return &opens->records[opens->count++];
}

/*
 * Refuses a thread that has opened nothing yet a generation which another one of its process has not: that one goes on
 * with its own, or is refused too.
 */
static int refuse_other(struct sc_opens *opens, const struct sc_opens_record *refused)
{
	struct sc_opens_record *own = add(opens);
	if (!own)
		return -ENOMEM;
	*own = *refused;
	own->is_asked_again = true;
	return -ESTALE;
}

int sc_opens_note(struct sc_opens *opens, pid_t pid, uint64_t name, uint64_t serial, int64_t now_ns)
{
	drop_old(opens, now_ns);
	struct sc_opens_record *record = find(opens, pid, name, serial);
	const struct sc_opens_record now = { .pid = pid, .name = name, .serial = serial, .last_ns = now_ns };
	if (record && record->serial != serial) {
		if (record->pid != pid)
			return refuse_other(opens, &now);
		if (++record->refused == 2)
			*record = opens->records[--opens->count];
		return -ESTALE;
	}
	bool is_refused = record && record->is_asked_again;
	if (!record)
		record = add(opens);
	if (!record)
		return -ENOMEM;
	*record = now;
	return is_refused ? -ESTALE : 0;
}

void sc_opens_note_close(struct sc_opens *opens, pid_t pid, uint64_t name, uint64_t serial, int64_t now_ns)
{
	drop_old(opens, now_ns);
	struct sc_opens_record *record = find(opens, pid, name, serial);
	/* It is at another generation already. */
	if (record && record->serial != serial)
		return;
	if (!record)
		record = add(opens);
	if (record)
		*record = (struct sc_opens_record){ .pid = pid, .name = name, .serial = serial, .last_ns = now_ns };
}
