/* Whether a part still is what it was when it was opened, from its files' versions alone. */
#include "subcube.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct look {
	const struct sc_source *source;
	const char *part;
	bool ask;
	struct sc_identity identity;
};

static bool add_file(struct look *look, const char *path, mode_t kind, struct sc_file_id *ret_id)
{
	struct statx stx;
	int dirfd = look->source->dirfd, flags = look->ask ? AT_STATX_FORCE_SYNC : 0;
	if (statx(dirfd, path, flags | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) < 0)
		return false;
	if (S_ISLNK(stx.stx_mode) &&
	    (sc_source_check(look->source, path, NULL) < 0 || statx(dirfd, path, flags, STATX_BASIC_STATS, &stx) < 0))
		return false;
	if ((stx.stx_mode & S_IFMT) != kind)
		return false;
	const struct sc_file_id id = sc_file_id_of_statx(&stx);
	sc_identity_add(&look->identity, &id);
	if (ret_id)
		*ret_id = id;
	return true;
}

/* Adds what is called by the first `length` bytes of `name` in the part. */
static bool add_inner(struct look *look, const char *name, size_t length, mode_t kind, struct sc_file_id *ret_id)
{
	char path[PATH_MAX];
	return snprintf(path, sizeof(path), "%s/%.*s", look->part, (int)length, name) < (int)sizeof(path) &&
	       add_file(look, path, kind, ret_id);
}

/* Adds what belongs to the data file `file` ("mask0/table.f0_TSM0"): table.dat, table.f0 and the file itself. */
static bool add_table(struct look *look, const char *file, struct sc_file_id *ret_id)
{
	char table[PATH_MAX];
	const char *slash = strrchr(file, '/'), *end = strstr(slash ? slash : file, "_TSM");
	int directory = slash ? (int)(slash - file) + 1 : 0;
	snprintf(table, sizeof(table), "%.*stable.dat", directory, file);
	return end && add_inner(look, table, strlen(table), S_IFREG, NULL) &&
	       add_inner(look, file, (size_t)(end - file), S_IFREG, NULL) &&
	       add_inner(look, file, strlen(file), S_IFREG, ret_id);
}

static bool add_mask(struct look *look, const char *file, struct sc_file_id *ret_id)
{
	const char *slash = strrchr(file, '/');
	return slash && add_inner(look, file, (size_t)(slash - file), S_IFDIR, NULL) && add_table(look, file, ret_id);
}

/* In the order of sc_subcube.identity. */
bool sc_subcube_look(const struct sc_source *source, const struct sc_subcube_files *files, bool ask,
		     struct sc_subcube_seen *ret_seen)
{
	struct look look = { .source = source, .part = files->name, .ask = ask };
	struct sc_subcube_seen seen = { 0 };
	bool is_fits = !files->pixels[0];
	if (sc_source_check_part(source, files->name, NULL) < 0 ||
	    !add_file(&look, files->name, is_fits ? S_IFREG : S_IFDIR, &seen.pixels_id))
		return false;
	seen.mask_id = seen.pixels_id;
	if (!is_fits && (!add_table(&look, files->pixels, &seen.pixels_id) ||
			 (files->mask && !add_mask(&look, files->mask, &seen.mask_id))))
		return false;
	seen.identity = look.identity;
	*ret_seen = seen;
	return true;
}
