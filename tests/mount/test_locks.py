"""Locks on a view are answered by the mount; the parts never see one, and none on a part is seen in the view."""

import fcntl
import os
import struct
import subprocess
import sys

import programs

LOCK = "table.lock"


def lock_of_another_process(path):
    """What an exclusive lock of ours on `path` would collide with, as F_GETLK tells: the type of lock."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        return struct.unpack("hhqqi", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[0]
    finally:
        os.close(descriptor)


def holder(path, mode, how):
    """A process that holds a lock on `path` until its standard input is closed."""
    code = ("import fcntl, os, sys\nd = os.open(sys.argv[1], os.%s)\nfcntl.lockf(d, fcntl.%s | fcntl.LOCK_NB)\n"
            "print('held', flush=True)\nsys.stdin.read()" % (mode, how))
    process = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def release(process):
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_lock_on_a_view_does_not_reach_the_parts(small, mount):
    source, parts = small
    with mount(source) as mnt:
        for name in (LOCK, "table.dat", "table.f0_TSM0"):
            held = holder(mnt.view("cube.image", name), "O_RDONLY", "LOCK_SH")
            for n in range(len(parts)):
                path = os.path.join(source, "cube.subcube.%d.image" % n, name)
                assert lock_of_another_process(path) == fcntl.F_UNLCK
            release(held)


def test_a_lock_on_a_part_does_not_stop_a_reader_of_the_view(small, mount):
    source, _ = small
    held = holder(os.path.join(source, "cube.subcube.0.image", LOCK), "O_RDWR", "LOCK_EX")
    try:
        with mount(source) as mnt:
            release(holder(mnt.view("cube.image", LOCK), "O_RDONLY", "LOCK_SH"))
            assert programs.whole(mnt.view("cube.image", "table.f0_TSM0"))
    finally:
        release(held)


def test_readers_share_a_lock_on_a_view(small, mount):
    with mount(small[0]) as mnt:
        first = holder(mnt.view("cube.image", LOCK), "O_RDONLY", "LOCK_SH")
        second = holder(mnt.view("cube.image", LOCK), "O_RDONLY", "LOCK_SH")
        release(first)
        release(second)
