/*
 * Headers of FITS images, good and hostile: whatever the bytes are, the reader
 * says what is wrong or tells of an image that it can be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fits.h"
#include "ioutil.h"

#define CARD 80
#define MAX_CARDS 72

/* A header under construction. */
struct header {
	size_t ncards;
	char cards[MAX_CARDS * CARD + 1];
};

static void add(struct header *header, const char *text)
{
	char padded[CARD + 1];
	assert_true(header->ncards < MAX_CARDS && strlen(text) <= CARD);
	snprintf(padded, sizeof(padded), "%-80s", text);
	memcpy(header->cards + header->ncards++ * CARD, padded, CARD);
}

/* Ends the header; the rest of its last block is blank. Returns its bytes. */
static size_t finish(struct header *header)
{
	add(header, "END");
	while (header->ncards * CARD % SC_FITS_BLOCK_BYTES)
		add(header, "");
	return header->ncards * CARD;
}

static size_t make(struct header *header, const char *const *cards, size_t count)
{
	*header = (struct header){ 0 };
	for (size_t i = 0; i < count && cards[i]; i++)
		add(header, cards[i]);
	return finish(header);
}

static const char *const good_cards[] = {
	"SIMPLE  =                    T / standard",
	"BITPIX  =                  -32",
	"NAXIS   =                    4",
	"NAXIS1  =                   12 / x",
	"NAXIS2  =                   10/y",
	"NAXIS3  =                    1",
	"NAXIS4  = +2",
	"EXTEND  =                    T",
	"BSCALE  =   1.000000000000D+00 / D",
	"BZERO   =                   0.",
	"TELESCOP= 'VLA     '           / where",
	"INSTRUME= 'it''s me '",
	"HISTORY BSCALE  = 5",
	"COMMENT = 'no'",
};

static size_t make_good(struct header *header)
{
	return make(header, good_cards, SC_COUNT_OF(good_cards));
}

static int decode(const struct header *header, size_t size, struct sc_fits *ret_fits, struct sc_error *err)
{
	/* Memory of exactly the size, so that a sanitizer sees a byte too many. */
	uint8_t *copy = malloc(size + 1);
	memcpy(copy + 1, header->cards, size);
	int rc = sc_fits_decode(copy + 1, size, "part", ret_fits, err);
	free(copy);
	return rc;
}

static void test_good_header(void **state)
{
	(void)state;
	struct header header;
	struct sc_fits fits;
	size_t size = make_good(&header);
	assert_int_equal(decode(&header, size, &fits, NULL), 0);
	assert_int_equal(fits.bitpix, -32);
	assert_int_equal(fits.ndim, 4);
	const int64_t shape[] = { 12, 10, 1, 2 };
	assert_memory_equal(fits.shape, shape, sizeof(shape));
	assert_int_equal(fits.data_bytes, 12 * 10 * 2 * 4);
	assert_int_equal(fits.header_bytes, SC_FITS_BLOCK_BYTES);
	assert_int_equal(fits.type, SC_TYPE_FLOAT);
	assert_int_equal(fits.pixels.kind, SC_CODING_PLAIN);
	assert_int_equal(fits.mask.kind, SC_CODING_FLOAT);
	assert_true(fits.has_mask && !fits.has_beams_table);
	assert_string_equal(fits.telescope, "VLA");
	sc_fits_clear(&fits);
}

static void test_telescope_is_hidden(void **state)
{
	static const struct {
		const char *telescop, *instrume, *expected;
	} cases[] = {
		{ "TELESCOP= 'VLA     '", "INSTRUME= 'other'", "VLA" },
		{ "TELESCOP= 'two words'", "", "two" },
		{ "TELESCOP= '       '", "INSTRUME= 'it''s me '", "it's me" },
		{ "", "INSTRUME= 'SOME ONE'", "SOME ONE" },
		{ "TELESCOP= 5", "", "" },
		{ "TELESCOP= 'never ends", "", "never" },
		{ "TELESCOP=", "INSTRUME=", "" },
		{ "TELESCOP= '", "", "" },
	};
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		const char *cards[MAX_CARDS];
		struct header header;
		struct sc_fits fits;
		memcpy(cards, good_cards, sizeof(good_cards));
		cards[10] = cases[i].telescop;
		cards[11] = cases[i].instrume;
		size_t size = make(&header, cards, SC_COUNT_OF(good_cards));
		assert_int_equal(decode(&header, size, &fits, NULL), 0);
		assert_string_equal(fits.telescope, cases[i].expected);
		assert_null(memmem(fits.header, fits.header_bytes, "TELESCOP= ", 10));
		assert_null(memmem(fits.header, fits.header_bytes, "INSTRUME= ", 10));
		sc_fits_clear(&fits);
	}
}

