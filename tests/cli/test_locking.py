"""Two at once on one output or one family: the second is refused (status 4), or waits."""

import fcntl
import os
import subprocess

import pytest

import families
import judge
import programs
import synth
import virtual


@pytest.fixture
def source(small):
    return small[0]


class Holder:
    """Has a family as another subcube-materialize has it: to read it, or to take its parts."""

    def __init__(self, part, exclusive):
        self.fd = os.open(part, os.O_RDONLY)
        fcntl.flock(self.fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def first_part(source):
    return source + "/cube.subcube.0.image"


TAKING = [["-m", "m"], ["--remove-subcubes"], ["-m", "c", "--remove-subcubes"]]
READING = [[], ["-m", "c"], ["-m", "n"], ["--overwrite", "--verify"]]


@pytest.mark.parametrize("options, exclusive", [(o, False) for o in TAKING] + [(o, True) for o in READING])
def test_parts_that_another_one_has_are_refused(source, options, exclusive):
    before = families.manifest(source)
    with Holder(first_part(source), exclusive):
        done = programs.materialize(*options, source + "/cube")
        assert done.returncode == 4, done.stderr
        programs.assert_message(done.stderr, ["cube.subcube.0.image", "another", "--wait"])
        assert families.manifest(source) == before


@pytest.mark.parametrize("options", READING)
def test_many_may_read(source, tmp_path, options):
    with Holder(first_part(source), False):
        done = programs.materialize(*options, "-o", tmp_path / "out", source + "/cube")
    assert done.returncode == 0, done.stderr


def test_moved_parts_are_locked_where_they_are(source, tmp_path):
    assert programs.materialize("-m", "m", source + "/cube").returncode == 0
    before = families.manifest(source)
    with Holder(source + "/cube.image/cube.subcube.0.image", False):
        done = programs.materialize("--undo", "-e", ".image", source + "/cube")
        assert done.returncode == 4, done.stderr
        assert families.manifest(source) == before
        # readers of a virtual image share it
        done = programs.materialize("-o", tmp_path / "out", source + "/cube")
        assert done.returncode == 0, done.stderr
    assert programs.materialize("--undo", source + "/cube").returncode == 0


def waiting(*arguments):
    """Starts one that has to wait, and returns when it has said so."""
    process = subprocess.Popen([programs.MATERIALIZE, "--wait", *map(str, arguments)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    assert "waiting" in line and "at work" in line, line
    assert process.poll() is None
    return process


@pytest.mark.parametrize("options", [[], ["-m", "m"], ["--remove-subcubes"]])
def test_with_wait_it_waits(small, options):
    source, parts = small
    with Holder(first_part(source), True):
        process = waiting("-e", ".image", *options, source + "/cube")
        assert not os.path.exists(source + "/cube.image")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert err == "" and "waiting" not in out, "said once"
    judge.assert_same(virtual.one(source + "/cube.image"), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])


def test_undo_waits_too(source):
    before = families.manifest(source)
    assert programs.materialize("-m", "m", "-e", ".image", source + "/cube").returncode == 0
    with Holder(source + "/cube.image/cube.subcube.0.image", False):
        process = waiting("--undo", source + "/cube")
    assert process.wait(timeout=60) == 0
    assert families.manifest(source) == before


def test_after_the_wait_it_looks_anew(source, tmp_path):
    """The other one may have moved the parts, or made the output."""
    with Holder(first_part(source), True):
        process = waiting("-e", ".image", "-o", tmp_path / "out", source + "/cube")
        os.rename(source, tmp_path / "gone")
    assert process.wait(timeout=60) == 3
    with Holder(tmp_path / "gone" / "cube.subcube.0.image", True):
        process = waiting("-e", ".image", "-o", tmp_path / "out", tmp_path / "gone" / "cube")
        os.mkdir(tmp_path / "out.image")
    assert process.wait(timeout=60) == 2
    assert os.listdir(tmp_path / "out.image") == []


@pytest.mark.parametrize("action, number", [([], 2), (["--undo"], 15)])
def test_waiting_ends_with_a_signal(source, action, number):
    if action:
        assert programs.materialize("-m", "m", "-e", ".image", source + "/cube").returncode == 0
    before = families.manifest(source)
    part = (source + "/cube.image/cube.subcube.0.image") if action else first_part(source)
    with Holder(part, True):
        process = waiting("-e", ".image", *action, source + "/cube")
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number
    assert families.manifest(source) == before
