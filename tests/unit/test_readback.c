#include "testdata.h"

#include "readback.h"

#define SIZE ((size_t)700001)

static char path[] = "/tmp/test_readback.XXXXXX";

/* Any offset and length, aligned or not, from the disk and around the cache. */
static void bytes_are_compared_wherever_they_lie(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	sc_autofree uint8_t *bytes = malloc(SIZE + 1);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(rand() >> 7);
	assert_true(fd >= 0);
	assert_int_equal(sc_io_write_full(fd, bytes, SIZE), 0);
	assert_int_equal(fsync(fd), 0);
	sc_readback_begin(fd);
	assert_int_equal(sc_readback_compare(fd, bytes, SIZE, 0), 0);
	assert_int_equal(sc_readback_compare(fd, bytes, 0, SIZE), 0);
	for (unsigned i = 0; i < 500; i++) {
		size_t offset = (size_t)rand() % SIZE, count = 1 + (size_t)rand() % (SIZE - offset);
		if (i % 2)
			count = 1 + count % 9000 % (SIZE - offset);
		assert_int_equal(sc_readback_compare(fd, bytes + offset, count, offset), 0);
		size_t at = offset + (i % 3 == 0 ? 0 : i % 3 == 1 ? count - 1 : (size_t)rand() % count);
		bytes[at] ^= 1;
		assert_int_equal(sc_readback_compare(fd, bytes + offset, count, offset), 1);
		bytes[at] ^= 1;
	}
	bytes[SIZE] = 0;
	assert_int_equal(sc_readback_compare(fd, bytes + SIZE - 10, 11, SIZE - 10), 1);
	assert_int_equal(sc_readback_compare(fd, bytes, 1, SIZE + 5000), 1);
	close(fd);
	unlink(path);
}

static void what_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sc_readback_begin(fd);
	assert_int_equal(sc_readback_compare(fd, "x", 1, 0), -EISDIR);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_compared_wherever_they_lie),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
