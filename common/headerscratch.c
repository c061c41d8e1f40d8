#include "headerclientpriv.h"
#include "fitsclient.h"
#include "ioutil.h"
#include "tablefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* A history of a few rows has 33 kB, of a thousand 1 MB. */
#define SC_HISTORY_MAXBYTES ((uint64_t)64 << 20)
#define SC_HISTORY_MAXFILES 64

/* An image of one pixel with its mask and logtable has 13 files; the logtable grows with the history. */
#define SC_TEMPLATE_MAXFILES 40
#define SC_TEMPLATE_MAXBYTES ((size_t)256 << 20)

/* Copies one file of the log table; takes its bytes from what is left of the limit. */
static int copy_file(const struct sc_source *source, const char *directory, const char *name, int to_dirfd,
		     uint64_t *left_bytes, struct sc_error *err)
{
	sc_autofree char *path = NULL;
	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return sc_error_errno(err, -ENOMEM, "%s: cannot copy", directory);
	}
	sc_autofree uint8_t *data = NULL;
	size_t size;
	int rc = sc_source_read_file(source, path, *left_bytes, &data, &size, err);
	if (rc < 0)
		return rc;
	sc_autoclose int fd = openat(to_dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	rc = fd < 0 ? -errno : sc_io_write_full(fd, data, size);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot copy", path);
	*left_bytes -= size;
	return 0;
}

static int copy_files(const struct sc_source *source, DIR *from, int to_dirfd, const char *label, struct sc_error *err)
{
	uint64_t left_bytes = SC_HISTORY_MAXBYTES;
	for (unsigned nfiles = 0;; nfiles++) {
		const char *name;
		int rc = sc_io_next_entry(from, &name);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s: cannot read the directory", label);
		if (rc == 0)
			return 0;
		if (nfiles == SC_HISTORY_MAXFILES)
			return sc_error_set(err, -EUCLEAN, "%s: more than %d files", label, SC_HISTORY_MAXFILES);
		rc = copy_file(source, label, name, to_dirfd, &left_bytes, err);
		if (rc < 0)
			return rc;
	}
}

/* Copies the open log table into SCRATCH/`path`, which becomes an incomplete one on errors. */
static int copy_log_table(const struct sc_source *source, DIR *from, const struct sc_header_scratch *scratch,
			  const char *path, const char *label, struct sc_error *err)
{
	if ((mkdirat(scratch->dirfd, "history", 0700) < 0 && errno != EEXIST) || mkdirat(scratch->dirfd, path, 0700) < 0)
		return sc_error_errno(err, -errno, "%s/%s: cannot make", scratch->path, path);
	sc_autoclose int to_fd = openat(scratch->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to_fd < 0)
		return sc_error_errno(err, -errno, "%s/%s: cannot open", scratch->path, path);
	return copy_files(source, from, to_fd, label, err);
}

/*
 * casacore follows what a table.dat says: it opens the table that a reference
 * is to, wherever that is, and loads a library named like a storage manager
 * that it does not know. So only ordinary tables get there.
 */
static int check_log_table(const struct sc_header_scratch *scratch, const char *table_path, const char *label,
			   struct sc_error *err)
{
	static const char *const managers[] = { "StandardStMan", "IncrementalStMan", "StManAipsIO" };
	sc_autofree char *path = NULL, *file_label = NULL;
	if (asprintf(&path, "%s/table.dat", table_path) < 0) {
		path = NULL;
		return sc_error_errno(err, -ENOMEM, "%s: cannot copy", label);
	}
	if (asprintf(&file_label, "%s/table.dat", label) < 0) {
		file_label = NULL;
		return sc_error_errno(err, -ENOMEM, "%s: cannot copy", label);
	}
	sc_autofree uint8_t *data = NULL;
	size_t size;
	struct sc_tablefile table;
	int rc = sc_io_read_file(scratch->dirfd, path, file_label, SC_HISTORY_MAXBYTES, &data, &size, err);
	if (rc == 0)
		rc = sc_tablefile_decode(data, size, file_label, &table, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < table.ncolumns && rc == 0; i++) {
		bool known = false;
		for (size_t j = 0; j < SC_COUNT_OF(managers); j++)
			known |= strcmp(table.columns[i].manager, managers[j]) == 0;
		if (!known)
			rc = sc_error_set(err, -EUCLEAN, "%s: storage manager %s in a log table", file_label,
					  table.columns[i].manager);
	}
	sc_tablefile_clear(&table);
	return rc;
}

/* A FITS image has its history in its header: SCRATCH/`path` becomes a copy without the pixels. */
static int copy_fits_history(const struct sc_header_scratch *scratch, const struct sc_source *source, const char *part,
			     const char *path, struct sc_error *err)
{
	sc_autoclose int fd = -1;
	struct sc_fits fits;
	int rc = sc_source_open_file(source, part, &fd, NULL, err);
	if (rc < 0)
		return rc;
	if (mkdirat(scratch->dirfd, "history", 0700) < 0 && errno != EEXIST)
		return sc_error_errno(err, -errno, "%s/history: cannot make", scratch->path);
	rc = sc_fits_read(fd, part, &fits, err);
	if (rc < 0)
		return rc;
	struct sc_fitsclient_part copied = { part, &fits };
	rc = sc_fitsclient_write_skeleton(source, &copied, scratch->dirfd, path, err);
	sc_fits_clear(&fits);
	return rc;
}

static bool is_file(int dirfd, const char *path)
{
	struct stat st;
	return fstatat(dirfd, path, &st, 0) == 0 && S_ISREG(st.st_mode);
}

