"""What the mount shows: names, sizes, modes, owners, times, and that nothing can be written."""

import errno
import os
import shutil
import stat
import tempfile

import pytest

import families
import judge
import programs
import synth
import tiles

FILES = {"table.dat", "table.f0", "table.f0_TSM0", "table.info", "table.lock", "logtable"}


def test_every_family_and_extension_is_a_view(family, mount):
    with mount(family("A1").source) as mnt:
        assert sorted(os.listdir(mnt.path)) == sorted("cube" + e for e in families.FAMILIES["A1"])


def test_names_are_names(tmp_path, mount):
    """Extensions of several dots, bases with shell characters and dots; anything else in the source is not shown."""
    source = str(tmp_path / "source")
    parts = synth.run([1, 1])
    names = [("cube", ".image.pbcor"), ("cube", ".image.tt0"), ("[ab] c*", ".image"), ("cube.subcube.2", ".psf"),
             ("base.with.dots", ".residual")]
    for base, ext in names:
        synth.build(source, parts, ext=ext, base=base)
    os.mkdir(source + "/.cube.subcube.0.tmpdir")
    os.mkdir(source + "/cube.ms")
    for other in ("notes.txt", "cube.image", "cube.subcube.x.image", "cube.subcube.1", "subcube.0.image", "casa.log"):
        programs.run(["touch", source + "/" + other])
    with mount(source) as mnt:
        assert sorted(os.listdir(mnt.path)) == sorted(base + ext for base, ext in names)
        for base, ext in names:
            assert FILES <= set(os.listdir(mnt.view(base + ext)))


def test_parts_are_in_numeric_order(tmp_path, mount):
    source = str(tmp_path / "source")
    parts = synth.run([1] * 12, ny=2, nx=2)
    synth.build(source, parts)
    with mount(source) as mnt:
        got = judge.one(mnt.view("cube.image"))
        judge.assert_same(got, synth.truth(parts), keys=["channel_sha256"])


def test_parts_are_counted_from_zero(tmp_path, mount):
    """Without part 0 the cube would begin at another channel: that is a missing part, not a shorter cube."""
    source = str(tmp_path / "source")
    parts = synth.run([1, 1, 1, 1])
    synth.build(source, parts[1:], numbers=[1, 2, 3])
    with mount(source) as mnt:
        got = judge.one(mnt.view("cube.image"))
        assert got["frequencies"] == pytest.approx(synth.frequencies(parts), abs=1)
        assert got["channel_sha256"][1:] == synth.truth(parts)["channel_sha256"][1:]
        programs.assert_message(mnt.log(), [synth.name(0)])
    with mount(source, "--missing=error") as mnt:
        with pytest.raises(OSError) as caught:
            programs.whole(mnt.view("cube.image", "table.dat"))
        assert caught.value.errno == errno.EIO
        programs.assert_message(mnt.log(), [synth.name(0)])


@pytest.mark.parametrize("ext, more", [(".image", {"mask0"}), (".psf", set())])
def test_a_view_is_a_complete_paged_image(family, mount, ext, more):
    with mount(family("A1").source) as mnt:
        view = mnt.view("cube" + ext)
        assert set(os.listdir(view)) == FILES | more
        for table in {"logtable"} | more:
            assert {"table.dat", "table.f0", "table.info", "table.lock"} <= set(os.listdir(os.path.join(view, table)))


def test_a_mask_of_another_name_appears_as_mask0(family, mount):
    for name in ("B5a", "B5b", "B5c"):
        with mount(family(name).source) as mnt:
            assert set(os.listdir(mnt.view("cube.image"))) == FILES | {"mask0"}


def test_source_may_name_one_base(tmp_path, mount):
    source = str(tmp_path / "source")
    for base in ("run1", "run2", "run1.b"):
        synth.build(source, synth.run([1, 1]), base=base)
    with mount(source + "/run1") as mnt:
        assert os.listdir(mnt.path) == ["run1.image"]
    with mount(source + "/run1.b") as mnt:
        assert os.listdir(mnt.path) == ["run1.b.image"]


def test_mountpoint_inside_the_source(small, mount):
    source, _ = small
    with mount(source, mountpoint=os.path.join(source, "mnt")) as mnt:
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]
        assert programs.whole(mnt.view("cube.image", "table.dat"))
        assert "mnt" in os.listdir(source)


def test_sizes_are_exact(family, mount):
    for name in ("A1", "A2u", "B2", "B5b"):
        with mount(family(name).source) as mnt:
            for path, data in programs.tree(mnt.path).items():
                st = os.stat(os.path.join(mnt.path, path))
                if data is not None:
                    assert st.st_size == len(data), (name, path)
                assert st.st_blksize == 512 << 10, "cp and cat are to read as much at once"


