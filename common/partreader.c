#include "partreader.h"

#include <assert.h>
#include <pthread.h>

#include "fitsclient.h"
#include "workers.h"

/* So many parts are opened before their turn; one run of the header program takes no more FITS images. */
#define AHEAD SC_FITSCLIENT_MAXPARTS

enum slot_state { UNCLAIMED, OPENING, OPENED };

/* A part between the workers and the caller. */
struct slot {
	enum slot_state state;
	int rc; /* of opening it */
	struct sc_subcube subcube;
	struct sc_error err;
};

struct sc_partreader {
	const struct sc_source *source;
	const char *const *names;
	size_t nparts;
	size_t ncomplete; /* parts below this have their keywords */
	struct sc_workers workers;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t was_opened, has_room;
	size_t awaited;   /* `was_opened` is said of this part only */
	size_t next;      /* given out next */
	size_t unclaimed; /* opened next */
	bool stopping;    /* no part is claimed any more */
	struct slot slots[AHEAD]; /* part i is in slot i % AHEAD */
};

static struct slot *slot_of(struct sc_partreader *reader, size_t part)
{
	return &reader->slots[part % AHEAD];
}

/* Opens the next part that nobody has claimed, without the lock. */
static void open_unclaimed(struct sc_partreader *reader)
{
	size_t part = reader->unclaimed++;
	struct slot *slot = slot_of(reader, part);
	slot->state = OPENING;
	pthread_mutex_unlock(&reader->lock);
	slot->rc = sc_subcube_open(reader->source, reader->names[part], &slot->subcube, &slot->err);
	pthread_mutex_lock(&reader->lock);
	slot->state = OPENED;
	/* Nobody asks for the parts behind one that cannot be read. */
	if (slot->rc < 0)
		reader->stopping = true;
	if (part == reader->awaited)
		pthread_cond_signal(&reader->was_opened);
}

static void *open_parts(void *argument)
{
	struct sc_partreader *reader = argument;
	pthread_mutex_lock(&reader->lock);
	while (!reader->stopping && reader->unclaimed < reader->nparts) {
		if (reader->unclaimed < reader->next + AHEAD)
			open_unclaimed(reader);
		else
			pthread_cond_wait(&reader->has_room, &reader->lock);
	}
	pthread_mutex_unlock(&reader->lock);
	return NULL;
}

struct sc_partreader *sc_partreader_new(const struct sc_source *source, const char *const *names, size_t nparts)
{
	struct sc_partreader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return NULL;
	reader->source = source;
	reader->names = names;
	reader->nparts = nparts;
	pthread_mutex_init(&reader->lock, NULL);
	pthread_cond_init(&reader->was_opened, NULL);
	pthread_cond_init(&reader->has_room, NULL);
	/* A few parts are opened sooner than a thread is started. */
	sc_workers_start(&reader->workers, nparts / 4, open_parts, reader);
	return reader;
}

void sc_partreader_free(struct sc_partreader *reader)
{
	if (!reader)
		return;
	pthread_mutex_lock(&reader->lock);
	reader->stopping = true;
	pthread_cond_broadcast(&reader->has_room);
	pthread_mutex_unlock(&reader->lock);
	sc_workers_join(&reader->workers);
	for (size_t i = reader->next; i < reader->unclaimed; i++) {
		if (slot_of(reader, i)->rc == 0)
			sc_subcube_clear(&slot_of(reader, i)->subcube);
	}
	pthread_cond_destroy(&reader->has_room);
	pthread_cond_destroy(&reader->was_opened);
	pthread_mutex_destroy(&reader->lock);
	free(reader);
}

/* The slot of a part that is within reach, once it was opened; NULL: it will not be, one before it cannot be read. */
static struct slot *wait_for(struct sc_partreader *reader, size_t part)
{
	struct slot *slot = slot_of(reader, part);
	pthread_mutex_lock(&reader->lock);
	while (part >= reader->unclaimed && !reader->stopping)
		open_unclaimed(reader);
	bool claimed = part < reader->unclaimed;
	reader->awaited = part;
	while (claimed && slot->state != OPENED)
		pthread_cond_wait(&reader->was_opened, &reader->lock);
	pthread_mutex_unlock(&reader->lock);
	return claimed ? slot : NULL;
}

/*
 * Gets the keywords of the FITS images among the next parts, of as many as are
 * within reach: most of a run of the header program is to start it.
 */
static int complete(struct sc_partreader *reader, struct sc_error *err)
{
	struct sc_fitsclient_part parts[AHEAD] = { 0 };
	struct sc_subcube *subcubes[AHEAD];
	struct sc_record *records[AHEAD];
	size_t count = 0, behind = reader->next;
	for (; behind < reader->nparts && behind < reader->next + AHEAD; behind++) {
		struct slot *slot = wait_for(reader, behind);
		if (!slot || slot->rc < 0)
			break;
		if (!slot->subcube.fits)
			continue;
		subcubes[count] = &slot->subcube;
		parts[count++] = (struct sc_fitsclient_part){ reader->names[behind], slot->subcube.fits };
	}
	int rc = sc_fitsclient_run(reader->source, parts, count, records, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		/* On errors too: the record is the subcube's then. */
		int complete_rc =
		    sc_subcube_complete(subcubes[i], parts[i].name, records[i], rc < 0 ? NULL : err);
		if (rc == 0)
			rc = complete_rc;
	}
	reader->ncomplete = behind;
	return rc;
}

int sc_partreader_next(struct sc_partreader *reader, struct sc_subcube *ret_subcube, struct sc_error *err)
{
	assert(reader->next < reader->nparts);
	struct slot *slot = wait_for(reader, reader->next);
	assert(slot); /* a failure before it was this function's last answer */
	int rc = slot->rc;
	if (rc < 0) {
		if (err)
			*err = slot->err;
		return rc;
	}
	if (slot->subcube.fits && reader->next >= reader->ncomplete)
		rc = complete(reader, err);
	if (rc < 0)
		return rc;
	*ret_subcube = slot->subcube;
	slot->subcube = (struct sc_subcube){ 0 };
	pthread_mutex_lock(&reader->lock);
	slot->state = UNCLAIMED;
	reader->next++;
	/* Not for each part: waking takes as long as opening. */
	if (reader->unclaimed == reader->next + AHEAD / 2)
		pthread_cond_broadcast(&reader->has_room);
	pthread_mutex_unlock(&reader->lock);
	return 0;
}
