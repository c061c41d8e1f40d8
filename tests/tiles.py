"""Comparing tiled pixel files (table.f0_TSM0) tile by tile, only where the cube is.

Tiles lie x index fastest, then y, Stokes, channel; edge tiles are padded, and what the padding holds is nobody's
business. A tile of a mask is a whole number of bytes, the first pixel in the lowest bit.
"""

import itertools
import math

import numpy as np


def divides(shape, tile):
    return all(s % t == 0 for s, t in zip(shape, tile))


def counts(shape, tile):
    return [math.ceil(s / t) for s, t in zip(shape, tile)]


def file_bytes(shape, tile, pixel_bytes):
    """Length of a pixel file; pixel_bytes 0 stands for bits."""
    in_tile = math.prod(tile)
    return math.prod(counts(shape, tile)) * (math.ceil(in_tile / 8) if pixel_bytes == 0 else in_tile * pixel_bytes)


def split(data, tile, pixel_bytes):
    """The tiles of a pixel file: arrays of shape (channel, Stokes, y, x), the last axis the bytes of a pixel."""
    in_tile = math.prod(tile)
    shape = tuple(tile[::-1])
    if pixel_bytes == 0:
        tiles = np.frombuffer(data, "u1").reshape(-1, math.ceil(in_tile / 8))
        bits = np.unpackbits(tiles, axis=1, bitorder="little")[:, :in_tile]
        return bits.reshape((-1,) + shape + (1,))
    return np.frombuffer(data, "u1").reshape((-1,) + shape + (pixel_bytes,))


def first_difference(got, wanted, shape, tile, pixel_bytes):
    """None, or where two pixel files (bytes) first differ in a pixel of the cube."""
    length = file_bytes(shape, tile, pixel_bytes)
    if len(got) != length or len(wanted) != length:
        return "lengths %d and %d, not %d" % (len(got), len(wanted), length)
    mine, theirs = split(got, tile, pixel_bytes), split(wanted, tile, pixel_bytes)
    order = itertools.product(*[range(n) for n in counts(shape, tile)[::-1]])
    for number, index in enumerate(order):
        inside = tuple(slice(0, min(t, s - i * t)) for i, t, s in zip(index, tile[::-1], shape[::-1]))
        if not np.array_equal(mine[number][inside], theirs[number][inside]):
            return "tile %d (channel, Stokes, y, x index %s)" % (number, index)
    return None
