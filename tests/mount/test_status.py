"""What the mount tells about itself: MOUNTPOINT/.subcubefs, and the extended attributes of the views."""

import json
import os
import shutil
import time

import pytest

import live
import programs
import synth

IMAGE = "cube.image"


def status(mnt):
    with open(mnt.view(".subcubefs", "status.json")) as stream:
        return json.load(stream)


def image(mnt, name=IMAGE, current=True):
    found = [i for i in status(mnt)["images"] if i["name"] == name and i["current"] is current]
    assert len(found) <= 1
    return found[0] if found else None


def attribute(mnt, name, view=IMAGE):
    return os.getxattr(mnt.view(view), "user.subcubefs." + name).decode()


@pytest.fixture
def source(tmp_path):
    return str(tmp_path / "source")


def test_it_is_found_by_name_but_in_no_listing(source, mount, tmp_path):
    live.build(source, live.parts(2))
    with mount(source) as mnt:
        assert os.listdir(mnt.path) == [IMAGE]
        assert sorted(os.listdir(mnt.view(".subcubefs"))) == ["gen", "log", "status.json"]
        assert os.stat(mnt.path).st_nlink == 3
        done = programs.run(["cp", "-r", mnt.path, tmp_path / "copy"])
        assert done.returncode == 0, done.stderr
        assert os.listdir(tmp_path / "copy") == [IMAGE]
        for name in ("nothing", "gen/0", "gen/00", "gen/99", "gen/-1", "gen/x"):
            assert not os.path.exists(mnt.view(".subcubefs", name)), name
        with pytest.raises(OSError):
            os.unlink(mnt.view(".subcubefs", "log"))


@pytest.mark.parametrize("options", [(), ("--refresh=0",), ("-o", "direct_io")])
def test_each_change_is_another_file_of_its_true_size(source, mount, options):
    live.build(source, live.parts(3))
    with mount(source, *options) as mnt:
        path = mnt.view(".subcubefs", "status.json")
        before = os.stat(path)
        assert image(mnt)["state"] == "not looked into" and image(mnt)["parts"] is None
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1, 2)
        after = os.stat(path)
        assert before.st_ino != after.st_ino
        assert len(programs.whole(path)) == os.stat(path).st_size
        found = status(mnt)
        assert found["source"] == os.path.realpath(source) and found["not_shown"] == []
        assert found["reads"]["count"] > 0 and found["reads"]["bytes"] > 0 and found["reads"]["errors"] == 0
        assert image(mnt)["state"] == "shown" and image(mnt)["parts"] == 3 and image(mnt)["missing"] == []
        assert os.stat(path).st_ino == os.stat(path).st_ino, "what has not changed is the same file"


def test_what_is_missing_and_why(source, mount):
    made = live.parts(5)
    paths = live.build(source, [made[n] for n in (0, 1, 3, 4)], numbers=[0, 1, 3, 4])
    live.build(source, live.parts(1), ext=".psf", old=False)
    with mount(source, "--settle=100", fresh=True) as mnt:
        live.touch(paths[1])
        os.listdir(mnt.view(IMAGE))
        live.becomes(mnt.view(IMAGE), live.expected(0, None, None, 3, 4))
        found = image(mnt)
        assert found["missing"] == ["cube.subcube.1.image to cube.subcube.2.image"] and found["parts"] == 3
        assert found["unsettled"] == [{"part": "cube.subcube.1.image", "reason": "it changed less than 100 s ago"}]
        assert any("missing" in w for w in found["warnings"])
        assert status(mnt)["not_shown"] == [{"name": "cube.psf", "unsettled": [
            {"part": "cube.subcube.0.psf", "reason": "it changed less than 100 s ago"}]}]
        assert attribute(mnt, "missing") == "cube.subcube.1.image to cube.subcube.2.image"
        assert attribute(mnt, "parts") == "3"
        assert attribute(mnt, "generation") == str(found["generation"])
        assert attribute(mnt, "source") == os.path.join(os.path.realpath(source), "cube")


def test_attributes_build_the_view_they_are_about(source, mount):
    live.build(source, live.parts(2))
    with mount(source) as mnt:
        names = ["user.subcubefs." + n for n in ("source", "generation", "parts", "missing", "options")]
        assert sorted(os.listxattr(mnt.view(IMAGE))) == sorted(names)
        assert attribute(mnt, "parts") == "2" and attribute(mnt, "missing") == ""
        assert os.listxattr(mnt.view(IMAGE, "table.dat")) == []


