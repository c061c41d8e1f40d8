#include "gaps.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* A gap is a whole number of channels when it is within this part of one; rounded widths add up over long gaps. */
#define TOLERANCE 0.05

/*
 * The spacing of channels: over the longest run of parts that follow each
 * other, for a single part's increment may be rounded.
 */
static double channel_spacing(const struct sc_gap_request *request)
{
	double spacing = request->increment_hz;
	int64_t longest = 1;
	for (size_t i = 0, end; i < request->nparts; i = end) {
		const struct sc_gap_part *parts = request->parts;
		int64_t nchan = parts[i].nchan;
		for (end = i + 1; end < request->nparts && parts[end].number == parts[end - 1].number + 1; end++)
			nchan += parts[end].nchan;
		if (nchan > longest) {
			longest = nchan;
			spacing = (parts[end - 1].last_hz - parts[i].first_hz) / (double)(nchan - 1);
		}
	}
	return spacing;
}

/* The gap between part i - 1 and part i. */
static int inner_gap(const struct sc_gap_request *request, size_t i, double spacing, struct sc_gap *gap,
		     struct sc_error *err)
{
	const struct sc_gap_part *left = &request->parts[i - 1], *right = &request->parts[i];
	double channels = (right->first_hz - left->last_hz) / spacing - 1;
	double whole = round(channels);
	uint64_t nmissing = gap->last_number - gap->first_number + 1;
	if (whole != 0 && (fabs(channels - whole) > TOLERANCE || whole < (double)nmissing || whole > INT32_MAX))
		return sc_error_set(
		    err, -EUCLEAN, "between %s and %s %" PRIu64 " %s missing, but there is room for %.3g channels",
		    left->name, right->name, nmissing, nmissing == 1 ? "part is" : "parts are", channels);
	gap->nchan = (int64_t)whole;
	gap->first_hz = left->last_hz + (right->first_hz - left->last_hz) / (whole + 1);
	gap->increment_hz = (right->first_hz - left->last_hz) / (whole + 1);
	return 0;
}

/* The length that all parts share, or 0. */
static int64_t common_length(const struct sc_gap_request *request)
{
	for (size_t i = 1; i < request->nparts; i++) {
		if (request->parts[i].nchan != request->parts[0].nchan)
			return 0;
	}
	return request->parts[0].nchan;
}

static int64_t known_channels(const struct sc_gap_request *request, const struct sc_gap *gaps, size_t ngaps)
{
	int64_t sum = 0;
	for (size_t i = 0; i < request->nparts; i++)
		sum += request->parts[i].nchan;
	for (size_t i = 0; i < ngaps; i++)
		sum += gaps[i].nchan;
	return sum;
}

static bool is_end(const struct sc_gap_request *request, const struct sc_gap *gap)
{
	return gap->before == 0 || gap->before == request->nparts;
}

/* How many channels the total leaves for what is missing at one end; 0: it is not given, or too small. */
static int64_t left_over(const struct sc_gap_request *request, int64_t known, uint64_t nmissing)
{
	int64_t left = request->total_nchan - known;
	return request->total_nchan > 0 && left > 0 && (uint64_t)left >= nmissing ? left : 0;
}

/* Of what is missing at one end, where parts have `length` channels (0: different ones); 0: nothing tells. */
static int64_t end_length(int64_t length, uint64_t nmissing, int64_t left, bool at_first)
{
	if (length == 0 || nmissing > (uint64_t)INT32_MAX / (uint64_t)length)
		return left;
	int64_t most = (int64_t)nmissing * length;
	/* What remains at the end of a division is shorter. */
	bool is_remainder = left > most - length && left < most;
	/* As even a division as can be has parts that are longer by one channel, and these are the first. */
	int64_t longer = at_first ? left - most : most - left;
	bool is_even = longer > 0 && longer <= (int64_t)nmissing;
	return left > 0 && (is_remainder || is_even) ? left : most;
}

static int end_lengths(const struct sc_gap_request *request, struct sc_gap *gaps, size_t ngaps, double spacing,
		       struct sc_error *err)
{
	int64_t length = common_length(request), known = known_channels(request, gaps, ngaps);
	size_t nends = 0;
	for (size_t i = 0; i < ngaps; i++)
		nends += is_end(request, &gaps[i]);
	for (size_t i = 0; i < ngaps; i++) {
		struct sc_gap *gap = &gaps[i];
		uint64_t nmissing = gap->last_number - gap->first_number + 1;
		if (!is_end(request, gap))
			continue;
		int64_t left = nends == 1 ? left_over(request, known, nmissing) : 0;
		gap->nchan = end_length(length, nmissing, left, gap->before == 0);
		if (gap->nchan == 0)
			return sc_error_set(err, -EUCLEAN,
					    "how many channels the missing %s part%s had cannot be told; --nchan TOTAL "
					    "says how many the cube has",
					    gap->before == 0 ? "first" : "last", nmissing == 1 ? "" : "s");
		gap->increment_hz = spacing;
		gap->first_hz = gap->before == 0 ? request->parts[0].first_hz - spacing * (double)gap->nchan
						 : request->parts[request->nparts - 1].last_hz + spacing;
	}
	return 0;
}

static int check_total(const struct sc_gap_request *request, const struct sc_gap *gaps, size_t ngaps,
		       struct sc_error *err)
{
	int64_t sum = known_channels(request, gaps, ngaps);
	if (request->total_nchan == 0 || request->total_nchan == sum)
		return 0;
	return sc_error_set(err, -EUCLEAN,
			    "the parts and what is missing of them make %" PRId64 " channels, expected %" PRId64, sum,
			    request->total_nchan);
}

int sc_gaps_find(const struct sc_gap_request *request, struct sc_gap **ret_gaps, size_t *ret_ngaps,
		 struct sc_error *err)
{
	sc_autofree struct sc_gap *gaps = calloc(request->nparts + 1, sizeof(*gaps));
	if (!gaps)
		return sc_error_errno(err, -ENOMEM, "cannot look for gaps");
	size_t ngaps = 0;
	double spacing = channel_spacing(request);
	uint64_t next = request->first_number;
	for (size_t i = 0; i <= request->nparts; i++) {
		bool behind_last = i == request->nparts;
		uint64_t number = behind_last ? request->last_number + 1 : request->parts[i].number;
		if (number > next) {
			if (spacing == 0 || !isfinite(spacing))
				return sc_error_set(err, -EUCLEAN,
						    "the spacing of the channels cannot be told from %s, so neither "
						    "can what is missing",
						    request->parts[0].name);
			struct sc_gap *gap = &gaps[ngaps++];
			*gap = (struct sc_gap){ .before = i, .first_number = next, .last_number = number - 1 };
			int rc = is_end(request, gap) ? 0 : inner_gap(request, i, spacing, gap, err);
			if (rc < 0)
				return rc;
		}
		next = number + 1;
	}
	int rc = end_lengths(request, gaps, ngaps, spacing, err);
	if (rc == 0)
		rc = check_total(request, gaps, ngaps, err);
	if (rc < 0)
		return rc;
	*ret_gaps = sc_steal_ptr(gaps);
	*ret_ngaps = ngaps;
	return 0;
}
