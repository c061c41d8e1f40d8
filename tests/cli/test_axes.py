"""Concatenation along any axis, of a list of images; judged by casacore's own ImageConcat, pixels by numpy."""

import dataclasses
import os

import pytest

import cubes
import judge
import programs
import synth
from cubes import cube

D, I, GHZ = ("direction", 2, 1), ("stokes", "I"), 1e9
HEADER = ("unit", "image_type", "object", "miscinfo", "coordinates")


def spectral(start, width=1e6):
    return ("spectral", GHZ + start * width, width)


@dataclasses.dataclass
class Case:
    cubes: list
    axis: int                       # of the image, from 0
    options: tuple = None           # None: --axis with that number
    keys: tuple = HEADER            # what casacore judges
    coordinates: dict = dataclasses.field(default_factory=dict)     # of a coordinate's record: what must be there
    warning: tuple = ()


def planes(count, where, axes, shapes=(4, 3), length=1, **fields):
    """`count` images of `length` pixels on axis `where`, whose coordinate axes(i) gives."""
    found = []
    for i in range(count):
        shape = list(shapes)
        shape.insert(where, length)
        found.append(cube(shape, axes(i), seed=i, **fields))
    return found


CASES = {
    "spectral, last of four": Case(planes(3, 3, lambda i: [D, I, spectral(2 * i)], (4, 3, 1), 2, masked=True), 3, ()),
    "spectral, first of three": Case(planes(3, 0, lambda i: [spectral(2 * i), D], length=2, masked=True), 0, ()),
    "spectral, before Stokes": Case(planes(2, 2, lambda i: [D, spectral(3 * i), ("stokes", "I", "V")], (4, 3, 2), 3), 2, ()),
    "spectral, between linear axes": Case(
        planes(3, 1, lambda i: [("linear", 1, 2), spectral(i), ("linear", 5, 1)], (4, 3)), 1, ()),
    "spectral, in five axes": Case(
        planes(2, 3, lambda i: [D, I, spectral(2 * i), ("linear", 0, 1)], (4, 3, 1, 2), 2, masked=True), 3, ()),
    "spectral, by its number": Case(planes(2, 3, lambda i: [D, I, spectral(i)], (4, 3, 1)), 3),
    "spectral, falling": Case(planes(3, 3, lambda i: [D, I, spectral(2 * i, -1e6)], (4, 3, 1), 2), 3, ()),
    "spectral, with a gap": Case(planes(3, 3, lambda i: [D, I, spectral(2 * i + (i > 1))], (4, 3, 1), 2), 3, (),
                                 warning=("tabulated",)),
    "spectral, 1 x 1 planes": Case(planes(5, 3, lambda i: [D, I, spectral(i)], (1, 1, 1)), 3, ()),
    "Stokes": Case(planes(2, 2, lambda i: [D, ("stokes", "IQ"[i]), spectral(0)], (4, 3, 2), masked=True), 2),
    "Stokes, four of two images": Case(
        planes(2, 2, lambda i: [D, ("stokes", *("IQ", "UV")[i]), spectral(0)], (4, 3, 2), 2), 2),
    "Stokes, first axis": Case(planes(3, 0, lambda i: [("stokes", ("XX", "YX", "YY")[i]), D, spectral(0)], (4, 3, 2)), 0),
    "direction, side by side in x": Case(planes(2, 0, lambda i: [("direction", 2 - 4 * i, 1), I, spectral(0)], (3, 1, 2), 4), 0),
    "direction, side by side in y": Case(planes(2, 1, lambda i: [("direction", 2, 1 - 3 * i), I, spectral(0)], (4, 1, 2), 3,
                                                masked=True), 1),
    "linear": Case(planes(3, 2, lambda i: [D, ("linear", 10 + 4 * i, 2), spectral(0)], (4, 3, 2), 2), 2),
    "linear, falling": Case(planes(3, 0, lambda i: [("linear", 10 - 4 * i, -2), D], (4, 3), 2), 0),
    "linear, with a gap": Case(planes(3, 2, lambda i: [D, ("linear", 10 + 5 * i, 2), spectral(0)], (4, 3, 2), 2), 2,
                               warning=("tabulated",)),
    "linear, one pixel each": Case(planes(4, 2, lambda i: [D, ("linear", i * i, 1)], (4, 3)), 2, warning=("tabulated",)),
}
for dtype in ("f8", "c8", "c16"):
    CASES["spectral, " + dtype] = Case(planes(2, 2, lambda i: [D, spectral(2 * i)], (4, 3), 2, dtype=dtype), 2, ())
    CASES["Stokes, " + dtype] = Case(planes(2, 2, lambda i: [D, ("stokes", "IQ"[i])], (4, 3), dtype=dtype), 2)


