/*
 * fits.h - a part that is a FITS image: what its primary header says of its pixels.
 *
 *   header   80-byte cards "KEYWORD = value / comment" in blocks of 2880 bytes, the last card is END
 *   data     NAXIS1 x NAXIS2 x ... numbers, big-endian, NAXIS1 fastest, padded to a whole block
 *   ...      extensions; one may be the table of beams that CASA writes (CASAMBM = T announces it)
 *
 * The first cards are SIMPLE, BITPIX, NAXIS, NAXIS1, ... in this order. Only what is needed to find the
 * pixels is read here; what they mean is casacore's business, which gets a copy
 * without the pixels (see fitsclient.h).
 */
#ifndef SC_FITS_H
#define SC_FITS_H

#include "coding.h"
#include "error.h"

#define SC_FITS_BLOCK_BYTES 2880
#define SC_FITS_INSTRUME "SCINSTRU"

struct sc_fits {
	/*
	 * Whole blocks, END included. The telescope is taken out of it: casacore would look up its place, and fails
	 * where there is no table of observatories. Who reads the view looks it up there. TELESCOP is blank, and
	 * INSTRUME, which casacore takes when there is none, has the keyword SC_FITS_INSTRUME.
	 */
	uint8_t *header;
	size_t header_bytes;
	char telescope[72]; /* empty: none */
	int bitpix, ndim;
	int64_t shape[SC_MAXDIM];
	uint64_t data_bytes; /* without the padding */
	bool has_beams_table;
	/*
	 * How pixels and mask are made of what is stored. casacore's FITSImage is always of floats; double ones
	 * stay double here, for that would lose digits.
	 */
	enum sc_type type;
	struct sc_coding pixels, mask;
	bool has_mask; /* a pixel can be blank: always so for real numbers, with a BLANK card for integers */
};

/* Takes the header over that begins at `data`; the bytes must end with it. `label` names the file in errors. */
int sc_fits_decode(const uint8_t *data, size_t size, const char *label, struct sc_fits *ret_fits, struct sc_error *err);

/* Reads the header of an open file. */
int sc_fits_read(int fd, const char *label, struct sc_fits *ret_fits, struct sc_error *err);
void sc_fits_clear(struct sc_fits *fits);

/*
 * Writes what casacore must see of the file `fd` to an empty file: the header, a hole in place of the pixels, and the
 * extensions when there should be a table of beams in them.
 */
int sc_fits_write_skeleton(const struct sc_fits *fits, int fd, int to_fd, const char *label, struct sc_error *err);

/*
 * Rows of an image are stored one after another, so a tile of whole rows is a run of bytes. The most rows, of which a
 * plane is a multiple, that take no more than 128 KiB; one at least.
 */
int64_t sc_fits_tile_rows(const struct sc_fits *fits);

#endif
