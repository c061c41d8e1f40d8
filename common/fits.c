#include "fits.h"

#include <errno.h>
#include <string.h>

#include "ioutil.h"

#define CARD_BYTES 80

/* Headers with long histories have a few thousand cards; this is 100,000. */
#define HEADER_BYTES_MAX ((size_t)2880 * 2880)
#define READ_BLOCKS 16

/* A beam a plane takes 20 bytes. */
#define EXTENSION_BYTES_MAX ((uint64_t)64 << 20)

#define TILE_BYTES_MAX (128 << 10)

/* One card, as text. */
struct card {
	char text[CARD_BYTES + 1];
};

static void get_card(const uint8_t *data, size_t number, struct card *card)
{
	memcpy(card->text, data + number * CARD_BYTES, CARD_BYTES);
	card->text[CARD_BYTES] = 0;
}

static bool is_end(const uint8_t *card)
{
	return memcmp(card, "END     ", 8) == 0;
}

/* The value of the card when it has the keyword; else NULL. */
static const char *value_of(const struct card *card, const char *keyword)
{
	char padded[9] = "        ";
	memcpy(padded, keyword, strlen(keyword));
	if (memcmp(card->text, padded, 8) != 0 || memcmp(card->text + 8, "= ", 2) != 0)
		return NULL;
	return card->text + 10 + strspn(card->text + 10, " ");
}

/* Whether nothing but a comment follows a value. */
static bool value_ends(const char *rest)
{
	rest += strspn(rest, " ");
	return *rest == 0 || *rest == '/';
}

static bool parse_integer(const char *value, int64_t *ret_value)
{
	char *end;
	errno = 0;
	long long parsed = strtoll(value, &end, 10);
	if (end == value || errno != 0 || !value_ends(end))
		return false;
	*ret_value = parsed;
	return true;
}

/* FITS writes double precision exponents with a D. */
static bool parse_real(const char *value, double *ret_value)
{
	char copy[CARD_BYTES + 1];
	size_t length = strcspn(value, " /");
	if (length == 0 || strspn(value, "+-.0123456789EeDd") < length)
		return false;
	memcpy(copy, value, length);
	copy[length] = 0;
	for (size_t i = 0; i < length; i++) {
		if (copy[i] == 'D' || copy[i] == 'd')
			copy[i] = 'E';
	}
	char *end;
	*ret_value = strtod(copy, &end);
	return *end == 0 && value_ends(value + length);
}

/* One of the cards that every header begins with. */
static int mandatory(const uint8_t *data, size_t size, size_t number, const char *keyword, int64_t *ret_value,
		     const char *label, struct sc_error *err)
{
	struct card card;
	const char *value = NULL;
	if ((number + 1) * CARD_BYTES <= size) {
		get_card(data, number, &card);
		value = value_of(&card, keyword);
	}
	if (!value)
		return sc_error_set(err, -EUCLEAN, "%s: card %zu is not %s, not a FITS image", label, number + 1,
				    keyword);
	if (!parse_integer(value, ret_value))
		return sc_error_set(err, -EUCLEAN, "%s: the FITS header's %s is no integer", label, keyword);
	return 0;
}

static int check_simple(const uint8_t *data, size_t size, const char *label, struct sc_error *err)
{
	struct card card;
	const char *value = NULL;
	if (size >= CARD_BYTES) {
		get_card(data, 0, &card);
		value = value_of(&card, "SIMPLE");
	}
	if (!value || value[0] != 'T' || !value_ends(value + 1))
		return sc_error_set(err, -EUCLEAN, "%s: it does not begin with SIMPLE = T, not a FITS image", label);
	return 0;
}

static int read_shape(const uint8_t *data, size_t size, const char *label, struct sc_fits *fits, struct sc_error *err)
{
	int64_t value;
	int rc = mandatory(data, size, 2, "NAXIS", &value, label, err);
	if (rc < 0)
		return rc;
	if (value == 0)
		return sc_error_set(err, -EUCLEAN, "%s: no image in its primary header", label);
	if (value < 0 || value > SC_MAXDIM)
		return sc_error_set(err, -EUCLEAN, "%s: %lld axes, expected 1 to %d", label, (long long)value,
				    SC_MAXDIM);
	fits->ndim = (int)value;
	for (int i = 0; i < fits->ndim; i++) {
		char keyword[] = "NAXIS1";
		keyword[5] = (char)('1' + i);
		rc = mandatory(data, size, (size_t)(3 + i), keyword, &fits->shape[i], label, err);
		if (rc < 0)
			return rc;
		if (fits->shape[i] < 1)
			return sc_error_set(err, -EUCLEAN, "%s: %s is %lld, expected at least 1", label, keyword,
					    (long long)fits->shape[i]);
	}
	return 0;
}

