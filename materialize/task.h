/*
 * task.h - does one task of the plan: clones or copies ranges of the parts' files,
 * writes constant bytes, gathers tiles.
 *
 * A copier belongs to one process. It holds no more memory than it is allowed;
 * a tile that is to be gathered and does not fit is an error.
 */
#ifndef SC_TASK_H
#define SC_TASK_H

#include "clone.h"
#include "gather.h"
#include "plan.h"
#include "viewread.h"

struct sc_copier {
	struct sc_reader *reader;
	struct sc_cloner cloner;
	uint8_t *buffer; /* of SC_COPIER_BUFFER_BYTES */
	uint8_t *window; /* of SC_GATHER_WINDOW_BYTES */
	uint8_t *box;    /* grows to at most box_limit */
	uint64_t box_bytes, box_limit;
	/* Told of bytes written; not 0 (a -errno) stops the task with that code. */
	int (*advance)(void *context, unsigned output, uint64_t bytes);
	void *context;
	/* Nothing is written: what would be is compared with what the file has; -EIO when that differs. */
	bool compare;
};

/* Stays in the processor's cache between reading and writing. */
#define SC_COPIER_BUFFER_BYTES ((size_t)256 << 10)

/* What a copier holds beside its box: these, and what it reads back into. */
#define SC_COPIER_FIXED_BYTES (2 * SC_COPIER_BUFFER_BYTES + SC_GATHER_WINDOW_BYTES)

/* `memory_bytes`: at least twice what is fixed, or it is taken for that. */
int sc_copier_init(struct sc_copier *copier, uint64_t memory_bytes, enum sc_reflink reflink, struct sc_error *err);
void sc_copier_clear(struct sc_copier *copier);

/*
 * Whether the array's file `fd`, which has its size but no blocks, will share the parts'. Shares its first range,
 * which is the only way to know; the task does that once more, with all checks.
 */
bool sc_task_clones(const struct sc_view *view, unsigned node, int fd, enum sc_reflink reflink);

/* Writes the task's tiles of `view` into `fd`. Errors name the part that cannot be read, or `label`. */
int sc_task_run(struct sc_copier *copier, const struct sc_plan_task *task, const struct sc_view *view, int fd,
		const char *label, struct sc_error *err);

#endif
