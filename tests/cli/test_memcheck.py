"""The materializer under valgrind."""

import os

import pytest

import broken
import programs
import recipes
import synth
import valgrind


@pytest.fixture(autouse=True)
def where_it_can_be():
    valgrind.skip_where_it_cannot_be()


def run(logs, *arguments):
    return programs.run([*valgrind.command(logs), programs.MATERIALIZE, "--no-cache", *arguments], timeout=valgrind.SLOW_S)


# Copied, retiled, gathered with holes, and named only.
WAYS = [("--tiling=keep", "-j2"), ("--tiling=4,4,1,3", "--missing=blank"), ("-m", "nomovevirtual"), ("--dry-run",), ("--list", "--json")]


@pytest.mark.parametrize("options", WAYS, ids=lambda o: o[0].lstrip("-"))
def test_no_errors(tmp_path, options):
    source = str(tmp_path / "source")
    numbers = [0, 1, 3] if "--missing=blank" in options else None
    parts = recipes.uneven_chunks_and_tiles().parts[:3] if numbers is None else synth.run([2, 2, 2], ny=6, nx=8, masks=True)
    if numbers:
        parts[2].frequency += 2 * parts[2].width
    synth.build(source, parts, numbers=numbers)
    done = run(tmp_path / "logs", *options, *([] if "--list" in options else ["-o", tmp_path / "made"]), source + "/cube")
    assert done.returncode == 0, done.stderr
    valgrind.assert_clean(tmp_path / "logs")


def test_no_errors_with_broken_subcubes(tmp_path):
    source = str(tmp_path / "source")
    broken.family(source)
    broken.BREAKAGES["table.dat of random bytes"].break_it(source)
    assert run(tmp_path / "logs", "-o", tmp_path / "made", source + "/cube").returncode == 1
    assert os.path.exists(tmp_path / "made.psf")
    valgrind.assert_clean(tmp_path / "logs")
