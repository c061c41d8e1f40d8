"""Every real family, materialized, is the image that CASA makes of it, as two independent readers see it."""

import os

import pytest

import checks
import families
import judge
import programs
import tiles

PIXEL_BYTES = {"float": 4, "double": 8, "complex": 8, "dcomplex": 16}


def make(one, directory, *options):
    """Materialize a family into `directory`; returns the outputs by extension."""
    out = os.path.join(str(directory), "out")
    done = programs.materialize(*options, "-o", out, os.path.join(one.source, "cube"))
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(directory)) == sorted("out" + e for e in one.extensions)
    return {e: out + e for e in one.extensions}


@pytest.fixture(scope="module", params=list(families.FAMILIES))
def made(request, family, tmp_path_factory):
    """A family materialized with --tiling casa and with --tiling keep."""
    one = family(request.param)
    one.before = families.manifest(one.source)
    one.outputs = {t: make(one, tmp_path_factory.mktemp(t), "--tiling", t) for t in ("casa", "keep")}
    one.said = {t: judge.describe(list(o.values())) for t, o in one.outputs.items()}
    return one


@pytest.mark.parametrize("tiling", ["casa", "keep"])
def test_each_image_is_casas_read_by_casacore(made, casa, tiling):
    expected = families.expected(made.name)
    for ext, path in made.outputs[tiling].items():
        checks.is_casas(made.name, ext, made.said[tiling][path], casa(made.name, ext), expected[ext])


@pytest.mark.parametrize("tiling", ["casa", "keep"])
def test_each_image_is_casas_read_by_casa_formats_io(made, casa, tiling):
    said = judge.describe_cfio(list(made.outputs[tiling].values()))
    for ext, path in made.outputs[tiling].items():
        checks.is_casas_cfio(made.name, said[path], casa(made.name, ext, cfio=True))


def test_tiling_casa_gives_casas_own_pixel_file(made, casa, family):
    for ext, path in made.outputs["casa"].items():
        reference, got = casa(made.name, ext), made.said["casa"][path]
        assert got["tile_shape"] == reference["tile_shape"]
        compare_pixel_files(path, family(made.name).reference(ext), reference)
        compare_mask_files(path, family(made.name).reference(ext), got, reference)


def compare_pixel_files(path, reference_path, reference):
    shape, tile = reference["shape"], reference["tile_shape"]
    mine, theirs = (programs.whole(p + "/table.f0_TSM0") for p in (path, reference_path))
    assert tiles.first_difference(mine, theirs, shape, tile, PIXEL_BYTES[reference["pixel_type"]]) is None
    if tiles.divides(shape, tile):
        assert mine == theirs


def compare_mask_files(path, reference_path, got, reference):
    """CASA drops a mask that is all good, we keep it."""
    assert bool(got["image_masks"]) >= bool(reference["image_masks"])
    if reference["image_masks"]:
        assert got["image_masks"] == ["mask0"] and got["default_mask"] == "mask0"
        assert got["mask_tile_shape"] == got["tile_shape"] == reference["mask_tile_shape"]
        mine, theirs = (programs.whole(p + "/mask0/table.f0_TSM0") for p in (path, reference_path))
        assert tiles.first_difference(mine, theirs, reference["shape"], reference["mask_tile_shape"], 0) is None


@pytest.mark.fuse
def test_the_view_is_what_tiling_keep_writes_in_every_file(made, mount):
    with mount(made.source) as mnt:
        for ext, path in made.outputs["keep"].items():
            view, image = programs.tree(mnt.view("cube" + ext)), programs.tree(path)
            assert sorted(view) == sorted(image)
            different = [name for name in view if view[name] != image[name]]
            assert not different, (ext, different)


def test_the_source_is_as_it_was(made):
    assert families.manifest(made.source) == made.before


def test_an_image_is_an_ordinary_directory(made):
    for path in made.outputs["keep"].values():
        for base, dirs, files in os.walk(path):
            for entry in dirs + files:
                name = os.path.join(base, entry)
                assert not os.path.islink(name)
                assert os.access(name, os.R_OK | os.W_OK)
