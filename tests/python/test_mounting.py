"""mount(): a mount for as long as a block runs, gone after it whatever happens."""

import os
import signal

import pytest

import programs
import subcubefs

pytestmark = pytest.mark.fuse


def is_gone(path):
    return programs.wait_until(lambda: not programs.mountinfo(path) and not programs.processes(path))


def test_a_directory_of_its_own(small):
    with subcubefs.mount(small[0]) as path:
        assert programs.mountinfo(path)
        assert sorted(os.listdir(path)) == ["cube.image", "cube.psf"]
        assert programs.whole(path + "/cube.image/table.dat")
    assert is_gone(path)
    assert not os.path.exists(path)


def test_a_mountpoint_given(small, tmp_path, monkeypatch):
    (tmp_path / "mnt").mkdir()
    monkeypatch.chdir(tmp_path)
    with subcubefs.mount(small[0] + "/cube", "mnt") as path:
        assert path == os.path.realpath(tmp_path / "mnt")
        monkeypatch.chdir("/")
        assert sorted(os.listdir(path)) == ["cube.image", "cube.psf"]
    assert is_gone(path)
    assert os.listdir(path) == []


def test_options_are_passed(small):
    with subcubefs.mount(small[0], options=["--nparts=4", "-o", "fsname=mine"]) as path:
        assert programs.mountinfo(path)[-2] == "mine"


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_it_goes_when_the_block_fails(small, error):
    with pytest.raises(error):
        with subcubefs.mount(small[0]) as path:
            raise error
    assert is_gone(path)
    assert not os.path.exists(path)


def test_it_goes_while_a_file_is_open(small):
    with subcubefs.mount(small[0]) as path:
        stream = open(path + "/cube.image/table.f0_TSM0", "rb")
    assert not programs.mountinfo(path) and not os.path.exists(path)
    assert stream.read(), "a reader keeps what it has open"
    stream.close()
    assert programs.wait_until(lambda: not programs.processes(path))


def test_it_goes_when_its_server_has_died(small):
    with subcubefs.mount(small[0]) as path:
        for pid in programs.processes(path):
            os.kill(pid, signal.SIGKILL)
        assert programs.wait_until(lambda: not programs.processes(path))
    assert is_gone(path)
    assert not os.path.exists(path)


def test_somebody_else_may_unmount_it(small):
    with subcubefs.mount(small[0]) as path:
        assert programs.run(["fusermount3", "-u", path]).returncode == 0
    assert is_gone(path)


@pytest.mark.parametrize("where", [None, "mnt"])
def test_what_cannot_be_mounted_says_why(tmp_path, where):
    (tmp_path / "mnt").mkdir()
    with pytest.raises(subcubefs.MountError, match="No subcube files found in"):
        with subcubefs.mount(str(tmp_path), where and str(tmp_path / where)):
            pass
    assert (tmp_path / "mnt").is_dir()


def test_a_log_to_standard_error_does_not_hold_up(small):
    """The daemon keeps it open as long as it lives."""
    with subcubefs.mount(small[0], options=["--log=stderr"]) as path:
        assert programs.mountinfo(path)
    assert is_gone(path)
