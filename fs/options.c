#include "options.h"

#include "mounthelper.h"
#include "mountpoint.h"
#include "viewoptions.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "Usage: subcubefs [OPTIONS] SOURCE MOUNTPOINT\n"
    "  or:  subcubefs --list [--json] [OPTIONS] SOURCE\n"
    "\n"
    "Shows the subcubes BASE.subcube.N.EXT in the directory SOURCE as whole CASA images\n"
    "MOUNTPOINT/BASE.EXT, read-only and without copying a pixel.\n"
    "\n"
    "  SOURCE               a directory with subcubes, or DIR/BASE for one family in DIR; with --nparts\n"
    "                       there need not be any yet\n"
    "  MOUNTPOINT           an existing directory; it may lie in SOURCE, or be SOURCE;\n"
    "                       /dev/fd/N: mounted already, and /dev/fuse is open as N\n"
    "      --pattern=PATTERN  how parts are named, such as '{base}.chunk{n}{ext}'; the default is\n"
    "                       {base}.subcube.{n}{ext} and {base}.workdirectory/{base}.n{n}{ext}\n"
    "      --follow-links   subcubes may be symbolic links that lead out of SOURCE, or have such in them\n"
    "\n"
    "What the images hold (the same options give the same bytes in subcube-materialize):\n"
    "      --missing=WHAT   missing parts: 'blank' channels (the default), 'skip' them, or an 'error'\n"
    "      --nparts=N       how many parts there should be; those numbered above are left out\n"
    "      --nchan=TOTAL    how many channels the whole cube has, where missing parts leave it open\n"
    "      --history=WHICH  log rows of the 'first' part (the default) or of 'all'\n"
    "      --miscinfo=HOW   'merge' that of all parts (the default), or the 'first' one's only\n"
    "      --axis=AXIS      along the 'spectral' axis (the default), or along pixel axis 0, 1, ...\n"
    "      --reorder        by world coordinate instead of number\n"
    "      --relax          a warning where headers differ (the default)\n"
    "      --strict         no image where headers differ\n"
    "\n"
    "While an imager is at work:\n"
    "      --refresh=SECONDS  how often to look again for new, changed and removed parts, at most a\n"
    "                       twentieth of the time; 0: never (default: 2)\n"
    "      --settle=SECONDS for how long a part must be unchanged, and without a write lock, to be\n"
    "                       shown; until then it is missing; 0: no time (default: 10)\n"
    "      --ready-file=PATTERN  a part is shown when this file is there, whatever its age, such as\n"
    "                       '{part}.done' or '{base}.{n}.ready' in SOURCE\n"
    "\n"
    "Headers, which take time to make of many parts, are kept for the next mount:\n"
    "      --cache-dir=DIR  where (default: $XDG_CACHE_HOME/subcubefs, else ~/.cache/subcubefs)\n"
    "      --no-cache       nowhere\n"
    "\n"
    "Running:\n"
    "  -f, --foreground     stay in the foreground; without it, return when the mount answers\n"
    "      --readahead=BYTES[,always]  memory for what is read before it is asked for, where readers\n"
    "                       have to wait for the storage, or 'always'; K, M and G may follow the\n"
    "                       number; 0: none (default: 32M)\n"
    "      --log=WHERE      where messages go: a file, which is appended to, 'syslog' or 'stderr'\n"
    "                       (default: stderr in the foreground, else syslog)\n"
    "      --user=NAME|UID  root only: read and serve as this user once mounted; implies allow_other\n"
    "\n"
    "Mounting:\n"
    "  -o, --options=OPT[,OPT...]  mount options; several -o add up\n"
    "     allow_other       let other users in, as far as the permissions of the parts let them\n"
    "                       (an ordinary user needs user_allow_other in /etc/fuse.conf)\n"
    "     allow_root        let only root in besides the mounting user\n"
    "     auto_unmount      unmount even when the program is killed\n"
    "     nonempty          mount on a directory that is not empty, and hide what is in it\n"
    "     fsname=NAME       what df and mount show as the source\n"
    "     max_read=BYTES    the largest read request\n"
    "     direct_io         reads pass the kernel's page cache by: faster for what is read once, slower\n"
    "                       for what is read again; files cannot be mapped with MAP_SHARED\n"
    "                       and what mount(8) knows: nodev, nosuid, noexec, context=, ...\n"
    "                       (ro and default_permissions are always set)\n"
    "\n"
    "Information:\n"
    "      --list           tell what is in SOURCE: shapes, frequencies, beams, missing parts, sizes\n"
    "      --json           tell it as JSON, for programs (the format: subcubefs-formats(5))\n"
    "  -h, --help           show this help\n"
    "  -V, --version        show the version\n"
    "\n"
    "To unmount: fusermount3 -u MOUNTPOINT\n"
    "Options for every mount may stand in ~/.config/subcubefs/config, see subcubefs-formats(5).\n"
    "Exit status: 0 mounted, 1 not mounted (the reason is on standard error), 2 wrong usage.\n";

