"""As a service of systemd's: the unit file, and telling when the mount answers."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import programs


def test_ready_is_told_when_the_mount_answers(small, tmp_path):
    mountpoint = str(tmp_path / "mnt")
    os.mkdir(mountpoint)
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(programs.START_S)
        child = subprocess.Popen([programs.SUBCUBEFS, "-f", small[0], mountpoint], env=dict(os.environ, NOTIFY_SOCKET=path),
                                 stderr=subprocess.PIPE)
        try:
            assert manager.recv(1000) == b"READY=1"
            assert sorted(os.listdir(mountpoint)) == ["cube.image", "cube.psf"]
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=programs.STOP_S)
            assert child.returncode == 0
            assert not programs.mountinfo(mountpoint)
        finally:
            programs.clean_up(mountpoint)


def test_nothing_is_told_when_it_cannot_be_mounted(tmp_path):
    (tmp_path / "mnt").mkdir()
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.setblocking(False)
        done = programs.run([programs.SUBCUBEFS, "-f", tmp_path, tmp_path / "mnt"], env=dict(os.environ, NOTIFY_SOCKET=path))
        assert done.returncode == 1
        with pytest.raises(BlockingIOError):
            manager.recv(1000)


@pytest.mark.parametrize("name", ["", "/nowhere/at/all", "@nobody-listens", "x" * 300, "relative"])
def test_a_manager_that_does_not_listen_is_no_harm(small, tmp_path, name):
    mountpoint = str(tmp_path / "mnt")
    os.mkdir(mountpoint)
    child = subprocess.Popen([programs.SUBCUBEFS, "-f", small[0], mountpoint], env=dict(os.environ, NOTIFY_SOCKET=name),
                             stderr=subprocess.PIPE)
    try:
        assert programs.wait_until(lambda: programs.mountinfo(mountpoint), programs.START_S)
        assert os.path.isdir(mountpoint + "/cube.image")
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=programs.STOP_S)
        assert child.returncode == 0
    finally:
        programs.clean_up(mountpoint)


@pytest.fixture
def unit(tmp_path):
    """The unit file, with the programs under test."""
    with open(os.path.join(programs.BUILD, "dist", "subcubefs@.service")) as stream:
        text = stream.read()
    assert re.search(r"^ExecStart=/\S+/bin/subcubefs ", text, re.MULTILINE)
    path = tmp_path / "subcubefs@.service"
    path.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=" + programs.SUBCUBEFS, text, flags=re.MULTILINE))
    return path


@pytest.mark.nofuse
def test_systemd_understands_the_unit_file(unit):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    named = unit.parent / "subcubefs@my-run.service"
    unit.rename(named)
    done = programs.run(["systemd-analyze", "verify", "--man=no", named])
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_the_command_of_the_unit_file_works(unit, small, tmp_path):
    """As systemd makes a command line of it: $OPTIONS is split at blanks, ${SOURCE} is one argument."""
    mountpoint = tmp_path / "mount point"
    mountpoint.mkdir()
    values = {"SOURCE": small[0], "MOUNTPOINT": str(mountpoint), "OPTIONS": "--nparts=4 -o fsname=mine"}
    # %C is where systemd makes the CacheDirectory.
    own = dict(re.findall(r"^Environment=(\w+)=(.*)$", unit.read_text(), re.MULTILINE))
    cache = os.path.join(own["XDG_CACHE_HOME"].replace("%C", str(tmp_path)),
                         re.search(r"^CacheDirectory=(.*)$", unit.read_text(), re.MULTILINE).group(1))
    os.mkdir(cache)
    line = re.search(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE).group(1)
    command = []
    for word in line.split():
        if re.fullmatch(r"\$\w+", word):
            command += values[word[1:]].split()
        else:
            command.append(re.sub(r"\$\{(\w+)\}", lambda found: values[found.group(1)], word))
    programs.age(small[0])
    time.sleep(2.5)     # a header of files that changed a moment ago is not kept
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={
        **os.environ, **{name: value.replace("%C", str(tmp_path)) for name, value in own.items()}})
    try:
        assert programs.wait_until(lambda: programs.mountinfo(str(mountpoint)), programs.START_S)
        assert os.path.getsize(mountpoint / "cube.image" / "table.dat") > 0
        assert programs.mountinfo(str(mountpoint))[-2] == "mine"
        child.send_signal(signal.SIGTERM)
        assert child.wait(programs.STOP_S) == 0
        assert any(name.endswith(".view") for name in os.listdir(cache))
    finally:
        programs.clean_up(str(mountpoint))
