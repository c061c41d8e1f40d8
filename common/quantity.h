/*
 * quantity.h - sizes and times as people read them.
 */
#ifndef SC_QUANTITY_H
#define SC_QUANTITY_H

#include "base.h"

/* "1.23 GB", decimal. Returns `text`. */
char *sc_quantity_bytes(char text[16], double bytes);
/* "0:07", "12:34", "3:05:09". Returns `text`. */
char *sc_quantity_time(char text[16], double seconds);

#endif
