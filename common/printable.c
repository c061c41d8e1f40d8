#include "printable.h"

#include <stdio.h>
#include <string.h>

/* How many bytes the UTF-8 character at `text` has, and which one it is; 0: it is none. */
static size_t character(const unsigned char *text, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = 1;
	if (text[0] >= 0x80)
		length = text[0] < 0xc2 || text[0] > 0xf4 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint32_t code = length < 2 ? text[0] : text[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (length == 0 || code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return length;
}

/* Control characters, line separators, and what makes text run the other way. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

size_t sc_printable(char *ret_text, size_t size, const char *text)
{
	size_t total = 0, kept = 0;
	const unsigned char *at = (const unsigned char *)text;
	while (*at) {
		char escape[8];
		const char *from = (const char *)at;
		uint32_t code;
		size_t length = character(at, &code), taken = length ? length : 1;
		if (length == 0 || is_control(code)) {
			/* Byte by byte: an escaped character of several is several escapes. */
			taken = 1;
			length = (size_t)snprintf(escape, sizeof(escape), *at == '\n' ? "\\n" : "\\x%02x", *at);
			from = escape;
		}
		/* Nothing follows what did not fit. */
		if (kept == total && total + length < size) {
			memcpy(ret_text + kept, from, length);
			kept += length;
		}
		total += length;
		at += taken;
	}
	if (size > 0)
		ret_text[kept] = 0;
	return total;
}
