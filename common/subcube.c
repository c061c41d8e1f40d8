#include "subcube.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "imageconcat.h"
#include "ioutil.h"
#include "tablefile.h"

/* Headers of real images take 10 KB to a few MB (a beam a plane, miscinfo of an earlier concatenation). */
#define HEADER_BYTES_MAX (256u << 20)

#define ACL_ATTRIBUTE "system.posix_acl_access"

void sc_access_add(struct sc_access *access, const struct stat *st, bool has_acl)
{
	struct sc_access one = {
		.any = true,
		.uniform = !has_acl,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mode = st->st_mode & 07777,
		.newest_ns = sc_file_id_of(st).mtime_ns,
	};
	sc_access_merge(access, &one);
}

void sc_access_merge(struct sc_access *access, const struct sc_access *other)
{
	if (!other->any)
		return;
	if (!access->any) {
		*access = *other;
		return;
	}
	access->uniform = access->uniform && other->uniform && access->uid == other->uid && access->gid == other->gid;
	access->mode &= other->mode;
	if (other->newest_ns > access->newest_ns)
		access->newest_ns = other->newest_ns;
}

bool sc_access_equal(const struct sc_access *a, const struct sc_access *b)
{
	if (!a->any || !b->any || !a->uniform || !b->uniform)
		return a->any == b->any && a->uniform == b->uniform;
	return a->uid == b->uid && a->gid == b->gid && a->mode == b->mode;
}

/* Longer ago than anything that has a time. */
#define NO_TIME (-(1ll << 40))

void sc_access_add_way(struct sc_access *access, const struct stat *st, bool has_acl)
{
	struct stat way = *st;
	way.st_mode = (way.st_mode & 0111) * 7;
	way.st_mtim = (struct timespec){ .tv_sec = NO_TIME };
	sc_access_add(access, &way, has_acl);
}

int sc_access_add_contents(struct sc_access *access, const struct sc_source *source, const char *path)
{
	sc_autoclosedir DIR *directory = NULL;
	struct stat st;
	if (sc_source_check(source, path, NULL) < 0)
		return 0;
	int rc = sc_io_open_directory(source->dirfd, path, 0, &directory);
	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	if (rc < 0 || fstat(dirfd(directory), &st) < 0)
		return rc < 0 ? rc : -errno;
	sc_access_add_way(access, &st, sc_access_open_has_acl(dirfd(directory)));
	const char *name;
	while ((rc = sc_io_next_entry(directory, &name)) > 0) {
		char entry[PATH_MAX];
		if (snprintf(entry, sizeof(entry), "%s/%s", path, name) >= (int)sizeof(entry))
			return -ENAMETOOLONG;
		rc = sc_source_stat(source, entry, &st, NULL);
		if (rc < 0)
			return rc;
		st.st_mtim = (struct timespec){ .tv_sec = NO_TIME };
		sc_access_add(access, &st, sc_access_has_acl(dirfd(directory), name));
	}
	return rc;
}

/* By the answer of getxattr. Whatever cannot be told counts as an ACL: then only the mounting user gets access. */
static bool acl_was_found(ssize_t answer)
{
	return answer >= 0 || (errno != ENODATA && errno != EOPNOTSUPP);
}

/* Linux 6.13; C libraries do not know it yet. */
#ifndef SYS_getxattrat
#define SYS_getxattrat 464
#endif

struct xattr_at {
	uint64_t value;
	uint32_t size, flags;
};

