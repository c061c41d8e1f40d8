#include "viewcache.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <xxhash.h>

#include "identity.h"
#include "ioutil.h"
#include "log.h"

/* Raised when the form of the file changes; the form of the payload is its owner's matter. */
#define FORMAT 1

#define SUFFIX ".view"
#define TEMPORARY ".new-"

/* A temporary file this old is of a process that died. */
#define TEMPORARY_SECONDS 3600

struct head {
	char magic[6];
	uint16_t format;
	XXH128_canonical_t checksum; /* of all behind it */
	uint64_t key_size;
};
_Static_assert(sizeof(struct head) == 32, "no padding");
#define CHECKED_FROM offsetof(struct head, key_size)

static const char magic[6] = { 'S', 'C', 'V', 'I', 'E', 'W' };

/* --- the directory --- */

static void tell(struct sc_viewcache *cache, const char *what, int code)
{
	if (!atomic_exchange(&cache->told, true))
		sc_log(SC_LOG_INFO, "%s: %s%s%s; headers are made anew each time", cache->path, what, code ? ": " : "",
		       code ? strerror(-code) : "");
}

/* Whether there is a directory to use. */
static bool usable(struct sc_viewcache *cache)
{
	if (cache->dirfd < 0)
		tell(cache, cache->problem, 0);
	return cache->dirfd >= 0;
}

static char *default_directory(void)
{
	char *path;
	const char *cache = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
	/* A relative path in it is to be ignored, says its specification. */
	if (cache && cache[0] == '/')
		return asprintf(&path, "%s/subcubefs", cache) < 0 ? NULL : path;
	if (home && home[0] == '/')
		return asprintf(&path, "%s/.cache/subcubefs", home) < 0 ? NULL : path;
	return strdup("");
}

