/*
 * mkfamily - makes a large family of subcubes after one real part of each extension.
 *
 *   mkfamily [-l] [-b BASE] -n PARTS -s SIZE OUT TEMPLATE EXT[=TEMPLATE_EXT]...
 *
 * Part n of .image is OUT/BASE.subcube.n.image, made after the directory TEMPLATE.image: all its files, with a channel
 * of its own (the frequency goes up by the template's channel width), a beam of its own, clashing miscinfo, SIZE x SIZE
 * pixels in casacore's tiles (an extension of one pixel, .sumwt, keeps it) and random pixels and mask bits.
 *
 * With -l, for families of millions of files, only table.dat of the first extension is of each part; all the rest are
 * hard links to the files of one part of up to LINKS_MAX, so that these parts share their pixels.
 *
 * Parts are made by one thread for each processor, contiguous ranges of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ioutil.h"
#include "tablefile.h"
#include "tiling.h"
#include "tsm.h"

#define FILES_MAX 32
#define EXTENSIONS_MAX 16
#define TEMPLATE_MAX_BYTES (1U << 20)
#define LINKS_MAX 50000 /* ext4 has 65000 */

/* One file of a part. Pixels have no data: they are made. */
struct file {
	char path[288]; /* inside the part */
	uint8_t *data;
	size_t size;
	bool is_pixels;
};

struct extension {
	char name[64]; /* ".image" */
	size_t nfiles;
	struct file files[FILES_MAX]; /* without table.dat */
	char directories[FILES_MAX][256];
	size_t ndirectories;
	struct sc_tablefile table;
};

static struct {
	const char *out, *base, *template;
	long nparts, size;
	bool link;
	int nextensions;
	char *extensions[EXTENSIONS_MAX];
	int out_fd;
} options = { .base = "cube" };

struct worker {
	pthread_t thread;
	long first, behind; /* parts */
	struct extension extension; /* at work on */
	struct sc_error err;
};

/* --- the template --- */

static bool is_pixel_file(const char *path)
{
	return strstr(path, "_TSM") != NULL;
}

static int add_file(struct extension *extension, int dirfd, const char *name, const char *path, struct sc_error *err)
{
	if (extension->nfiles == FILES_MAX)
		return sc_error_set(err, -E2BIG, "%s: too many files", path);
	struct file *file = &extension->files[extension->nfiles];
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->is_pixels = is_pixel_file(path);
	int rc =
	    file->is_pixels ? 0 : sc_io_read_file(dirfd, name, path, TEMPLATE_MAX_BYTES, &file->data, &file->size, err);
	if (rc == 0)
		extension->nfiles++;
	return rc;
}

