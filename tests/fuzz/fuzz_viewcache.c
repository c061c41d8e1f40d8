/*
 * The file in which something is kept: what is around the payload. Of the input the first byte says whether the checksum
 * is made right, without which little would be reached, the others are the file. What is given out lies in the file,
 * behind the key.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <xxhash.h>

#include "ioutil.h"
#include "viewcache.h"

#define KEY "key"
#define CHECKSUM_AT 8
#define CHECKED_FROM (CHECKSUM_AT + sizeof(XXH128_canonical_t))

static char directory[] = "/tmp/subcubefs-fuzz-XXXXXX";
static struct sc_viewcache *cache;
static char *name; /* of the file */

static void clean_up(void)
{
	sc_viewcache_close(cache);
	sc_io_remove_tree(AT_FDCWD, directory);
	free(name);
}

static void set_up(void)
{
	sc_autoclosedir DIR *dir = NULL;
	const char *entry;
	fuzz_require(mkdtemp(directory) && (cache = sc_viewcache_open(directory)));
	sc_viewcache_put(cache, KEY, strlen(KEY), "payload", 7);
	fuzz_require(sc_io_open_directory(AT_FDCWD, directory, 0, &dir) == 0);
	fuzz_require(sc_io_next_entry(dir, &entry) == 1 && (name = strdup(entry)));
	atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!cache)
		set_up();
	if (size == 0)
		return 0;
	sc_autofree uint8_t *file = malloc(size), *got = NULL;
	const uint8_t *payload;
	size_t file_size = size - 1, payload_size;
	fuzz_require(file);
	memcpy(file, data + 1, file_size);
	if (data[0] != '0' && file_size >= CHECKED_FROM) {
		XXH128_canonical_t checksum;
		XXH128_canonicalFromHash(&checksum, XXH3_128bits(file + CHECKED_FROM, file_size - CHECKED_FROM));
		memcpy(file + CHECKSUM_AT, &checksum, sizeof(checksum));
	}
	sc_autoclose int fd = openat(cache->dirfd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	fuzz_require(fd >= 0 && sc_io_write_full(fd, file, file_size) == 0);
	int rc = sc_viewcache_get(cache, KEY, strlen(KEY), &got, &payload, &payload_size);
	if (rc < 0) {
		fuzz_require(rc == -ENOENT && !got);
		return 0;
	}
	fuzz_require((size_t)(payload - got) + payload_size == file_size);
	fuzz_require_same(got, file_size, file, file_size);
	fuzz_require(memcmp(payload - strlen(KEY), KEY, strlen(KEY)) == 0);
	return 0;
}
