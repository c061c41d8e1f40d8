/*
 * elements.h - runs of a tile's elements: copied, with their bytes reversed, and as single bits.
 *
 * Bits are counted as casacore stores Bool: bit i is bit i % 8 of byte i / 8. Memory may be unaligned and must not
 * overlap; bits beside those that are written keep their values. Pure functions.
 */
#ifndef SC_ELEMENTS_H
#define SC_ELEMENTS_H

#include "base.h"

/* `bytes` bytes in words of 4 or 8, each reversed. */
void sc_elements_swap(uint8_t *to, const uint8_t *from, uint64_t bytes, unsigned word);

/* `count` elements of `element_bytes` (1 to 16) each, `to_step` and `from_step` bytes apart; `word` 0: as they are. */
void sc_elements_copy_apart(uint8_t *to, uint64_t to_step, const uint8_t *from, uint64_t from_step, uint64_t count,
			    unsigned element_bytes, unsigned word);

void sc_elements_copy_bits(uint8_t *to, uint64_t to_bit, const uint8_t *from, uint64_t from_bit, uint64_t count);
void sc_elements_fill_bits(uint8_t *to, uint64_t to_bit, bool value, uint64_t count);

/* Bytes that are 0 or 1 -> bits. */
void sc_elements_pack_bits(uint8_t *to, uint64_t to_bit, const uint8_t *from, uint64_t count);

#endif
