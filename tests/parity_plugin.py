"""Writes the table of parity.py, with what a whole run of the tests found, as Markdown (loaded by conftest.py).

It goes into the build directory under test; with --write-parity into tests/parity.md, too.
"""

import os

import parity
import programs


def pytest_addoption(parser):
    parser.addoption("--write-parity", action="store_true", help="write tests/parity.md from what this run finds")


def pytest_terminal_summary(terminalreporter, config):
    """With pytest-xdist, too, this is called once, where all results come together."""
    outcomes = {}
    for kind in ("passed", "skipped", "failed", "error"):   # the last is the worst: a test may pass and its clean-up fail
        for report in terminalreporter.stats.get(kind, []):
            outcomes[report.nodeid] = kind
    wanted = config.getoption("write_parity")
    absent = [t for row in parity.ROWS for t in row.tests if not parity.matching(t, outcomes)]
    if absent or config.option.keyword or config.option.markexpr:
        if wanted:
            terminalreporter.write_line("parity.md is not written: not all of its tests ran; " + " ".join(absent[:3]))
        return
    text = parity.markdown(outcomes)
    for directory in [programs.BUILD] + ([programs.HERE] if wanted else []):
        with open(os.path.join(directory, "parity.md"), "w") as stream:
            stream.write(text)
