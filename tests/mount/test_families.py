"""Every real family, mounted, is the image that CASA makes of it, as two independent readers see it."""

import os

import pytest

import checks
import families
import judge
import programs


@pytest.fixture(scope="module", params=list(families.FAMILIES))
def mounted(request, family, tmp_path_factory):
    """A family on a mount, with what the two readers say of each view (asked when first wanted)."""
    one = family(request.param)
    before = families.manifest(one.source)
    with programs.Mount(one.source, tmp_path_factory.mktemp("mnt") / "m") as mnt:
        mnt.family, mnt.before, mnt.said = one, before, {}
        yield mnt


def said(mounted, ext, cfio=False):
    if cfio not in mounted.said:
        views = [mounted.view("cube" + e) for e in mounted.family.extensions]
        mounted.said[cfio] = judge.describe_cfio(views) if cfio else judge.describe(views)
    return mounted.said[cfio][mounted.view("cube" + ext)]


def test_each_view_is_casas_image_read_by_casacore(mounted, casa):
    expected = families.expected(mounted.family.name)
    for ext in mounted.family.extensions:
        checks.is_casas(mounted.family.name, ext, said(mounted, ext), casa(mounted.family.name, ext), expected[ext])


def test_each_view_is_casas_image_read_by_casa_formats_io(mounted, casa):
    for ext in mounted.family.extensions:
        checks.is_casas_cfio(mounted.family.name, said(mounted, ext, cfio=True),
                             casa(mounted.family.name, ext, cfio=True))


def test_reading_it_all_leaves_the_source_as_it_was(mounted):
    for ext in mounted.family.extensions:
        programs.tree(mounted.view("cube" + ext))
        said(mounted, ext)
    assert families.manifest(mounted.family.source) == mounted.before


def test_history_is_the_first_parts_and_one_row(mounted):
    version = programs.run([programs.SUBCUBEFS, "--version"]).stdout.split()[-1]
    for ext in mounted.family.extensions:
        first = judge.one(mounted.family.parts(ext)[0])["history"]
        history = said(mounted, ext)["history"]
        assert history[:-1] == first
        parts = [os.path.basename(p) for p in mounted.family.parts(ext)]
        for word in (version, "%d parts" % len(parts), parts[0], parts[-1]):
            assert word in history[-1], history[-1]
