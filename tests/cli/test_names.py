"""How parts are named: CASA's parallel tclean, patterns, and two namings at once."""

import os

import pytest

from naming import casas, is_whole, place
import programs
import synth


def test_casas_names_count_from_1(tmp_path):
    source, parts = str(tmp_path), synth.run([1] * 11, masks=True)
    place(source, [casas(n) for n in range(1, 12)], parts)
    done = programs.materialize(source + "/cube")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(source)) == ["cube.image", "cube.workdirectory"]
    is_whole(source + "/cube.image", parts)


def test_casas_first_part_is_number_1(tmp_path):
    source, parts = str(tmp_path), synth.run([1] * 3)
    place(source, [casas(2), casas(3)], parts[1:])
    done = programs.materialize(source + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, [casas(1), "missing"])


def test_nparts_counts_from_1_with_casas_names(tmp_path):
    source, parts = str(tmp_path), synth.run([1] * 4)
    place(source, [casas(n) for n in (1, 2, 3, 4)], parts)
    done = programs.materialize("--nparts=3", source + "/cube")
    assert done.returncode == 0, done.stderr
    programs.assert_message(done.stderr, [casas(4), "left out"])
    is_whole(source + "/cube.image", parts[:3])


PATTERNS = {
    "{base}.chunk{n}{ext}": ["cube.chunk%d.image" % n for n in range(3)],
    "{n}-{base}{ext}": ["%d-cube.image" % n for n in range(1, 4)],
    "{base}{ext}.{n}": ["cube.image.%d" % n for n in (0, 1, 2)],
    "spw{n}/{base}{ext}": ["spw%d/cube.image" % n for n in (0, 1, 2)],
    "{base}/part {n}/{base}{ext}": ["cube/part %d/cube.image" % n for n in (1, 2, 3)],
    "[{base}]*{n}?{ext}": ["[cube]*%d?.image" % n for n in (0, 1, 2)],
}


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
def test_a_pattern_of_ones_own(pattern, tmp_path):
    source, parts = str(tmp_path / "source"), synth.run([2, 1, 2], masks=True)
    place(source, PATTERNS[pattern], parts)
    done = programs.materialize("--pattern", pattern, "-o", tmp_path / "out", source + "/cube")
    assert done.returncode == 0, done.stderr
    is_whole(str(tmp_path / "out.image"), parts)


@pytest.mark.parametrize("pattern", ["", "{base}{n}", "{base}.{n}{ext}}", "../{base}{n}{ext}", "{base}/../{n}{ext}", "/{base}{n}{ext}"])
def test_a_pattern_that_cannot_be_is_wrong_usage(pattern, tmp_path):
    done = programs.materialize("--pattern", pattern, tmp_path / "cube")
    assert done.returncode == 2
    programs.assert_message(done.stderr, ["pattern"])


def test_two_namings_of_one_image_are_an_error_unless_one_is_chosen(tmp_path):
    source, old, new = str(tmp_path), synth.run([1, 1], masks=True), synth.run([2, 2, 2], start=2e9)
    place(source, [casas(n) for n in (1, 2, 3)], new)
    synth.build(source, old)
    synth.build(source, old, ext=".psf")
    done = programs.materialize(source + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, [synth.name(0), casas(1), "--pattern"])
    assert not os.path.exists(source + "/cube.image")
    is_whole(source + "/cube.psf", old)
    for pattern, parts in (("{base}.subcube.{n}{ext}", old), ("{base}.workdirectory/{base}.n{n}{ext}", new)):
        done = programs.materialize("--pattern", pattern, "-e", ".image", "--overwrite", source + "/cube")
        assert done.returncode == 0, done.stderr
        is_whole(source + "/cube.image", parts)


def test_what_is_missing_is_named_as_its_siblings_are(tmp_path):
    """Padded with zeros, where they are."""
    for name, names in (("padded", "cube.chunk%04d.image"), ("plain", "cube.chunk%d.image")):
        source = str(tmp_path / name)
        place(source, [names % n for n in (8, 9, 11)], synth.run([1, 1, 1]))
        done = programs.materialize("--pattern={base}.chunk{n}{ext}", source + "/cube")
        assert done.returncode == 1
        programs.assert_message(done.stderr, [names % 1, names % 7, "missing"])


def test_a_known_pattern_that_is_chosen_has_its_own_first_number(tmp_path):
    """Number 0 is missing as it is without --pattern; of a pattern of one's own nothing tells where numbers begin."""
    synth.build(str(tmp_path), synth.run([1, 1, 1])[1:], numbers=[1, 2])
    done = programs.materialize("--pattern={base}.subcube.{n}{ext}", tmp_path / "cube")
    assert done.returncode == 1, done.stderr
    programs.assert_message(done.stderr, [synth.name(0), "missing"])


def test_an_output_below_the_pattern_is_refused(tmp_path):
    """It would be a part of the next run."""
    source = str(tmp_path)
    place(source, ["cube.chunk0.image", "cube.chunk1.image"], synth.run([1, 1]))
    done = programs.materialize("--pattern={base}.chunk{n}{ext}", "-o", source + "/cube.chunk2", source + "/cube")
    assert done.returncode == 2, done.stderr
    assert sorted(os.listdir(source)) == ["cube.chunk0.image", "cube.chunk1.image"]
