#include "testdata.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>

#include "bars.h"
#include "progress.h"

static void lines_fit_every_width(void **state)
{
	(void)state;
	char text[256];
	struct sc_bar bar = { .label = "cube.image",
			      .label_columns = 12,
			      .total_bytes = 4000000000,
			      .has_rate = true,
			      .rate = 1e6 };
	for (unsigned columns = 1; columns < 250; columns++) {
		for (bar.done_bytes = 0; bar.done_bytes <= 4000000000; bar.done_bytes += 500000000) {
			memset(text, 'x', sizeof(text));
			sc_bars_line(text, sizeof(text), columns, &bar);
			assert_non_null(memchr(text, 0, sizeof(text)));
			assert_true(strlen(text) <= columns);
		}
	}
	/* A line longer than the buffer is cut. */
	sc_bars_line(text, 40, 200, &bar);
	assert_true(strlen(text) < 40);
}

static void the_bar_goes_before_the_figures(void **state)
{
	(void)state;
	char text[256];
	struct sc_bar bar = { .label = "cu\nbe",
			      .label_columns = 8,
			      .done_bytes = 1000000000,
			      .total_bytes = 4000000000,
			      .has_rate = true,
			      .rate = 1e8 };
	sc_bars_line(text, sizeof(text), 79, &bar);
	assert_string_equal(text, "cu\\nbe   [#####.................]  25%  1.00 GB of 4.00 GB  100 MB/s  0:30 left");
	assert_int_equal(strlen(text), 79);
	sc_bars_line(text, sizeof(text), 40, &bar);
	assert_string_equal(text, "cu\\nbe    25%  1.00 GB of 4.00 GB  100 M");
	bar.done_bytes = bar.total_bytes;
	sc_bars_line(text, sizeof(text), 40, &bar);
	assert_string_equal(text, "cu\\nbe   100%  4.00 GB, syncing");
	sc_bars_line(text, sizeof(text), 60, &(struct sc_bar){ .label = "" });
	assert_non_null(strstr(text, "100%"));
}

static void figures_are_those_that_are_known(void **state)
{
	(void)state;
	char text[256];
	struct sc_bar bar = { .total_bytes = 4000000000, .has_rate = true };
	sc_bars_figures(text, sizeof(text), &bar);
	assert_string_equal(text, "  0%  0 B of 4.00 GB");
	bar.rate = 1e8;
	bar.done_bytes = 1000000000;
	sc_bars_figures(text, sizeof(text), &bar);
	assert_string_equal(text, " 25%  1.00 GB of 4.00 GB  100 MB/s  0:30 left");
	bar.done_bytes = bar.total_bytes;
	sc_bars_figures(text, sizeof(text), &bar);
	assert_string_equal(text, "100%  4.00 GB, syncing");
}

static void narrowed_lines_are_wrapped(void **state)
{
	(void)state;
	const size_t lengths[] = { 79, 80, 81, 0 };
	assert_int_equal(sc_bars_rows(lengths, 4, 80), 5);
	assert_int_equal(sc_bars_rows(lengths, 4, 40), 8);
	assert_int_equal(sc_bars_rows(lengths, 0, 40), 0);
}

/* --- on a pseudo-terminal --- */

struct terminal {
	int main_fd, end_fd, stderr_fd;
};

static void terminal_open(struct terminal *terminal)
{
	if (openpty(&terminal->main_fd, &terminal->end_fd, NULL, NULL, NULL) < 0) {
		print_message("no pseudo-terminals here\n");
		skip();
	}
	terminal->stderr_fd = dup(STDERR_FILENO);
	fflush(stderr);
	assert_true(dup2(terminal->end_fd, STDERR_FILENO) >= 0);
	setenv("TERM", "xterm", 1);
}

static void terminal_close(struct terminal *terminal)
{
	fflush(stderr);
	assert_true(dup2(terminal->stderr_fd, STDERR_FILENO) >= 0);
	close(terminal->stderr_fd);
	close(terminal->end_fd);
	close(terminal->main_fd);
}

static void resize(const struct terminal *terminal, unsigned short rows, unsigned short columns)
{
	const struct winsize size = { .ws_row = rows, .ws_col = columns };
	assert_int_equal(ioctl(terminal->end_fd, TIOCSWINSZ, &size), 0);
}

/* What was drawn since the last time, in `text`; each line ends with a newline. Returns how many lines. */
static unsigned drawn(const struct terminal *terminal, char text[8192])
{
	struct pollfd main_end = { .fd = terminal->main_fd, .events = POLLIN };
	ssize_t got = read(terminal->main_fd, text, 8190), size = got;
	unsigned nlines = 1;
	assert_true(got > 0);
	/* The kernel hands on in pieces what was written at once. */
	while (got > 0 && size < 8190 && poll(&main_end, 1, 100) == 1) {
		got = read(terminal->main_fd, text + size, (size_t)(8190 - size));
		size += got > 0 ? got : 0;
	}
	text[size] = 0;
	for (char *at = text; *at; at++)
		nlines += *at == '\n';
	return nlines;
}

