#include "movejournal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ioutil.h"
#include "jsontext.h"
#include "names.h"

#define MAGIC "subcubefs-move 1 "
#define CHECKSUM_DIGITS 16
#define HEADER_BYTES (sizeof(MAGIC) - 1 + CHECKSUM_DIGITS + 1)
#define JOURNAL_BYTES_MAX (256u << 20)

static uint64_t checksum_of(const uint8_t *data, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static json_t *parts_of(const struct sc_movejournal *journal, const char **ret_bad_name)
{
	sc_autojson json_t *parts = json_array();
	for (size_t i = 0; i < journal->nparts; i++) {
		const struct sc_moved_part *part = &journal->parts[i];
		json_t *entry = json_pack("{s:s, s:s}", "From", part->from, "Name", part->name);
		if (!entry || json_array_append_new(parts, entry) < 0) {
			*ret_bad_name = part->from;
			return NULL;
		}
	}
	return sc_steal_ptr(parts);
}

int sc_movejournal_encode(const struct sc_movejournal *journal, char **ret_data, size_t *ret_size, struct sc_error *err)
{
	const char *bad_name = journal->base;
	json_t *parts = parts_of(journal, &bad_name);
	sc_autojson json_t *root = parts ? json_pack("{s:s, s:o}", "Base", journal->base, "Parts", parts) : NULL;
	if (!root)
		return sc_error_set(err, -EINVAL, "%s: it cannot be moved: the name is not UTF-8", bad_name);
	sc_autofree char *text = json_dumps(root, JSON_INDENT(1));
	char *data;
	int length = -1;
	if (text)
		length =
		    asprintf(&data, MAGIC "%016" PRIx64 "\n%s", checksum_of((const uint8_t *)text, strlen(text)), text);
	if (length < 0)
		return sc_error_errno(err, -ENOMEM, "%s", SC_MOVEJOURNAL_FILE);
	*ret_data = data;
	*ret_size = (size_t)length;
	return 0;
}

/* A path that stays where it says: absolute, or below the directory it is relative to. */
static bool is_path(const char *path)
{
	return path && path[0] && strlen(path) < PATH_MAX && !sc_io_leads_out(path);
}

static bool is_component(const char *name)
{
	return is_path(name) && !strchr(name, '/') && strcmp(name, ".") != 0;
}

static int parse_part(const json_t *entry, struct sc_moved_part *ret_part)
{
	const char *from = json_string_value(json_object_get(entry, "From"));
	const char *name = json_string_value(json_object_get(entry, "Name"));
	if (!is_path(from) || !is_component(name))
		return -EUCLEAN;
	struct sc_moved_part part = { strdup(from), strdup(name) };
	if (!part.from || !part.name) {
		free(part.from);
		free(part.name);
		return -ENOMEM;
	}
	*ret_part = part;
	return 0;
}

static int parse(const json_t *root, const char *label, struct sc_movejournal *journal, struct sc_error *err)
{
	const char *base = json_string_value(json_object_get(root, "Base"));
	const json_t *parts = json_object_get(root, "Parts");
	if (!base || json_array_size(parts) == 0)
		return sc_error_set(err, -EUCLEAN, "%s: expected \"Base\" and \"Parts\"", label);
	journal->base = strdup(base);
	journal->parts = calloc(json_array_size(parts), sizeof(*journal->parts));
	if (!journal->base || !journal->parts)
		return sc_error_errno(err, -ENOMEM, "%s", label);
	for (; journal->nparts < json_array_size(parts); journal->nparts++) {
		int rc = parse_part(json_array_get(parts, journal->nparts), &journal->parts[journal->nparts]);
		if (rc == -EUCLEAN)
			return sc_error_set(err, rc, "%s: part %zu has no name or path that could be one", label,
					    journal->nparts);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s", label);
	}
	return 0;
}

int sc_movejournal_decode(const void *data, size_t size, const char *label, struct sc_movejournal *ret_journal,
			  struct sc_error *err)
{
	const char *text = data;
	char wanted[HEADER_BYTES + 1];
	if (size < HEADER_BYTES || memcmp(text, MAGIC, strlen(MAGIC)) != 0)
		return sc_error_set(err, -EUCLEAN, "%s: expected a journal of version 1", label);
	snprintf(wanted, sizeof(wanted), MAGIC "%016" PRIx64 "\n",
		 checksum_of((const uint8_t *)text + HEADER_BYTES, size - HEADER_BYTES));
	if (memcmp(text, wanted, HEADER_BYTES) != 0)
		return sc_error_set(err, -EUCLEAN, "%s: its checksum is wrong", label);
	json_error_t problem;
	sc_autojson json_t *root = json_loadb(text + HEADER_BYTES, size - HEADER_BYTES, 0, &problem);
	if (!root)
		return sc_error_set(err, -EUCLEAN, "%s: %s", label, problem.text);
	struct sc_movejournal journal = { 0 };
	int rc = parse(root, label, &journal, err);
	if (rc < 0)
		sc_movejournal_clear(&journal);
	else
		*ret_journal = journal;
	return rc;
}

int sc_movejournal_read(int dirfd, const char *label, const char *file, struct sc_movejournal *ret_journal,
			struct sc_error *err)
{
	sc_autofree char *full = NULL;
	sc_autofree uint8_t *data = NULL;
	size_t size;
	if (asprintf(&full, "%s/%s", label, file) < 0) {
		full = NULL;
		return sc_error_errno(err, -ENOMEM, "%s", label);
	}
	int rc = sc_io_read_file(dirfd, file, full, JOURNAL_BYTES_MAX, &data, &size, err);
	return rc < 0 ? rc : sc_movejournal_decode(data, size, full, ret_journal, err);
}

void sc_movejournal_clear(struct sc_movejournal *journal)
{
	for (size_t i = 0; i < journal->nparts; i++) {
		free(journal->parts[i].from);
		free(journal->parts[i].name);
	}
	free(journal->parts);
	free(journal->base);
	*journal = (struct sc_movejournal){ 0 };
}

bool sc_movejournal_is_unfinished(int dirfd, const char *path)
{
	char file[PATH_MAX];
	struct stat st;
	if (snprintf(file, sizeof(file), "%s/%s", path, SC_MOVEJOURNAL_FILE) >= (int)sizeof(file))
		return false;
	return fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int sc_movejournal_report(const char *path, struct sc_error *err)
{
	return sc_error_set(err, -EINPROGRESS,
			    "%s: moving subcubes into it or back was interrupted: subcube-materialize --resume %s finishes it, "
			    "--undo puts all of them back",
			    path, path);
}

/*
 * Whether parts of `base`, of anything when it is NULL, may be moved into the
 * directory `name`. Not into a loose part: to look into each of them would cost
 * more than all that is read of them.
 */
static bool may_be_moved_into(const char *name, const char *base)
{
	size_t length = base ? strlen(base) : 0;
	if (base && (strncmp(name, base, length) != 0 || name[length] != '.'))
		return false;
	struct sc_name_parts part;
	bool is_part = sc_pattern_match(sc_names_known(0), name, &part);
	return !is_part || (base && part.base_length != length);
}

int sc_movejournal_find(int dirfd, const char *directory, const char *base, struct sc_error *err)
{
	sc_autoclosedir DIR *dir = NULL;
	int rc = sc_io_open_directory(dirfd, ".", 0, &dir);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot read the directory", directory);
	struct dirent *entry;
	while (rc == 0 && (errno = 0, entry = readdir(dir))) {
		const char *name = entry->d_name;
		if (name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		if (!may_be_moved_into(name, base) || !sc_movejournal_is_unfinished(dirfd, name))
			continue;
		sc_autofree char *path = NULL;
		if (asprintf(&path, "%s/%s", directory, name) < 0)
			path = NULL;
		rc = sc_movejournal_report(path ? path : name, err);
	}
	if (rc == 0 && errno != 0)
		rc = sc_error_errno(err, -errno, "%s: cannot read the directory", directory);
	return rc;
}
