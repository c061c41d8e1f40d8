"""Lines: copies out of the mount, and what subcube-materialize writes."""

import os
import shutil
import subprocess
import sys

import datasets
import machine
import programs
import workbench
from datasets import PIXELS
from measure import Row, Skip, below, faster, lines, within

MIB = 1 << 20
SPACE_SHARE = 0.02      # of the pixels' bytes: what headers may take


def copy_and_sync(sources, out):
    """Seconds for cp and sync."""
    return machine.timed(["sh", "-c", 'out=$1; shift; cp -r --reflink=never "$@" "$out" && sync -f "$out"', "sh", out,
                          *sources])


@lines(Row("cp-out", "cp -r of a view out of the mount, sources and mount cold", "cp -r of the native image, cold",
           faster(0.95)))
def copy_out(bench):
    machine.need_cold()
    family = bench.data.family()
    native = bench.data.native(family)
    with bench.mount(family.directory) as mnt, bench.null_mount(native, "-p") as null:

        def copy(source, prepare=lambda: None):
            with bench.fresh("copy.image") as out:
                prepare()
                bench.go_cold()
                seconds = machine.timed(["cp", "-r", source, out])
                bench.same_bytes([os.path.join(out, PIXELS)], [os.path.join(native, PIXELS)])
                return seconds

        def look():
            mnt.remount()
            mnt.look()

        values = bench.alternate({"view": lambda: copy(mnt.view("cube.image"), look),
                                  "null": lambda: copy(null.path, null.remount), "native": lambda: copy(native)})
    bench.record("cp-out", values["view"], values["native"], ceiling=values["null"])


class Writer:
    """Writes a family's .image in several ways and looks at the first result of each."""

    def __init__(self, bench, family, cold=False):
        self.bench, self.family, self.cold = bench, family, cold
        self.native = bench.data.native(family)
        self.looked_at = set()

    def _before(self):
        if self.cold:
            self.bench.go_cold()

    def materialize(self, tiling, cached=False):
        with self.bench.fresh("written.image") as out:
            self._before()
            seconds = machine.timed(self.bench.materialize(self.family.base, out[:-len(".image")], "-e", ".image",
                                                           "--tiling=" + tiling, cached=cached))
            self._look(tiling, out)
            return seconds

    def copy(self):
        with self.bench.fresh("copied.image") as out:
            self._before()
            return copy_and_sync([self.native], out)

    def copy_parts(self):
        with self.bench.fresh("copied") as out:
            os.mkdir(out)
            self._before()
            return copy_and_sync(self.family.images(), out)

    def casacore(self):
        with self.bench.fresh("concat.image") as out:
            self._before()
            return self.bench.casacore("concat-paged", out, *self.family.images())["seconds"]

    def casa(self):
        with self.bench.fresh("concat.image") as out:
            self._before()
            return self.bench.casa("paged", out, *self.family.images())["seconds"]

    def _look(self, tiling, out):
        if tiling in self.looked_at:
            return
        self.looked_at.add(tiling)
        if tiling == "keep":
            self.bench.same_image(out, self.native)
        else:
            self.bench.same_pixels(out, self.native)


def record_cached(bench, name, values):
    """The row for a header that was already in our cache, for which there is no target."""
    if bench.has(programs.MATERIALIZE, "--cache-dir"):
        bench.record(name, values["cached keep"], values["cp"])
    else:
        bench.skip(name, "subcube-materialize has no --cache-dir")


COPY_COLD = "cp of the same bytes, then sync -f, cold"
COPY_WARM = "cp of the same bytes, then sync -f, warm"
PARTS_COLD = "cp -r of the parts, then sync -f, cold"
PARTS_WARM = "cp -r of the parts, then sync -f, warm"


@lines(Row("keep-cold", "--tiling keep, fsync included, sources cold", COPY_COLD, faster(1.2)),
       Row("keep-cold-parts", "... the bytes where the parts have them", PARTS_COLD, faster(1.2)),
       Row("keep-cold-cached", "... with the header in our cache", COPY_COLD, faster(None)))
def keep_cold(bench):
    machine.need_cold()
    writer = Writer(bench, bench.data.family(), cold=True)
    writer.materialize("keep", cached=True)
    values = bench.alternate({"keep": lambda: writer.materialize("keep"),
                              "cached keep": lambda: writer.materialize("keep", cached=True), "cp": writer.copy,
                              "cp of the parts": writer.copy_parts})
    bench.record("keep-cold", values["keep"], values["cp"])
    bench.record("keep-cold-parts", values["keep"], values["cp of the parts"])
    record_cached(bench, "keep-cold-cached", values)


@lines(Row("keep-warm", "--tiling keep, fsync included, sources warm", COPY_WARM, faster(1.2)),
       Row("keep-warm-parts", "... the bytes where the parts have them", PARTS_WARM, faster(1.2)),
       Row("keep-warm-cached", "... with the header in our cache", COPY_WARM, faster(None)),
       Row("casa-tiles", "--tiling casa, fsync included, sources warm", COPY_WARM, faster(0.5)))
