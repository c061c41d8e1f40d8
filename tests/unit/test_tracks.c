#include "testdata.h"

#include "tracks.h"

#define BLOCK 1000u
#define FILE_BYTES (UINT64_C(1) << 40)

static const int view_a, view_b;
static const struct sc_tracks_file file = { &view_a, 1 };

static struct sc_tracks tracks;

static int clear(void **state)
{
	(void)state;
	tracks = (struct sc_tracks){ 0 };
	return 0;
}

static bool read_at(uint64_t offset, uint64_t count)
{
	return sc_tracks_is_steady(&tracks, sc_tracks_note(&tracks, &file, offset, count));
}

/* ---- habits ---- */

static void a_sequence_is_steady_at_its_third_read(void **state)
{
	(void)state;
	assert_false(read_at(5000, 100));
	assert_false(read_at(5100, 300));
	assert_true(read_at(5400, 100));
	assert_int_equal(sc_tracks_count_steady(&tracks), 1);
}

static void equal_distances_are_steady_at_the_fourth_read(void **state)
{
	(void)state;
	static const int64_t distances[] = { 262144, 8192, 1 << 30, -262144, 123457 };
	for (size_t i = 0; i < SC_COUNT_OF(distances); i++) {
		clear(NULL);
		uint64_t at = 1 << 20;
		if (distances[i] < 0)
			at += 100u << 20;
		for (int k = 0; k < 10; k++, at += (uint64_t)distances[i])
			assert_int_equal(read_at(at, 4096), k >= 3);
	}
}

static void distances_may_vary_by_a_page_of_the_kernel(void **state)
{
	(void)state;
	/* A plane of 1001 x 999 floats: the kernel reads the page, or the two pages, that a pixel is in. */
	const uint64_t plane = 1001 * 999 * 4;
	struct sc_track *track = NULL;
	for (uint64_t k = 0; k < 500; k++) {
		uint64_t pixel = 777 + k * plane, from = pixel & ~UINT64_C(4095);
		track = sc_tracks_note(&tracks, &file, from, 4096 + 4096 * (pixel % 4096 > 4092));
		assert_int_equal(sc_tracks_is_steady(&tracks, track), k >= 3);
		if (k < 10)
			continue;
		/* What is predicted has the next pixels' pages whole. */
		struct sc_track look = *track;
		for (uint64_t next = k + 1; next < k + 10; next++) {
			uint64_t offset, count, page = (777 + next * plane) & ~UINT64_C(4095);
			assert_true(sc_track_predict(&look, FILE_BYTES, 1 << 17, &offset, &count));
			if (offset > page || offset + count < page + 4096)
				fail_msg("%d: %d to %d, not %d", (int)next, (int)offset, (int)(offset + count),
					 (int)page);
		}
	}
	assert_int_equal(sc_tracks_count_steady(&tracks), 1);
}

static void reads_at_random_are_not_steady(void **state)
{
	(void)state;
	/* Tiles of 128 KiB, of a file of a gigabyte: the chance of equal distances is small, and stays without effect. */
	uint64_t random = 5;
	unsigned steady = 0;
	for (int i = 0; i < 20000; i++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		steady += read_at(random % 8192 << 17, 1 << 17);
	}
	assert_in_range(steady, 0, 200);
}

static void several_readers_have_a_track_each(void **state)
{
	(void)state;
	enum { READERS = 6 };
	for (uint64_t k = 0; k < 50; k++) {
		for (uint64_t r = 0; r < READERS; r++) {
			/* Spectra of pixels of one tile, sequences elsewhere, and another view's file. */
			bool steady = r % 2 ? read_at(r * 12288 + k * 1000003, 4096)
					    : read_at((UINT64_C(1) << 36) * (r + 1) + k * 4096, 4096);
			struct sc_tracks_file other = { &view_b, 1 };
			sc_tracks_note(&tracks, &other, k * 4096, 4096);
			if (k >= 20)
				assert_true(steady);
		}
	}
	assert_int_equal(sc_tracks_count_steady(&tracks), READERS + 1);
	sc_tracks_forget(&tracks, &view_a);
	assert_int_equal(sc_tracks_count_steady(&tracks), 1);
}

static void random_reads_do_not_drive_out_a_reader(void **state)
{
	(void)state;
	uint64_t random = 99;
	for (uint64_t k = 0; k < 3000; k++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		read_at((UINT64_C(1) << 38) + random % (UINT64_C(1) << 38), 500);
		if (k % 9 == 0) {
			bool steady = read_at(k / 9 * 4096, 4096);
			if (k >= 18)
				assert_true(steady);
		}
	}
}

