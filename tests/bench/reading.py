"""Lines: reading pixels through the mount."""

import os

import machine
import programs
from datasets import PIXELS, HELPERS
from measure import Row, WrongBytes, faster, lines
from mounts import Mount, OrdinaryUser

BLOCK = 1 << 20         # of sequential reads
TILE = 128 << 10        # of random ones
FLOAT = 4


def look(mnt):
    mnt.remount()
    mnt.look()


@lines(Row("seq-cold", "sequential read, sources and mount cold", "cat of the sources", faster(0.95)))
def sequential_cold(bench):
    machine.need_cold()
    family = bench.data.family()
    with bench.mount(family.directory) as mnt, bench.null_mount(bench.data.native(family), "-p") as null:
        view = mnt.view("cube.image", PIXELS)
        bench.same_bytes([view], family.pixel_files())

        def through_mount():
            look(mnt)
            bench.go_cold()
            return machine.timed(["cat", view])

        def through_null():
            null.remount()
            bench.go_cold()
            return machine.timed(["cat", null.view(PIXELS)])

        def sources():
            bench.go_cold()
            return machine.timed(["cat", *family.pixel_files()])

        values = bench.alternate({"view": through_mount, "null": through_null, "sources": sources})
    bench.record("seq-cold", values["view"], values["sources"], ceiling=values["null"])


def read_ahead_kb(path):
    number = os.stat(path).st_dev
    with open("/sys/class/bdi/%d:%d/read_ahead_kb" % (os.major(number), os.minor(number))) as stream:
        return int(stream.read())


@lines(Row("seq-root", "sequential read, sources warm, mount cold: root", "the native file, warm", faster(0.3)),
       Row("seq-direct", "sequential read, sources warm, mount cold: root, -o direct_io", "the native file, warm",
           faster(0.5)))
def sequential_sources_warm(bench):
    family = bench.data.family()
    image = bench.data.native(family)
    native = os.path.join(image, PIXELS)
    direct = bench.has(programs.SUBCUBEFS, "direct_io")
    note = []

    def through_mount(*options):
        with bench.mount(family.directory, *options) as mnt:
            mnt.look()
            if not options:
                note[:] = ["the mount's read_ahead_kb is %d" % read_ahead_kb(mnt.path)]
            return bench.read("seq", BLOCK, mnt.view("cube.image", PIXELS))

    def through_null(*options):
        with bench.null_mount(image, *options) as null:
            return bench.read("seq", BLOCK, null.view(PIXELS))

    with bench.mount(family.directory) as mnt:
        bench.same_bytes([mnt.view("cube.image", PIXELS)], [native])
    sides = {"view": through_mount, "null": through_null, "native": lambda: bench.read("seq", BLOCK, native)}
    if direct:
        sides["direct_io"] = lambda: through_mount("-o", "direct_io")
        sides["null direct_io"] = lambda: through_null("-o", "direct_io")
    values = bench.alternate(sides, warm_up=True)
    bench.record("seq-root", values["view"], values["native"], note[0], values["null"])
    if direct:
        bench.record("seq-direct", values["direct_io"], values["native"], ceiling=values["null direct_io"])
    else:
        bench.skip("seq-direct", "subcubefs has no -o direct_io")


@lines(Row("seq-user", "sequential read, sources warm, mount cold: an ordinary user", "the native file, warm",
           faster(0.15)))
def sequential_ordinary_user(bench):
    family = bench.data.family()
    image = bench.data.native(family)
    native = os.path.join(image, PIXELS)
    with OrdinaryUser(bench.data.directory) as user, bench.fresh("user-mnt") as mountpoint, \
            bench.fresh("user-cache") as cache:
        user.need_read(family.pixel_files()[0])
        user.own(cache)
        command = ["env", "XDG_CACHE_HOME=" + cache, programs.SUBCUBEFS, family.directory]

        def through_mount():
            with Mount(command, mountpoint, user) as mnt:
                mnt.look()
                return bench.read("seq", BLOCK, mnt.view("cube.image", PIXELS), user=user)

        def through_null():
            with bench.null_mount(image, user=user) as null:
                return bench.read("seq", BLOCK, null.view(PIXELS), user=user)

        values = bench.alternate({
            "view": through_mount,
            "null": through_null,
            "native": lambda: bench.read("seq", BLOCK, native, user=user),
        }, warm_up=True)
    bench.record("seq-user", values["view"], values["native"], ceiling=values["null"])