bool sc_access_has_acl(int dirfd, const char *path)
{
	struct xattr_at size_only = { 0 };
	ssize_t answer = syscall(SYS_getxattrat, dirfd, path, 0, ACL_ATTRIBUTE, &size_only, sizeof(size_only));
	/* Some containers forbid what they do not know. */
	if (answer >= 0 || (errno != ENOSYS && errno != EPERM))
		return acl_was_found(answer);
	/* By way of /proc, which gives the directory a path, it takes four times as long. */
	char full[PATH_MAX];
	if (snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", dirfd, path) >= (int)sizeof(full))
		return true;
	return acl_was_found(getxattr(full, ACL_ATTRIBUTE, NULL, 0));
}

bool sc_access_open_has_acl(int fd)
{
	return acl_was_found(fgetxattr(fd, ACL_ATTRIBUTE, NULL, 0));
}

/* A file of a part: its path below the source for opening, which is also its name in messages. */
struct part_path {
	char text[PATH_MAX];
};

static int join(struct part_path *path, const char *part, const char *file, struct sc_error *err)
{
	if (snprintf(path->text, sizeof(path->text), "%s/%s", part, file) >= (int)sizeof(path->text))
		return sc_error_set(err, -ENAMETOOLONG, "%s: its files' names are too long", part);
	return 0;
}

/* Opens a file of the part and notes who may read it and which version it is. */
static int open_file(struct sc_subcube *subcube, const struct sc_source *source, const struct part_path *path,
		     int *ret_fd, struct stat *ret_stat, struct sc_error *err)
{
	int rc = sc_source_open_file(source, path->text, ret_fd, ret_stat, err);
	if (rc < 0)
		return rc;
	const struct sc_file_id id = sc_file_id_of(ret_stat);
	sc_identity_add(&subcube->identity, &id);
	sc_access_add(&subcube->files, ret_stat, sc_access_open_has_acl(*ret_fd));
	return 0;
}

/* Half of one version and half of another could pass for a header. */
static int changed_while_read(const char *path, struct sc_error *err)
{
	return sc_error_set(err, -ESTALE, "%s: it changed while it was read", path);
}

static int read_header_file(struct sc_subcube *subcube, const struct sc_source *source, const struct part_path *path,
			    uint8_t **ret_data, size_t *ret_size, struct sc_error *err)
{
	struct stat st;
	sc_autoclose int fd = -1;
	int rc = open_file(subcube, source, path, &fd, &st, err);
	if (rc == 0)
		rc = sc_io_read_open(fd, &st, path->text, HEADER_BYTES_MAX, ret_data, err);
	if (rc < 0)
		return rc;
	struct sc_file_id now;
	const struct sc_file_id then = sc_file_id_of(&st);
	if (sc_file_id_ask(fd, true, &now) < 0 || !sc_file_id_equal(&now, &then)) {
		free(*ret_data);
		*ret_data = NULL;
		return changed_while_read(path->text, err);
	}
	*ret_size = (size_t)st.st_size;
	return 0;
}

static int read_table(struct sc_subcube *subcube, const struct sc_source *source, const char *directory,
		      struct sc_tablefile *ret_table, struct sc_error *err)
{
	struct part_path path;
	sc_autofree uint8_t *data = NULL;
	size_t size;
	int rc = join(&path, directory, "table.dat", err);
	if (rc == 0)
		rc = read_header_file(subcube, source, &path, &data, &size, err);
	if (rc == 0)
		rc = sc_tablefile_decode(data, size, path.text, ret_table, err);
	return rc;
}

/* The column of the array: the one casacore names so, or the only one. */
static const struct sc_tablefile_column *find_column(const struct sc_tablefile *table, const char *name)
{
	for (size_t i = 0; i < table->ncolumns; i++) {
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	}
	return table->ncolumns == 1 ? &table->columns[0] : NULL;
}

static int check_agreement(const struct sc_tablefile *table, const struct sc_tablefile_column *column,
			   const struct sc_tsm *tsm, const char *label, struct sc_error *err)
{
	if (tsm->type != column->type)
		return sc_error_set(err, -EUCLEAN, "%s: its data are %s, expected %s as in table.dat", label,
				    sc_type_name(tsm->type), sc_type_name(column->type));
	if (tsm->big_endian != table->big_endian)
		return sc_error_set(err, -EUCLEAN, "%s: its byte order is not the one in table.dat", label);
	if (tsm->sequence != column->sequence)
		return sc_error_set(err, -EUCLEAN, "%s: it is storage manager %u, expected %u as in table.dat", label,
				    tsm->sequence, column->sequence);
	return 0;
}

/* Number of tiles x bytes of a tile, behind the cube's offset; tsm's decoder made sure that it fits. */
static uint64_t bytes_needed(const struct sc_tsm *tsm)
{
	uint64_t pixels = 1, tiles = 1;
	for (int i = 0; i < tsm->ndim; i++) {
		pixels *= (uint64_t)tsm->tile[i];
		tiles *= (uint64_t)((tsm->shape[i] - 1) / tsm->tile[i] + 1);
	}
	return tsm->offset_bytes + tiles * ((pixels * sc_tsm_type_bits(tsm->type) - 1) / 8 + 1);
}

/*
 * Reads the tiled column of the table in `directory`, which is `prefix` inside
 * the part ("" or "mask0/").
 */
static int open_array(struct sc_subcube *subcube, const struct sc_source *source, const char *directory,
		      const char *prefix, const char *column_name, const struct sc_tablefile *table,
		      struct sc_subcube_array *ret_array, struct sc_error *err)
{
	const struct sc_tablefile_column *column = find_column(table, column_name);
	if (!column)
		return sc_error_set(err, -EUCLEAN, "%s/table.dat: no column \"%s\", not a CASA image", directory,
				    column_name);
	if (!sc_tsm_is_tiled(column->manager))
		return sc_error_set(err, -EUCLEAN,
				    "%s/table.dat: the column \"%s\" is stored by %s, expected a storage manager of tiles, "
				    "such as TiledCellStMan",
				    directory, column->name, column->manager);
	char file[64];
	struct part_path path;
	sc_autofree uint8_t *data = NULL;
	size_t size;
	snprintf(file, sizeof(file), "table.f%u", column->sequence);
	int rc = join(&path, directory, file, err);
	if (rc == 0)
		rc = read_header_file(subcube, source, &path, &data, &size, err);
	if (rc == 0)
		rc = sc_tsm_decode(data, size, path.text, &ret_array->tsm, err);
	if (rc == 0)
		rc = check_agreement(table, column, &ret_array->tsm, path.text, err);
	if (rc < 0)
		return rc;

	snprintf(file, sizeof(file), "table.f%u_TSM%u", column->sequence, ret_array->tsm.file);
	if (snprintf(ret_array->file, sizeof(ret_array->file), "%s%s", prefix, file) >= (int)sizeof(ret_array->file))
		return sc_error_set(err, -ENAMETOOLONG, "%s: the mask's name is too long", directory);
	rc = join(&path, directory, file, err);
	if (rc < 0)
		return rc;
	struct stat st;
	sc_autoclose int fd = -1;
	rc = open_file(subcube, source, &path, &fd, &st, err);
	if (rc < 0)
		return rc;
	ret_array->id = sc_file_id_of(&st);
	ret_array->needed_bytes = bytes_needed(&ret_array->tsm);
	return 0;
}

/* The mask's table inside the image: casacore stores "././NAME". Anything else would lead out of the part. */
static const char *inner_table_name(const char *stored)
{
	if (strncmp(stored, "././", 4) != 0)
		return NULL;
	const char *name = stored + 4;
	if (name[0] == 0 || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return NULL;
	return name;
}

static bool same_shape(const struct sc_tsm *a, const struct sc_tsm *b)
{
	return a->ndim == b->ndim && memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof(a->shape[0])) == 0;
}

static int add_mask_directory(struct sc_subcube *subcube, const struct sc_source *source, const char *path,
			      struct sc_error *err)
{
	struct stat st;
	int rc = sc_source_stat(source, path, &st, err);
	if (rc < 0)
		return rc;
	const struct sc_file_id id = sc_file_id_of(&st);
	sc_identity_add(&subcube->identity, &id);
	sc_access_add_way(&subcube->files, &st, sc_access_has_acl(source->dirfd, path));
	return 0;
}

/* Opens the default mask named `mask` in the image's keywords. */
static int open_mask(const struct sc_source *source, const char *name, const char *mask, struct sc_subcube *subcube,
		     struct sc_error *err)
{
	const struct sc_record *masks = sc_record_get_record(subcube->keywords, "masks");
	const struct sc_record *region = masks ? sc_record_get_record(masks, mask) : NULL;
	const char *kind = region ? sc_record_get_string(region, "name") : NULL;
	const char *stored = region ? sc_record_get_string(region, "mask") : NULL;
	if (!kind || !stored || strcmp(kind, "LCPagedMask") != 0)
		return sc_error_set(err, -EUCLEAN, "%s/table.dat: the default mask %s is not a pixel mask in it", name,
				    mask);
	const char *table_name = inner_table_name(stored);
	if (!table_name)
		return sc_error_set(err, -EUCLEAN, "%s/table.dat: the default mask's table %s is not inside the image",
				    name, stored);

	char prefix[256];
	struct part_path directory;
	if (snprintf(prefix, sizeof(prefix), "%s/", table_name) >= (int)sizeof(prefix))
		return sc_error_set(err, -ENAMETOOLONG, "%s: the mask's name is too long", name);
	int rc = join(&directory, name, table_name, err);
	if (rc < 0)
		return rc;
	struct sc_tablefile table;
	rc = add_mask_directory(subcube, source, directory.text, err);
	if (rc == 0)
		rc = read_table(subcube, source, directory.text, &table, err);
	if (rc < 0)
		return rc;
	rc = open_array(subcube, source, directory.text, prefix, "PagedArray", &table, &subcube->mask, err);
	sc_tablefile_clear(&table);
	if (rc < 0)
		return rc;
	if (subcube->mask.tsm.type != SC_TYPE_BOOL)
		return sc_error_set(err, -EUCLEAN, "%s: its pixels are %s, expected Bool", directory.text,
				    sc_type_name(subcube->mask.tsm.type));
	if (!same_shape(&subcube->mask.tsm, &subcube->pixels.tsm))
		return sc_error_set(err, -EUCLEAN, "%s: the mask has not the image's shape", directory.text);
	subcube->has_mask = true;
	return 0;
}

static int check_pixel_type(const char *name, enum sc_type type, struct sc_error *err)
{
	switch (type) {
	case SC_TYPE_FLOAT:
	case SC_TYPE_DOUBLE:
	case SC_TYPE_COMPLEX:
	case SC_TYPE_DCOMPLEX:
		return 0;
	default:
		return sc_error_set(err, -EUCLEAN, "%s: its pixels are %s, expected float, double or complex", name,
				    sc_type_name(type));
	}
}

/* The directory's owner, group and ACL count for the files in it too, its mode bits do not. */
static void add_directory(struct sc_subcube *subcube, const struct sc_source *source, const char *name,
			  const struct stat *st)
{
	struct stat any_mode = *st;
	const struct sc_file_id id = sc_file_id_of(st);
	any_mode.st_mode |= 07777;
	sc_identity_add(&subcube->identity, &id);
	sc_access_add(&subcube->files, &any_mode, sc_access_has_acl(source->dirfd, name));
}

static bool is_virtual(const struct sc_source *source, const char *name)
{
	struct part_path path;
	struct stat st;
	return join(&path, name, SC_IMAGECONCAT_FILE, NULL) == 0 && sc_source_stat(source, path.text, &st, NULL) == 0;
}

/* Whether all that was opened was there at one time: no other part took its place meanwhile, and none of it was rewritten. */
static int check_unchanged(const struct sc_source *source, const char *name, const struct sc_subcube *subcube,
			   struct sc_error *err)
{
	const struct sc_subcube_files files = { name, subcube->pixels.file,
						subcube->has_mask ? subcube->mask.file : NULL };
	struct sc_subcube_seen seen;
	/* What an opened file has told just now need not be asked for again. */
	bool is_same = sc_subcube_look(source, &files, false, &seen) &&
		       sc_identity_equal(&seen.identity, &subcube->identity);
	return is_same ? 0 : changed_while_read(name, err);
}

static int open_table(const struct sc_source *source, const char *name, const struct stat *st,
		      struct sc_subcube *ret_subcube, struct sc_error *err)
{
	struct sc_subcube subcube = { 0 };
	struct sc_tablefile table;
	add_directory(&subcube, source, name, st);
	int rc = read_table(&subcube, source, name, &table, err);
	if (rc == -ENOENT && is_virtual(source, name))
		return sc_error_set(err, -EUCLEAN,
				    "%s: a virtual image, without pixels of its own; name its parts instead", name);
	if (rc < 0)
		return rc;
	rc = open_array(&subcube, source, name, "", "map", &table, &subcube.pixels, err);
	subcube.keywords = sc_steal_ptr(table.keywords);
	sc_tablefile_clear(&table);
	if (rc == 0)
		rc = check_pixel_type(name, subcube.pixels.tsm.type, err);
	if (rc == 0) {
		const char *mask = sc_record_get_string(subcube.keywords, "Image_defaultmask");
		if (mask && mask[0] != 0)
			rc = open_mask(source, name, mask, &subcube, err);
	}
	if (rc == 0)
		rc = check_unchanged(source, name, &subcube, err);
	if (rc < 0) {
		sc_subcube_clear(&subcube);
		return rc;
	}
	*ret_subcube = subcube;
	return 0;
}

int sc_subcube_open(const struct sc_source *source, const char *name, struct sc_subcube *ret_subcube,
		    struct sc_error *err)
{
	/* Another program's lock file, made in the directory, counts as a change too: it is made once. */
	for (int tries = 3;; tries--) {
		struct stat st;
		int rc = sc_source_check_part(source, name, err);
		if (rc == 0)
			rc = sc_source_stat(source, name, &st, err);
		if (rc < 0)
			return rc;
		rc = S_ISREG(st.st_mode) ? sc_subcube_open_fits(source, name, ret_subcube, err)
					 : open_table(source, name, &st, ret_subcube, err);
		if (rc != -ESTALE || tries == 1)
			return rc;
	}
}

void sc_subcube_clear(struct sc_subcube *subcube)
{
	sc_record_free(subcube->keywords);
	if (subcube->fits)
		sc_fits_clear(subcube->fits);
	free(subcube->fits);
	*subcube = (struct sc_subcube){ 0 };
}
