"""What a line of the table is: rows with targets, measured side by side, and whether they were reached.

A value is seconds, or bytes where the row says so. A row's ratio is such that it can be compared with its target:
`faster(20)` is the peer's median divided by ours, at least 20; `within(1.3)` ours divided by the peer's, at most 1.3;
`below(0.2)` has no peer. The sides of a comparison alternate: each round runs all of them, a different one first.
"""

import dataclasses
import os
import statistics


class Skip(Exception):
    """The line cannot be measured here, and why."""


class WrongBytes(Exception):
    """What was read or written is not what it should be: a time would mean nothing."""


@dataclasses.dataclass(frozen=True)
class Target:
    kind: str               # "faster", "within", "below"
    value: float = None     # None: measured for comparison only

    def ratio(self, ours, peer):
        """What is compared with the target; `ours` and `peer` are single values."""
        return {"faster": lambda: peer / ours, "within": lambda: ours / peer, "below": lambda: ours}[self.kind]()

    def reached(self, ratio):
        return ratio >= self.value if self.kind == "faster" else ratio <= self.value


def faster(value):
    return Target("faster", value)


def within(value):
    return Target("within", value)


def below(value):
    return Target("below", value)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    what: str
    against: str            # the peer; "" for rows without
    target: Target
    unit: str = "s"         # "s" or "B"


@dataclasses.dataclass
class Result:
    """What became of a row: samples, or the reason why there are none."""
    row: Row
    ours: list = None
    peer: list = None
    note: str = ""
    ceiling: list = None    # what a daemon that does nothing gives in our place
    skipped: str = None
    error: str = None

    def ratio(self):
        """Of the medians."""
        return self.row.target.ratio(statistics.median(self.ours), statistics.median(self.peer) if self.peer else None)

    def ratios(self):
        """Of each round."""
        peers = self.peer or [None] * len(self.ours)
        return [self.row.target.ratio(o, p) for o, p in zip(self.ours, peers)]

    def ceiling_ratio(self):
        """What ratio() would be if we were at the ceiling."""
        return self.row.target.ratio(statistics.median(self.ceiling), statistics.median(self.peer))

    def of_ceiling(self):
        """How near to the ceiling we are: 1 is there."""
        return statistics.median(self.ceiling) / statistics.median(self.ours)

    def beyond_ceiling(self):
        """Whether the target cannot be reached by any daemon here."""
        return self.ceiling is not None and self.row.target.value is not None and \
            not self.row.target.reached(self.ceiling_ratio())

    def verdict(self):
        if self.error:
            return "ERROR"
        if self.skipped:
            return "skipped"
        if self.row.target.value is None:
            return "no target"
        return "reached" if self.row.target.reached(self.ratio()) else "not reached"


class Registry:
    """The groups of rows, in the order in which they were declared."""

    def __init__(self):
        self.groups = []

    def lines(self, *rows):
        """Decorates a function that measures `rows`: it is called with the bench and calls bench.record for each."""
        def declare(function):
            self.groups.append((rows, function))
            return function
        return declare

    def chosen(self, pattern):
        """Groups of which a row's name matches."""
        return [(rows, f) for rows, f in self.groups if any(pattern.search(r.name) for r in rows)]


registry = Registry()
lines = registry.lines


def alternate(sides, rounds, said=lambda text: None):
    """Run `sides`, name -> function that gives a value, `rounds` times; name -> list of values."""
    values = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            os.sync()       # what another one has left to be written is not this one's
            values[name].append(sides[name]())
            said("%s %.4g" % (name, values[name][-1]))
    return values


def run_group(bench, rows, function):
    """All rows of a group as results, whatever happens."""
    bench.begin(rows)
    skipped = error = None
    try:
        function(bench)
    except Skip as reason:
        skipped = str(reason)
    except Exception as reason:     # one line that fails must not cost the others
        error = "%s: %s" % (type(reason).__name__, " ".join(str(reason).split())[:300])
    results = []
    for row in rows:
        found = bench.recorded.get(row.name)
        if error or found is None:
            found = Result(row, skipped=None if error else skipped or "was not measured", error=error)
        results.append(found)
    return results
