"""Parts that change while they are copied or cloned: that extension fails, old and new are never mixed."""

import itertools
import os
import shutil

import numpy as np
import pytest

import diskcalls
import disks
import families
import programs
import synth

TILE = (64, 64, 1, 1)
NPARTS = 12


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    source = str(tmp_path_factory.mktemp("parts") / "run")
    synth.build(source, synth.run([1] * NPARTS, ny=128, nx=128, tile=TILE))
    return source


def pixels(part):
    return part + "/table.f0_TSM0"


def stamp(part, number, generation):
    """Rewrites all pixels in place: each says which part it is of, and which writing of it."""
    value = np.float32(number * 1000 + generation)
    with open(pixels(part), "r+b") as stream:
        stream.write(np.full(os.path.getsize(pixels(part)) // 4, value, "<f4").tobytes())


def imager(source, replaces):
    """Rewrites parts, in place or by new files, one after the other."""
    for generation in itertools.cycle(range(1, 1000)):
        # the last ones: the first are read before, so that all kinds of moments are met
        for number in range(NPARTS - 1, NPARTS // 2, -1):
            part = "%s/cube.subcube.%d.image" % (source, number)
            if replaces:
                shutil.copyfile(pixels(part), pixels(part) + ".new")
                os.rename(pixels(part) + ".new", pixels(part))
            stamp(part, number, generation)
            yield 0.03


def check(image):
    """Each plane is of one part and one writing; both sides of it were read together."""
    data = np.frombuffer(programs.whole(image + "/table.f0_TSM0"), "<f4").reshape(NPARTS, -1)
    for number, plane in enumerate(data):
        assert (plane == plane[0]).all(), "plane %d is mixed" % number
        assert plane[0] // 1000 == number


def copy_while(source, out, replaces, *options):
    """How many of some runs succeeded and failed; those that succeeded are checked."""
    counts = {0: 0, 1: 0}
    for number in range(NPARTS):
        stamp("%s/cube.subcube.%d.image" % (source, number), number, 0)
    with programs.meanwhile(imager(source, replaces)):
        for _ in range(12):
            done = programs.materialize("--no-cache", "--settle=0", "--tiling=keep", *options, "-o", out, source + "/cube")
            assert done.returncode in counts, done.stderr
            counts[done.returncode] += 1
            if done.returncode == 0:
                check(out + ".image")
                shutil.rmtree(out + ".image")
            else:
                programs.assert_message(done.stderr, ["image"])
                assert "changed" in done.stderr or "went away" in done.stderr, done.stderr
            assert [n for n in os.listdir(os.path.dirname(out)) if "out" in n] == []
    # nobody is at work any more
    done = programs.materialize("--no-cache", "--settle=0", "--tiling=keep", *options, "-o", out, source + "/cube")
    assert done.returncode == 0, done.stderr
    check(out + ".image")
    shutil.rmtree(out + ".image")
    return counts


@pytest.mark.parametrize("replaces", [False, True], ids=["rewritten", "replaced"])
@pytest.mark.parametrize("options", [[], ["--verify"]], ids=["copied", "verified"])
def test_copies_are_of_one_version(parts, tmp_path, options, replaces, record_fault):
    source = str(tmp_path / "run")
    shutil.copytree(parts, source)
    counts = copy_while(source, str(tmp_path / "out"), replaces, *options)
    assert counts[1] > 0, "nothing changed in time"
    record_fault("Materializer", "runs while parts are rewritten or replaced", sum(counts.values()))


@pytest.mark.parametrize("kind", disks.KINDS)
def test_clones_are_of_one_version(parts, tmp_path, kind, record_fault):
    try:
        with disks.mounted(kind, tmp_path / "disk") as where:
            shutil.copytree(parts, where + "/run")
            counts = copy_while(where + "/run", where + "/out", False, "--reflink=always")
    except disks.CannotMount as error:
        pytest.skip(str(error))
    assert counts[1] > 0, "nothing changed in time"
    record_fault("Materializer", "clones while parts are rewritten", sum(counts.values()))


def change_at(source, tmp_path, options, call, pattern=""):
    """How a run ends during whose first such call a part that it has copied is written to."""
    first = str(tmp_path / "first")
    shutil.copytree(source, first)
    command = [programs.MATERIALIZE, "-q", "-j1", "--no-cache", "--settle=0", *options, source + "/cube"]
    whole = diskcalls.run(source, tmp_path, command)
    assert whole.returncode == 0, whole.stderr
    at = diskcalls.number_of(whole.tape, call, pattern, 0)
    shutil.rmtree(source)
    shutil.copytree(first, source)
    run = diskcalls.Run(source, tmp_path, command, at, "hold")
    run.held()
    stamp(source + "/cube.subcube.0.image", 0, 7)
    run.go()
    return run.end()


def loose(source):
    return {k: v for k, v in families.manifest(source).items() if k.startswith("cube.subcube")}


@pytest.mark.parametrize("options", [[], ["--tiling=48,48,1,5"], ["--verify"], ["-m", "n"], ["-m", "c"], ["-m", "m"],
                                     ["--remove-subcubes"], ["-m", "c", "--remove-subcubes"]], ids=" ".join)
def test_a_part_that_changes_after_it_was_copied(parts, tmp_path, options):
    """When all is copied, and the first file is being synced."""
    source = str(tmp_path / "run")
    shutil.copytree(parts, source)
    done = change_at(source, tmp_path, options, "sync")
    assert done.returncode == 1 and "changed" in done.stderr, done.stderr
    assert sorted({k.split("/")[0] for k in families.manifest(source)}) == sorted(os.listdir(parts))
    data = np.fromfile(pixels(source + "/cube.subcube.0.image"), "<f4")
    assert (data == 7).all()


@pytest.mark.parametrize("options", [[], ["-m", "c"]], ids=" ".join)
def test_a_part_that_changes_after_it_was_compared_is_not_removed(parts, tmp_path, options):
    """While the image gets its name."""
    source = str(tmp_path / "run")
    shutil.copytree(parts, source)
    done = change_at(source, tmp_path, [*options, "--remove-subcubes"], "rename", "cube\\.image")
    assert done.returncode == 1 and "changed" in done.stderr, done.stderr
    assert sorted({k.split("/")[0] for k in loose(source)}) == sorted(os.listdir(parts))