def keep_and_casa_warm(bench):
    writer = Writer(bench, bench.data.family())
    values = bench.alternate({"keep": lambda: writer.materialize("keep"),
                              "cached keep": lambda: writer.materialize("keep", cached=True),
                              "casa": lambda: writer.materialize("casa"), "cp": writer.copy,
                              "cp of the parts": writer.copy_parts}, warm_up=True)
    bench.record("keep-warm", values["keep"], values["cp"])
    bench.record("keep-warm-parts", values["keep"], values["cp of the parts"])
    bench.record("casa-tiles", values["casa"], values["cp"])
    record_cached(bench, "keep-warm-cached", values)


@lines(Row("concat-keep", "--tiling keep, fsync included", "casacore's own paged concatenation, without fsync",
           faster(40)),
       Row("concat-casa-tiles", "--tiling casa, fsync included", "casacore's own paged concatenation, without fsync",
           faster(20)))
def casacores_concatenation(bench):
    writer = Writer(bench, bench.data.family())
    values = bench.alternate({"keep": lambda: writer.materialize("keep"),
                              "casa": lambda: writer.materialize("casa"), "casacore": writer.casacore}, at_most=3)
    bench.record("concat-keep", values["keep"], values["casacore"])
    bench.record("concat-casa-tiles", values["casa"], values["casacore"])


@lines(Row("concat-keep-casa", "--tiling keep, fsync included", "CASA's ia.imageconcat, paged", faster(40)),
       Row("concat-casa-tiles-casa", "--tiling casa, fsync included", "CASA's ia.imageconcat, paged", faster(20)))
def casas_concatenation(bench):
    writer = Writer(bench, bench.data.family())
    values = bench.alternate({"CASA": writer.casa, "keep": lambda: writer.materialize("keep"),
                              "casa": lambda: writer.materialize("casa")}, at_most=2)
    bench.record("concat-keep-casa", values["keep"], values["CASA"])
    bench.record("concat-casa-tiles-casa", values["casa"], values["CASA"])


@lines(Row("concat-pclean", "paged images of all 9 extensions by our concat_subcubes, fsync and comparing included",
           "pclean's concat_subcubes, 4 processes of real CASA", faster(None)))
def pcleans_concatenation(bench):
    """The two functions of one name, with the defaults that they share: images are made beside the parts."""
    workbench.need_pclean()
    family = bench.data.family()
    native = bench.data.native(family)
    extensions = family.extensions()

    def made(concat):
        try:
            seconds = concat()
            bench.same_pixels(family.base + ".image", native)
            for ext in extensions:
                if not os.path.exists(os.path.join(family.base + ext, PIXELS)):
                    raise RuntimeError("no %s in %s" % (PIXELS, family.base + ext))
            return seconds
        finally:
            for ext in extensions:
                datasets.remove(family.base + ext)

    ours = [sys.executable, "-c", "import sys, subcubefs; subcubefs.concat_subcubes(sys.argv[1], int(sys.argv[2]), "
            "options=['--no-cache'])", family.base, str(family.parts)]
    path = os.pathsep.join([os.path.dirname(programs.MATERIALIZE), os.environ["PATH"]])
    environment = dict(os.environ, PATH=path, PYTHONPATH=os.path.join(programs.ROOT, "python"))
    with bench.data.changed(family):
        values = bench.alternate(
            {"pclean": lambda: made(lambda: bench.casa("pclean", family.base, str(family.parts))["seconds"]),
             "ours": lambda: made(lambda: machine.timed(ours, env=environment))}, at_most=2)
    bench.record("concat-pclean", values["ours"], values["pclean"])


@lines(Row("memory-keep", "peak memory of the largest process of the materializer, --tiling keep", "", below(256 * MIB), "B"),
       Row("memory-casa", "... --tiling casa", "", below(256 * MIB), "B"),
       Row("memory-spectra", "... --tiling 8,8,1,all channels", "", below(256 * MIB), "B"),
       Row("memory-wide", "... --tiling casa of few large planes", "", below(256 * MIB), "B"),
       Row("memory-wide-spectra", "... --tiling 8,8,1,all channels of few large planes", "", below(256 * MIB), "B"),
       Row("memory-set", "... the same with --memory=32M: the program's own and these", "", below(72 * MIB), "B"))
def memory(bench):
    family, wide = bench.data.family(), bench.data.wide()
    cases = {
        "memory-keep": (family, "--tiling=keep"),
        "memory-casa": (family, "--tiling=casa"),
        "memory-spectra": (family, "--tiling=8,8,1,%d" % family.parts),
        "memory-wide": (wide, "--tiling=casa"),
        "memory-wide-spectra": (wide, "--tiling=8,8,1,%d" % wide.parts),
        "memory-set": (wide, "--tiling=8,8,1,%d" % wide.parts, "--memory=32M"),
    }
    for name, (of, *options) in cases.items():
        def peak(of=of, options=options):
            with bench.fresh("written.image") as out:
                return machine.peak_bytes(bench.materialize(of.base, out[:-len(".image")], "-e", ".image", *options))
        bench.record(name, bench.alternate({"peak": peak}, at_most=2)["peak"])


