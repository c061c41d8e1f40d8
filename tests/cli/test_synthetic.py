"""What the real families do not show, materialized with each tiling."""

import math
import os
import types

import pytest

import checks
import judge
import programs
import recipes
import synth


GOOD = [name for name, make in recipes.RECIPES.items() if not make().error]
BAD = [name for name in recipes.RECIPES if name not in GOOD]
TILINGS = ("casa", "keep", "auto", "3,2,1,2")


@pytest.fixture(scope="module", params=GOOD)
def made(request, tmp_path_factory):
    """A recipe's family materialized with each tiling, with what casacore says of the images."""
    one = types.SimpleNamespace(recipe=recipes.RECIPES[request.param](), directory=tmp_path_factory.mktemp("recipe"), cfio=None)
    one.source = str(one.directory / "source")
    one.parts = synth.build(one.source, one.recipe.parts)
    one.outputs = {t: str(one.directory / (t + ".image")) for t in TILINGS}
    one.runs = {t: programs.materialize("--tiling", t, "-o", one.directory / t, one.source + "/cube") for t in TILINGS}
    one.said = dict(zip(TILINGS, judge.describe(list(one.outputs.values())).values()))
    return one


def test_status_is_0(made):
    for tiling, done in made.runs.items():
        assert done.returncode == 0, (tiling, done.stderr)


@pytest.mark.parametrize("tiling", TILINGS)
def test_image_has_the_pixels_masks_and_frequencies_put_in(made, tiling):
    checks.is_as_put_in(made.recipe, made.said[tiling])


def test_image_has_the_header_by_casacores_rules(made):
    for said in made.said.values():
        assert "error" not in said, said["error"]
        checks.has_the_header(made.recipe, said, made.parts)


def test_the_tile_is_the_one_asked_for(made):
    said = made.said["3,2,1,2"]
    assert said["tile_shape"] == [min(t, n) for t, n in zip((3, 2, 1, 2), said["shape"])]


def test_what_differs_is_a_warning_and_nothing_else_is(made):
    for done in made.runs.values():
        for words in made.recipe.warnings:
            programs.assert_message(done.stderr, words)
        if not made.recipe.warnings:
            assert synth.name(1) not in done.stderr


def test_a_rest_frequency_in_another_unit_is_the_same(tmp_path):
    source = str(tmp_path / "source")
    synth.build(source, recipes.units_differ().parts)
    done = programs.materialize("-o", tmp_path / "made", source + "/cube")
    assert done.returncode == 0 and "rest frequenc" not in done.stderr, done.stderr


@pytest.mark.parametrize("tiling", TILINGS)
def test_casa_formats_io_sees_the_same(made, tiling):
    assert "error" not in made.said[tiling], made.said[tiling]["error"]
    made.cfio = made.cfio or judge.describe_cfio(list(made.outputs.values()))
    checks.is_the_same_cfio(made.cfio[made.outputs[tiling]], made.said[tiling])


@pytest.mark.fuse
def test_the_view_is_what_tiling_keep_writes_in_every_file(made, mount):
    with mount(made.source) as mnt:
        assert programs.tree(mnt.view("cube.image")) == programs.tree(made.outputs["keep"])


@pytest.mark.parametrize("name", BAD)
def test_an_image_that_cannot_be_made(name, tmp_path):
    recipe = recipes.RECIPES[name]()
    source = str(tmp_path / "source")
    synth.build(source, recipe.parts)
    done = programs.materialize(source + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, recipe.error)
    assert "cube.image" not in os.listdir(source)


@pytest.mark.parametrize("name", ["uneven_chunks_and_tiles", "mask_tiles_are_not_whole_bytes", "byte_orders_differ"])
@pytest.mark.parametrize("tiling", ["1,1,1,1", "5,4,1,3", "8,8,1,1", "1000,1000,10,1000"])
def test_any_tile_gives_the_same_image(name, tiling, tmp_path):
    recipe = recipes.RECIPES[name]()
    source = str(tmp_path / "source")
    synth.build(source, recipe.parts)
    done = programs.materialize("-q", "--tiling", tiling, "-o", tmp_path / "made", source + "/cube")
    assert done.returncode == 0, done.stderr
    got = judge.one(str(tmp_path / "made.image"))
    checks.is_as_put_in(recipe, got)
    assert got["tile_shape"] == [min(int(t), n) for t, n in zip(tiling.split(","), got["shape"])]
    if got["image_masks"]:
        assert got["mask_tile_shape"] == got["tile_shape"]


@pytest.mark.parametrize("tiling", ["5,4,1,3", "1000,1000,10,1000"])
def test_casa_formats_io_reads_any_tile(tiling, tmp_path):
    recipe = recipes.mask_tiles_are_not_whole_bytes()
    source = str(tmp_path / "source")
    synth.build(source, recipe.parts)
    done = programs.materialize("-q", "--tiling", tiling, "-o", tmp_path / "made", source + "/cube")
    assert done.returncode == 0, done.stderr
    path = str(tmp_path / "made.image")
    checks.is_the_same_cfio(judge.one_cfio(path), judge.one(path))


def read_factor(tile, shape):
    """How many times its own bytes reading one plane touches."""
    def up(n, t):
        return -(-n // t) * t
    nx, ny, ns, nc = shape
    tx, ty, ts, tc = tile
    return up(nx, tx) * up(ny, ty) * ts * tc / (nx * ny)


def test_auto_keeps_planes_of_a_long_cube_quick_to_read(tmp_path):
    """casacore's own tile for such a cube is a hundred channels deep."""
    source = str(tmp_path / "source")
    parts = synth.run([500, 500], ny=96, nx=96)
    synth.build(source, parts)
    shapes = {}
    for tiling in ("casa", "auto"):
        done = programs.materialize("--tiling", tiling, "-o", tmp_path / tiling, source + "/cube")
        assert done.returncode == 0, done.stderr
        got = judge.one(str(tmp_path / (tiling + ".image")))
        judge.assert_same(got, synth.truth(parts), keys=["pixels_sha256"])
        shapes[tiling] = got["tile_shape"]
    shape = [96, 96, 1, 1000]
    assert read_factor(shapes["casa"], shape) > 20, shapes
    assert read_factor(shapes["auto"], shape) < read_factor(shapes["casa"], shape), shapes
    nx, ny, _, nc = shapes["auto"]
    plane, spectrum = 96 * 96 * read_factor(shapes["auto"], shape), nx * ny * 1000
    assert 0.5 < plane / spectrum < 2, shapes
    assert 0.5 < nx * ny * nc / math.prod(shapes["casa"]) < 2, shapes


def test_auto_is_casas_tile_for_an_ordinary_cube(family, tmp_path):
    done = programs.materialize("-o", tmp_path / "out", "-e", ".image", family("B2").source + "/cube")
    assert done.returncode == 0, done.stderr
    said = judge.describe([str(tmp_path / "out.image"), family("B2").reference(".image")])
    assert said[str(tmp_path / "out.image")]["tile_shape"] == said[family("B2").reference(".image")]["tile_shape"]