@lines(Row("seq-warm", "sequential read(), mount warm", "the native file, warm", faster(0.5)),
       Row("mmap-warm", "mmap, mount warm", "the native file, warm", faster(0.95)))
def sequential_warm(bench):
    family = bench.data.family()
    image = bench.data.native(family)
    native = os.path.join(image, PIXELS)
    with bench.mount(family.directory) as mnt, bench.null_mount(image) as null:
        view = mnt.view("cube.image", PIXELS)
        bench.same_bytes([view], [native])
        files = {"view": view, "null": null.view(PIXELS), "native": native}
        for name, *manner in (("seq-warm", "seq", BLOCK), ("mmap-warm", "mmap")):
            values = bench.alternate({side: lambda manner=manner, file=file: bench.read(*manner, file)
                                      for side, file in files.items()}, warm_up=True)
            bench.record(name, values["view"], values["native"], ceiling=values["null"])


class SameReads:
    """Reads whose checksum must be the same for both sides in a round."""

    def __init__(self, bench):
        self.bench = bench
        self.seen = {}

    def read(self, side, *arguments):
        """`side` only tells the sides apart; the last argument is the file."""
        seconds, what = self.bench.reader(*arguments)
        request = arguments[:-1]
        if self.seen.setdefault(request, what) != what:
            raise WrongBytes("%s gives other bytes than its peer" % side)
        return seconds


def rounds_of(side, function):
    """Call function(round) with the number of the side's own round, so that both sides draw the same places."""
    count = iter(range(1, 1 << 30))
    return side, lambda: function(next(count))


@lines(Row("random-cold", "random 128 KiB tiles, sources and mount cold", "native, cold", faster(0.8)))
def random_cold(bench):
    machine.need_cold()
    family = bench.data.family()
    image = bench.data.native(family)
    count = 100 if bench.quick else 400
    reads = SameReads(bench)
    with bench.mount(family.directory) as mnt, bench.null_mount(image, "-p") as null:

        def through_mount(seed):
            look(mnt)
            bench.go_cold()
            return reads.read("view", "random", TILE, count, seed, mnt.view("cube.image", PIXELS))

        def through_null(seed):
            null.remount()
            bench.go_cold()
            return reads.read("nullfs", "random", TILE, count, seed, null.view(PIXELS))

        def from_native(seed):
            bench.go_cold()
            return reads.read("native", "random", TILE, count, seed, os.path.join(image, PIXELS))

        values = bench.alternate(dict([rounds_of("view", through_mount), rounds_of("null", through_null),
                                       rounds_of("native", from_native)]))
    bench.record("random-cold", values["view"], values["native"], ceiling=values["null"])


@lines(Row("random-warm", "random 128 KiB tiles, mount warm", "native, warm", faster(0.4)),
       Row("random-sources-warm", "random 128 KiB tiles, sources warm, mount cold", "native, warm", faster(None)))