/* All byte offsets, the padding's included, fit int64_t. */
static int measure(const char *label, struct sc_fits *fits, struct sc_error *err)
{
	int64_t bytes = abs(fits->bitpix) / 8, end;
	bool overflow = false;
	for (int i = 0; i < fits->ndim; i++)
		overflow |= __builtin_mul_overflow(bytes, fits->shape[i], &bytes);
	overflow |= __builtin_add_overflow(bytes, HEADER_BYTES_MAX + 2 * SC_FITS_BLOCK_BYTES, &end);
	if (overflow)
		return sc_error_set(err, -EUCLEAN, "%s: the FITS header tells of more pixels than a file can hold",
				    label);
	fits->data_bytes = (uint64_t)bytes;
	return 0;
}

/* Cards that say how numbers become pixels. */
struct scaling {
	bool scale_given, zero_given, blank_given;
	double scale, zero;
	int64_t blank;
};

static int take_real(const struct card *card, const char *keyword, bool *given, double *ret_value, const char *label,
		     struct sc_error *err)
{
	const char *value = value_of(card, keyword);
	if (!value)
		return 0;
	if (*given || !parse_real(value, ret_value))
		return sc_error_set(err, -EUCLEAN, "%s: the FITS header's %s %s", label, keyword,
				    *given ? "is there twice" : "is no number");
	*given = true;
	return 0;
}

static int take_blank(const struct card *card, struct scaling *scaling, const char *label, struct sc_error *err)
{
	const char *value = value_of(card, "BLANK");
	if (!value)
		return 0;
	if (scaling->blank_given || !parse_integer(value, &scaling->blank))
		return sc_error_set(err, -EUCLEAN, "%s: the FITS header's BLANK %s", label,
				    scaling->blank_given ? "is there twice" : "is no integer");
	scaling->blank_given = true;
	return 0;
}

static int read_optional(const uint8_t *data, size_t size, const char *label, struct sc_fits *fits,
			 struct scaling *scaling, struct sc_error *err)
{
	for (size_t i = (size_t)(3 + fits->ndim); i < size / CARD_BYTES; i++) {
		struct card card;
		get_card(data, i, &card);
		int rc = take_real(&card, "BSCALE", &scaling->scale_given, &scaling->scale, label, err);
		if (rc == 0)
			rc = take_real(&card, "BZERO", &scaling->zero_given, &scaling->zero, label, err);
		if (rc == 0)
			rc = take_blank(&card, scaling, label, err);
		if (rc < 0)
			return rc;
		const char *beams = value_of(&card, "CASAMBM");
		if (beams && beams[0] == 'T')
			fits->has_beams_table = true;
	}
	return 0;
}

static int set_integers(enum sc_coding_kind kind, int64_t least, int64_t most, const struct scaling *scaling,
			const char *label, struct sc_fits *fits, struct sc_error *err)
{
	if (scaling->blank_given && (scaling->blank < least || scaling->blank > most))
		return sc_error_set(err, -EUCLEAN, "%s: BLANK is %lld, which no pixel of BITPIX %d can be", label,
				    (long long)scaling->blank, fits->bitpix);
	fits->type = SC_TYPE_FLOAT;
	fits->pixels = (struct sc_coding){ .kind = kind,
					   .scale = (float)scaling->scale,
					   .zero = (float)scaling->zero,
					   .has_blank = scaling->blank_given,
					   .blank = (int32_t)scaling->blank };
	fits->mask = fits->pixels;
	fits->has_mask = scaling->blank_given;
	return 0;
}

static int set_reals(enum sc_type type, enum sc_coding_kind kind, const struct scaling *scaling, const char *label,
		     struct sc_fits *fits, struct sc_error *err)
{
	/* The standard scales these too, casacore's images do not: who is right, the writer only knows. */
	if (scaling->scale != 1 || scaling->zero != 0)
		return sc_error_set(err, -EUCLEAN, "%s: BSCALE and BZERO of floating-point pixels are not supported",
				    label);
	fits->type = type;
	fits->pixels = (struct sc_coding){ .kind = SC_CODING_PLAIN };
	fits->mask = (struct sc_coding){ .kind = kind };
	fits->has_mask = true;
	return 0;
}