def ids(names):
    return [n.replace(" ", "-").replace(",", "") for n in names]


def materialize(paths, out, *options, status=0):
    done = programs.materialize("--images", *options, "-o", out, *paths)
    assert done.returncode == status, done.stderr
    return done


@pytest.mark.parametrize("name", CASES, ids=ids(CASES))
def test_concatenation_along(name, tmp_path):
    case, out = CASES[name], str(tmp_path / "out.image")
    paths = cubes.build(str(tmp_path / "in"), case.cubes)
    options = case.options if case.options is not None else ("--axis=%d" % case.axis,)
    done = materialize(paths, out, *options)
    got, wanted = judge.one(out), judge.concat(paths, case.axis)
    truth = cubes.truth(case.cubes, case.axis)
    judge.assert_same(got, truth, keys=sorted(truth))
    judge.assert_same(got, wanted, keys=list(case.keys))
    if case.warning:
        programs.assert_message(done.stderr, case.warning)
    else:
        assert "warning" not in done.stderr


@pytest.mark.fuse
@pytest.mark.parametrize("name", ["spectral, first of three", "Stokes", "linear, with a gap", "spectral, in five axes"],
                         ids=lambda n: n.replace(" ", "-").replace(",", ""))
def test_the_view_is_what_tiling_keep_writes(name, tmp_path, mount):
    case, source = CASES[name], str(tmp_path / "source")
    cubes.build(source, case.cubes, [synth.name(i) for i in range(len(case.cubes))])
    options = case.options if case.options is not None else ("--axis=%d" % case.axis,)
    done = programs.materialize("--tiling=keep", *options, "-o", tmp_path / "made", source + "/cube")
    assert done.returncode == 0, done.stderr
    with mount(source, *options) as mnt:
        assert programs.tree(mnt.view("cube.image")) == programs.tree(str(tmp_path / "made.image"))


# ---- what cannot be ----

IMPOSSIBLE = {
    "a Stokes twice": (planes(2, 2, lambda i: [D, I, spectral(0)], (4, 3, 2)), ("--axis=2",), ["Stokes I"]),
    "no spectral axis": (planes(2, 2, lambda i: [D, I], (4, 3)), (), ["0", "spectral"]),
    "no such axis": (planes(2, 3, lambda i: [D, I, spectral(i)], (4, 3, 1)), ("--axis=4",), ["0", "axis 4"]),
    "another shape": ([cube((4, 3, 1, 1), [D, I, spectral(0)]), cube((4, 2, 1, 1), [D, I, spectral(1)])], (),
                      ["1", "4 x 2 x 1 x 1", "4 x 3 x 1 x 1"]),
    "another number of axes": ([cube((4, 3, 1, 1), [D, I, spectral(0)]), cube((4, 3, 1), [D, spectral(1)])], (), ["1"]),
    "another type": ([cube((4, 3, 1), [D, spectral(0)]), cube((4, 3, 1), [D, spectral(1)], dtype="f8")], (),
                     ["1", "double", "float"]),
    "axes in another order": ([cube((4, 3, 1, 1), [D, I, spectral(0)]), cube((4, 3, 1, 1), [D, spectral(1), I])], (),
                              ["1", "spectral", "stokes"]),
    "frequencies out of order": (planes(3, 3, lambda i: [D, I, spectral((0, 2, 1)[i])], (4, 3, 1)), (), ["2", "--reorder"]),
    "frequencies that overlap": (planes(2, 3, lambda i: [D, I, spectral(i)], (4, 3, 1), 2), (), ["1", "1001000000 Hz"]),
    "lengths out of order": (planes(3, 2, lambda i: [D, ("linear", (0, 2, 1)[i], 1)], (4, 3)), ("--axis=2",),
                             ["2", "--reorder"]),
}