static void test_integers(void **state)
{
	static const struct {
		const char *bitpix, *blank;
		enum sc_coding_kind kind;
		bool good;
		int32_t value;
	} cases[] = {
		{ "BITPIX  = 8", NULL, SC_CODING_UCHAR, true, 0 },
		{ "BITPIX  = 8", "BLANK   = 255", SC_CODING_UCHAR, true, 255 },
		{ "BITPIX  = 8", "BLANK   = 256", SC_CODING_UCHAR, false, 0 },
		{ "BITPIX  = 8", "BLANK   = -1", SC_CODING_UCHAR, false, 0 },
		{ "BITPIX  = 16", "BLANK   = -32768 / lowest", SC_CODING_SHORT, true, INT16_MIN },
		{ "BITPIX  = 16", "BLANK   = 32768", SC_CODING_SHORT, false, 0 },
		{ "BITPIX  = 32", "BLANK   = -2147483648", SC_CODING_INT, true, INT32_MIN },
		{ "BITPIX  = 32", "BLANK   = 2147483648", SC_CODING_INT, false, 0 },
		{ "BITPIX  = 32", "BLANK   = 1.5", SC_CODING_INT, false, 0 },
		{ "BITPIX  = 32", "BLANK   = 99999999999999999999999", SC_CODING_INT, false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		const char *cards[] = {
			"SIMPLE  = T",      cases[i].bitpix, "NAXIS   = 1",  "NAXIS1  = 3",
			"BSCALE  = 2.5E-1", "BZERO   = -4",  cases[i].blank,
		};
		struct header header;
		struct sc_fits fits;
		struct sc_error err = { 0 };
		size_t size = make(&header, cards, SC_COUNT_OF(cards));
		int rc = decode(&header, size, &fits, &err);
		assert_int_equal(rc, cases[i].good ? 0 : -EUCLEAN);
		if (!cases[i].good) {
			assert_non_null(strstr(err.text, "BLANK"));
			continue;
		}
		assert_int_equal(fits.type, SC_TYPE_FLOAT);
		assert_int_equal(fits.pixels.kind, cases[i].kind);
		assert_true(sc_coding_equal(&fits.pixels, &fits.mask));
		assert_true(fits.pixels.scale == 0.25f && fits.pixels.zero == -4);
		assert_int_equal(fits.has_mask, cases[i].blank != NULL);
		assert_int_equal(fits.pixels.blank, cases[i].value);
		sc_fits_clear(&fits);
	}
}

static void test_hostile_cards(void **state)
{
	static const struct {
		const char *cards[8];
		const char *word;
	} cases[] = {
		{ { "SIMPLE  = F", "BITPIX  = 8" }, "SIMPLE" },
		{ { "SIMPLE  = TRUE" }, "SIMPLE" },
		{ { "simple  = T" }, "SIMPLE" },
		{ { "SIMPLE T" }, "SIMPLE" },
		{ { "XTENSION= 'IMAGE   '" }, "SIMPLE" },
		{ { "SIMPLE  = T" }, "BITPIX" },
		{ { "SIMPLE  = T", "NAXIS   = 1", "BITPIX  = 8" }, "BITPIX" },
		{ { "SIMPLE  = T", "BITPIX  = " }, "BITPIX" },
		{ { "SIMPLE  = T", "BITPIX  = 8.0" }, "BITPIX" },
		{ { "SIMPLE  = T", "BITPIX  = 64" }, "BITPIX" },
		{ { "SIMPLE  = T", "BITPIX  = 0" }, "BITPIX" },
		{ { "SIMPLE  = T", "BITPIX  = -9223372036854775808" }, "BITPIX" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0" }, "no image" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = -1" }, "axes" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 9" }, "axes" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 999" }, "axes" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1" }, "NAXIS1" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 0" }, "NAXIS1" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = -5" }, "NAXIS1" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 'a'" }, "NAXIS1" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 1", "NAXIS3  = 1" }, "NAXIS2" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 9223372036854775807" }, "more pixels" },
		{ { "SIMPLE  = T", "BITPIX  = -64", "NAXIS   = 1", "NAXIS1  = 1152921504606846976" }, "more pixels" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 4294967296", "NAXIS2  = 4294967296" },
		  "more pixels" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 99999999999999999999" }, "NAXIS1" },
		{ { "SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 1", "NAXIS1  = 1", "BSCALE  = 2" }, "BSCALE" },
		{ { "SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 1", "NAXIS1  = 1", "BZERO   = 2" }, "BSCALE" },
		{ { "SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 1", "NAXIS1  = 1", "BSCALE  = nan" }, "BSCALE" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 1", "BSCALE  =" }, "" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 1", "BSCALE  = 1 2" }, "BSCALE" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 1", "BSCALE  = 1E5E5" }, "BSCALE" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 1", "BSCALE  = 2", "BSCALE  = 3" },
		  "twice" },
		{ { "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 1", "BLANK   = 2", "BLANK   = 2" },
		  "twice" },
	};
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct header header;
		struct sc_fits fits;
		struct sc_error err = { 0 };
		size_t size = make(&header, cases[i].cards, SC_COUNT_OF(cases[i].cards));
		assert_int_equal(decode(&header, size, &fits, &err), -EUCLEAN);
		assert_ptr_equal(strstr(err.text, "part: "), err.text);
		if (!strstr(err.text, cases[i].word))
			fail_msg("case %zu: %s", i, err.text);
	}
}

