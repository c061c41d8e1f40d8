#include "status.h"

#include "log.h"
#include "statusjson.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The catalog's serial 0. */
#define DIRECTORY UINT64_C(2)
#define GENERATIONS UINT64_C(3)

/* The low bits of a text's number; the high ones are a serial of its own. */
#define TEXT 126U
_Static_assert(TEXT < SC_NODE_HOME && TEXT >= SC_VIEW_MAXNODES, "no other node has it");

/* So many texts that were shown last can still be read. */
#define KEPT 16

enum kind { STATUS, LOG, NKINDS };

static const char *const names[NKINDS] = { [STATUS] = "status.json", [LOG] = "log" };

struct text {
	enum kind kind;
	uint64_t id;
	char *data;
	size_t size;
	struct timespec made;
};

struct sc_status {
	struct sc_catalog *catalog;
	const struct sc_status_reads *reads;
	pthread_mutex_t lock; /* guards the rest */
	size_t count;
	struct text texts[KEPT]; /* text i is in place i % KEPT */
};

struct sc_status *sc_status_new(struct sc_catalog *catalog, const struct sc_status_reads *reads)
{
	struct sc_status *status = calloc(1, sizeof(*status));
	if (!status)
		return NULL;
	status->catalog = catalog;
	status->reads = reads;
	pthread_mutex_init(&status->lock, NULL);
	return status;
}

void sc_status_free(struct sc_status *status)
{
	if (!status)
		return;
	for (size_t i = 0; i < KEPT; i++)
		free(status->texts[i].data);
	pthread_mutex_destroy(&status->lock);
	free(status);
}

bool sc_status_owns(uint64_t id)
{
	unsigned low = (unsigned)(id & ((1 << SC_NODE_BITS) - 1));
	return id == DIRECTORY || id == GENERATIONS || low == TEXT || low == SC_NODE_HOME;
}

/* --- texts --- */

static char *make_text(const struct sc_status *status, enum kind kind, size_t *ret_size)
{
	if (kind == LOG)
		return sc_log_tail(ret_size);
	char *text = sc_statusjson_make(status->catalog, status->reads);
	*ret_size = text ? strlen(text) : 0;
	return text;
}

/* With the lock. The newest text of a kind; NULL: there was none. */
static struct text *find_newest(struct sc_status *status, enum kind kind)
{
	struct text *newest = NULL;
	for (size_t i = 0; i < KEPT; i++) {
		struct text *text = &status->texts[i];
		if (text->data && text->kind == kind && (!newest || text->id > newest->id))
			newest = text;
	}
	return newest;
}

static struct text *find_text(struct sc_status *status, uint64_t id)
{
	for (size_t i = 0; i < KEPT; i++) {
		if (status->texts[i].data && status->texts[i].id == id)
			return &status->texts[i];
	}
	return NULL;
}

static void fill(const struct sc_status *status, uint64_t id, struct sc_catalog_node *ret_node)
{
	*ret_node = (struct sc_catalog_node){ .id = id, .attr = sc_catalog_root_stat(status->catalog) };
	ret_node->attr.st_ino = id;
	ret_node->attr.st_nlink = 2;
}

static void fill_text(const struct sc_status *status, const struct text *text, struct sc_catalog_node *ret_node)
{
	fill(status, text->id, ret_node);
	struct stat *st = &ret_node->attr;
	/* It tells of headers and parts of all families, whoever those let see them: the mounting user's alone. */
	st->st_mode = S_IFREG | 0400;
	st->st_uid = geteuid();
	st->st_gid = getegid();
	st->st_nlink = 1;
	st->st_size = (off_t)text->size;
	st->st_blocks = (blkcnt_t)((text->size + 511) / 512);
	st->st_atim = st->st_mtim = st->st_ctim = text->made;
	ret_node->settled = true;
}

/* The text as it is now: the newest node when it says the same. */
static int look_up_text(struct sc_status *status, enum kind kind, struct sc_catalog_node *ret_node)
{
	size_t size;
	sc_autofree char *data = make_text(status, kind, &size);
	if (!data)
		return -ENOMEM;
	uint64_t serial = sc_catalog_new_serial(status->catalog);
	pthread_mutex_lock(&status->lock);
	struct text *text = find_newest(status, kind);
	if (!text || text->size != size || memcmp(text->data, data, size) != 0) {
		text = &status->texts[status->count++ % KEPT];
		free(text->data);
		*text = (struct text){ .kind = kind,
				       .id = serial << SC_NODE_BITS | TEXT,
				       .data = sc_steal_ptr(data),
				       .size = size };
		clock_gettime(CLOCK_REALTIME, &text->made);
	}
	fill_text(status, text, ret_node);
	pthread_mutex_unlock(&status->lock);
	return 0;
}

ssize_t sc_status_read(struct sc_status *status, uint64_t id, uint64_t offset, void *buffer, size_t size)
{
	if ((id & ((1 << SC_NODE_BITS) - 1)) != TEXT)
		return -EISDIR;
	ssize_t count = -ESTALE;
	pthread_mutex_lock(&status->lock);
	const struct text *text = find_text(status, id);
	if (text) {
		size_t rest = offset < text->size ? text->size - offset : 0;
		count = (ssize_t)(rest < size ? rest : size);
		if (count > 0)
			memcpy(buffer, text->data + offset, (size_t)count);
	}
	pthread_mutex_unlock(&status->lock);
	return count;
}

