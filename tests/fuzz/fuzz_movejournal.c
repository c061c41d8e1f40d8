/*
 * The journal of a move. The input is what its checksum is of: the checksum itself is made right here, for otherwise
 * nothing behind it would be reached. What is decoded encodes to the same journal.
 */
#include "fuzz.h"

#include <inttypes.h>

#include "movejournal.h"

#define HEADER_BYTES 34 /* "subcubefs-move 1 ", 16 digits, a newline */

/* As movejournal.h has it: FNV-1a. */
static uint64_t checksum_of(const uint8_t *data, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void require_same(const struct sc_movejournal *a, const struct sc_movejournal *b)
{
	fuzz_require(strcmp(a->base, b->base) == 0 && a->nparts == b->nparts);
	for (size_t i = 0; i < a->nparts; i++) {
		fuzz_require(strcmp(a->parts[i].from, b->parts[i].from) == 0);
		fuzz_require(strcmp(a->parts[i].name, b->parts[i].name) == 0);
	}
}

static void check(const uint8_t *data, size_t size)
{
	struct sc_error err = { 0 };
	struct sc_movejournal journal, again;
	sc_autofree char *text = NULL;
	size_t text_size;
	int rc = sc_movejournal_decode(data, size, "journal", &journal, &err);
	if (rc < 0) {
		fuzz_require_error(rc, &err);
		return;
	}
	for (size_t i = 0; i < journal.nparts; i++) {
		const char *name = journal.parts[i].name;
		fuzz_require(name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
		fuzz_require(journal.parts[i].from[0] && !strstr(journal.parts[i].from, "/../"));
	}
	fuzz_require(sc_movejournal_encode(&journal, &text, &text_size, &err) == 0);
	fuzz_require(sc_movejournal_decode(text, text_size, "journal", &again, &err) == 0);
	require_same(&journal, &again);
	sc_movejournal_clear(&journal);
	sc_movejournal_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size);
	sc_autofree char *whole = malloc(HEADER_BYTES + 1 + size);
	fuzz_require(whole);
	fuzz_require(sprintf(whole, "subcubefs-move 1 %016" PRIx64 "\n", checksum_of(data, size)) == HEADER_BYTES);
	if (size > 0)
		memcpy(whole + HEADER_BYTES, data, size);
	check((const uint8_t *)whole, HEADER_BYTES + size);
	return 0;
}