static int set_codings(const struct scaling *scaling, const char *label, struct sc_fits *fits, struct sc_error *err)
{
	switch (fits->bitpix) {
	case 8:
		return set_integers(SC_CODING_UCHAR, 0, UINT8_MAX, scaling, label, fits, err);
	case 16:
		return set_integers(SC_CODING_SHORT, INT16_MIN, INT16_MAX, scaling, label, fits, err);
	case 32:
		return set_integers(SC_CODING_INT, INT32_MIN, INT32_MAX, scaling, label, fits, err);
	case -32:
		return set_reals(SC_TYPE_FLOAT, SC_CODING_FLOAT, scaling, label, fits, err);
	case -64:
		return set_reals(SC_TYPE_DOUBLE, SC_CODING_DOUBLE, scaling, label, fits, err);
	}
	abort(); /* sc_fits_decode looked at it */
}

/* The text of a string value, without its quotes and trailing blanks; empty when it is no string. */
static void get_string(const char *value, char *ret_text, size_t size)
{
	size_t length = 0;
	if (*value == '\'') {
		for (value++; *value && length + 1 < size; value++) {
			/* A quote inside is written twice. */
			if (*value == '\'' && *++value != '\'')
				break;
			ret_text[length++] = *value;
		}
	}
	while (length > 0 && ret_text[length - 1] == ' ')
		length--;
	ret_text[length] = 0;
}

static void hide_telescope(struct sc_fits *fits)
{
	char instrument[sizeof(fits->telescope)] = "";
	for (size_t i = 0; i < fits->header_bytes / CARD_BYTES; i++) {
		struct card card;
		uint8_t *at = fits->header + i * CARD_BYTES;
		get_card(fits->header, i, &card);
		const char *telescope = value_of(&card, "TELESCOP"), *instrume = value_of(&card, "INSTRUME");
		if (telescope) {
			get_string(telescope, fits->telescope, sizeof(fits->telescope));
			memset(at, ' ', CARD_BYTES);
		} else if (instrume) {
			get_string(instrume, instrument, sizeof(instrument));
			memcpy(at, SC_FITS_INSTRUME, 8);
		}
	}
	/* As casacore has it: a telescope's first word, else the whole instrument. */
	fits->telescope[strcspn(fits->telescope, " ")] = 0;
	if (!fits->telescope[0])
		memcpy(fits->telescope, instrument, sizeof(instrument));
}

int sc_fits_decode(const uint8_t *data, size_t size, const char *label, struct sc_fits *ret_fits, struct sc_error *err)
{
	struct sc_fits fits = { 0 };
	struct scaling scaling = { .scale = 1 };
	int64_t bitpix = 0;
	int rc = check_simple(data, size, label, err);
	if (rc == 0)
		rc = mandatory(data, size, 1, "BITPIX", &bitpix, label, err);
	if (rc == 0 && bitpix != 8 && bitpix != 16 && bitpix != 32 && bitpix != -32 && bitpix != -64)
		rc = sc_error_set(err, -EUCLEAN, "%s: BITPIX is %lld, expected 8, 16, 32, -32 or -64", label,
				  (long long)bitpix);
	fits.bitpix = (int)bitpix;
	if (rc == 0)
		rc = read_shape(data, size, label, &fits, err);
	if (rc == 0)
		rc = measure(label, &fits, err);
	if (rc == 0)
		rc = read_optional(data, size, label, &fits, &scaling, err);
	if (rc == 0)
		rc = set_codings(&scaling, label, &fits, err);
	if (rc < 0)
		return rc;
	fits.header = malloc(size);
	if (!fits.header)
		return sc_error_errno(err, -ENOMEM, "%s: cannot read", label);
	memcpy(fits.header, data, size);
	fits.header_bytes = size;
	hide_telescope(&fits);
	*ret_fits = fits;
	return 0;
}

/* Reads up to `count` bytes at `offset`; fewer at the end of the file. */
static int read_some(int fd, uint8_t *buffer, size_t count, size_t offset, size_t *ret_got)
{
	for (*ret_got = 0; *ret_got < count;) {
		ssize_t got = pread(fd, buffer + *ret_got, count - *ret_got, (off_t)(offset + *ret_got));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		*ret_got += (size_t)got;
	}
	return 0;
}

