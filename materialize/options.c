#include "options.h"

#include "optionvalues.h"
#include "viewoptions.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	KEY_TILING = 256,
	KEY_OVERWRITE,
	KEY_VERIFY,
	KEY_WAIT,
	KEY_FOLLOW,
	KEY_PATTERN,
	KEY_IMAGES,
	KEY_FOLLOW_LINKS,
	KEY_TEMPCLOSE,
	KEY_NO_TEMPCLOSE,
	KEY_REMOVE,
	KEY_RESUME,
	KEY_UNDO,
	KEY_CACHE_DIR,
	KEY_NO_CACHE,
	KEY_MEMORY,
	KEY_REFLINK,
	KEY_LIST,
	KEY_JSON,
	KEY_DRY_RUN,
	KEY_PROGRESS,
	KEY_VIEW, /* and above: options of the view */
};

const char *argp_program_version = "subcube-materialize " SC_VERSION;

static const char documentation[] =
    "Write the subcubes BASE.subcube.N.EXT as one CASA image BASE.EXT for each extension, or the images that are named "
    "one by one as one image OUT."
    "\vBASE is DIR/NAME, as in run/cube for run/cube.subcube.0.image and so on. It may also be one image of a "
    "subcubefs mount (MNT/cube.image): then OUT is the image's name, and the subcubes are read, not the mount.\n\n"
    "Options for every run may stand in ~/.config/subcubefs/config, see subcubefs-formats(5).\n\n"
    "Status: 0 all images were made, 1 some failed, 2 nothing was done because of how it was called or because an "
    "output exists, 3 no subcube files were found, 4 another subcube-materialize is at work on the "
    "same output or subcubes.";

