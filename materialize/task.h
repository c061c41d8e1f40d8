/*
 * task.h - does one task of the plan: copies ranges of the parts' files, writes
 * constant bytes, gathers tiles.
 *
 * A copier belongs to one process. Of what it gathers it holds at most
 * box_limit bytes at a time (one tile, where that is more).
 */
#ifndef SC_TASK_H
#define SC_TASK_H

#include "plan.h"
#include "viewread.h"

struct sc_copier {
	struct sc_reader *reader;
	uint8_t *buffer; /* of SC_COPIER_BUFFER_BYTES */
	uint8_t *box;    /* grows */
	size_t box_bytes;
	uint64_t box_limit; /* SC_PLAN_BOX_BYTES; tests choose less */
	/* Told of bytes written; not 0 (a -errno) stops the task with that code. */
	int (*advance)(void *context, unsigned output, uint64_t bytes);
	void *context;
	/* Nothing is written: what would be is compared with what the file has; -EIO when that differs. */
	bool compare;
	uint8_t *back; /* of SC_COPIER_BUFFER_BYTES, once something was read back */
};

#define SC_COPIER_BUFFER_BYTES ((size_t)4 << 20)

int sc_copier_init(struct sc_copier *copier, struct sc_error *err);
void sc_copier_clear(struct sc_copier *copier);

/* Writes the task's tiles of `view` into `fd`. Errors name the part that cannot be read, or `label`. */
int sc_task_run(struct sc_copier *copier, const struct sc_plan_task *task, const struct sc_view *view, int fd,
		const char *label, struct sc_error *err);

/*
 * Whether all parts are still what they were when the view was built: what was
 * read in between is then of one version. -ESTALE names the part that is not.
 */
int sc_task_check_parts(const struct sc_view *view, struct sc_error *err);
int sc_task_check_part(const struct sc_view *view, size_t i, struct sc_error *err);

#endif