class LoopDevice:
    """A file system of its own in a sparse file, mounted at .path."""

    def __init__(self, bench, kind, size_bytes):
        self.kind, self.size_bytes = kind, size_bytes
        self.file = bench.data.path(kind + ".disk")
        self.path = bench.data.path(kind)

    def __enter__(self):
        for name in ("mkfs." + self.kind, "losetup"):
            machine.need_program(name)
        datasets.remove(self.file)
        with open(self.file, "wb") as stream:
            stream.truncate(self.size_bytes)
        os.makedirs(self.path, exist_ok=True)
        machine.run(["mkfs.xfs", "-q", "-m", "reflink=1", self.file] if self.kind == "xfs" else
                    ["mkfs." + self.kind, "-q", self.file])
        machine.run(["mount", "-o", "loop", self.file, self.path])
        return self

    def __exit__(self, *ignored):
        subprocess.run(["umount", self.path], check=True)
        datasets.remove(self.file)

    def sync(self):
        machine.run(["sync", "-f", self.path])

    def used_bytes(self):
        self.sync()
        return machine.used_bytes(self.path)


def measure_wide_copies(bench, device, family, native, out):
    """The family copied where it could be cloned."""
    checked = []

    def write(how, prepare):
        device.sync()
        prepare()
        seconds = how()
        if how is keep and not checked:
            bench.same_bytes([os.path.join(out, PIXELS)], family.pixel_files())
            checked.append(True)
        shutil.rmtree(out)
        return seconds

    def keep():
        return machine.timed(bench.materialize(family.base, out[:-len(".image")], "-e", ".image", "--tiling=keep",
                                               "--reflink=never"))

    def copy():
        return copy_and_sync([native], out)

    for name, prepare in (("keep-warm-wide", lambda: None), ("keep-cold-wide", bench.go_cold)):
        values = bench.alternate({"keep": lambda prepare=prepare: write(keep, prepare),
                                  "cp": lambda prepare=prepare: write(copy, prepare)}, at_most=3,
                                 warm_up=name == "keep-warm-wide")
        bench.record(name, values["keep"], values["cp"])


def measure_clones(bench, name, kind, size, at_most, copied):
    """`name` and `name`-space: a family on a file system that can clone; with `copied`, also copies of it."""
    machine.need_cold()     # as root may mount, and only root
    parts = bench.data.parts
    pixels = 4 * size * size * parts
    machine.need_space(bench.data.directory, 3 * pixels)
    with LoopDevice(bench, kind, max(1 << 30, 4 * pixels + parts * (1 << 18))) as device:
        family = bench.data.family_in(os.path.join(device.path, "run"), parts, size, [".image"])
        native = os.path.join(device.path, "native.image")
        out = os.path.join(device.path, "out.image")

        def clone_to(path):
            return machine.timed(bench.materialize(family.base, path[:-len(".image")], "-e", ".image",
                                                   "--tiling=keep"))

        # Before anything is removed, for some file systems free space later, in the background.
        space = [device.used_bytes()]
        for path in (native, os.path.join(device.path, "second.image")):
            clone_to(path)
            space.append(device.used_bytes())
        taken = [after - before for before, after in zip(space, space[1:])]
        bench.same_bytes([os.path.join(native, PIXELS)], family.pixel_files())

        def write(how, *arguments):
            device.sync()
            seconds = how(*arguments)
            shutil.rmtree(out)
            return seconds

        values = bench.alternate({"clone": lambda: write(clone_to, out),
                                  "cp": lambda: write(copy_and_sync, [native], out)}, at_most, warm_up=True)
        bench.record(name, values["clone"], values["cp"])
        bench.record(name + "-space", taken, [pixels] * len(taken))
        if copied:
            measure_wide_copies(bench, device, family, native, out)


WIDE_COPIES = (Row("keep-cold-wide", "... copied, --reflink=never, fsync included, sources cold", COPY_COLD, faster(1.2)),
               Row("keep-warm-wide", "... copied, --reflink=never, fsync included, sources warm", COPY_WARM, faster(1.2)))


def clone_lines(name, kind, what, times_the_size, at_most=None, copied=()):
    @lines(Row(name, "--tiling keep on " + what, "cp --reflink=never, then sync -f", faster(15)),
           Row(name + "-space", "... the space it takes, as df tells", "the bytes of the pixels", within(SPACE_SHARE),
               "B"), *copied)
    def clones(bench):
        if bench.quick and times_the_size > 1:
            raise Skip("left out of --quick: gigabytes are written")
        measure_clones(bench, name, kind, bench.data.size * times_the_size, at_most, copied)
    return clones


# The header takes the same time however large the planes are; what is cloned rather than copied grows with them.
clone_lines("reflink-xfs", "xfs", "XFS with reflink, block-aligned tiles", 1)
clone_lines("reflink-btrfs", "btrfs", "Btrfs, block-aligned tiles", 1)
clone_lines("reflink-xfs-wide", "xfs", "XFS with reflink, planes of four times the width", 4, at_most=3,
            copied=WIDE_COPIES)
clone_lines("reflink-btrfs-wide", "btrfs", "Btrfs, planes of four times the width", 4, at_most=3)