static const struct argp_option option_list[] = {
	{ NULL, 0, NULL, 0, "What is made:", 1 },
	{ "ext", 'e', "EXT,...", 0, "Only these extensions, such as .image,.psf (default: all)", 1 },
	{ "output", 'o', "OUT", 0, "Make OUT.EXT in place of BASE.EXT; of one image of a mount, make OUT", 1 },
	{ "overwrite", KEY_OVERWRITE, NULL, 0,
	  "Replace images that exist, each when its successor is complete, read back and compared", 1 },
	{ "pattern", KEY_PATTERN, "PATTERN", 0,
	  "How the subcubes are named, such as '{base}.chunk{n}{ext}' (default: {base}.subcube.{n}{ext} and CASA's "
	  "{base}.workdirectory/{base}.n{n}{ext})",
	  1 },
	{ "images", KEY_IMAGES, NULL, 0, "Concatenate the images IMAGE... into one, which -o names", 1 },
	{ "follow-links", KEY_FOLLOW_LINKS, NULL, 0,
	  "Subcubes may be symbolic links that lead out of their directory, or have such in them; images named one by one "
	  "always may",
	  1 },
	{ NULL, 0, NULL, 0, "How it is stored:", 2 },
	{ "mode", 'm', "MODE", 0,
	  "paged: an image with pixels of its own (default); nomovevirtual, or virtual: one that only names the "
	  "subcubes; "
	  "copyvirtual, movevirtual: the same, with the subcubes copied or moved into it; auto: nomovevirtual, or "
	  "paged "
	  "with --remove-subcubes. The first letter is enough",
	  2 },
	{ "tempclose", KEY_TEMPCLOSE, NULL, 0,
	  "Readers of a virtual image open subcubes only while they read (default)", 2 },
	{ "no-tempclose", KEY_NO_TEMPCLOSE, NULL, 0, "Readers of a virtual image keep all subcubes open", 2 },
	{ "tiling", KEY_TILING, "TILING", 0,
	  "casa: the tile shape that CASA chooses; keep: that of the subcubes, a plain copy; X,Y,S,C: this one; auto: "
	  "casa, or where a single plane would then be slow to read one that suits planes and spectra (default)",
	  2 },
	{ NULL, 0, NULL, 0, "What it holds (the same options give the same bytes in subcubefs):", 3 },
	{ "missing", KEY_VIEW, "WHAT", 0, "Missing parts: an error (default), skip them, or blank channels", 3 },
	{ "nparts", KEY_VIEW + 1, "N", 0, "How many parts there should be; those numbered above are left out", 3 },
	{ "nchan", KEY_VIEW + 2, "TOTAL", 0, "How many channels the whole cube has, where missing parts leave it open",
	  3 },
	{ "history", KEY_VIEW + 3, "WHICH", 0, "Log rows of the first part (default) or of all", 3 },
	{ "miscinfo", KEY_VIEW + 4, "HOW", 0, "merge that of all parts (default), or the first one's only", 3 },
	{ "axis", KEY_VIEW + 5, "AXIS", 0, "Along the spectral axis (default), or along pixel axis 0, 1, ...", 3 },
	{ "reorder", KEY_VIEW + 6, NULL, 0, "By world coordinate instead of number", 3 },
	{ "relax", KEY_VIEW + 7, NULL, 0, "Warn where headers differ (default)", 3 },
	{ "strict", KEY_VIEW + 8, NULL, 0, "Fail where headers differ", 3 },
	{ NULL, 0, NULL, 0, "How it is done:", 4 },
	{ "jobs", 'j', "N", 0, "Copy with N processes (default: 0, one for each processor, at most 8)", 4 },
	{ "memory", KEY_MEMORY, "SIZE", 0,
	  "Memory for pixels in each of these processes, with a suffix K, M or G (default: 256M, at least 4M)", 4 },
	{ "reflink", KEY_REFLINK, "WHEN", 0,
	  "Share the subcubes' blocks in place of copying them where the file system can and tiles are whole blocks "
	  "(auto, the default), fail where that cannot be (always), or copy (never)",
	  4 },
	{ "cache-dir", KEY_CACHE_DIR, "DIR", 0,
	  "Where the headers of views are kept (default: $XDG_CACHE_HOME/subcubefs, else ~/.cache/subcubefs)", 4 },
	{ "no-cache", KEY_NO_CACHE, NULL, 0, "Keep them nowhere, make them anew", 4 },
	{ "verify", KEY_VERIFY, NULL, 0,
	  "Read each image back from the disk and compare all of it with the subcubes before it gets its name (always "
	  "with --overwrite and --remove-subcubes)",
	  4 },
	{ "settle", KEY_VIEW + 9, "SECONDS", 0,
	  "A subcube is finished when it is unchanged for so long and not locked by its writer (default: 10); until then "
	  "it is waited for, no longer than that; 0: do not look",
	  4 },
	{ "ready-file", KEY_VIEW + 10, "PATTERN", 0,
	  "A subcube is finished when this file is there, such as '{part}.done'", 4 },
	{ "wait", KEY_WAIT, NULL, 0,
	  "Wait for subcubes that are still being written, and for another subcube-materialize that is at work on the "
	  "same output or subcubes, as long as it takes",
	  4 },
	{ "follow", KEY_FOLLOW, "stdin", OPTION_ARG_OPTIONAL,
	  "Beside an imaging run: copy each subcube as soon as it is finished (--settle, --ready-file; with =stdin: when its "
	  "number comes on standard input), and end when --nparts of each extension are (mode paged); stopped, the same "
	  "command goes on with it",
	  4 },
	{ "progress", KEY_PROGRESS, "WHEN", 0,
	  "Lines that move: on a terminal, else a line now and then (auto, the default), always, or never", 4 },
	{ "quiet", 'q', NULL, 0, "Say nothing but errors", 4 },
	{ NULL, 0, NULL, 0, "Looking before doing:", 6 },
	{ "list", KEY_LIST, NULL, 0,
	  "Tell what subcubes are in SOURCE, a directory or DIR/BASE: shapes, frequencies, beams, missing parts, sizes; "
	  "nothing is written but headers that are kept",
	  6 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0,
	  "Tell what would be made, how, how large, and what space is free; nothing is written but headers that are kept", 6 },
	{ "json", KEY_JSON, NULL, 0, "Tell it, or a run's progress and result, as JSON for programs (the format: subcubefs-formats(5))", 6 },
	{ NULL, 0, NULL, 0, "What becomes of the subcubes:", 5 },
	{ "remove-subcubes", KEY_REMOVE, NULL, 0,
	  "Remove them once all images are made, read back and compared with them in full (modes paged and "
	  "copyvirtual)",
	  5 },
	{ "resume", KEY_RESUME, NULL, 0,
	  "Finish moving into BASE.EXT, or removing the subcubes of a complete one, that was interrupted, nothing else",
	  5 },
	{ "undo", KEY_UNDO, NULL, 0,
	  "Put all that was moved into BASE.EXT back to where it was, and remove BASE.EXT, nothing else", 5 },
	{ 0 },
};

