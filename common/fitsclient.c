#include "fitsclient.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "headerclientpriv.h"
#include "ioutil.h"

/* Of one record; a beam a plane takes 300 bytes. */
#define RECORD_BYTES_MAX ((size_t)256 << 20)

int sc_fitsclient_write_skeleton(const struct sc_source *source, const struct sc_fitsclient_part *part, int to_dirfd,
				 const char *to_name, struct sc_error *err)
{
	sc_autoclose int fd = -1;
	int rc = sc_source_open_file(source, part->name, &fd, NULL, err);
	if (rc < 0)
		return rc;
	sc_autoclose int to_fd = openat(to_dirfd, to_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to_fd < 0)
		return sc_error_errno(err, -errno, "%s: cannot copy its FITS header", part->name);
	return sc_fits_write_skeleton(part->fits, fd, to_fd, part->name, err);
}

static int write_skeletons(const struct sc_source *source, const struct sc_fitsclient_part *parts, size_t nparts,
			   int scratch_fd, struct sc_error *err)
{
	for (size_t i = 0; i < nparts; i++) {
		char to_name[32];
		snprintf(to_name, sizeof(to_name), "%zu.fits", i);
		int rc = sc_fitsclient_write_skeleton(source, &parts[i], scratch_fd, to_name, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_record(int scratch_fd, size_t number, const char *part, struct sc_record **ret_record,
		       struct sc_error *err)
{
	char name[32];
	snprintf(name, sizeof(name), "%zu.record", number);
	sc_autofree uint8_t *data = NULL;
	size_t size;
	int rc = sc_io_read_file(scratch_fd, name, part, RECORD_BYTES_MAX, &data, &size, err);
	if (rc < 0)
		return rc;
	struct sc_aipsio_reader reader;
	sc_aipsio_reader_init(&reader, data, size, part, err);
	struct sc_record *record = sc_record_decode(&reader, "TableRecord");
	if (!record)
		return reader.error;
	*ret_record = record;
	return 0;
}

static int read_records(int scratch_fd, const struct sc_fitsclient_part *parts, size_t nparts,
			struct sc_record **ret_records, struct sc_error *err)
{
	for (size_t i = 0; i < nparts; i++) {
		int rc = read_record(scratch_fd, i, parts[i].name, &ret_records[i], err);
		if (rc < 0) {
			while (i-- > 0)
				sc_record_free(ret_records[i]);
			return rc;
		}
	}
	return 0;
}

/* The program works in order: it failed at the first part without a record. */
static void name_culprit(int scratch_fd, const struct sc_fitsclient_part *parts, size_t nparts, struct sc_error *err)
{
	for (size_t i = 0; i < nparts; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%zu.record", i);
		if (faccessat(scratch_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		sc_error_prefix(err, "%s", parts[i].name);
		return;
	}
}

static int run(const struct sc_source *source, const struct sc_fitsclient_part *parts, size_t nparts,
	       const struct sc_header_scratch *scratch, struct sc_record **ret_records, struct sc_error *err)
{
	int rc = write_skeletons(source, parts, nparts, scratch->dirfd, err);
	if (rc < 0)
		return rc;
	sc_autofree char *output = NULL;
	struct sc_header_program *program;
	rc = sc_header_program_start(scratch, "--fits", &program, err);
	if (rc == 0)
		rc = sc_header_program_finish(program, NULL, 0, sc_header_time_limit_ms(), &output, err);
	if (rc < 0) {
		name_culprit(scratch->dirfd, parts, nparts, err);
		return rc;
	}
	return read_records(scratch->dirfd, parts, nparts, ret_records, err);
}

int sc_fitsclient_run(const struct sc_source *source, const struct sc_fitsclient_part *parts, size_t nparts,
		      struct sc_record **ret_records, struct sc_error *err)
{
	assert(nparts <= SC_FITSCLIENT_MAXPARTS);
	struct sc_header_scratch scratch;
	int rc = sc_header_scratch_make(&scratch, err);
	if (rc < 0)
		return rc;
	rc = run(source, parts, nparts, &scratch, ret_records, err);
	sc_header_scratch_remove(&scratch);
	return rc;
}
