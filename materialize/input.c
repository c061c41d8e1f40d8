#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "movejournal.h"
#include "sweep.h"

/* pclean's words, which callers look for. */
#define NOT_FOUND "No subcube files found"

/* What BASE turned out to mean. */
struct family {
	char *base;      /* DIR/BASE */
	char *output;    /* what stands for it in the outputs' names; of a view, its image's name */
	char *extension; /* of a view's: the only one; else NULL */
};

static void family_clear(struct family *family)
{
	free(family->base);
	free(family->output);
	free(family->extension);
}

#define sc_autofamily __attribute__((cleanup(family_clear)))

static char *without_slashes(const char *path)
{
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		length--;
	return strndup(path, length);
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

bool sc_input_may_be_view(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC;
}

/* The family that a view shows; NULL: `path` is no view. -ESTALE: it is none of what is there now. */
static int view_source(const char *path, char **ret_source, struct sc_error *err)
{
	char value[PATH_MAX + 1];
	ssize_t length = sc_input_may_be_view(path) ? getxattr(path, SC_INPUT_SOURCE_ATTRIBUTE, value, sizeof(value) - 1)
						    : 0;
	*ret_source = NULL;
	if (length < 0 && errno == ESTALE)
		return sc_error_set(err, -ESTALE,
				    "%s shows subcubes that are not at their place any more: mount their directory anew, or "
				    "name the image that replaced it",
				    path);
	if (length <= 0)
		return 0;
	value[length] = 0;
	*ret_source = strdup(value);
	return *ret_source ? 0 : sc_error_errno(err, -ENOMEM, "%s", path);
}

static enum sc_status resolve_view(const struct sc_options *options, const char *path, struct family *family,
				   struct sc_error *err)
{
	if (!options->output || options->nextensions > 0) {
		sc_error_set(err, -EINVAL, "%s is one image of a mount: %s", path,
			     options->output ? "--ext has no meaning" : "name the output with -o");
		return SC_STATUS_USAGE;
	}
	if (options->follow != SC_FOLLOW_OFF) {
		sc_error_set(err, -EINVAL, "--follow: %s is one image of a mount: name DIR/BASE of the subcubes", path);
		return SC_STATUS_USAGE;
	}
	/* "." and links have a name of their own. */
	sc_autofree char *real = realpath(path, NULL);
	const char *name = real ? last_component(real) : "", *base = last_component(family->base);
	size_t length = strlen(base);
	if (length == 0 || strncmp(name, base, length) != 0 || name[length] != '.') {
		sc_error_set(err, -EINVAL, "%s says that it shows %s, but is not named after it", path, family->base);
		return SC_STATUS_USAGE;
	}
	family->extension = strdup(name + length);
	return SC_STATUS_DONE;
}

/* An image is a directory, and its name may end with a slash; a family's name does not. */
static enum sc_status check_output(const struct sc_options *options, const char *base, struct sc_error *err)
{
	size_t length = options->output ? strlen(options->output) : 0;
	if (length == 0 || options->output[length - 1] != '/')
		return SC_STATUS_DONE;
	sc_error_set(err, -EINVAL, "%s is a directory: name the images in it too, as in -o %s%s", options->output,
		     options->output, last_component(base));
	return SC_STATUS_USAGE;
}

static enum sc_status resolve(const struct sc_options *options, struct family *family, struct sc_error *err)
{
	sc_autofree char *path = without_slashes(options->base);
	enum sc_status status = SC_STATUS_DONE;
	if (path && view_source(path, &family->base, err) < 0)
		return SC_STATUS_FAILED;
	if (family->base) {
		status = resolve_view(options, path, family, err);
	} else if (path) {
		family->base = strdup(path);
		status = check_output(options, path, err);
	}
	family->output = without_slashes(options->output ? options->output : options->base);
	if (status == SC_STATUS_DONE && (!path || !family->base || !family->output)) {
		sc_error_errno(err, -ENOMEM, "%s", options->base);
		return SC_STATUS_FAILED;
	}
	return status;
}

static const struct sc_product *find_product(const struct sc_scan *scan, const char *extension)
{
	for (size_t i = 0; i < scan->nproducts; i++) {
		if (strcmp(scan->products[i].ext, extension) == 0)
			return &scan->products[i];
	}
	return NULL;
}

static int add_image(struct sc_input *input, const struct family *family, const struct sc_product *product,
		     struct sc_error *err)
{
	struct sc_input_image *image = &input->images[input->nimages];
	const char *extension = family->extension ? "" : product->ext;
	if (asprintf(&image->output, "%s%s", family->output, extension) < 0) {
		image->output = NULL;
		return sc_error_errno(err, -ENOMEM, "%s", family->output);
	}
	image->product = product;
	input->nimages++;
	return 0;
}

/* How the parts are named in the directory itself. */
static const struct sc_pattern *pattern_of(const struct sc_options *options)
{
	return options->has_pattern ? &options->pattern : sc_names_known(0);
}

/* An image under a part's name beside the parts would replace that part, or be taken for one by the next scan. */
static enum sc_status check_outputs(const struct sc_options *options, const struct sc_input *input,
				    struct sc_error *err)
{
	struct stat source, parent;
	for (size_t i = 0; i < input->nimages; i++) {
		const char *output = input->images[i].output, *name = last_component(output);
		struct sc_name_parts parts;
		sc_autofree char *directory = name == output ? strdup(".") : strndup(output, (size_t)(name - output));
		if (!directory || !sc_pattern_match(pattern_of(options), name, &parts))
			continue;
		if (stat(directory, &parent) < 0 || fstat(input->source.dirfd, &source) < 0 ||
		    parent.st_dev != source.st_dev || parent.st_ino != source.st_ino)
			continue;
		sc_error_set(err, -EINVAL, "%s would be taken for a subcube: choose another output", output);
		return SC_STATUS_USAGE;
	}
	return SC_STATUS_DONE;
}

/* A directory that may be taken for BASE because the subcubes are in it; one that is an image itself may be, too. */
static bool may_hold_subcubes(const char *path)
{
	struct stat st;
	sc_autoclose int dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dirfd >= 0 && fstatat(dirfd, "table.dat", &st, 0) < 0 && fstatat(dirfd, "imageconcat.json", &st, 0) < 0;
}

/* One that is asked for must be there, but when there is nothing at all, that is what is said. */
static enum sc_status check_extensions(const struct sc_options *options, const struct sc_input *input,
				       struct sc_error *err)
{
	const struct sc_scan *scan = &input->scan;
	const char *absent = NULL;
	size_t npresent = 0;
	for (size_t i = 0; i < options->nextensions; i++) {
		if (find_product(scan, options->extensions[i]))
			npresent++;
		else if (!absent)
			absent = options->extensions[i];
	}
	if (scan->nproducts == 0 || (absent && npresent == 0)) {
		sc_error_set(err, -ENOENT, "%s for %s%s%s; subcube-materialize --list %s tells what there is", NOT_FOUND,
			     options->base, scan->nproducts ? ", extension " : "", scan->nproducts ? absent : "",
			     may_hold_subcubes(options->base) ? options->base : input->source.path);
		return SC_STATUS_NOT_FOUND;
	}
	if (absent && options->follow == SC_FOLLOW_OFF) {
		sc_error_set(err, -EINVAL, "there are no subcubes %s.subcube.N%s", options->base, absent);
		return SC_STATUS_USAGE;
	}
	return SC_STATUS_DONE;
}

/* A view may be of an image that has no subcubes any more. */
static enum sc_status check_finished(const struct sc_options *options, const struct family *family,
				     const struct sc_input *input, struct sc_error *err)
{
	sc_autofree char *table = NULL;
	if (!family->extension || find_product(&input->scan, family->extension))
		return SC_STATUS_DONE;
	if (asprintf(&table, "%s%s/table.dat", input->source.base, family->extension) < 0)
		table = NULL;
	if (!table || faccessat(input->source.dirfd, table, F_OK, 0) < 0)
		return SC_STATUS_DONE;
	sc_error_set(err, -ENOENT, "%s for %s: it is a finished image already, which cp -r copies", NOT_FOUND,
		     options->base);
	return SC_STATUS_NOT_FOUND;
}

static bool is_chosen(const struct sc_options *options, const struct family *family, const char *extension)
{
	if (family->extension)
		return strcmp(family->extension, extension) == 0;
	for (size_t i = 0; i < options->nextensions; i++) {
		if (strcmp(options->extensions[i], extension) == 0)
			return true;
	}
	return options->nextensions == 0;
}

/* What names its parts, or holds them, must not lose them. */
static enum sc_status check_catalogs(const struct sc_options *options, const struct sc_input *input,
				     struct sc_error *err)
{
	for (size_t i = 0; i < input->nimages; i++) {
		const struct sc_product *product = input->images[i].product;
		if (product->kind != SC_PRODUCT_CATALOG ||
		    (options->mode != SC_MODE_MOVEVIRTUAL && !options->remove_parts))
			continue;
		sc_error_set(err, -EINVAL, "%s/%s%s is a virtual image and would lose its subcubes", input->source.path,
			     product->base, product->ext);
		return SC_STATUS_USAGE;
	}
	return SC_STATUS_DONE;
}

static enum sc_status choose(const struct sc_options *options, const struct family *family, struct sc_input *input,
			     struct sc_error *err)
{
	enum sc_status status = check_finished(options, family, input, err);
	if (status == SC_STATUS_DONE)
		status = check_extensions(options, input, err);
	if (status != SC_STATUS_DONE)
		return status;
	if (family->extension && !find_product(&input->scan, family->extension)) {
		sc_error_set(err, -ENOENT, "%s for %s: %s.subcube.N%s is gone", NOT_FOUND, options->base, family->base,
			     family->extension);
		return SC_STATUS_NOT_FOUND;
	}
	input->images = calloc(input->scan.nproducts, sizeof(*input->images));
	if (!input->images) {
		sc_error_errno(err, -ENOMEM, "%s", options->base);
		return SC_STATUS_FAILED;
	}
	for (size_t i = 0; i < input->scan.nproducts; i++) {
		const struct sc_product *product = &input->scan.products[i];
		if (is_chosen(options, family, product->ext) && add_image(input, family, product, err) < 0)
			return SC_STATUS_FAILED;
	}
	enum sc_status checked = check_outputs(options, input, err);
	return checked == SC_STATUS_DONE ? check_catalogs(options, input, err) : checked;
}

static bool is_same_directory(const char *a, const char *b)
{
	struct stat a_stat, b_stat;
	return stat(a, &a_stat) == 0 && stat(b, &b_stat) == 0 && a_stat.st_dev == b_stat.st_dev &&
	       a_stat.st_ino == b_stat.st_ino;
}

/* The product of images that were named one by one. */
static int list_product(const struct sc_options *options, const char *output, struct sc_scan *scan)
{
	scan->products = calloc(1, sizeof(*scan->products));
	if (!scan->products)
		return -ENOMEM;
	struct sc_product *product = &scan->products[0];
	scan->nproducts = 1;
	product->listed = true;
	product->base = strdup(output);
	product->ext = strdup("");
	product->parts = calloc(options->nlisted, sizeof(*product->parts));
	if (!product->base || !product->ext || !product->parts)
		return -ENOMEM;
	for (; product->nparts < options->nlisted; product->nparts++) {
		char *name = without_slashes(options->listed[product->nparts]);
		if (!name)
			return -ENOMEM;
		product->parts[product->nparts] = (struct sc_part_name){ name, product->nparts };
	}
	product->last_number = product->nparts - 1;
	return 0;
}

/* Paths are from the working directory, which is the source; absolute ones name what they name from there too. */
static enum sc_status take_list(const struct sc_options *options, struct sc_input *input, struct sc_error *err)
{
	int rc = 0;
	input->source.path = realpath(".", NULL);
	input->source.dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	input->source.follow_links = true; /* each was named by the user */
	if (!input->source.path || input->source.dirfd < 0) {
		sc_error_errno(err, -errno, "cannot open the working directory");
		return SC_STATUS_FAILED;
	}
	struct family family = { .output = without_slashes(options->output) };
	input->images = calloc(1, sizeof(*input->images));
	if (!family.output || !input->images || list_product(options, family.output, &input->scan) < 0)
		rc = sc_error_errno(err, -ENOMEM, "%s", options->output);
	if (rc == 0)
		rc = add_image(input, &family, &input->scan.products[0], err);
	family_clear(&family);
	if (rc < 0)
		return SC_STATUS_FAILED;
	for (size_t i = 0; i < options->nlisted; i++) {
		if (!is_same_directory(options->listed[i], options->output))
			continue;
		sc_error_set(err, -EINVAL, "%s is to be read, it cannot be the output too", options->listed[i]);
		return SC_STATUS_USAGE;
	}
	return SC_STATUS_DONE;
}

static enum sc_status find_family(const struct sc_options *options, struct sc_input *input, struct sc_error *err)
{
	sc_autofamily struct family family = { 0 };
	enum sc_status status = resolve(options, &family, err);
	if (status != SC_STATUS_DONE)
		return status;
	int rc = sc_source_open(family.base, true, &input->source, err);
	if (rc == -ENOENT || rc == -ENOTDIR) {
		sc_error_prefix(err, NOT_FOUND);
		return SC_STATUS_NOT_FOUND;
	}
	if (rc < 0)
		return rc == -EINVAL ? SC_STATUS_USAGE : SC_STATUS_FAILED;
	input->source.follow_links = options->follow_links;
	/* Parts that are neither here nor there are not simply missing. */
	rc = sc_movejournal_find(input->source.dirfd, input->source.path, input->source.base, err);
	if (rc == 0)
		rc = sc_sweep_look(input->source.path, input->source.base, err);
	if (rc < 0)
		return rc == -EINPROGRESS ? SC_STATUS_USAGE : SC_STATUS_FAILED;
	struct sc_scan_options scan_options = {
		.pattern = options->has_pattern ? &options->pattern : NULL,
		.without_finished = true,
	};
	status = sc_scan_source(&input->source, &scan_options, &input->scan, err) < 0
		     ? SC_STATUS_FAILED
		     : choose(options, &family, input, err);
	return status;
}

enum sc_status sc_input_find(const struct sc_options *options, struct sc_input *input, struct sc_error *err)
{
	memset(input, 0, sizeof(*input));
	input->source.dirfd = -1;
	enum sc_status status = options->listed ? take_list(options, input, err) : find_family(options, input, err);
	if (status != SC_STATUS_DONE)
		sc_input_clear(input);
	return status;
}

void sc_input_clear(struct sc_input *input)
{
	for (size_t i = 0; i < input->nimages; i++)
		free(input->images[i].output);
	free(input->images);
	sc_scan_clear(&input->scan);
	if (input->source.dirfd >= 0)
		sc_source_close(&input->source);
	memset(input, 0, sizeof(*input));
	input->source.dirfd = -1;
}
