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
        options: Options for subcubefs, such as '--missing=skip' or '-odirect_io'. '--settle=0' says that imaging has
            ended; else a subcube that was written less than ten seconds ago is missing until then.

    It is unmounted when the block ends, however it does, even when files in it are still open.

    Raises:
        MountError: It cannot be mounted.
    """
    with _directory(mountpoint) as path:
        _start([programs.find(PROGRAM), *options, "--", os.fspath(source), path])
        try:
            yield path
        finally:
            _unmount(path)


def _start(command: list[str]) -> None:
    """Returns when the mount answers."""
    # A file: the end of a pipe that is logged to would not come before that of the mount.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as messages:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages)
        messages.seek(0)
        if done.returncode != 0:
            raise MountError(messages.read().strip() or "%s ended with status %d" % (PROGRAM, done.returncode))


@contextlib.contextmanager
def _directory(mountpoint: str | None) -> Iterator[str]:
    if mountpoint is not None:
        # Whoever uses it may leave the current directory.
        yield os.path.realpath(os.fspath(mountpoint))
        return
    path = os.path.realpath(tempfile.mkdtemp(prefix="subcubefs-"))
    try:
        yield path
    finally:
        # Not its content: were it still mounted, that would be the subcubes.
        os.rmdir(path)


def _unmount(path: str) -> None:
    """Somebody may have unmounted it already. While it is in use it goes from the tree at once, and ends with its last
    user.
    """
    command = ["umount"] if os.geteuid() == 0 else ["fusermount3", "-u"]
    lazily = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount3", "-u", "-z"]
    why = ""
    for attempt in (command, lazily):
        if not _is_mounted(path):
            return
        done = subprocess.run([*attempt, path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, encoding="utf-8", errors="backslashreplace")
        why = done.stderr.strip()
    if _is_mounted(path):
        raise MountError("%s: cannot be unmounted: %s" % (path, why))


def _is_mounted(path: str) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno == errno.ENOTCONN    # its server has died
    return os.path.ismount(path)
