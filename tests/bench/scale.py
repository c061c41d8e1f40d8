"""Lines: very many parts, with few open files allowed."""

import machine
import programs
from measure import Row, below, lines, within

FILES = 256
ROUNDS = 3
MIB = 1 << 20


@lines(Row("large-mount", "very many parts x 9 extensions, ulimit -n 256: mount until it answers",
           "find over the same tree, warm", within(2)),
       Row("large-look", "... first look into one view, nothing cached by us", "find over the same tree, warm",
           within(4)),
       Row("large-look-cached", "... the same at the next mount, from our cache", "find over the same tree, warm",
           within(0.5)),
       Row("large-daemon", "... the daemon's resident memory after that look", "", below(200 * MIB), "B"))
def many_parts(bench):
    family = bench.data.large()
    resident = []

    def mount():
        with bench.mount(family.directory, files=FILES) as mnt:
            return mnt.seconds

    def look(cached):
        with bench.mount(family.directory, files=FILES, cached=cached) as mnt:
            seconds = bench.casacore("open", mnt.view("cube.image"))["seconds"]
            if not cached:
                resident.append(mnt.resident_bytes())
            return seconds

    cached = bench.has(programs.SUBCUBEFS, "--cache-dir")
    sides = {"mount": mount, "look": lambda: look(False),
             "find": lambda: machine.timed(["find", family.directory])}
    if cached:
        sides["cached look"] = lambda: look(True)
        look(True)
    sides["find"]()
    values = bench.alternate(sides, at_most=ROUNDS)
    bench.record("large-mount", values["mount"], values["find"])
    bench.record("large-look", values["look"], values["find"])
    bench.record("large-daemon", resident)
    if cached:
        bench.record("large-look-cached", values["cached look"], values["find"])
    else:
        bench.skip("large-look-cached", "subcubefs has no --cache-dir")


@lines(Row("large-memory", "memory that casacore takes to open that view, above Python's own",
           "the same for a paged image with one beam a plane", within(1.2), "B"),
       Row("large-memory-process", "the whole process's peak memory, Python included", "the same", within(1.2), "B"))
def memory_of_casacore(bench):
    family = bench.data.large()
    native = bench.data.native(family, "--miscinfo=first")
    growth, peak = {}, {}
    with bench.mount(family.directory, files=FILES) as mnt:
        mnt.look()

        def side(name, path):
            found = bench.casacore("open", path)
            growth.setdefault(name, []).append(found["peak"] - found["before"])
            peak.setdefault(name, []).append(found["peak"])
            return found["seconds"]

        bench.alternate({"view": lambda: side("view", mnt.view("cube.image")),
                         "native": lambda: side("native", native)}, at_most=ROUNDS)
    note = "the view has all parts' miscinfo, the paged image the first one's"
    bench.record("large-memory", growth["view"], growth["native"], note)
    bench.record("large-memory-process", peak["view"], peak["native"], note)
