"""Links and catalogs that lead back into the mount itself: an error, at once. A program that waits for itself waits for ever."""

import ctypes
import errno
import os
import subprocess
import sys
import time

import pytest

import hostile
import judge
import programs
import synth

ANSWER_S = 30

LOOK = """
import os, sys
try:
    os.stat(sys.argv[1])
    with open(os.path.join(sys.argv[1], "table.dat"), "rb") as stream:
        stream.read(100)
    print(0)
except OSError as error:
    print(error.errno)
"""


def linked(name):
    """What part 1 has of that name is a link to the view's own."""
    def do(source, mnt):
        path = os.path.join(source, "cube.subcube.1.image", name).rstrip("/")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.rename(path, path + ".away")
        os.symlink(os.path.join(mnt, "cube.image", name).rstrip("/"), path)
    return do


def by_way_of_another_link(source, mnt):
    os.symlink(mnt, os.path.join(source, "aside"))
    os.rename(os.path.join(source, "cube.subcube.1.image"), os.path.join(source, "away"))
    os.symlink("./../source/aside/cube.image", os.path.join(source, "cube.subcube.1.image"))


def work_directory(source, mnt):
    """CASA's own naming: the parts are one directory further down, and that is the mount."""
    for n in range(2):
        os.rename(os.path.join(source, "cube.subcube.%d.image" % n), os.path.join(source, "away%d" % n))
    os.symlink(mnt, os.path.join(source, "cube.workdirectory"))
    os.symlink(os.path.join(mnt, "cube.image"), os.path.join(source, "cube.n1.image"))


def of_the_same_name(source, mnt):
    for n in range(2):
        os.rename(os.path.join(source, "cube.subcube.%d.image" % n), os.path.join(source, "away%d" % n))
    os.symlink(os.path.join(mnt, "cube.image"), os.path.join(source, "cube.image"))


def catalog(path):
    """A virtual image that has itself as a part."""
    def do(source, mnt):
        for n in range(2):
            os.rename(os.path.join(source, "cube.subcube.%d.image" % n), os.path.join(source, "away%d" % n))
        hostile.write_catalog(source, source, "cube.image", hostile.names("{source}/away0", path.replace("MNT", mnt)))
    return do


def catalog_link(source, mnt):
    of_the_same_name(source, mnt)
    os.unlink(os.path.join(source, "cube.image"))
    os.mkdir(os.path.join(source, "cube.image"))
    os.symlink(os.path.join(mnt, "cube.image", "imageconcat.json"), os.path.join(source, "cube.image", "imageconcat.json"))


def fits(source, mnt):
    for n in range(2):
        os.symlink(os.path.join(mnt, "cube.image"), os.path.join(source, "cube.subcube.%d.image.fits" % n))


def ready_file(source, mnt):
    for n in range(2):
        os.symlink(os.path.join(mnt, "cube.image"), os.path.join(source, "cube.subcube.%d.image.done" % n))


# What is made of the source, and whether cube.image is an error then.
WAYS = {
    "the part": (linked(""), True),
    "the part, by way of another link": (by_way_of_another_link, True),
    "its header": (linked("table.dat"), True),
    "its pixels": (linked("table.f0_TSM0"), True),
    "its mask": (linked("mask0"), True),
    "its mask's pixels": (linked("mask0/table.f0_TSM0"), True),
    "its history": (linked("logtable"), False),
    "its history's rows": (linked("logtable/table.f0"), False),
    "its lock": (linked("table.lock"), False),
    "something else in it": (linked("whatever"), False),
    "the directory of the parts": (work_directory, True),
    "the finished image": (of_the_same_name, True),
    "a part in a catalog": (catalog("MNT/cube.image"), True),
    "a part in a catalog, by its path in the source": (catalog("./mnt/cube.image"), True),
    "a part's way in a catalog": (catalog("MNT/cube.image/mask0"), True),
    "the catalog": (catalog_link, True),
    "a file": (fits, False),
    "the ready file": (ready_file, None),
}


