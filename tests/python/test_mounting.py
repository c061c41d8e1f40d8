"""mount(): a mount for as long as a block runs, gone after it whatever happens."""

import os
import pathlib
import signal
import subprocess
import sys

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


@pytest.mark.parametrize("error, options", [
    (ValueError, ["--help"]), (ValueError, ["-h"]), (ValueError, ["--version"]), (ValueError, ["--list"]), (ValueError, ["-f"]),
    (ValueError, ["--foreground"]), (ValueError, ["--fore"]), (ValueError, ["--"]), (TypeError, "--settle=0"), (TypeError, [4])])
def test_options_that_make_no_sense_are_refused(small, tmp_path, error, options):
    (tmp_path / "mnt").mkdir()
    with pytest.raises(error):
        with subcubefs.mount(small[0], tmp_path / "mnt", options=options):
            pass


def test_a_program_that_mounts_nothing_is_an_error(small, tmp_path, monkeypatch):
    """Which one is found in PATH is up to the user."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "subcubefs").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "subcubefs").chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path / "bin", os.environ["PATH"]))
    with pytest.raises(subcubefs.MountError, match="nothing is mounted"):
        with subcubefs.mount(small[0]):
            pass


def test_an_empty_mountpoint_is_not_the_current_directory(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(subcubefs.MountError, match="empty"):
        with subcubefs.mount(small[0], ""):
            pass


@pytest.mark.parametrize("kind", [os.fsencode, pathlib.Path], ids=["bytes", "Path"])
def test_paths_of_any_kind(small, tmp_path, kind):
    (tmp_path / "mnt").mkdir()
    with subcubefs.mount(kind(small[0]), kind(str(tmp_path / "mnt"))) as path:
        assert sorted(os.listdir(path)) == ["cube.image", "cube.psf"]
    assert is_gone(path)


@pytest.fixture
def disk(tmp_path):
    """A directory that a file system is mounted on."""
    path = str(tmp_path / "disk")
    os.mkdir(path)
    if programs.run(["mount", "-t", "tmpfs", "none", path]).returncode != 0:
        pytest.skip("no file system can be mounted")
    yield path
    while programs.mountinfo(path):
        assert programs.run(["umount", "-l", path]).returncode == 0


@pytest.mark.parametrize("somebody_else", [False, True])
def test_what_was_mounted_there_before_stays(small, disk, somebody_else):
    with subcubefs.mount(small[0], disk) as path:
        assert sorted(os.listdir(path)) == ["cube.image", "cube.psf"]
        if somebody_else:
            assert programs.run(["umount", path]).returncode == 0
    assert os.listdir(disk) == [] and programs.mountinfo(disk)


def test_a_mount_that_was_there_is_not_unmounted_by_one_that_fails(small, tmp_path):
    (tmp_path / "mnt").mkdir()
    with subcubefs.mount(small[0], tmp_path / "mnt") as path:
        with pytest.raises(subcubefs.MountError, match="already mounted"):
            with subcubefs.mount(small[0], tmp_path / "mnt"):
                pass
        assert programs.mountinfo(path)


INTERRUPTED = """
import os, signal, sys, subprocess, subcubefs
wait = subprocess.Popen.wait
def interrupted(self, timeout=None):
    if timeout is None and "subcubefs" in self.args[0]:
        %s
        raise KeyboardInterrupt
    return wait(self, timeout=timeout)
subprocess.Popen.wait = interrupted
with subcubefs.mount(sys.argv[1]): pass
"""


@pytest.mark.parametrize("late", ["pass", "import time; time.sleep(0.005)", "import time; time.sleep(0.02)", "wait(self)"],
                         ids=["at_once", "soon", "later", "mounted"])
def test_an_interrupt_while_it_is_mounted_leaves_nothing(small, tmp_path, late):
    """At whatever moment: it is an interrupt for the caller, and there is no mount, then or later, and no directory."""
    env = dict(os.environ, PYTHONPATH=os.path.join(programs.ROOT, "python"), TMPDIR=str(tmp_path))
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", INTERRUPTED % late, small[0]], env=env, stderr=subprocess.PIPE, text=True,
                              timeout=programs.START_S)
        assert "KeyboardInterrupt" in done.stderr.splitlines()[-1], done.stderr
        assert not [line for line in open("/proc/self/mountinfo") if str(tmp_path) in line.split()[4]]
        assert [n for n in os.listdir(tmp_path) if n.startswith("subcubefs-")] == []
