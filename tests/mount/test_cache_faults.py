"""The directory of kept headers full, unwritable, damaged or elsewhere: a view is right, or made anew, never made up."""

import os
import shutil
import subprocess
import time

import pytest

import programs
import synth

NO_PROGRAM = "/nonexistent/header-program"     # a view that must be built fails with it
DAMAGED = 12


def look(mnt, name="cube.image"):
    return programs.tree(mnt.view(name))


@pytest.fixture
def settled(tmp_path):
    """The directory of a family whose files are old enough to be trusted; settled(first, copies): more of them."""
    def get(directory, copies=0):
        synth.build(str(directory), synth.run([1, 1], ny=4, nx=4, masks=True))
        for i in range(copies):
            for n in range(2):
                shutil.copytree(directory / synth.name(n), directory / synth.name(n, base="copy%02d" % i))
        programs.age(str(directory))
        newest = max(os.stat(os.path.join(base, name)).st_ctime for base, _, names in os.walk(directory) for name in names)
        while time.time() < newest + 2.1:
            time.sleep(0.05)
        return directory
    return get


def damage(data, number):
    """Cut, or a byte changed, somewhere: the numbers together reach from the first byte to the last."""
    at = (len(data) - 1) * number // (DAMAGED - 1)
    return data[:at] if number % 2 else data[:at] + bytes([data[at] ^ (1 << number % 8)]) + data[at + 1:]


def test_damaged_files_are_made_anew(tmp_path, mount, settled, monkeypatch, record_fault):
    source, cache = settled(tmp_path / "source", DAMAGED), tmp_path / "cache"
    names = ["copy%02d.image" % i for i in range(DAMAGED)]
    with mount(source, "--no-cache") as mnt:
        wanted = {name: look(mnt, name) for name in names}
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        assert {name: look(mnt, name) for name in names} == wanted
    kept = sorted(os.listdir(cache))
    assert len(kept) == DAMAGED
    for number, name in enumerate(kept):
        (cache / name).write_bytes(damage((cache / name).read_bytes(), number))
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        wrong = [name for name in names if look(mnt, name) != wanted[name]]
    assert not wrong
    monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        wrong += [name for name in names if look(mnt, name) != wanted[name]]
    record_fault("Cache", "a kept header cut or changed, used and made anew", 2 * DAMAGED, len(wrong))


def test_one_views_file_for_another(tmp_path, mount, settled):
    """A whole file, with a right checksum, under the name of another view."""
    source, cache = settled(tmp_path / "source", 2), tmp_path / "cache"
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        wanted = [look(mnt, "copy%02d.image" % i) for i in range(2)]
    one, two = sorted(os.listdir(cache))
    for a, b in ((one, "x"), (two, one), ("x", two)):
        os.rename(cache / a, cache / b)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        assert [look(mnt, "copy%02d.image" % i) for i in range(2)] == wanted


@pytest.fixture
def tmpfs(tmp_path):
    """tmpfs(options): a directory of its own file system; root only."""
    made = []

    def get(options):
        where = tmp_path / ("disk%d" % len(made))
        where.mkdir()
        done = programs.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", where])
        if done.returncode:
            pytest.skip("cannot mount: " + done.stderr.strip())
        made.append(where)
        return where
    yield get
    for where in made:
        subprocess.run(["umount", "-l", str(where)])


@pytest.mark.parametrize("kind", ["full", "tiny", "read-only"])
def test_a_cache_that_takes_nothing(tmp_path, mount, settled, tmpfs, record_fault, kind):
    disk = tmpfs({"full": "size=64k", "tiny": "size=8k", "read-only": "size=1M"}[kind])
    cache = disk / "cache"
    cache.mkdir(mode=0o700)
    if kind == "full":
        with open(disk / "filling", "wb", buffering=0) as stream, pytest.raises(OSError):
            while stream.write(bytes(4096)):
                pass
    if kind == "read-only":
        programs.run(["mount", "-o", "remount,ro", disk])
    source = settled(tmp_path / "source", 3)
    names = ["cube.image", *("copy%02d.image" % i for i in range(3))]
    with mount(source, "--no-cache") as mnt:
        wanted = {name: look(mnt, name) for name in names}
    for _ in range(2):
        with mount(source, "--cache-dir=%s" % cache) as mnt:
            wrong = [name for name in names if look(mnt, name) != wanted[name]]
            assert not wrong
            lines = [line for line in mnt.log().splitlines() if str(cache) in line]
            assert len(lines) == 1, mnt.log()
        assert os.listdir(cache) == []
    record_fault("Cache", "views made while the cache directory is full or unwritable", 2 * len(names))


def test_the_cache_goes_while_it_is_used(tmp_path, mount, settled):
    source, cache = settled(tmp_path / "source", 1), tmp_path / "cache"
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        assert look(mnt)
        shutil.rmtree(cache)
        assert look(mnt, "copy00.image")


def test_the_device_number_does_not_count(tmp_path, mount, settled, monkeypatch):
    """The same file system is another device on the next node."""
    disk, spare, where, cache = (tmp_path / n for n in ("disk", "spare", "where", "cache"))
    where.mkdir()
    for path in (disk, spare):
        with open(path, "wb") as stream:
            stream.truncate(16 << 20)
    try:
        made = programs.run(["mkfs.ext4", "-q", disk])
    except FileNotFoundError:
        pytest.skip("mkfs.ext4 is not installed")
    assert made.returncode == 0, made.stderr
    devices, loop = [], None
    try:
        for turn in range(2):
            done = programs.run(["mount", "-o", "loop", disk, where])
            if done.returncode:
                pytest.skip("cannot mount: " + done.stderr.strip())
            try:
                if turn == 0:
                    settled(where)
                devices.append(os.stat(where).st_dev)
                with mount(where, "--cache-dir=%s" % cache) as mnt:
                    assert look(mnt)
            finally:
                programs.run(["umount", where])
            if turn == 0:
                loop = programs.run(["losetup", "-f", "--show", spare]).stdout.strip()     # takes the place of the first
            monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    finally:
        if loop:
            programs.run(["losetup", "-d", loop])
    assert devices[0] != devices[1]
    assert len(os.listdir(cache)) == 1


def test_the_real_path_counts(tmp_path, mount, settled, monkeypatch):
    """A name for the same directory finds what was kept; a copy of it does not."""
    source, cache = settled(tmp_path / "source"), tmp_path / "cache"
    os.symlink(source, tmp_path / "name")
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        wanted = look(mnt)
    programs.run(["cp", "-a", source, tmp_path / "copy"])
    monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    with mount(tmp_path / "name", "--cache-dir=%s" % cache) as mnt:
        assert look(mnt) == wanted
    with mount(tmp_path / "copy", "--cache-dir=%s" % cache) as mnt:
        with pytest.raises(OSError):
            look(mnt)
