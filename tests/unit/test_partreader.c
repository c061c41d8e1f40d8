/*
 * Parts come in their order whoever opens them, and the first that cannot be read in that order is the one that is named.
 */
#include "parts.h"

#include "partreader.h"
#include "workers.h"

/* More than are opened ahead. */
#define NPARTS 300

static char names[NPARTS][32];
static const char *pointers[NPARTS];

/* Part i has the title i in its units, and all but table.dat is one part's. */
static unsigned number;

static void set_units(struct sc_tablefile *table)
{
	char text[32];
	snprintf(text, sizeof(text), "%u", number);
	assert_int_equal(sc_record_put_string(table->keywords, "units", text), 0);
}

static int make_parts(void **state)
{
	static const char *const shared[] = { "table.f0", "table.f0_TSM0", "mask0" };
	if (workdir_clean(state) < 0)
		return -1;
	workdir_copy("A1/cube.subcube.0.image", "whole");
	for (number = 0; number < NPARTS; number++) {
		char path[64], to[64];
		snprintf(names[number], sizeof(names[number]), "p%u", number);
		pointers[number] = names[number];
		workdir_mkdir(names[number]);
		size_t size;
		sc_autofree uint8_t *data = workdir_read(workdir_fd, "whole/table.dat", &size);
		snprintf(path, sizeof(path), "p%u/table.dat", number);
		workdir_write(path, data, size);
		part_edit_table(path, set_units);
		for (size_t i = 0; i < SC_COUNT_OF(shared); i++) {
			snprintf(path, sizeof(path), "p%u/%s", number, shared[i]);
			snprintf(to, sizeof(to), "../whole/%s", shared[i]);
			assert_int_equal(symlinkat(to, workdir_fd, path), 0);
		}
	}
	return 0;
}

static void expect_part(struct sc_partreader *reader, unsigned wanted)
{
	struct sc_subcube subcube;
	struct sc_error err = { 0 };
	char text[32];
	snprintf(text, sizeof(text), "%u", wanted);
	if (sc_partreader_next(reader, &subcube, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(sc_record_get_string(subcube.keywords, "units"), text);
	assert_true(subcube.has_mask);
	sc_subcube_clear(&subcube);
}

static void parts_come_in_order(void **state)
{
	(void)state;
	struct sc_partreader *reader = sc_partreader_new(workdir_source(), pointers, NPARTS);
	for (unsigned i = 0; i < NPARTS; i++)
		expect_part(reader, i);
	sc_partreader_free(reader);
}

static void *wait_for_lock(void *context)
{
	pthread_mutex_lock(context);
	pthread_mutex_unlock(context);
	return NULL;
}

static void without_workers_the_caller_opens_them(void **state)
{
	(void)state;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct sc_workers busy[2];
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 2; i++)
		sc_workers_start(&busy[i], SC_WORKERS_EACH, wait_for_lock, &lock);
	assert_int_equal(busy[0].count + busy[1].count, SC_WORKERS_MAX);
	parts_come_in_order(state);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < 2; i++)
		sc_workers_join(&busy[i]);
}

static void a_reader_can_be_left_early(void **state)
{
	(void)state;
	static const unsigned counts[] = { 0, 1, 63, 64, 65, 128, 129, NPARTS - 1 };
	for (size_t i = 0; i < SC_COUNT_OF(counts); i++) {
		struct sc_partreader *reader = sc_partreader_new(workdir_source(), pointers, NPARTS);
		for (unsigned k = 0; k < counts[i]; k++)
			expect_part(reader, k);
		sc_partreader_free(reader);
	}
}

static void the_first_broken_part_is_named(void **state)
{
	(void)state;
	static const unsigned broken[] = { 150, 151, 299, 70, 0 };
	unsigned first = NPARTS;
	for (size_t i = 0; i < SC_COUNT_OF(broken); i++) {
		char path[32], expected[32];
		snprintf(path, sizeof(path), "p%u/table.dat", broken[i]);
		workdir_truncate(path, 100);
		first = broken[i] < first ? broken[i] : first;
		struct sc_partreader *reader = sc_partreader_new(workdir_source(), pointers, NPARTS);
		for (unsigned k = 0; k < first; k++)
			expect_part(reader, k);
		struct sc_subcube subcube;
		struct sc_error err = { 0 };
		assert_int_equal(sc_partreader_next(reader, &subcube, &err), -EUCLEAN);
		snprintf(expected, sizeof(expected), "p%u/", first);
		if (strncmp(err.text, expected, strlen(expected)) != 0)
			fail_msg("%s", err.text);
		sc_partreader_free(reader);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(parts_come_in_order, make_parts),
		cmocka_unit_test(without_workers_the_caller_opens_them),
		cmocka_unit_test(a_reader_can_be_left_early),
		cmocka_unit_test(the_first_broken_part_is_named),
	};
	return cmocka_run_group_tests(tests, workdir_setup, workdir_teardown);
}
