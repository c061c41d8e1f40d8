"""Random families, each from its seed, and what must become of them.

family(seed) chooses, build() writes it by casacore, truth() is numpy's concatenation of what was put in, and look() is
what casacore finds in images, in a process of its own.
"""

import dataclasses
import os
import random
import shutil

import numpy as np

import cubes
import fitsparts
import forked
import gaps
import judge
import judge_casacore
import randomfamilies_casacore

# Axes from x on, of which D is two: direction, Stokes, frequency, a linear one. The usual one is there more often.
LAYOUTS = ("DSF",) * 8 + ("DFS", "DFS", "FDS", "SDF", "DF", "DF", "FD", "DSFL", "LFL", "DS", "LD", "LF")
STOKES = ("I", "Q", "U", "V", "XX", "XY", "YX", "YY", "RR", "RL", "LR", "LL")
NAMES = {"usual": ("cube.subcube.%d%s", 0, ()), "CASA's": ("cube.workdirectory/cube.n%d%s", 1, ()),
         "chosen": ("cube.subcube.%d%s", 0, ("--pattern", "{base}.subcube.{n}{ext}")),
         "a pattern": ("cube_%d.part%s", 0, ("--pattern", "{base}_{n}.part{ext}"))}
EXTENSIONS = (".image", ".image", ".image", ".residual", ".psf", ".model", ".weight")
START_HZ = 1.4e9
TYPES = ("f4", "f4", "f4", "f8", "c8", "c16")


@dataclasses.dataclass
class Family:
    seed: int
    layout: str
    cubes: list             # all, by number, those that are missing too
    paths: list             # below the source
    axis: int               # of pixels, that they are joined along
    ext: str
    options: list           # what the image holds, for both programs
    order: list             # of those that are in the image
    missing: list           # from the image
    unwanted: list          # of these, what is on the disk all the same
    blank: bool             # what is missing is shown as blank
    images: bool            # named one by one, which the mount cannot
    fits: list              # parts that are FITS images
    cards: dict             # of those that casacore does not write: what is to be in their headers
    even: bool              # the pixels follow each other along the axis without a gap
    tile: list              # that is asked for
    width: float = 0        # of a channel, in Hz

    def there(self):
        return [n for n in self.order if n not in self.missing]

    def c_axis(self):
        """Of numpy's arrays."""
        return self.cubes[0].pixels.ndim - 1 - self.axis

    def there_or_blank(self):
        return self.order if self.blank else self.there()

    def blanks(self):
        """For each channel whether it is one of a missing part."""
        return [n in self.missing for n in self.there_or_blank() for _ in range(self.cubes[n].pixels.shape[self.c_axis()])]

    def not_told(self):
        """Axes on which an image is not where its parts are: directions that do not join up stay the first part's."""
        axes = letters(self.layout)
        return {axes.index("x"), axes.index("y")} if axes[self.axis] in "xy" and not self.even else set()

    def what(self):
        """In a line: what is to be known when it fails."""
        return "seed %d: %s along %d, %s, %s %s" % (
            self.seed, self.layout, self.axis, [c.pixels.shape for c in self.cubes], self.cubes[0].pixels.dtype,
            " ".join(["--images"] * self.images + self.options + ["missing %s, FITS %s" % (self.missing, self.fits)]))


def letters(layout):
    """One for each pixel axis."""
    return layout.replace("D", "xy")