@pytest.mark.parametrize("name", IMPOSSIBLE, ids=ids(IMPOSSIBLE))
def test_what_cannot_be_concatenated(name, tmp_path):
    images, options, words = IMPOSSIBLE[name]
    paths = cubes.build(str(tmp_path / "in"), images)
    done = materialize(paths, tmp_path / "out.image", *options, status=1)
    programs.assert_message(done.stderr, words)
    assert not [n for n in os.listdir(tmp_path) if n.startswith("out")]


# ---- beams, by casacore's rules ----

def one(major):
    return (major, 2.0, 10.0)


BEAMS = {
    "the same, Stokes": (2, [one(3), one(3)]),
    "different, Stokes": (2, [one(3), one(4)]),
    "for each plane, Stokes": (2, [[[one(3)], [one(4)]], [[one(5)], [one(6)]]]),
    "some without, Stokes": (2, [one(3), None]),
    "the same, direction": (0, [one(3), one(3)]),
    "different, direction": (0, [one(3), one(4)]),
    "for each plane, direction": (0, [[[one(3)], [one(4)]], [[one(3)], [one(4)]]]),
    "for each plane and different, direction": (0, [[[one(3)], [one(4)]], [[one(3)], [one(5)]]]),
    "one and for each plane, direction": (0, [one(3), [[one(3)], [one(4)]]]),
    "one and others for each plane, direction": (0, [one(7), [[one(3)], [one(4)]]]),
    "for each plane and one, direction": (0, [[[one(3)], [one(4)]], one(7)]),
    "one and the same for each plane, direction": (0, [one(3), [[one(3)], [one(3)]]]),
    "some without, direction": (0, [None, one(3)]),
}


@pytest.mark.parametrize("name", BEAMS, ids=ids(BEAMS))
def test_beams_are_casacores(name, tmp_path):
    axis, beams = BEAMS[name]
    images = [cube((4, 3, 1, 2), [("direction", 2 - 4 * i if axis == 0 else 2, 1), ("stokes", "IQ"[i] if axis else "I"),
                                  spectral(0)], seed=i, beam=beam) for i, beam in enumerate(beams)]
    paths, out = cubes.build(str(tmp_path / "in"), images), str(tmp_path / "out.image")
    done = materialize(paths, out, "--axis=%d" % axis)
    judge.assert_same(judge.one(out), judge.concat(paths, axis), keys=["beams"])
    if "same" not in name and name not in ("different, Stokes", "for each plane, Stokes", "for each plane, direction"):
        assert "beam" in done.stderr


# ---- order ----

@pytest.mark.parametrize("width", [1e6, -1e6])
@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_reorder_goes_by_world_coordinate_as_the_first_part_does(order, width, tmp_path):
    images = planes(3, 3, lambda i: [D, I, spectral(2 * order[i], width)], (4, 3, 1), 2, masked=True)
    paths, out = cubes.build(str(tmp_path / "in"), images), str(tmp_path / "out.image")
    materialize(paths, out, "--reorder")
    by_place = sorted(range(3), key=lambda i: order[i])
    truth = cubes.truth([images[i] for i in by_place], 3)
    got = judge.one(out)
    judge.assert_same(got, truth, keys=sorted(truth))
    judge.assert_same(got, judge.concat([paths[i] for i in by_place]), keys=["frequencies", "coordinates"])


def test_reorder_along_a_linear_axis(tmp_path):
    images = planes(3, 2, lambda i: [D, ("linear", (20, 0, 10)[i], 5)], (4, 3), 2)
    paths, out = cubes.build(str(tmp_path / "in"), images), str(tmp_path / "out.image")
    materialize(paths, out, "--reorder", "--axis=2")
    truth = cubes.truth([images[i] for i in (1, 2, 0)], 2)
    judge.assert_same(judge.one(out), truth, keys=sorted(truth))


def test_reorder_does_not_help_where_frequencies_overlap(tmp_path):
    images = planes(3, 3, lambda i: [D, I, spectral((0, 0, 2)[i])], (4, 3, 1), 2)
    paths = cubes.build(str(tmp_path / "in"), images)
    done = materialize(paths, tmp_path / "out.image", "--reorder", status=1)
    programs.assert_message(done.stderr, ["in/1", "in/0"])


