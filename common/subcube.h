/*
 * subcube.h - one part: a CASA image on disk, read without casacore; or a FITS image, in place of that directory a
 * file.
 *
 * Opens table.dat, table.fN and the headers of the default mask; checks that
 * they agree with each other; reads no pixel. Nothing is written, no lock is
 * taken. What a FITS header means, casacore knows: such a part is completed in a
 * second step; partreader.h does both.
 */
#ifndef SC_SUBCUBE_H
#define SC_SUBCUBE_H

#include "fits.h"
#include "identity.h"
#include "record.h"
#include "source.h"
#include "tsm.h"

#include <sys/stat.h>

/* Who may read a set of files: what a view of them may show. */
struct sc_access {
	bool any;     /* something was added */
	bool uniform; /* one owner, one group, no ACL */
	uid_t uid;
	gid_t gid;
	mode_t mode;       /* AND of all permission bits */
	int64_t newest_ns; /* modification time, nanoseconds since 1970 */
};

void sc_access_add(struct sc_access *access, const struct stat *st, bool has_acl);
void sc_access_merge(struct sc_access *access, const struct sc_access *other);

/* Whether both let the same users see the same; times do not count. */
bool sc_access_equal(const struct sc_access *a, const struct sc_access *b);

/*
 * Adds a directory that has to be searched to get at the files: who may not do
 * that does not see them, whatever their own modes are. Its time does not count.
 */
void sc_access_add_way(struct sc_access *access, const struct stat *st, bool has_acl);

/* Adds that of the directory `path` and of the files in it; their times do not count. That it is not there is no error. */
int sc_access_add_contents(struct sc_access *access, const struct sc_source *source, const char *path);

/* Whether a file or directory has an access ACL beyond its mode bits; path relative to dirfd. */
bool sc_access_has_acl(int dirfd, const char *path);
bool sc_access_open_has_acl(int fd);

/* One tiled array on disk: the pixels or the mask. */
struct sc_subcube_array {
	struct sc_tsm tsm;
	struct sc_coding coding;
	char file[320]; /* inside the part: "table.f0_TSM0", "mask0/table.f0_TSM0"; "": the part is the file */
	struct sc_file_id id;
	uint64_t needed_bytes; /* what the shape and the tiles need; id.size_bytes below it: truncated */
};

struct sc_subcube {
	struct sc_subcube_array pixels;
	bool has_mask;
	struct sc_subcube_array mask;
	struct sc_record *keywords; /* of table.dat */
	struct sc_access files;     /* of all files read */
	/*
	 * Of the part's directory, table.dat, table.fN and the pixels' file, then of
	 * the mask's directory and its three files when it has one; of a FITS image of that file.
	 */
	struct sc_identity identity;
	struct sc_fits *fits;       /* a FITS image that is not complete: neither keywords nor shapes */
};

/*
 * Opens the part `name` of the source. A FITS image is not complete then. Errors name the part and the
 * file. A pixel or mask file that is shorter than needed is no error here.
 */
int sc_subcube_open(const struct sc_source *source, const char *name, struct sc_subcube *ret_subcube,
		    struct sc_error *err);
void sc_subcube_clear(struct sc_subcube *subcube);

/* The part, and in it the files of its pixels and mask, as in sc_subcube_array; `mask` NULL: it has none. */
struct sc_subcube_files {
	const char *name, *pixels, *mask;
};

struct sc_subcube_seen {
	struct sc_identity identity; /* as in sc_subcube: another one is another part, or a part that has changed */
	struct sc_file_id pixels_id, mask_id;
};

/*
 * Looks at the versions of a part's files, without opening one. `ask`: network file systems are to tell what is, not what they
 * remember. False: some of them are not there.
 */
bool sc_subcube_look(const struct sc_source *source, const struct sc_subcube_files *files, bool ask,
		     struct sc_subcube_seen *ret_seen);

/* sc_subcube_open for a part that is a FITS image, which is not complete then. */
int sc_subcube_open_fits(const struct sc_source *source, const char *name, struct sc_subcube *ret_subcube,
			 struct sc_error *err);

/*
 * Completes a FITS part with what casacore says of it (fitsclient.h). `keywords` belongs to the part from then on, also
 * after an error.
 */
int sc_subcube_complete(struct sc_subcube *subcube, const char *name, struct sc_record *keywords, struct sc_error *err);

#endif