def test_a_view_that_failed_tells_why(source, mount):
    paths = live.build(source, live.parts(2))
    os.truncate(paths[1] + "/table.dat", 10)
    with mount(source) as mnt:
        with pytest.raises(OSError):
            os.listdir(mnt.view(IMAGE))
        found = image(mnt)
        assert found["state"] == "failed" and "cube.subcube.1.image" in found["problem"]


def test_a_generation_is_there_as_long_as_it_is_open(source, mount, tmp_path):
    scratch = str(tmp_path / "scratch")
    live.build(source, live.parts(2))
    with mount(source, *live.OPTIONS) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        old = image(mnt)["generation"]
        generations = mnt.view(".subcubefs", "gen")
        with open(mnt.view(IMAGE, "table.f0_TSM0"), "rb"):
            live.put(source, scratch, live.parts(3), 2)
            live.becomes(mnt.view(IMAGE), live.expected(0, 1, 2))
            new = image(mnt)["generation"]
            assert new != old
            assert sorted(os.listdir(generations)) == sorted([str(old), str(new)])
            assert os.listdir(os.path.join(generations, str(old))) == [IMAGE]
            assert image(mnt, current=False)["generation"] == old and image(mnt, current=False)["open"] == 1
            # By that name casacore opens the old one, while the new one has the usual name.
            assert live.planes(os.path.join(generations, str(old), IMAGE)) == live.expected(0, 1)
            assert live.planes(os.path.join(generations, str(new), IMAGE)) == live.expected(0, 1, 2)
        assert programs.wait_until(lambda: os.listdir(generations) == [str(new)])


REPLACED = "not the directory that was mounted"


def problem(mnt):
    return status(mnt)["problem"]


@pytest.mark.parametrize("removed", [False, True], ids=["renamed", "removed"])
@pytest.mark.parametrize("again", [False, True], ids=["nothing there", "another one"])
def test_a_source_that_is_another_directory_now(source, mount, tmp_path, removed, again):
    live.build(source, live.parts(2))
    with mount(source, *live.OPTIONS) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        assert problem(mnt) is None
        os.rename(source, str(tmp_path / "away"))
        if removed:
            shutil.rmtree(tmp_path / "away")
        if again:
            live.build(source, live.parts(3))
        assert programs.wait_until(lambda: problem(mnt) is not None)
        assert source in problem(mnt) and REPLACED in problem(mnt) and "mount again" in problem(mnt)
        programs.assert_message(mnt.log(), [source, REPLACED])
        if removed:
            assert programs.wait_until(lambda: os.listdir(mnt.path) == [])
            return
        live.becomes(mnt.view(IMAGE), live.expected(0, 1))
        if again:
            shutil.rmtree(source)
        os.rename(str(tmp_path / "away"), source)
        assert programs.wait_until(lambda: problem(mnt) is None)
        assert mnt.log().count(REPLACED) == 1


def test_a_source_that_the_mount_covers_is_in_its_place(source, mount):
    live.build(source, live.parts(2))
    with mount(source, *live.OPTIONS, mountpoint=source) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        time.sleep(1)
        assert problem(mnt) is None and "mounted, which" not in mnt.log()


def test_the_log_has_its_last_hundred_lines(source, mount):
    for number in range(120):
        live.build(source, [live.parts(1)[0]], numbers=[0], ext=".e%d" % number) if number == 0 else os.symlink(
            synth.name(0, ".e0"), os.path.join(source, synth.name(0, ".e%d" % number)))
    for base, _, files in os.walk(source):
        if "table.dat" in files:
            os.truncate(os.path.join(base, "table.dat"), 10)
    with mount(source) as mnt:
        for name in os.listdir(mnt.path):
            with pytest.raises(OSError):
                os.listdir(mnt.view(name))
        lines = programs.whole(mnt.view(".subcubefs", "log")).decode().splitlines()
        assert len(lines) == 100
        assert lines == mnt.log().splitlines()[-100:]
        assert os.stat(mnt.view(".subcubefs", "log")).st_size == len(programs.whole(mnt.view(".subcubefs", "log")))