/* While the command line is read. */
struct parsing {
	struct sc_options options;
	bool is_list, is_auto, has_tiling, has_pattern, has_missing;
	const struct sc_config_entry *entry; /* of the configuration file, while it is taken */
};

/* Ends the program: of what the configuration file says with its name and line, else as argp does. */
static void reject(const struct argp_state *state, const char *format, ...) sc_printf_format(2, 3);
static void reject(const struct argp_state *state, const char *format, ...)
{
	const struct parsing *parsing = state->input;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!parsing->entry)
		argp_error(state, "%s", text);
	fprintf(stderr, "subcube-materialize: %s:%u: %s\n", parsing->options.config.path, parsing->entry->line, text);
	exit(SC_STATUS_USAGE);
}

/* What became of a value. */
static void check(int rc, const struct argp_state *state, const struct sc_error *err)
{
	if (rc == -ENOMEM)
		argp_failure(state, SC_STATUS_FAILED, 0, "%s", err->text);
	else if (rc < 0)
		reject(state, "%s", err->text);
}

/* What is on the command line is not overridden by a mount's options. */
static void note_given(struct parsing *parsing, const char *name)
{
	struct sc_options *options = &parsing->options;
	bool is_there = parsing->entry != NULL;
	for (size_t i = 0; i < options->ngiven; i++)
		is_there = is_there || strcmp(options->given[i], name) == 0;
	if (!is_there && options->ngiven < SC_OPTIONS_MAX_GIVEN)
		options->given[options->ngiven++] = name;
}

