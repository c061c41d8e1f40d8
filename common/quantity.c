#include "quantity.h"

#include <math.h>
#include <stdio.h>

char *sc_quantity_bytes(char text[16], double bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	size_t unit = 0;
	/* 999.5 would be shown as 1000. */
	while (bytes >= (unit ? 999.5 : 1000) && unit + 1 < SC_COUNT_OF(units)) {
		bytes /= 1000;
		unit++;
	}
	snprintf(text, 16, "%.*f %s", unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2, bytes, units[unit]);
	return text;
}

char *sc_quantity_time(char text[16], double seconds)
{
	if (!(seconds < 1e6)) {
		snprintf(text, 16, "long");
		return text;
	}
	unsigned whole = (unsigned)ceil(seconds);
	if (whole >= 3600)
		snprintf(text, 16, "%u:%02u:%02u", whole / 3600, whole / 60 % 60, whole % 60);
	else
		snprintf(text, 16, "%u:%02u", whole / 60, whole % 60);
	return text;
}
