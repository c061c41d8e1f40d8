"""Parts that are still being written: waited for as long as --settle says, then refused; never moved or removed."""

import fcntl
import os
import struct
import subprocess
import time

import pytest

import diskcalls
import families
import judge
import programs
import synth
import virtual

MODES = [["-m", "p"], ["-m", "n"], ["-m", "c"], ["-m", "m"], ["--remove-subcubes"]]


@pytest.fixture
def source(small):
    return small[0]


class Locked:
    """Has casacore's write lock on a part."""

    def __init__(self, part):
        self.fd = os.open(part + "/table.lock", os.O_RDWR | os.O_CREAT)
        os.set_blocking(self.fd, True)
        fcntl.fcntl(self.fd, fcntl.F_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def touching(path):
    """Changes a file of a part again and again, its size and bytes as they are."""
    while True:
        os.utime(path)
        yield 0.05


@pytest.mark.parametrize("options", MODES)
def test_a_part_that_is_being_written_is_refused(source, options, record_fault):
    part = source + "/cube.subcube.1.image"
    with programs.meanwhile(touching(part + "/table.f0_TSM0")):
        before = families.manifest(source)
        done = programs.materialize("--settle=0.5", *options, source + "/cube")
        assert done.returncode == 1
        programs.assert_message(done.stderr.splitlines()[-1], ["cube.subcube.1.image", "--wait", "--settle=0"])
        assert sorted(families.manifest(source)) == sorted(before)
    record_fault("Materializer", "a part that is being written", 1)


@pytest.mark.parametrize("options", [["-m", "p"], ["-m", "m"]])
def test_a_part_with_a_write_lock_is_refused(source, options):
    with Locked(source + "/cube.subcube.2.image"):
        before = families.manifest(source)
        done = programs.materialize("--settle=0.3", *options, source + "/cube")
        assert done.returncode == 1
        programs.assert_message(done.stderr.splitlines()[-1], ["cube.subcube.2.image", "--wait", "--settle=0"])
        assert families.manifest(source) == before
        assert programs.materialize("--settle=0", "-o", source + "/out", source + "/cube").returncode == 0
    assert programs.materialize("--settle=0.3", *options, source + "/cube").returncode == 0


def test_fresh_parts_are_waited_for(small):
    source, parts = small
    start = time.monotonic()
    os.utime(source + "/cube.subcube.0.image/table.dat")
    done = programs.materialize("--settle=2", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start > 1
    assert len(done.stderr.splitlines()) == 1 and "waiting" in done.stderr
    judge.assert_same(virtual.one(source + "/cube.image"), synth.truth(parts), keys=["pixels_sha256"])


def test_settled_parts_are_not_waited_for(source):
    time.sleep(0.6)
    done = programs.materialize("--settle=0.5", source + "/cube")
    assert done.returncode == 0 and done.stderr == ""


def test_with_wait_it_waits_for_the_imager(small):
    """And finds what the imager has made meanwhile."""
    source, parts = small
    last = source + "/cube.subcube.2"
    for ext in (".image", ".psf"):
        os.rename(last + ext, source + "/hidden" + ext)
    with Locked(source + "/cube.subcube.0.image"):
        process = subprocess.Popen([programs.MATERIALIZE, "--settle=0.3", "--wait", source + "/cube"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "waiting" in process.stderr.readline()
        time.sleep(1.5)     # longer than without --wait
        assert process.poll() is None
        for ext in (".image", ".psf"):
            os.rename(source + "/hidden" + ext, last + ext)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    judge.assert_same(virtual.one(source + "/cube.image"), synth.truth(parts), keys=["pixels_sha256"])


def test_waiting_ends_with_a_signal(source):
    with Locked(source + "/cube.subcube.0.image"):
        before = families.manifest(source)
        process = subprocess.Popen([programs.MATERIALIZE, "--settle=0.3", "--wait", source + "/cube"],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert "waiting" in process.stderr.readline()
        process.terminate()
        assert process.wait(timeout=30) == 128 + 15
        assert families.manifest(source) == before


def test_ready_files(source):
    command = ["--settle=0.3", "--ready-file={part}.done", "-e", ".image", source + "/cube"]
    for n in range(3):
        assert programs.materialize(*command).returncode == 1
        with open(source + "/cube.subcube.%d.image.done" % n, "w"):
            pass
    done = programs.materialize(*command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("options", [["-m", "m"], ["--remove-subcubes"]])
def test_a_part_that_somebody_begins_to_write_is_not_taken(source, tmp_path, options):
    """Locked while the image is made: it is looked at once more."""
    time.sleep(0.6)
    command = [programs.MATERIALIZE, "-q", "-e", ".image", "--settle=0.5", *options, source + "/cube"]
    names = virtual.loose(source)
    run = diskcalls.Run(source, tmp_path, command, 5, "hold")
    run.held()
    with Locked(source + "/cube.subcube.1.image"):
        run.go()
        done = run.end()
        assert done.returncode == 1, done.stderr
        assert "cube.subcube.1.image" in done.stderr
        assert virtual.loose(source) == names


@pytest.mark.parametrize("options", [["-m", "p"], ["-m", "c"]])
def test_a_part_that_somebody_begins_to_write_while_headers_are_read_is_not_copied(small, tmp_path, faultfs, options):
    """Its writer pauses after the first bytes, so that the copy would find nothing changed."""
    source, _ = small
    storage, output = faultfs(source), str(tmp_path / "out.image")
    time.sleep(2.2)
    rule = storage.rule("open", "*.0.image/table.f0", "hang")
    process = subprocess.Popen([programs.MATERIALIZE, "-q", "--no-cache", "--settle=2", *options, "-e", ".image", "-o", output[:-6],
                                storage.path + "/cube"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert programs.wait_until(lambda: storage.stats(rule).held > 0)
    with open(source + "/cube.subcube.1.image/table.f0_TSM0", "r+b") as pixels:
        pixels.write(b"\x55" * 400)
    storage.clear(rule)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    programs.assert_message(err, ["cube.subcube.1.image", "not finished", "less than 2 s ago"])
    assert not os.path.exists(output)
