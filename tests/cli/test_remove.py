"""subcube-materialize --remove-subcubes: parts go when all images are made and compared, else none does."""

import os
import shutil
import subprocess
import time

import pytest

import diskcalls
import families
import judge
import programs
import synth
import users
import virtual


@pytest.fixture
def source(small):
    """With what the imager leaves behind besides."""
    directory = small[0]
    for n in range(3):
        os.makedirs("%s/.cube.subcube.%d.tmpdir/deep" % (directory, n))
    return directory


def tmpdirs(source):
    return sorted(n for n in os.listdir(source) if n.endswith(".tmpdir"))


def everything_loose(source):
    return {k: v for k, v in families.manifest(source).items() if k.startswith(("cube.subcube", ".cube.subcube"))}


@pytest.mark.parametrize("options", [[], ["-m", "a"], ["-m", "p", "--tiling", "casa"], ["-m", "p", "--tiling", "keep"],
                                     ["-m", "p", "--tiling", "5,3,1,4"], ["-m", "c"]])
def test_all_go_when_all_is_made(source, small, options):
    done = programs.materialize("--remove-subcubes", *options, source + "/cube")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(source)) == ["cube.image", "cube.psf"]
    for ext in (".image", ".psf"):
        judge.assert_same(virtual.one(source + "/cube" + ext), synth.truth(small[1]),
                          keys=["pixels_sha256", "mask_sha256"])
    kind = "ImageConcat" if "c" in options else "PagedImage"
    assert virtual.one(source + "/cube.image")["kind"] == kind


@pytest.mark.parametrize("name", ["A1", "A2u", "B2", "B11"])
def test_real_families(family, casa, tmp_path, name):
    shutil.copytree(family(name).source, tmp_path / "own")
    done = programs.materialize("--remove-subcubes", "--tiling", "casa", tmp_path / "own" / "cube")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "own")) == sorted("cube" + e for e in families.FAMILIES[name])
    for ext in families.FAMILIES[name]:
        judge.assert_same(judge.one(str(tmp_path / "own" / ("cube" + ext))), casa(name, ext),
                          keys=["pixels_sha256", "mask_sha256", "shape"])


@pytest.mark.parametrize("mode", ["p", "c"])
def test_none_goes_when_one_extension_fails(source, mode):
    shutil.rmtree(source + "/cube.subcube.1.psf")
    before = everything_loose(source)
    done = programs.materialize("-m", mode, "--remove-subcubes", source + "/cube")
    assert done.returncode == 1
    assert "no subcubes are removed" in done.stderr
    assert everything_loose(source) == before
    assert virtual.one(source + "/cube.image")["shape"] == [12, 10, 1, 6]


@pytest.mark.parametrize("mode", ["n", "m", "v"])
def test_it_would_lose_what_a_virtual_image_names(source, mode):
    before = families.manifest(source)
    done = programs.materialize("-m", mode, "--remove-subcubes", source + "/cube")
    assert done.returncode == 2
    assert "--remove-subcubes" in done.stderr
    assert families.manifest(source) == before


