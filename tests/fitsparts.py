"""FITS images as parts: exported by casacore from tables, or written by hand for what it does not export."""

import os

import numpy as np

import forked
import programs
import synth

BLOCK = 2880
BITPIX = {"u1": 8, "i2": 16, "i4": 32, "f4": -32, "f8": -64}


def _to_fits(paths, targets):
    from casacore.images import image
    for path, target in zip(paths, targets):
        yield image(path).tofits(target, velocity=False)


def export(paths, targets):
    """casacore's own FITS files of the images `paths`: masked pixels become NaN, beams that differ a BEAMS table."""
    for target in targets:
        os.makedirs(os.path.dirname(target), exist_ok=True)
    forked.run(_to_fits, [str(p) for p in paths], [str(t) for t in targets], timeout=300)
    for target in targets:
        programs.age(target)


def export_all(paths, directory):
    """The same names in another directory."""
    targets = [os.path.join(directory, os.path.basename(p)) for p in paths]
    export(paths, targets)
    return targets


def card(keyword, value, comment=""):
    if isinstance(value, bool):
        text = "%20s" % ("T" if value else "F")
    elif isinstance(value, str):
        text = "'%-8s'" % value
    elif isinstance(value, int):
        text = "%20d" % value
    else:
        text = "%20s" % repr(float(value)).upper()
    return ("%-8s= %s%s" % (keyword, text, " / " + comment if comment else "")).ljust(80)[:80]


def header(shape, bitpix, frequency=1.4e9, width=1e6, **more):
    """Cards of a cube; `shape` is x, y, Stokes, channel. `more` adds cards; None leaves one out."""
    cards = {"SIMPLE": True, "BITPIX": bitpix, "NAXIS": len(shape)}
    cards.update({"NAXIS%d" % (i + 1): n for i, n in enumerate(shape)})
    cards.update(BUNIT="Jy/beam", OBJECT="field", TELESCOP="VLA", OBSERVER="nobody", **{
        "DATE-OBS": "2020-01-01T06:00:00.000000", "TIMESYS": "UTC", "SPECSYS": "LSRK", "RESTFRQ": 1.42e9,
        "EQUINOX": 2000.0, "RADESYS": "FK5"})
    axes = (("RA---SIN", 143.0, -1e-3, shape[0] // 2 + 1, "deg"), ("DEC--SIN", 28.0, 1e-3, shape[1] // 2 + 1, "deg"),
            ("STOKES", 1.0, 1.0, 1, ""), ("FREQ", frequency, width, 1, "Hz"))
    for i, (kind, value, step, pixel, unit) in enumerate(axes):
        for keyword, entry in (("CTYPE", kind), ("CRVAL", value), ("CDELT", step), ("CRPIX", float(pixel)),
                               ("CUNIT", unit)):
            cards["%s%d" % (keyword, i + 1)] = entry
    cards.update(more)
    text = "".join(card(k, v) for k, v in cards.items() if v is not None) + "END".ljust(80)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode()


def write(path, pixels, **cards):
    """`pixels` in C order: channel, Stokes, y, x."""
    data = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(header(pixels.shape[::-1], BITPIX[pixels.dtype.str[1:]], **cards))
        stream.write(data + bytes(-len(data) % BLOCK))
    programs.age(path)


def numbers(dtype, nchan, ny=7, nx=9, seed=1):
    """Pixels of any type; real ones have NaN and infinity among them."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        pixels = rng.standard_normal((nchan, 1, ny, nx)).astype(dtype)
        pixels[rng.random(pixels.shape) < 0.2] = np.nan
        pixels[0, 0, 0, 0] = np.inf
        return pixels
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (nchan, 1, ny, nx), dtype, endpoint=True)


def family(directory, dtype, counts, ext=".image", shape=(7, 9), **cards):
    """Parts of `counts` channels of `shape` (y, x) pixels; returns their paths and their pixels."""
    paths, arrays, frequency = [], [], 1.4e9
    for i, count in enumerate(counts):
        paths.append(os.path.join(directory, synth.name(i, ext)))
        arrays.append(numbers(dtype, count, *shape, seed=10 + i))
        write(paths[-1], arrays[-1], frequency=frequency, **cards)
        frequency += count * 1e6
    return paths, arrays