#define READAHEAD_DEFAULT ((size_t)32 << 20)
#define READAHEAD_MAX ((size_t)16 << 30)
#define REFRESH_DEFAULT_NS INT64_C(2000000000)
#define REFRESH_MAX_S 86400

enum {
	OPTION_LOG = 256,
	OPTION_PATTERN,
	OPTION_CACHE_DIR,
	OPTION_NO_CACHE,
	OPTION_READAHEAD,
	OPTION_FOLLOW_LINKS,
	OPTION_LIST,
	OPTION_JSON,
	OPTION_USER,
	OPTION_REFRESH,
	OPTION_VIEW
};

static const struct option long_options[] = {
	{ "foreground", no_argument, NULL, 'f' },
	{ "log", required_argument, NULL, OPTION_LOG },
	{ "options", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "pattern", required_argument, NULL, OPTION_PATTERN },
	{ "cache-dir", required_argument, NULL, OPTION_CACHE_DIR },
	{ "no-cache", no_argument, NULL, OPTION_NO_CACHE },
	{ "follow-links", no_argument, NULL, OPTION_FOLLOW_LINKS },
	{ "readahead", required_argument, NULL, OPTION_READAHEAD },
	{ "list", no_argument, NULL, OPTION_LIST },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "user", required_argument, NULL, OPTION_USER },
	{ "refresh", required_argument, NULL, OPTION_REFRESH },
	{ "missing", required_argument, NULL, OPTION_VIEW },
	{ "nparts", required_argument, NULL, OPTION_VIEW },
	{ "nchan", required_argument, NULL, OPTION_VIEW },
	{ "history", required_argument, NULL, OPTION_VIEW },
	{ "miscinfo", required_argument, NULL, OPTION_VIEW },
	{ "axis", required_argument, NULL, OPTION_VIEW },
	{ "reorder", no_argument, NULL, OPTION_VIEW },
	{ "relax", no_argument, NULL, OPTION_VIEW },
	{ "strict", no_argument, NULL, OPTION_VIEW },
	{ "settle", required_argument, NULL, OPTION_VIEW },
	{ "ready-file", required_argument, NULL, OPTION_VIEW },
	{ NULL, 0, NULL, 0 },
};

/* "FILE:LINE: " while what stands there is taken, else "". */
static char origin[512];

int sc_options_usage_error(const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "subcubefs: %s%s; see subcubefs --help\n", origin, text);
	return SC_EXIT_USAGE;
}

/* BYTES[K|M|G][,always]. False: it is something else. */
static bool parse_readahead(const char *text, struct sc_options *options)
{
	static const char units[] = "KMG";
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10), bytes;
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned long long scale = unit ? 1024ull << (10 * (unit - units)) : 1;
	end += unit != NULL;
	bool always = strcmp(end, ",always") == 0;
	if (errno != 0 || (*end && !always) || __builtin_mul_overflow(number, scale, &bytes) || bytes > READAHEAD_MAX)
		return false;
	options->readahead_bytes = bytes;
	options->readahead_always = always;
	return true;
}

