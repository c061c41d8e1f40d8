#include "partreader.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "fitsclient.h"

struct sc_partreader {
	int dirfd;
	const char *const *names;
	size_t nparts, next;
	size_t nahead, taken; /* of the parts that are open already, `taken` were given out */
	struct sc_subcube ahead[SC_FITSCLIENT_MAXPARTS];
};

struct sc_partreader *sc_partreader_new(int dirfd, const char *const *names, size_t nparts)
{
	struct sc_partreader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return NULL;
	reader->dirfd = dirfd;
	reader->names = names;
	reader->nparts = nparts;
	return reader;
}

static void drop_ahead(struct sc_partreader *reader)
{
	for (; reader->taken < reader->nahead; reader->taken++)
		sc_subcube_clear(&reader->ahead[reader->taken]);
	reader->nahead = reader->taken = 0;
}

void sc_partreader_free(struct sc_partreader *reader)
{
	if (!reader)
		return;
	drop_ahead(reader);
	free(reader);
}

/* Gets the keywords of the FITS images among the parts that are open. */
static int complete_ahead(struct sc_partreader *reader, struct sc_error *err)
{
	struct sc_fitsclient_part parts[SC_FITSCLIENT_MAXPARTS];
	struct sc_record *records[SC_FITSCLIENT_MAXPARTS];
	size_t count = 0;
	const char *const *names = reader->names + reader->next;
	for (size_t i = 0; i < reader->nahead; i++) {
		if (reader->ahead[i].fits)
			parts[count++] = (struct sc_fitsclient_part){ names[i], reader->ahead[i].fits };
	}
	int rc = sc_fitsclient_run(reader->dirfd, parts, count, records, err);
	if (rc < 0)
		return rc;
	count = 0;
	for (size_t i = 0; i < reader->nahead; i++) {
		if (!reader->ahead[i].fits)
			continue;
		/* On errors too: the record is the subcube's then. */
		int complete_rc =
		    sc_subcube_complete(&reader->ahead[i], names[i], records[count++], rc < 0 ? NULL : err);
		if (rc == 0)
			rc = complete_rc;
	}
	return rc;
}

/* Opens the next part, and when that is a FITS image as many more as one run of the header program takes. */
static int open_ahead(struct sc_partreader *reader, struct sc_error *err)
{
	size_t left = reader->nparts - reader->next, most = 1;
	drop_ahead(reader);
	while (reader->nahead < most) {
		struct sc_subcube *subcube = &reader->ahead[reader->nahead];
		int rc = sc_subcube_open(reader->dirfd, reader->names[reader->next + reader->nahead], subcube, err);
		if (rc < 0)
			return rc;
		reader->nahead++;
		if (subcube->fits)
			most = left < SC_FITSCLIENT_MAXPARTS ? left : SC_FITSCLIENT_MAXPARTS;
	}
	return most > 1 || reader->ahead[0].fits ? complete_ahead(reader, err) : 0;
}

int sc_partreader_next(struct sc_partreader *reader, struct sc_subcube *ret_subcube, struct sc_error *err)
{
	assert(reader->next < reader->nparts);
	if (reader->taken == reader->nahead) {
		int rc = open_ahead(reader, err);
		if (rc < 0)
			return rc;
	}
	*ret_subcube = reader->ahead[reader->taken++];
	reader->next++;
	return 0;
}
