"""Lines: mounting, first looks, metadata."""

import os

import machine
import programs
from datasets import PIXELS
from measure import Row, WrongBytes, below, faster, lines, within


LISTINGS = 20   # so that the start of ls does not hide what it does


class Opening:
    """Opens a view and its peer, which must have the same shape."""

    def __init__(self, bench, family):
        self.bench, self.family = bench, family
        self.shapes = set()

    def seconds(self, found):
        self.shapes.add(tuple(found["shape"]))
        if len(self.shapes) > 1:
            raise WrongBytes("shapes differ: %s" % self.shapes)
        return found["seconds"]

    def view(self, cached):
        with self.bench.mount(self.family.directory, cached=cached) as mnt:
            return self.seconds(self.bench.casacore("open", mnt.view("cube.image")))

    def image_concat(self):
        return self.seconds(self.bench.casacore("concat", *self.family.images()))

    def casa(self):
        with self.bench.fresh("concat.image") as out:
            found = self.bench.casa("nomovevirtual", out, *self.family.images())
            return self.seconds(dict(found, shape=found["shape"][::-1]))


@lines(Row("first-look", "first look into a view, nothing cached by us (sources warm)", "casacore's ImageConcat",
           faster(20)),
       Row("next-look", "first look at the next mount, from our cache (sources warm)", "casacore's ImageConcat",
           faster(100)))
def first_looks(bench):
    opening = Opening(bench, bench.data.family())
    opening.view(cached=True)
    values = bench.alternate({
        "view": lambda: opening.view(cached=False),
        "cached view": lambda: opening.view(cached=True),
        "ImageConcat": opening.image_concat,
    }, at_most=5)
    bench.record("first-look", values["view"], values["ImageConcat"])
    if bench.has(programs.SUBCUBEFS, "--cache-dir"):
        bench.record("next-look", values["cached view"], values["ImageConcat"])
    else:
        bench.skip("next-look", "subcubefs has no --cache-dir")


@lines(Row("first-look-casa", "first look into a view, nothing cached by us (sources warm)",
           "CASA's ia.imageconcat, virtual", faster(20)))
def first_look_casa(bench):
    opening = Opening(bench, bench.data.family())
    values = bench.alternate({"CASA": opening.casa, "view": lambda: opening.view(cached=False)}, at_most=2)
    bench.record("first-look-casa", values["view"], values["CASA"])


@lines(Row("mount", "mount of all parts x 9 extensions, until it answers", "", below(0.2)),
       Row("ls", "ls -l of the mount, warm", "", below(0.05)))
def mount_and_list(bench):
    family = bench.data.family()

    def mount():
        with bench.mount(family.directory) as mnt:
            return mnt.seconds

    bench.record("mount", bench.alternate({"mount": mount}, warm_up=True)["mount"])
    with bench.mount(family.directory) as mnt:
        bench.record("ls", bench.alternate({"ls": lambda: machine.timed(["ls", "-l", mnt.path])}, warm_up=True)["ls"])


@lines(Row("stat", "stat of a view's file", "native", faster(0.6)),
       Row("ls-lR", "ls -lR of a view, warm", "native", within(1.3)),
       Row("ls-lR-many", "... %d times in one process" % LISTINGS, "native", within(None)))
def attributes(bench):
    family = bench.data.family()
    native = bench.data.native(family)
    count = 20000 if bench.quick else 200000
    with bench.mount(family.directory) as mnt, bench.null_mount(native) as null:
        mnt.look()
        images = {"view": mnt.view("cube.image"), "null": null.path, "native": native}

        def compare(name, measured):
            values = bench.alternate({side: lambda image=image: measured(image) for side, image in images.items()},
                                     warm_up=True)
            bench.record(name, values["view"], values["native"], ceiling=values["null"])

        compare("stat", lambda image: bench.read("stat", count, os.path.join(image, PIXELS)))
        compare("ls-lR", lambda image: machine.timed(["ls", "-lR", image]))
        compare("ls-lR-many", lambda image: machine.timed(["ls", "-lR", *[image] * LISTINGS]))


@lines(Row("open", "open and close of a view's file, in a mount that never refreshes", "native", faster(0.5)))
def opens(bench):
    family = bench.data.family()
    native = bench.data.native(family)
    count = 5000 if bench.quick else 50000
    options = ["--refresh=0"] if bench.has(programs.SUBCUBEFS, "--refresh") else []
    with bench.mount(family.directory, *options) as mnt, bench.null_mount(native) as null:
        mnt.look()
        values = bench.alternate({
            "view": lambda: bench.read("open", count, mnt.view("cube.image", PIXELS)),
            "null": lambda: bench.read("open", count, null.view(PIXELS)),
            "native": lambda: bench.read("open", count, os.path.join(native, PIXELS)),
        }, warm_up=True)
    bench.record("open", values["view"], values["native"],
                 "mounted with " + options[0] if options else "no option is needed: no mount refreshes", values["null"])
