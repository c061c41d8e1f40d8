"""What the real families do not show, mounted: odd tiles, byte orders, masks, frequencies, headers that differ."""

import errno

import pytest

import checks
import judge
import programs
import recipes
import synth


GOOD = [name for name, make in recipes.RECIPES.items() if not make().error]
BAD = [name for name in recipes.RECIPES if name not in GOOD]


@pytest.fixture(scope="module", params=GOOD)
def mounted(request, tmp_path_factory):
    """A recipe's family on a mount, with what casacore says of its view."""
    recipe = recipes.RECIPES[request.param]()
    directory = tmp_path_factory.mktemp("recipe")
    paths = synth.build(str(directory / "source"), recipe.parts)
    with programs.Mount(directory / "source", directory / "mnt") as mnt:
        mnt.recipe, mnt.paths = recipe, paths
        mnt.said = judge.one(mnt.view("cube.image"))
        yield mnt


def test_view_has_the_pixels_masks_and_frequencies_put_in(mounted):
    checks.is_as_put_in(mounted.recipe, mounted.said)


def test_view_has_the_header_by_casacores_rules(mounted):
    assert "error" not in mounted.said, mounted.said["error"]
    checks.has_the_header(mounted.recipe, mounted.said, mounted.paths)


def test_what_differs_is_a_warning_and_nothing_else_is(mounted):
    for words in mounted.recipe.warnings:
        programs.assert_message(mounted.log(), words)
    if not mounted.recipe.warnings:
        assert synth.name(1) not in mounted.log()


def test_casa_formats_io_sees_the_same(mounted):
    assert "error" not in mounted.said, mounted.said["error"]
    checks.is_the_same_cfio(judge.one_cfio(mounted.view("cube.image")), mounted.said)


@pytest.mark.parametrize("name", BAD)
def test_a_view_that_cannot_be_made(name, tmp_path, mount):
    recipe = recipes.RECIPES[name]()
    synth.build(str(tmp_path / "source"), recipe.parts)
    with mount(tmp_path / "source") as mnt:
        with pytest.raises(OSError) as caught:
            programs.whole(mnt.view("cube.image", "table.dat"))
        assert caught.value.errno == errno.EIO
        programs.assert_message(mnt.log(), recipe.error)


def test_fully_flagged_channels_are_named_in_a_warning(family, mount):
    with mount(family("A6").source) as mnt:
        assert "error" not in judge.one(mnt.view("cube.image"))
        programs.assert_message(mnt.log(), ["channel", "3"])
