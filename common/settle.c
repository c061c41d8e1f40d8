#include "settle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "catalogparts.h"
#include "clock.h"
#include "imageconcat.h"
#include "ioutil.h"
#include "viewaccess.h"
#include "workers.h"

/* The byte of table.lock on which casacore has its read or write lock; the one behind it only says "in use". */
#define LOCK_BYTE 0

struct sc_settle_seen {
	char *name;
	struct sc_identity identity;
	int64_t since_ns; /* on the monotonic clock */
};

/* One part, looked at. */
struct look {
	struct sc_identity identity;
	int64_t newest_ns; /* modification of contents, since 1970 */
	int64_t changed_ns; /* change of a table's file, whatever its modification time was set to */
	pid_t writer;      /* holds a write lock; -1: one that cannot be told; 0: nobody */
	bool is_ready;     /* the ready file is there */
	int rc;            /* -errno: out of memory or descriptors, so nothing is known of it */
};

struct round {
	const struct sc_source *source;
	const struct sc_product *product; /* with its parts */
	const struct sc_settle_options *options;
	struct look *looks; /* of each part */
	int64_t now_ns, monotonic_ns;
	int64_t begun_ns; /* since when the parts are watched, since 1970 */
};

/* --- looking --- */

static bool add_file(const struct sc_source *source, const char *path, struct look *look, struct stat *ret_stat)
{
	if (sc_source_stat(source, path, ret_stat, NULL) < 0)
		return false;
	const struct sc_file_id id = sc_file_id_of(ret_stat);
	sc_identity_add_name(&look->identity, path);
	sc_identity_add(&look->identity, &id);
	if (id.mtime_ns > look->newest_ns)
		look->newest_ns = id.mtime_ns;
	if (id.ctime_ns > look->changed_ns)
		look->changed_ns = id.ctime_ns;
	return true;
}

/* What could not be looked at for want of memory or descriptors is not taken for absent. */
static void note_shortage(struct look *look, int rc)
{
	if (look->rc == 0 && sc_io_is_shortage(rc))
		look->rc = rc;
}

/*
 * casacore would make table.lock where there is none; we do not, and read locks do not matter. A link out of the source is
 * not opened: to open a device can do something.
 */
static void find_writer(const struct sc_source *source, const char *part, struct look *look)
{
	char path[PATH_MAX];
	sc_autoclose int fd = -1;
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = LOCK_BYTE, .l_len = 1 };
	if (snprintf(path, sizeof(path), "%s/table.lock", part) >= (int)sizeof(path))
		return;
	int rc = sc_source_open_file(source, path, &fd, NULL, NULL);
	note_shortage(look, rc);
	if (rc == 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK)
		look->writer = lock.l_pid > 0 ? lock.l_pid : -1;
}

/* Of a directory, which changes with table.lock, and readers make that too: which one it is, and who may see it. */
static void add_directory(int dirfd, const char *path, const struct stat *st, struct look *look)
{
	const struct sc_file_id id = { .inode = st->st_ino,
				       .size_bytes = (uint64_t)sc_access_has_acl(dirfd, path) << 32 | st->st_mode,
				       .mtime_ns = st->st_uid,
				       .ctime_ns = st->st_gid };
	sc_identity_add(&look->identity, &id);
}

/* What is in a directory: all of it, so that no change is missed. */
static void list_names(const struct sc_source *source, const char *path, struct sc_io_names *names, struct look *look)
{
	sc_autoclosedir DIR *dir = NULL;
	int rc = sc_source_open_directory(source, path, &dir, NULL);
	note_shortage(look, rc == 0 ? sc_io_names_add(names, dir) : rc);
}

/* Which files of an image count. Those of its tables are table.SOMETHING; a finished one is shown with all that lies in it. */
enum counted { OF_TABLES, ALL };

static bool add_table(const struct sc_source *source, const char *path, enum counted counted, bool is_inner, struct look *look);

