"""subcube-materialize killed, interrupted, or failing at every single call by which it changes the disk, in each mode."""

import errno
import os
import re
import subprocess

import pytest

import crashes
import diskcalls
import programs
import synth
from crashes import stage   # noqa: F401, a fixture

THOROUGH = bool(os.environ.get("SC_SOAK_SECONDS"))


def calls(stage, step):
    """Numbers of the calls at which something happens: every step-th, fewer of them where programs are slow; all under tools/soak."""
    if THOROUGH:
        step = 1
    elif programs.is_sanitized():
        step *= 6
    return range(1 + stage.outcome.count % min(step, stage.outcome.count), stage.outcome.count + 1, step)


@pytest.mark.soak
def test_killed_after_every_call(stage, record_fault):
    tried = 0
    for at in calls(stage, 1):
        tried += 1
        stage.reset()
        done = stage.play(at, "kill")
        assert done.acted and done.returncode == -9, (at, done.returncode)
        stage.assert_nothing_lost()
        stage.recover()
    record_fault("Materializer", "killed (-9) after a call that changes the disk, then run again", tried)


def turn(at, choices):
    return choices if THOROUGH else [choices[at % len(choices)]]


@pytest.mark.soak
def test_an_error_at_every_call(stage, record_fault):
    """The disk full or the quota used up from there on, or one call that fails."""
    tried = 0
    ways = ["full %d" % errno.ENOSPC, "fail %d" % errno.EIO, "full %d" % errno.EDQUOT]
    for at in calls(stage, 4):
        for do in turn(at, ways):
            stage.reset()
            done = stage.play(at, do)
            stage.assert_nothing_lost()
            now = programs.tree(stage.root)
            assert done.returncode in (0, 1), (at, do, done.returncode, done.stderr)
            assert not re.search("Sanitizer|assert", done.stderr), done.stderr
            left = [k for k in now if "subcube-materialize" in k]
            # what cannot be removed is left to the next run
            unfinished = any(k.endswith(("move.journal", "/removal")) for k in now)
            assert not left or do.startswith("fail") or unfinished and "--resume" in done.stderr, (at, do, left, done.stderr)
            if done.returncode == 0:
                assert {k: v for k, v in now.items() if k not in left} == stage.last, (at, do, sorted(now))
            else:
                assert done.stderr.count("\n") in (1, 2) and "cube" in done.stderr, (at, do, done.stderr)
            tried += 1
            stage.recover()
    record_fault("Materializer", "ENOSPC, EDQUOT or EIO at a call that changes the disk", tried)


@pytest.mark.soak
def test_a_signal_at_every_call(stage, record_fault):
    tried = 0
    for at in calls(stage, 5):
        for number in turn(at, [2, 15, 1]):
            stage.reset()
            done = stage.play(at, "signal %d" % number)
            assert done.acted
            stage.assert_nothing_lost()
            now = programs.tree(stage.root)
            assert done.returncode in (0, 128 + number), (at, number, done.returncode, done.stderr)
            if done.returncode == 0:
                assert now == stage.last, (at, number, sorted(now))
            assert [k for k in now if "subcube-materialize" in k] == [] or \
                any(k.endswith(("move.journal", "/removal")) for k in now), (at, number)
            tried += 1
            stage.recover()
    record_fault("Materializer", "SIGINT, SIGTERM or SIGHUP at a call that changes the disk", tried)


def test_all_calls_are_seen(strace, tmp_path):
    """The kernel's count of them is ours."""
    synth.build(str(tmp_path / "root" / "run"), synth.run([1, 1], ny=3, nx=4, masks=True))
    names = ("renameat2 renameat rename unlinkat unlink rmdir mkdirat mkdir pwrite64 pwritev pwritev2 writev fsync fdatasync "
             "ftruncate truncate fallocate linkat link symlinkat symlink copy_file_range fchmod fchmodat chmod utimensat "
             "sendfile mknodat mknod setxattr fsetxattr").split()
    for mode in (["-m", "p"], ["-m", "c"], ["-m", "m"], ["--undo"], ["--remove-subcubes"]):
        command = ["strace", "-f", "-y", "-o", str(tmp_path / "trace"), "-e", "trace=" + ",".join(names)]
        # those that the header program does in its scratch directory are not of this program
        arguments = crashes.command(str(tmp_path / "root"), [*mode, "--overwrite"] if mode == ["-m", "c"] else mode)
        done = diskcalls.run(tmp_path / "root", tmp_path, [*command, *arguments], env=programs.traced_environment())
        assert done.returncode == 0, done.stderr
        seen = {}
        for line in open(tmp_path / "trace"):
            found = re.match(r"\d+ +(\w+)\(", line)
            if found and str(tmp_path / "root") in line:
                seen[found.group(1)] = seen.get(found.group(1), 0) + 1
        ours = {}
        for line in done.tape:
            ours[line[1]] = ours.get(line[1], 0) + 1
        renamed = seen.pop("renameat2", 0) + seen.pop("renameat", 0)
        assert renamed == ours.get("rename", 0)
        for call, name in (("fsync", "sync"), ("mkdirat", "mkdir"), ("unlinkat", "unlink")):
            # those that fail are on the kernel's list only
            assert seen.pop(call, 0) >= ours.get(name, 0), (mode, call)
        assert set(seen) <= {"pwrite64", "ftruncate", "fallocate", "fchmod", "utimensat", "copy_file_range"}, (mode, seen)
        if mode == ["-m", "c"]:
            subprocess.run(["rm", "-r", str(tmp_path / "root/run/cube.image")], check=True)
        if mode == ["-m", "p"]:
            subprocess.run(["rm", "-r", str(tmp_path / "root/run/cube.image")], check=True)