def look(connections, mnt, name):
    """What a program gets that opens the image; one that hangs is a failure."""
    reader = subprocess.Popen([sys.executable, "-c", LOOK, mnt.view(name)], stdout=subprocess.PIPE, text=True)
    try:
        return int(reader.communicate(timeout=ANSWER_S)[0])
    except subprocess.TimeoutExpired:
        programs.abort(connections, mnt.path)
        raise
    finally:
        reader.kill()
        reader.wait()


@pytest.mark.parametrize("links", [[], ["--follow-links"]], ids=["", "links followed"])
@pytest.mark.parametrize("inside", [False, True], ids=["beside", "in the source"])
@pytest.mark.parametrize("way", WAYS)
def test_what_leads_into_the_mount_is_refused(tmp_path, mount, connections, way, inside, links):
    source = str(tmp_path / "source")
    parts = synth.run([1, 1], ny=6, nx=8, masks=True, history=("a row",))
    synth.build(source, parts)
    synth.build(source, parts, base="other")
    where = os.path.join(source, "mnt") if inside else str(tmp_path / "mnt")
    os.makedirs(where)
    do, fails = WAYS[way]
    do(source, where)
    options = ["--no-cache", "--refresh=0.2", *links]
    if fails is None:
        options += ["--ready-file={part}.done"]
    with mount(source, *options, mountpoint=where) as mnt:
        answer = look(connections, mnt, "cube.image")
        if fails is not None:
            assert (answer != 0) == fails
        # A catalog whose path is none of the source's is only an error.
        if way.startswith(("the part", "its header", "its pixels", "a part in a catalog")) and not (
                "in the source" in way and not inside):
            programs.assert_message(mnt.log(), ["cube.image", "leads into the mount itself"])
        if fails is not None:
            judge.assert_same(judge.one(mnt.view("other.image")), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])
        # A look again finds nothing that hangs either.
        assert look(connections, mnt, "cube.image") == answer


def test_a_link_made_into_the_mount_while_it_is_mounted(tmp_path, mount, connections):
    source = str(tmp_path / "source")
    parts = synth.run([1, 1], ny=6, nx=8)
    [_, second] = synth.build(source, parts)
    with mount(source, "--no-cache", "--refresh=0.2") as mnt:
        assert look(connections, mnt, "cube.image") == 0
        os.rename(second, str(tmp_path / "away"))
        os.symlink(mnt.view("cube.image"), second)
        assert programs.wait_until(lambda: "leads into the mount itself" in mnt.log())
        assert look(connections, mnt, "cube.image") in (0, errno.EIO)
        os.unlink(second)
        os.rename(str(tmp_path / "away"), second)
        assert programs.wait_until(lambda: look(connections, mnt, "cube.image") == 0)
        judge.assert_same(judge.one(mnt.view("cube.image")), synth.truth(parts), keys=["pixels_sha256"])


def test_a_link_into_another_mount_is_like_any_other(tmp_path, mount):
    """Only the mount's own views hang: a part may well be another mount's."""
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    parts = synth.run([1, 1, 1], ny=6, nx=8)
    synth.build(first, parts[:2])
    synth.build(second, parts[2:], numbers=[1])
    with mount(first) as below:
        os.symlink(below.view("cube.image"), os.path.join(second, "cube.subcube.0.image"))
        with mount(second, "--follow-links") as mnt:
            judge.assert_same(judge.one(mnt.view("cube.image")), synth.truth(parts), keys=["pixels_sha256"])


def test_the_directory_of_the_parts_becomes_a_link_before_it_is_looked_into(tmp_path, mount, connections):
    """Between the scan and the look into the view, which is as long as nobody wants it."""
    source = str(tmp_path / "source")
    directory = os.path.join(source, "cube.workdirectory")
    for n, path in enumerate(synth.build(str(tmp_path / "made"), synth.run([1, 1], ny=6, nx=8))):
        os.makedirs(directory, exist_ok=True)
        os.rename(path, os.path.join(directory, "cube.n%d.image" % (n + 1)))
    with mount(source, "--no-cache", "--refresh=0") as mnt:
        os.rename(directory, str(tmp_path / "away"))
        os.symlink(mnt.view("cube.image"), directory)
        assert look(connections, mnt, "cube.image") == errno.EIO
        programs.assert_message(mnt.log(), ["cube.workdirectory/cube.n1.image", "leads into the mount itself"])