/* False: it is something else. */
static bool parse_seconds(const char *text, int64_t *ret_ns)
{
	char *end;
	double seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds <= REFRESH_MAX_S))
		return false;
	*ret_ns = (int64_t)(seconds * 1e9);
	return true;
}

/* What getopt did not understand, as one message of ours. */
static int reject_option(char **argv, int which)
{
	const char *argument = argv[optind - 1];
	bool is_long = strncmp(argument, "--", 2) == 0;
	if (which == ':')
		return sc_options_usage_error("%s needs an argument", argument);
	/* Short options may stand in a row: only optopt knows which one is wrong. */
	if (!is_long)
		return sc_options_usage_error("unknown option -%c", optopt);
	return sc_options_usage_error(optopt ? "%s: this option takes no argument" : "unknown option %s", argument);
}

static int take_operands(int argc, char **argv, struct sc_options *options)
{
	if (options->json && !options->list)
		return sc_options_usage_error("--json goes with --list");
	if (options->list) {
		if (argc - optind != 1)
			return sc_options_usage_error(argc == optind ? "--list: SOURCE is missing"
								     : "--list: one SOURCE at a time");
		options->source = argv[optind];
		return *options->source ? -1 : sc_options_usage_error("SOURCE cannot be empty");
	}
	if (argc - optind < 2)
		return sc_options_usage_error("%s is missing", argc == optind ? "SOURCE" : "MOUNTPOINT");
	if (argc - optind > 2)
		return sc_options_usage_error("'%s' is one argument too many", argv[optind + 2]);
	options->source = argv[optind];
	options->mountpoint = argv[optind + 1];
	if (!*options->source || !*options->mountpoint)
		return sc_options_usage_error("SOURCE and MOUNTPOINT cannot be empty");
	return -1;
}

static int finish_output(void)
{
	return fflush(stdout) == 0 ? 0 : SC_EXIT_FAILURE;
}

/* Takes an option by its number in long_options; `name` is its long name. -1: go on, else the status to exit with. */
static int take_option(struct sc_options *options, int which, const char *name, const char *argument)
{
	struct sc_error err = { 0 };
	switch (which) {
	case 'f':
		options->foreground = true;
		break;
	case 'o':
		options->mount_options[options->nmount_options++] = argument;
		break;
	case OPTION_LOG:
		if (!*argument)
			return sc_options_usage_error("--log needs a file, 'syslog' or 'stderr'");
		options->log = argument;
		break;
	case OPTION_PATTERN:
		if (sc_pattern_parse(argument, &options->pattern, &err) < 0)
			return sc_options_usage_error("--pattern: %s", err.text);
		options->has_pattern = true;
		options->pattern_text = argument;
		break;
	case OPTION_CACHE_DIR:
		if (!*argument)
			return sc_options_usage_error("--cache-dir needs a directory");
		options->cache_dir = argument;
		options->no_cache = false;
		break;
	case OPTION_NO_CACHE:
		options->no_cache = true;
		break;
	case OPTION_LIST:
		options->list = true;
		break;
	case OPTION_JSON:
		options->json = true;
		break;
	case OPTION_FOLLOW_LINKS:
		options->follow_links = true;
		break;
	case OPTION_READAHEAD:
		if (!parse_readahead(argument, options))
			return sc_options_usage_error("--readahead needs a number of bytes up to 16G, not '%s'",
						      argument);
		break;
	case OPTION_USER:
		if (!*argument)
			return sc_options_usage_error("--user needs a name or a number");
		options->user = argument;
		break;
	case OPTION_REFRESH:
		if (!parse_seconds(argument, &options->refresh_ns))
			return sc_options_usage_error("--refresh needs a number of seconds, not '%s'", argument);
		break;
	case OPTION_VIEW:
		if (sc_viewoptions_set(&options->view, name, argument, &err) < 0)
			return sc_options_usage_error("%s", err.text);
		break;
	default:
		break;
	}
	return -1;
}