static const struct sc_progress_item items[] = {
	{ "run/cube.image", 30000000, 60000000, false, false },
	{ "run/cube.psf", 0, 60000000, false, false },
	{ "run/cube.pb", 5, 60000000, true, false },
	{ "run/cube.model", 60000000, 60000000, false, true },
};

static void update(struct sc_progress *progress)
{
	progress->drawn = 0; /* it is time to */
	sc_progress_update(progress, "copying", items, SC_COUNT_OF(items));
}

static void a_line_for_each_and_one_for_all(void **state)
{
	(void)state;
	struct terminal terminal;
	struct sc_progress progress;
	char text[8192];
	terminal_open(&terminal);
	resize(&terminal, 24, 80);
	sc_progress_start(&progress, SC_PROGRESS_AUTO, false, false);
	update(&progress);
	unsigned nlines = drawn(&terminal, text);
	terminal_close(&terminal);
	assert_int_equal(nlines, 3);
	assert_non_null(strstr(text, "\r\033[Jcube.image [#"));
	assert_non_null(strstr(text, " 50%  30.0 MB of 60.0 MB"));
	assert_non_null(strstr(text, "\ncube.psf   [."));
	/* What has failed does not count, what is done does. */
	assert_non_null(strstr(text, "\ncopying    [#"));
	assert_non_null(strstr(text, " 50%  90.0 MB of 180 MB"));
	assert_null(strstr(text, "cube.pb"));
	assert_null(strstr(text, "cube.model"));
}

static void lines_follow_the_terminals_size(void **state)
{
	(void)state;
	struct terminal terminal;
	struct sc_progress progress;
	char text[8192];
	terminal_open(&terminal);
	sc_progress_start(&progress, SC_PROGRESS_AUTO, false, false);
	resize(&terminal, 24, 120);
	update(&progress);
	drawn(&terminal, text);
	assert_int_equal(progress.lengths[0], 119);
	/* Three lines of 119 are nine rows now: the cursor is in the last of them. */
	resize(&terminal, 24, 50);
	update(&progress);
	drawn(&terminal, text);
	bool goes_up = strncmp(text, "\033[8A\r\033[J", 8) == 0;
	assert_true(progress.nlines == 3 && progress.lengths[0] < 50);
	/* Low: the total, and those under way, as far as there is room. */
	resize(&terminal, 3, 50);
	update(&progress);
	drawn(&terminal, text);
	bool is_low = progress.nlines == 2 && strstr(text, "cube.image") && !strstr(text, "cube.psf");
	sc_progress_clear(&progress);
	drawn(&terminal, text);
	terminal_close(&terminal);
	assert_true(goes_up);
	assert_true(is_low);
	assert_string_equal(text, "\033[1A\r\033[J");
}

static void forms_are_chosen(void **state)
{
	(void)state;
	struct terminal terminal;
	struct sc_progress progress;
	terminal_open(&terminal);
	static const struct {
		enum sc_progress_when when;
		bool quiet, json;
		enum sc_progress_form form;
		bool has_lines;
	} cases[] = {
		{ SC_PROGRESS_AUTO, false, false, SC_PROGRESS_BARS, true },
		{ SC_PROGRESS_AUTO, true, false, SC_PROGRESS_NONE, false },
		{ SC_PROGRESS_AUTO, false, true, SC_PROGRESS_JSON, false },
		{ SC_PROGRESS_NEVER, false, false, SC_PROGRESS_NONE, true },
		{ SC_PROGRESS_NEVER, false, true, SC_PROGRESS_NONE, false },
		{ SC_PROGRESS_ALWAYS, true, false, SC_PROGRESS_BARS, false },
	};
	bool right[SC_COUNT_OF(cases)];
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		sc_progress_start(&progress, cases[i].when, cases[i].quiet, cases[i].json);
		right[i] = progress.form == cases[i].form && progress.has_lines == cases[i].has_lines;
	}
	setenv("TERM", "dumb", 1);
	sc_progress_start(&progress, SC_PROGRESS_AUTO, false, false);
	bool dumb_is_plain = progress.form == SC_PROGRESS_PLAIN;
	terminal_close(&terminal);
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++)
		assert_true(right[i]);
	assert_true(dumb_is_plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_fit_every_width),
		cmocka_unit_test(the_bar_goes_before_the_figures),
		cmocka_unit_test(figures_are_those_that_are_known),
		cmocka_unit_test(narrowed_lines_are_wrapped),
		cmocka_unit_test(a_line_for_each_and_one_for_all),
		cmocka_unit_test(lines_follow_the_terminals_size),
		cmocka_unit_test(forms_are_chosen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
