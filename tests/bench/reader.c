/*
 * reader - reads a file in one manner and says how long that took.
 *
 *   reader seq BLOCK FILE...              read() of BLOCK bytes from begin to end, one file after the other
 *   reader mmap FILE                      maps the file and touches every byte
 *   reader random SIZE COUNT SEED FILE    COUNT preads of SIZE bytes at multiples of SIZE in random order
 *   reader strided STRIDE SIZE FILE       a pread of SIZE bytes every STRIDE bytes: the spectrum of a pixel
 *   reader open COUNT FILE                opens and closes it COUNT times
 *   reader stat COUNT FILE                stats it COUNT times
 *   reader sum FILE...                    a checksum of all bytes, for comparing
 *
 * Prints "SECONDS BYTES CHECKSUM"; the time is of the reading only, without the process's start. The checksum is of all
 * bytes in sum and strided, of the first 64 of each read in random; elsewhere it is 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Of a random read the checksum is of its first bytes: summing up all would take longer than reading. */
#define HEAD_BYTES 64

struct result {
	uint64_t bytes, checksum;
};

static void die(const char *what)
{
	fprintf(stderr, "reader: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_file(const char *path, uint64_t *ret_size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	*ret_size = (uint64_t)st.st_size;
	return fd;
}

static void *allocate(size_t size)
{
	void *buffer = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
	if (!buffer)
		die("memory");
	memset(buffer, 0, size);
	return buffer;
}

/* FNV-1a over words: quick enough, and every byte and its place count. */
static uint64_t add_to_checksum(uint64_t checksum, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t word = 0;
		memcpy(&word, data + i, size - i < sizeof(word) ? size - i : sizeof(word));
		checksum = (checksum ^ word) * 0x100000001b3U;
		checksum ^= checksum >> 29;
	}
	return checksum;
}

static ssize_t read_full(int fd, uint8_t *buffer, size_t size, const char *path)
{
	size_t done = 0;
	while (done < size) {
		ssize_t got = read(fd, buffer + done, size - done);
		if (got < 0)
			die(path);
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static void pread_full(int fd, uint8_t *buffer, size_t size, uint64_t offset, const char *path)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = pread(fd, buffer + done, size - done, (off_t)(offset + done));
		if (got == 0)
			errno = ENODATA;
		if (got <= 0)
			die(path);
		done += (size_t)got;
	}
}

static void read_sequentially(size_t block, char **paths, struct result *result)
{
	uint8_t *buffer = allocate(block);
	for (; *paths; paths++) {
		uint64_t size;
		ssize_t got;
		int fd = open_file(*paths, &size);
		while ((got = read(fd, buffer, block)) > 0)
			result->bytes += (uint64_t)got;
		if (got < 0)
			die(*paths);
		close(fd);
	}
	free(buffer);
}

/* Every byte is touched, as by a program that computes something. */
static void read_mapped(const char *path, struct result *result)
{
	int fd = open_file(path, &result->bytes);
	uint64_t sum = 0;
	const uint64_t *data = mmap(NULL, result->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		die(path);
	for (uint64_t i = 0; i < result->bytes / sizeof(*data); i++)
		sum += data[i];
	__asm__ volatile("" : : "r"(sum)); /* the compiler must not leave the loop out */
	munmap((void *)data, result->bytes);
	close(fd);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return *state >> 33;
}

static void read_randomly(size_t size, uint64_t count, uint64_t seed, const char *path, struct result *result)
{
	uint64_t file_size;
	uint8_t *buffer = allocate(size);
	int fd = open_file(path, &file_size);
	uint64_t places = file_size / size;
	if (places == 0) {
		errno = ENODATA;
		die(path);
	}
	for (uint64_t i = 0; i < count; i++) {
		pread_full(fd, buffer, size, next_random(&seed) % places * size, path);
		result->bytes += size;
		result->checksum = add_to_checksum(result->checksum, buffer, size < HEAD_BYTES ? size : HEAD_BYTES);
	}
	close(fd);
	free(buffer);
}

static void read_strided(uint64_t stride, size_t size, const char *path, struct result *result)
{
	uint64_t file_size;
	uint8_t *buffer = allocate(size);
	int fd = open_file(path, &file_size);
	for (uint64_t at = stride / 2 / size * size; at + size <= file_size; at += stride) {
		pread_full(fd, buffer, size, at, path);
		result->bytes += size;
		result->checksum = add_to_checksum(result->checksum, buffer, size);
	}
	close(fd);
	free(buffer);
}

static void open_often(uint64_t count, const char *path)
{
	for (uint64_t i = 0; i < count; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die(path);
		close(fd);
	}
}

static void stat_often(uint64_t count, const char *path)
{
	struct stat st;
	for (uint64_t i = 0; i < count; i++)
		if (stat(path, &st) < 0)
			die(path);
}

static void sum_up(char **paths, struct result *result)
{
	const size_t block = 1 << 20;
	uint8_t *buffer = allocate(block);
	for (; *paths; paths++) {
		uint64_t size;
		ssize_t got;
		int fd = open_file(*paths, &size);
		while ((got = read_full(fd, buffer, block, *paths)) > 0) {
			result->bytes += (uint64_t)got;
			result->checksum = add_to_checksum(result->checksum, buffer, (size_t)got);
		}
		close(fd);
	}
	free(buffer);
}

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	struct result result = { 0, 0 };
	const char *mode = argc > 2 ? argv[1] : "";
	uint64_t number[3] = { 0 };
	for (int i = 0; i < 3 && i + 3 < argc; i++)
		number[i] = strtoull(argv[2 + i], NULL, 10);
	double start = now();
	if (strcmp(mode, "seq") == 0 && argc > 3 && number[0] > 0)
		read_sequentially(number[0], argv + 3, &result);
	else if (strcmp(mode, "mmap") == 0 && argc == 3)
		read_mapped(argv[2], &result);
	else if (strcmp(mode, "random") == 0 && argc == 6 && number[0] > 0)
		read_randomly(number[0], number[1], number[2], argv[5], &result);
	else if (strcmp(mode, "strided") == 0 && argc == 5 && number[0] > 0 && number[1] > 0)
		read_strided(number[0], number[1], argv[4], &result);
	else if (strcmp(mode, "open") == 0 && argc == 4)
		open_often(number[0], argv[3]);
	else if (strcmp(mode, "stat") == 0 && argc == 4)
		stat_often(number[0], argv[3]);
	else if (strcmp(mode, "sum") == 0)
		sum_up(argv + 2, &result);
	else {
		fprintf(stderr, "Usage: reader seq|mmap|random|strided|open|stat|sum [NUMBER...] FILE...\n");
		return 2;
	}
	printf("%.9f %" PRIu64 " %016" PRIx64 "\n", now() - start, result.bytes, result.checksum);
	return 0;
}
