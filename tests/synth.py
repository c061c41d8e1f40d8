"""Subcube families made with casacore, for what the real ones do not show.

A family is a list of Part; build() writes it (casacore runs in a process of its own), truth() says what a view of it
must give. Pixels and masks are judged by what was put in here, never by what another program made of it.
"""

import dataclasses
import hashlib
import os
import tempfile

import numpy as np

import forked
import programs
import synth_casacore


@dataclasses.dataclass
class Part:
    """One subcube. Arrays are in C order (channel, Stokes, y, x); a mask is True where a pixel is masked."""
    pixels: np.ndarray
    frequency: float                    # of channel 0, in Hz
    width: float = 1e6                  # as it is written in the header, in Hz
    mask: np.ndarray = None
    mask_name: str = "mask0"
    tile: tuple = None                  # x, y, Stokes, channel; None: casacore's own choice
    big_endian: bool = False
    axis_unit: str = "Hz"
    unit: str = "Jy/beam"
    object: str = "field"
    telescope: str = "VLA"
    observer: str = "nobody"
    frame: str = "LSRK"
    spectral: dict = dataclasses.field(default_factory=dict)  # more of the spectral coordinate's record, as it is stored
    shown_frame: str = None             # what frequencies are converted to for display; None: the frame
    projection: str = "SIN"
    rest_frequency: float = 1.42e9
    cell: float = 1e-5
    stokes: tuple = None                # None: I, Q, U, V as many as there are
    image_type: str = "Intensity"
    beam: object = None                 # None, (major, minor, angle), or [channel][stokes] of those
    miscinfo: dict = dataclasses.field(default_factory=dict)
    history: tuple = ()
    without: tuple = ()                 # keywords to leave out: "units", "miscinfo", "imageinfo"


def pixels(nchan, nstokes, ny, nx, dtype="f4", seed=1):
    rng = np.random.default_rng(seed)
    array = rng.standard_normal((nchan, nstokes, ny, nx))
    if np.dtype(dtype).kind == "c":
        array = array + 1j * rng.standard_normal(array.shape)
    return array.astype(dtype)


def mask(nchan, nstokes, ny, nx, seed=2, masked=0.3):
    return np.random.default_rng(seed).random((nchan, nstokes, ny, nx)) < masked


def run(counts, nstokes=1, ny=6, nx=8, start=1.4e9, width=1e6, masks=False, **fields):
    """Parts of `counts` channels, one after another in frequency. `fields` are values, or lists with one for each part."""
    parts, frequency = [], start
    for i, n in enumerate(counts):
        own = {k: v[i] if isinstance(v, list) and len(v) == len(counts) else v for k, v in fields.items()}
        dtype = own.pop("dtype", "f4")
        parts.append(Part(pixels(n, nstokes, ny, nx, dtype, seed=100 + i), frequency, width,
                          mask=mask(n, nstokes, ny, nx, seed=200 + i) if masks else None, **own))
        frequency += n * width
    return parts


def name(number, ext=".image", base="cube"):
    return "%s.subcube.%d%s" % (base, number, ext)


def build(directory, parts, ext=".image", base="cube", numbers=None):
    """Write `parts` into `directory`; returns their paths in order."""
    os.makedirs(directory, exist_ok=True)
    paths = [os.path.join(directory, name(n, ext, base)) for n in numbers or range(len(parts))]
    write(synth_casacore.write, list(zip(paths, parts)))
    return paths


def truth(parts):
    """What a view of `parts` must give, in judge.py's words."""
    joined = np.concatenate([p.pixels for p in parts])
    masks = np.concatenate([p.mask if p.mask is not None else np.zeros(p.pixels.shape, bool) for p in parts])
    little = joined.astype(joined.dtype.newbyteorder("<"))
    return {
        "shape": list(joined.shape[::-1]),
        "pixel_dtype": little.dtype.str,
        "pixels_sha256": _sha256(little),
        "channel_sha256": [_sha256(plane)[:16] for plane in little],
        "mask_sha256": _sha256((~masks).astype("u1")),
        "channel_masked": [int(plane.sum()) for plane in masks],
        "masked_pixels": int(masks.sum()),
    }


def frequencies(parts):
    return [p.frequency + c * p.width for p in parts for c in range(p.pixels.shape[0])]


def _sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def write(function, todo):
    """function(path, image) for each pair in `todo`, in a process that has casacore; what lies there is old then, as programs.age has it."""
    for big in (False, True):
        chosen = [(path, one) for path, one in todo if one.big_endian is big]
        if chosen:
            with tempfile.NamedTemporaryFile("w") as resources:
                resources.write("table.endianformat: %s\n" % ("big" if big else "little"))
                resources.flush()
                forked.run(synth_casacore.each, function, chosen, timeout=300, resources=resources.name)
    for path, _ in todo:
        programs.age(path)
