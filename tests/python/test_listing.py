"""families(): the list that subcube-materialize gives, as Python's own objects."""

import os
import pathlib
import shutil

import pytest

import subcubefs
import synth


def test_families_of_a_directory(small):
    source, parts = small
    found = {f["name"]: f for f in subcubefs.families(source)}
    assert sorted(found) == ["cube.image", "cube.psf"]
    image = found["cube.image"]
    assert image["shape"] == [12, 10, 1, 6] and image["channels"] == 6 and image["mask"] is True
    assert (image["parts"], image["missing"], image["problem"]) == (3, 0, None)
    assert image["frequency_hz"] == pytest.approx([synth.frequencies(parts)[0], synth.frequencies(parts)[-1]])


def test_of_one_base_with_options(small):
    source, _ = small
    shutil.rmtree(source + "/cube.subcube.1.image")
    found = subcubefs.families(source + "/cube", options=["--nparts=4"])
    assert [(f["extension"], f["parts"], f["missing"]) for f in found] == [(".image", 2, 2), (".psf", 3, 1)]


def test_what_cannot_be_read_has_a_problem(small):
    source, _ = small
    os.unlink(source + "/cube.subcube.1.psf/table.f0")
    found = {f["name"]: f for f in subcubefs.families(source)}
    assert "cube.subcube.1.psf" in found["cube.psf"]["problem"]
    assert found["cube.image"]["problem"] is None


def test_none_are_none(tmp_path):
    assert subcubefs.families(str(tmp_path)) == []


def test_what_cannot_be_listed_says_why(tmp_path):
    with pytest.raises(subcubefs.SourceError, match="nonsense"):
        subcubefs.families(str(tmp_path), options=["--nonsense"])


@pytest.mark.parametrize("error, options", [
    (ValueError, ["--help"]), (ValueError, ["--version"]), (ValueError, ["-V"]), (ValueError, ["--dry-run"]), (ValueError, ["--images"]),
    (ValueError, ["--"]), (TypeError, "--nparts=4"), (TypeError, [4])])
def test_options_that_make_no_sense_are_refused(small, error, options):
    with pytest.raises(error):
        subcubefs.families(small[0], options=options)


@pytest.mark.parametrize("kind", [os.fsencode, pathlib.Path], ids=["bytes", "Path"])
def test_a_source_may_be_any_path(small, kind):
    assert subcubefs.families(kind(small[0])) == subcubefs.families(small[0])