/* What the configuration file says, before the command line, which overrides it. */
static int take_config(struct sc_options *options)
{
	int status = -1;
	for (size_t i = 0; status < 0 && i < options->config.nentries; i++) {
		const struct sc_config_entry *entry = &options->config.entries[i];
		const struct option *option = long_options;
		while (option->name && strcmp(option->name, entry->name) != 0)
			option++;
		snprintf(origin, sizeof(origin), "%s:%u: ", options->config.path, entry->line);
		if (option->name)
			status = take_option(options, option->val, entry->name, entry->value);
	}
	origin[0] = 0;
	return status;
}

static int parse(int argc, char **argv, struct sc_options *options)
{
	int status = take_config(options);
	opterr = 0;
	while (status < 0) {
		int number = 0, which = getopt_long(argc, argv, ":fo:hV", long_options, &number);
		switch (which) {
		case -1:
			return take_operands(argc, argv, options);
		case 'h':
			fputs(help_text, stdout);
			return finish_output();
		case 'V':
			puts("subcubefs " SC_VERSION);
			return finish_output();
		case ':':
		case '?':
			return reject_option(argv, which);
		default:
			status = take_option(options, which, long_options[number].name, optarg);
		}
	}
	return status;
}

int sc_options_parse(int argc, char **argv, struct sc_options *ret_options)
{
	struct sc_options options = {
		.view = { .tiling.mode = SC_TILING_KEEP, .missing = SC_MISSING_BLANK, .settle.quiet_ns = SC_SETTLE_DEFAULT_NS },
		.readahead_bytes = READAHEAD_DEFAULT,
		.refresh_ns = REFRESH_DEFAULT_NS,
	};
	struct sc_error err = { 0 };
	if (sc_config_read(&options.config, &err) < 0)
		return sc_options_usage_error("%s", err.text);
	if (sc_mounthelper_is_called(argv[0])) {
		int status = sc_mounthelper_translate(long_options, argc, argv, &argc, &options.own_argv);
		if (status >= 0) {
			sc_config_clear(&options.config);
			return status;
		}
		argv = options.own_argv;
	}
	/* There cannot be more -o than arguments and lines. */
	options.mount_options = calloc((size_t)argc + options.config.nentries + 1, sizeof(*options.mount_options));
	if (!options.mount_options) {
		fputs("subcubefs: out of memory\n", stderr);
		sc_options_clear(&options);
		return SC_EXIT_FAILURE;
	}
	int status = parse(argc, argv, &options);
	if (status >= 0) {
		sc_options_clear(&options);
		return status;
	}
	/* Whoever mounted waits for this process, not for a child of it. */
	if (options.mountpoint && sc_mountpoint_descriptor(options.mountpoint) >= 0)
		options.foreground = true;
	if (!options.log)
		options.log = options.foreground ? "stderr" : "syslog";
	*ret_options = options;
	return -1;
}

char *sc_options_shown(const struct sc_options *options)
{
	sc_autofree char *view = sc_viewoptions_format(&options->view);
	char *text;
	if (!view || asprintf(&text, "%s%s%s%s%s", view, options->has_pattern ? "pattern=" : "",
			      options->has_pattern ? options->pattern_text : "", options->has_pattern ? "\n" : "",
			      options->follow_links ? "follow-links\n" : "") < 0)
		return NULL;
	return text;
}

void sc_options_clear(struct sc_options *options)
{
	free(options->mount_options);
	sc_mounthelper_free(options->own_argv);
	sc_config_clear(&options->config);
	*options = (struct sc_options){ 0 };
}
