"""subcube-materialize --images: a list of images, taken as it is."""

import os
import shutil

import pytest

import families
import judge
import programs
import synth
import virtual


@pytest.fixture
def scattered(tmp_path):
    """Three parts in three directories with names of their own: paths in order of frequency, parts."""
    parts = synth.run([2, 1, 3], masks=True)
    made = synth.build(str(tmp_path / "made"), parts)
    paths = [tmp_path / "a" / "first [1] *.im", tmp_path / "b" / "cube.subcube.9.image", tmp_path / "last"]
    for source, path in zip(made, paths):
        path.parent.mkdir(exist_ok=True)
        os.rename(source, path)
    os.rmdir(tmp_path / "made")
    return [str(p) for p in paths], parts


def is_the_cube(path, parts):
    judge.assert_same(virtual.one(str(path)), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])


@pytest.mark.parametrize("mode", ["p", "n", "c", "m"])
def test_images_anywhere_in_every_mode(scattered, tmp_path, mode):
    paths, parts = scattered
    before = {p: programs.tree(p) for p in paths}
    out = tmp_path / "out.name"
    done = programs.materialize("--images", "-m", mode, "-o", out, *paths)
    assert done.returncode == 0, done.stderr
    is_the_cube(out, parts)
    if mode != "m":
        assert {p: programs.tree(p) for p in paths} == before
    else:
        assert not any(os.path.exists(p) for p in paths)
        assert programs.materialize("--undo", out).returncode == 0
        assert {p: programs.tree(p) for p in paths} == before and not out.exists()


def test_relative_names_are_from_the_working_directory(scattered, tmp_path):
    paths, parts = scattered
    names = ["../" + os.path.relpath(paths[0], tmp_path), "./cube.subcube.9.image/", paths[2]]
    for mode in ("p", "n"):
        done = programs.materialize("-m", mode, "--images", "-o", "out" + mode, *names, cwd=tmp_path / "b")
        assert done.returncode == 0, done.stderr
        is_the_cube(tmp_path / "b" / ("out" + mode), parts)


def test_names_are_never_expanded(tmp_path):
    """A pattern that would match is a name that is not there."""
    synth.build(str(tmp_path), synth.run([1, 1]))
    done = programs.materialize("--images", "-o", tmp_path / "out", str(tmp_path / "cube.subcube.*.image"))
    assert done.returncode == 1
    assert "cube.subcube.*.image" in done.stderr
    assert not (tmp_path / "out").exists()


def test_any_numbers_in_names_are_no_family(tmp_path):
    """No gap is seen between parts that were chosen."""
    parts = synth.run([1, 1, 1])
    paths = synth.build(str(tmp_path), parts, numbers=[3, 7, 40])
    done = programs.materialize("--images", "-o", tmp_path / "out", *paths)
    assert done.returncode == 0 and "missing" not in done.stderr, done.stderr
    is_the_cube(tmp_path / "out", parts)


def test_order_is_the_users_unless_reordered(tmp_path):
    parts = synth.run([2, 2, 2])
    paths = synth.build(str(tmp_path), parts)
    mixed = [paths[1], paths[2], paths[0]]
    done = programs.materialize("--images", "-o", tmp_path / "out", *mixed)
    assert done.returncode == 1
    assert "reorder" in done.stderr
    for mode in ("p", "n", "m"):
        out = tmp_path / ("out" + mode)
        done = programs.materialize("--images", "-m", mode, "--reorder", "-o", out, *mixed)
        assert done.returncode == 0, done.stderr
        is_the_cube(out, parts)
    assert virtual.catalog(tmp_path / "outm")["Images"] == ["././" + os.path.basename(p) for p in paths]


def test_along_another_axis(tmp_path):
    parts = [synth.Part(synth.pixels(2, 1, 6, 8, seed=s), 1.4e9) for s in (1, 2)]
    paths = synth.build(str(tmp_path), parts)
    for mode in ("p", "n"):
        done = programs.materialize("--images", "-m", mode, "--axis", "1", "-o", tmp_path / ("out" + mode), *paths)
        assert done.returncode == 0, done.stderr
        assert virtual.one(tmp_path / ("out" + mode))["shape"] == [8, 12, 1, 2]


@pytest.mark.parametrize("options", [["-e", ".image", "-o", "out"], ["--pattern", "{base}.{n}{ext}", "-o", "out"], []])
def test_wrong_usage_is_status_2(tmp_path, options):
    paths = synth.build(str(tmp_path / "s"), synth.run([1, 1]))
    done = programs.materialize("--images", *options, *paths, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr
    assert os.listdir(tmp_path) == ["s"]


def test_no_image_is_status_2(tmp_path):
    assert programs.materialize("--images", "-o", tmp_path / "out").returncode == 2


@pytest.mark.parametrize("mode", ["c", "m"])
def test_images_of_one_name_cannot_both_be_inside(tmp_path, mode):
    parts = synth.run([1, 1])
    paths = []
    for i, part in enumerate(parts):
        made = synth.build(str(tmp_path / str(i)), [part])
        paths += made
    before = families.manifest(tmp_path)
    done = programs.materialize("--images", "-m", mode, "-o", tmp_path / "out", *paths)
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["cube.subcube.0.image"])
    assert families.manifest(tmp_path) == before
    assert programs.materialize("--images", "-m", "n", "-o", tmp_path / "out", *paths).returncode == 0
    is_the_cube(tmp_path / "out", parts)


def test_an_input_is_never_the_output(tmp_path):
    paths = synth.build(str(tmp_path), synth.run([1, 1]))
    before = families.manifest(tmp_path)
    os.symlink(tmp_path, tmp_path / "link")
    for out in (paths[1], tmp_path / "link" / "cube.subcube.1.image"):
        done = programs.materialize("--images", "--overwrite", "-o", out, *paths)
        assert done.returncode == 2
        programs.assert_message(done.stderr, ["cube.subcube.1.image"])
    os.unlink(tmp_path / "link")
    assert families.manifest(tmp_path) == before


def test_an_image_that_is_not_there_is_named(tmp_path):
    paths = synth.build(str(tmp_path), synth.run([1, 1]))
    shutil.rmtree(paths[1])
    done = programs.materialize("--images", "-o", tmp_path / "out", *paths)
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["cube.subcube.1.image"])


def test_a_link_is_not_moved(scattered, tmp_path):
    paths, _ = scattered
    os.symlink(paths[0], tmp_path / "link")
    done = programs.materialize("--images", "-m", "m", "-o", tmp_path / "out", tmp_path / "link", *paths[1:])
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["link", "symbolic"])
    assert all(os.path.isdir(p) for p in paths) and not (tmp_path / "out").exists()


def test_a_virtual_image_in_the_list_is_told_for_what_it_is(tmp_path):
    synth.build(str(tmp_path), synth.run([2, 2]))
    names = [str(tmp_path / synth.name(i)) for i in (0, 1)]
    assert programs.materialize("--images", "-m", "n", "-o", tmp_path / "virtual", names[0]).returncode == 0
    done = programs.materialize("--images", "-o", tmp_path / "out", tmp_path / "virtual", names[1])
    assert done.returncode == 1
    assert "virtual: a virtual image, without pixels of its own; name its parts instead" in done.stderr
    assert not (tmp_path / "out").exists()