# ---- relax and strict ----

def differing(**second):
    fields = {"unit": "Jy/beam", "object": "field"}
    return [cube((4, 3, 1, 1), [D, I, spectral(0)], 0, **fields), cube((4, 3, 1, 1), [D, I, spectral(1)], 1, **{**fields, **second})]


DIFFERENCES = {
    "unit": (differing(unit="K"), ["1", "Jy/beam", "K"]),
    "object": (differing(object="M33"), ["1", "field", "M33"]),
    "image type": (differing(image_type="Beam"), ["1", "Intensity", "Beam"]),
    "axes of another width, off the axis": ([cube((4, 3, 1, 2), [D, ("stokes", s), spectral(0, 1e6 + 1e4 * i)], i)
                                             for i, s in enumerate("IQ")], ["1", "increment"], "--axis=2"),
    "beam in one": (differing(beam=one(3)), ["0", "beam"]),
    "Stokes": ([cube((4, 3, 1, 1), [D, ("stokes", s), spectral(i)], i) for i, s in enumerate("IQ")], ["1", "Stokes", "I", "Q"]),
    "direction": ([cube((4, 3, 1, 1), [("direction", 2, 1 + i), I, spectral(i)], i) for i in range(2)], ["1", "reference pixel"]),
    "not contiguous": ([cube((4, 3, 1, 1), [D, I, spectral(i)], i) for i in (0, 1, 3)], ["tabulated"]),
    "frequencies, off the axis": ([cube((4, 3, 1, 1), [D, ("stokes", s), spectral(i)], i) for i, s in enumerate("IQ")],
                                  ["1", "reference value", "1001000000"], "--axis=2"),
}


@pytest.mark.parametrize("name", DIFFERENCES, ids=ids(DIFFERENCES))
def test_a_difference_is_a_warning_and_with_strict_an_error(name, tmp_path):
    images, words, *options = DIFFERENCES[name]
    paths = cubes.build(str(tmp_path / "in"), images)
    done = materialize(paths, tmp_path / "strict.image", "--strict", *options, status=1)
    programs.assert_message(done.stderr, words)
    assert not os.path.exists(tmp_path / "strict.image")
    done = materialize(paths, tmp_path / "relaxed.image", "--strict", "--relax", *options)
    programs.assert_message(done.stderr, ["warning"] + words)
    assert os.path.exists(tmp_path / "relaxed.image")


def test_strict_finds_nothing_in_what_is_alike(tmp_path):
    paths = cubes.build(str(tmp_path / "in"), CASES["spectral, last of four"].cubes)
    done = materialize(paths, tmp_path / "out.image", "--strict")
    assert "warning" not in done.stderr


# ---- miscinfo and history ----

def telling(count):
    return planes(count, 3, lambda i: [D, I, spectral(i)], (4, 3, 1))


def test_miscinfo_of_the_first_part_only(tmp_path):
    images = telling(3)
    for i, image in enumerate(images):
        image.miscinfo = {"a": i, "only%d" % i: "x"}
    paths = cubes.build(str(tmp_path / "in"), images)
    materialize(paths, tmp_path / "first.image", "--miscinfo=first")
    materialize(paths, tmp_path / "merge.image", "--miscinfo=merge")
    assert judge.one(str(tmp_path / "first.image"))["miscinfo"] == {"a": 0, "only0": "x"}
    judge.assert_same(judge.one(str(tmp_path / "merge.image")), judge.concat(paths), keys=["miscinfo"])


@pytest.mark.parametrize("rows", [(1, 1, 1), (2, 0, 3), (0, 0, 1)])
def test_history_of_all_parts_in_order(rows, tmp_path):
    images = telling(3)
    for i, image in enumerate(images):
        image.history = tuple("part %d row %d" % (i, k) for k in range(rows[i]))
    paths = cubes.build(str(tmp_path / "in"), images)
    for which, count in (("all", 3), ("first", 1)):
        out = str(tmp_path / (which + ".image"))
        materialize(paths, out, "--history=" + which)
        history = [h for h in judge.one(out)["history"] if "row" in h]
        wanted = [m for image in images[:count] for m in image.history]
        assert len(history) == len(wanted)
        assert all(w in h for w, h in zip(wanted, history))