/* Whether it is a file that counts. */
static bool add_entry(const struct sc_source *source, const char *path, const char *name, enum counted counted,
		      bool is_inner, struct look *look)
{
	struct stat st;
	/* Who has a table open changes its lock file. */
	if (strcmp(name, "table.lock") == 0)
		return false;
	if (strncmp(name, "table.", 6) == 0)
		return add_file(source, path, look, &st);
	if (sc_source_stat(source, path, &st, NULL) < 0)
		return false;
	if (S_ISREG(st.st_mode) && counted == ALL)
		return add_file(source, path, look, &st);
	/* The history or a mask. */
	if (S_ISDIR(st.st_mode) && !is_inner && add_table(source, path, counted, true, look))
		add_directory(source->dirfd, path, &st, look);
	return false;
}

/* The files of a table and of the tables in it. Whether there are any of its own. */
static bool add_table(const struct sc_source *source, const char *path, enum counted counted, bool is_inner, struct look *look)
{
	sc_autoionames struct sc_io_names names = { 0 };
	char entry[PATH_MAX];
	list_names(source, path, &names, look);
	bool any = false;
	for (size_t i = 0; i < names.count && look->rc == 0; i++) {
		if (snprintf(entry, sizeof(entry), "%s/%s", path, names.items[i]) < (int)sizeof(entry))
			any |= add_entry(source, entry, names.items[i], counted, is_inner, look);
	}
	return any;
}

static void look_at_image(const struct sc_source *source, const char *part, enum counted counted, struct look *look)
{
	struct stat directory;
	int rc = sc_source_check_part(source, part, NULL);
	if (rc == 0)
		rc = sc_source_stat(source, part, &directory, NULL);
	note_shortage(look, rc);
	if (rc < 0)
		return;
	if (!S_ISDIR(directory.st_mode)) {
		add_file(source, part, look, &directory); /* a FITS image */
		/* To rename it changes it too; and who sets its times back has written all of it. */
		look->changed_ns = INT64_MIN;
		return;
	}
	add_directory(source->dirfd, part, &directory, look);
	/* Without files it was just made, and there is nothing in it yet. */
	if (!add_table(source, part, counted, false, look))
		add_file(source, part, look, &directory);
	find_writer(source, part, look);
}

static const struct {
	const char *text;
	bool tells_parts_apart;
} fields[] = { { "{part}", true }, { "{n}", true }, { "{base}", false }, { "{ext}", false } };

static int check_for_ready_file(const struct round *round, const struct sc_part_name *part, struct look *look)
{
	char number[24];
	const char *values[] = { part->name, number, round->product->base, round->product->ext };
	char path[PATH_MAX];
	size_t used = 0;
	snprintf(number, sizeof(number), "%" PRIu64, part->number);
	for (const char *at = round->options->ready_file; *at;) {
		size_t i = 0, taken = 1, length = 1;
		const char *text = at;
		while (i < SC_COUNT_OF(fields) && strncmp(at, fields[i].text, strlen(fields[i].text)) != 0)
			i++;
		if (i < SC_COUNT_OF(fields)) {
			taken = strlen(fields[i].text);
			text = values[i];
			length = strlen(text);
		}
		if (length >= sizeof(path) - used)
			return -ENAMETOOLONG;
		memcpy(path + used, text, length);
		used += length;
		at += taken;
	}
	path[used] = 0;
	look->is_ready = sc_source_check(round->source, path, NULL) == 0 &&
			 faccessat(round->source->dirfd, path, F_OK, 0) == 0;
	return 0;
}

int sc_settle_check_ready_file(const char *pattern, struct sc_error *err)
{
	for (size_t i = 0; i < SC_COUNT_OF(fields); i++) {
		if (fields[i].tells_parts_apart && strstr(pattern, fields[i].text))
			return 0;
	}
	return sc_error_set(err, -EINVAL, "expected {part} or {n} in it, as in '{part}.done', not '%s'", pattern);
}