static void a_reader_who_went_elsewhere_has_left(void **state)
{
	(void)state;
	for (uint64_t k = 0; k < 5; k++)
		read_at(k * 100, 100);
	uint64_t id = sc_tracks_note(&tracks, &file, 500, 100)->id;
	assert_true(sc_tracks_is_steady(&tracks, sc_tracks_find(&tracks, id)));
	for (uint64_t k = 0; k < 100; k++)
		read_at(FILE_BYTES - k * k * 100000, 7);
	const struct sc_track *track = sc_tracks_find(&tracks, id);
	assert_true(!track || !sc_tracks_is_steady(&tracks, track));
	assert_int_equal(sc_tracks_count_steady(&tracks), 0);
	assert_null(sc_tracks_find(&tracks, 12345));
}

static void requests_that_overtake_others_belong_to_the_sequence(void **state)
{
	(void)state;
	static const unsigned order[] = { 0, 1, 2, 4, 3, 6, 5, 7, 9, 8, 10 };
	uint64_t id = 0;
	for (size_t i = 0; i < SC_COUNT_OF(order); i++) {
		struct sc_track *track = sc_tracks_note(&tracks, &file, order[i] * 1000, 1000);
		assert_true(i == 0 || track->id == id);
		id = track->id;
	}
	assert_int_equal(sc_tracks_find(&tracks, id)->end, 11000);
}

static void requests_that_the_kernel_has_already_are_left_out(void **state)
{
	(void)state;
	static const unsigned read[] = { 0, 1, 2, 3, 6, 7, 12, 20 };
	bool steady = false;
	for (size_t i = 0; i < SC_COUNT_OF(read); i++)
		steady = read_at(read[i] * 100000u, 4096);
	assert_true(steady);
	assert_int_equal(sc_tracks_count_steady(&tracks), 1);
}

/* ---- predictions ---- */

static void assert_next(struct sc_track *track, uint64_t file_bytes, uint64_t expected, uint64_t expected_count)
{
	uint64_t offset = 0, count = 0;
	assert_true(sc_track_predict(track, file_bytes, BLOCK, &offset, &count));
	assert_int_equal(offset, expected);
	assert_int_equal(count, expected_count);
}

static void a_sequence_goes_on_to_the_end(void **state)
{
	(void)state;
	uint64_t offset, count;
	read_at(100, 100);
	read_at(200, 100);
	struct sc_track *track = sc_tracks_note(&tracks, &file, 300, 50);
	assert_int_equal(sc_track_ahead(track, BLOCK), 0);
	assert_next(track, 3500, 350, 650);
	assert_int_equal(sc_track_ahead(track, BLOCK), 1);
	assert_next(track, 3500, 1000, BLOCK);
	assert_next(track, 3500, 2000, BLOCK);
	assert_int_equal(sc_track_ahead(track, BLOCK), 3);
	assert_next(track, 3500, 3000, 500);
	assert_false(sc_track_predict(track, 3500, BLOCK, &offset, &count));
	/* It is caught up with, and overtaken. */
	track = sc_tracks_note(&tracks, &file, 350, 1650);
	assert_int_equal(sc_track_ahead(track, BLOCK), 2);
	track = sc_tracks_note(&tracks, &file, 2000, 1500);
	assert_int_equal(sc_track_ahead(track, BLOCK), 0);
	assert_next(track, 4100, 3500, 500);
	assert_next(track, 4100, 4000, 100);
}

static void runs_at_equal_distances_are_predicted_whole(void **state)
{
	(void)state;
	/* Runs of 2500 bytes, each read in two requests, every 100000 bytes. */
	struct sc_track *track = NULL;
	for (uint64_t k = 0; k < 5; k++) {
		track = sc_tracks_note(&tracks, &file, 7 + k * 100000, 2000);
		if (k < 4)
			track = sc_tracks_note(&tracks, &file, 2007 + k * 100000, 500);
	}
	assert_true(sc_tracks_is_steady(&tracks, track));
	assert_next(track, FILE_BYTES, 402007, 500); /* the rest of this run */
	assert_next(track, FILE_BYTES, 500007, 1000);
	assert_next(track, FILE_BYTES, 501007, 1000);
	assert_next(track, FILE_BYTES, 502007, 500);
	assert_next(track, FILE_BYTES, 600007, 1000);
	assert_in_range(sc_track_ahead(track, BLOCK), 5, 7);
	/* The file ends in the last run. */
	uint64_t offset, count;
	assert_next(track, 601500, 601007, 493);
	assert_next(track, 602100, 602007, 93);
	assert_false(sc_track_predict(track, 602100, BLOCK, &offset, &count));
}