/* What the decoder accepts holds together. */
static void check_sane(const struct sc_fits *fits)
{
	uint64_t bytes = (uint64_t)abs(fits->bitpix) / 8;
	assert_in_range(fits->ndim, 1, SC_MAXDIM);
	for (int i = 0; i < fits->ndim; i++) {
		assert_true(fits->shape[i] >= 1);
		assert_false(__builtin_mul_overflow(bytes, (uint64_t)fits->shape[i], &bytes));
	}
	assert_int_equal(bytes, fits->data_bytes);
	assert_true(fits->data_bytes + fits->header_bytes + SC_FITS_BLOCK_BYTES <= INT64_MAX);
	assert_true(sc_fits_tile_rows(fits) >= 1);
}

static void test_every_byte_changed(void **state)
{
	static const char values[] = { 0, ' ', '\'', '/', '9', '-', 'D', (char)0xff };
	(void)state;
	struct header header;
	size_t size = make_good(&header);
	for (size_t at = 0; at < SC_COUNT_OF(good_cards) * CARD; at++) {
		for (size_t k = 0; k < sizeof(values); k++) {
			struct sc_fits fits;
			char before = header.cards[at];
			header.cards[at] = values[k];
			if (decode(&header, size, &fits, NULL) == 0) {
				check_sane(&fits);
				sc_fits_clear(&fits);
			}
			header.cards[at] = before;
		}
	}
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("fits", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, bytes, size), 0);
	return fd;
}

static void test_every_truncation(void **state)
{
	(void)state;
	struct header header;
	struct sc_fits fits;
	size_t size = make_good(&header);
	int fd = file_of(header.cards, size);
	assert_int_equal(sc_fits_read(fd, "part", &fits, NULL), 0);
	sc_fits_clear(&fits);
	for (size_t left = size; left-- > 0;) {
		struct sc_error err = { 0 };
		assert_int_equal(ftruncate(fd, (off_t)left), 0);
		assert_int_equal(sc_fits_read(fd, "part", &fits, &err), -EUCLEAN);
		assert_non_null(strstr(err.text, left < CARD ? "SIMPLE" : "END"));
	}
	close(fd);
}