static void look_at_part(void *context, size_t i)
{
	const struct round *round = context;
	const struct sc_part_name *part = &round->product->parts[i];
	struct look *look = &round->looks[i];
	look->newest_ns = look->changed_ns = INT64_MIN;
	look_at_image(round->source, part->name, OF_TABLES, look);
	if (round->options->ready_file && look->rc == 0)
		look->rc = check_for_ready_file(round, part, look);
}

/* --- memory --- */

static int compare_seen(const void *left, const void *right)
{
	const struct sc_settle_seen *a = left, *b = right;
	return strcmp(a->name, b->name);
}

void sc_settle_forget(struct sc_settle_memory *memory)
{
	for (size_t i = 0; i < memory->count; i++)
		free(memory->seen[i].name);
	free(memory->seen);
	*memory = (struct sc_settle_memory){ 0 };
}

/*
 * When the part changed last. What copies file after file with the times that they had elsewhere leaves a part that is
 * half old and half new, and no time of modification tells; only that it happened while we watched.
 */
static int64_t newest_ns(const struct round *round, const struct look *look)
{
	bool counts = look->changed_ns > round->begun_ns && look->changed_ns > look->newest_ns;
	return counts ? look->changed_ns : look->newest_ns;
}

bool sc_settle_may_have_changed(const struct sc_settle_memory *memory, int64_t newest_ns)
{
	return newest_ns > memory->newest_ns || memory->newest_ns > memory->quiet_ns;
}

static bool is_young(const struct round *round, const struct look *look)
{
	return newest_ns(round, look) > round->now_ns - round->options->quiet_ns;
}

/* Since when the part is as it is, as far as we have seen. */
static int64_t seen_since(const struct sc_settle_memory *memory, const char *name, const struct look *look,
			  int64_t monotonic_ns)
{
	const struct sc_settle_seen key = { .name = (char *)name };
	const struct sc_settle_seen *seen =
	    memory && memory->count > 0 ? bsearch(&key, memory->seen, memory->count, sizeof(key), compare_seen) : NULL;
	return seen && sc_identity_equal(&seen->identity, &look->identity) ? seen->since_ns : monotonic_ns;
}

/* Keeps only what may be asked for: parts that their times do not settle. */
static int remember(const struct round *round, struct sc_settle_memory *memory)
{
	struct sc_settle_memory next = { 0 };
	next.seen = calloc(round->product->nparts + 1, sizeof(*next.seen));
	if (!next.seen)
		return -ENOMEM;
	for (size_t i = 0; i < round->product->nparts; i++) {
		const char *name = round->product->parts[i].name;
		const struct look *look = &round->looks[i];
		if (!is_young(round, look))
			continue;
		struct sc_settle_seen *seen = &next.seen[next.count];
		*seen = (struct sc_settle_seen){ strdup(name), look->identity,
						 seen_since(memory, name, look, round->monotonic_ns) };
		if (!seen->name) {
			sc_settle_forget(&next);
			return -ENOMEM;
		}
		next.count++;
	}
	if (next.count > 0)
		qsort(next.seen, next.count, sizeof(*next.seen), compare_seen);
	sc_settle_forget(memory);
	*memory = next;
	memory->begun_ns = round->begun_ns;
	return 0;
}

/* --- judging --- */

/* Why the part is not settled, or NULL when it is. -ENOMEM. */
static int find_reason(const struct round *round, const struct sc_settle_memory *memory, size_t i, char **ret_reason)
{
	const struct look *look = &round->looks[i];
	const struct sc_settle_options *options = round->options;
	double quiet_s = (double)options->quiet_ns * 1e-9;
	char *reason = NULL;
	int length = 0;
	if (!sc_settle_is_wanted(options))
		length = 0;
	else if (look->writer > 0)
		length = asprintf(&reason, "process %d holds a write lock on it", (int)look->writer);
	else if (look->writer < 0)
		length = asprintf(&reason, "somebody holds a write lock on it");
	else if (options->ready_file)
		length = look->is_ready ? 0 : asprintf(&reason, "its ready file is not there");
	else if (is_young(round, look) &&
		 round->monotonic_ns - seen_since(memory, round->product->parts[i].name, look, round->monotonic_ns) <
		     options->quiet_ns)
		length =
		    newest_ns(round, look) > round->now_ns + options->quiet_ns
			? asprintf(&reason, "its times lie in the future and it was not watched for %g s yet", quiet_s)
			: asprintf(&reason, "it changed less than %g s ago", quiet_s);
	if (length < 0)
		return -ENOMEM;
	*ret_reason = reason;
	return 0;
}

