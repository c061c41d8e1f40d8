"""Mounting for as long as a block of Python runs."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import tempfile
from typing import Iterable, Iterator

from . import programs

PROGRAM = "subcubefs"

# With these it mounts nothing, or does not come back.
SENSELESS = ("--foreground", "-f", "--list", "--help", "-h", "--version", "-V")

STOP_S = 10     # for a mount that is being made when the caller is interrupted


class MountError(OSError):
    """It cannot be mounted; says why."""


@contextlib.contextmanager
def mount(source: str, mountpoint: str | None = None, *, options: Iterable[str] = ()) -> Iterator[str]:
    """Mounts the subcubes in `source` and gives the path they are mounted on:

        with subcubefs.mount("run") as mnt:
            image = casacore.images.image(mnt + "/cube.image")

    Args:
        source: A directory with subcubes, or DIR/BASE for one family in DIR.
        mountpoint: An existing directory. By default one is made, and removed in the end.
        options: A list of options for subcubefs, such as ['--missing=skip', '-odirect_io']. '--settle=0' says that imaging has
            ended; else a subcube that was written less than ten seconds ago is missing until then.

    It is unmounted when the block ends, however it does, even when files in it are still open; only when Python itself is
    killed it stays.

    Raises:
        MountError: It cannot be mounted, or not unmounted.
        TypeError, ValueError: An option makes no sense.
    """
    options = programs.options_for("mount", options, SENSELESS)
    with _directory(mountpoint) as path:
        below = _device(path)
        try:
            _start([programs.find(PROGRAM), *options, "--", os.fsdecode(source), path])
            if _device(path) == below:
                raise MountError("%s: %s ended, and nothing is mounted" % (path, PROGRAM))
            yield path
        finally:
            _unmount(path, below)


def _start(command: list[str]) -> None:
    """Returns when the mount answers. Interrupted, it leaves no process that could still mount."""
    # A file: the end of a pipe that is logged to would not come before that of the mount.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as messages:
        with programs.started(command, _stop, stderr=messages) as child:
            status = child.wait()
        messages.seek(0)
        if status != 0:
            raise MountError(messages.read().strip() or "%s ended with status %d" % (PROGRAM, status))


def _stop(child: subprocess.Popen) -> None:
    """The process that serves the mount has the pipe open until it is mounted, and then ends, as nobody waits for it."""
    child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.communicate(timeout=STOP_S)


@contextlib.contextmanager
def _directory(mountpoint: str | None) -> Iterator[str]:
    if mountpoint is not None:
        # Whoever uses it may leave the current directory; which an empty name does not mean.
        yield os.path.realpath(os.fsdecode(mountpoint)) if mountpoint else ""
        return
    path = os.path.realpath(tempfile.mkdtemp(prefix="subcubefs-"))
    # Not its content: were it still mounted, that would be the subcubes.
    try:
        yield path
    except BaseException:
        with contextlib.suppress(OSError):
            os.rmdir(path)
        raise
    os.rmdir(path)


def _unmount(path: str, below: int | None) -> None:
    """Somebody may have unmounted it already: then what is there is what was there before. While it is in use it goes from
    the tree at once, and ends with its last user.
    """
    command = ["umount"] if os.geteuid() == 0 else ["fusermount3", "-u"]
    lazily = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount3", "-u", "-z"]
    why = ""
    for attempt in (command, lazily):
        if _device(path) == below:
            return
        done = subprocess.run([*attempt, path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, encoding="utf-8", errors="backslashreplace")
        why = done.stderr.strip()
    if _device(path) != below:
        raise MountError("%s: cannot be unmounted: %s" % (path, why))


def _device(path: str) -> int | None:
    """What is mounted on a directory, or what holds it. None: it is not there; -1: a mount whose server has died."""
    try:
        return os.stat(os.path.join(path, ".")).st_dev
    except OSError as error:
        return -1 if error.errno == errno.ENOTCONN else None
