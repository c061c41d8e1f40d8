#include "announced.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

/* Where the number is, or would be. */
static size_t find(const struct sc_announced *announced, uint64_t number)
{
	size_t first = 0, behind = announced->count;
	while (first < behind) {
		size_t middle = first + (behind - first) / 2;
		if (announced->numbers[middle] < number)
			first = middle + 1;
		else
			behind = middle;
	}
	return first;
}

bool sc_announced_has(const struct sc_announced *announced, uint64_t number)
{
	size_t at = find(announced, number);
	return at < announced->count && announced->numbers[at] == number;
}

static int add(struct sc_announced *announced, uint64_t number)
{
	size_t at = find(announced, number);
	if (at < announced->count && announced->numbers[at] == number)
		return 0;
	uint64_t *grown = sc_grow(announced->numbers, announced->count + 1, &announced->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	announced->numbers = grown;
	memmove(&announced->numbers[at + 1], &announced->numbers[at],
		(announced->count - at) * sizeof(*announced->numbers));
	announced->numbers[at] = number;
	announced->count++;
	return 0;
}

static int refuse(const struct sc_announced *announced, uint64_t most, struct sc_error *err)
{
	return sc_error_set(err, -EINVAL,
			    "standard input: expected numbers of finished subcubes, up to %" PRIu64 ", not '%s'", most,
			    announced->text);
}

/* A word is complete, or there is none. */
static int take_word(struct sc_announced *announced, uint64_t most, struct sc_error *err)
{
	char *end;
	if (announced->length == 0)
		return 0;
	announced->text[announced->length] = 0;
	announced->length = 0;
	errno = 0;
	uint64_t number = strtoull(announced->text, &end, 10);
	if (errno || *end || !isdigit((unsigned char)announced->text[0]) || number > most)
		return refuse(announced, most, err);
	int rc = add(announced, number);
	return rc < 0 ? sc_error_errno(err, rc, "standard input") : 0;
}

static int take_bytes(struct sc_announced *announced, const char *bytes, size_t count, uint64_t most,
		      struct sc_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (isspace((unsigned char)bytes[i])) {
			int rc = take_word(announced, most, err);
			if (rc < 0)
				return rc;
			continue;
		}
		announced->text[announced->length++] = bytes[i];
		/* No number that could be one is so long. */
		if (announced->length == sizeof(announced->text) - 1)
			return refuse(announced, most, err);
	}
	return 0;
}

int sc_announced_read(struct sc_announced *announced, uint64_t most, struct sc_error *err)
{
	char bytes[4096];
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	while (!announced->is_over && poll(&input, 1, 0) > 0) {
		ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			return 0;
		if (got < 0)
			return sc_error_errno(err, -errno,
					      "standard input: cannot read the numbers of finished subcubes");
		announced->is_over = got == 0;
		int rc =
		    got == 0 ? take_word(announced, most, err) : take_bytes(announced, bytes, (size_t)got, most, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void sc_announced_clear(struct sc_announced *announced)
{
	free(announced->numbers);
	*announced = (struct sc_announced){ 0 };
}