int sc_header_scratch_copy_history(const struct sc_header_scratch *scratch, const struct sc_source *source,
				   const char *part, size_t number, bool *ret_copied, struct sc_error *err)
{
	sc_autofree char *label = NULL;
	if (asprintf(&label, "%s/logtable", part) < 0) {
		label = NULL;
		return sc_error_errno(err, -ENOMEM, "cannot copy the history");
	}
	char path[64];
	snprintf(path, sizeof(path), "history/%zu", number);
	sc_autoclosedir DIR *from = NULL;
	int rc = sc_source_open_directory(source, label, &from, err);
	if (rc == -ENOENT) {
		*ret_copied = false;
		return 0;
	}
	/* Not a directory: the part is a file, an image in FITS, or its logtable is one. */
	if (rc < 0 && (rc != -ENOTDIR || !is_file(source->dirfd, part)))
		return rc;
	if (from)
		rc = copy_log_table(source, from, scratch, path, label, err);
	else
		rc = copy_fits_history(scratch, source, part, path, err);
	if (rc == 0 && from)
		rc = check_log_table(scratch, path, label, err);
	if (rc < 0) {
		sc_io_remove_tree(scratch->dirfd, path);
		return rc;
	}
	*ret_copied = true;
	return 0;
}

int sc_header_scratch_reset(const struct sc_header_scratch *scratch, struct sc_error *err)
{
	int rc = sc_io_remove_tree(scratch->dirfd, "history");
	if (rc == 0)
		rc = sc_io_remove_tree(scratch->dirfd, "image");
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot empty", scratch->path) : 0;
}

/* What is read so far, and what it was read from. */
struct image_reader {
	struct sc_template result;
	size_t left_bytes;
	struct sc_error *err;
};

/* `prefix` is "" or "mask0/". */
static int read_file(struct image_reader *reader, int dirfd, const char *prefix, const char *name)
{
	struct sc_template *result = &reader->result;
	sc_autofree char *path = NULL;
	if (asprintf(&path, "%s%s", prefix, name) < 0) {
		path = NULL;
		return sc_error_errno(reader->err, -ENOMEM, "cannot read what the header program made");
	}
	if (result->nfiles == SC_TEMPLATE_MAXFILES)
		return sc_error_set(reader->err, -EUCLEAN, "the header program made more than %d files",
				    SC_TEMPLATE_MAXFILES);
	struct sc_template_file *file = &result->files[result->nfiles];
	int rc = sc_io_read_file(dirfd, name, path, reader->left_bytes, &file->data, &file->size, reader->err);
	if (rc < 0)
		return rc;
	file->path = sc_steal_ptr(path);
	reader->left_bytes -= file->size;
	result->nfiles++;
	return 0;
}

static int read_directory(struct image_reader *reader, int dirfd, const char *path, const char *prefix);

static int read_subdirectory(struct image_reader *reader, int dirfd, const char *name)
{
	sc_autofree char *prefix = NULL;
	if (asprintf(&prefix, "%s/", name) < 0) {
		prefix = NULL;
		return sc_error_errno(reader->err, -ENOMEM, "cannot read what the header program made");
	}
	return read_directory(reader, dirfd, name, prefix);
}

static int read_entry(struct image_reader *reader, int dirfd, const char *prefix, const char *name)
{
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return sc_error_errno(reader->err, -errno, "%s%s: cannot stat", prefix, name);
	/* The log table and the mask; tables inside those there are none. */
	if (S_ISDIR(st.st_mode) && !*prefix)
		return read_subdirectory(reader, dirfd, name);
	if (!S_ISREG(st.st_mode))
		return sc_error_set(reader->err, -EUCLEAN, "%s%s: the header program made no ordinary file", prefix,
				    name);
	/* Pixels: the caller has the true ones. */
	if (strstr(name, "_TSM"))
		return 0;
	return read_file(reader, dirfd, prefix, name);
}

static int read_directory(struct image_reader *reader, int parent_dirfd, const char *path, const char *prefix)
{
	sc_autoclosedir DIR *dir = NULL;
	int rc = sc_io_open_directory(parent_dirfd, path, 0, &dir);
	if (rc < 0)
		return sc_error_errno(reader->err, rc, "%s: cannot open what the header program made", path);
	const char *name;
	while ((rc = sc_io_next_entry(dir, &name)) > 0) {
		rc = read_entry(reader, dirfd(dir), prefix, name);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return sc_error_errno(reader->err, rc, "%s: cannot read what the header program made", path);
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	const struct sc_template_file *file_a = a, *file_b = b;
	return strcmp(file_a->path, file_b->path);
}

int sc_header_scratch_read_image(const struct sc_header_scratch *scratch, struct sc_template *ret_template,
				 struct sc_error *err)
{
	struct image_reader reader = { .left_bytes = SC_TEMPLATE_MAXBYTES, .err = err };
	reader.result.files = calloc(SC_TEMPLATE_MAXFILES, sizeof(*reader.result.files));
	if (!reader.result.files)
		return sc_error_errno(err, -ENOMEM, "cannot read what the header program made");
	int rc = read_directory(&reader, scratch->dirfd, "image", "");
	if (rc < 0) {
		sc_template_clear(&reader.result);
		return rc;
	}
	qsort(reader.result.files, reader.result.nfiles, sizeof(*reader.result.files), compare_paths);
	*ret_template = reader.result;
	return 0;
}

void sc_template_clear(struct sc_template *template_files)
{
	for (size_t i = 0; i < template_files->nfiles; i++) {
		free(template_files->files[i].path);
		free(template_files->files[i].data);
	}
	free(template_files->files);
	free(template_files->warning);
	*template_files = (struct sc_template){ 0 };
}

const struct sc_template_file *sc_template_find(const struct sc_template *template_files, const char *path)
{
	for (size_t i = 0; i < template_files->nfiles; i++)
		if (strcmp(template_files->files[i].path, path) == 0)
			return &template_files->files[i];
	return NULL;
}
