/*
 * The header of a FITS image, by way of a file. The input has its cards as lines, which are padded to 80 characters, and the
 * whole to blocks; what begins with a NUL is taken as it is.
 */
#include "fuzz.h"

#include <sys/mman.h>

#include "fits.h"
#include "ioutil.h"

#define CARD_BYTES 80

/* Lines -> cards; the caller frees it. */
static uint8_t *make_cards(const uint8_t *data, size_t size, size_t *ret_size)
{
	size_t ncards = 1;
	for (size_t i = 0; i < size; i++)
		ncards += data[i] == '\n';
	size_t bytes = (ncards * CARD_BYTES + SC_FITS_BLOCK_BYTES - 1) / SC_FITS_BLOCK_BYTES * SC_FITS_BLOCK_BYTES;
	uint8_t *cards = malloc(bytes), *card = cards;
	fuzz_require(cards);
	memset(cards, ' ', bytes);
	for (size_t at = 0; at < size; card += CARD_BYTES) {
		const uint8_t *newline = memchr(data + at, '\n', size - at);
		size_t length = (newline ? (size_t)(newline - data) : size) - at;
		memcpy(card, data + at, length < CARD_BYTES ? length : CARD_BYTES);
		at += length + 1;
	}
	*ret_size = bytes;
	return cards;
}

static void check(const struct sc_fits *fits)
{
	uint64_t pixels = 1;
	fuzz_require(fits->ndim >= 1 && fits->ndim <= SC_MAXDIM && fits->header_bytes % SC_FITS_BLOCK_BYTES == 0);
	for (int i = 0; i < fits->ndim; i++) {
		fuzz_require(fits->shape[i] >= 1);
		pixels *= (uint64_t)fits->shape[i];
	}
	fuzz_require(fits->data_bytes == pixels * (uint64_t)(abs(fits->bitpix) / 8) && fits->data_bytes <= INT64_MAX);
	fuzz_require(memchr(fits->telescope, 0, sizeof(fits->telescope)));
	if (fits->ndim >= 2) {
		int64_t rows = sc_fits_tile_rows(fits);
		fuzz_require(rows >= 1 && fits->shape[1] % rows == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct sc_error err = { 0 };
	struct sc_fits fits, again;
	sc_autofree uint8_t *cards = NULL;
	size_t bytes = size > 0 ? size - 1 : 0;
	if (fd < 0)
		fd = memfd_create("fits", MFD_CLOEXEC);
	fuzz_require(fd >= 0 && ftruncate(fd, 0) == 0);
	if (size > 0 && data[0] != 0)
		cards = make_cards(data, size, &bytes);
	fuzz_require(sc_io_pwrite_full(fd, cards ? cards : data + (size > 0), bytes, 0) == 0);
	int rc = sc_fits_read(fd, "image.fits", &fits, &err);
	if (rc < 0) {
		fuzz_require_error(rc, &err);
		return 0;
	}
	check(&fits);
	/* Without its telescope it is still the same image. */
	rc = sc_fits_decode(fits.header, fits.header_bytes, "image.fits", &again, &err);
	fuzz_require(rc == 0 && again.ndim == fits.ndim && again.data_bytes == fits.data_bytes);
	fuzz_require(again.type == fits.type && again.has_mask == fits.has_mask);
	fuzz_require_same(again.shape, sizeof(again.shape), fits.shape, sizeof(fits.shape));
	sc_fits_clear(&again);
	sc_fits_clear(&fits);
	return 0;
}