def test_the_pixel_file_is_as_long_as_its_tiles(small, mount):
    source, parts = small
    with mount(source) as mnt:
        said = judge.one(mnt.view("cube.image"))
        for name, tile, pixel_bytes in (("table.f0_TSM0", said["tile_shape"], 4),
                                        ("mask0/table.f0_TSM0", said["mask_tile_shape"], 0)):
            assert os.stat(mnt.view("cube.image", name)).st_size == tiles.file_bytes(said["shape"], tile, pixel_bytes)


def test_there_are_extended_attributes_of_the_users_kind_only(small, mount):
    """ls asks each file for its security context, unless the first answer is that there are none of that kind."""
    source, parts = small
    with mount(source) as mnt:
        view = mnt.view("cube.image")
        assert os.getxattr(view, "user.subcubefs.source").decode() == os.path.join(source, "cube")
        assert "user.subcubefs.source" in os.listxattr(view)
        for name, code in (("user.other", errno.ENODATA), ("security.other", errno.EOPNOTSUPP)):
            with pytest.raises(OSError) as refused:
                os.getxattr(view, name)
            assert refused.value.errno == code, name


def test_a_name_that_is_not_there(small, mount):
    with mount(small[0]) as mnt:
        for path in ("cube", "cube.model", "cube.image/table.f1", "cube.image/mask1", "cube.subcube.0.image"):
            with pytest.raises(FileNotFoundError):
                os.stat(mnt.view(path))
        with pytest.raises(NotADirectoryError):
            os.stat(mnt.view("cube.image", "table.dat", "x"))


WRITES = {
    "open for writing": lambda p: os.open(p + "/cube.image/table.dat", os.O_RDWR),
    "open for appending": lambda p: os.open(p + "/cube.image/table.f0_TSM0", os.O_WRONLY | os.O_APPEND),
    "open and cut": lambda p: os.open(p + "/cube.image/table.dat", os.O_RDONLY | os.O_TRUNC),
    "create": lambda p: os.open(p + "/cube.image/new", os.O_WRONLY | os.O_CREAT, 0o644),
    "create at the top": lambda p: os.open(p + "/new", os.O_WRONLY | os.O_CREAT, 0o644),
    "mkdir": lambda p: os.mkdir(p + "/new"),
    "mkdir in a view": lambda p: os.mkdir(p + "/cube.image/new"),
    "unlink": lambda p: os.unlink(p + "/cube.image/table.dat"),
    "rmdir": lambda p: os.rmdir(p + "/cube.image/logtable"),
    "rename": lambda p: os.rename(p + "/cube.image/table.dat", p + "/cube.image/x"),
    "rename a view": lambda p: os.rename(p + "/cube.image", p + "/x"),
    "truncate": lambda p: os.truncate(p + "/cube.image/table.dat", 0),
    "chmod": lambda p: os.chmod(p + "/cube.image/table.dat", 0o600),
    "chown": lambda p: os.chown(p + "/cube.image/table.dat", 1, 1),
    "utime": lambda p: os.utime(p + "/cube.image/table.dat", (0, 0)),
    "symlink": lambda p: os.symlink("x", p + "/new"),
    "link": lambda p: os.link(p + "/cube.image/table.dat", p + "/new"),
    "setxattr": lambda p: os.setxattr(p + "/cube.image/table.dat", "user.x", b"y"),
}


@pytest.mark.parametrize("options", [(), ("-o", "direct_io")], ids=["default", "direct_io"])
@pytest.mark.parametrize("what", WRITES)
def test_read_only(small, mount, what, options):
    source, _ = small
    before = families.manifest(source)
    with mount(source, *options) as mnt:
        there = programs.tree(mnt.path)
        with pytest.raises(OSError) as caught:
            WRITES[what](mnt.path)
        assert caught.value.errno == errno.EROFS
        assert programs.tree(mnt.path) == there
    assert families.manifest(source) == before


# ---- owner, group, mode, times ----

def each_part(source, ext, function):
    """function(path, number) for a part's directory and everything in it."""
    for entry in sorted(os.listdir(source)):
        match = families.PART.match(entry)
        if match and match.group(2) == ext:
            top = os.path.join(source, entry)
            for base, _, files in os.walk(top):
                for path in [base] + [os.path.join(base, f) for f in files]:
                    function(path, int(match.group(1)))


def modes(view):
    """Modes of all directories and of all files of a view: two sets."""
    found = {True: set(), False: set()}
    for path in [""] + list(programs.tree(view)):
        st = os.lstat(os.path.join(view, path))
        found[stat.S_ISDIR(st.st_mode)].add(stat.S_IMODE(st.st_mode))
    return found[True], found[False]


def owners(view):
    paths = [""] + list(programs.tree(view))
    return {os.lstat(os.path.join(view, p))[4:6] for p in paths}


def needs_root():
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")


def set_modes(source, ext, wanted):
    each_part(source, ext, lambda path, n: os.chmod(path, wanted[n][0] if os.path.isdir(path) else wanted[n][1]))


