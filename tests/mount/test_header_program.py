"""A header program that fails in any way costs the view that it was started for, for that look, and no other."""

import errno
import os
import signal
import threading
import time

import pytest

import programs

REAL = os.path.join(programs.BUILD, "common", "casa", "subcubefs-header")

# Which way is in a file beside it.
SCRIPT = """#!/bin/sh
case "$(cat '%(mode)s')" in
killed) kill -KILL $$ ;;
crashed) kill -SEGV $$ ;;
hung) exec sleep 1000 ;;
"hung as long as its mount lives") while kill -0 $PPID 2>/dev/null; do sleep 0.1; done; exit 1 ;;
"deaf and chatty") exec cat /dev/zero ;;
failed) echo 'subcubefs-header: nothing works today' >&2; exit 1 ;;
"done without doing") exit 0 ;;
"out of memory") ulimit -v 40000; exec '%(real)s' "$@" ;;
esac
exec '%(real)s' "$@"
"""

WAYS = {"killed": "killed by signal 9", "crashed": "killed by signal 11", "hung": "took longer than", "failed": "nothing works today",
        "deaf and chatty": "wrote more than", "done without doing": "", "out of memory": ""}


@pytest.fixture
def set_mode(tmp_path, monkeypatch):
    mode, script = tmp_path / "mode", tmp_path / "header"
    script.write_text(SCRIPT % {"mode": mode, "real": REAL})
    script.chmod(0o755)
    monkeypatch.setenv("SUBCUBEFS_HEADER", str(script))
    monkeypatch.setenv("SUBCUBEFS_HEADER_SECONDS", "8")     # enough for one that works, on a busy machine
    return mode.write_text


@pytest.mark.parametrize("way", WAYS)
def test_a_header_program_that_fails(small, mount, set_mode, record_fault, way):
    source, parts = small
    pixels = b"".join(p.pixels.tobytes() for p in parts)
    set_mode("well")
    with mount(source, "--no-cache", "-o", "direct_io") as mnt:
        assert programs.whole(mnt.view("cube.image", "table.f0_TSM0")) == pixels
        set_mode(way)
        for _ in range(2):      # at once it is not tried again
            with pytest.raises(OSError) as caught:
                os.listdir(mnt.view("cube.psf"))
            assert caught.value.errno == errno.EIO
        lines = [line for line in mnt.log().splitlines() if "error: cube.psf" in line and WAYS[way] in line]
        assert len(lines) == 1, mnt.log()
        assert programs.whole(mnt.view("cube.image", "table.f0_TSM0")) == pixels
        set_mode("well")

        def works():
            time.sleep(0.2)
            try:
                return programs.whole(mnt.view("cube.psf", "table.f0_TSM0")) == pixels
            except OSError:
                return False
        assert programs.wait_until(works), mnt.log()
    record_fault("Processes", "a header program that is killed, crashes, hangs or fails, other views going on", 1)


def test_a_header_program_that_is_not_there(small, mount, monkeypatch):
    source, _ = small
    monkeypatch.setenv("SUBCUBEFS_HEADER", "/dev/null/none")
    with mount(source, "--no-cache") as mnt:
        with pytest.raises(OSError) as caught:
            os.listdir(mnt.view("cube.image"))
        assert caught.value.errno == errno.EIO
        programs.assert_message(mnt.log(), ["cube.image", "/dev/null/none"])


def test_what_a_killed_mount_leaves_is_removed(small, mount, set_mode, tmp_path, monkeypatch, record_fault):
    """By the next one that makes a header there; but not what another one uses, or has begun not long ago."""
    source, _ = small
    scratch, readers = tmp_path / "scratch", {}
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setenv("SUBCUBEFS_HEADER_SECONDS", "600")

    def look(mnt):
        with pytest.raises(OSError):
            os.listdir(mnt.view("cube.image"))

    def begin(mnt):
        before = set(os.listdir(scratch))
        readers[mnt] = threading.Thread(target=look, args=(mnt,))
        readers[mnt].start()
        assert programs.wait_until(lambda: len(os.listdir(scratch)) > len(before))
        made, = set(os.listdir(scratch)) - before
        return made

    def kill(mnt):
        pid, = mnt.pids()
        os.kill(pid, signal.SIGKILL)
        assert programs.wait_until(lambda: not mnt.pids())
        readers[mnt].join()
        assert programs.run(["fusermount3", "-u", mnt.path]).returncode == 0

    set_mode("hung as long as its mount lives")
    living, old, new, other = [mount(source, "--no-cache") for _ in range(4)]
    with living:
        in_use = begin(living)
        with old, new:
            left = begin(old)
            kept = {in_use, begin(new)}
            kill(old)
            kill(new)
        for name in (in_use, left):
            os.utime(scratch / name, (time.time() - 3600, time.time() - 3600))
        assert len(os.listdir(scratch)) == 3
        set_mode("well")
        with other:
            os.listdir(other.view("cube.image"))
            assert set(os.listdir(scratch)) == kept
        pid, = living.pids()
        os.kill(pid, signal.SIGTERM)
        living.assert_gone()
    readers[living].join()
    record_fault("Processes", "a mount is killed while a header is made: its scratch directory goes", 1)


LIMITS = ("as=60000000", "as=100000000", "as=200000000", "as=400000000", "nofile=16", "nofile=32", "nofile=256")


@pytest.mark.parametrize("limit", LIMITS)
def test_little_memory_and_few_descriptors(small, mount, record_fault, limit):
    """Everything that is answered is right; what cannot be done is an error that says so."""
    if limit.startswith("as=") and "asan" in programs.BUILD:
        pytest.skip("the sanitizer needs terabytes of address space")
    source, parts = small
    pixels = b"".join(p.pixels.tobytes() for p in parts)
    mnt = mount(source, "--no-cache", "-o", "direct_io")
    os.makedirs(mnt.path)
    done = programs.run(["prlimit", "--" + limit, *mnt.command])
    tried = 1
    if done.returncode:
        assert done.returncode == 1 and done.stderr.startswith("subcubefs: "), done.stderr
        assert not programs.mountinfo(mnt.path)
    else:
        for view in ("cube.image", "cube.psf"):
            for _ in range(20):
                tried += 1
                try:
                    assert programs.whole(mnt.view(view, "table.f0_TSM0")) == pixels
                except OSError as error:
                    assert error.errno in (errno.EIO, errno.ENOMEM, errno.EMFILE)
                    assert "error: " in mnt.log()
        assert len(mnt.pids()) == 1
        assert programs.run(["fusermount3", "-u", mnt.path]).returncode == 0
        mnt.assert_gone()
    if limit == "nofile=256":
        assert "error: " not in mnt.log()
    record_fault("Processes", "little memory, few descriptors", tried)