def family(seed):
    rng = random.Random(seed)
    layout = rng.choice(LAYOUTS)
    axes = letters(layout)
    axis = axes.index("F") if "F" in axes and rng.random() < 0.8 else rng.randrange(len(axes))
    counts = _counts(rng, axes[axis])
    options = [] if axes[axis] == "F" and rng.random() < 0.8 else ["--axis=%d" % axis]
    one = Family(seed, layout, [], [], axis, rng.choice(EXTENSIONS), options, list(range(len(counts))), [], [], False,
                 rng.random() < 0.15, [], {}, True, [])
    if axes[axis] in "SF" and layout in ("DSF", "DFS", "DF") and rng.random() < 0.2:
        # of a table and a FITS image with the axes in that order casacore finds the coordinates in different ones
        one.fits = [n for n in one.order if layout == "DFS" or rng.random() < 0.5]
    places = _places(rng, one, axes[axis], counts)
    one.cubes = _cubes(rng, one, axes, counts, places)
    if layout == "DSF" and axes[axis] == "F" and not one.fits and rng.random() < 0.1:
        _integers(rng, one, places)
    _lose(rng, one, axes[axis], counts)
    _name(rng, one)
    shape = one.cubes[0].pixels.shape[::-1]
    one.tile = [rng.randint(1, n + 2) for n in shape]
    one.tile[axis] = rng.randint(1, sum(counts) + 2)
    one.options += rng.choice(([], [], ["--history=all"], ["--miscinfo=first"]))
    return one


def _counts(rng, letter):
    number = rng.randint(1, 7) if rng.random() < 0.93 else rng.randint(8, 40)
    if letter == "S":
        counts = [1] * min(number, 6)
        for _ in range(rng.randint(0, 4)):
            counts[rng.randrange(len(counts))] += 1
        return counts
    most = rng.choice((1, 2, 5, 12) if letter in "xy" else (1, 3, 5, 5))
    return [most] * number if rng.random() < 0.4 else [rng.randint(1, most) for _ in range(number)]


def _places(rng, one, letter, counts):
    """Where each part begins, in pixels along the axis; the options go with it."""
    places, at = [], 0
    gap = letter in "FL" and rng.random() < 0.25
    for count in counts:
        places.append(at)
        at += count
        if gap and rng.random() < 0.6:
            at += rng.choice((1, 2, 0.5, 3.25, 1000))
    one.even = not gap or at == sum(counts)
    if letter in "FL" and rng.random() < 0.2:
        one.options.append("--reorder")
        by_place = list(places)
        mixed = list(range(len(counts)))
        rng.shuffle(mixed)
        # each part gets the place of another, and its length
        counts[:] = [counts[m] for m in mixed]
        places = [by_place[m] for m in mixed]
        one.order = sorted(range(len(counts)), key=lambda n: places[n])
    return places


