#include "copiedstate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "ioutil.h"

#define STATE_FILE "state"
#define STATE_PART STATE_FILE ".part"
#define STATE_MAX_BYTES ((size_t)256 << 20)
#define VERSION 1

/* The hash and a newline. */
#define HASH_BYTES 17

#define FORM_NUMBERS (sizeof(struct sc_copied_form) / sizeof(int64_t))
#define PART_NUMBERS 11

static void print_hash(char text[HASH_BYTES + 1], const void *bytes, size_t size)
{
	snprintf(text, HASH_BYTES + 1, "%016" PRIx64 "\n", (uint64_t)XXH3_64bits(bytes, size));
}

/* --- writing --- */

static json_t *numbers_of(const int64_t *numbers, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++) {
		if (json_array_append_new(list, json_integer(numbers[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *array_of(const struct sc_copied_array *array)
{
	struct stat st;
	if (array->fd < 0)
		return json_null();
	if (fstat(array->fd, &st) < 0)
		return NULL;
	sc_autofree char *done = malloc((size_t)array->nlayers);
	for (int64_t i = 0; done && i < array->nlayers; i++)
		done[i] = array->done[i] ? '1' : '0';
	return done ? json_pack("{s:o, s:I, s:s#}", "form", numbers_of((const int64_t *)&array->form, FORM_NUMBERS),
				"inode", (json_int_t)st.st_ino, "done", done, (int)array->nlayers)
		    : NULL;
}

static json_t *part_of(const struct sc_copied_part *part)
{
	const struct sc_file_id *pixels = &part->pixels_id, *mask = &part->mask_id;
	const int64_t numbers[PART_NUMBERS] = { part->start,
						part->count,
						(int64_t)part->number,
						(int64_t)pixels->inode,
						(int64_t)pixels->size_bytes,
						pixels->mtime_ns,
						pixels->ctime_ns,
						(int64_t)mask->inode,
						(int64_t)mask->size_bytes,
						mask->mtime_ns,
						mask->ctime_ns };
	return numbers_of(numbers, PART_NUMBERS);
}

/* NULL: no memory. */
static json_t *state_of(const struct sc_copied *copied)
{
	json_t *parts = json_array();
	int rc = parts ? 0 : -1;
	for (size_t i = 0; rc == 0 && i < copied->nparts; i++)
		rc = json_array_append_new(parts, part_of(&copied->parts[i]));
	/* json_pack takes what it is given also when it fails, and fails when it is given NULL. */
	if (rc < 0) {
		json_decref(parts);
		parts = NULL;
	}
	return json_pack("{s:i, s:[o, o], s:o}", "version", VERSION, "arrays",
			 array_of(&copied->arrays[SC_COPIED_PIXELS]), array_of(&copied->arrays[SC_COPIED_MASK]),
			 "parts", parts);
}

static int write_file(const struct sc_copied *copied, const char *text)
{
	char hash[HASH_BYTES + 1];
	sc_autoclose int fd =
	    openat(copied->dirfd, STATE_PART, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	print_hash(hash, text, strlen(text));
	int rc = sc_io_write_full(fd, hash, HASH_BYTES);
	if (rc == 0)
		rc = sc_io_write_full(fd, text, strlen(text));
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (rc == 0 && renameat(copied->dirfd, STATE_PART, copied->dirfd, STATE_FILE) < 0)
		rc = -errno;
	return rc == 0 && fsync(copied->dirfd) < 0 ? -errno : rc;
}

int sc_copiedstate_write(const struct sc_copied *copied)
{
	json_t *state = state_of(copied);
	sc_autofree char *text = state ? json_dumps(state, JSON_COMPACT) : NULL;
	json_decref(state);
	return text ? write_file(copied, text) : -ENOMEM;
}

/* --- reading --- */

/* A list of just so many integers. */
static bool take_numbers(const json_t *list, size_t count, int64_t *ret_numbers)
{
	if (!json_is_array(list) || json_array_size(list) != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		const json_t *number = json_array_get(list, i);
		if (!json_is_integer(number))
			return false;
		ret_numbers[i] = json_integer_value(number);
	}
	return true;
}

/* What is used to compute with; whether it is that of the parts is seen by comparing. */
static bool is_sound(const struct sc_copied_form *form)
{
	return form->ndim >= 1 && form->ndim <= SC_MAXDIM && form->axis >= 0 && form->axis < form->ndim &&
	       form->shape[form->axis] >= 1 && form->tile[form->axis] >= 1 && form->size_bytes >= 0;
}

static int take_array(const json_t *value, struct sc_copied_array *array, uint64_t *ret_inode)
{
	struct sc_copied_form form;
	if (json_is_null(value))
		return 0;
	const json_t *inode = json_object_get(value, "inode");
	const char *done = json_string_value(json_object_get(value, "done"));
	if (!take_numbers(json_object_get(value, "form"), FORM_NUMBERS, (int64_t *)&form) || !is_sound(&form) ||
	    !json_is_integer(inode) || !done)
		return -EUCLEAN;
	int64_t nlayers = (form.shape[form.axis] - 1) / form.tile[form.axis] + 1;
	if (strlen(done) != (uint64_t)nlayers)
		return -EUCLEAN;
	array->done = calloc((size_t)nlayers, sizeof(*array->done));
	if (!array->done)
		return -ENOMEM;
	array->form = form;
	array->nlayers = nlayers;
	for (int64_t i = 0; i < nlayers; i++)
		array->done[i] = done[i] == '1';
	*ret_inode = (uint64_t)json_integer_value(inode);
	return 0;
}

static int take_parts(const json_t *list, struct sc_copied *copied)
{
	size_t count = json_array_size(list);
	copied->parts = calloc(count + 1, sizeof(*copied->parts));
	if (!copied->parts)
		return -ENOMEM;
	for (int64_t end = 0; copied->nparts < count; copied->nparts++) {
		int64_t n[PART_NUMBERS];
		if (!take_numbers(json_array_get(list, copied->nparts), PART_NUMBERS, n) || n[0] < end || n[1] < 1 ||
		    __builtin_add_overflow(n[0], n[1], &end))
			return -EUCLEAN;
		copied->parts[copied->nparts] = (struct sc_copied_part){
			.start = n[0],
			.count = n[1],
			.number = (uint64_t)n[2],
			.pixels_id = { (uint64_t)n[3], (uint64_t)n[4], n[5], n[6] },
			.mask_id = { (uint64_t)n[7], (uint64_t)n[8], n[9], n[10] },
		};
	}
	return 0;
}

static int take_state(const json_t *state, struct sc_copied *copied, uint64_t ret_inodes[SC_COPIED_ARRAYS])
{
	const json_t *arrays = json_object_get(state, "arrays"), *parts = json_object_get(state, "parts");
	int rc = 0;
	if (json_integer_value(json_object_get(state, "version")) != VERSION ||
	    json_array_size(arrays) != SC_COPIED_ARRAYS || !json_is_array(parts))
		return -EUCLEAN;
	for (size_t i = 0; rc == 0 && i < SC_COPIED_ARRAYS; i++)
		rc = take_array(json_array_get(arrays, i), &copied->arrays[i], &ret_inodes[i]);
	return rc == 0 ? take_parts(parts, copied) : rc;
}

int sc_copiedstate_read(struct sc_copied *copied, uint64_t ret_inodes[SC_COPIED_ARRAYS])
{
	sc_autofree uint8_t *data = NULL;
	char hash[HASH_BYTES + 1];
	size_t size;
	int rc = sc_io_read_file(copied->dirfd, STATE_FILE, STATE_FILE, STATE_MAX_BYTES, &data, &size, NULL);
	if (rc < 0)
		return rc;
	if (size < HASH_BYTES)
		return -EUCLEAN;
	const char *text = (const char *)data + HASH_BYTES;
	print_hash(hash, text, size - HASH_BYTES);
	if (memcmp(hash, data, HASH_BYTES) != 0)
		return -EUCLEAN;
	json_t *state = json_loadb(text, size - HASH_BYTES, 0, NULL);
	rc = state ? take_state(state, copied, ret_inodes) : -EUCLEAN;
	json_decref(state);
	return rc;
}