@pytest.mark.parametrize("given, directories, files", [
    ([(0o755, 0o644)] * 3, 0o555, 0o444),
    ([(0o755, 0o644), (0o750, 0o640), (0o755, 0o644)], 0o550, 0o440),
    ([(0o775, 0o664), (0o750, 0o640), (0o705, 0o604)], 0o500, 0o400),
])
def test_mode_is_the_and_of_the_parts_less_write(small, mount, given, directories, files):
    source, _ = small
    set_modes(source, ".image", given)
    with mount(source) as mnt:
        assert modes(mnt.view("cube.image")) == ({directories}, {files})
        assert modes(mnt.view("cube.psf")) == ({0o555}, {0o444})


def test_owner_and_group_are_the_parts(small, mount):
    needs_root()
    source, _ = small
    each_part(source, ".image", lambda path, n: os.chown(path, 1234, 2345))
    with mount(source) as mnt:
        assert owners(mnt.view("cube.image")) == {(1234, 2345)}


@pytest.mark.parametrize("ids", [(1234, 0), (0, 2345)], ids=["owner", "group"])
def test_parts_of_several_owners_are_the_mounting_users(small, mount, ids):
    needs_root()
    source, _ = small
    each_part(source, ".image", lambda path, n: os.chown(path, *ids) if n == 1 else None)
    with mount(source) as mnt:
        assert owners(mnt.view("cube.image")) == {(os.geteuid(), os.getegid())}
        assert modes(mnt.view("cube.image")) == ({0o500}, {0o400})
        assert modes(mnt.view("cube.psf")) == ({0o555}, {0o444})


def test_a_part_with_an_acl_is_the_mounting_users(small, mount):
    source, _ = small
    if not shutil.which("setfacl"):
        pytest.skip("setfacl is not installed")
    done = programs.run(["setfacl", "-m", "u:1234:r-x", source + "/cube.subcube.1.image"])
    if done.returncode:
        pytest.skip("no ACLs on this file system: " + done.stderr.strip())
    with mount(source) as mnt:
        assert owners(mnt.view("cube.image")) == {(os.geteuid(), os.getegid())}
        assert modes(mnt.view("cube.image")) == ({0o500}, {0o400})
        assert modes(mnt.view("cube.psf")) == ({0o555}, {0o444})


def test_times_are_the_newest_parts(small, mount):
    source, _ = small
    times = {0: 1_500_000_000, 1: 1_700_000_000, 2: 1_600_000_000}

    def age(path, n):
        os.utime(path, (times[n], times[n]))
    each_part(source, ".image", age)
    with mount(source) as mnt:
        for path in [""] + list(programs.tree(mnt.view("cube.image"))):
            assert os.stat(mnt.view("cube.image", path)).st_mtime == times[1], path


def test_permissions_are_checked_by_the_kernel(small, mount):
    with mount(small[0]) as mnt:
        fields = programs.mountinfo(mnt.path)
        options = (fields[5] + "," + fields[-1]).split(",")
        assert "default_permissions" in options
        assert "ro" in options


def as_user(uid, *command):
    return programs.run(["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", *command])


@pytest.fixture
def open_to_all():
    """A directory that every user can enter; pytest's own are closed to others."""
    where = tempfile.mkdtemp(dir="/tmp")
    os.chmod(where, 0o755)
    yield where
    shutil.rmtree(where)


def may_read(uid, path):
    return as_user(uid, "cat", path).returncode == 0


def test_other_users_may_read_what_the_parts_let_them_read(small, mount, open_to_all):
    needs_root()
    source = shutil.copytree(small[0], open_to_all + "/source")
    each_part(source, ".image", lambda path, n: os.chown(path, 1234, 1234))
    set_modes(source, ".image", [(0o750, 0o640)] * 3)
    with mount(source, "-o", "allow_other", mountpoint=open_to_all + "/mnt") as mnt:
        assert may_read(1234, mnt.view("cube.image", "table.dat"))
        assert not may_read(2345, mnt.view("cube.image", "table.dat"))
        assert may_read(2345, mnt.view("cube.psf", "table.dat"))


def test_a_mount_opens_no_way_to_parts_that_nobody_else_can_reach(small, mount, open_to_all):
    needs_root()
    closed = open_to_all + "/closed"
    os.mkdir(closed, 0o700)
    source = shutil.copytree(small[0], closed + "/source")
    with mount(source, "-o", "allow_other", mountpoint=open_to_all + "/mnt") as mnt:
        assert not may_read(2345, mnt.view("cube.psf", "table.dat"))


def test_inode_numbers_do_not_change(small, mount):
    with mount(small[0]) as mnt:
        def numbers():
            return {p: os.stat(os.path.join(mnt.path, p)).st_ino for p in programs.tree(mnt.path)}
        first = numbers()
        assert len(set(first.values())) == len(first)
        assert numbers() == first
