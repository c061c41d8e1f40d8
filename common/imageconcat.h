/*
 * imageconcat.h - imageconcat.json: casacore's virtual concatenation, which names images instead of holding pixels.
 *
 *   NAME/imageconcat.json   { "Version": 1, "DataType": "float", "Axis": 3, "TempClose": true,
 *                             "Images": [...], "MiscInfo": {...} }
 *
 *   an image's name   is
 *   "././x"           NAME/x: inside, moves along with the catalog
 *   "./x"             x beside NAME: both may move together
 *   "/a/x"            that
 *   "x"               x in the working directory of whoever reads it
 *
 * Sources: casacore, images/Images/ImageConcat.tcc (save), casa/OS/Path.cc (stripDirectory, addDirectory),
 * casa/Json. casacore reads the file line by line and stops at a line of 4096 bytes or more, fails on null, on
 * an empty array and on an array of more than one axis in MiscInfo; so none of these is ever written.
 */
#ifndef SC_IMAGECONCAT_H
#define SC_IMAGECONCAT_H

#include "record.h"

#define SC_IMAGECONCAT_FILE "imageconcat.json"

/* More is no catalog: 60,000 parts with 7 miscinfo fields each take 25 MB. In memory it is ten times as much. */
#define SC_IMAGECONCAT_BYTES_MAX ((size_t)64 << 20)

enum sc_imageconcat_place {
	SC_IMAGECONCAT_INSIDE,   /* path is relative to the catalog's directory */
	SC_IMAGECONCAT_BESIDE,   /* path is relative to the directory that the catalog is in */
	SC_IMAGECONCAT_ABSOLUTE, /* path is absolute */
	SC_IMAGECONCAT_PLAIN,    /* path is relative to the reader's working directory */
};

struct sc_imageconcat_image {
	enum sc_imageconcat_place place;
	char *path; /* never empty, without "..", without slashes at the end */
};

struct sc_imageconcat {
	enum sc_type type; /* FLOAT, DOUBLE, COMPLEX, DCOMPLEX */
	int axis;
	bool tempclose; /* readers open images only while they read them */
	size_t nimages; /* at least 1 */
	struct sc_imageconcat_image *images;
};

/* Where an image is that has the absolute path `image`, seen from the catalog `name` in the absolute directory
 * `parent`. 0 or -ENOMEM. The caller frees ret_image->path. */
int sc_imageconcat_place(const char *parent, const char *name, const char *image,
			 struct sc_imageconcat_image *ret_image);

/*
 * Makes the file's bytes; the caller frees *ret_data. `miscinfo` may be NULL. *ret_warning is NULL or a
 * sentence, which the caller frees, on fields of miscinfo that the format cannot hold. -EINVAL: a name that casacore
 * would read as another one, or not at all.
 */
int sc_imageconcat_encode(const struct sc_imageconcat *catalog, const struct sc_record *miscinfo, char **ret_data,
			  size_t *ret_size, char **ret_warning, struct sc_error *err);

/* MiscInfo is not read. `label` names the file in errors. The caller clears *ret_catalog. */
int sc_imageconcat_decode(const void *data, size_t size, const char *label, struct sc_imageconcat *ret_catalog,
			  struct sc_error *err);

/* Reads imageconcat.json in the directory. -ENOENT: there is none. */
int sc_imageconcat_read(int dirfd, struct sc_imageconcat *ret_catalog, struct sc_error *err);

void sc_imageconcat_clear(struct sc_imageconcat *catalog);

#endif
