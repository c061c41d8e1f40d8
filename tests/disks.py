"""File systems in a file, for what the one under /tmp cannot do."""

import contextlib
import os

import programs

KINDS = ("xfs", "btrfs")    # those that clone
SIZE = 512 << 20


class CannotMount(Exception):
    pass


@contextlib.contextmanager
def mounted(kind, directory):
    """An empty file system of this kind, mounted in the new directory."""
    if os.geteuid() != 0:
        raise CannotMount("only root can mount a %s" % kind)
    disk, where = str(directory) + ".disk", str(directory)
    with open(disk, "wb") as stream:
        stream.truncate(SIZE)
    os.mkdir(where)
    try:
        for command in (["mkfs." + kind, "-q", disk], ["mount", "-o", "loop", disk, where]):
            try:
                done = programs.run(command)
            except FileNotFoundError:
                raise CannotMount("%s is not installed" % command[0]) from None
            if done.returncode:
                raise CannotMount("%s: %s" % (command[0], done.stderr.strip()))
        try:
            yield where
        finally:
            done = programs.run(["umount", where])
            assert done.returncode == 0, done.stderr
    finally:
        os.unlink(disk)


def used_bytes(where):
    """Of the whole file system, all that was written included."""
    os.sync()
    state = os.statvfs(where)
    return (state.f_blocks - state.f_bfree) * state.f_frsize
