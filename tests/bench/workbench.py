"""What the lines work with: data, programs, mounts, and where results go."""

import contextlib
import json
import os
import subprocess
import sys

import datasets
import machine
import measure
import programs
from datasets import HELPERS
from mounts import Mount
from measure import Result, Skip, WrongBytes

BENCH = os.path.dirname(os.path.abspath(__file__))
READER = os.path.join(HELPERS, "reader")


class Bench:
    """`said` gets progress; `repeat` is how often a comparison is run."""

    def __init__(self, where, repeat, quick, said):
        self.data = where
        self.repeat = repeat
        self.quick = quick
        self.said = said
        self.rows = {}
        self.recorded = {}
        self.help = {}
        self.cache = where.path("cache")

    # --- results ---

    def begin(self, rows):
        self.rows = {row.name: row for row in rows}
        self.recorded = {}

    def record(self, name, ours, peer=None, note="", ceiling=None):
        self.recorded[name] = Result(self.rows[name], ours, peer, note, ceiling)

    def skip(self, name, reason):
        self.recorded[name] = Result(self.rows[name], skipped=reason)

    def alternate(self, sides, at_most=None, warm_up=False):
        """name -> values; `at_most` rounds where a peer takes very long."""
        if warm_up:
            for side in sides.values():
                side()
        return measure.alternate(sides, min(self.repeat, at_most or self.repeat), self.said)

    # --- the programs ---

    def has(self, program, option):
        """Whether this version of the program knows the option."""
        if program not in self.help:
            self.help[program] = machine.run([program, "--help"])
        return option in self.help[program]

    def need(self, program, option):
        if not self.has(program, option):
            raise Skip("%s has no %s" % (os.path.basename(program), option))

    def mount(self, source, *options, user=None, files=None, cached=True):
        """A mount of `source`. With `cached`, its headers come from and go to our own cache directory."""
        command = ["prlimit", "--nofile=%d:%d" % (files, files)] if files else []
        command += [programs.SUBCUBEFS, *options]
        if self.has(programs.SUBCUBEFS, "--no-cache"):
            command += ["--cache-dir=" + self.cache] if cached else ["--no-cache"]
        return Mount(command + [source], self.data.path("mnt"), user)

    def null_mount(self, tree, *options, user=None):
        """What FUSE allows: a mount of `tree` by a daemon that does nothing, or with -p one pread for each read."""
        return Mount([os.path.join(HELPERS, "nullfs"), *options, tree], self.data.path("null"), user)

    def materialize(self, base, out, *options, cached=False):
        """The command that makes OUT.EXT of a family, with a header of its own or one from our cache."""
        if self.has(programs.MATERIALIZE, "--no-cache"):
            options += ("--cache-dir=" + self.cache if cached else "--no-cache",)
        return [programs.MATERIALIZE, "-q", *options, "-o", out, base]

    def reader(self, *arguments, user=None):
        """Seconds, and bytes and checksum as text."""
        prefix = user.prefix if user else []
        seconds, *what = machine.run(prefix + [READER, *arguments]).split()
        return float(seconds), what

    def read(self, *arguments, user=None):
        return self.reader(*arguments, user=user)[0]

    def same_bytes(self, one, other):
        """Lists of files whose bytes, one file after the other, must be the same."""
        if self.reader("sum", *one)[1] != self.reader("sum", *other)[1]:
            raise WrongBytes("%s is not %s" % (one[0], other[0]))

    def same_image(self, one, other):
        differing = datasets.copies_differ(one, other)
        if differing:
            raise WrongBytes("%s and %s differ in %s" % (one, other, differing))

    def same_pixels(self, one, other):
        """Images of any tiles, as casacore reads them."""
        if self.casacore("digest", one)["digest"] != self.casacore("digest", other)["digest"]:
            raise WrongBytes("%s has other pixels than %s" % (one, other))

    # --- caches ---

    def go_cold(self):
        """No data in any cache; the programs, which are no data, are in memory."""
        tiny = self.data.tiny()
        machine.drop_caches()
        with self.fresh("tiny.image") as out, self.fresh("tiny-copy.image") as copy:
            machine.run(self.materialize(tiny.base, out[:-len(".image")]))
            machine.run(["sh", "-c", 'cp -r "$1" "$2" && sync -f "$2" && cat "$1/table.f0"', "sh", out, copy])
            self.read("seq", 1, os.path.join(out, "table.f0"))

    # --- casacore and CASA, each time in a process of its own that has everything imported ---

    def casacore(self, operation, *paths):
        """What casacore_side.py says: seconds, and memory in bytes."""
        return self._side(sys.executable, "casacore_side.py", operation, *paths)

    def casa(self, operation, *paths):
        return self._side(casa_python(), "casa_side.py", operation, *paths)

    def _side(self, python, script, operation, *paths):
        request = json.dumps([operation, *paths])
        done = subprocess.run([python, os.path.join(BENCH, script)], input=request, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", cwd=self.scratch(),
                              env=dict(os.environ, OPENBLAS_NUM_THREADS="1"))
        if done.returncode:
            raise RuntimeError("%s %s: %s" % (script, operation, done.stderr[-500:]))
        return json.loads(done.stdout.splitlines()[-1])

    # --- places ---

    def scratch(self):
        path = self.data.path("scratch")
        os.makedirs(path, exist_ok=True)
        return path

    @contextlib.contextmanager
    def fresh(self, name):
        """A path where nothing is, before and after."""
        path = self.data.path(name)
        datasets.remove(path)
        try:
            yield path
        finally:
            datasets.remove(path)



def casa_python():
    python = os.environ.get("CASA_PYTHON")
    if not python:
        raise Skip("CASA_PYTHON is not set: no real CASA here")
    return python


def need_pclean():
    try:
        machine.run([casa_python(), "-c", "import pclean.utils.image_concat"])
    except RuntimeError:
        raise Skip("CASA_PYTHON has no pclean") from None
