"""What else casacore opens as an image, and a moved family as an input."""

import json
import os

import pytest

import families
import judge
import programs
import synth
import virtual


def _directory(path, **files):
    os.mkdir(path)
    for name, text in files.items():
        with open(os.path.join(path, name), "w") as stream:
            stream.write(text)


def _virtual(path, part):
    done = programs.materialize("--images", "-m", "n", "-o", path, part)
    assert done.returncode == 0, done.stderr


def _expression(path, part):
    _directory(path)
    with open(path + "/imageexpr.json", "w") as stream:
        json.dump({"Version": 1, "DataType": "float", "ImageExpr": "'%s'" % part, "MiscInfo": {}}, stream)


def _hdf5(path, part):
    with open(path, "wb") as stream:
        stream.write(b"\x89HDF\r\n\x1a\n" + bytes(4096))


def _miriad(path, part):
    _directory(path, image="", header="", history="")


OTHER_KINDS = {"a virtual image": _virtual, "an expression": _expression, "HDF5": _hdf5, "Miriad": _miriad}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_an_image_of_another_kind_is_an_error_that_names_it(kind, tmp_path):
    paths = synth.build(str(tmp_path), synth.run([1, 1]))
    OTHER_KINDS[kind](str(tmp_path / "odd"), paths[1])
    before = families.manifest(tmp_path)
    for mode in ("p", "n", "c", "m"):
        done = programs.materialize("--images", "-m", mode, "-o", tmp_path / "out", paths[0], tmp_path / "odd")
        assert done.returncode == 1
        programs.assert_message(done.stderr, ["odd"])
    assert families.manifest(tmp_path) == before


@pytest.mark.parametrize("mode", ["n", "m"])
def test_a_family_that_a_virtual_image_holds_is_an_input_by_its_base(mode, small, tmp_path):
    source, parts = small
    os.mkdir(tmp_path / "held")
    made = programs.materialize("-m", mode, "-o", tmp_path / "held" / "cube", source + "/cube")
    assert made.returncode == 0, made.stderr
    command = ["-o", tmp_path / "paged", tmp_path / "held" / "cube"]
    done = programs.materialize(*command)
    if mode == "n":     # its parts are elsewhere, as whoever wrote it liked
        assert done.returncode == 1 and done.stderr.count("--follow-links allows that") == 2, done.stderr
        done = programs.materialize("--follow-links", *command)
    assert done.returncode == 0, done.stderr
    for ext in (".image", ".psf"):
        got = virtual.one(tmp_path / ("paged" + ext))
        assert got["kind"] == "PagedImage"
        judge.assert_same(got, synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])


@pytest.mark.parametrize("axis", ["-1", "-3", "x", ""])
def test_an_axis_is_a_number_from_0_or_the_word(axis, small, tmp_path):
    done = programs.materialize("--axis=" + axis, "-o", tmp_path / "out", small[0] + "/cube")
    assert done.returncode == 2
    programs.assert_message(done.stderr, ["axis", "spectral"])
    assert not [n for n in os.listdir(tmp_path) if n.startswith("out")]
