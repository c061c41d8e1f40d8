"""The results as a table in Markdown."""

import statistics

HEAD = """# Measured

Made by `%(command)s`. A line of the table is a comparison whose sides alternate within one run, %(repeat)d rounds (2 or 3 where a peer
takes very long). Given are medians (smallest .. largest). The ratio is of the medians, behind it those of single rounds:
"x the speed" is the peer's time divided by ours, "x the time" and "x the bytes" are ours divided by the peer's.

*Cold*: the mount is made anew and its header looked at, then all page, name and attribute caches are dropped
(`/proc/sys/vm/drop_caches`), then the programs alone, not the data, are read in again. *Sources warm, mount cold*: the mount is
made anew, the parts' pages are in memory. *Warm*: all was read before. What is read or written was compared with the
peer's bytes, outside the time.

"""

CEILINGS = """
## What FUSE allows

A daemon has to be asked for what the kernel has not cached, and what it answers goes into pages that the kernel makes for it. How fast that can be
is measured with `nullfs`, in the same rounds: subcubefs's own session with the same options, which shows the native
image's tree and answers each read from one buffer of constant bytes without a look at anything; in the cold lines, by
one `pread` of the native image's file. What is slower than native even then is the kernel's FUSE, libfuse and the change of process. The
ceiling is nullfs against the line's peer; *ours of it* is nullfs's time divided by ours. Above 1 we are faster: we read ahead, and it does not.

"""

DATA = """
## The data

%(parts)d parts of one channel, %(size)d x %(size)d pixels in tiles of casacore's choice, nine extensions, after real parts of
pclean (7 miscinfo keys, a beam a plane, mask, logtable), every file its own. For *very many parts*: %(parts_large)d parts of
8 x 8 pixels x 9 extensions, %(files)s; only .image's `table.dat` is of each part, all other files are hard links to
those of a few parts, so pixels repeat. Slow sources are `slowfs`, a FUSE file system that sleeps before it answers a
read; the kernel caches its pages and reads ahead in each file, as it does for a network file system. Sequential reads
are of 1 MiB. Headers are made anew (`--no-cache`) where a line does not say otherwise and writes or looks for the first
time; where it reads pixels they come from our cache, and the time begins after that.
"""


def number(value):
    """Three significant digits, or as many decimals, and no exponent."""
    decimals = 3 if abs(value) < 1 else max(0, 3 - len(str(int(abs(value)))))
    return "%.*f" % (decimals, value)


def amount(value, unit):
    if unit == "B":
        return number(value / 2 ** 20) + " MiB"
    if value < 1e-3:
        return number(value * 1e6) + " us"
    return number(value * 1e3) + " ms" if value < 1 else number(value) + " s"


def samples(values, unit):
    if not values:
        return ""
    middle = amount(statistics.median(values), unit)
    return middle if len(values) == 1 else "%s (%s .. %s)" % (middle, amount(min(values), unit),
                                                             amount(max(values), unit))


def target(row):
    if row.target.value is None:
        return ""
    if row.target.kind == "below":
        return "at most " + amount(row.target.value, row.unit)
    return "%s %s" % ("at least" if row.target.kind == "faster" else "at most", number(row.target.value))


def kind_of_ratio(row):
    return "x the speed" if row.target.kind == "faster" else "x the time" if row.unit == "s" else "x the bytes"


def ratio(result):
    if result.row.target.kind == "below":
        return ""
    ratios = result.ratios()
    spread = "" if len(ratios) == 1 else " (%s .. %s)" % (number(min(ratios)), number(max(ratios)))
    return number(result.ratio()) + kind_of_ratio(result.row) + spread


def verdict(result):
    """With the ceiling, where that is what a line that falls short has to be compared with."""
    said = result.verdict()
    if said == "not reached" and result.beyond_ceiling():
        said += ": FUSE allows " + number(result.ceiling_ratio())
    return said


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| %s |\n" % " | ".join(line) for line in lines)


def table(results):
    rows = []
    for result in results:
        row, measured = result.row, result.ours is not None
        rows.append([
            row.name, row.what, samples(result.ours, row.unit) if measured else "", row.against,
            samples(result.peer, row.unit) if measured else "", ratio(result) if measured else "", target(row),
            verdict(result)])
    return markdown(["line", "what", "ours", "against", "peer", "ratio", "target", ""], rows)


def ceilings(results):
    """The lines with a ceiling, or ""."""
    rows = []
    for result in (r for r in results if r.ceiling):
        row, kind = result.row, kind_of_ratio(result.row)
        rows.append([
            row.name, target(row), number(result.ratio()) + kind, samples(result.ceiling, row.unit),
            number(result.ceiling_ratio()) + kind, number(result.of_ceiling()),
            "" if row.target.value is None else "lower than the target" if result.beyond_ceiling() else "allows the target"])
    return CEILINGS + markdown(["line", "target", "ours", "nullfs", "the ceiling", "ours of it", ""], rows) if rows else ""


def remarks(results):
    said = [(r.row.name, "skipped: " + r.skipped) for r in results if r.skipped]
    said += [(r.row.name, "error: " + r.error) for r in results if r.error]
    said += [(r.row.name, r.note) for r in results if r.note]
    return "".join("- %s: %s\n" % one for one in said)


def summary(results):
    verdicts = [r.verdict() for r in results]
    counts = [(kind, verdicts.count(kind)) for kind in ("reached", "not reached", "no target", "skipped", "ERROR")]
    said = ["%d %s" % (n, kind) for kind, n in counts if n]
    beyond = sum(r.verdict() == "not reached" and r.beyond_ceiling() for r in results)
    if beyond:
        said.append("of those not reached %d are beyond what FUSE allows here" % beyond)
    return ", ".join(said) + "\n"


def document(results, facts, settings):
    text = HEAD % settings + table(results) + "\n" + summary(results)
    if remarks(results):
        text += "\n" + remarks(results)
    text += ceilings(results) + DATA % settings
    text += "\n## The machine\n\n| | |\n|---|---|\n" + "".join("| %s | %s |\n" % fact for fact in facts)
    return text
