#include "workdir.h"

#include "passthrough.h"

static struct sc_source source;

static struct sc_view *new_view(void)
{
	struct sc_view *view = calloc(1, sizeof(*view));
	source = (struct sc_source){ .path = workdir, .dirfd = workdir_fd };
	view->name = strdup("c.image");
	view->source = &source;
	return view;
}

static int fresh(void **state)
{
	if (workdir_clean(state) < 0)
		return -1;
	workdir_mkdir("c.image");
	return 0;
}

static void files_and_directories_are_nodes(void **state)
{
	(void)state;
	static const struct {
		const char *path, *data;
	} files[] = { { "table.dat", "1234" }, { "table.f0", "" }, { "mask0/table.dat", "12" }, { ".hidden", "x" } };
	workdir_mkdir("c.image/mask0");
	workdir_mkdir("c.image/mask0/deeper");
	workdir_write("c.image/mask0/deeper/file", "x", 1);
	assert_int_equal(mkfifoat(workdir_fd, "c.image/pipe", 0600), 0);
	assert_int_equal(symlinkat("/etc/passwd", workdir_fd, "c.image/link"), 0);
	assert_int_equal(symlinkat("..", workdir_fd, "c.image/up"), 0);
	for (size_t i = 0; i < SC_COUNT_OF(files); i++) {
		char path[64];
		snprintf(path, sizeof(path), "c.image/%s", files[i].path);
		workdir_write(path, files[i].data, strlen(files[i].data));
		assert_int_equal(fchmodat(workdir_fd, path, i == 0 ? 0640 : 0644, 0), 0);
	}
	struct sc_view *view = new_view();
	struct sc_error err = { 0 };
	if (sc_passthrough(view, "c.image", &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(view->nodes[0].name, "");
	assert_int_equal(view->nnodes, 1 + SC_COUNT_OF(files) + 1); /* and mask0 */
	for (size_t i = 0; i < SC_COUNT_OF(files); i++) {
		const char *slash = strchr(files[i].path, '/');
		int parent = slash ? sc_view_find(view, 0, "mask0") : 0;
		int node = sc_view_find(view, (unsigned)parent, slash ? slash + 1 : files[i].path);
		assert_true(parent >= 0 && node > parent);
		assert_int_equal(view->nodes[node].kind, SC_NODE_FILE);
		assert_int_equal(view->nodes[node].size_bytes, strlen(files[i].data));
		assert_int_equal(view->nodes[node].id.size_bytes, strlen(files[i].data));
		assert_int_equal(strncmp(view->nodes[node].path, "c.image/", 8), 0);
		assert_string_equal(view->nodes[node].path + 8, files[i].path);
	}
	assert_true(view->files.uniform);
	assert_int_equal(view->files.mode, 0640);
	sc_view_free(view);
}

static void fill(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char path[64];
		snprintf(path, sizeof(path), "c.image/%u", i);
		workdir_write(path, "", 0);
	}
}

static void too_many_files_are_an_error(void **state)
{
	for (unsigned extra = 0; extra < 2; extra++) {
		assert_int_equal(fresh(state), 0);
		fill(SC_VIEW_MAXNODES - 1 + extra);
		struct sc_view *view = new_view();
		struct sc_error err = { 0 };
		int rc = sc_passthrough(view, "c.image", &err);
		assert_int_equal(rc, extra ? -EUCLEAN : 0);
		assert_true(!extra || has_words(err.text, "c.image|47 files"));
		sc_view_free(view);
	}
}

static void what_is_no_directory_is_an_error(void **state)
{
	static const struct {
		const char *kind;
		int rc;
	} cases[] = { { "absent", -ENOENT },
		      { "file", -ENOTDIR },
		      { "fifo", -ENOTDIR },
		      { "link", -ENOTDIR },
		      { "loop", -ENOTDIR } };
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		assert_int_equal(fresh(state), 0);
		workdir_remove("c.image");
		if (i == 1)
			workdir_write("c.image", "x", 1);
		if (i == 2)
			assert_int_equal(mkfifoat(workdir_fd, "c.image", 0600), 0);
		if (i == 3)
			assert_int_equal(symlinkat("/tmp", workdir_fd, "c.image"), 0);
		if (i == 4)
			assert_int_equal(symlinkat("c.image", workdir_fd, "c.image"), 0);
		struct sc_view *view = new_view();
		struct sc_error err = { 0 };
		int rc = sc_passthrough(view, "c.image", &err);
		if ((rc != cases[i].rc && rc != -ELOOP) || !has_words(err.text, "c.image"))
			fail_msg("%s: %d \"%s\"", cases[i].kind, rc, err.text);
		sc_view_free(view);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(files_and_directories_are_nodes, fresh),
		cmocka_unit_test(too_many_files_are_an_error),
		cmocka_unit_test(what_is_no_directory_is_an_error),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
