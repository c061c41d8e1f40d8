#include "settling.h"

#include <errno.h>
#include <time.h>

#include "clock.h"
#include "log.h"

/* How often parts are looked at while waiting. */
#define POLL_NS INT64_C(500000000)

/* A look takes its time, and clocks tick. */
#define SLACK_NS INT64_C(1000000000)

void sc_settling_clear(struct sc_settling *settling)
{
	for (size_t i = 0; i < settling->count; i++)
		sc_settle_forget(&settling->memories[i]);
	free(settling->memories);
	*settling = (struct sc_settling){ 0 };
}

static int look(const struct sc_options *options, const struct sc_source *source, const struct sc_product *product,
		struct sc_settle_memory *memory, struct sc_error *err)
{
	struct sc_settled settled;
	int rc = sc_settle_look(source, product, &options->view.settle, memory, &settled, err);
	if (rc < 0)
		return rc;
	if (settled.nunsettled > 0)
		rc = sc_error_set(err, -EBUSY, "%s is not finished: %s", settled.unsettled[0].name,
				  settled.unsettled[0].reason);
	sc_settled_clear(&settled);
	return rc;
}

int sc_settling_check(const struct sc_options *options, const struct sc_source *source,
		      const struct sc_product *product, struct sc_settle_memory *memory, struct sc_error *err)
{
	return sc_settle_is_wanted(&options->view.settle) ? look(options, source, product, memory, err) : 0;
}

static int look_at_all(const struct sc_options *options, struct sc_settling *settling, const struct sc_input *input,
		       struct sc_error *err)
{
	/* Another set of products: what was seen is not of these. */
	if (settling->count != input->nimages) {
		sc_settling_clear(settling);
		settling->memories = calloc(input->nimages, sizeof(*settling->memories));
		if (!settling->memories)
			return sc_error_errno(err, -ENOMEM, "cannot look at the subcubes");
		settling->count = input->nimages;
	}
	int rc = 0;
	/* All of them each time, so that all are seen for as long. */
	for (size_t i = 0; i < input->nimages; i++) {
		struct sc_error failure = { 0 };
		int one = sc_settling_check(options, &input->source, input->images[i].product, &settling->memories[i],
					    &failure);
		if (one < 0 && rc == 0) {
			rc = one;
			*err = failure;
		}
	}
	return rc;
}

static void refuse(struct sc_error *err)
{
	struct sc_error reason = *err;
	sc_error_set(err, reason.code, "%.900s; --wait waits for its end, --settle=0 is for imaging that has surely ended",
		     reason.text);
}

enum sc_status sc_settling_find(const struct sc_options *options, struct sc_settling *settling, struct sc_input *input,
				struct sc_error *err)
{
	int64_t deadline_ns = sc_clock_ns(CLOCK_MONOTONIC) + options->view.settle.quiet_ns + SLACK_NS;
	bool is_told = false;
	for (;;) {
		enum sc_status status = sc_input_find(options, input, err);
		/* A plan is told without waiting. */
		if (status != SC_STATUS_DONE || options->dry_run)
			return status;
		int rc = look_at_all(options, settling, input, err);
		if (rc == 0)
			return SC_STATUS_DONE;
		sc_input_clear(input);
		bool is_over = !options->wait && sc_clock_ns(CLOCK_MONOTONIC) > deadline_ns;
		if (rc == -EBUSY && is_over)
			refuse(err);
		if (rc != -EBUSY || is_over)
			return SC_STATUS_FAILED;
		if (!is_told)
			sc_log(SC_LOG_WARNING, "%s: waiting", err->text);
		is_told = true;
		nanosleep(&(struct timespec){ 0, POLL_NS }, NULL);
	}
}
