#include "complaints.h"

#include "clock.h"
#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define REMEMBERED 64
#define REMEMBERED_FOR_GOOD 65536
#define QUIET_NS INT64_C(1000000000)

static struct {
	pthread_mutex_t lock;
	struct {
		uint64_t hash; /* of the line; 0: free */
		int64_t logged_at_ns;
	} lines[REMEMBERED];
} recent = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Two lines with one hash would cost one of them a second of silence. */
static uint64_t hash_line(const char *text)
{
	uint64_t hash = XXH3_64bits(text, strlen(text));
	return hash ? hash : 1;
}

static bool is_due(uint64_t hash, int64_t now_ns)
{
	size_t slot = 0;
	for (size_t i = 0; i < REMEMBERED; i++) {
		if (recent.lines[i].hash == hash) {
			if (now_ns - recent.lines[i].logged_at_ns < QUIET_NS)
				return false;
			slot = i;
			break;
		}
		if (recent.lines[i].logged_at_ns < recent.lines[slot].logged_at_ns)
			slot = i; /* the oldest makes room */
	}
	recent.lines[slot].hash = hash;
	recent.lines[slot].logged_at_ns = now_ns;
	return true;
}

/* By hash; 0: free. */
static _Atomic uint64_t told_once[REMEMBERED_FOR_GOOD];

void sc_complain_once(uint64_t id, const char *format, ...)
{
	char text[1536];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Ids differ in their low bits: multiplied by 2^64 / golden ratio, in all. */
	uint64_t hash = hash_line(text) ^ id * UINT64_C(0x9e3779b97f4a7c15);
	if (atomic_exchange(&told_once[hash % REMEMBERED_FOR_GOOD], hash) != hash)
		sc_log(SC_LOG_ERROR, "%s", text);
}

void sc_complain(const char *format, ...)
{
	char text[1536];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	pthread_mutex_lock(&recent.lock);
	bool due = is_due(hash_line(text), sc_clock_ns(CLOCK_MONOTONIC));
	pthread_mutex_unlock(&recent.lock);
	if (due)
		sc_log(SC_LOG_ERROR, "%s", text);
}
