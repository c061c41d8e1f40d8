"""Synthetic families and what must come of them, for the mount and the materializer alike.

RECIPES maps a name to a function that gives a Recipe. What is expected of every one: pixels and masks as they were put
in, and the frequency of every channel. `concat` adds that the header equals what casacore's own concatenation has.
"""

import dataclasses

import numpy as np

import synth

HEADER = ("unit", "image_type", "object", "beams", "miscinfo", "coordinates")


@dataclasses.dataclass
class Recipe:
    parts: list
    concat: bool = True             # the header is judged by casacore's ImageConcat
    concat_keys: tuple = HEADER
    frequencies: list = None        # in Hz; None: as each part's header says
    tolerance: float = 1e-6         # of a frequency, in channels
    header: dict = dataclasses.field(default_factory=dict)
    warnings: list = dataclasses.field(default_factory=list)  # each a list of texts that one message must hold
    error: list = None              # texts that the message must hold; then there is no image

    def expected_frequencies(self):
        return self.frequencies or synth.frequencies(self.parts)


RECIPES = {}


def recipe(function):
    RECIPES[function.__name__] = function
    return function


# ---- tiles, byte orders, masks ----

@recipe
def uneven_chunks_and_tiles():
    return Recipe(synth.run([7, 7, 7, 3], ny=30, nx=40, masks=True,
                            tile=[(40, 30, 1, 7), (20, 10, 1, 2), (13, 30, 1, 3), (8, 8, 1, 1)]))


@recipe
def uneven_chunks_of_one_tile():
    return Recipe(synth.run([4, 4, 2], ny=16, nx=16, masks=True, tile=(8, 8, 1, 2)))


@recipe
def tile_depth_does_not_divide_the_chunks():
    return Recipe(synth.run([5, 3, 4], ny=9, nx=7, masks=True, tile=(4, 4, 1, 2)))


@recipe
def deep_tiles_and_one_channel_parts():
    return Recipe(synth.run([6, 1, 1, 4], nstokes=2, ny=10, nx=12, masks=True,
                            tile=[(5, 5, 2, 6), (12, 10, 1, 1), (5, 5, 2, 1), (5, 5, 2, 3)]))


@recipe
def byte_orders_differ():
    return Recipe(synth.run([2, 3, 2], ny=6, nx=8, masks=True, big_endian=[False, True, False]))


@recipe
def first_part_is_big_endian():
    return Recipe(synth.run([2, 3, 2], ny=6, nx=8, masks=True, big_endian=[True, False, True]))


@recipe
def all_parts_are_big_endian():
    return Recipe(synth.run([2, 3], ny=6, nx=8, masks=True, big_endian=True))


@recipe
def big_endian_complex_among_little():
    return Recipe(synth.run([2, 2], ny=5, nx=4, dtype="c8", big_endian=[False, True]))


@recipe
def mask_planes_are_not_whole_bytes():
    return Recipe(synth.run([2, 3, 1, 5], ny=3, nx=5, masks=True))


@recipe
def mask_planes_are_not_whole_bytes_one_channel_parts():
    return Recipe(synth.run([1] * 9, ny=3, nx=5, masks=True))


@recipe
def mask_tiles_are_not_whole_bytes():
    return Recipe(synth.run([3, 2, 4], nstokes=2, ny=7, nx=5, masks=True,
                            tile=[(3, 3, 1, 2), (3, 3, 1, 1), (5, 7, 2, 3)]))


@recipe
def a_part_without_a_mask_between_parts_with_one():
    parts = synth.run([2, 2, 2], ny=3, nx=5, masks=True)
    parts[1].mask = None
    return Recipe(parts)


@recipe
def first_part_without_a_mask():
    parts = synth.run([1, 2, 1], ny=4, nx=6, masks=True)
    parts[0].mask = None
    return Recipe(parts)


@recipe
def masks_of_other_names():
    return Recipe(synth.run([1, 2, 1], ny=4, nx=6, masks=True, mask_name=["mask7", "good", "mask0"]))


@recipe
def mask_all_good():
    parts = synth.run([1, 1], ny=4, nx=6)
    parts[1].mask = np.zeros(parts[1].pixels.shape, bool)
    return Recipe(parts)


