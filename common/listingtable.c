#include "listing.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "printable.h"
#include "quantity.h"

enum column { NAME, SHAPE, CHANNELS, FREQUENCY, FRAME, UNIT, BEAM, PARTS, MISSING, SIZE, TIME, NCOLUMNS };

#define CELL_BYTES 300

static const struct {
	const char *title;
	bool is_number; /* to the right */
} columns[NCOLUMNS] = {
	[NAME] = { "family", false },    [SHAPE] = { "shape", false },    [CHANNELS] = { "channels", true },
	[FREQUENCY] = { "GHz", false },  [FRAME] = { "frame", false },    [UNIT] = { "unit", false },
	[BEAM] = { "beam, arcsec", false }, [PARTS] = { "parts", true },  [MISSING] = { "missing", true },
	[SIZE] = { "size", true },       [TIME] = { "time", true },
};

struct row {
	char cells[NCOLUMNS][CELL_BYTES];
};

static void set(struct row *row, enum column column, const char *format, ...) sc_printf_format(3, 4);
static void set(struct row *row, enum column column, const char *format, ...)
{
	char text[CELL_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sc_printable(row->cells[column], CELL_BYTES, text);
}

/* "2.91-3.12", or one figure where both would be the same. */
static void range(char *text, size_t size, const double values[2])
{
	char high[32];
	snprintf(text, size, "%.3g", values[0]);
	snprintf(high, sizeof(high), "%.3g", values[1]);
	if (strcmp(text, high) != 0)
		snprintf(text + strlen(text), size - strlen(text), "-%s", high);
}

static void fill_shape(struct row *row, const struct sc_summary *summary)
{
	char text[CELL_BYTES] = "";
	for (int i = 0; i < summary->ndim; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%lld", i ? " x " : "",
			 (long long)summary->shape[i]);
	set(row, SHAPE, "%s", text);
}

static void fill_beam(struct row *row, const struct sc_beamrange *beams)
{
	char major[80], minor[80];
	if (beams->nbeams == 0)
		return;
	range(major, sizeof(major), beams->major);
	range(minor, sizeof(minor), beams->minor);
	set(row, BEAM, "%s x %s", major, minor);
}

static void fill(struct row *row, const struct sc_summary *summary)
{
	char text[16];
	memset(row, 0, sizeof(*row));
	set(row, NAME, "%s%s", summary->base, summary->ext);
	if (summary->kind != SC_PRODUCT_PAGED)
		set(row, PARTS, "%zu", summary->nparts);
	if (summary->kind == SC_PRODUCT_PARTS)
		set(row, MISSING, "%llu", (unsigned long long)summary->nmissing);
	if (summary->ndim == 0) {
		set(row, SHAPE, "cannot be read");
		return;
	}
	fill_shape(row, summary);
	if (summary->has_frequencies) {
		set(row, CHANNELS, "%lld", (long long)summary->nchan);
		set(row, FREQUENCY, "%.6f to %.6f", summary->hz[0] / 1e9, summary->hz[1] / 1e9);
		set(row, FRAME, "%s", summary->frame);
	}
	set(row, UNIT, "%s", summary->unit);
	fill_beam(row, &summary->beams);
	set(row, SIZE, "%s", sc_quantity_bytes(text, (double)summary->size_bytes));
	if (summary->kind == SC_PRODUCT_PAGED)
		set(row, TIME, "is there");
	else if (!summary->problem)
		set(row, TIME, "%s", sc_quantity_time(text, sc_listing_seconds(summary)));
}

/* Letters, not bytes: of UTF-8 only the first byte of each counts. */
static int width_of(const char *text)
{
	int width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void write_row(FILE *out, const struct row *row, const int widths[NCOLUMNS])
{
	int behind = 0; /* spaces that are due: none at the end of a line */
	for (int c = 0; c < NCOLUMNS; c++) {
		int spaces = widths[c] - width_of(row->cells[c]);
		if (widths[c] == 0)
			continue;
		int before = columns[c].is_number ? spaces : 0;
		if (row->cells[c][0])
			fprintf(out, "%*s%s", behind + before, "", row->cells[c]);
		behind = (row->cells[c][0] ? spaces - before : behind + spaces) + 2;
	}
	fputc('\n', out);
}

/* Columns in which nothing stands are left out. */
static void write_rows(FILE *out, const struct row *rows, size_t count)
{
	int widths[NCOLUMNS] = { 0 };
	struct row titles = { 0 };
	for (int c = 0; c < NCOLUMNS; c++) {
		for (size_t i = 0; i < count; i++) {
			int width = width_of(rows[i].cells[c]);
			if (width > widths[c])
				widths[c] = width;
		}
		set(&titles, (enum column)c, "%s", columns[c].title);
		if (widths[c] > 0 && width_of(titles.cells[c]) > widths[c])
			widths[c] = width_of(titles.cells[c]);
	}
	write_row(out, &titles, widths);
	for (size_t i = 0; i < count; i++)
		write_row(out, &rows[i], widths);
}

/* The problem, without the family's name where that comes first. */
static const char *reason_of(const struct sc_summary *summary)
{
	const char *text = summary->problem;
	size_t base = strlen(summary->base), ext = strlen(summary->ext);
	if (strncmp(text, summary->base, base) == 0 && strncmp(text + base, summary->ext, ext) == 0 &&
	    strncmp(text + base + ext, ": ", 2) == 0)
		return text + base + ext + 2;
	return text;
}

static void write_notes(FILE *out, const struct sc_listing *listing)
{
	char text[16];
	uint64_t bytes = 0;
	for (size_t i = 0; i < listing->count; i++) {
		const struct sc_summary *summary = &listing->summaries[i];
		if (summary->kind != SC_PRODUCT_PAGED && !summary->problem)
			bytes += summary->size_bytes;
	}
	fprintf(out, "\n%zu famil%s, ", listing->count, listing->count == 1 ? "y" : "ies");
	fprintf(out, "%s to be written; ", sc_quantity_bytes(text, (double)bytes));
	fprintf(out, "times are for %s/s.\n", sc_quantity_bytes(text, SC_LISTING_BYTES_PER_SECOND));
	for (size_t i = 0; i < listing->count; i++) {
		const struct sc_summary *summary = &listing->summaries[i];
		if (summary->beams.nflagged > 0)
			fprintf(out, "%s%s: %zu beam%s of flagged channels left out.\n", summary->base, summary->ext,
				summary->beams.nflagged, summary->beams.nflagged == 1 ? "" : "s");
		if (summary->problem)
			fprintf(out, "%s%s: %s.\n", summary->base, summary->ext, reason_of(summary));
	}
}

char *sc_listing_table(const struct sc_listing *listing)
{
	char *text = NULL;
	size_t size;
	sc_autofree struct row *rows = calloc(listing->count + 1, sizeof(*rows));
	FILE *out = rows ? open_memstream(&text, &size) : NULL;
	if (!out)
		return NULL;
	for (size_t i = 0; i < listing->count; i++)
		fill(&rows[i], &listing->summaries[i]);
	write_rows(out, rows, listing->count);
	write_notes(out, listing);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
