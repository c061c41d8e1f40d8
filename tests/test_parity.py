"""The table of behaviours (parity.py) and its committed form (parity.md)."""

import os
import re
import subprocess
import sys

import pytest

import parity
import programs

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def collected():
    done = subprocess.run([sys.executable, "-m", "pytest", "-c", programs.HERE + "/pytest.ini", "--rootdir=" + programs.HERE,
                           "-q", "-p", "no:cacheprovider", "--collect-only", programs.HERE], stdout=subprocess.PIPE,
                          text=True, timeout=120)
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert found, done.stdout
    return found


@pytest.fixture
def committed(request):
    if request.config.getoption("write_parity"):
        pytest.skip("parity.md is being written")
    with open(os.path.join(programs.HERE, "parity.md")) as stream:
        return parity.read(stream.read())


def test_every_test_of_the_table_exists(collected):
    unknown = [(row.behaviour, t) for row in parity.ROWS for t in row.tests if not parity.matching(t, collected)]
    assert not unknown


def test_every_row_is_complete():
    for row in parity.ROWS:
        assert row.behaviour and row.theirs and row.ours and row.tests, row
        assert row.verdict in ("same", "better", "different"), row
        assert bool(row.why) == (row.verdict != "same"), row
        assert "|" not in row.behaviour + row.theirs + row.ours + row.why, row
    behaviours = [row.behaviour for row in parity.ROWS]
    assert len(set(behaviours)) == len(behaviours)


def test_every_topic_has_rows():
    assert all(parity.TOPICS.values())


def test_the_committed_table_is_this_one(committed):
    assert [cells[:-1] for cells in committed] == [parity.cells(row) for row in parity.ROWS], \
        "parity.md is not of parity.py; tests/README.md tells how to write it anew"


def test_all_of_the_committed_table_passed(committed):
    assert [cells for cells in committed if not re.fullmatch(r"\d+ passed(, \d+ skipped)?", cells[-1])] == []


@pytest.mark.parametrize("outcomes, text", [
    ({}, "not run"), ({"a::t": "passed"}, "1 passed"), ({"a::t[x-1]": "passed", "a::t[y]": "skipped"}, "1 passed, 1 skipped"),
    ({"a::t[x-1]": "skipped"}, "1 skipped"), ({"a::t[x-1]": "passed", "a::t[x-2]": "failed"}, "1 FAILED, 1 passed"),
    ({"a::t": "error"}, "1 FAILED"), ({"a::tt": "passed"}, "not run")])
def test_what_is_told_of_a_run(outcomes, text):
    assert parity.told(["a::t"], outcomes) == text


def test_a_pattern_chooses_among_parameters():
    ids = ["a::t[x-1]", "a::t[x-2]", "a::t[y-1]", "a::t"]
    assert parity.matching("a::t", ids) == ids
    assert parity.matching("a::t[x-*]", ids) == ids[:2]
    assert parity.matching("a::t[y-1]", ids) == ids[2:3]
    assert parity.matching("a::t[z*]", ids) == []
