"""Whatever strangers put in a subcube's place: an error that names it, the other views are served, nothing hangs or grows."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

import hostile
import judge
import programs
import synth

MEMORY_KB = 700_000     # of a plain build; 200 MB of it for the largest header that is read at all

READ = """
import os, sys
for line in sys.stdin.buffer:
    path = line[:-1].replace(b"//n", b"\\n")
    try:
        d = os.open(path, os.O_RDONLY)
        answer = b"+" + os.pread(d, 4096, 0).hex().encode()
        os.close(d)
    except OSError as error:
        answer = b"-%d" % error.errno
    sys.stdout.buffer.write(answer + b"\\n")
    sys.stdout.buffer.flush()
"""


class Reader:
    """Reads in a process of its own, so that a read that hangs is only a failure."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-c", READ], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def first(self, path):
        """The first bytes of a file, or the number of the error."""
        self.process.stdin.write(os.fsencode(path).replace(b"\n", b"//n") + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer, "the reader is gone"
        return bytes.fromhex(answer[1:].decode()) if answer[:1] == b"+" else int(answer[1:])


def peak_kb(mnt):
    [pid] = programs.processes(mnt.path)[:1] or [None]
    with open("/proc/%d/status" % pid) as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("VmHWM"))


def complaint(entry, mnt, words):
    """What is wrong with the messages about it, or None."""
    lines = [line for line in mnt.log().splitlines() if ": " + hostile.base(entry) + "." in line]
    if not any(all(word in line for word in words) for line in lines):
        return "no line with %s in %s" % (words, lines)
    return None


def look(entry, wanted, mnt, reader, truth):
    """What is wrong with the view of a hostile family, or None."""
    image = mnt.view(hostile.base(entry) + ".image")
    header = reader.first(image + "/table.dat")
    pixels = reader.first(image + "/table.f0_TSM0")
    if wanted.whole:
        if not isinstance(header, bytes) or pixels != truth:
            return "it is whole, and gives %r, %r" % (header, pixels)
        return None
    if wanted.pixels:
        if not isinstance(header, bytes) or pixels != errno.EIO:
            return "its pixels are none, and it gives %r, %r" % (header, pixels)
        return None
    if (header, pixels) != (errno.EIO, errno.EIO):
        return "it gives %r, %r" % (header, pixels)
    return complaint(entry, mnt, [hostile.base(entry) + ".", *wanted.words])


def check(record_fault, found, what):
    wrong = {entry: reason for entry, reason in found.items() if reason}
    for item in wrong.items():
        print("%s: %s" % item)
    record_fault("Hostile input", what, len(found), wrong=len(wrong))


def test_what_may_lie_in_a_subcubes_place(tmp_path, mount, record_fault):
    source = str(tmp_path / "source")
    parts = hostile.build(source)
    truth = np.concatenate([p.pixels for p in parts]).tobytes()
    with mount(source, "--no-cache") as mnt, Reader() as reader:
        found = {entry: look(entry, wanted, mnt, reader, truth) for entry, wanted in hostile.HOSTILE.items()}
        assert reader.first(mnt.view("cube.image", "table.f0_TSM0")) == truth
        judge.assert_same(judge.one(mnt.view("cube.image")), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])
        if not programs.is_sanitized():
            assert peak_kb(mnt) < MEMORY_KB
        for line in mnt.log().splitlines():
            assert "/etc/passwd" not in line and "root:" not in line
    check(record_fault, found, "strange things in a subcube's place, looked at through the mount")


LEADS_OUT = ["a part that lies elsewhere", "pixels that lie elsewhere", "a header that lies elsewhere", "a mask that lies elsewhere"]


def test_links_out_of_the_source_are_followed_when_asked_for(tmp_path, mount):
    source = str(tmp_path / "source")
    parts = hostile.build(source, [*LEADS_OUT, "a device as pixels"])
    truth = np.concatenate([p.pixels for p in parts]).tobytes()
    with mount(source, "--follow-links") as mnt, Reader() as reader:
        for entry in LEADS_OUT:
            assert reader.first(mnt.view(hostile.base(entry) + ".image", "table.f0_TSM0")) == truth, entry
            judge.assert_same(judge.one(mnt.view(hostile.base(entry) + ".image")), synth.truth(parts), keys=["mask_sha256"])
        assert reader.first(mnt.view(hostile.base("a device as pixels") + ".image", "table.dat")) == errno.EIO
    # What was kept of them is of no use to a mount that does not follow them.
    with mount(source) as mnt, Reader() as reader:
        for entry in LEADS_OUT:
            assert reader.first(mnt.view(hostile.base(entry) + ".image", "table.f0_TSM0")) == errno.EIO, entry


