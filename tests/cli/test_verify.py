"""--verify and what implies it: what the disk gives back is compared, not what the page cache remembers."""

import mmap
import os
import shutil

import pytest

import diskcalls
import disks
import families
import programs
import synth

TILE = (64, 32, 1, 1)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    source = str(tmp_path_factory.mktemp("parts") / "run")
    synth.build(source, synth.run([1, 1], ny=64, nx=64, tile=TILE))
    return source


def flip(disk, pattern):
    """A bit on the disk below the file system, wherever these bytes are: also where they were, and are no more."""
    with open(disk, "r+b") as stream, mmap.mmap(stream.fileno(), 0) as mapped:
        at, found = mapped.find(pattern), 0
        while at >= 0:
            mapped[at + 100] ^= 4
            at, found = mapped.find(pattern, at + 1), found + 1
        assert found, "not on the disk"


@pytest.mark.parametrize("kind, options", [("xfs", ["--verify"]), ("xfs", ["--overwrite"]), ("xfs", ["--remove-subcubes"]),
                                           ("xfs", ["-m", "c", "--verify"]), ("btrfs", ["--verify"])])
def test_a_bit_that_flips_on_the_disk_is_found(parts, tmp_path, kind, options, record_fault):
    """After it was written and synced: the page cache still has what was written."""
    source = str(tmp_path / "run")
    shutil.copytree(parts, source)
    pattern = programs.whole(source + "/cube.subcube.1.image/table.f0_TSM0")[:4096]
    before = families.manifest(source)
    try:
        with disks.mounted(kind, tmp_path / "disk") as where:
            if options == ["--overwrite"]:
                old = programs.materialize("--tiling=16,16,1,1", "-o", where + "/out", source + "/cube")
                assert old.returncode == 0, old.stderr
                there = programs.tree(where)
            command = [programs.MATERIALIZE, "-j", "1", "--tiling=keep", *options, "-o", where + "/out", source + "/cube"]
            if "-m" in options:
                command.remove("--tiling=keep")
            # the last sync before it is read back, in a run that does the same to another output
            trial = ["--verify" if o == "--remove-subcubes" else o for o in command[:-3]]
            trial = diskcalls.run(where, tmp_path, [*trial, "-o", where + "/trial", source + "/cube"])
            assert trial.returncode == 0, trial.stderr
            shutil.rmtree(where + "/trial.image")
            rename = diskcalls.number_of(trial.tape, "rename", "trial.image")
            synced = max(int(c[0]) for c in trial.tape if c[1] == "sync" and int(c[0]) < rename - 1)
            run = diskcalls.Run(where, tmp_path, command, synced, "hold")
            run.held()
            os.sync()
            flip(str(tmp_path / "disk") + ".disk", pattern)
            run.go()
            done = run.end()
            assert done.returncode == 1, (done.stdout, done.stderr)
            assert "out.image" in done.stderr and ("read back" in done.stderr or "read it back" in done.stderr), done.stderr
            now = programs.tree(where)
            assert now == (there if options == ["--overwrite"] else {})
    except disks.CannotMount as error:
        pytest.skip(str(error))
    assert families.manifest(source) == before
    record_fault("Materializer", "a bit flipped on the disk before --verify reads it", 1)
