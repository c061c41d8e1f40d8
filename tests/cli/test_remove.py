"""subcube-materialize --remove-subcubes: parts go when all images are made and compared, else none does."""

import os
import shutil

import pytest

import families
import judge
import programs
import synth
import virtual


@pytest.fixture
def source(small):
    """With what the imager leaves behind besides."""
    directory = small[0]
    for n in range(3):
        os.makedirs("%s/.cube.subcube.%d.tmpdir/deep" % (directory, n))
    return directory


def tmpdirs(source):
    return sorted(n for n in os.listdir(source) if n.endswith(".tmpdir"))


def everything_loose(source):
    return {k: v for k, v in families.manifest(source).items() if k.startswith(("cube.subcube", ".cube.subcube"))}


@pytest.mark.parametrize("options", [[], ["-m", "a"], ["-m", "p", "--tiling", "casa"], ["-m", "p", "--tiling", "keep"],
                                     ["-m", "p", "--tiling", "5,3,1,4"], ["-m", "c"]])
def test_all_go_when_all_is_made(source, small, options):
    done = programs.materialize("--remove-subcubes", *options, source + "/cube")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(source)) == ["cube.image", "cube.psf"]
    for ext in (".image", ".psf"):
        judge.assert_same(virtual.one(source + "/cube" + ext), synth.truth(small[1]),
                          keys=["pixels_sha256", "mask_sha256"])
    kind = "ImageConcat" if "c" in options else "PagedImage"
    assert virtual.one(source + "/cube.image")["kind"] == kind


@pytest.mark.parametrize("name", ["A1", "A2u", "B2", "B11"])
def test_real_families(family, casa, tmp_path, name):
    shutil.copytree(family(name).source, tmp_path / "own")
    done = programs.materialize("--remove-subcubes", "--tiling", "casa", tmp_path / "own" / "cube")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "own")) == sorted("cube" + e for e in families.FAMILIES[name])
    for ext in families.FAMILIES[name]:
        judge.assert_same(judge.one(str(tmp_path / "own" / ("cube" + ext))), casa(name, ext),
                          keys=["pixels_sha256", "mask_sha256", "shape"])


@pytest.mark.parametrize("mode", ["p", "c"])
def test_none_goes_when_one_extension_fails(source, mode):
    shutil.rmtree(source + "/cube.subcube.1.psf")
    before = everything_loose(source)
    done = programs.materialize("-m", mode, "--remove-subcubes", source + "/cube")
    assert done.returncode == 1
    assert "no subcubes are removed" in done.stderr
    assert everything_loose(source) == before
    assert virtual.one(source + "/cube.image")["shape"] == [12, 10, 1, 6]


@pytest.mark.parametrize("mode", ["n", "m", "v"])
def test_it_would_lose_what_a_virtual_image_names(source, mode):
    before = families.manifest(source)
    done = programs.materialize("-m", mode, "--remove-subcubes", source + "/cube")
    assert done.returncode == 2
    assert "--remove-subcubes" in done.stderr
    assert families.manifest(source) == before


def test_other_extensions_and_their_directories_stay(source):
    done = programs.materialize("--remove-subcubes", "-e", ".image", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert virtual.loose(source) == [] and len(virtual.loose(source, ".psf")) == 3
    assert len(tmpdirs(source)) == 3


def test_parts_that_are_left_out_stay(source):
    done = programs.materialize("--remove-subcubes", "--nparts", "2", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert virtual.loose(source) == ["cube.subcube.2.image"]
    assert tmpdirs(source) == [".cube.subcube.2.tmpdir"]


def test_parts_around_a_blank_go(source):
    for ext in (".image", ".psf"):
        shutil.rmtree(source + "/cube.subcube.1" + ext)
    done = programs.materialize("--remove-subcubes", "--missing", "blank", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert virtual.loose(source) == [] and virtual.loose(source, ".psf") == []
    assert virtual.one(source + "/cube.image")["shape"] == [12, 10, 1, 6]


def test_an_output_that_exists_keeps_everything(source):
    os.mkdir(source + "/cube.psf")
    before = families.manifest(source)
    assert programs.materialize("--remove-subcubes", source + "/cube").returncode == 2
    assert families.manifest(source) == before


def test_an_output_inside_of_a_part_is_refused(source, tmp_path):
    os.symlink(source + "/cube.subcube.1.image", tmp_path / "link")
    before = families.manifest(source)
    for out in (source + "/cube.subcube.1.image/out", tmp_path / "link" / "out"):
        done = programs.materialize("--remove-subcubes", "-o", out, source + "/cube")
        assert done.returncode == 2, done.stderr
        assert families.manifest(source) == before


def test_a_virtual_image_does_not_lose_its_parts(source, tmp_path):
    """Read from a catalog, the parts are not loose."""
    assert programs.materialize("-m", "m", source + "/cube").returncode == 0
    before = families.manifest(source)
    for options in (["--remove-subcubes"], ["-m", "m"]):
        done = programs.materialize(*options, "-o", tmp_path / "out", source + "/cube")
        assert done.returncode == 2, done.stderr
    assert families.manifest(source) == before
    assert [n for n in os.listdir(tmp_path) if n.startswith("out")] == []


def test_a_listed_image_goes_too(tmp_path):
    parts = synth.run([1, 1])
    paths = synth.build(str(tmp_path), parts)
    done = programs.materialize("--images", "--remove-subcubes", "-o", tmp_path / "out", *paths)
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path) == ["out"]