@recipe
def nan_and_infinite_pixels():
    parts = synth.run([2, 2], ny=4, nx=4)
    parts[0].pixels[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    parts[1].pixels[1, 0, 2] = -0.0
    return Recipe(parts)


@recipe
def single_part():
    # casacore has no concatenation of one: the part's own header is the answer
    return Recipe(synth.run([3], masks=True, beam=(3.0, 2.0, 10.0)), concat=False,
                  header={"unit": "Jy/beam", "object": "field", "beams": [[[[3.0, "arcsec"], [2.0, "arcsec"], [10.0, "deg"]]]] * 3})


@recipe
def double_pixels():
    return Recipe(synth.run([2, 1, 2], dtype="f8", masks=True))


@recipe
def complex_pixels():
    return Recipe(synth.run([2, 1, 2], dtype="c8", masks=True))


@recipe
def double_complex_pixels():
    return Recipe(synth.run([2, 1, 2], dtype="c16", masks=True))


@recipe
def keywords_absent_in_the_first_part():
    # No units keyword is no unit; casacore's concatenation takes the first image's, whatever the others have.
    return Recipe(synth.run([1, 1], without=[("units", "miscinfo", "imageinfo"), ()]), concat=False,
                  header={"unit": "", "beams": None}, warnings=[[synth.name(1), "Jy/beam"]])


@recipe
def keywords_absent_everywhere():
    return Recipe(synth.run([1, 1, 1], without=("units", "miscinfo", "imageinfo")), concat=False,
                  header={"unit": "", "beams": None, "miscinfo": {}})


# ---- frequencies ----

@recipe
def axis_in_ghz():
    return Recipe(synth.run([2, 3, 1], axis_unit="GHz"))


@recipe
def falling_frequencies():
    return Recipe(synth.run([2, 3, 1], width=-1e6))


def _gap(**fields):
    parts = synth.run([2, 3, 2], **fields)
    for part in parts[1:]:
        part.frequency += 7.5 * part.width
    parts[2].frequency += 0.5 * parts[2].width
    return parts


@recipe
def gap_in_frequency():
    return Recipe(_gap(), concat=False)


@recipe
def gap_in_frequency_on_a_falling_axis():
    return Recipe(_gap(width=-1e6), concat=False)


@recipe
def gap_in_frequency_on_an_axis_in_ghz():
    # casacore takes the values in GHz for Hz here; the frequencies are the parts' own all the same
    return Recipe(_gap(axis_unit="GHz"), concat=False)


@recipe
def gap_between_one_channel_parts():
    parts = synth.run([1] * 5)
    parts[3].frequency += 1e6
    parts[4].frequency += 1e6
    return Recipe(parts, concat=False)


@recipe
def widths_rounded_to_ten_decimals_in_ghz():
    # what a pipeline leaves that passes start and width on as decimals of GHz: 30517.578125 Hz becomes 30517.6 Hz
    true = 30517.578125
    parts = synth.run([1] * 200, ny=2, nx=3, start=1.4e9, width=true)
    for part in parts:
        part.width = round(true / 1e9, 10) * 1e9
    return Recipe(parts, concat=False, frequencies=[1.4e9 + i * true for i in range(200)], tolerance=0.01,
                  header={"spectral_axis": "linear"})


@recipe
def rounded_widths_whose_errors_add_up():
    # 0.02% an increment: harmless from part to part, 4% of a channel at the end of 200
    true = 30000.0
    parts = synth.run([1] * 200, ny=2, nx=3, start=1.4e9, width=true)
    for part in parts:
        part.width = true * 1.0002
    return Recipe(parts, concat=False, frequencies=[1.4e9 + i * true for i in range(200)], tolerance=0.01,
                  header={"spectral_axis": "linear", "increment": true})


@recipe
def irregular_frequencies():
    # no linear axis comes within 1% of a channel of all of these
    parts = synth.run([1] * 20, ny=2, nx=3)
    for i, part in enumerate(parts):
        part.frequency += 3e4 * (i % 3)
    return Recipe(parts, concat=False, header={"spectral_axis": "tabular"})


@recipe
def frequencies_out_of_order():
    parts = synth.run([1, 1, 1])
    parts[1].frequency, parts[2].frequency = parts[2].frequency, parts[1].frequency
    return Recipe(parts, error=["--reorder"])


@recipe
def the_same_frequencies_twice():
    parts = synth.run([2, 2])
    parts[1].frequency = parts[0].frequency
    return Recipe(parts, error=["--reorder"])


# ---- headers that differ: casacore's relaxed rules, each difference a warning with the part and both values ----

def _differs(field, values, texts, **more):
    return Recipe(synth.run([1, 1, 1], **{field: values}), warnings=[[synth.name(1)] + texts], **more)


@recipe
def brightness_units_differ():
    return _differs("unit", ["Jy/beam", "K", "Jy/beam"], ["Jy/beam", "K"])


@recipe
def objects_differ():
    return _differs("object", ["M31", "M33", "M31"], ["M31", "M33"])


@recipe
def telescopes_differ():
    return _differs("telescope", ["VLA", "ALMA", "VLA"], ["VLA", "ALMA"])


@recipe
def observers_differ():
    return _differs("observer", ["Reber", "Jansky", "Reber"], ["Reber", "Jansky"])


@recipe
def frames_differ():
    return _differs("frame", ["LSRK", "TOPO", "LSRK"], ["LSRK", "TOPO"])


@recipe
def shown_frames_differ():
    """casacore takes what is shown in one frame for frequencies of the other."""
    return _differs("shown_frame", ["LSRK", "BARY", "LSRK"], ["conversion frame", "BARY", "LSRK"], concat_keys=HEADER[:-1])


@recipe
def rest_frequencies_differ():
    return _differs("rest_frequency", [1.42e9, 1.6e9, 1.42e9], ["rest"])


@recipe
def units_differ():
    """casacore takes GHz for Hz."""
    return _differs("axis_unit", ["Hz", "GHz", "Hz"], ["spectral unit", "GHz"], concat_keys=HEADER[:-1])


@recipe
def projections_differ():
    return _differs("projection", ["SIN", "TAN", "SIN"], ["SIN", "TAN"])


@recipe
def cells_differ():
    return _differs("cell", [1e-5, 2e-5, 1e-5], ["increment"])


@recipe
def stokes_differ():
    return _differs("stokes", [("I",), ("Q",), ("I",)], ["Stokes"])


# ---- beams and miscinfo ----

@recipe
def the_same_beam_everywhere():
    return Recipe(synth.run([2, 1, 2], beam=(3.0, 2.0, 10.0)))


@recipe
def a_beam_in_each_part():
    return Recipe(synth.run([2, 1, 2], beam=[(3.0, 2.0, 10.0), (3.1, 2.1, 11.0), (3.2, 2.2, 12.0)]))


@recipe
def a_beam_for_each_plane_of_several_stokes():
    def planes(nchan, first):
        return [[(first + c + 0.1 * s, 2.0, 5.0 * s) for s in range(2)] for c in range(nchan)]
    return Recipe(synth.run([2, 1, 3], nstokes=2, beam=[planes(2, 10.0), planes(1, 20.0), planes(3, 30.0)]))


@recipe
def beams_in_some_parts_only():
    return Recipe(synth.run([1, 1, 1], beam=[(3.0, 2.0, 10.0), None, (3.0, 2.0, 10.0)]),
                  header={"beams": None}, warnings=[[synth.name(1), "beam"]])


@recipe
def miscinfo_with_the_same_keys():
    return Recipe(synth.run([1, 1, 1], miscinfo=[{"a": 1, "s": "x", "f": 1.5}, {"a": 2, "a_1": 3}, {"a": 4, "t": True}]),
                  concat_keys=("unit", "image_type", "object", "beams", "coordinates"), header={"miscinfo": CASA_MISCINFO})


# By CASA's rule: the first free suffix.
CASA_MISCINFO = {"a": 1, "s": "x", "f": 1.5, "a_1": 2, "a_1_1": 3, "a_2": 4, "t": True}
