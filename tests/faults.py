"""Faults on command: a source whose storage fails (FaultFS), and the table of what was tried (faults.md)."""

import collections
import errno
import os
import re
import subprocess

import programs

FAULTFS = os.path.join(programs.BUILD, "tests", "faultfs")

Stats = collections.namedtuple("Stats", "matched fired held")


class FaultFS:
    """`with FaultFS(directory, mountpoint) as source:` shows the directory; see faultfs.c for what can be done to it.

    fault = source.rule("read", "*/table.f0_TSM0", "errno=EIO", skip=3, count=1)
    ...
    source.stats(fault).fired; source.clear(fault)
    """

    def __init__(self, directory, mountpoint):
        self.directory = str(directory)
        self.path = str(mountpoint)
        self.process = None
        self.last_id = 0

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        self.process = subprocess.Popen([FAULTFS, self.directory, self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        ready = self.process.stdout.readline()
        assert ready == "ready\n", "faultfs did not start: status %s" % self.process.wait()
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    def command(self, *fields):
        line = "\t".join(str(f) for f in fields)
        self.process.stdin.write(line + "\n")
        word, *rest = self.process.stdout.readline().split()
        assert word == "ok", "%r: %s" % (line, " ".join(rest))
        return rest

    def rule(self, operations, pattern, action, **limits):
        """Adds a rule and returns its number. An errno may be given by its name."""
        verb, _, name = action.partition("=")
        if verb == "errno" and not name.isdigit():
            action = "errno=%d" % getattr(errno, name)
        self.last_id += 1
        self.command("add", self.last_id, operations, pattern, action, *("%s=%d" % l for l in limits.items()))
        return self.last_id

    def clear(self, rule=None):
        """Ends a rule, or all, and lets go whom it holds."""
        self.command("clear", *([] if rule is None else [rule]))

    def stats(self, rule):
        return Stats(*map(int, self.command("stats", rule)))

    def stop(self):
        """Unmounts, when nobody has a file open in it any more; then, or else, whoever uses it gets ENOTCONN."""
        if self.process:
            self.process.stdin.close()
            self.process.wait(programs.STOP_S)
            self.process.stdout.close()
            self.process = None

    def kill(self):
        """As a network file system that goes away: the mount stays, and everything in it is ENOTCONN until stop()."""
        self.process.kill()
        self.process.wait(programs.STOP_S)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None


# --- the table ---

HEADING = """# Faults

What was done to the storage, the parts, the processes and the input by one run of all tests, and what became of it; written
by the tests, README.md tells how. *Wrong* are answers that were neither right nor an error, *lost* is what was on disk before and then was not
whole.
"""
COLUMNS = "| what | tried | wrong | lost | test |\n|---|--:|--:|--:|---|"
PROPERTY = "fault"


def markdown(rows):
    """`rows`: (section, what, tried, wrong, lost, test)."""
    sections = collections.defaultdict(list)
    for section, *cells in rows:
        sections[section].append(cells)
    text = HEADING
    for section in sorted(sections):
        text += "\n## %s\n\n%s\n" % (section, COLUMNS)
        for what, tried, wrong, lost, test in sorted(sections[section]):
            text += "| %s | %d | %d | %d | `%s` |\n" % (what, tried, wrong, lost, test)
    return text


def merged(rows):
    """One row for each thing tried: a test with parameters records it once for each of them."""
    sums = collections.OrderedDict()
    for section, what, tried, wrong, lost, test in rows:
        key = section, what, test.partition("[")[0]
        sums[key] = [a + b for a, b in zip(sums.get(key, (0, 0, 0)), (tried, wrong, lost))]
    return [(section, what, *counts, test) for (section, what, test), counts in sums.items()]


def read(text):
    """The rows of a table that markdown() wrote."""
    rows, section = [], None
    for line in text.splitlines():
        if line.startswith("## "):
            section = line[3:]
        found = re.fullmatch(r"\| (.*) \| (\d+) \| (\d+) \| (\d+) \| `(.*)` \|", line)
        if found:
            what, tried, wrong, lost, test = found.groups()
            rows.append((section, what, int(tried), int(wrong), int(lost), test))
    return rows
