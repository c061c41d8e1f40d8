"""Images with any axes, for concatenation along any of them.

A Cube has a list of coordinates, from the first pixel axis (x, the fastest) on:

    ("direction", x, y)     two axes; world reference at pixel x, y
    ("stokes", "I", "Q")    one
    ("spectral", hz, width) one, linear; a unit may follow, which it is stored in
    ("linear", value, step) one

Pixels are in C order, as everywhere in these tests: their first axis is the image's last.
"""

import dataclasses
import hashlib
import os

import numpy as np

import cubes_casacore
import synth


@dataclasses.dataclass
class Cube:
    pixels: np.ndarray
    axes: list
    mask: np.ndarray = None     # True where masked
    beam: object = None         # as synth.Part has it
    miscinfo: dict = dataclasses.field(default_factory=dict)
    history: tuple = ()
    unit: str = "Jy/beam"
    object: str = "field"
    image_type: str = "Intensity"
    tile: tuple = None          # x first; None: casacore's own choice
    mask_tile: tuple = None     # None: as the pixels'
    mask_name: str = "mask0"
    big_endian: bool = False


def cube(shape, axes, seed=0, dtype="f4", masked=False, **fields):
    """`shape` is the image's, x first."""
    rng = np.random.default_rng(1000 + seed)
    pixels = rng.standard_normal(shape[::-1])
    if np.dtype(dtype).kind == "c":
        pixels = pixels + 1j * rng.standard_normal(shape[::-1])
    mask = rng.random(shape[::-1]) < 0.3 if masked else None
    return Cube(pixels.astype(dtype), axes, mask, **fields)


def build(directory, cubes, names=None):
    """Writes the images "0", "1", ... or `names`; returns their paths."""
    os.makedirs(directory, exist_ok=True)
    paths = [os.path.join(directory, n) for n in names or [str(i) for i in range(len(cubes))]]
    synth.write(cubes_casacore.write, list(zip(paths, cubes)))
    return paths


def truth(cubes, axis):
    """What the concatenation along pixel axis `axis` must be, in judge.py's words."""
    def joined(arrays):
        return np.ascontiguousarray(np.concatenate(arrays, axis=arrays[0].ndim - 1 - axis))
    pixels = joined([c.pixels for c in cubes])
    masks = joined([c.mask if c.mask is not None else np.zeros(c.pixels.shape, bool) for c in cubes])
    return {
        "shape": list(pixels.shape[::-1]),
        "pixel_dtype": pixels.dtype.str,
        "pixels_sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
        "mask_sha256": hashlib.sha256((~masks).astype("u1").tobytes()).hexdigest(),
    }
