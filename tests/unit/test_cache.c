#include "testdata.h"

#include <pthread.h>
#include <stdatomic.h>

#include "cache.h"

static atomic_uint live; /* values that were made and not yet dropped */
static unsigned last_dropped;

static void *make_value(unsigned number)
{
	unsigned *value = malloc(sizeof(*value));
	*value = number;
	live++;
	return value;
}

static void drop_value(void *value)
{
	last_dropped = *(unsigned *)value;
	live--;
	free(value);
}

static const int view_a, view_b;

static struct sc_cache_key key_of(uint64_t number)
{
	return (struct sc_cache_key){ &view_a, 1, number };
}

static struct sc_cache_entry *put(struct sc_cache *cache, uint64_t number, size_t cost)
{
	struct sc_cache_key key = key_of(number);
	struct sc_cache_entry *entry = sc_cache_put(cache, &key, make_value((unsigned)number), cost);
	assert_non_null(entry);
	assert_int_equal(*(const unsigned *)entry->value, number);
	return entry;
}

static void put_and_release(struct sc_cache *cache, uint64_t number, size_t cost)
{
	sc_cache_release(cache, put(cache, number, cost));
}

/* Whether the number is there; makes it the newest. */
static bool has(struct sc_cache *cache, uint64_t number)
{
	struct sc_cache_key key = key_of(number);
	struct sc_cache_entry *entry = sc_cache_get(cache, &key);
	if (!entry)
		return false;
	assert_int_equal(*(const unsigned *)entry->value, number);
	sc_cache_release(cache, entry);
	return true;
}

static void the_bound_holds_and_the_oldest_goes(void **state)
{
	(void)state;
	struct sc_cache *cache = sc_cache_new(10, drop_value);
	put_and_release(cache, 1, 4);
	put_and_release(cache, 2, 4);
	assert_true(has(cache, 1)); /* now 2 is the oldest */
	put_and_release(cache, 3, 4);
	assert_int_equal(last_dropped, 2);
	assert_int_equal(live, 2);
	assert_true(has(cache, 1) && has(cache, 3) && !has(cache, 2));
	/* Exactly full is not too full. */
	put_and_release(cache, 4, 2);
	assert_int_equal(live, 3);
	/* One that fills all drives out all others, one that is too large goes when it is released. */
	put_and_release(cache, 5, 10);
	assert_int_equal(live, 1);
	struct sc_cache_entry *large = put(cache, 6, 11);
	assert_int_equal(live, 1);
	sc_cache_release(cache, large);
	assert_int_equal(live, 0);
	assert_false(has(cache, 6));
	sc_cache_free(cache);
}

static void held_entries_stay(void **state)
{
	(void)state;
	struct sc_cache *cache = sc_cache_new(2, drop_value);
	struct sc_cache_entry *held[5], *again;
	for (unsigned i = 0; i < 5; i++)
		held[i] = put(cache, i, 1);
	assert_int_equal(live, 5);
	struct sc_cache_key key = key_of(0);
	again = sc_cache_get(cache, &key);
	assert_ptr_equal(again, held[0]);
	assert_false(sc_cache_shed(cache));
	sc_cache_release(cache, held[0]);
	assert_int_equal(live, 5); /* held once more */
	sc_cache_release(cache, again);
	assert_int_equal(live, 4);
	assert_int_equal(last_dropped, 0);
	for (unsigned i = 1; i < 5; i++)
		sc_cache_release(cache, held[i]);
	assert_int_equal(live, 2);
	assert_true(sc_cache_shed(cache));
	assert_int_equal(live, 0);
	assert_false(sc_cache_shed(cache));
	sc_cache_free(cache);
}

static void the_first_of_two_values_wins(void **state)
{
	(void)state;
	struct sc_cache *cache = sc_cache_new(10, drop_value);
	struct sc_cache_key key = key_of(1);
	struct sc_cache_entry *first = put(cache, 1, 1);
	struct sc_cache_entry *second = sc_cache_put(cache, &key, make_value(99), 1);
	assert_ptr_equal(first, second);
	assert_int_equal(last_dropped, 99);
	assert_int_equal(live, 1);
	sc_cache_release(cache, first);
	sc_cache_release(cache, second);
	assert_true(has(cache, 1));
	sc_cache_free(cache);
	assert_int_equal(live, 0);
}

static void keys_differ_in_each_member(void **state)
{
	(void)state;
	struct sc_cache *cache = sc_cache_new(100, drop_value);
	const struct sc_cache_key keys[] = {
		{ &view_a, 0, 0 }, { &view_a, 0, 1 },          { &view_a, 1, 0 },
		{ &view_b, 0, 0 }, { &view_a, 0, UINT64_MAX }, { NULL, 0, 0 },
	};
	for (unsigned i = 0; i < SC_COUNT_OF(keys); i++)
		sc_cache_release(cache, sc_cache_put(cache, &keys[i], make_value(i), 1));
	for (unsigned i = 0; i < SC_COUNT_OF(keys); i++) {
		struct sc_cache_entry *entry = sc_cache_get(cache, &keys[i]);
		assert_non_null(entry);
		assert_int_equal(*(const unsigned *)entry->value, i);
		sc_cache_release(cache, entry);
	}
	sc_cache_free(cache);
	assert_int_equal(live, 0);
}

