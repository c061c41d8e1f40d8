"""A broken part: one message that names it, nothing written for its extension, the other extension made."""

import os

import pytest

import broken
import judge
import programs
import synth


@pytest.mark.parametrize("tiling", ["casa", "keep"])
def test_a_broken_part(broken_case, tmp_path, tiling):
    source, parts, breakage = broken_case
    out = tmp_path / "out"
    out.mkdir()
    done = programs.materialize("--tiling", tiling, source + "/cube", "-o", out / "made", timeout=60)
    assert done.returncode == 1
    programs.assert_message(done.stderr, [breakage.part, *breakage.words])
    assert sorted(os.listdir(out)) == ["made.psf"]
    judge.assert_same(judge.one(str(out / "made.psf")), synth.truth(parts), keys=sorted(synth.truth(parts)))
    for line in done.stderr.splitlines():
        assert "made.psf" not in line or "failed" not in line


def test_the_summary_counts_and_names_the_failed(tmp_path):
    source = str(tmp_path / "source")
    broken.family(source)
    broken.BREAKAGES["another shape"].break_it(source)
    done = programs.materialize(source + "/cube")
    text = done.stdout + done.stderr
    assert done.returncode == 1
    programs.assert_message(text, ["1", "2"])
    programs.assert_message(text, ["cube.image"])


def test_the_message_is_one(tmp_path):
    """The same reason at most twice: where it happened, and in the summary."""
    source = str(tmp_path / "source")
    broken.family(source)
    broken.BREAKAGES["table.dat of random bytes"].break_it(source)
    done = programs.materialize("-q", source + "/cube")
    assert done.returncode == 1
    naming = [line for line in done.stderr.splitlines() if synth.name(1) in line]
    assert 1 <= len(naming) <= 2, done.stderr
