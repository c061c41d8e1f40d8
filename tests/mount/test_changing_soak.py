"""A writer rewrites parts whose pixels say what they are, while readers check every pixel: never old and new mixed."""

import errno
import multiprocessing
import os
import random
import time

import pytest

import programs
import selfdescribing as own

pytestmark = pytest.mark.soak

LAYOUTS = {"ranges": ([2] * 6, 1), "gathered": ([3, 5, 4, 2, 5, 3], None)}
OPTIONS = {"default": (), "direct_io": ("-o", "direct_io"), "read-ahead": ("--readahead=1M,always",)}


class Readers:
    """Processes that read one file in different ways until stop()."""

    def __init__(self, family, path, seed):
        context = multiprocessing.get_context("fork")
        self.stopped, self.queue = context.Event(), context.SimpleQueue()
        ways = (own.read_by_pread, own.read_by_pread, own.read_mapped)
        self.processes = [context.Process(target=own.reader_process,
                                          args=(family, path, way, seed * 10 + i, self.stopped, self.queue))
                          for i, way in enumerate(ways)]
        for process in self.processes:
            process.start()

    def stop(self):
        self.stopped.set()
        total = own.Seen()
        for _ in self.processes:
            seen = own.Seen()
            seen.right, seen.stale, seen.wrong, seen.generations = self.queue.get()
            total.add(seen)
        for process in self.processes:
            process.join(programs.STOP_S)
            assert process.exitcode == 0
        return total


def codes(path, family, number):
    """What a reader gets of every channel of a part."""
    start = sum(family.counts[:number]) * own.PLANE * 4
    found, fd = set(), os.open(path, os.O_RDONLY)
    for channel in range(family.counts[number]):
        try:
            os.pread(fd, 4, start + channel * own.PLANE * 4)
            found.add(0)
        except OSError as error:
            found.add(error.errno)
    os.close(fd)
    return found


def one_mount(family, mnt, seed, direct):
    """All parts are rewritten, one after another, under the readers."""
    rng = random.Random(seed)
    os.listdir(mnt.view("cube.image"))      # the view is made of what is there now
    path = mnt.view("cube.image", own.FILE)
    before = list(family.generations)
    readers = Readers(family, path, seed)
    numbers = list(range(len(family.paths)))
    rng.shuffle(numbers)
    for number in numbers:
        time.sleep(0.05)
        family.rewrite(number, own.by_casacore if rng.random() < 0.1 else rng.choice(own.QUICK))
    time.sleep(0.05)
    seen = readers.stop()
    wrong = list(seen.wrong)
    for part, found in seen.generations.items():
        if found != {before[part] % own.GENERATIONS}:
            wrong.append("part %d: generations %s, it was %d" % (part, found, before[part]))
    for number in numbers if direct else ():
        if codes(path, family, number) != {errno.ESTALE}:
            wrong.append("part %d was rewritten and is no error" % number)
    return seen, wrong


@pytest.mark.parametrize("layout, options", [("ranges", ()), ("gathered", ("-o", "direct_io"))], ids=list(LAYOUTS))
def test_parts_rewritten_under_readers_of_a_mount_that_follows(tmp_path, mount, soak, record_fault, layout, options):
    """Whoever opens the file gets one generation of each part, or the part is blank, or an error."""
    counts, tiles = LAYOUTS[layout]
    family = own.Family(str(tmp_path / "source"), counts, tiles)
    rng, right, stale = random.Random(len(layout)), 0, 0
    with mount(family.directory, "--refresh=0.2", "--settle=0.5", "--nparts=%d" % len(counts), "--nchan=%d" % sum(counts),
               *options) as mnt:
        path = mnt.view("cube.image", own.FILE)
        for turn in soak(short=1500, long=50000, done=lambda: right):
            readers = Readers(family, path, turn)
            for number in rng.sample(range(len(counts)), 3):
                family.rewrite(number, own.by_casacore if rng.random() < 0.1 else rng.choice(own.QUICK))
                time.sleep(0.3)
            followed = programs.wait_until(lambda: shown(path, family) == family.generations, 60)
            seen = readers.stop()
            assert not seen.wrong, seen.wrong[:5]
            assert followed, "the last generations never came"
            right += seen.right
            stale += seen.stale
    record_fault("Source", "reads while parts are rewritten and the mount follows (%s)" % layout, right + stale)


def shown(path, family):
    """The generation of each part that one who opens the file now gets; None: an error."""
    seen = own.Seen()
    try:
        seen.check(family, 0, programs.whole(path)[:family.size])
    except OSError:
        return None
    assert not seen.wrong and not seen.mixed()
    return [seen.generations[part].pop() for part in range(len(family.counts))]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parts_rewritten_under_readers(tmp_path, mount, soak, record_fault, layout):
    """Every mount shows what was there when its view was made, or ESTALE."""
    family = own.Family(str(tmp_path / "source"), *LAYOUTS[layout])
    right = stale = 0
    for turn in soak(short=1500, long=50000, done=lambda: right):
        name = list(OPTIONS)[turn % len(OPTIONS)]
        with mount(family.directory, "--no-cache", "--refresh=0", *OPTIONS[name]) as mnt:
            seen, wrong = one_mount(family, mnt, turn, name == "direct_io")
        assert not wrong, (name, wrong[:5])
        right += seen.right
        stale += seen.stale
    assert stale > 0
    record_fault("Source", "reads while parts are rewritten (%s)" % layout, right + stale)