/* --- names --- */

static int look_up_in_directory(struct sc_status *status, const char *name, struct sc_catalog_node *ret_node)
{
	for (int kind = 0; kind < NKINDS; kind++) {
		if (strcmp(name, names[kind]) == 0)
			return look_up_text(status, (enum kind)kind, ret_node);
	}
	if (strcmp(name, "gen") != 0)
		return -ENOENT;
	fill(status, GENERATIONS, ret_node);
	return 0;
}

/* A serial number as it is written in the listing, and in no other way; 0: it is none. */
static uint64_t parse_serial(const char *name)
{
	char text[24];
	uint64_t serial = strtoull(name, NULL, 10);
	snprintf(text, sizeof(text), "%" PRIu64, serial);
	return strcmp(text, name) == 0 ? serial : 0;
}

static int look_up_generation(struct sc_status *status, const char *name, struct sc_catalog_node *ret_node)
{
	struct sc_catalog_listed listed;
	uint64_t serial = parse_serial(name);
	if (serial == 0 || sc_catalog_next_generation(status->catalog, serial, &listed) < 0 || listed.serial != serial)
		return -ENOENT;
	fill(status, serial << SC_NODE_BITS | SC_NODE_HOME, ret_node);
	ret_node->attr.st_nlink = 3;
	return 0;
}

int sc_status_lookup(struct sc_status *status, uint64_t directory, const char *name, struct sc_waiter *waiter,
		     struct sc_catalog_node *ret_node)
{
	switch (directory) {
	case SC_CATALOG_ROOT:
		fill(status, DIRECTORY, ret_node);
		return 0;
	case DIRECTORY:
		return look_up_in_directory(status, name, ret_node);
	case GENERATIONS:
		return look_up_generation(status, name, ret_node);
	default:
		if ((directory & ((1 << SC_NODE_BITS) - 1)) == TEXT)
			return -ENOTDIR;
		return sc_catalog_find_generation(status->catalog, directory >> SC_NODE_BITS, name, waiter, ret_node);
	}
}

int sc_status_getattr(struct sc_status *status, uint64_t id, struct sc_catalog_node *ret_node)
{
	int rc = 0;
	if ((id & ((1 << SC_NODE_BITS) - 1)) != TEXT) {
		fill(status, id, ret_node);
		return 0;
	}
	pthread_mutex_lock(&status->lock);
	const struct text *text = find_text(status, id);
	if (text)
		fill_text(status, text, ret_node);
	else
		rc = -ESTALE;
	pthread_mutex_unlock(&status->lock);
	return rc;
}

static void list(const char *name, uint64_t id, mode_t type, uint64_t next, struct sc_catalog_dirent *ret_entry)
{
	*ret_entry = (struct sc_catalog_dirent){
		.next = next,
		.node = { .id = id, .attr = { .st_ino = id, .st_mode = type } },
	};
	snprintf(ret_entry->name, sizeof(ret_entry->name), "%s", name);
}

static int list_directory(uint64_t position, struct sc_catalog_dirent *ret_entry)
{
	if (position < 2 + NKINDS)
		/* Which node it will be, looking it up tells. */
		list(names[position - 2], DIRECTORY, S_IFREG, position + 1, ret_entry);
	else if (position == 2 + NKINDS)
		list("gen", GENERATIONS, S_IFDIR, position + 1, ret_entry);
	else
		return -ENOENT;
	return 0;
}

static int list_generations(struct sc_status *status, uint64_t position, struct sc_catalog_dirent *ret_entry)
{
	struct sc_catalog_listed listed;
	char name[24];
	int rc = sc_catalog_next_generation(status->catalog, position - 2, &listed);
	if (rc < 0)
		return rc;
	snprintf(name, sizeof(name), "%" PRIu64, listed.serial);
	list(name, listed.serial << SC_NODE_BITS | SC_NODE_HOME, S_IFDIR, listed.serial + 3, ret_entry);
	return 0;
}

/* The one image of a generation. */
static int list_home(struct sc_status *status, uint64_t serial, uint64_t position, struct sc_catalog_dirent *ret_entry)
{
	struct sc_catalog_listed listed;
	int rc = sc_catalog_next_generation(status->catalog, serial, &listed);
	if (rc < 0 || position > 2 || listed.serial != serial)
		return -ENOENT;
	list(listed.name, serial << SC_NODE_BITS | SC_NODE_ALIAS, S_IFDIR, 3, ret_entry);
	return 0;
}

int sc_status_read_directory(struct sc_status *status, uint64_t id, uint64_t position,
			     struct sc_catalog_dirent *ret_entry)
{
	uint64_t parent = id == DIRECTORY ? SC_CATALOG_ROOT : id == GENERATIONS ? DIRECTORY : GENERATIONS;
	if ((id & ((1 << SC_NODE_BITS) - 1)) == TEXT)
		return -ENOTDIR;
	if (position < 2) {
		list(position == 0 ? "." : "..", position == 0 ? id : parent, S_IFDIR, position + 1, ret_entry);
		return 0;
	}
	if (id == DIRECTORY)
		return list_directory(position, ret_entry);
	if (id == GENERATIONS)
		return list_generations(status, position, ret_entry);
	return list_home(status, id >> SC_NODE_BITS, position, ret_entry);
}