/* Reads the files of the directory `path` of the part in `dirfd`: the part itself ("."), its mask0, its logtable. */
static int read_directory(struct extension *extension, int dirfd, const char *path, struct sc_error *err)
{
	sc_autoclosedir DIR *dir = NULL;
	const char *name;
	bool top = strcmp(path, ".") == 0;
	int rc = sc_io_open_directory(dirfd, path, 0, &dir);
	if (rc < 0)
		return sc_error_errno(err, rc, "%s", path);
	while ((rc = sc_io_next_entry(dir, &name)) > 0) {
		char inside[sizeof(extension->files[0].path)];
		struct stat st;
		snprintf(inside, sizeof(inside), "%s%s%s", top ? "" : path, top ? "" : "/", name);
		if (fstatat(dirfd, inside, &st, 0) < 0)
			return sc_error_errno(err, -errno, "%s", inside);
		if (S_ISDIR(st.st_mode)) {
			char *directory = extension->directories[extension->ndirectories++];
			snprintf(directory, sizeof(extension->directories[0]), "%s", name);
			rc = read_directory(extension, dirfd, directory, err);
		} else if (strcmp(inside, "table.dat") != 0) {
			rc = add_file(extension, dirfd, inside, inside, err);
		}
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Gives the array that `header` (table.f0) describes its shape, and its pixel file its size. */
static int resize_array(struct extension *extension, struct file *header, struct sc_error *err)
{
	struct sc_tsm tsm;
	int rc = sc_tsm_decode(header->data, header->size, header->path, &tsm, err);
	if (rc < 0)
		return rc;
	if (tsm.shape[0] > 1)
		tsm.shape[0] = tsm.shape[1] = options.size;
	sc_tiling_casa(tsm.ndim, tsm.shape, tsm.tile);
	uint64_t elements = 1, tiles = 1;
	for (int i = 0; i < tsm.ndim; i++) {
		tsm.default_tile[i] = tsm.tile[i];
		elements *= (uint64_t)tsm.tile[i];
		tiles *= (uint64_t)((tsm.shape[i] + tsm.tile[i] - 1) / tsm.tile[i]);
	}
	tsm.file_bytes = tiles * ((elements * sc_tsm_type_bits(tsm.type) + 7) / 8);
	char pixels[sizeof(header->path) + 16];
	snprintf(pixels, sizeof(pixels), "%s_TSM%u", header->path, tsm.file);
	for (size_t i = 0; i < extension->nfiles; i++)
		if (strcmp(extension->files[i].path, pixels) == 0)
			extension->files[i].size = tsm.file_bytes;
	free(header->data);
	header->data = NULL;
	rc = sc_tsm_encode(&tsm, &header->data, &header->size);
	return rc < 0 ? sc_error_errno(err, rc, "%s", header->path) : 0;
}

static int set_mask_box(struct sc_record *keywords)
{
	struct sc_record *masks = sc_record_edit_record(keywords, "masks");
	struct sc_record *region = masks ? sc_record_edit_record(masks, "mask0") : NULL;
	struct sc_record *box = region ? sc_record_edit_record(region, "box") : NULL;
	const float trc[] = { (float)options.size, (float)options.size, 1, 1 };
	const int32_t shape[] = { (int32_t)options.size, (int32_t)options.size, 1, 1 };
	if (!box)
		return 0;
	int rc = sc_record_put_vector(box, "trc", SC_TYPE_ARRAY_FLOAT, trc, SC_COUNT_OF(trc));
	return rc < 0 ? rc : sc_record_put_vector(box, "shape", SC_TYPE_ARRAY_INT, shape, SC_COUNT_OF(shape));
}

/* `argument` is EXT or EXT=TEMPLATE_EXT. */
static int load_extension(struct extension *extension, const char *argument, struct sc_error *err)
{
	const char *equals = strchr(argument, '=');
	char path[PATH_MAX];
	sc_autofree uint8_t *data = NULL;
	size_t size;
	snprintf(extension->name, sizeof(extension->name), "%.*s", (int)strcspn(argument, "="), argument);
	snprintf(path, sizeof(path), "%s%s", options.template, equals ? equals + 1 : argument);
	sc_autoclose int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return sc_error_errno(err, -errno, "%s", path);
	int rc = sc_io_read_file(dirfd, "table.dat", path, TEMPLATE_MAX_BYTES, &data, &size, err);
	if (rc == 0)
		rc = sc_tablefile_decode(data, size, path, &extension->table, err);
	if (rc == 0)
		rc = read_directory(extension, dirfd, ".", err);
	for (size_t i = 0; rc == 0 && i < extension->nfiles; i++) {
		const char *name = extension->files[i].path;
		if (strcmp(name, "table.f0") == 0 || strcmp(name, "mask0/table.f0") == 0)
			rc = resize_array(extension, &extension->files[i], err);
	}
	if (rc == 0 && set_mask_box(extension->table.keywords) < 0)
		rc = sc_error_errno(err, -ENOMEM, "%s", path);
	return rc;
}

static void clear_extension(struct extension *extension)
{
	for (size_t i = 0; i < extension->nfiles; i++)
		free(extension->files[i].data);
	sc_tablefile_clear(&extension->table);
	memset(extension, 0, sizeof(*extension));
}

/* --- what differs from part to part --- */

static int set_frequency(struct sc_record *keywords, long step)
{
	struct sc_record *coords = sc_record_edit_record(keywords, "coords");
	struct sc_record *spectral = coords ? sc_record_edit_record(coords, "spectral2") : NULL;
	struct sc_record *wcs = spectral ? sc_record_edit_record(spectral, "wcs") : NULL;
	double crval, cdelt;
	if (!wcs || !sc_record_get_double(wcs, "crval", &crval) || !sc_record_get_double(wcs, "cdelt", &cdelt))
		return -EUCLEAN;
	return sc_record_put_double(wcs, "crval", crval + (double)step * cdelt);
}

/* Makes `name` of the beam a little larger than the template's, by `more` of it. */
static int set_beam_axis(struct sc_record *beam, const char *name, double more)
{
	struct sc_record *axis = sc_record_edit_record(beam, name);
	double value;
	if (!axis || !sc_record_get_double(axis, "value", &value))
		return -EUCLEAN;
	return sc_record_put_double(axis, "value", value * (1 + more));
}

/* The template's major axis is the longer one, and grows more. */
static int set_beam(struct sc_record *keywords, long step)
{
	struct sc_record *info = sc_record_edit_record(keywords, "imageinfo");
	struct sc_record *beam = info ? sc_record_edit_record(info, "restoringbeam") : NULL;
	if (!beam)
		return 0;
	int rc = set_beam_axis(beam, "major", 2e-5 * (double)step);
	return rc < 0 ? rc : set_beam_axis(beam, "minor", 1e-5 * (double)step);
}

/* Each process of an imager tells how much memory it had. */
static int set_miscinfo(struct sc_record *keywords, long step)
{
	struct sc_record *miscinfo = sc_record_edit_record(keywords, "miscinfo");
	if (!miscinfo)
		return -EUCLEAN;
	int rc = sc_record_put_float(miscinfo, "memreq", 0.25F + (float)step * 1e-5F);
	return rc < 0 ? rc : sc_record_put_float(miscinfo, "memavail", 18 + (float)step * 1e-3F);
}

/* The part's table.dat: that of the part before it, one step on. */
static int encode_table(const struct extension *extension, long steps, uint8_t **ret_data, size_t *ret_size)
{
	struct sc_tablefile table = extension->table;
	table.keywords = sc_record_copy(extension->table.keywords);
	if (!table.keywords)
		return -ENOMEM;
	int rc = set_frequency(table.keywords, steps);
	if (rc == 0)
		rc = set_beam(table.keywords, steps);
	if (rc == 0)
		rc = set_miscinfo(table.keywords, steps);
	if (rc == 0)
		rc = sc_tablefile_encode(&table, ret_data, ret_size);
	sc_record_free(table.keywords);
	return rc;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U; /* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

/* Pixels are floats below 1 in magnitude; of the mask bits 1 of 32 is bad. */
static void fill_pixels(uint8_t *to, size_t size, bool is_mask, uint64_t seed)
{
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t bits = next_random(&seed);
		if (is_mask) {
			bits |= next_random(&seed) | next_random(&seed) | next_random(&seed) | next_random(&seed);
		} else {
			float two[] = { (float)(int32_t)bits / 2147483648.0F, (float)(int32_t)(bits >> 32) / 2147483648.0F };
			memcpy(&bits, two, sizeof(bits));
		}
		memcpy(to + at, &bits, size - at < sizeof(bits) ? size - at : sizeof(bits));
	}
}

/* --- writing --- */

/* As if it was written an hour ago: what is young is taken for unfinished. */
static int write_file(int dirfd, const char *path, const void *data, size_t size)
{
	const struct timespec before = { .tv_sec = time(NULL) - 3600 }, times[] = { before, before };
	sc_autoclose int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int rc = fd < 0 ? -errno : sc_io_write_full(fd, data, size);
	return rc == 0 && futimens(fd, times) < 0 ? -errno : rc;
}

static int write_pixels(int dirfd, const struct file *file, uint64_t seed)
{
	sc_autofree uint8_t *pixels = malloc(file->size);
	if (!pixels)
		return -ENOMEM;
	fill_pixels(pixels, file->size, strchr(file->path, '/') != NULL, seed);
	return write_file(dirfd, file->path, pixels, file->size);
}

static int make_part_directory(const struct extension *extension, const char *name, int *ret_dirfd)
{
	if (mkdirat(options.out_fd, name, 0755) < 0)
		return -errno;
	sc_autoclose int dirfd = openat(options.out_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	for (size_t i = 0; i < extension->ndirectories; i++)
		if (mkdirat(dirfd, extension->directories[i], 0755) < 0)
			return -errno;
	*ret_dirfd = sc_steal_fd(&dirfd);
	return 0;
}

static int write_table(const struct extension *extension, int dirfd, long part)
{
	sc_autofree uint8_t *data = NULL;
	size_t size;
	int rc = encode_table(extension, part, &data, &size);
	return rc < 0 ? rc : write_file(dirfd, "table.dat", data, size);
}

/* Makes one part. `master` is the directory of the part whose files it links to; -1: it writes all itself. */
static int make_part(const struct extension *extension, int number, long part, int master, int *ret_dirfd)
{
	char name[PATH_MAX];
	sc_autoclose int dirfd = -1;
	snprintf(name, sizeof(name), "%s.subcube.%ld%s", options.base, part, extension->name);
	int rc = make_part_directory(extension, name, &dirfd);
	for (size_t i = 0; rc == 0 && i < extension->nfiles; i++) {
		const struct file *file = &extension->files[i];
		if (master >= 0)
			rc = linkat(master, file->path, dirfd, file->path, 0) < 0 ? -errno : 0;
		else if (file->is_pixels)
			rc = write_pixels(dirfd, file, ((uint64_t)part << 16) + ((uint64_t)number << 8) + i);
		else
			rc = write_file(dirfd, file->path, file->data, file->size);
	}
	if (rc == 0 && master >= 0 && number > 0)
		rc = linkat(master, "table.dat", dirfd, "table.dat", 0) < 0 ? -errno : 0;
	else if (rc == 0)
		rc = write_table(extension, dirfd, part);
	if (rc == 0)
		*ret_dirfd = sc_steal_fd(&dirfd);
	return rc;
}

static int make_parts(struct worker *worker, int number)
{
	sc_autoclose int master = -1;
	for (long part = worker->first; part < worker->behind; part++) {
		sc_autoclose int dirfd = -1;
		bool fresh = !options.link || (part - worker->first) % LINKS_MAX == 0;
		int rc = make_part(&worker->extension, number, part, fresh ? -1 : master, &dirfd);
		if (rc < 0)
			return sc_error_errno(&worker->err, rc, "part %ld%s", part, worker->extension.name);
		if (options.link && fresh) {
			if (master >= 0)
				close(master);
			master = sc_steal_fd(&dirfd);
		}
	}
	return 0;
}

static void *run_worker(void *argument)
{
	struct worker *worker = argument;
	int rc = 0;
	for (int i = 0; rc == 0 && i < options.nextensions; i++) {
		rc = load_extension(&worker->extension, options.extensions[i], &worker->err);
		if (rc == 0)
			rc = make_parts(worker, i);
		clear_extension(&worker->extension);
	}
	return NULL;
}

static int run(void)
{
	long nworkers = sysconf(_SC_NPROCESSORS_ONLN);
	int rc = 0;
	if (nworkers > options.nparts)
		nworkers = options.nparts;
	struct worker *workers = calloc((size_t)nworkers, sizeof(*workers));
	if (!workers)
		return 1;
	for (long i = 0; i < nworkers; i++) {
		workers[i].first = options.nparts * i / nworkers;
		workers[i].behind = options.nparts * (i + 1) / nworkers;
		if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0)
			abort();
	}
	for (long i = 0; i < nworkers; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].err.code) {
			fprintf(stderr, "mkfamily: %s\n", workers[i].err.text);
			rc = 1;
		}
	}
	free(workers);
	return rc;
}

static int usage(void)
{
	fputs("Usage: mkfamily [-l] [-b BASE] -n PARTS -s SIZE OUT TEMPLATE EXT[=TEMPLATE_EXT]...\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	int option;
	while ((option = getopt(argc, argv, "lb:n:s:")) != -1) {
		if (option == 'l')
			options.link = true;
		else if (option == 'b')
			options.base = optarg;
		else if (option == 'n')
			options.nparts = atol(optarg);
		else if (option == 's')
			options.size = atol(optarg);
		else
			return usage();
	}
	options.nextensions = argc - optind - 2;
	if (options.nparts < 1 || options.size < 2 || options.nextensions < 1 || options.nextensions > EXTENSIONS_MAX)
		return usage();
	options.out = argv[optind];
	options.template = argv[optind + 1];
	memcpy(options.extensions, argv + optind + 2, (size_t)options.nextensions * sizeof(char *));
	if ((mkdir(options.out, 0755) < 0 && errno != EEXIST) ||
	    (options.out_fd = open(options.out, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "mkfamily: %s: %s\n", options.out, strerror(errno));
		return 1;
	}
	return run();
}