static void backwards_ends_at_the_beginning(void **state)
{
	(void)state;
	struct sc_track *track = NULL;
	uint64_t offset, count;
	for (uint64_t k = 0; k < 4; k++)
		track = sc_tracks_note(&tracks, &file, 60000 - k * 10000, 10);
	assert_next(track, FILE_BYTES, 20000, 10);
	assert_next(track, FILE_BYTES, 10000, 10);
	assert_next(track, FILE_BYTES, 0, 10);
	assert_false(sc_track_predict(track, FILE_BYTES, BLOCK, &offset, &count));
}

static void a_run_that_does_not_end_is_a_sequence(void **state)
{
	(void)state;
	struct sc_track *track = NULL;
	for (uint64_t k = 0; k < 4; k++)
		track = sc_tracks_note(&tracks, &file, k * 100000, 100);
	for (uint64_t k = 1; k < 20; k++)
		track = sc_tracks_note(&tracks, &file, 300000 + k * 100, 100);
	assert_true(sc_tracks_is_steady(&tracks, track));
	assert_next(track, FILE_BYTES, 302000, 1000);
	assert_next(track, FILE_BYTES, 303000, 1000);
}

static void a_sequence_is_predicted_from_its_end_whatever_it_was_before(void **state)
{
	(void)state;
	/* Distances that differ by a page, and then a run that goes on and on. */
	static const uint64_t starts[] = { 0, 100000, 200000, 304096 };
	struct sc_track *track = NULL;
	for (size_t i = 0; i < SC_COUNT_OF(starts); i++)
		track = sc_tracks_note(&tracks, &file, starts[i], 100);
	assert_true(sc_tracks_is_steady(&tracks, track));
	assert_false(track->exact);
	for (uint64_t k = 1; k < 20; k++)
		track = sc_tracks_note(&tracks, &file, 304096 + k * 100, 100);
	assert_true(sc_tracks_is_steady(&tracks, track));
	assert_int_equal(sc_tracks_count_steady(&tracks), 1);
	assert_next(track, FILE_BYTES, 306096, 904);
	assert_next(track, FILE_BYTES, 307000, 1000);
}

/* Whatever is read, predictions are not empty, no longer than a block, and inside the file. */
static void predictions_are_sane(void **state)
{
	(void)state;
	uint64_t random = 31337;
	for (int i = 0; i < 200000; i++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		uint64_t file_bytes = 1 + (random >> 20) % 300000, offset = (random >> 8) % file_bytes / 9000 * 9000;
		uint64_t count = 1 + (random >> 50) % 5000;
		count = count < file_bytes - offset ? count : file_bytes - offset;
		struct sc_track *track = sc_tracks_note(&tracks, &file, offset, count);
		if (!sc_tracks_is_steady(&tracks, track))
			continue;
		for (int k = 0; k < 5 && sc_track_predict(track, file_bytes, BLOCK, &offset, &count); k++)
			assert_true(count >= 1 && count <= BLOCK && offset < file_bytes &&
				    count <= file_bytes - offset);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_sequence_is_steady_at_its_third_read, clear),
		cmocka_unit_test_setup(equal_distances_are_steady_at_the_fourth_read, clear),
		cmocka_unit_test_setup(distances_may_vary_by_a_page_of_the_kernel, clear),
		cmocka_unit_test_setup(reads_at_random_are_not_steady, clear),
		cmocka_unit_test_setup(several_readers_have_a_track_each, clear),
		cmocka_unit_test_setup(random_reads_do_not_drive_out_a_reader, clear),
		cmocka_unit_test_setup(a_reader_who_went_elsewhere_has_left, clear),
		cmocka_unit_test_setup(requests_that_overtake_others_belong_to_the_sequence, clear),
		cmocka_unit_test_setup(requests_that_the_kernel_has_already_are_left_out, clear),
		cmocka_unit_test_setup(a_sequence_goes_on_to_the_end, clear),
		cmocka_unit_test_setup(runs_at_equal_distances_are_predicted_whole, clear),
		cmocka_unit_test_setup(backwards_ends_at_the_beginning, clear),
		cmocka_unit_test_setup(a_run_that_does_not_end_is_a_sequence, clear),
		cmocka_unit_test_setup(a_sequence_is_predicted_from_its_end_whatever_it_was_before, clear),
		cmocka_unit_test_setup(predictions_are_sane, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
