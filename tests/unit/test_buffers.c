#include "testdata.h"

#include <pthread.h>
#include <stdatomic.h>

#include "buffers.h"

static void the_last_one_given_back_comes_first(void **state)
{
	(void)state;
	struct sc_buffers *buffers = sc_buffers_new();
	struct sc_buffer *one = sc_buffers_take(buffers, 5000), *two = sc_buffers_take(buffers, 5000);
	assert_ptr_not_equal(one->data, two->data);
	assert_int_equal((uintptr_t)one->data % 4096, 0);
	memset(one->data, 1, 5000);
	memset(two->data, 2, 5000);
	sc_buffers_give_back(buffers, one);
	sc_buffers_give_back(buffers, two);
	assert_ptr_equal(sc_buffers_take(buffers, 100), two);
	assert_ptr_equal(sc_buffers_take(buffers, 5000), one);
	sc_buffers_give_back(buffers, one);
	sc_buffers_give_back(buffers, two);
	sc_buffers_free(buffers);
}

static void one_that_is_too_small_is_replaced(void **state)
{
	(void)state;
	struct sc_buffers *buffers = sc_buffers_new();
	sc_buffers_give_back(buffers, sc_buffers_take(buffers, 100));
	struct sc_buffer *large = sc_buffers_take(buffers, 1 << 20);
	memset(large->data, 3, 1 << 20);
	sc_buffers_give_back(buffers, large);
	sc_buffers_free(buffers);
}

static struct sc_buffers *shared;
static atomic_int wrong;

static void *use_buffers(void *argument)
{
	uint8_t number = (uint8_t)(uintptr_t)argument;
	for (size_t i = 0; i < 5000; i++) {
		size_t size = 1 + i % 3000;
		struct sc_buffer *buffer = sc_buffers_take(shared, size);
		uint8_t *bytes = buffer->data;
		memset(bytes, number, size);
		wrong += bytes[0] != number || bytes[size - 1] != number;
		sc_buffers_give_back(shared, buffer);
	}
	return NULL;
}

static void nobody_shares_one(void **state)
{
	(void)state;
	pthread_t threads[6];
	shared = sc_buffers_new();
	for (uintptr_t i = 0; i < SC_COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_buffers, (void *)i), 0);
	for (size_t i = 0; i < SC_COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	sc_buffers_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_one_given_back_comes_first),
		cmocka_unit_test(one_that_is_too_small_is_replaced),
		cmocka_unit_test(nobody_shares_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
