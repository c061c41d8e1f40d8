"""How parts are named, mounted: CASA's parallel tclean, patterns, and two namings at once."""

import errno
import os

import pytest

from naming import casas, is_whole, place
import programs
import synth


def test_casas_names(tmp_path, mount):
    source, parts = str(tmp_path / "source"), synth.run([1] * 11, masks=True)
    place(source, [casas(n) for n in range(1, 12)], parts)
    done = programs.materialize("--tiling=keep", "-o", tmp_path / "made", source + "/cube")
    assert done.returncode == 0, done.stderr
    with mount(source) as mnt:
        assert os.listdir(mnt.path) == ["cube.image"]
        is_whole(mnt.view("cube.image"), parts)
        assert programs.tree(mnt.view("cube.image")) == programs.tree(str(tmp_path / "made.image"))
        assert "missing" not in mnt.log()


def test_one_family_of_several(tmp_path, mount):
    source, parts = str(tmp_path / "source"), synth.run([1, 1])
    place(source, [casas(1), casas(2)], parts)
    synth.build(source, parts, base="other")
    with mount(source) as mnt:
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "other.image"]
    with mount(source + "/cube") as mnt:
        assert os.listdir(mnt.path) == ["cube.image"]


def test_a_part_of_casas_that_goes_while_mounted_is_an_error(tmp_path, mount):
    source, parts = str(tmp_path / "source"), synth.run([1, 1])
    place(source, [casas(1), casas(2)], parts)
    with mount(source) as mnt:
        os.listdir(mnt.view("cube.image"))
        os.rename(os.path.join(source, casas(2)), source + "/elsewhere")
        with pytest.raises(OSError):
            programs.whole(mnt.view("cube.image", "table.f0_TSM0"))
        programs.assert_message(mnt.log(), [casas(2)])


@pytest.mark.parametrize("pattern, names", [
    ("{base}.chunk{n}{ext}", ["cube.chunk1.image", "cube.chunk2.image"]),
    ("spw{n}/{base}{ext}", ["spw0/cube.image", "spw1/cube.image"]),
])
def test_a_pattern_of_ones_own(pattern, names, tmp_path, mount):
    source, parts = str(tmp_path / "source"), synth.run([2, 1], masks=True)
    place(source, names, parts)
    synth.build(source, parts, base="other")
    with mount(source, "--pattern", pattern) as mnt:
        assert os.listdir(mnt.path) == ["cube.image"]
        is_whole(mnt.view("cube.image"), parts)


def test_a_pattern_that_cannot_be_is_wrong_usage(tmp_path):
    done = programs.run([programs.SUBCUBEFS, "--pattern={base}{n}", tmp_path, tmp_path])
    assert done.returncode == 2
    programs.assert_message(done.stderr, ["--pattern", "{ext}"])


@pytest.mark.parametrize("options", [[], ["--list"]])
def test_a_pattern_that_nothing_follows_is_told_as_names(tmp_path, options):
    source, mountpoint = tmp_path / "source", [tmp_path / "mnt"] * (not options)
    synth.build(str(source), synth.run([1, 1]))
    (tmp_path / "mnt").mkdir()
    for place, wanted in ((source, "BASE-N-part.EXT"), (source / "cube", "cube-N-part.EXT")):
        done = programs.run([programs.SUBCUBEFS, *options, "--pattern={base}-{n}-part{ext}", place, *mountpoint])
        assert done.returncode == 1
        programs.assert_message(done.stderr, ["No subcube files found in", wanted])


def test_two_namings_of_one_image(tmp_path, mount):
    source, old, new = str(tmp_path / "source"), synth.run([1, 1]), synth.run([2, 2], start=2e9)
    place(source, [casas(1), casas(2)], new)
    synth.build(source, old)
    synth.build(source, old, ext=".psf")
    with mount(source) as mnt:
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]
        with pytest.raises(OSError) as caught:
            programs.whole(mnt.view("cube.image", "table.dat"))
        assert caught.value.errno == errno.EIO
        programs.assert_message(mnt.log(), [synth.name(0), casas(1), "--pattern"])
        is_whole(mnt.view("cube.psf"), old)
    with mount(source, "--pattern={base}.workdirectory/{base}.n{n}{ext}") as mnt:
        is_whole(mnt.view("cube.image"), new)