/* Makes the directory, and those it is in. */
static int make_directories(char *path)
{
	for (char *slash = path; *slash && (slash = strchr(slash + 1, '/'));) {
		*slash = 0;
		int made = mkdir(path, 0700), code = errno;
		*slash = '/';
		if (made < 0 && code != EEXIST)
			return -code;
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* Opens the directory; a text that says why it is not used, empty when it is. */
static void open_directory(struct sc_viewcache *cache, char *problem, size_t size)
{
	if (cache->path[0] == 0) {
		snprintf(problem, size, "no cache directory, neither XDG_CACHE_HOME nor HOME is set");
		return;
	}
	int rc = make_directories(cache->path);
	sc_autoclose int fd = rc < 0 ? -1 : open(cache->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (rc < 0 || fd < 0 || fstat(fd, &st) < 0)
		snprintf(problem, size, "cannot be used as a cache: %s", strerror(rc < 0 ? -rc : errno));
	else if (st.st_uid != geteuid())
		snprintf(problem, size, "cannot be used as a cache: it is another user's");
	else if (st.st_mode & 022)
		snprintf(problem, size, "cannot be used as a cache: others can write there");
	else
		cache->dirfd = sc_steal_fd(&fd);
}

struct sc_viewcache *sc_viewcache_open(const char *directory)
{
	char problem[200] = "";
	struct sc_viewcache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return NULL;
	cache->dirfd = -1;
	cache->max_bytes = SC_VIEWCACHE_BYTES;
	cache->settle_ns = SC_IDENTITY_SETTLE_NS;
	cache->path = directory ? strdup(directory) : default_directory();
	if (cache->path)
		open_directory(cache, problem, sizeof(problem));
	cache->problem = strdup(problem);
	if (!cache->path || !cache->problem) {
		sc_viewcache_close(cache);
		return NULL;
	}
	return cache;
}

void sc_viewcache_close(struct sc_viewcache *cache)
{
	if (!cache)
		return;
	if (cache->dirfd >= 0)
		close(cache->dirfd);
	free(cache->path);
	free(cache->problem);
	free(cache);
}

/* --- one file --- */

struct name {
	char text[2 * sizeof(XXH128_canonical_t) + sizeof(SUFFIX)];
};

static struct name name_of(const void *key, size_t key_size)
{
	struct name name;
	XXH128_hash_t hash = XXH3_128bits(key, key_size);
	snprintf(name.text, sizeof(name.text), "%016" PRIx64 "%016" PRIx64 SUFFIX, (uint64_t)hash.high64,
		 (uint64_t)hash.low64);
	return name;
}

/* Whether the bytes are a file of ours with this key. */
static bool is_good(const uint8_t *data, size_t size, const void *key, size_t key_size)
{
	struct head head;
	XXH128_canonical_t checksum;
	if (size < sizeof(head))
		return false;
	memcpy(&head, data, sizeof(head));
	if (memcmp(head.magic, magic, sizeof(magic)) != 0 || be16toh(head.format) != FORMAT)
		return false;
	XXH128_canonicalFromHash(&checksum, XXH3_128bits(data + CHECKED_FROM, size - CHECKED_FROM));
	return memcmp(&checksum, &head.checksum, sizeof(checksum)) == 0 && be64toh(head.key_size) == key_size &&
	       key_size <= size - sizeof(head) && memcmp(data + sizeof(head), key, key_size) == 0;
}

int sc_viewcache_get(struct sc_viewcache *cache, const void *key, size_t key_size, uint8_t **ret_data,
		     const uint8_t **ret_payload, size_t *ret_size)
{
	if (!usable(cache))
		return -ENOENT;
	struct stat st;
	struct name name = name_of(key, key_size);
	sc_autofree uint8_t *data = NULL;
	sc_autoclose int fd = -1;
	int rc = sc_io_open_regular(cache->dirfd, name.text, name.text, &fd, &st, NULL);
	if (rc < 0 || st.st_uid != geteuid() || (uint64_t)st.st_size > cache->max_bytes)
		return -ENOENT;
	size_t size = (size_t)st.st_size;
	rc = sc_io_read_open(fd, &st, name.text, size, &data, NULL);
	if (rc < 0 || !is_good(data, size, key, key_size))
		return -ENOENT;
	futimens(fd, NULL); /* used now; where that cannot be noted, it goes earlier */
	*ret_payload = data + sizeof(struct head) + key_size;
	*ret_size = size - sizeof(struct head) - key_size;
	*ret_data = sc_steal_ptr(data);
	return 0;
}

/* --- keeping the directory small --- */

struct kept {
	char *name;
	uint64_t size_bytes;
	struct timespec used;
};

struct kept_list {
	size_t count;
	struct kept *items;
	uint64_t total_bytes;
};

static void free_kept(struct kept_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t length = strlen(name), suffix_length = strlen(suffix);
	return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static int add_kept(struct kept_list *list, const char *name, const struct stat *st)
{
	struct kept *grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	grown[list->count] = (struct kept){ strdup(name), (uint64_t)st->st_size, st->st_mtim };
	if (!grown[list->count].name)
		return -ENOMEM;
	list->count++;
	list->total_bytes += (uint64_t)st->st_size;
	return 0;
}

/* Lists our files; those that a process left when it died are removed. Files vanish while we look. */
static int list_kept(int parent_fd, struct kept_list *list)
{
	const char *name;
	struct stat st;
	sc_autoclosedir DIR *dir = NULL;
	int rc = sc_io_open_directory(parent_fd, ".", 0, &dir);
	while (rc == 0 && sc_io_next_entry(dir, &name) > 0) {
		bool temporary = strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0;
		if ((!temporary && !ends_with(name, SUFFIX)) || fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (temporary && st.st_mtim.tv_sec + TEMPORARY_SECONDS < time(NULL))
			unlinkat(parent_fd, name, 0);
		else if (!temporary)
			rc = add_kept(list, name, &st);
	}
	return rc;
}

static int compare_use(const void *left, const void *right)
{
	const struct kept *a = left, *b = right;
	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	return (a->used.tv_nsec > b->used.tv_nsec) - (a->used.tv_nsec < b->used.tv_nsec);
}

/* Makes room for `size` bytes. */
static void drop_oldest(const struct sc_viewcache *cache, uint64_t size)
{
	__attribute__((cleanup(free_kept))) struct kept_list list = { 0 };
	if (list_kept(cache->dirfd, &list) < 0)
		return;
	if (list.count > 0)
		qsort(list.items, list.count, sizeof(*list.items), compare_use);
	for (size_t i = 0; i < list.count && list.total_bytes + size > cache->max_bytes; i++) {
		unlinkat(cache->dirfd, list.items[i].name, 0);
		list.total_bytes -= list.items[i].size_bytes;
	}
}

/* --- writing --- */

static int write_file(int fd, const void *key, size_t key_size, const void *payload, size_t size)
{
	struct head head = { .format = htobe16(FORMAT), .key_size = htobe64(key_size) };
	memcpy(head.magic, magic, sizeof(magic));
	XXH3_state_t *state = XXH3_createState();
	if (!state)
		return -ENOMEM;
	XXH3_128bits_reset(state);
	XXH3_128bits_update(state, (const char *)&head + CHECKED_FROM, sizeof(head) - CHECKED_FROM);
	XXH3_128bits_update(state, key, key_size);
	XXH3_128bits_update(state, payload, size);
	XXH128_canonicalFromHash(&head.checksum, XXH3_128bits_digest(state));
	XXH3_freeState(state);
	int rc = sc_io_write_full(fd, &head, sizeof(head));
	if (rc == 0)
		rc = sc_io_write_full(fd, key, key_size);
	return rc < 0 ? rc : sc_io_write_full(fd, payload, size);
}

/* Not synced: what a crash leaves of it has a wrong checksum. */
static int write_and_rename(const struct sc_viewcache *cache, const char *name, const void *key, size_t key_size,
			    const void *payload, size_t size)
{
	uint64_t random;
	char temporary[sizeof(TEMPORARY) + 16];
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EAGAIN;
	snprintf(temporary, sizeof(temporary), TEMPORARY "%016" PRIx64, random);
	int fd = openat(cache->dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int rc = write_file(fd, key, key_size, payload, size);
	/* A full disk may be told at the end only. */
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(cache->dirfd, temporary, cache->dirfd, name) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(cache->dirfd, temporary, 0);
	return rc;
}

void sc_viewcache_put(struct sc_viewcache *cache, const void *key, size_t key_size, const void *payload, size_t size)
{
	uint64_t total = sizeof(struct head) + key_size + size;
	if (!usable(cache) || total > cache->max_bytes)
		return;
	struct name name = name_of(key, key_size);
	drop_oldest(cache, total);
	int rc = write_and_rename(cache, name.text, key, key_size, payload, size);
	if (rc < 0)
		tell(cache, "cannot keep a header", rc);
}