def test_other_extensions_and_their_directories_stay(source):
    done = programs.materialize("--remove-subcubes", "-e", ".image", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert virtual.loose(source) == [] and len(virtual.loose(source, ".psf")) == 3
    assert len(tmpdirs(source)) == 3


def test_parts_that_are_left_out_stay(source):
    done = programs.materialize("--remove-subcubes", "--nparts", "2", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert virtual.loose(source) == ["cube.subcube.2.image"]
    assert tmpdirs(source) == [".cube.subcube.2.tmpdir"]


def test_parts_around_a_blank_go(source):
    for ext in (".image", ".psf"):
        shutil.rmtree(source + "/cube.subcube.1" + ext)
    done = programs.materialize("--remove-subcubes", "--missing", "blank", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert virtual.loose(source) == [] and virtual.loose(source, ".psf") == []
    assert virtual.one(source + "/cube.image")["shape"] == [12, 10, 1, 6]


def test_an_output_that_exists_keeps_everything(source):
    os.mkdir(source + "/cube.psf")
    before = families.manifest(source)
    assert programs.materialize("--remove-subcubes", source + "/cube").returncode == 2
    assert families.manifest(source) == before


def test_an_output_inside_of_a_part_is_refused(source, tmp_path):
    os.symlink(source + "/cube.subcube.1.image", tmp_path / "link")
    before = families.manifest(source)
    for out in (source + "/cube.subcube.1.image/out", tmp_path / "link" / "out"):
        done = programs.materialize("--remove-subcubes", "-o", out, source + "/cube")
        assert done.returncode == 2, done.stderr
        assert families.manifest(source) == before


def test_a_virtual_image_does_not_lose_its_parts(source, tmp_path):
    """Read from a catalog, the parts are not loose."""
    assert programs.materialize("-m", "m", source + "/cube").returncode == 0
    before = families.manifest(source)
    for options in (["--remove-subcubes"], ["-m", "m"]):
        done = programs.materialize(*options, "-o", tmp_path / "out", source + "/cube")
        assert done.returncode == 2, done.stderr
    assert families.manifest(source) == before
    assert [n for n in os.listdir(tmp_path) if n.startswith("out")] == []


def test_a_listed_image_goes_too(tmp_path):
    parts = synth.run([1, 1])
    paths = synth.build(str(tmp_path), parts)
    done = programs.materialize("--images", "--remove-subcubes", "-o", tmp_path / "out", *paths)
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path) == ["out"]


def interrupted(source, where, arguments, first_of_all, base="cube"):
    """Killed when the first part is gone, or moved."""
    command = [programs.MATERIALIZE, "-q", "--settle=0", "-j1", *arguments, "%s/%s" % (source, base)]
    shutil.copytree(source, where / "first", symlinks=True)
    whole = diskcalls.run(source, where, command)
    assert whole.returncode == 0, whole.stderr
    at = diskcalls.number_of(whole.tape, "rename", first_of_all, 0)
    shutil.rmtree(source)
    shutil.copytree(where / "first", source, symlinks=True)
    assert diskcalls.run(source, where, command, at, "kill").returncode == -9
    return families.manifest(source)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("arguments, whose, actions", [
    (["--remove-subcubes", "--ext", ".image"], ".cube.image.subcube-materialize", [["--resume"]]),
    (["-m", "m", "--ext", ".image"], "cube.image", [["--resume"], ["--undo"]]),
])
@pytest.mark.parametrize("mode, owner", [(0o1777, 0), (0o775, 54321)])
def test_another_users_list_of_subcubes_is_not_believed(source, tmp_path, arguments, whose, actions, mode, owner):
    """Where everybody may make files, such as in /tmp, it could tell of files that only this user may remove or move."""
    left = interrupted(source, tmp_path, arguments, r"cube\.subcube\.0\.image")
    os.chown("%s/%s" % (source, whose), 54321, 54321)
    os.chmod(source, 0o1777)
    for action in actions:
        done = programs.materialize(*action, source + "/cube")
        assert done.returncode == 1 and "another user" in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert families.manifest(source) == left
    os.chown("%s/%s" % (source, whose), owner, owner)
    os.chmod(source, mode)
    done = programs.materialize("--resume", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert not any(n.startswith("cube.subcube") and n.endswith(".image") for n in os.listdir(source))


@pytest.mark.parametrize("now", ["nothing", "a file", "an empty directory", "a link"])
def test_a_removal_is_not_resumed_for_what_is_no_image(source, tmp_path, now):
    interrupted(source, tmp_path, ["--remove-subcubes", "--ext", ".image"], r"cube\.subcube\.0\.image")
    os.rename(source + "/cube.image", tmp_path / "away")
    if now == "a file":
        open(source + "/cube.image", "w").close()
    elif now == "an empty directory":
        os.mkdir(source + "/cube.image")
    elif now == "a link":
        os.symlink(tmp_path / "nowhere", source + "/cube.image")
    left = everything_loose(source)
    done = programs.materialize("--resume", source + "/cube")
    assert done.returncode == 1 and "is not there any more" in done.stderr, done.stderr
    assert everything_loose(source) == left
    shutil.rmtree(source + "/cube.image", ignore_errors=True)
    if os.path.lexists(source + "/cube.image"):
        os.unlink(source + "/cube.image")
    os.rename(tmp_path / "away", source + "/cube.image")
    assert programs.materialize("--resume", source + "/cube").returncode == 0
    assert not [n for n in os.listdir(source) if n.endswith(".image") and "subcube" in n]


@pytest.mark.parametrize("arguments", [["--remove-subcubes"], ["-m", "m"]])
def test_what_is_to_be_resumed_first_is_named_as_it_has_to_be(tmp_path, arguments):
    """It may be of another family, whose name begins alike."""
    source = str(tmp_path / "run")
    for base in ("obs", "obs.cont"):
        synth.build(source, synth.run([1, 1], ny=3, nx=4), base=base)
    interrupted(source, tmp_path, arguments, r"subcube\.0\.image", "obs.cont")
    refused = programs.materialize("--settle=0", source + "/obs")
    assert refused.returncode == 2, refused.stderr
    words = refused.stderr.split()
    resumed = words[words.index("--resume") + 1]
    done = programs.materialize("--resume", resumed)
    assert done.returncode == 0, done.stderr
    assert [n for n in os.listdir(source) if n.startswith("obs.cont.subcube")] == []


def test_parts_that_a_complete_image_of_another_name_has_are_not_missing(source, tmp_path):
    interrupted(source, tmp_path, ["--remove-subcubes", "--ext", ".image", "-o", source + "/new"], r"cube\.subcube\.0\.image")
    for arguments in ([], ["--missing=blank"], ["--missing=skip", "-o", tmp_path / "out"]):
        refused = programs.materialize("--settle=0", *arguments, source + "/cube")
        assert refused.returncode == 2, refused.stderr
        programs.assert_message(refused.stderr, ["new.image", "complete", "--resume"])
    words = refused.stderr.split()
    done = programs.materialize("--resume", words[words.index("--resume") + 1])
    assert done.returncode == 0, done.stderr
    assert programs.materialize("--settle=0", source + "/cube").returncode == 0
    assert os.path.isdir(source + "/cube.psf") and not os.path.exists(source + "/cube.image")


@pytest.mark.skipif(users.missing() is not None, reason=str(users.missing()))
@pytest.mark.parametrize("protected", ["cube.subcube.1.image", "cube.subcube.1.image/logtable"])
def test_a_part_that_may_not_be_removed_is_found_before(source, protected):
    for base, directories, files in os.walk(source):
        for name in [base, *(os.path.join(base, n) for n in directories + files)]:
            os.chown(name, *users.IDS["alice"][:2])
    os.chmod(os.path.join(source, protected), 0o555)
    left = families.manifest(source)
    with users.Users() as others:
        os.rename(source, others.path("run"))
        done = others.run([others.path("build/materialize/subcube-materialize"), "--settle=0", "--no-cache", "-q",
                           "--remove-subcubes", others.path("run/cube")], user="alice")
        assert done.returncode == 2 and protected + " cannot be removed" in done.stderr, done.stderr
        assert families.manifest(others.path("run")) == left


@pytest.mark.skipif(users.missing() is not None, reason=str(users.missing()))
def test_somebody_elses_part_in_a_sticky_directory_is_found_before(source):
    """Who may write all of it may not rename it there, now or with --resume."""
    for base, directories, files in os.walk(source):
        for name in [base, *(os.path.join(base, n) for n in directories + files)]:
            os.chmod(name, 0o777 if os.path.isdir(name) else 0o666)
    os.chmod(source, 0o1777)
    left = families.manifest(source)
    with users.Users() as others:
        os.rename(source, others.path("run"))
        done = others.run([others.path("build/materialize/subcube-materialize"), "--settle=0", "--no-cache", "-q",
                           "--remove-subcubes", others.path("run/cube")], user="alice")
        assert done.returncode == 2, done.stderr
        programs.assert_message(done.stderr, ["cube.subcube.0.image", "sticky", "somebody else's"])
        assert families.manifest(others.path("run")) == left


# ---- what the image does not get, and what changes ----

@pytest.mark.parametrize("name", ["mask1", "notes", "notes.txt"])
@pytest.mark.parametrize("mode", ["p", "c"])
def test_what_the_image_does_not_get_is_not_removed(source, name, mode):
    """Another mask, or somebody's own files; a part that is copied as a whole takes them along."""
    path = source + "/cube.subcube.1.psf/" + name
    if name == "notes.txt":
        open(path, "w").close()
    else:
        os.mkdir(path)
    before = families.manifest(source)
    done = programs.materialize("--remove-subcubes", "-m", mode, source + "/cube")
    if mode == "c":
        assert done.returncode == 0, done.stderr
        assert os.path.exists(source + "/cube.psf/cube.subcube.1.psf/" + name)
        return
    assert done.returncode == 2
    programs.assert_message(done.stderr, ["cube.subcube.1.psf is not removed", name])
    assert families.manifest(source) == before


@pytest.mark.parametrize("file", ["table.dat", "logtable/table.f0", "mask0/table.dat"])
def test_a_part_that_changes_while_it_is_copied_stays(strace, source, file):
    """Its header was read before: the image has the old one."""
    command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=1500000:when=1",
               programs.MATERIALIZE, "--settle=0", "--remove-subcubes", source + "/cube"]
    env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    before = sorted(everything_loose(source))
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    assert programs.wait_until(lambda: os.path.isdir(source + "/.cube.image.subcube-materialize/image/logtable"))
    time.sleep(0.3)
    os.utime(source + "/cube.subcube.2.image/" + file, (1e9, 1e9))
    _, errors = running.communicate(timeout=programs.START_S)
    assert running.returncode == 1
    programs.assert_message(errors, ["cube.subcube.2.image", "changed"])
    assert sorted(everything_loose(source)) == before


@pytest.fixture(params=["p", "c"])
def stopped(source, request):
    """A removal of both products that stopped at part 1 of the first one; what goes on with it."""
    if os.geteuid():
        pytest.skip("only root makes a file immutable")
    file = source + "/cube.subcube.1.image/table.info"
    if programs.run(["chattr", "+i", file]).returncode:
        pytest.skip("this file system has no immutable files")
    held = source + "/.cube.subcube.1.image.subcube-removed/table.info"
    try:
        done = programs.materialize("--remove-subcubes", "-m", request.param, source + "/cube")
        assert done.returncode == 1
        programs.assert_message(done.stderr, ["cube.subcube.1.image", "Operation not permitted", "--resume"])
    finally:
        for path in (file, held):
            if os.path.exists(path):
                programs.run(["chattr", "-i", path])
    return source


def test_an_interrupted_removal_of_several_products_is_finished(stopped):
    assert len([n for n in os.listdir(stopped) if n.endswith(".psf") and n.startswith("cube.subcube")]) == 3
    done = programs.materialize("--resume", stopped + "/cube")
    assert done.returncode == 0, done.stderr
    assert sorted(n for n in os.listdir(stopped) if not n.endswith(".tmpdir")) == ["cube.image", "cube.psf"]


def test_a_part_whose_mask_changed_is_not_removed_by_resume(stopped):
    with open(stopped + "/cube.subcube.2.image/mask0/table.f0_TSM0", "r+b") as stream:
        stream.write(b"\0")
    done = programs.materialize("--resume", stopped + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["cube.subcube.2.image", "changed", "not removed"])
    assert os.path.isdir(stopped + "/cube.subcube.2.image/mask0")


def test_parts_that_were_made_anew_stay_and_are_in_nobodys_way(stopped):
    """The list of what was to be removed is not of them."""
    parts = synth.run([1, 1, 1], ny=3, nx=4)
    for n in range(3):
        shutil.rmtree("%s/cube.subcube.%d.image" % (stopped, n), ignore_errors=True)
    synth.build(stopped, parts)
    paged = os.path.exists(stopped + "/cube.image/table.dat")
    done = programs.materialize("--resume", stopped + "/cube")
    assert done.returncode == 1 and "--resume" not in done.stderr, done.stderr
    programs.assert_message(done.stderr, ["cube.subcube.0.image", "changed", "not removed"])
    assert sorted(n for n in os.listdir(stopped) if not n.endswith(".tmpdir")) == \
        ["cube.image", "cube.psf"] + [synth.name(n) for n in range(3)]
    assert programs.materialize("--resume", stopped + "/cube").returncode == 3
    out = stopped + ("/cube" if paged else "/new")
    done = programs.materialize("--overwrite", "-o", out, "-e", ".image", stopped + "/cube")
    assert done.returncode == 0, done.stderr
    judge.assert_same(judge.one(out + ".image"), synth.truth(parts), keys=synth.truth(parts))


def test_an_undo_removes_nothing(stopped):
    before = families.manifest(stopped)
    done = programs.materialize("--undo", stopped + "/cube")
    assert done.returncode != 0
    programs.assert_message(done.stderr, ["cube.image", "being removed", "--resume"]
                            if os.path.exists(stopped + "/cube.image/imageconcat.json") else ["nothing was moved into it"])
    assert families.manifest(stopped) == before