def _cubes(rng, one, axes, counts, places):
    shape = {"x": rng.randint(1, 40), "y": rng.randint(1, 40), "S": rng.randint(1, 4), "F": rng.randint(1, 5),
             "L": rng.randint(1, 3)}
    dtype = "f4" if one.fits else rng.choice(TYPES)
    if rng.random() < 0.1 and axes[one.axis] not in "xy":
        # more than a copying process may have in memory
        depth = np.prod([shape[letter] for letter in axes if letter not in "xy"]) / shape[axes[one.axis]] * sum(counts)
        side = int(min(400, (40e6 / depth / np.dtype(dtype).itemsize) ** 0.5))
        shape.update(x=rng.randint(side // 2, side), y=rng.randint(side // 2, side))
    lengths = [shape[letter] for letter in axes]
    one.width = width = rng.choice((1, -1)) * rng.choice((1e6, 30517.578125, 976.5625))
    units = ["Hz"] if one.fits else rng.choice((["Hz"], ["Hz"], ["GHz"], ["MHz"], ["kHz", "GHz", "Hz"]))
    step = rng.choice((2.0, -0.5))
    masks = rng.choice(("none", "none", "all", "all", "some"))
    tiles = rng.choice(("casa", "one", "each"))
    endian = rng.choice(("little", "little", "big", "mixed"))
    beams = _beams(rng, axes, lengths, counts, one.axis)
    tile = _tile(rng, lengths[:one.axis] + [max(counts)] + lengths[one.axis + 1:])
    found = []
    for i, (count, place) in enumerate(zip(counts, places)):
        lengths[one.axis] = count
        coordinates = _coordinates(axes, one.axis, shape, place, count, width, rng.choice(units), step)
        cube = cubes.cube(lengths, coordinates, seed=one.seed * 10 + i, dtype=dtype, beam=beams[i])
        _special(rng, cube.pixels)
        if masks == "all" or (masks == "some" and rng.random() < 0.5):
            share = rng.choice((0, 0.01, 0.3, 0.3, 0.9, 1))
            cube.mask = np.random.default_rng(one.seed * 10 + i).random(cube.pixels.shape) < share
            cube.mask_name = rng.choice(("mask0", "mask0", "good"))
            if rng.random() < 0.3:
                cube.mask_tile = _tile(rng, lengths)
        cube.tile = {"casa": None, "one": tuple(map(min, tile, lengths)), "each": _tile(rng, lengths)}[tiles]
        cube.big_endian = endian == "big" or (endian == "mixed" and rng.random() < 0.5)
        cube.miscinfo = rng.choice(({}, {"n": i, "same": "x"}, {"x%d" % i: 1.5, "n": 3, "flag": True}))
        cube.history = ("part %d" % i,) * rng.randint(0, 2)
        found.append(cube)
    return found


def _integers(rng, one, places):
    """All parts become FITS images, of integers mostly, which are shown as floats."""
    one.fits = list(one.order)
    for n, cube in enumerate(one.cubes):
        kind = rng.choice(("u1", "i2", "i4", "f4"))
        cards = {"frequency": START_HZ + places[n] * one.width, "width": one.width}
        cube.pixels = fitsparts.numbers(kind, 1, 1, cube.pixels.size, seed=n).reshape(cube.pixels.shape)
        if kind != "f4":
            cards.update(BSCALE=rng.choice((1.0, 0.37, -2.5)), BZERO=rng.choice((0.0, 32768.0, -1.5)))
        # casacore asks for the wrong type to read the mask of bytes
        if kind[0] == "i" and rng.random() < 0.5:
            cards["BLANK"] = int(cube.pixels.flat[0])
        cube.beam, cube.mask = None, None
        one.cards[n] = cards


def _floats(pixels, cards):
    """What a FITS image shows, in single precision as casacore does it, and its mask."""
    if pixels.dtype.kind == "f":
        return pixels, np.isnan(pixels)
    mask = pixels == cards["BLANK"] if "BLANK" in cards else np.zeros(pixels.shape, bool)
    values = pixels.astype("f4") * np.float32(cards["BSCALE"]) + np.float32(cards["BZERO"])
    values[mask] = np.nan
    return values, mask


def _coordinates(axes, axis, shape, place, count, width, unit, step):
    found = []
    for n, letter in enumerate(axes):
        along = place if n == axis else 0
        if letter == "x":
            found.append(("direction", shape["x"] // 2 - along, shape["y"] // 2 - (place if n + 1 == axis else 0)))
        elif letter == "S":
            found.append(("stokes", *(STOKES[place:place + count] if n == axis else STOKES[:shape["S"]])))
        elif letter == "F":
            found.append(("spectral", START_HZ + along * width, width, unit))
        elif letter == "L":
            found.append(("linear", 10 + along * step, step))
    return found


def _tile(rng, lengths):
    return tuple(rng.choice((n, rng.randint(1, n), rng.randint(1, n))) for n in lengths)


def _special(rng, pixels):
    if rng.random() < 0.3:
        flat = pixels.reshape(-1)
        for value in (np.nan, np.inf, -np.inf, -0.0):
            flat[rng.randrange(flat.size)] = value


def _beams(rng, axes, lengths, counts, axis):
    """For each part: None, one, or [channel][Stokes]."""
    def one():
        return (rng.choice((3.0, 4.5)) + rng.random(), rng.choice((1.0, 2.0)), rng.choice((-80.0, 0.0, 33.0)))
    how = rng.choice(("none", "none", "one", "each", "planes", "planes", "mixed", "some"))
    same, found = one(), []
    for count in counts:
        lengths[axis] = count
        planes = [[one() for _ in range(lengths[axes.index("S")] if "S" in axes else 1)]
                  for _ in range(lengths[axes.index("F")] if "F" in axes else 1)]
        this = rng.choice(("one", "each", "planes")) if how == "mixed" else how
        if this == "some":
            this = rng.choice(("none", "one"))
        found.append({"none": None, "one": same, "each": one(), "planes": planes}[this])
    return found


def _lose(rng, one, letter, counts):
    """Some parts are not there, or there and not wanted."""
    number = len(counts)
    how = rng.choice(("all", "all", "all", "wanted", "lost", "lost"))
    if one.images or number == 1 or how == "all":
        return
    if how == "wanted":
        wanted = rng.randint(1, number - 1)
        one.missing = one.unwanted = list(range(wanted, number))
        one.options.append("--nparts=%d" % wanted)
    else:
        one.missing = sorted(rng.sample(range(number), rng.randint(1, number - 1)))
        one.blank = letter == "F" and one.even and "--reorder" not in one.options and rng.random() < 0.6
        if one.blank and len(set(counts)) > 1:
            # what is missing at both ends, or at one where the others share another length, nothing tells
            one.missing = [n for n in one.missing if 0 < n < number - 1] or [rng.randrange(number)]
            if {0, number - 1} & set(one.missing) and len({counts[n] for n in one.there()}) == 1:
                one.missing, one.blank = [], False
                return
        if one.blank or number - 1 in one.missing:
            one.options.append("--nparts=%d" % number)
        one.options += ["--missing=blank", "--nchan=%d" % sum(counts)] if one.blank else ["--missing=skip"]
    positions = [at for at, n in enumerate(one.order) if n not in one.missing]
    one.even = one.blank or (one.even and positions[-1] - positions[0] == len(positions) - 1)


def _name(rng, one):
    if one.images:
        # cfitsio takes brackets in a name for a filter
        names = "d%d/an image %d" if one.fits else "d%d/an [image] %d"
        one.paths = [names % (n % 3, n) for n in range(len(one.cubes))]
        return
    # without number 0 nothing tells that a pattern of one's own begins there
    name, first, options = NAMES[rng.choice([n for n in NAMES if n != "a pattern" or 0 not in one.missing])]
    one.paths = [name % (n + first, one.ext) for n in range(len(one.cubes))]
    one.options += options


def build(one, source):
    """Writes what is there; returns the paths of the image's parts in the order of their numbers."""
    numbers = [n for n in range(len(one.cubes)) if n not in one.missing or n in one.unwanted]
    paths = {n: os.path.join(source, one.paths[n]) for n in numbers}
    for path in paths.values():
        os.makedirs(os.path.dirname(path), exist_ok=True)
    for n in set(numbers) & set(one.cards):
        fitsparts.write(paths[n], one.cubes[n].pixels, **one.cards[n])
    tables = [n for n in numbers if n not in one.cards]
    cubes.build(source, [one.cubes[n] for n in tables], [paths[n] for n in tables])
    exported = [paths[n] for n in tables if n in one.fits]
    if exported:
        fitsparts.export(exported, [path + ".fits" for path in exported])
    for path in exported:
        shutil.rmtree(path)
        os.rename(path + ".fits", path)
    return [paths[n] for n in numbers if n not in one.missing]


def truth(one):
    """Pixels and mask (True where masked) that the image must have."""
    pixels, masks = [], []
    for n in one.there_or_blank():
        cube = one.cubes[n]
        if n in one.cards:
            values, mask = _floats(cube.pixels, one.cards[n])
            cube = dataclasses.replace(cube, pixels=values, mask=mask)
        if n in one.missing:
            cube = gaps.blank(cube, one.ext)
        mask = cube.mask if cube.mask is not None else np.zeros(cube.pixels.shape, bool)
        if n in one.fits and n not in one.cards and n not in one.missing:
            mask = mask | np.isnan(cube.pixels)
            cube = dataclasses.replace(cube, pixels=np.where(mask, np.float32("nan"), cube.pixels))
        pixels.append(cube.pixels)
        masks.append(mask)
    return np.concatenate(pixels, one.c_axis()), np.concatenate(masks, one.c_axis())


def look(requests):
    """What casacore finds: `requests` are a path, or a list of paths for its own concatenation, and the axis."""
    return forked.run(judge_casacore.each, randomfamilies_casacore.described, requests, timeout=judge.TIMEOUT_S)
