"""Parts whose pixels say what they are: a writer that rewrites them, and readers that check every pixel they get.

A pixel is a float that holds a whole number: its part, the generation of the part and its position in the part. The
planes are single tiles, so a part's file and the view's are the channels one after another.
"""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np

import synth

NX = NY = 16
PLANE = NX * NY
POSITIONS, PARTS, GENERATIONS = 2048, 8, 1024     # 24 bits: what a float holds exactly
FILE = "table.f0_TSM0"
BLANK = -1      # the generation of a part that is not shown


def values(part, generation, nchan):
    return ((generation % GENERATIONS * PARTS + part) * POSITIONS + np.arange(nchan * PLANE)).astype("<f4")


class Family:
    """Parts of `counts` channels, all of generation 0."""

    def __init__(self, directory, counts, tiles=None):
        self.directory, self.counts = directory, counts
        parts = synth.run(counts, ny=NY, nx=NX)
        for number, part in enumerate(parts):
            part.pixels = values(number, 0, counts[number]).reshape(part.pixels.shape)
            part.tile = (NX, NY, 1, tiles or counts[number])
        self.paths = synth.build(directory, parts)
        self.generations = [0] * len(counts)
        self.owner = np.repeat(np.arange(len(counts)), [n * PLANE for n in counts])   # of each pixel of the view
        self.position = np.concatenate([np.arange(n * PLANE) for n in counts])
        self.size = 4 * len(self.owner)

    def rewrite(self, number, how):
        self.generations[number] += 1
        how(self.paths[number], values(number, self.generations[number], self.counts[number]))


# --- ways to rewrite a part ---

def in_place(path, pixels):
    data = pixels.tobytes()
    fd = os.open(os.path.join(path, FILE), os.O_WRONLY)
    for at in range(0, len(data), 512):
        os.pwrite(fd, data[at:at + 512], at)
    os.close(fd)


def backwards_with_old_times(path, pixels):
    """And the modification time set back, as some copying programs do."""
    name, data = os.path.join(path, FILE), pixels.tobytes()
    st = os.stat(name)
    fd = os.open(name, os.O_WRONLY)
    for at in reversed(range(0, len(data), 1024)):
        os.pwrite(fd, data[at:at + 1024], at)
    os.utime(fd, ns=(st.st_atime_ns, st.st_mtime_ns))
    os.close(fd)


def cut_and_written(path, pixels):
    with open(os.path.join(path, FILE), "wb") as stream:
        stream.write(pixels.tobytes())


def file_replaced(path, pixels):
    name = os.path.join(path, FILE)
    with open(name + ".new", "wb") as stream:
        stream.write(pixels.tobytes())
    os.rename(name + ".new", name)


def part_replaced(path, pixels):
    new = os.path.join(os.path.dirname(path), "new-" + os.path.basename(path))
    shutil.copytree(path, new)
    cut_and_written(new, pixels)
    os.rename(path, new + ".old")
    os.rename(new, path)
    shutil.rmtree(new + ".old")


CASACORE = """
import sys, numpy
from casacore.images import image
n = int(sys.argv[2])
pixels = numpy.frombuffer(sys.stdin.buffer.read(), "<f4").reshape(n, 1, %d, %d)
im = image(sys.argv[1])
for channel in range(n):
    im.putdata(pixels[channel:channel + 1], (channel, 0, 0, 0))
""" % (NY, NX)


def by_casacore(path, pixels):
    env = dict(os.environ, OPENBLAS_NUM_THREADS="1", CASARCFILES="/dev/null")
    subprocess.run([sys.executable, "-c", CASACORE, path, str(len(pixels) // PLANE)], input=pixels.tobytes(), env=env,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)


QUICK = (in_place, backwards_with_old_times, cut_and_written, file_replaced, part_replaced)


# --- readers ---

class Seen:
    """What a reader got: how many reads, how many errors, how many wrong ones, and each part's generations."""

    def __init__(self):
        self.right = self.stale = 0
        self.wrong = []
        self.generations = {}

    def add(self, other):
        self.right += other.right
        self.stale += other.stale
        self.wrong += other.wrong
        for part, found in other.generations.items():
            self.generations.setdefault(part, set()).update(found)

    def mixed(self):
        return {part: found for part, found in self.generations.items() if len(found) > 1}

    def check(self, family, offset, data):
        """Every pixel is of its part and its place, or blank; notes the generations."""
        pixels = np.frombuffer(data, "<f4")
        here = slice(offset // 4, offset // 4 + len(pixels))
        owner, position, blank = family.owner[here], family.position[here], np.isnan(pixels)
        numbers = np.where(blank, owner * POSITIONS + position, pixels).astype(np.int64)
        if (numbers // POSITIONS % PARTS != owner).any() or (numbers % POSITIONS != position).any():
            self.wrong.append("bytes %d to %d are of another place" % (offset, offset + len(data)))
            return
        self.right += 1
        generation = np.where(blank, BLANK, numbers // POSITIONS // PARTS)
        for part in np.unique(owner).tolist():
            self.generations.setdefault(part, set()).update(np.unique(generation[owner == part]).tolist())


def ranges(family, rng):
    """Where to read: anywhere, and often across the border of two parts."""
    count = 4 * rng.choice((1, 64, PLANE, 5 * PLANE, 8 * PLANE))
    at = rng.randrange(family.size // 4) * 4
    return at, min(count, family.size - at)


def read_by_pread(family, path, rng, reads):
    seen = Seen()
    fd = os.open(path, os.O_RDONLY)
    for _ in range(reads):
        at, count = ranges(family, rng)
        if rng.random() < 0.2:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            data = os.pread(fd, count, at)
            if not data:
                seen.wrong.append("byte %d is said to be behind the end" % at)
            # The kernel gives the pages before one that cannot be read.
            seen.check(family, at, data[:len(data) // 4 * 4])
        except OSError as error:
            if error.errno not in (errno.ESTALE, errno.EIO):
                seen.wrong.append(str(error))
            seen.stale += 1
    os.close(fd)
    return seen


def read_mapped(family, path, rng, reads):
    """In a child, which a signal may end; what it has read until then counts."""
    import mmap
    import pickle
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
        with os.fdopen(into, "wb") as stream, open(path, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            for _ in range(reads):
                at, count = ranges(family, rng)
                seen = Seen()
                seen.check(family, at, mapped[at:at + count])
                pickle.dump(seen, stream)
                stream.flush()
            os._exit(0)
    os.close(into)
    total = Seen()
    with os.fdopen(out, "rb") as stream:
        while True:
            try:
                total.add(pickle.load(stream))
            except EOFError:
                break
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGBUS:
        total.stale += 1
    elif status != 0:
        total.wrong.append("a reader of a mapped file ended with %d" % status)
    return total


def reader_process(family, path, way, seed, stop, queue):
    """Reads until told to stop; hands over what it saw, and what of that was mixed in one open file."""
    rng, total = random.Random(seed), Seen()
    while not stop.is_set():
        try:
            seen = way(family, path, rng, 40)
        except OSError:      # the name goes from one generation to the next
            total.stale += 1
            time.sleep(0.01)
            continue
        if seen.mixed():
            total.wrong.append("generations mixed in one open file: %s" % seen.mixed())
        total.add(seen)
    queue.put((total.right, total.stale, total.wrong, total.generations))
