/*
 * forecast.h - pure: how the bytes of an image will come to be.
 */
#ifndef SC_FORECAST_H
#define SC_FORECAST_H

#include "image.h"

struct sc_forecast {
	uint64_t cloned_bytes;  /* blocks of the subcubes, shared where the file system lets us */
	uint64_t copied_bytes;  /* as they are in the subcubes */
	uint64_t retiled_bytes; /* put together pixel by pixel */
	uint64_t blank_bytes;   /* of missing subcubes and masks */
};

/* The image must have a view. Takes time linear in its tiles. */
struct sc_forecast sc_forecast_of(const struct sc_image *image);

/* Roughly, at SC_LISTING_BYTES_PER_SECOND. */
double sc_forecast_seconds(const struct sc_forecast *forecast);

#endif