static int add_unsettled(struct sc_settled *settled, const struct sc_part_name *part, char *reason)
{
	struct sc_unsettled *unsettled = &settled->unsettled[settled->nunsettled++];
	*unsettled = (struct sc_unsettled){ strdup(part->name), part->number, reason };
	return unsettled->name ? 0 : -ENOMEM;
}

static int judge(const struct round *round, const struct sc_settle_memory *memory, bool can_be_unsettled,
		 struct sc_settled *settled)
{
	const struct sc_product *product = round->product;
	settled->product.parts = calloc(product->nparts + 1, sizeof(*settled->product.parts));
	settled->unsettled = calloc(product->nparts + 1, sizeof(*settled->unsettled));
	if (!settled->product.parts || !settled->unsettled)
		return -ENOMEM;
	for (size_t i = 0; i < product->nparts; i++) {
		char *reason = NULL;
		if (can_be_unsettled && find_reason(round, memory, i, &reason) < 0)
			return -ENOMEM;
		if (reason) {
			if (add_unsettled(settled, &product->parts[i], reason) < 0)
				return -ENOMEM;
			continue;
		}
		settled->product.parts[settled->product.nparts++] = product->parts[i];
		sc_identity_add_name(&settled->identity, product->parts[i].name);
		sc_identity_merge(&settled->identity, &round->looks[i].identity);
	}
	return 0;
}

static int look_at_parts(const struct sc_source *source, const struct sc_product *product,
			 const struct sc_settle_options *options, struct sc_settle_memory *memory,
			 bool can_be_unsettled, struct sc_settled *settled)
{
	sc_autofree struct look *looks = calloc(product->nparts + 1, sizeof(*looks));
	if (!looks)
		return -ENOMEM;
	struct round round = { .source = source, .product = product, .options = options, .looks = looks };
	round.begun_ns = memory && memory->begun_ns ? memory->begun_ns : sc_clock_ns(CLOCK_REALTIME);
	if (product->nparts > 0)
		sc_workers_each(product->nparts, look_at_part, &round);
	round.now_ns = sc_clock_ns(CLOCK_REALTIME);
	round.monotonic_ns = sc_clock_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < product->nparts; i++) {
		if (looks[i].rc < 0)
			return looks[i].rc;
	}
	int rc = judge(&round, memory, can_be_unsettled, settled);
	return rc == 0 && memory ? remember(&round, memory) : rc;
}

/* Who may see it; without the time, which changes with table.lock. Where modes do not say who, nobody else may. */
static void add_access(struct sc_identity *identity, const struct sc_access *access)
{
	const struct sc_file_id none = { 0 }, id = { .inode = access->any,
						     .size_bytes = access->mode,
						     .mtime_ns = access->uid,
						     .ctime_ns = access->gid };
	sc_identity_add(identity, access->uniform ? &id : &none);
}