/* An END in the last card of a late block, which takes several reads to get to. */
static void test_long_header(void **state)
{
	(void)state;
	struct header header;
	struct sc_fits fits;
	size_t size = (size_t)SC_FITS_BLOCK_BYTES * 100;
	char *bytes = malloc(size);
	memset(bytes, ' ', size);
	make_good(&header);
	memcpy(bytes, header.cards, SC_COUNT_OF(good_cards) * CARD);
	memcpy(bytes + size - CARD, "END     ", 8);
	int fd = file_of(bytes, size);
	assert_int_equal(sc_fits_read(fd, "part", &fits, NULL), 0);
	assert_int_equal(fits.header_bytes, size);
	sc_fits_clear(&fits);
	close(fd);

	struct sc_error err = { 0 };
	bytes[size - CARD] = 'e';
	fd = file_of(bytes, size);
	assert_int_equal(ftruncate(fd, (off_t)1 << 30), 0);
	assert_int_equal(sc_fits_read(fd, "part", &fits, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "longer"));
	close(fd);
	free(bytes);
}

static void test_tile_rows(void **state)
{
	static const struct {
		int bitpix, ndim;
		int64_t x, y, rows;
	} cases[] = {
		{ -32, 1, 1000, 0, 1 },      { -32, 2, 100, 100, 100 },  { -32, 2, 2048, 2048, 16 },
		{ -64, 2, 2048, 2048, 8 },   { -32, 2, 2250, 2250, 10 }, { -32, 4, 100000, 7, 1 },
		{ 8, 2, 128 << 10, 2, 1 },   { -32, 2, 1000, 997, 1 },   { 8, 2, 1, 1, 1 },
		{ -64, 2, INT64_MAX, 2, 1 },
	};
	(void)state;
	for (size_t i = 0; i < SC_COUNT_OF(cases); i++) {
		struct sc_fits fits = { .bitpix = cases[i].bitpix,
					.ndim = cases[i].ndim,
					.shape = { cases[i].x, cases[i].y, 1, 3 } };
		assert_int_equal(sc_fits_tile_rows(&fits), cases[i].rows);
	}
}

static void test_skeleton(void **state)
{
	(void)state;
	const char *cards[MAX_CARDS];
	struct header header;
	memcpy(cards, good_cards, sizeof(good_cards));
	for (int with_beams = 0; with_beams < 2; with_beams++) {
		struct sc_fits fits;
		struct stat st;
		char extension[10] = "", pixel = 1;
		cards[7] = with_beams ? "CASAMBM =                    T" : "EXTEND  = T";
		size_t size = make(&header, cards, SC_COUNT_OF(good_cards));
		int fd = file_of(header.cards, size);
		assert_int_equal(sc_io_pwrite_full(fd, "pixels", 6, size), 0);
		assert_int_equal(sc_io_pwrite_full(fd, "beams", 5, size + SC_FITS_BLOCK_BYTES), 0);
		assert_int_equal(sc_fits_read(fd, "part", &fits, NULL), 0);
		assert_int_equal(fits.has_beams_table, with_beams);
		int to_fd = file_of("", 0);
		assert_int_equal(sc_fits_write_skeleton(&fits, fd, to_fd, "part", NULL), 0);
		assert_int_equal(fstat(to_fd, &st), 0);
		assert_int_equal(st.st_size, size + SC_FITS_BLOCK_BYTES + (with_beams ? 5 : 0));
		assert_int_equal(sc_io_pread_full(to_fd, &pixel, 1, size), 0);
		assert_int_equal(pixel, 0);
		if (with_beams) {
			assert_int_equal(sc_io_pread_full(to_fd, extension, 5, size + SC_FITS_BLOCK_BYTES), 0);
			assert_string_equal(extension, "beams");
			/* Extensions far too long for a table of beams. */
			struct sc_error err = { 0 };
			assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
			assert_int_equal(sc_fits_write_skeleton(&fits, fd, to_fd, "part", &err), -EUCLEAN);
			assert_non_null(strstr(err.text, "extensions"));
		}
		sc_fits_clear(&fits);
		close(fd);
		close(to_fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_header),        cmocka_unit_test(test_telescope_is_hidden),
		cmocka_unit_test(test_integers),           cmocka_unit_test(test_hostile_cards),
		cmocka_unit_test(test_every_byte_changed), cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_long_header),        cmocka_unit_test(test_tile_rows),
		cmocka_unit_test(test_skeleton),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
