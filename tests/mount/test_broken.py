"""A broken part costs its view, or the range that lies in it, and nothing else; nothing hangs, nothing is made up."""

import errno
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import broken
import judge
import programs
import synth

READ = """
import os, sys
try:
    d = os.open(sys.argv[1], os.O_RDONLY)
    data = os.pread(d, int(sys.argv[3]), int(sys.argv[2]))
    sys.stdout.buffer.write(b"+" + data)
except OSError as error:
    sys.stdout.buffer.write(b"-%d" % error.errno)
"""


def read(path, offset=0, length=1 << 20):
    """Bytes, or the number of the error; in a process of its own, so that a read that hangs is only a failure."""
    done = subprocess.run([sys.executable, "-c", READ, path, str(offset), str(length)], stdout=subprocess.PIPE, timeout=60)
    return done.stdout[1:] if done.stdout[:1] == b"+" else int(done.stdout[1:])


def test_a_broken_part(broken_case, mount):
    source, parts, breakage = broken_case
    with mount(source, *breakage.mount_options) as mnt:
        header = read(mnt.view("cube.image", "table.dat"))
        if breakage.lost is None or (breakage.header_may_fail and header == errno.EIO):
            assert header == errno.EIO
        else:
            assert isinstance(header, bytes) and header
            check_ranges(mnt, parts, breakage.lost)
        programs.assert_message(mnt.log(), [breakage.part, *breakage.words])
        assert {"cube.psf"} <= set(os.listdir(mnt.path))
        judge.assert_same(judge.one(mnt.view("cube.psf")), synth.truth(parts), keys=sorted(synth.truth(parts)))


def check_ranges(mnt, parts, lost):
    """Channels before and after the lost ones are right; the lost ones are errors or right, and one at least an error."""
    path = mnt.view("cube.image", "table.f0_TSM0")
    plane = broken.NX * broken.NY * 4
    pixels = np.concatenate([p.pixels for p in parts])
    errors = 0
    for channel, wanted in enumerate(pixels):
        got = read(path, channel * plane, plane)
        if channel in lost and got == errno.EIO:
            errors += 1
        else:
            assert got == wanted.tobytes(), "channel %d" % channel
    assert bool(errors) == bool(lost)
    if not lost:  # then it is the mask that cannot be read in full
        assert read(mnt.view("cube.image", "mask0", "table.f0_TSM0")) == errno.EIO


def test_the_view_stays_broken_without_new_messages_at_each_look(tmp_path, mount):
    source = str(tmp_path / "source")
    broken.family(source)
    broken.BREAKAGES["table.dat of random bytes"].break_it(source)
    with mount(source) as mnt:
        for _ in range(50):
            assert read_here(mnt.view("cube.image", "table.dat")) == errno.EIO
        lines = [line for line in mnt.log().splitlines() if synth.name(1) in line]
        assert 1 <= len(lines) <= 5, lines


def read_here(path):
    try:
        return programs.whole(path)
    except OSError as error:
        return error.errno


def replace_by_other_bytes(path):
    size = os.stat(path).st_size
    with open(path + ".new", "wb") as stream:
        stream.write(b"\x55" * size)
    os.rename(path + ".new", path)


def write_in_place(path):
    os.truncate(path, 7)


CHANGES = {
    "replaced": replace_by_other_bytes,
    "shortened": write_in_place,
    "removed": os.unlink,
}


@pytest.mark.parametrize("options", [(), ("-o", "direct_io", "--readahead=1M,always")], ids=["default", "read-ahead"])
@pytest.mark.parametrize("how", CHANGES)
def test_a_part_that_changes_under_the_mount_is_an_error_not_other_pixels(tmp_path, mount, how, options):
    source = str(tmp_path / "source")
    parts = broken.family(source)
    with mount(source, *options) as mnt:
        assert isinstance(read(mnt.view("cube.image", "table.dat")), bytes)
        for offset in (0, 16, 32, 48) if options else ():  # whoever begins like this has the rest read ahead
            got = read(mnt.view("cube.image", "table.f0_TSM0"), offset, 16)
            assert got == parts[0].pixels[0].tobytes()[offset:offset + 16]
        CHANGES[how](os.path.join(source, synth.name(1), "table.f0_TSM0"))
        plane = broken.NX * broken.NY * 4
        got = read(mnt.view("cube.image", "table.f0_TSM0"), 3 * plane, plane)
        assert got in (errno.EIO, errno.ESTALE)
        programs.assert_message(mnt.log(), [synth.name(1)])
        assert read(mnt.view("cube.image", "table.f0_TSM0"), 0, plane) == parts[0].pixels[0].tobytes()


def test_a_family_without_its_header_files_does_not_stop_the_others(tmp_path, mount):
    source = str(tmp_path / "source")
    parts = broken.family(source)
    for n in range(3):
        shutil.rmtree(os.path.join(source, synth.name(n)))
        os.mkdir(os.path.join(source, synth.name(n)))
    with mount(source) as mnt:
        assert read(mnt.view("cube.image", "table.dat")) == errno.EIO
        judge.assert_same(judge.one(mnt.view("cube.psf")), synth.truth(parts), keys=["pixels_sha256"])


@pytest.mark.parametrize("what", ["a file for the part", "a FIFO for the part", "a symbolic link to itself", "missing in the middle"])
def test_the_mounting_user_gets_the_error_and_is_not_locked_out(tmp_path, mount, what):
    """What lies in a part's place has no say in the mode of the view: EIO is the answer, not EACCES."""
    source = str(tmp_path / "source")
    broken.family(source)
    broken.BREAKAGES[what].break_it(source)
    with mount(source) as mnt:
        assert os.stat(mnt.view("cube.image")).st_mode & 0o500 == 0o500
