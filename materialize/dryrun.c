#include "dryrun.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "forecast.h"
#include "jsontext.h"
#include "log.h"
#include "printable.h"
#include "quantity.h"
#include "space.h"

static bool replaces(const struct sc_image *image)
{
	struct stat st;
	return fstatat(image->output.parent_fd, image->output.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Blank ones are not there. */
static size_t count_subcubes(const struct sc_view *view)
{
	size_t count = 0;
	for (size_t i = 0; i < view->nparts; i++)
		count += !view->parts[i].blank;
	return count;
}

/* --- for people --- */

static void print_lengths(const char *before, int ndim, const int64_t *lengths)
{
	for (int i = 0; i < ndim; i++)
		printf("%s%lld", i ? " x " : before, (long long)lengths[i]);
}

static void print_bytes(const struct sc_forecast *forecast)
{
	const struct {
		uint64_t bytes;
		const char *how;
	} kinds[] = { { forecast->cloned_bytes, "cloned" },
		      { forecast->copied_bytes, "copied" },
		      { forecast->retiled_bytes, "retiled" },
		      { forecast->blank_bytes, "blank" } };
	const char *before = ": ";
	char text[16];
	for (size_t i = 0; i < SC_COUNT_OF(kinds); i++) {
		if (kinds[i].bytes == 0)
			continue;
		printf("%s%s %s", before, sc_quantity_bytes(text, (double)kinds[i].bytes), kinds[i].how);
		before = ", ";
	}
}

static void print_image(const struct sc_image *image, const struct sc_forecast *forecast)
{
	static const char *const ways[] = { [SC_MODE_PAGED] = "",
					    [SC_MODE_NOMOVE] = ", which stay where they are",
					    [SC_MODE_COPYVIRTUAL] = ", copied into it",
					    [SC_MODE_MOVEVIRTUAL] = ", moved into it" };
	char path[PATH_MAX];
	const struct sc_view *view = image->view;
	bool is_paged = image->options->mode == SC_MODE_PAGED;
	sc_printable(path, sizeof(path), image->path);
	printf("would %s %s", replaces(image) ? "replace" : "make", path);
	print_lengths(", ", view->pixels.ndim, view->pixels.shape);
	if (is_paged)
		print_lengths(" in tiles of ", view->pixels.ndim, view->pixels.tile);
	printf("%s%zu subcubes%s", is_paged ? ", from " : ", a virtual image of ", count_subcubes(view),
	       ways[image->options->mode]);
	print_bytes(forecast);
	putchar('\n');
}

static void print_plan(const struct sc_options *options, const struct sc_image *images, size_t nimages)
{
	const struct sc_space space = sc_space_of(images, nimages);
	char text[16];
	double seconds = 0;
	for (size_t i = 0; i < nimages; i++) {
		if (!sc_image_is_pending(&images[i]))
			continue;
		const struct sc_forecast forecast = sc_forecast_of(&images[i]);
		print_image(&images[i], &forecast);
		seconds += sc_forecast_seconds(&forecast);
	}
	if (options->remove_parts)
		puts("would then remove the subcubes");
	printf("%s of new space needed", sc_quantity_bytes(text, (double)space.needed_bytes));
	if (space.is_known)
		printf(", %s free", sc_quantity_bytes(text, (double)space.free_bytes));
	if (space.is_known && space.free_bytes >= space.needed_bytes)
		printf(", %s afterwards", sc_quantity_bytes(text, (double)(space.free_bytes - space.needed_bytes)));
	printf("; about %s\n", sc_quantity_time(text, seconds));
	puts("Nothing was written (--dry-run).");
}

/* --- for programs --- */

static json_t *lengths(int ndim, const int64_t *values)
{
	json_t *list = json_array();
	for (int i = 0; list && i < ndim; i++)
		json_array_append_new(list, json_integer(values[i]));
	return list;
}

static json_t *texts(char *const *list, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; array && i < count; i++)
		json_array_append_new(array, sc_jsontext(list[i]));
	return array;
}

static const char *mode_name(enum sc_mode mode)
{
	static const char *const names[] = { [SC_MODE_PAGED] = "paged",
					     [SC_MODE_NOMOVE] = "nomovevirtual",
					     [SC_MODE_COPYVIRTUAL] = "copyvirtual",
					     [SC_MODE_MOVEVIRTUAL] = "movevirtual" };
	return names[mode];
}

static json_t *image_object(const struct sc_image *image)
{
	const struct sc_view *view = image->view;
	bool is_paged = image->options->mode == SC_MODE_PAGED;
	json_t *object = json_pack("{s:o, s:o, s:s, s:b, s:o}", "path", sc_jsontext(image->path), "extension",
				   sc_jsontext(image->ext), "mode", mode_name(image->options->mode), "replaces",
				   replaces(image), "problem",
				   sc_jsontext(image->error.code ? image->error.text : NULL));
	if (!object || !view)
		return object;
	const struct sc_forecast forecast = sc_forecast_of(image);
	json_t *more =
	    json_pack("{s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "subcubes", (json_int_t)count_subcubes(view), "shape",
		      lengths(view->pixels.ndim, view->pixels.shape), "tile",
		      is_paged ? lengths(view->pixels.ndim, view->pixels.tile) : json_null(), "bytes_cloned",
		      (json_int_t)forecast.cloned_bytes, "bytes_copied", (json_int_t)forecast.copied_bytes,
		      "bytes_retiled", (json_int_t)forecast.retiled_bytes, "bytes_blank",
		      (json_int_t)forecast.blank_bytes, "warnings", texts(view->warnings, view->nwarnings));
	if (!more || json_object_update(object, more) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(more);
	return object;
}

static json_t *bytes_or_null(bool is_known, uint64_t bytes)
{
	return is_known ? json_integer((json_int_t)bytes) : json_null();
}

static bool print_json(const struct sc_options *options, const struct sc_image *images, size_t nimages)
{
	const struct sc_space space = sc_space_of(images, nimages);
	json_t *list = json_array();
	double seconds = 0;
	for (size_t i = 0; list && i < nimages; i++) {
		json_array_append_new(list, image_object(&images[i]));
		if (sc_image_is_pending(&images[i])) {
			const struct sc_forecast forecast = sc_forecast_of(&images[i]);
			seconds += sc_forecast_seconds(&forecast);
		}
	}
	uint64_t after = space.free_bytes > space.needed_bytes ? space.free_bytes - space.needed_bytes : 0;
	bool complete = list && json_array_size(list) == nimages;
	json_t *all = json_pack("{s:b, s:o, s:b, s:I, s:o, s:o, s:f}", "dry_run", 1, "images", list, "removes_subcubes",
				options->remove_parts, "bytes_needed", (json_int_t)space.needed_bytes, "bytes_free",
				bytes_or_null(space.is_known, space.free_bytes), "bytes_free_after",
				bytes_or_null(space.is_known, after), "estimated_seconds", seconds);
	complete = complete && all && json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) == 0;
	putchar('\n');
	json_decref(all);
	return complete;
}

enum sc_status sc_dryrun_tell(const struct sc_options *options, struct sc_image *images, size_t nimages)
{
	bool complete = true;
	sc_space_check(images, nimages);
	if (options->json)
		complete = print_json(options, images, nimages);
	else
		print_plan(options, images, nimages);
	for (size_t i = 0; i < nimages; i++) {
		if (images[i].error.code) {
			sc_log(SC_LOG_ERROR, "%s: %s", images[i].path, sc_image_reason(&images[i]));
			complete = false;
		}
	}
	return complete && fflush(stdout) == 0 ? SC_STATUS_DONE : SC_STATUS_FAILED;
}