static error_t set_view_option(int key, const char *argument, struct argp_state *state)
{
	struct parsing *parsing = state->input;
	struct sc_options *options = &parsing->options;
	struct sc_error err = { 0 };
	for (size_t i = 0; i < SC_COUNT_OF(option_list); i++) {
		if (option_list[i].key != key)
			continue;
		if (sc_viewoptions_set(&options->view, option_list[i].name, argument, &err) < 0)
			reject(state, "%s", err.text);
		note_given(parsing, option_list[i].name);
		parsing->has_missing = parsing->has_missing || strcmp(option_list[i].name, "missing") == 0;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* Modes, and what becomes of the parts. */
static bool parse_storage(int key, const char *argument, struct parsing *parsing, struct argp_state *state)
{
	struct sc_options *options = &parsing->options;
	struct sc_error err = { 0 };
	switch (key) {
	case 'm':
		check(sc_optionvalues_mode(argument, &options->mode, &parsing->is_auto, &err), state, &err);
		return true;
	case KEY_TEMPCLOSE:
	case KEY_NO_TEMPCLOSE:
		options->no_tempclose = key == KEY_NO_TEMPCLOSE;
		return true;
	case KEY_REMOVE:
		options->remove_parts = true;
		return true;
	case KEY_RESUME:
	case KEY_UNDO:
		if (options->action != SC_ACTION_MAKE)
			reject(state, "--resume or --undo, one of them");
		options->action = key == KEY_RESUME ? SC_ACTION_RESUME : SC_ACTION_UNDO;
		return true;
	default:
		return false;
	}
}

/* What is told, and how. */
static bool parse_telling(int key, const char *argument, struct parsing *parsing, struct argp_state *state)
{
	struct sc_options *options = &parsing->options;
	struct sc_error err = { 0 };
	int number = 0;
	switch (key) {
	case KEY_LIST:
		if (options->action != SC_ACTION_MAKE && options->action != SC_ACTION_LIST)
			reject(state, "--list goes with neither --resume nor --undo");
		options->action = SC_ACTION_LIST;
		return true;
	case KEY_JSON:
		options->json = true;
		return true;
	case KEY_DRY_RUN:
		options->dry_run = true;
		return true;
	case KEY_PROGRESS:
		check(sc_optionvalues_when("progress", argument, &number, &err), state, &err);
		options->progress = (enum sc_progress_when)number;
		return true;
	case 'q':
		options->quiet = true;
		return true;
	default:
		return false;
	}
}

static void check_follow(const struct parsing *parsing, const struct argp_state *state)
{
	const struct sc_options *options = &parsing->options;
	const struct sc_settle_options *settle = &options->view.settle;
	if (options->action != SC_ACTION_MAKE || options->dry_run || parsing->is_list)
		reject(state, "--follow goes with BASE, and neither with --images, --list, --dry-run, --resume nor --undo");
	if (options->mode != SC_MODE_PAGED)
		reject(state, "--follow: a virtual image has no pixels to copy ahead, make it when the imager has ended");
	if (options->view.nparts == 0)
		reject(state, "--follow: how many subcubes there will be is told by --nparts");
	if (options->follow == SC_FOLLOW_SETTLED && !sc_settle_is_wanted(settle))
		reject(state, "--follow: with --settle=0 unfinished subcubes would be taken for finished ones");
}

/* What is only known once all was read. */
static void check_options(struct parsing *parsing, struct argp_state *state)
{
	struct sc_options *options = &parsing->options;
	if (parsing->is_auto)
		options->mode = options->remove_parts ? SC_MODE_PAGED : SC_MODE_NOMOVE;
	if (options->nlisted == 0)
		reject(state, parsing->is_list		       ? "--images: name them"
				  : options->action == SC_ACTION_LIST ? "--list: SOURCE is missing"
								      : "BASE is missing");
	if (!parsing->is_list && options->nlisted > 1)
		reject(state, "one BASE at a time; '%s' is one too many", options->listed[1]);
	if (parsing->is_list && !options->output)
		reject(state, "--images: name the output with -o");
	if (parsing->is_list && (options->nextensions > 0 || parsing->has_pattern))
		reject(state, "--images: %s has no meaning", parsing->has_pattern ? "--pattern" : "--ext");
	if (options->remove_parts && options->mode != SC_MODE_PAGED && options->mode != SC_MODE_COPYVIRTUAL)
		reject(state, "--remove-subcubes: with this mode the image would be removed as well");
	if (options->mode != SC_MODE_PAGED && parsing->has_tiling)
		reject(state, "--tiling: a virtual image has the tiles of the subcubes");
	if (options->action != SC_ACTION_MAKE && (parsing->is_list || options->output || options->remove_parts))
		reject(state, "%s with BASE and --ext only",
			   options->action == SC_ACTION_LIST ? "--list goes" : "--resume and --undo go");
	if (options->dry_run && options->action != SC_ACTION_MAKE)
		reject(state, "--dry-run: --list, --resume and --undo have no plan to tell");
	if (options->json && (options->action == SC_ACTION_RESUME || options->action == SC_ACTION_UNDO))
		reject(state, "--json: --resume and --undo tell nothing in JSON");
	if (options->follow != SC_FOLLOW_OFF)
		check_follow(parsing, state);
	/* Else the only argument is BASE. */
	options->base = options->listed[0];
	if (!parsing->is_list) {
		free(options->listed);
		options->listed = NULL;
		options->nlisted = 0;
	}
	/* As a mount would show it. */
	if (options->action == SC_ACTION_LIST && !parsing->has_missing)
		options->view.missing = SC_MISSING_BLANK;
	options->verify = options->verify || options->overwrite || options->remove_parts;
	options->view.keep_miscinfo = options->mode != SC_MODE_PAGED;
}

static void add_argument(struct sc_options *options, char *argument, struct argp_state *state)
{
	if (*argument == 0)
		reject(state, "an argument is empty");
	char **grown = reallocarray(options->listed, options->nlisted + 1, sizeof(*grown));
	if (!grown) {
		argp_failure(state, SC_STATUS_FAILED, ENOMEM, "%s", argument);
		return;
	}
	options->listed = grown;
	options->listed[options->nlisted++] = argument;
}

static error_t parse_one(int key, char *argument, struct argp_state *state)
{
	struct parsing *parsing = state->input;
	struct sc_options *options = &parsing->options;
	struct sc_error err = { 0 };
	int number = 0;
	switch (key) {
	case 'e':
		check(sc_optionvalues_extensions(argument, options, &err), state, &err);
		return 0;
	case 'o':
		if (*argument == 0)
			reject(state, "--output: expected a name");
		options->output = argument;
		return 0;
	case 'j':
		check(sc_optionvalues_jobs(argument, &options->njobs, &err), state, &err);
		return 0;
	case KEY_MEMORY:
		check(sc_optionvalues_memory(argument, &options->memory_bytes, &err), state, &err);
		return 0;
	case KEY_REFLINK:
		check(sc_optionvalues_when("reflink", argument, &number, &err), state, &err);
		options->reflink = (enum sc_reflink)number;
		return 0;
	case KEY_CACHE_DIR:
		if (*argument == 0)
			reject(state, "--cache-dir: expected a directory");
		options->cache_dir = argument;
		options->no_cache = false;
		return 0;
	case KEY_NO_CACHE:
		options->no_cache = true;
		return 0;
	case KEY_OVERWRITE:
		options->overwrite = true;
		return 0;
	case KEY_VERIFY:
		options->verify = true;
		return 0;
	case KEY_WAIT:
		options->wait = true;
		return 0;
	case KEY_FOLLOW:
		if (argument && strcmp(argument, "stdin") != 0)
			reject(state, "--follow: expected nothing or stdin, not '%s'", argument);
		options->follow = argument ? SC_FOLLOW_STDIN : SC_FOLLOW_SETTLED;
		return 0;
	case KEY_PATTERN:
		if (sc_pattern_parse(argument, &options->pattern, &err) < 0)
			reject(state, "--pattern: %s", err.text);
		options->has_pattern = parsing->has_pattern = true;
		note_given(parsing, "pattern");
		return 0;
	case KEY_IMAGES:
		parsing->is_list = true;
		return 0;
	case KEY_FOLLOW_LINKS:
		options->follow_links = true;
		return 0;
	case KEY_TILING:
		if (sc_tiling_parse(argument, &options->view.tiling, &err) < 0)
			reject(state, "--tiling: %s", err.text);
		parsing->has_tiling = true;
		return 0;
	case ARGP_KEY_ARG:
		add_argument(options, argument, state);
		return 0;
	case ARGP_KEY_END:
		check_options(parsing, state);
		return 0;
	default:
		if (parse_storage(key, argument, parsing, state) || parse_telling(key, argument, parsing, state))
			return 0;
		return key >= KEY_VIEW && key < ARGP_KEY_ARGS ? set_view_option(key, argument, state)
							      : ARGP_ERR_UNKNOWN;
	}
}

/* What the configuration file says, before the command line, which overrides it. */
static void take_config(struct parsing *parsing)
{
	struct argp_state state = { .input = parsing };
	struct sc_error err = { 0 };
	if (sc_config_read(&parsing->options.config, &err) < 0) {
		fprintf(stderr, "subcube-materialize: %s\n", err.text);
		exit(SC_STATUS_USAGE);
	}
	for (size_t i = 0; i < parsing->options.config.nentries; i++) {
		parsing->entry = &parsing->options.config.entries[i];
		for (const struct argp_option *option = option_list; option->key || option->doc; option++) {
			if (option->name && strcmp(option->name, parsing->entry->name) == 0)
				parse_one(option->key, parsing->entry->value, &state);
		}
	}
	parsing->entry = NULL;
	/* What suits most is no reason to refuse --mode or --images. */
	parsing->has_tiling = parsing->has_pattern = false;
}

void sc_options_parse(int argc, char **argv, struct sc_options *ret_options)
{
	static const struct argp parser = { option_list,   parse_one, "BASE\n--images -o OUT IMAGE...\n--list SOURCE",
					    documentation, NULL,      NULL,
					    NULL };
	struct parsing parsing = { .options = { .view.tiling.mode = SC_TILING_AUTO,
						.view.settle.quiet_ns = SC_SETTLE_DEFAULT_NS,
						.memory_bytes = SC_OPTIONS_MEMORY_BYTES } };
	argp_err_exit_status = SC_STATUS_USAGE;
	take_config(&parsing);
	/* Told by the user's ARGP_HELP_FMT otherwise. */
	setenv("ARGP_HELP_FMT", "rmargin=99,opt-doc-col=26", 0);
	argp_parse(&parser, argc, argv, 0, NULL, &parsing);
	*ret_options = parsing.options;
}

void sc_options_clear(struct sc_options *options)
{
	for (size_t i = 0; i < options->nextensions; i++)
		free(options->extensions[i]);
	free(options->extensions);
	free(options->listed);
	free(options->adopted);
	sc_config_clear(&options->config);
	memset(options, 0, sizeof(*options));
}
