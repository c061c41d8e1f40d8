"""Lines: virtual images of all extensions, which name or move the parts."""

import os

import datasets
import machine
import programs
from datasets import HELPERS
from measure import Row, faster, lines

PEER = "casacore's ImageConcat, saved, extension after extension"
JSON = "imageconcat.json"


def concat_all(family, out, images):
    """Seconds that casacore needs to make OUT.EXT of images(EXT) for every extension."""
    return sum(float(machine.run([os.path.join(HELPERS, "saveconcat"), out + ext, *images(ext)]).split()[-1])
               for ext in family.extensions())


def peer_nomove(bench, family):
    out = bench.data.path("scratch", "peer")
    try:
        return concat_all(family, out, family.images)
    finally:
        remove_all(family, out)


def remove_all(family, out):
    for ext in family.extensions():
        datasets.remove(out + ext)


@lines(Row("nomovevirtual", "nomovevirtual of all parts x 9 extensions", PEER, faster(20)),
       Row("movevirtual", "movevirtual of all parts x 9 extensions", PEER, faster(20)))
def virtual_images(bench):
    family = bench.data.family()
    out = os.path.join(bench.scratch(), "ours")

    def nomove():
        seconds = machine.timed(bench.materialize(family.base, out, "-m", "nomovevirtual"))
        for ext in family.extensions():
            if not os.path.exists(os.path.join(out + ext, JSON)):
                raise RuntimeError("no %s in %s" % (JSON, out + ext))
        remove_all(family, out)
        return seconds

    def move():
        try:
            return machine.timed(bench.materialize(family.base, family.base, "-m", "movevirtual"))
        finally:
            machine.run([programs.MATERIALIZE, "-q", "--undo", family.base])

    bench.scratch()
    with bench.data.changed(family):
        values = bench.alternate({"nomove": nomove, "move": move, "ImageConcat": lambda: peer_nomove(bench, family)},
                                 at_most=3)
    bench.record("nomovevirtual", values["nomove"], values["ImageConcat"])
    bench.record("movevirtual", values["move"], values["ImageConcat"],
                 "the peer's renames are not counted against it: it only concatenates")
