"""Writes what the tests recorded about faults as Markdown (loaded by conftest.py).

A run of all tests writes faults.md into the build directory under test; with --write-faults into tests/, too.
"""

import os

import pytest

import faults
import programs


def pytest_addoption(parser):
    parser.addoption("--write-faults", action="store_true", help="write tests/faults.md from what this run finds")


@pytest.fixture
def record_fault(request):
    """record_fault(section, what, tried, wrong=0, lost=0): a line of faults.md, and a failure when something went wrong.

    Call it with what was counted, after all of it was tried. `tried` 0 is a failure: nothing was tested.
    """
    def record(section, what, tried, wrong=0, lost=0):
        request.node.user_properties.append((faults.PROPERTY, [section, what, tried, wrong, lost, request.node.nodeid]))
        assert tried > 0 and wrong == 0 and lost == 0, "%s, %s: tried %d, wrong %d, lost %d" % (section, what, tried, wrong, lost)
    return record


def is_whole_run(config):
    paths = {os.path.realpath(os.path.join(str(config.invocation_params.dir), a)) for a in config.args}
    return paths <= {programs.HERE, programs.ROOT} and not config.option.keyword and not config.option.markexpr


def pytest_terminal_summary(terminalreporter, config):
    """With pytest-xdist, too, this is called once, where all results come together."""
    rows = [value for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])
            if report.when == "call" for name, value in report.user_properties if name == faults.PROPERTY]
    if not is_whole_run(config):
        if config.getoption("write_faults"):
            terminalreporter.write_line("faults.md is not written: not all tests ran")
        return
    text = faults.markdown(faults.merged(rows))
    for directory in [programs.BUILD] + ([programs.HERE] if config.getoption("write_faults") else []):
        with open(os.path.join(directory, "faults.md"), "w") as stream:
            stream.write(text)