@pytest.mark.parametrize("name", ["", "mask0", "table.f0_TSM0", "logtable"])
def test_a_part_of_a_kept_view_becomes_a_link(tmp_path, mount, connections, name):
    source = str(tmp_path / "source")
    [_, second] = synth.build(source, synth.run([1, 1], ny=6, nx=8, masks=True, history=("a row",)))
    programs.age(source)
    time.sleep(2.5)     # a header of files that changed a moment ago is not kept
    options = ["--cache-dir", str(tmp_path / "cache"), "--refresh=0", "--history=all"]
    where = str(tmp_path / "mnt")
    with mount(source, *options, mountpoint=where) as mnt:
        assert look(connections, mnt, "cube.image") == 0
    assert any(entry.endswith(".view") for entry in os.listdir(tmp_path / "cache"))
    path = os.path.join(second, name).rstrip("/")
    os.rename(path, str(tmp_path / "away"))
    os.symlink(os.path.join(where, "cube.image", name).rstrip("/"), path)
    with mount(source, *options, mountpoint=where) as mnt:
        assert (look(connections, mnt, "cube.image") == 0) == (name == "logtable")


def test_an_image_that_is_a_link_where_the_mount_covers_the_source(tmp_path, mount, connections):
    source = str(tmp_path / "source")
    [only] = synth.build(source, synth.run([1], ny=6, nx=8))
    os.rename(only, os.path.join(source, "real"))
    os.symlink("real", os.path.join(source, "cube.image"))
    with mount(source, "--no-cache", mountpoint=source) as mnt:
        look(connections, mnt, "cube.image")


def test_a_link_as_long_as_can_be(tmp_path, mount, connections):
    source, where = str(tmp_path / "source"), str(tmp_path / "mnt")
    parts = synth.build(source, synth.run([1, 1], ny=6, nx=8))
    for n, path in enumerate(parts):
        os.rename(path, os.path.join(source, "away%d" % n))
    os.symlink("./" * 2030 + "../mnt", os.path.join(source, "far"))
    hostile.write_catalog(source, source, "cube.image",
                          hostile.names("{source}/away0", "{source}/far/cube.image/" + "./" * 40 + "logtable"))
    with mount(source, "--no-cache", mountpoint=where) as mnt:
        assert look(connections, mnt, "cube.image") == errno.EIO


def test_a_mount_that_was_handed_over_knows_itself(tmp_path, connections):
    """By its connection, as nobody tells where it is mounted."""
    source, where = str(tmp_path / "source"), str(tmp_path / "mnt")
    [_, second] = synth.build(source, synth.run([1, 1], ny=6, nx=8))
    os.rename(second, str(tmp_path / "away"))
    os.symlink(where + "/cube.image", second)
    os.mkdir(where)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other" % device
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"source", where.encode(), b"fuse.subcubefs", 7, options.encode()) == 0, os.strerror(ctypes.get_errno())
    try:
        if "fuse_connection" not in programs.whole("/proc/self/fdinfo/%d" % device).decode():
            pytest.skip("this kernel does not tell the number of a connection")
        log = str(tmp_path / "log")
        server = subprocess.Popen([programs.SUBCUBEFS, "-f", "--no-cache", "--settle=0", "--log=" + log, source, "/dev/fd/%d" % device],
                                  pass_fds=[device])
        os.close(device)
        try:
            assert look(connections, programs.Mount(source, where), "cube.image") == errno.EIO
            programs.assert_message(programs.whole(log).decode(), ["cube.subcube.1.image", "leads into the mount itself"])
        finally:
            server.terminate()
            assert server.wait(programs.STOP_S) == 0
    finally:
        programs.run(["umount", "-l", where])
