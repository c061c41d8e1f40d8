#include "elements.h"

#include <endian.h>
#include <string.h>

void sc_elements_swap(uint8_t *to, const uint8_t *from, uint64_t bytes, unsigned word)
{
	if (word == 4) {
		for (uint64_t i = 0; i < bytes; i += 4) {
			uint32_t value;
			memcpy(&value, from + i, 4);
			value = __builtin_bswap32(value);
			memcpy(to + i, &value, 4);
		}
	} else {
		for (uint64_t i = 0; i < bytes; i += 8) {
			uint64_t value;
			memcpy(&value, from + i, 8);
			value = __builtin_bswap64(value);
			memcpy(to + i, &value, 8);
		}
	}
}

void sc_elements_copy_apart(uint8_t *to, uint64_t to_step, const uint8_t *from, uint64_t from_step, uint64_t count,
			    unsigned element_bytes, unsigned word)
{
	/* The usual ones, so that the compiler knows the size. */
	if (element_bytes == 4 && !word) {
		for (uint64_t i = 0; i < count; i++)
			memcpy(to + i * to_step, from + i * from_step, 4);
	} else if (word) {
		for (uint64_t i = 0; i < count; i++)
			sc_elements_swap(to + i * to_step, from + i * from_step, element_bytes, word);
	} else {
		for (uint64_t i = 0; i < count; i++)
			memcpy(to + i * to_step, from + i * from_step, element_bytes);
	}
}

/* 64 bits from any bit on; reads the 8 bytes that begin there, and a ninth where they go into it. */
static uint64_t load_64_bits(const uint8_t *from, uint64_t bit)
{
	uint64_t word;
	unsigned shift = bit % 8;
	from += bit / 8;
	memcpy(&word, from, sizeof(word));
	word = le64toh(word) >> shift;
	return shift ? word | (uint64_t)from[8] << (64 - shift) : word;
}

/* The same for fewer bits (1 to 63), reading no byte that has none of them; those behind are 0. */
static uint64_t load_bits(const uint8_t *from, uint64_t bit, unsigned count)
{
	uint64_t word = 0;
	unsigned shift = bit % 8, bytes = (shift + count + 7) / 8;
	from += bit / 8;
	for (unsigned i = 0; i < bytes && i < 8; i++)
		word |= (uint64_t)from[i] << (8 * i);
	word >>= shift;
	if (bytes > 8)
		word |= (uint64_t)from[8] << (64 - shift);
	return word & (UINT64_MAX >> (64 - count));
}

/* Writes the lowest 1 to 63 bits of `word`, which has no others. */
static void store_bits(uint8_t *to, uint64_t bit, uint64_t word, unsigned count)
{
	to += bit / 8;
	unsigned shift = bit % 8;
	while (count > 0) {
		unsigned some = 8 - shift < count ? 8 - shift : count;
		uint8_t mask = (uint8_t)((0xffu >> (8 - some)) << shift);
		*to = (uint8_t)((*to & ~mask) | ((word << shift) & mask));
		word >>= some;
		count -= some;
		shift = 0;
		to++;
	}
}

/* How many bits come before the next byte of `to`, at most `count`. */
static unsigned bits_to_byte(uint64_t to_bit, uint64_t count)
{
	unsigned bits = (8 - to_bit % 8) % 8;
	return count < bits ? (unsigned)count : bits;
}

void sc_elements_copy_bits(uint8_t *to, uint64_t to_bit, const uint8_t *from, uint64_t from_bit, uint64_t count)
{
	unsigned head = bits_to_byte(to_bit, count);
	if (head > 0)
		store_bits(to, to_bit, load_bits(from, from_bit, head), head);
	to_bit += head;
	from_bit += head;
	count -= head;
	if (from_bit % 8 == 0) {
		memcpy(to + to_bit / 8, from + from_bit / 8, count / 8);
		to_bit += count / 8 * 8;
		from_bit += count / 8 * 8;
		count %= 8;
	}
	for (; count >= 64; count -= 64, to_bit += 64, from_bit += 64) {
		uint64_t word = htole64(load_64_bits(from, from_bit));
		memcpy(to + to_bit / 8, &word, sizeof(word));
	}
	if (count > 0)
		store_bits(to, to_bit, load_bits(from, from_bit, (unsigned)count), (unsigned)count);
}

void sc_elements_fill_bits(uint8_t *to, uint64_t to_bit, bool value, uint64_t count)
{
	unsigned head = bits_to_byte(to_bit, count), tail = (count - head) % 8;
	uint64_t word = value ? UINT64_MAX : 0;
	if (head > 0)
		store_bits(to, to_bit, word >> (64 - head), head);
	to_bit += head;
	count -= head;
	memset(to + to_bit / 8, value ? 0xff : 0, count / 8);
	if (tail > 0)
		store_bits(to, to_bit + count - tail, word >> (64 - tail), tail);
}

/* Eight bytes of 0 or 1, the first one lowest in `word`, to eight bits: the product has byte i's bit at 56 + i. */
static uint8_t pack_eight(uint64_t word)
{
	return (uint8_t)((word * UINT64_C(0x0102040810204080)) >> 56);
}

void sc_elements_pack_bits(uint8_t *to, uint64_t to_bit, const uint8_t *from, uint64_t count)
{
	uint64_t at = 0;
	for (unsigned head = bits_to_byte(to_bit, count); at < head; at++)
		store_bits(to, to_bit + at, from[at], 1);
	for (uint8_t *byte = to + (to_bit + at) / 8; count - at >= 8; at += 8) {
		uint64_t word;
		memcpy(&word, from + at, sizeof(word));
		*byte++ = pack_eight(le64toh(word));
	}
	for (; at < count; at++)
		store_bits(to, to_bit + at, from[at], 1);
}
