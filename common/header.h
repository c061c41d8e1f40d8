/*
 * header.h - the parts' headers -> one header, by casacore's rules
 * (images/Images/ImageConcat.tcc, ImageInfo.cc) where they falsify nothing,
 * with relax=True unless `strict`: what casacore warns of is a warning here,
 * what it calls an error is an error; each names the part and both values.
 *
 * Parts are added in order; of each only a digest is kept. Not thread-safe.
 */
#ifndef SC_HEADER_H
#define SC_HEADER_H

#include "gaps.h"
#include "record.h"
#include "subcube.h"

struct sc_header_options {
	bool axis_given;
	int axis;    /* pixel axis of the concatenation when it is given; else the spectral one, wherever it is */
	bool strict; /* relax=False: what would be a warning is an error */
	bool first_miscinfo;  /* the first part's miscinfo only, not all merged */
	bool same_increments; /* a part with channels of another width is an error: it is of another run */
};

struct sc_header {
	int ndim, axis; /* pixel axis of the concatenation */
	bool spectral;  /* that axis is the spectral one */
	int64_t shape[SC_MAXDIM];
	enum sc_type type;
	/*
	 * casacore may number the axis otherwise when it has only the parts: it was fitted or tabulated here, or is
	 * shown in a unit or frame that casacore forgets.
	 */
	bool axis_differs;
	bool has_mask;               /* any part has a default mask */
	struct sc_record *coords;    /* final, Hz in the native frame */
	struct sc_record *imageinfo; /* final, with beams */
	struct sc_record *miscinfo;  /* final, may be empty */
	char *units;                 /* empty when part 0 has none */
	size_t nwarnings;
	char **warnings; /* one sentence each */
};

struct sc_header_builder;

struct sc_header_builder *sc_header_builder_new(const struct sc_header_options *options); /* NULL: out of memory */
void sc_header_builder_free(struct sc_header_builder *builder);

/* `name` is the part's name, for messages. The first part's keywords are copied, nothing of `part` is kept. */
int sc_header_builder_add(struct sc_header_builder *builder, const char *name, const struct sc_subcube *part,
			  struct sc_error *err);

/* The pixel axis of the concatenation, once a part was added. */
int sc_header_builder_axis(const struct sc_header_builder *builder);

/* Whether that axis is the spectral one; only its gaps can be measured. */
bool sc_header_builder_is_spectral(const struct sc_header_builder *builder);

/* First and last world value of part `index`, in order of adding; frequencies in Hz on the spectral axis. */
void sc_header_builder_worlds(const struct sc_header_builder *builder, size_t index, double *ret_first,
			      double *ret_last);

/* The first part's increment on the axis, 0 when it has none. */
double sc_header_builder_increment(const struct sc_header_builder *builder);

/*
 * `gaps` (see gaps.h; may be NULL) are blank channels of the cube: the axis and the beams go
 * through them. On success the caller calls sc_header_clear. The builder is spent.
 */
int sc_header_builder_finish(struct sc_header_builder *builder, const struct sc_gap *gaps, size_t ngaps,
			     struct sc_header *ret_header, struct sc_error *err);
void sc_header_clear(struct sc_header *header);

#endif
