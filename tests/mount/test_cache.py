"""Headers that are kept from one mount to the next: the same bytes, attributes and messages, or made anew."""

import os
import time

import pytest

import fitsparts
import programs

NO_PROGRAM = "/nonexistent/header-program"     # a view that must be built fails with it


def settle(source):
    """Files that changed less than 2 s ago are not trusted."""
    programs.age(source)
    time.sleep(2.2)


def look(mnt, path="cube.image"):
    """All of a view but its pixels' access times: bytes and attributes."""
    top = mnt.view(path)
    found = programs.tree(top)
    attributes = {name: os.stat(os.path.join(top, name)) for name in [*found, "."]}
    return found, {name: (st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns, st.st_nlink)
                   for name, st in attributes.items()}


def messages(mnt, name):
    """What the log says of a view, without the times."""
    return [line.split(name, 1)[1] for line in mnt.log().splitlines() if name in line]


def test_the_next_mount_starts_from_what_was_kept(mount, small, tmp_path, monkeypatch):
    """Narrow permissions, a part that is cut short and one that is missing: all come back, the messages too."""
    source, _ = small
    os.chmod(source + "/cube.subcube.1.image/table.dat", 0o640)
    os.truncate(source + "/cube.subcube.2.image/table.f0_TSM0", 0)
    programs.run(["rm", "-r", source + "/cube.subcube.1.psf"])
    cache = tmp_path / "cache"
    seen = []
    settle(source)
    for _ in range(2):
        with mount(source, "--cache-dir=%s" % cache) as mnt:
            table = mnt.view("cube.image", "table.dat")
            st = os.stat(table)
            seen.append((programs.whole(table), st.st_mode, st.st_uid, st.st_mtime_ns, look(mnt, "cube.psf"),
                         messages(mnt, "cube.image"), messages(mnt, "cube.psf")))
        monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    assert seen[0] == seen[1]
    assert seen[0][1] & 0o7777 == 0o440 and "bytes long" in seen[0][5][0] and "missing" in seen[0][6][0]
    assert len(os.listdir(cache)) == 2 and os.stat(cache).st_mode & 0o7777 == 0o700
    assert all(os.stat(cache / name).st_mode & 0o7777 == 0o600 for name in os.listdir(cache))


def test_all_of_a_view_comes_back(mount, family, tmp_path, monkeypatch):
    """A real family, every extension."""
    source, cache = family("A1").source, tmp_path / "cache"
    settle(source)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        names = os.listdir(mnt.path)
        built = {name: look(mnt, name) for name in names}
        said = {name: messages(mnt, name) for name in names}
    monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        assert {name: look(mnt, name) for name in names} == built
        assert {name: messages(mnt, name) for name in names} == said


@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_fits_parts_come_back(mount, tmp_path, monkeypatch, dtype):
    """Their pixels and masks are decoded: how, comes from the cache."""
    source, cache = str(tmp_path / "source"), tmp_path / "cache"
    paths, _ = fitsparts.family(source, dtype, [2, 3, 1], **({"BLANK": 7} if dtype == "i2" else {}))
    settle(source)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        built = look(mnt)
    monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        assert look(mnt) == built
    os.utime(paths[1])
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        with pytest.raises(OSError):
            os.listdir(mnt.view("cube.image"))


def test_a_virtual_image_comes_back(mount, small, tmp_path, monkeypatch):
    """Its parts are named by a catalog."""
    source, _ = small
    cache = tmp_path / "cache"
    done = programs.materialize("-q", "-m", "movevirtual", "-e", ".image", source + "/cube")
    assert done.returncode == 0, done.stderr
    settle(source)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        built = look(mnt)
    monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        assert look(mnt) == built


def rewrite(part):
    path = part + "/table.f0_TSM0"
    st = os.stat(path)
    with open(path, "r+b") as stream:
        stream.write(b"\0\0\0\0")
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def remove(part):
    programs.run(["rm", "-r", part])


@pytest.mark.parametrize("change", [rewrite, remove])
def test_a_change_in_the_source_is_seen(mount, small, tmp_path, monkeypatch, change):
    source, _ = small
    cache = tmp_path / "cache"
    settle(source)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        os.listdir(mnt.view("cube.image"))
    change(source + "/cube.subcube.0.image")
    monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        with pytest.raises(OSError):
            os.listdir(mnt.view("cube.image"))
    monkeypatch.delenv("SUBCUBEFS_HEADER")
    with mount(source, "--cache-dir=%s" % cache) as mnt, mount(source, "--no-cache") as other:
        assert look(mnt)[0] == look(other)[0]


def test_young_parts_and_no_cache_leave_nothing(mount, small, tmp_path):
    source, _ = small
    cache = tmp_path / "cache"
    os.utime(source + "/cube.subcube.0.image/table.dat")
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        os.listdir(mnt.view("cube.image"))
    assert os.listdir(cache) == []
    settle(source)
    with mount(source, "--cache-dir=%s" % cache, "--no-cache") as mnt:
        os.listdir(mnt.view("cube.image"))
    assert os.listdir(cache) == []


def make_file(path):
    path.write_text("x")


def make_open(path):
    path.mkdir()
    path.chmod(0o777)


@pytest.mark.parametrize("make", [make_file, make_open])
def test_an_unusable_directory_is_one_line_in_the_log(mount, small, tmp_path, make):
    source, _ = small
    cache = tmp_path / "cache"
    make(cache)
    settle(source)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        for name in ("cube.image", "cube.psf"):
            os.listdir(mnt.view(name))
        lines = [line for line in mnt.log().splitlines() if "cache" in line]
        assert len(lines) == 1 and str(cache) in lines[0], mnt.log()


def test_a_damaged_file_is_replaced(mount, small, tmp_path, monkeypatch):
    source, _ = small
    cache = tmp_path / "cache"
    settle(source)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        built = look(mnt)
    [name] = os.listdir(cache)
    for damage in (lambda whole: whole[:-1], lambda whole: whole[:500] + b"\xff" + whole[501:], lambda whole: b""):
        (cache / name).write_bytes(damage((cache / name).read_bytes()))
        with mount(source, "--cache-dir=%s" % cache) as mnt:
            assert look(mnt) == built
    monkeypatch.setenv("SUBCUBEFS_HEADER", NO_PROGRAM)
    with mount(source, "--cache-dir=%s" % cache) as mnt:
        assert look(mnt) == built