def random_warm(bench):
    family = bench.data.family()
    image = bench.data.native(family)
    native = os.path.join(image, PIXELS)
    count = family.pixel_bytes() // TILE
    reads = SameReads(bench)
    with bench.mount(family.directory) as mnt, bench.null_mount(image) as null:
        view = mnt.view("cube.image", PIXELS)

        def mount_cold(seed):
            look(mnt)
            return reads.read("view", "random", TILE, count // 2, seed, view)

        def native_half(seed):
            return reads.read("native", "random", TILE, count // 2, seed, native)

        def null_cold(seed):
            null.remount()
            return bench.read("random", TILE, count // 2, seed, null.view(PIXELS))

        values = bench.alternate(dict([rounds_of("view", mount_cold), rounds_of("null", null_cold),
                                       rounds_of("native", native_half)]), warm_up=True)
        bench.record("random-sources-warm", values["view"], values["native"], ceiling=values["null"])
        bench.same_bytes([view], [native])      # and so both are warm
        bench.read("seq", BLOCK, null.view(PIXELS))
        values = bench.alternate(dict([
            rounds_of("view", lambda seed: reads.read("view", "random", TILE, count, seed, view)),
            rounds_of("null", lambda seed: bench.read("random", TILE, count, seed, null.view(PIXELS))),
            rounds_of("native", lambda seed: reads.read("native", "random", TILE, count, seed, native))]))
        bench.record("random-warm", values["view"], values["native"], ceiling=values["null"])


@lines(Row("spectrum-cold", "one-pixel spectrum over all parts, sources and mount cold",
           "native paged image of the same tiles, cold", faster(1.0)))
def spectrum_cold(bench):
    machine.need_cold()
    family = bench.data.family()
    image = bench.data.native(family)
    reads = SameReads(bench)

    def read(side, path):
        bench.go_cold()
        return reads.read(side, "strided", family.plane_bytes(), FLOAT, path)

    with bench.mount(family.directory) as mnt, bench.null_mount(image, "-p") as null:

        def through_mount():
            look(mnt)
            return read("view", mnt.view("cube.image", PIXELS))

        def through_null():
            null.remount()
            return read("nullfs", null.view(PIXELS))

        values = bench.alternate({"view": through_mount, "null": through_null,
                                  "native": lambda: read("native", os.path.join(image, PIXELS))})
    bench.record("spectrum-cold", values["view"], values["native"], ceiling=values["null"])


LATENCY_MS = 5


@lines(Row("slow-seq", "sequential read, each read of the sources delayed by 5 ms", "without read-ahead across parts",
           faster(4)),
       Row("slow-spectrum", "one-pixel spectrum, each read of the sources delayed by 5 ms",
           "without read-ahead across parts", faster(16)))
def slow_sources(bench):
    bench.need(programs.SUBCUBEFS, "--readahead")
    family = bench.data.family()
    slow = Mount([os.path.join(HELPERS, "slowfs"), LATENCY_MS, family.directory], bench.data.path("slow"))
    reads = SameReads(bench)

    def read(ahead, *arguments):
        with slow, bench.mount(slow.path, *([] if ahead else ["--readahead=0"])) as mnt:
            mnt.look()
            return reads.read("read-ahead" if ahead else "no read-ahead", *arguments, mnt.view("cube.image", PIXELS))

    for name, arguments in (("slow-seq", ("seq", BLOCK)), ("slow-spectrum", ("strided", family.plane_bytes(), FLOAT))):
        values = bench.alternate({"ahead": lambda a=arguments: read(True, *a),
                                  "without": lambda a=arguments: read(False, *a)}, at_most=3)
        bench.record(name, values["ahead"], values["without"])


OPERATIONS = {"open": "open", "planes": "20 planes", "spectrum": "a spectrum", "statistics": "statistics",
              "whole": "the whole cube"}


@lines(*(Row("casacore-" + name, "casacore through the view: %s, mount warm" % what,
             "native paged image of the same tiles, warm", faster(0.8)) for name, what in OPERATIONS.items()))
def through_casacore(bench):
    family = bench.data.family()
    native = bench.data.native(family)
    with bench.mount(family.directory) as mnt:
        view = mnt.view("cube.image")
        bench.same_bytes([os.path.join(view, PIXELS)], [os.path.join(native, PIXELS)])
        for operation in OPERATIONS:
            sums = set()

            def side(path, operation=operation, sums=sums):
                found = bench.casacore(operation, path)
                sums.add(found.get("sum"))
                if len(sums) > 1:
                    raise WrongBytes("%s of the view and of the native image differ" % operation)
                return found["seconds"]

            values = bench.alternate({"view": lambda: side(view), "native": lambda: side(native)},
                                     at_most=3 if operation == "statistics" else 7, warm_up=True)
            bench.record("casacore-" + operation, values["view"], values["native"])