def test_a_tile_that_does_not_fit_into_memory_is_not_gathered(tmp_path, mount):
    """The second part has other tiles than the first, which the view has too."""
    source, side = str(tmp_path / "source"), 20000
    paths = synth.build(source, synth.run([1, 1], ny=6, nx=8, masks=True))
    for path, height in zip(paths, (side, side // 2)):
        hostile.in_large_tiles(path, (side, side), (side, height))
    with mount(source, "--no-cache") as mnt:
        with open(mnt.view("cube.image", "table.f0_TSM0"), "rb", buffering=0) as pixels:
            assert len(pixels.read(4096)) == 4096
            with pytest.raises(OSError) as caught:
                os.pread(pixels.fileno(), 4096, 4 * side * side)
        assert caught.value.errno == errno.EIO
        programs.assert_message(mnt.log(), ["cube.image", "a tile of 1525 MiB", "at most 1024 MiB"])
        if not programs.is_sanitized():
            assert peak_kb(mnt) < MEMORY_KB


def test_a_link_to_a_directory_of_subcubes(tmp_path, mount):
    """CASA's own naming: the parts are one directory further down, and that is the link."""
    outside, source = str(tmp_path / "outside"), str(tmp_path / "source")
    parts = synth.run([1, 1], ny=6, nx=8)
    paths = synth.build(outside, parts)
    for n, path in enumerate(paths):
        os.rename(path, os.path.join(outside, "cube.n%d.image" % (n + 1)))
    os.mkdir(source)
    os.symlink(outside, source + "/cube.workdirectory")
    with mount(source) as mnt, Reader() as reader:
        assert reader.first(mnt.view("cube.image", "table.dat")) == errno.EIO
        programs.assert_message(mnt.log(), ["cube.workdirectory/cube.n1.image", "leads out"])
    with mount(source, "--follow-links") as mnt:
        judge.assert_same(judge.one(mnt.view("cube.image")), synth.truth(parts), keys=["pixels_sha256"])


def test_a_log_table_that_lies_elsewhere_is_left_out(tmp_path, mount):
    source = str(tmp_path / "source")
    parts = synth.run([1, 1], ny=6, nx=8, history=("a row",))
    [first, _] = synth.build(source, parts)
    hostile.moved_out("logtable")(first)
    with mount(source, "--no-cache") as mnt:
        judge.assert_same(judge.one(mnt.view("cube.image")), synth.truth(parts), keys=["pixels_sha256"])
        programs.assert_message(mnt.log(), ["the history is left out", "logtable", "leads out"])


def test_virtual_images(tmp_path, mount, record_fault):
    source, outside = str(tmp_path / "source"), str(tmp_path / "outside")
    parts = hostile.build_catalogs(source, outside)
    hostile.write_catalog(source, outside, "good.image", hostile.names(
        "./cube.subcube.0.image", "{source}/cube.subcube.1.image", "./cube.subcube.2.image"))
    found = {}
    with mount(source, "--no-cache") as mnt, Reader() as reader:
        for entry, (_, word) in hostile.CATALOGS.items():
            name = hostile.catalog_name(entry)
            answer = reader.first(mnt.view(name, "table.dat"))
            lines = [line for line in mnt.log().splitlines() if ": " + name in line]
            found[entry] = None if answer == errno.EIO and any(word in line for line in lines) else (answer, lines)
        judge.assert_same(judge.one(mnt.view("good.image")), synth.truth(parts), keys=["pixels_sha256"])
        if not programs.is_sanitized():
            assert peak_kb(mnt) < MEMORY_KB
    check(record_fault, found, "strange imageconcat.json, looked at through the mount")
    with mount(source, "--follow-links") as mnt:
        elsewhere = mnt.view(hostile.catalog_name("an absolute name elsewhere"))
        judge.assert_same(judge.one(elsewhere), synth.truth(parts[:2]), keys=["pixels_sha256"])


def test_names(tmp_path, mount):
    """Names are names: shown as they are, escaped where people read, never a format, a command or a second line."""
    source = os.fsencode(tmp_path / "source")
    parts = synth.run([1, 1], ny=6, nx=8)
    truth = np.concatenate([p.pixels for p in parts]).tobytes()
    paths = synth.build(os.fsdecode(source), parts)
    for name in hostile.NAMES:
        for n, path in enumerate(paths):
            for ext in (b".image", b".psf"):
                subprocess.run([b"cp", b"-a", os.fsencode(path), source + b"/" + name + b".subcube.%d" % n + ext], check=True)
        os.truncate(source + b"/" + name + b".subcube.1.psf/table.dat", 100)
    with mount(os.fsdecode(source)) as mnt, Reader() as reader:
        seen = os.listdir(os.fsencode(mnt.path))
        for name, shown in hostile.NAMES.items():
            assert name + b".image" in seen and name + b".psf" in seen
            assert reader.first(os.fsencode(mnt.path) + b"/" + name + b".image/table.f0_TSM0") == truth, name
            assert reader.first(os.fsencode(mnt.path) + b"/" + name + b".psf/table.dat") == errno.EIO
            programs.assert_message(mnt.log(), [shown + ".subcube.1.psf/table.dat"])
        for line in programs.whole(mnt.log_path).split(b"\n"):
            assert not line or line[:2] == b"20", "a message is two lines: %r" % line
            line.decode()
            assert b"\x1b" not in line


def test_a_name_that_says_thousands_of_millions(tmp_path, mount):
    source = str(tmp_path / "source")
    parts = synth.run([1, 1, 1], ny=6, nx=8)
    synth.build(source, parts, numbers=[0, 1, 1999999999])
    synth.build(source, parts[:2], ext=".psf")
    with mount(source) as mnt, Reader() as reader:
        assert reader.first(mnt.view("cube.psf", "table.dat")) == errno.EIO
        programs.assert_message(mnt.log(), ["cube.psf", "1999999998 channels", "--nparts"])
        # Here the frequencies tell that there is no room for any between.
        judge.assert_same(judge.one(mnt.view("cube.image")), synth.truth(parts), keys=["pixels_sha256"])
        if not programs.is_sanitized():
            assert peak_kb(mnt) < 200_000
    with mount(source, "--nparts=2") as mnt:
        judge.assert_same(judge.one(mnt.view("cube.psf")), synth.truth(parts[:2]), keys=["pixels_sha256"])