/* What is in one piece has the name of the product. */
static int look_at_whole(const struct sc_source *source, const struct sc_product *product, struct sc_settled *settled)
{
	struct look look = { .newest_ns = INT64_MIN, .changed_ns = INT64_MIN };
	char path[PATH_MAX];
	struct stat st;
	bool fits = snprintf(path, sizeof(path), "%s%s", product->base, product->ext) < (int)sizeof(path);
	if (fits && product->kind == SC_PRODUCT_PAGED)
		look_at_image(source, path, ALL, &look);
	else if (fits && sc_source_stat(source, path, &st, NULL) == 0)
		add_directory(source->dirfd, path, &st, &look); /* what lies in it are parts, see below */
	if (snprintf(path, sizeof(path), "%s%s/%s", product->base, product->ext, SC_IMAGECONCAT_FILE) <
	    (int)sizeof(path) && sc_source_check(source, path, NULL) == 0)
		add_file(source, path, &look, &st);
	sc_identity_merge(&settled->identity, &look.identity);
	if (look.rc < 0 || product->kind != SC_PRODUCT_CATALOG)
		return look.rc;
	/* The parts of a catalog that cannot be read are of no interest: its view will say what is wrong. */
	static const struct sc_settle_options all = { 0 };
	struct sc_settled parts = { 0 };
	struct sc_product filled;
	int axis;
	if (sc_catalogparts_read(source, product, &filled, &axis, NULL) < 0)
		return 0;
	int rc = look_at_parts(source, &filled, &all, NULL, false, &parts);
	sc_view_directory_access(source, &filled, &parts.access);
	add_access(&parts.identity, &parts.access);
	sc_identity_merge(&settled->identity, &parts.identity);
	sc_settled_clear(&parts);
	sc_catalogparts_clear(&filled);
	return rc;
}

int sc_settle_look(const struct sc_source *source, const struct sc_product *product,
		   const struct sc_settle_options *options, struct sc_settle_memory *memory,
		   struct sc_settled *ret_settled, struct sc_error *err)
{
	struct sc_settled settled = { .product = *product };
	int64_t quiet_ns = sc_identity_settled_ns();
	int rc = 0;
	settled.product.parts = NULL;
	settled.product.nparts = 0;
	sc_identity_add_name(&settled.identity, product->problem ? product->problem : "");
	const uint64_t numbers[] = { (uint64_t)product->kind, product->first_number, product->last_number };
	for (size_t i = 0; i < SC_COUNT_OF(numbers); i++) {
		const struct sc_file_id number = { .inode = numbers[i] };
		sc_identity_add(&settled.identity, &number);
	}
	if (product->kind == SC_PRODUCT_PARTS)
		rc = look_at_parts(source, product, options, memory, true, &settled);
	else
		rc = look_at_whole(source, product, &settled);
	if (rc < 0) {
		sc_settled_clear(&settled);
		return sc_error_errno(err, rc, "%s%s: cannot look at the parts", product->base, product->ext);
	}
	settled.parts = settled.identity;
	if (memory) {
		memory->newest_ns = settled.parts.newest_ns;
		memory->quiet_ns = quiet_ns;
	}
	sc_view_directory_access(source, product, &settled.access);
	add_access(&settled.identity, &settled.access);
	*ret_settled = settled;
	return 0;
}

bool sc_settle_any(const struct sc_source *source, const struct sc_product *product,
		   const struct sc_settle_options *options)
{
	struct look look;
	struct round round = { .source = source, .options = options, .now_ns = sc_clock_ns(CLOCK_REALTIME) };
	if (product->kind != SC_PRODUCT_PARTS || !sc_settle_is_wanted(options))
		return true;
	for (size_t i = 0; i < product->nparts; i++) {
		struct sc_product one = *product;
		char *reason = NULL;
		one.parts = &product->parts[i];
		round.product = &one;
		round.looks = &look;
		look = (struct look){ 0 };
		look_at_part(&round, 0);
		if (look.rc < 0 || find_reason(&round, NULL, 0, &reason) < 0)
			return false;
		if (!reason)
			return true;
		free(reason);
	}
	return false;
}

void sc_unsettled_free(size_t count, struct sc_unsettled *unsettled)
{
	for (size_t i = 0; i < count; i++) {
		free(unsettled[i].name);
		free(unsettled[i].reason);
	}
	free(unsettled);
}

void sc_settled_clear(struct sc_settled *settled)
{
	sc_unsettled_free(settled->nunsettled, settled->unsettled);
	free(settled->product.parts);
	*settled = (struct sc_settled){ 0 };
}