/* Where the block with the END card ends, looking from block `first` on; 0 when it is not among these bytes. */
static size_t find_end(const uint8_t *data, size_t size, size_t first)
{
	for (size_t block = first; (block + 1) * SC_FITS_BLOCK_BYTES <= size; block++) {
		const uint8_t *cards = data + block * SC_FITS_BLOCK_BYTES;
		for (size_t at = 0; at < SC_FITS_BLOCK_BYTES; at += CARD_BYTES) {
			if (is_end(cards + at))
				return (block + 1) * SC_FITS_BLOCK_BYTES;
		}
	}
	return 0;
}

int sc_fits_read(int fd, const char *label, struct sc_fits *ret_fits, struct sc_error *err)
{
	sc_autofree uint8_t *data = NULL;
	size_t chunk = READ_BLOCKS * SC_FITS_BLOCK_BYTES;
	for (size_t size = 0; size < HEADER_BYTES_MAX; size += chunk) {
		size_t got;
		uint8_t *grown = realloc(data, size + chunk);
		if (!grown)
			return sc_error_errno(err, -ENOMEM, "%s: cannot read", label);
		data = grown;
		int rc = read_some(fd, data + size, chunk, size, &got);
		if (rc < 0)
			return sc_error_errno(err, rc, "%s: cannot read", label);
		/* Before more of what may be any file is read. */
		rc = size == 0 ? check_simple(data, got, label, err) : 0;
		if (rc < 0)
			return rc;
		size_t end = find_end(data, size + got, size / SC_FITS_BLOCK_BYTES);
		if (end > 0)
			return sc_fits_decode(data, end, label, ret_fits, err);
		if (got < chunk)
			return sc_error_set(err, -EUCLEAN, "%s: the FITS header has no END", label);
	}
	return sc_error_set(err, -EUCLEAN, "%s: the FITS header is longer than %zu bytes", label, HEADER_BYTES_MAX);
}

void sc_fits_clear(struct sc_fits *fits)
{
	free(fits->header);
	*fits = (struct sc_fits){ 0 };
}

static int copy_extensions(const struct sc_fits *fits, int fd, int to_fd, uint64_t at, const char *label,
			   struct sc_error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return sc_error_errno(err, -errno, "%s: cannot stat", label);
	if (!fits->has_beams_table || (uint64_t)st.st_size <= at)
		return 0;
	uint64_t count = (uint64_t)st.st_size - at;
	if (count > EXTENSION_BYTES_MAX)
		return sc_error_set(err, -EUCLEAN, "%s: its FITS extensions have %llu bytes, expected %llu at most",
				    label, (unsigned long long)count, (unsigned long long)EXTENSION_BYTES_MAX);
	sc_autofree uint8_t *data = malloc(count);
	int rc = data ? sc_io_pread_full(fd, data, count, at) : -ENOMEM;
	if (rc == 0)
		rc = sc_io_pwrite_full(to_fd, data, count, at);
	return rc < 0 ? sc_error_errno(err, rc, "%s: cannot copy its FITS extensions", label) : 0;
}

int sc_fits_write_skeleton(const struct sc_fits *fits, int fd, int to_fd, const char *label, struct sc_error *err)
{
	uint64_t padded = (fits->data_bytes + SC_FITS_BLOCK_BYTES - 1) / SC_FITS_BLOCK_BYTES * SC_FITS_BLOCK_BYTES;
	uint64_t end = fits->header_bytes + padded;
	int rc = sc_io_pwrite_full(to_fd, fits->header, fits->header_bytes, 0);
	if (rc == 0 && ftruncate(to_fd, (off_t)end) < 0)
		rc = -errno;
	if (rc < 0)
		return sc_error_errno(err, rc, "%s: cannot copy its FITS header", label);
	return copy_extensions(fits, fd, to_fd, end, label, err);
}

int64_t sc_fits_tile_rows(const struct sc_fits *fits)
{
	if (fits->ndim < 2)
		return 1;
	int64_t row_bytes, rows = fits->shape[1];
	if (__builtin_mul_overflow(fits->shape[0], abs(fits->bitpix) / 8, &row_bytes))
		return 1;
	int64_t most = TILE_BYTES_MAX / row_bytes;
	for (int64_t count = most < rows ? most : rows; count > 1; count--) {
		if (rows % count == 0)
			return count;
	}
	return 1;
}
