"""Families with missing parts, for both programs: what a cube must be where nothing is.

A Scenario is a complete family of which some parts are not written. Pixels are judged by what was put in, frequencies by
the complete family's.
"""

import dataclasses

import numpy as np

import synth

# Where products are 0 and good where nothing is; all others are NaN and masked.
ZERO = (".model", ".mask", ".weight", ".sumwt", ".model.tt0", ".weight.tt1")
NAN = (".image", ".residual", ".image.pbcor", ".psf", ".pb", ".image.tt0", ".alpha")


@dataclasses.dataclass
class Scenario:
    counts: list
    missing: list
    options: tuple = ()          # of both programs
    width: float = 1e6
    axis_unit: str = "Hz"
    masks: bool = True

    def family(self, **more):
        """All parts, those that are missing too."""
        return synth.run(self.counts, width=self.width, axis_unit=self.axis_unit, masks=self.masks, ny=4, nx=5, **more)

    def build(self, source, ext=".image", base="cube", **more):
        """Writes the parts that are there; returns all."""
        parts = self.family(**more)
        there = self.there()
        synth.build(source, [parts[n] for n in there], ext=ext, base=base, numbers=there)
        return parts

    def there(self):
        return [n for n in range(len(self.counts)) if n not in self.missing]

    def names(self, ext=".image"):
        """The names that a message must have: the first and the last one of each run."""
        runs = [n for n in self.missing if n - 1 not in self.missing or n + 1 not in self.missing]
        return [synth.name(n, ext) for n in runs]

    def blanked(self, parts, ext=".image"):
        return [p if n not in self.missing else blank(p, ext) for n, p in enumerate(parts)]


SCENARIOS = {
    "first": Scenario([2] * 4, [0]),
    "first two": Scenario([2] * 4, [0, 1]),
    "one in the middle": Scenario([2] * 4, [1]),
    "several in a row": Scenario([2] * 6, [1, 2, 3]),
    "two gaps": Scenario([1] * 7, [1, 4, 5]),
    "last": Scenario([2] * 4, [3], ("--nparts=4",)),
    "both ends": Scenario([2] * 4, [0, 3], ("--nparts=4",)),
    "all but one": Scenario([3] * 4, [0, 2, 3], ("--nparts=4",)),
    "unequal, in the middle": Scenario([3, 2, 4, 1], [1]),
    "unequal, two in a row": Scenario([3, 2, 4, 1], [1, 2]),
    "unequal, last": Scenario([3, 2, 4, 1], [3], ("--nparts=4", "--nchan=10")),
    "unequal, first": Scenario([4, 3, 2], [0], ("--nchan=9",)),
    "unequal, first and in the middle": Scenario([4, 1, 3, 2], [0, 2], ("--nchan=10",)),
    "divided evenly, the shorter ones": Scenario([2, 1, 1, 1], [1, 2, 3], ("--nparts=4", "--nchan=5")),
    "divided evenly, the longer ones": Scenario([2, 2, 1, 1], [0, 1], ("--nchan=6",)),
    "total given though it can be told": Scenario([2] * 4, [1], ("--nchan=8",)),
    "falling": Scenario([2] * 4, [0, 2], width=-1e6),
    "in GHz": Scenario([2] * 4, [0, 2], axis_unit="GHz"),
    "no masks": Scenario([2] * 4, [1], masks=False),
}


def is_zero(ext):
    return ext in ZERO


def blank(part, ext):
    """What stands in the place of a missing part."""
    shape = part.pixels.shape
    if is_zero(ext):
        return dataclasses.replace(part, pixels=np.zeros_like(part.pixels), mask=np.zeros(shape, bool))
    bits = np.full(shape + (part.pixels.dtype.itemsize,), 0xff, "u1")
    nan = bits.view(part.pixels.dtype).reshape(shape)
    assert np.isnan(nan).all()
    return dataclasses.replace(part, pixels=nan, mask=np.ones(shape, bool))
