#include "worlds.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A long cube has 60,000 channels. A broken shape, or a stray number in the name of a part, must not make us list the
 * frequencies, and the beams at a kilobyte each, of 2^31.
 */
#define CHANNELS_MAX (1 << 20)

void sc_worlds_clear(struct sc_worlds *worlds)
{
	free(worlds->values);
	free(worlds->starts);
	free(worlds->last_name);
	free(worlds->order_problem);
	*worlds = (struct sc_worlds){ 0 };
}

static int out_of_memory(struct sc_error *err)
{
	return sc_error_errno(err, -ENOMEM, "cannot list the channels");
}

/* Notes where they first turn; whether that matters is known at the end. */
static int watch_order(struct sc_worlds *worlds, const struct sc_concataxis *axis, const char *name, size_t old_count)
{
	if (worlds->order_problem || worlds->count < 2)
		return 0;
	/* The direction is that of the first two pixels. */
	const double *values = worlds->values;
	const char *unit = axis->kind == SC_AXIS_SPECTRAL ? " Hz" : "";
	bool rising = values[1] > values[0];
	for (size_t at = old_count > 0 ? old_count : 1; at < worlds->count; at++) {
		if (rising ? values[at] > values[at - 1] : values[at] < values[at - 1])
			continue;
		const char *before = at == old_count ? worlds->last_name : name;
		if (asprintf(&worlds->order_problem, "%s: %.10g%s is not %s %.10g%s %s %s%s", name, values[at], unit,
			     rising ? "above" : "below", values[at - 1], unit,
			     before == name ? "before it in" : "at the end of", before,
			     worlds->hint ? worlds->hint : "") < 0) {
			worlds->order_problem = NULL;
			return -ENOMEM;
		}
		return 0;
	}
	return 0;
}

/* Room for `count` values and one more part. */
static int grow(struct sc_worlds *worlds, size_t count)
{
	double *values = sc_grow(worlds->values, count, &worlds->capacity, sizeof(*values));
	if (!values)
		return -ENOMEM;
	worlds->values = values;
	size_t *starts = sc_grow(worlds->starts, worlds->nparts + 1, &worlds->parts_capacity, sizeof(*starts));
	if (!starts)
		return -ENOMEM;
	worlds->starts = starts;
	return 0;
}

int sc_worlds_add(struct sc_worlds *worlds, const struct sc_concataxis *axis, const struct sc_record *coords,
		  const char *name, int64_t npixels, double *ret_increment, struct sc_error *err)
{
	size_t old_count = worlds->count, count;
	if (__builtin_add_overflow(old_count, (size_t)npixels, &count) || count > CHANNELS_MAX)
		return sc_error_set(err, -EFBIG, "%s: with it the cube has more than %d channels", name, CHANNELS_MAX);
	sc_autofree char *copy = strdup(name);
	if (!copy || grow(worlds, count) < 0)
		return out_of_memory(err);
	int rc = sc_concataxis_worlds(axis, coords, name, count - old_count, worlds->values + old_count, ret_increment,
				      err);
	if (rc < 0)
		return rc;
	worlds->count = count;
	if (watch_order(worlds, axis, name, old_count) < 0)
		return out_of_memory(err);
	worlds->starts[worlds->nparts++] = old_count;
	free(worlds->last_name);
	worlds->last_name = sc_steal_ptr(copy);
	return 0;
}

/* The pixel behind the last one of part `index` - 1. */
static size_t start_of(const struct sc_worlds *worlds, size_t index)
{
	return index < worlds->nparts ? worlds->starts[index] : worlds->count;
}

void sc_worlds_of_part(const struct sc_worlds *worlds, size_t index, double *ret_first, double *ret_last)
{
	assert(index < worlds->nparts);
	*ret_first = worlds->values[start_of(worlds, index)];
	*ret_last = worlds->values[start_of(worlds, index + 1) - 1];
}

int sc_worlds_insert_gaps(struct sc_worlds *worlds, const struct sc_gap *gaps, size_t ngaps, struct sc_error *err)
{
	size_t count = worlds->count;
	for (size_t i = 0; i < ngaps; i++)
		count += (size_t)gaps[i].nchan;
	if (count == worlds->count)
		return 0;
	if (count > CHANNELS_MAX)
		return sc_error_set(err, -EFBIG,
				    "with the %zu channels that are missing the cube has more than %d; --nparts leaves out "
				    "parts with stray numbers",
				    count - worlds->count, CHANNELS_MAX);
	double *values = reallocarray(NULL, count, sizeof(*values));
	if (!values)
		return out_of_memory(err);
	size_t from = 0, to = 0;
	for (size_t i = 0; i <= ngaps; i++) {
		size_t until = i < ngaps ? start_of(worlds, gaps[i].before) : worlds->count;
		memcpy(values + to, worlds->values + from, (until - from) * sizeof(*values));
		to += until - from;
		from = until;
		for (int64_t k = 0; i < ngaps && k < gaps[i].nchan; k++)
			values[to++] = gaps[i].first_hz + (double)k * gaps[i].increment_hz;
	}
	assert(to == count);
	free(worlds->values);
	worlds->values = values;
	worlds->count = worlds->capacity = count;
	return 0;
}
