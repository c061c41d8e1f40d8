"""Runs a program with diskcalls.c in it: its calls that change the disk are numbered, and one of them is done something at."""

import mmap
import os
import re
import signal
import struct
import subprocess

import programs

LIBRARY = os.path.join(programs.BUILD, "tests", "libdiskcalls.so")
TAPE_BYTES = 64 << 20
HEADER = struct.Struct("<5Q40s")    # struct tape


class Outcome:
    """Status and messages of a run, the number of its calls, whether what was asked for was done, and the tape."""

    def __init__(self, process, tape):
        self.returncode, self.stdout, self.stderr = process
        with open(tape, "rb") as stream, mmap.mmap(stream.fileno(), TAPE_BYTES, prot=mmap.PROT_READ) as mapped:
            _, self.count, acted, used, _, _ = HEADER.unpack(mapped[:HEADER.size])
            self.acted = bool(acted)
            self._text = mapped[HEADER.size:HEADER.size + used]

    @property
    def tape(self):
        """[(number, name, arguments...)], all text."""
        return [tuple(line.split("\t")) for line in self._text.decode(errors="surrogateescape").splitlines()]


class Run:
    """A run under way. `where`: a directory for the tape, outside of `root`, which is what counts."""

    def __init__(self, root, where, arguments, at=0, do="", env=None, **more):
        self.tape = os.path.join(str(where), "tape")
        for end in (".held", ".go"):
            if os.path.exists(self.tape + end):
                os.unlink(self.tape + end)
        with open(self.tape, "wb") as stream:
            stream.truncate(TAPE_BYTES)
        env = dict(env or os.environ, LD_PRELOAD=LIBRARY, DISKCALLS_ROOT=os.path.realpath(root), DISKCALLS_TAPE=self.tape,
                   DISKCALLS_AT=str(at), DISKCALLS_DO=do)
        # it is no part of the sanitizer's, which asks to come first
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace", env=env,
                                        start_new_session=True, **more)

    def held(self):
        """Wait until the program is held at its call."""
        assert programs.wait_until(lambda: os.path.exists(self.tape + ".held") or self.process.poll() is not None, 120)
        assert self.process.poll() is None, self.process.communicate()

    def go(self):
        with open(self.tape + ".go", "w"):
            pass

    def end(self, timeout=180):
        try:
            out, err = self.process.communicate(timeout=timeout)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        assert programs.wait_until(lambda: not programs.at_work(self.process.pid), 30), "children work on"
        return Outcome((self.process.returncode, out, err), self.tape)


def run(root, where, arguments, at=0, do="", **more):
    return Run(root, where, arguments, at, do, **more).end()


def number_of(tape, name, pattern="", which=-1):
    """The number of a call on the tape, by its name and what its arguments match: by default of the last one."""
    found = [int(line[0]) for line in tape if line[1] == name and re.search(pattern, "\t".join(line[2:]))]
    assert found, (name, pattern)
    return found[which]
