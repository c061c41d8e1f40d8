"""However it is copied, with whatever memory and by however many processes, the bytes are the same."""

import glob
import hashlib
import os
import shutil

import pytest

import disks
import judge
import programs
import synth

TILINGS = ["keep", "casa", "100,60,1,7", "256,512,1,3"]
WAYS = [["-j", "1"], ["-j", "2", "--memory", "4M"], ["-j", "7", "--reflink=never"], ["-j", "3", "--memory=1G"],
        ["-j", "1", "--memory", "5000K", "--reflink", "auto"]]
TILE = (128, 64, 1, 1)      # 32 KiB: whole blocks of any file system


def arrays(image):
    """Path -> digest of each file of pixels or mask bits."""
    found = {}
    for path in glob.glob(os.path.join(str(image), "**", "*TSM*"), recursive=True):
        with open(path, "rb") as stream:
            found[os.path.relpath(path, str(image))] = hashlib.sha256(stream.read()).hexdigest()
    assert len(found) >= 2, "pixels and a mask"
    return {k: v for k, v in found.items() if not k.startswith("logtable")}


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Layers of 100,60,1,7 have 7 MiB: more than the least memory."""
    source = str(tmp_path_factory.mktemp("family") / "source")
    parts = synth.run([1, 3, 2, 5, 1, 1, 2], ny=512, nx=512, masks=True, tile=TILE)
    synth.build(source, parts)
    return source, parts


@pytest.mark.parametrize("tiling", TILINGS)
def test_every_way_of_copying_gives_the_same_bytes(family, tmp_path, tiling):
    source, parts = family
    wanted = None
    for number, way in enumerate(WAYS):
        out = tmp_path / ("out%d" % number)
        done = programs.materialize("--tiling", tiling, *way, "-o", out, source + "/cube")
        assert done.returncode == 0, (way, done.stderr)
        if wanted is None:
            wanted = arrays(str(out) + ".image")
            judge.assert_same(judge.one(str(out) + ".image"), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])
        assert arrays(str(out) + ".image") == wanted, way
        shutil.rmtree(str(out) + ".image")


def test_a_tile_larger_than_the_memory_is_an_error_that_says_what_to_do(family, tmp_path):
    source, _ = family
    done = programs.materialize("--tiling", "512,512,1,8", "--memory", "4M", "-o", tmp_path / "out", source + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["out.image", "--memory=10M"])
    assert os.listdir(tmp_path) == []
    done = programs.materialize("--tiling", "512,512,1,8", "--memory=10M", "-o", tmp_path / "out", source + "/cube")
    assert done.returncode == 0


@pytest.mark.parametrize("option", ["--memory=", "--memory=3M", "--memory=-5G", "--memory=4MB", "--memory=4T",
                                    "--memory=99999999999G", "--memory=some", "--reflink=", "--reflink=sometimes"])
def test_what_is_no_size_and_no_word_is_refused(family, tmp_path, option):
    done = programs.materialize(option, "-o", tmp_path / "out", family[0] + "/cube")
    assert done.returncode == 2
    programs.assert_message(done.stderr, [option.split("=")[0]])
    assert os.listdir(tmp_path) == []


# ---- where blocks can be shared ----

@pytest.fixture(scope="module", params=disks.KINDS)
def disk(request, family, tmp_path_factory):
    """A file system that clones, with the family in run/."""
    try:
        with disks.mounted(request.param, tmp_path_factory.mktemp("disk") / request.param) as where:
            shutil.copytree(family[0], where + "/run")
            yield where
    except disks.CannotMount as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("tiling", TILINGS)
@pytest.mark.parametrize("reflink", ["auto", "never"])
def test_clones_are_the_same_bytes(disk, family, tmp_path, tiling, reflink):
    wanted = programs.materialize("--tiling", tiling, "-o", tmp_path / "out", family[0] + "/cube")
    done = programs.materialize("--tiling", tiling, "--reflink", reflink, "-o", disk + "/out", disk + "/run/cube")
    try:
        assert done.returncode == wanted.returncode == 0, done.stderr
        assert arrays(disk + "/out.image") == arrays(tmp_path / "out.image")
    finally:
        shutil.rmtree(disk + "/out.image", ignore_errors=True)


def test_clones_take_no_space_and_stay_when_the_parts_go(disk, family, tmp_path):
    shutil.copytree(family[0], disk + "/copy")
    before = disks.used_bytes(disk)
    pixels = 512 * 512 * 4 * 15
    sizes = {}
    for reflink in ("auto", "never"):
        done = programs.materialize("--tiling=keep", "--reflink", reflink, "-o", disk + "/out", disk + "/copy/cube")
        assert done.returncode == 0, done.stderr
        sizes[reflink] = disks.used_bytes(disk) - before
        if reflink == "auto":
            wanted = arrays(disk + "/out.image")
            shutil.rmtree(disk + "/out.image")
            before = disks.used_bytes(disk)
    assert sizes["auto"] < pixels / 4 < pixels * 0.9 < sizes["never"], sizes
    shutil.rmtree(disk + "/out.image")
    done = programs.materialize("--tiling=keep", "--remove-subcubes", "-o", disk + "/out", disk + "/copy/cube")
    assert done.returncode == 0, done.stderr
    assert os.listdir(disk + "/copy") == []
    assert arrays(disk + "/out.image") == wanted
    shutil.rmtree(disk + "/out.image")
    os.rmdir(disk + "/copy")


def test_always_is_an_error_where_it_cannot_be(disk, family, tmp_path):
    # the second part's mask bits begin inside of a block
    synth.build(disk + "/odd", synth.run([1, 2], ny=128, nx=128, tile=TILE, masks=True))
    for tiling, source, out in (("keep", "/odd", disk + "/out"), ("casa", "/run", disk + "/out"),
                                ("keep", "/run", tmp_path / "out")):
        done = programs.materialize("--tiling", tiling, "--reflink=always", "-o", out, disk + source + "/cube")
        assert done.returncode == 1
        programs.assert_message(done.stderr, ["out.image", "clone"])
    assert os.listdir(tmp_path) == []
    shutil.rmtree(disk + "/odd")
    assert os.listdir(disk) == ["run"]


def test_always_is_done_where_it_can_be(disk, family):
    done = programs.materialize("--tiling=keep", "--reflink=always", "-o", disk + "/out", disk + "/run/cube")
    assert done.returncode == 0, done.stderr
    judge.assert_same(judge.one(disk + "/out.image"), synth.truth(family[1]), keys=["pixels_sha256", "mask_sha256"])
    shutil.rmtree(disk + "/out.image")


@pytest.mark.parametrize("when", [3, 4, 6])
def test_killed_while_cloning_nothing_is_left_and_the_next_run_is_whole(disk, family, strace, when):
    command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=ioctl", "-e", "inject=ioctl:signal=KILL:when=%d" % when,
               programs.MATERIALIZE, "--tiling=keep", "-o", disk + "/out", disk + "/run/cube"]
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    done = programs.run(command, env=env)
    assert done.returncode != 0
    assert not os.path.lexists(disk + "/out.image")
    done = programs.materialize("--tiling=keep", "-o", disk + "/out", disk + "/run/cube")
    try:
        assert done.returncode == 0, done.stderr
        assert sorted(os.listdir(disk)) == ["out.image", "run"]
        judge.assert_same(judge.one(disk + "/out.image"), synth.truth(family[1]), keys=["pixels_sha256", "mask_sha256"])
    finally:
        shutil.rmtree(disk + "/out.image", ignore_errors=True)
