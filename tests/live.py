"""A source that changes under a mount: parts that come, are rewritten, exchanged, moved and removed."""

import contextlib
import ctypes
import os
import shutil
import threading
import time

import numpy as np

import forked
import judge
import programs
import synth

REFRESH = "--refresh=0.1"
SETTLE_S = 0.6
OPTIONS = (REFRESH, "--settle=%g" % SETTLE_S)
NY, NX, CHANNELS = 32, 64, 2     # a part is whole pages of memory: the kernel reads, and loses, these

AT_FDCWD, RENAME_EXCHANGE = -100, 2


def parts(count, value=0.0, **fields):
    """Parts all of whose pixels are `value` + their number."""
    made = synth.run([CHANNELS] * count, ny=NY, nx=NX, **fields)
    for number, part in enumerate(made):
        part.pixels = np.full_like(part.pixels, value + number)
    return made


def build(directory, made, numbers=None, ext=".image", old=True):
    """Writes parts; with `old` they are finished, else they were written just now."""
    paths = synth.build(directory, made, ext=ext, numbers=numbers)
    if not old:
        for path in paths:
            touch(path)
    return paths


def touch(part):
    for base, _, files in os.walk(part):
        for entry in files:
            os.utime(os.path.join(base, entry))


@contextlib.contextmanager
def being_written(*paths):
    """Somebody writes the parts all the time, so that they are never settled."""
    end = threading.Event()

    def write():
        while not end.wait(0.1):
            for path in paths:
                touch(path)
    writer = threading.Thread(target=write)
    for path in paths:
        touch(path)
    writer.start()
    try:
        yield
    finally:
        end.set()
        writer.join()


def exchange(a, b):
    """Two names change places at one moment."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), "renameat2", a)


def put(directory, scratch, made, number, ext=".image"):
    """A finished part appears at one moment."""
    build(scratch, [made[number]], numbers=[number], ext=ext)
    name = synth.name(number, ext)
    os.rename(os.path.join(scratch, name), os.path.join(directory, name))


def _planes(path):
    from casacore.images import image
    im = image(path)
    for pixels, mask in zip(im.getdata(), im.getmask()):
        assert mask.all() or not mask.any()
        values = np.unique(pixels[~mask])
        assert len(values) <= 1, values
        yield float(values[0]) if len(values) else None


def planes(path):
    """The value of each channel as casacore reads it; None: masked."""
    try:
        return forked.run(_planes, path, timeout=judge.TIMEOUT_S)
    except forked.Ended as ended:
        raise OSError(ended.text[-500:]) from ended


def expected(*values):
    """Channels of parts: a value for each part, None where it is blank."""
    return [None if v is None else float(v) for v in values for _ in range(CHANNELS)]


def becomes(path, wanted, seconds=programs.STOP_S):
    """The image at `path` becomes `wanted`; while it goes over, opening it may fail."""
    seen = []

    def is_there():
        try:
            seen.append(planes(path))
        except OSError as error:
            seen.append(str(error))
        return seen[-1] == wanted
    assert programs.wait_until(is_there, seconds, programs.UNWATCHED_S), \
        "wanted %s, the last of %d looks saw %s" % (wanted, len(seen), seen[-1])


def inode(path):
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def changes(path, before, seconds=programs.STOP_S):
    """The number of the view's directory when it is another one than `before`."""
    assert programs.wait_until(lambda: inode(path) not in (None, before), seconds), "still the same generation"
    return inode(path)


def remove(directory, number, ext=".image"):
    shutil.rmtree(os.path.join(directory, synth.name(number, ext)))


def stays(condition, seconds):
    """Whether condition() holds all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            return False
        time.sleep(0.02)
    return True