static void a_forgotten_view_is_gone(void **state)
{
	(void)state;
	struct sc_cache *cache = sc_cache_new(3, drop_value);
	const struct sc_cache_key other = { &view_b, 1, 1 };
	sc_cache_release(cache, sc_cache_put(cache, &other, make_value(7), 1));
	struct sc_cache_entry *held = put(cache, 1, 1);
	put_and_release(cache, 2, 1);
	assert_int_equal(live, 3);
	sc_cache_forget(cache, &view_a);
	assert_int_equal(live, 2);
	assert_false(has(cache, 1) || has(cache, 2));
	/* The held one lives on, beside a new one of the same key, and counts until it is released. */
	assert_int_equal(*(const unsigned *)held->value, 1);
	struct sc_cache_entry *newer = put(cache, 1, 1);
	assert_ptr_not_equal(newer, held);
	sc_cache_forget(cache, &view_a); /* of two that are held, twice */
	assert_int_equal(live, 3);
	sc_cache_release(cache, held);
	assert_int_equal(live, 2);
	sc_cache_release(cache, newer);
	assert_int_equal(live, 1);
	struct sc_cache_entry *entry = sc_cache_get(cache, &other);
	assert_non_null(entry);
	sc_cache_release(cache, entry);
	sc_cache_free(cache);
	assert_int_equal(live, 0);
}

/* Many entries in few buckets, against a list that is kept by hand. */
static void random_use_agrees_with_a_list(void **state)
{
	(void)state;
	enum { KEYS = 4000, MOST = 300 };
	struct sc_cache *cache = sc_cache_new(MOST, drop_value);
	static unsigned used_at[KEYS], now; /* 0: not there */
	uint64_t random = 42;
	for (unsigned step = 0; step < 20000; step++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		unsigned number = (unsigned)(random >> 40) % (step % 7 ? MOST + 20 : KEYS), there = 0, oldest = 0;
		assert_int_equal(has(cache, number), used_at[number] != 0);
		if (!used_at[number])
			put_and_release(cache, number, 1);
		used_at[number] = ++now;
		for (unsigned i = 0; i < KEYS; i++) {
			there += used_at[i] != 0;
			if (used_at[i] && (!used_at[oldest] || used_at[i] < used_at[oldest]))
				oldest = i;
		}
		if (there > MOST)
			used_at[oldest] = 0;
	}
	assert_int_equal(live, MOST);
	sc_cache_free(cache);
	assert_int_equal(live, 0);
}

/* ---- threads ---- */

enum { THREADS = 8, STEPS = 20000 };

static struct sc_cache *shared;
static atomic_int wrong;

static void *use_cache(void *argument)
{
	uint64_t random = 1000003 * ((uint64_t)(uintptr_t)argument + 1);
	for (int step = 0; step < STEPS; step++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		unsigned number = (unsigned)(random >> 33) % 64;
		struct sc_cache_key key = { number % 2 ? (const void *)&view_a : &view_b, 1, number };
		struct sc_cache_entry *entry = sc_cache_get(shared, &key);
		if (!entry)
			entry = sc_cache_put(shared, &key, make_value(number), 1 + number % 3);
		wrong += *(const unsigned *)entry->value != number;
		if (step % 501 == 0)
			sc_cache_forget(shared, &view_a);
		if (step % 997 == 0)
			sc_cache_shed(shared);
		wrong += *(const unsigned *)entry->value != number;
		sc_cache_release(shared, entry);
	}
	return NULL;
}

static void drop_by_thread(void *value)
{
	live--;
	free(value);
}

/* ---- one thread makes a value ---- */

static atomic_int makers, most_makers, made;

/* The first two fail. */
static void *make_or_wait(void *argument)
{
	(void)argument;
	struct sc_cache_key key = key_of(7);
	struct sc_cache_entry *entry = sc_cache_claim(shared, &key);
	if (!entry) {
		if (++makers > most_makers)
			most_makers = atomic_load(&makers);
		usleep(2000);
		bool fails = ++made % 3 != 0;
		makers--;
		if (fails) {
			sc_cache_abandon(shared, &key);
			return NULL;
		}
		entry = sc_cache_put(shared, &key, make_value(7), 1);
	}
	wrong += *(const unsigned *)entry->value != 7;
	sc_cache_release(shared, entry);
	return NULL;
}

static void one_thread_makes_a_value_and_the_others_wait(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	shared = sc_cache_new(40, drop_by_thread);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_or_wait, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(most_makers, 1);
	assert_int_equal(made, 3); /* two failed, and somebody else took over */
	sc_cache_free(shared);
	assert_int_equal(live, 0);
}

static void threads_share_a_cache(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	shared = sc_cache_new(40, drop_by_thread);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_cache, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	assert_true(live <= 40);
	sc_cache_free(shared);
	assert_int_equal(live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bound_holds_and_the_oldest_goes),
		cmocka_unit_test(held_entries_stay),
		cmocka_unit_test(the_first_of_two_values_wins),
		cmocka_unit_test(keys_differ_in_each_member),
		cmocka_unit_test(a_forgotten_view_is_gone),
		cmocka_unit_test(random_use_agrees_with_a_list),
		cmocka_unit_test(one_thread_makes_a_value_and_the_others_wait),
		cmocka_unit_test(threads_share_a_cache),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
