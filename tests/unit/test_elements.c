/* Runs of elements against loops over single bits and bytes; what lies beside them must stay as it was. */
#include "naive.h"

#include "elements.h"

#define CASES 200000
#define ROOM 64

static bool bit_of(const uint8_t *bytes, uint64_t bit)
{
	return bytes[bit / 8] >> (bit % 8) & 1;
}

static void put_bit(uint8_t *bytes, uint64_t bit, bool value)
{
	bytes[bit / 8] = (uint8_t)((bytes[bit / 8] & ~(1u << (bit % 8))) | ((unsigned)value << (bit % 8)));
}

static void fill_randomly(uint8_t *bytes, size_t count, uint64_t *random)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = (uint8_t)(naive_random(random) >> 20);
}

/* Memory of exactly the bytes that have the bits, so that a checker sees a read or write beside them. */
static uint8_t *exactly(const uint8_t *bytes, uint64_t first_bit, uint64_t count)
{
	size_t size = (size_t)((first_bit + count + 7) / 8);
	uint8_t *copy = malloc(size ? size : 1);
	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

static void bits_are_copied_filled_and_packed(void **state)
{
	(void)state;
	uint64_t random = 5;
	for (unsigned i = 0; i < CASES; i++) {
		uint8_t from[ROOM], before[ROOM], model[ROOM], flags[ROOM * 8];
		uint64_t from_bit = (uint64_t)naive_pick(&random, 0, 20), to_bit = (uint64_t)naive_pick(&random, 0, 20);
		uint64_t count = (uint64_t)naive_pick(&random, 0, ROOM * 8 - 24);
		bool value = naive_pick(&random, 0, 1);
		fill_randomly(from, sizeof(from), &random);
		fill_randomly(before, sizeof(before), &random);
		size_t size = (size_t)((to_bit + count + 7) / 8);
		for (unsigned kind = 0; kind < 3; kind++) {
			uint8_t *source = exactly(from, from_bit, count), *to = exactly(before, to_bit, count);
			uint8_t *bytes = malloc(count ? count : 1);
			memcpy(model, before, sizeof(model));
			for (uint64_t k = 0; k < count; k++) {
				flags[k] = bit_of(from, from_bit + k);
				put_bit(model, to_bit + k, kind == 1 ? value : flags[k]);
			}
			if (count)
				memcpy(bytes, flags, count);
			if (kind == 0)
				sc_elements_copy_bits(to, to_bit, source, from_bit, count);
			else if (kind == 1)
				sc_elements_fill_bits(to, to_bit, value, count);
			else
				sc_elements_pack_bits(to, to_bit, bytes, count);
			if (memcmp(to, model, size) != 0)
				fail_msg("kind %u: %llu bits from %llu to %llu", kind, (unsigned long long)count,
					 (unsigned long long)from_bit, (unsigned long long)to_bit);
			free(source);
			free(to);
			free(bytes);
		}
	}
}

static void words_are_reversed(void **state)
{
	(void)state;
	uint64_t random = 6;
	for (unsigned word = 4; word <= 8; word += 4) {
		for (unsigned count = 0; count < 20; count++) {
			uint8_t from[161], to[161];
			fill_randomly(from, sizeof(from), &random);
			sc_elements_swap(to + 1, from + 1, (uint64_t)count * word, word);
			for (unsigned i = 0; i < count * word; i++)
				assert_int_equal(to[1 + i], from[1 + i / word * word + word - 1 - i % word]);
		}
	}
}

static void elements_apart_keep_what_is_between(void **state)
{
	(void)state;
	static const struct {
		unsigned bytes, word;
	} kinds[] = { { 4, 0 }, { 4, 4 }, { 8, 0 }, { 8, 8 }, { 8, 4 }, { 16, 0 }, { 16, 8 } };
	uint64_t random = 7;
	for (size_t kind = 0; kind < SC_COUNT_OF(kinds); kind++) {
		unsigned bytes = kinds[kind].bytes, word = kinds[kind].word;
		uint8_t from[1000], to[1000], model[1000];
		uint64_t from_step = bytes * 2, to_step = bytes * 3, count = 1000 / 48;
		fill_randomly(from, sizeof(from), &random);
		fill_randomly(to, sizeof(to), &random);
		memcpy(model, to, sizeof(to));
		for (uint64_t i = 0; i < count; i++) {
			for (unsigned k = 0; k < bytes; k++)
				model[i * to_step + k] =
				    from[i * from_step + (word ? k / word * word + word - 1 - k % word : k)];
		}
		sc_elements_copy_apart(to, to_step, from, from_step, count, bytes, word);
		assert_memory_equal(to, model, sizeof(to));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_are_copied_filled_and_packed),
		cmocka_unit_test(words_are_reversed),
		cmocka_unit_test(elements_apart_keep_what_is_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
