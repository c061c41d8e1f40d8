"""subcube-materialize --mode: images that name, copy or move their parts, read by casacore."""

import json
import lzma
import os
import shutil
import stat
import subprocess

import pytest

import diskcalls
import families
import judge
import programs
import synth
import users
import virtual

VIRTUAL = ["nomovevirtual", "copyvirtual", "movevirtual"]


@pytest.fixture
def source(small):
    return small[0]


@pytest.fixture
def own(family, tmp_path):
    """own(name): a copy of a family that a test may take apart."""
    def get(name):
        shutil.copytree(family(name).source, tmp_path / "own")
        return str(tmp_path / "own")
    return get


def make(mode, *arguments, status=0):
    done = programs.materialize("-m", mode, *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return done


# ---- casacore is the judge ----

@pytest.mark.parametrize("mode", VIRTUAL)
@pytest.mark.parametrize("name, ext", [("A1", ".image"), ("A2u", ".image"), ("A5", ".weight"), ("A6", ".psf"),
                                       ("B1", ".image"), ("B2", ".image"), ("B4c", ".image"), ("B4d", ".image"),
                                       ("B4cd", ".image"), ("B5b", ".image"), ("B10", ".sumwt"), ("B11", ".image")])
def test_each_family_is_casacores_concatenation(family, own, mode, name, ext):
    reference = judge.concat(family(name).parts(ext))
    assert "error" not in reference, reference["error"]
    directory = own(name)
    make(mode, "-e", ext, directory + "/cube")
    found = virtual.one(directory + "/cube" + ext)
    assert found.get("kind") == "ImageConcat", found.get("error")
    judge.assert_same(found, reference, ignore=virtual.OTHER)


@pytest.mark.parametrize("name", ["B1", "B2", "B4c", "B4d", "B4cd", "B5a", "B5b", "B5c", "B10", "B11"])
def test_the_catalog_says_what_casas_does(own, name):
    with lzma.open(os.path.join(families.DATA, name + ".expected.json.xz"), "rt") as stream:
        refs = json.load(stream)["refs"]
    ext = families.FAMILIES[name][0]
    directory = own(name)
    for mode in VIRTUAL:
        wanted = json.loads(refs[mode]["imageconcat.json"])
        make(mode, "--no-tempclose", directory + "/cube")
        got = virtual.catalog(directory + "/cube" + ext)
        assert {k: got[k] for k in ("Version", "DataType", "Axis", "TempClose")} == \
               {k: wanted[k] for k in ("Version", "DataType", "Axis", "TempClose")}
        assert [os.path.basename(n) for n in got["Images"]] == [os.path.basename(n) for n in wanted["Images"]]
        if mode != "nomovevirtual":
            assert got["Images"] == wanted["Images"]
        judge.assert_same(got["MiscInfo"], wanted["MiscInfo"])
        if mode == "movevirtual":
            assert programs.materialize("--undo", directory + "/cube").returncode == 0
        else:
            shutil.rmtree(directory + "/cube" + ext)


def test_names_are_beside_below_or_absolute(source, tmp_path):
    make("n", "-e", ".image", source + "/cube")
    make("n", "-e", ".image", "-o", tmp_path / "up", source + "/cube")
    (tmp_path / "there").mkdir()
    make("n", "-e", ".image", "-o", tmp_path / "there" / "far", source + "/cube")
    first = "cube.subcube.0.image"
    assert virtual.catalog(source + "/cube.image")["Images"][0] == "./" + first
    assert virtual.catalog(tmp_path / "up.image")["Images"][0] == "./source/" + first
    assert virtual.catalog(tmp_path / "there" / "far.image")["Images"][0] == os.path.realpath(source) + "/" + first
    for path in (source + "/cube.image", tmp_path / "up.image", tmp_path / "there" / "far.image"):
        assert virtual.one(path).get("shape") == [12, 10, 1, 6]


@pytest.mark.parametrize("mode", VIRTUAL)
def test_it_opens_from_anywhere_and_after_its_parent_moved(small, tmp_path, mode):
    source, parts = small
    make(mode, "-e", ".image", source + "/cube")
    os.rename(source, tmp_path / "elsewhere")
    for path, cwd in ((tmp_path / "elsewhere" / "cube.image", "/"), ("cube.image", tmp_path / "elsewhere"),
                      ("elsewhere/cube.image", tmp_path)):
        judge.assert_same(virtual.one(path, cwd), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])


def test_links_to_the_directory_do_not_mislead(small, tmp_path):
    source, parts = small
    os.symlink(source, tmp_path / "link")
    make("n", "-e", ".image", tmp_path / "link" / "cube")
    assert virtual.catalog(source + "/cube.image")["Images"][0] == "./cube.subcube.0.image"
    judge.assert_same(virtual.one(tmp_path / "link" / "cube.image"), synth.truth(parts), keys=["pixels_sha256"])


@pytest.mark.parametrize("mode", VIRTUAL)
def test_a_single_part(tmp_path, mode):
    parts = synth.run([3], masks=True)
    synth.build(str(tmp_path / "s"), parts)
    make(mode, tmp_path / "s" / "cube")
    judge.assert_same(virtual.one(tmp_path / "s" / "cube.image"), synth.truth(parts), keys=["pixels_sha256"])


def test_miscinfo_that_casacore_could_not_read_is_left_out_with_a_warning(tmp_path):
    """casacore writes what it then cannot open: lines longer than its buffer."""
    parts = synth.run([1, 1], miscinfo=[{"long": "x" * 5000, "short": "y"}, {"n": 1.5}])
    synth.build(str(tmp_path), parts)
    done = make("n", tmp_path / "cube")
    programs.assert_message(done.stderr, ["miscinfo", "long"])
    assert virtual.one(tmp_path / "cube.image")["miscinfo"] == {"short": "y", "n": 1.5}


LSRK_AS_BARY = {"frame": "LSRK", "shown_frame": "BARY"}


@pytest.mark.parametrize("fields, shift, step, warned", [
    ({}, 0, 0, False), ({}, 7.5, 0, True), ({}, 0, 0.009, False),
    ({"axis_unit": "GHz"}, 0, 0, False), ({"axis_unit": "GHz"}, 0, 0.009, True),
    ({"axis_unit": ["GHz", "GHz", "Hz"]}, 0, 0, True),
    (LSRK_AS_BARY, 0, 0, False), (LSRK_AS_BARY, 0, 0.009, True),
    ({"shown_frame": ["LSRK", "BARY", "LSRK"]}, 0, 0, True),
])
def test_an_axis_that_casacore_numbers_by_its_own_rules_is_warned_of(tmp_path, fields, shift, step, warned):
    """Numbers on an axis in GHz, or shown in another frame, are Hz of the native frame to it where parts do not join up."""
    parts = synth.run([2, 2, 2], **fields)
    parts[1].frequency -= step * parts[1].width
    parts[2].frequency += (shift + step) * parts[2].width
    paths = synth.build(str(tmp_path), parts)
    done = make("nomovevirtual", str(tmp_path / "cube"))
    assert ("casacore will number it by rules of its own" in done.stderr) == warned, done.stderr
    if not warned:
        told = judge.describe(paths)
        wanted = [hz for path in paths for hz in told[path]["frequencies"]]
        assert virtual.one(str(tmp_path / "cube.image"))["frequencies"] == pytest.approx(wanted, abs=0.01 * parts[0].width)


def test_a_name_that_casacore_would_expand_is_refused(tmp_path):
    synth.build(str(tmp_path), synth.run([1, 1]), base="a$HOME")
    done = make("n", tmp_path / "a$HOME", status=1)
    assert "$" in done.stderr and "expand" in done.stderr
    assert [n for n in os.listdir(tmp_path) if ".subcube." not in n] == []


def test_blank_channels_need_a_paged_image(small):
    source, _ = small
    shutil.rmtree(source + "/cube.subcube.1.image")
    done = make("n", "--missing=blank", source + "/cube", status=1)
    programs.assert_message(done.stderr, ["cube.subcube.1.image", "blank"])
    assert not os.path.exists(source + "/cube.image")
    make("n", "--missing=skip", "--overwrite", source + "/cube")
    assert virtual.one(source + "/cube.image")["shape"] == [12, 10, 1, 4]


# ---- the command line ----

@pytest.mark.parametrize("text, kind", [("p", None), ("paged", None), ("n", "nomove"), ("nomove", "nomove"),
                                        ("v", "nomove"), ("virtual", "nomove"), ("a", "nomove"), ("c", "inside"),
                                        ("m", "inside"), ("movev", "inside")])
def test_a_unique_prefix_is_enough(source, text, kind):
    make(text, "-e", ".image", source + "/cube")
    image = source + "/cube.image"
    assert os.path.exists(image + "/imageconcat.json") == (kind is not None)
    assert bool(virtual.inside(image)) == (kind != "nomove")


@pytest.mark.parametrize("arguments", [["-m", "x"], ["-m", ""], ["-m", "pagedd"], ["-m", "n", "--tiling", "keep"],
                                       ["--resume", "--undo"], ["--undo", "-o", "x"], ["--undo", "--images"]])
def test_wrong_usage_is_status_2(source, arguments):
    before = families.manifest(source)
    done = programs.materialize(*arguments, source + "/cube")
    assert done.returncode == 2 and done.stderr
    assert families.manifest(source) == before


def test_tempclose(source):
    for option, value in (([], True), (["--tempclose"], True), (["--no-tempclose"], False)):
        make("n", "--overwrite", "-e", ".image", *option, source + "/cube")
        assert virtual.catalog(source + "/cube.image")["TempClose"] is value


def test_help_is_grouped_and_narrow():
    text = programs.materialize("--help").stdout
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "--mode" in text and "What becomes of the subcubes:" in text


# ---- copying ----

def test_copies_keep_bytes_modes_and_times_and_leave_the_parts_alone(source):
    first = source + "/cube.subcube.0.image"
    os.mkdir(first + "/more")
    with open(first + "/more/file", "wb") as stream:
        stream.write(bytes(range(256)) * 5000)
    os.chmod(first + "/more/file", 0o640)
    os.utime(first + "/more/file", ns=(1_000_000_000_000_000_001, 1_000_000_000_123_456_789))
    before = families.manifest(source)
    make("c", "-e", ".image", "-j", "2", source + "/cube")
    copies = source + "/cube.image"
    assert {k: v for k, v in families.manifest(source).items() if not k.startswith("cube.image")} == before
    assert virtual.inside(copies) == virtual.loose(source)
    for name in virtual.loose(source):
        assert programs.tree(copies + "/" + name) == programs.tree(source + "/" + name)
        mine, theirs = (families.manifest(d + "/" + name) for d in (copies, source))
        assert {k: v[:3] for k, v in mine.items()} == {k: v[:3] for k, v in theirs.items()}


@pytest.mark.parametrize("what", ["symlink", "fifo"])
def test_what_is_no_file_is_not_copied(source, what):
    path = source + "/cube.subcube.1.image/odd"
    os.symlink("table.dat", path) if what == "symlink" else os.mkfifo(path)
    done = make("c", source + "/cube", status=1)
    programs.assert_message(done.stderr, ["cube.subcube.1.image/odd"])
    assert not os.path.exists(source + "/cube.image") and virtual.inside(source + "/cube.psf")


@pytest.mark.skipif(users.missing() is not None, reason=str(users.missing()))
def test_copies_of_what_may_only_be_read_are_cleared(source):
    """Whoever is not root may not remove what is in a directory of mode 0555, as the copy of such a one is."""
    names = virtual.loose(source)
    os.mkfifo("%s/%s/odd" % (source, names[-1]))
    for base, directories, files in os.walk(source):
        for name in [base, *(os.path.join(base, n) for n in files)]:
            os.chown(name, *users.IDS["alice"][:2])
        if base != source:
            os.chmod(base, 0o555)
    with users.Users() as others:
        os.rename(source, others.path("run"))
        before = families.manifest(others.path("run"))
        command = [others.path("build/materialize/subcube-materialize"), "--settle=0", "--no-cache", "-q", "-j1", "-m", "c",
                   "-e", ".image", others.path("run/cube")]
        done = others.run(command, user="alice")
        assert done.returncode == 1 and names[-1] + "/odd" in done.stderr, done.stderr
        assert families.manifest(others.path("run")) == before
        os.remove(others.path("run", names[-1], "odd"))
        done = others.run(command, user="alice")
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(os.listdir(others.path("run"))) == sorted([*(n for n in before if "/" not in n), "cube.image"])


@pytest.mark.skipif(users.missing() is not None, reason=str(users.missing()))
def test_a_directory_above_that_may_not_be_entered_is_no_hindrance(source):
    """A program that was started below it may work there."""
    for base, directories, files in os.walk(source):
        for name in [base, *(os.path.join(base, n) for n in files)]:
            os.chown(name, *users.IDS["alice"][:2])
    with users.Users() as others:
        closed = others.make("closed", mode=0o700)
        os.rename(source, closed + "/run")
        done = others.run(["sh", "-ec", 'cd "$1"; shift; exec "$@"', "sh", closed + "/run", *users.drop_to("alice"),
                           others.path("build/materialize/subcube-materialize"), "--settle=0", "--no-cache", "-q", "cube"])
        assert (done.returncode, done.stderr) == (0, "")
        assert os.path.isdir(closed + "/run/cube.image")


# ---- moving ----

def test_moved_and_undone_is_as_it_was(source):
    before = families.manifest(source)
    make("m", source + "/cube")
    assert sorted(os.listdir(source)) == ["cube.image", "cube.psf"]
    done = programs.materialize("--undo", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert families.manifest(source) == before


def test_undo_of_one_extension(source):
    make("m", source + "/cube")
    assert programs.materialize("--undo", "-e", ".psf", source + "/cube").returncode == 0
    assert len(virtual.loose(source, ".psf")) == 3 and virtual.loose(source) == []
    assert sorted(n for n in os.listdir(source) if ".subcube." not in n) == ["cube.image"]


def test_undo_puts_parts_back_to_where_they_were(source, tmp_path):
    before = families.manifest(source)
    (tmp_path / "there").mkdir()
    make("m", "-o", tmp_path / "there" / "new", source + "/cube")
    assert os.listdir(source) == []
    assert programs.materialize("--undo", tmp_path / "there" / "new").returncode == 0
    assert families.manifest(source) == before and os.listdir(tmp_path / "there") == []


def test_undo_refuses_where_a_new_part_has_the_name(source):
    make("m", "-e", ".image", source + "/cube")
    os.mkdir(source + "/cube.subcube.1.image")
    before = families.manifest(source)
    done = programs.materialize("--undo", source + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["cube.subcube.1.image"])
    assert families.manifest(source) == before


def test_undo_takes_casas_own_apart(source):
    """No journal, which only this program writes."""
    make("m", "-e", ".image", source + "/cube")
    os.unlink(source + "/cube.image/subcube-move.done")
    assert programs.materialize("--undo", source + "/cube").returncode == 0
    assert len(virtual.loose(source)) == 3 and not os.path.exists(source + "/cube.image")


@pytest.mark.parametrize("journal", [True, False])
def test_undo_puts_no_half_image_in_its_place(source, tmp_path, journal):
    """A killed run left it, and the image that holds the parts came under that name by other ways, such as CASA's."""
    arguments = ["-q", "-j1", "-e", ".image", source + "/cube"]
    dry = diskcalls.run(source, tmp_path, [programs.MATERIALIZE, *arguments])
    assert dry.returncode == 0, dry.stderr
    shutil.rmtree(source + "/cube.image")
    before = families.manifest(source)
    at = diskcalls.number_of(dry.tape, "create", "TSM0", 0)
    assert diskcalls.run(source, tmp_path, [programs.MATERIALIZE, *arguments], at, "kill").returncode == -9
    assert os.path.exists(source + "/.cube.image.subcube-materialize/image/table.dat")
    make("m", "-e", ".image", "-o", source + "/own", source + "/cube")
    os.rename(source + "/own.image", source + "/cube.image")
    if not journal:
        os.unlink(source + "/cube.image/subcube-move.done")
    done = programs.materialize("--undo", source + "/cube.image")
    assert done.returncode == 0, done.stderr
    assert families.manifest(source) == before


def test_nothing_to_undo_is_status_3(source):
    before = families.manifest(source)
    for option in ("--undo", "--resume"):
        assert programs.materialize(option, source + "/cube").returncode == 3
    make("n", "-e", ".image", source + "/cube")
    assert programs.materialize("--undo", source + "/cube").returncode == 3
    shutil.rmtree(source + "/cube.image")
    assert families.manifest(source) == before


def test_another_family_is_not_taken_apart(tmp_path):
    for base in ("a", "a.b"):
        synth.build(str(tmp_path), synth.run([1, 1]), base=base)
        make("m", tmp_path / base)
    assert programs.materialize("--undo", tmp_path / "a").returncode == 0
    assert virtual.loose(tmp_path) == ["a.subcube.0.image", "a.subcube.1.image"]
    assert os.path.isdir(tmp_path / "a.b.image")


def test_one_broken_extension_does_not_stop_the_others(source):
    shutil.rmtree(source + "/cube.subcube.1.psf")
    before = families.manifest(source)
    done = make("m", source + "/cube", status=1)
    programs.assert_message(done.stderr, ["cube.psf", "cube.subcube.1.psf"])
    assert len(virtual.inside(source + "/cube.image")) == 3
    assert {k: v for k, v in families.manifest(source).items() if ".psf" in k} == \
           {k: v for k, v in before.items() if ".psf" in k}


def test_parts_of_another_shape_are_found_before_anything_moves(tmp_path):
    parts = synth.run([1, 1], ny=6) + synth.run([1], ny=7)
    synth.build(str(tmp_path), parts)
    before = families.manifest(tmp_path)
    make("m", tmp_path / "cube", status=1)
    assert families.manifest(tmp_path) == before


def test_a_directory_without_permission_moves_nothing(source):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    os.chmod(source, 0o555)
    try:
        before = families.manifest(source)
        make("m", source + "/cube", status=1)
        assert families.manifest(source) == before
    finally:
        os.chmod(source, 0o755)


def test_another_file_system_moves_nothing(source, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount another file system")
    (tmp_path / "other").mkdir()
    mounted = programs.run(["mount", "-t", "tmpfs", "none", tmp_path / "other"])
    if mounted.returncode:
        pytest.skip("cannot mount a tmpfs: " + mounted.stderr.strip())
    try:
        before = families.manifest(source)
        done = make("m", "-o", tmp_path / "other" / "cube", source + "/cube", status=1)
        programs.assert_message(done.stderr, ["another file system"])
        assert families.manifest(source) == before and os.listdir(tmp_path / "other") == []
        # a copy needs no common file system
        make("c", "-o", tmp_path / "other" / "cube", source + "/cube")
        assert virtual.one(tmp_path / "other" / "cube.image")["shape"] == [12, 10, 1, 6]
    finally:
        assert programs.run(["umount", tmp_path / "other"]).returncode == 0


# ---- killed ----

def tampered(call, how, *arguments):
    """Runs the program; strace does so with such system calls of its own process."""
    command = ["strace", "-o", "/dev/null", "-e", "trace=" + call, "-e", "inject=%s:%s" % (call, how),
               programs.MATERIALIZE, *[str(a) for a in arguments]]
    # the leak checker traces the process itself, which strace does already
    env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=180, env=env)


def killed_at(call, when, *arguments):
    """Kills the program at the `when`th such system call; whether it was."""
    done = tampered(call, "signal=KILL:when=%d" % when, *arguments)
    assert done.returncode in (0, -9, 137), done.stderr
    return done.returncode != 0


def one_place_each(source, names):
    """Every part is in exactly one place."""
    for name in names:
        places = [source + "/" + name, source + "/cube.image/" + name]
        assert sum(os.path.isdir(p) for p in places) == 1, name


CALLS = ["renameat2,rename,renameat", "fsync", "mkdir,mkdirat", "unlinkat,unlink", "write,pwrite64"]


@pytest.mark.parametrize("action", ["--resume", "--undo"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_change_a_move_is_finished_or_undone(strace, small, tmp_path, call, action):
    source, parts = small
    names = virtual.loose(source)
    for n in os.listdir(source):
        if n.endswith(".psf"):
            shutil.rmtree(os.path.join(source, n))
    before = families.manifest(source)
    when, unfinished = 1, 0
    while killed_at(call, when, "-q", "-m", "m", source + "/cube"):
        one_place_each(source, names)
        if os.path.exists(source + "/cube.image/subcube-move.journal"):
            unfinished += 1
            refused = programs.materialize("-q", "-o", tmp_path / "other", source + "/cube")
            assert refused.returncode == 2
            programs.assert_message(refused.stderr, ["cube.image", "--resume", "--undo"])
            done = programs.materialize("-q", action, source + "/cube")
            assert done.returncode == 0, done.stderr
            if action == "--resume":
                assert virtual.inside(source + "/cube.image") == names
                judge.assert_same(virtual.one(source + "/cube.image"), synth.truth(parts), keys=["pixels_sha256"])
        if os.path.exists(source + "/cube.image"):
            assert programs.materialize("-q", "--undo", source + "/cube").returncode == 0
        # what a run that died before it moved anything left is hidden, and the next one's to remove
        assert {k: v for k, v in families.manifest(source).items() if k[0] != "."} == before
        when += 1
        assert when < 200
    assert unfinished > 0 or call not in CALLS[:2]
    assert virtual.inside(source + "/cube.image") == names
    assert sorted(n for n in os.listdir(source) if n[0] == ".") == []


LOOKS = 50      # more than an undo of three subcubes needs


def test_a_look_that_fails_while_a_move_is_undone_loses_nothing(strace, small, record_fault):
    """What could not be looked at is not what is not there."""
    source, _ = small
    names = virtual.loose(source)
    for n in os.listdir(source):
        if n.endswith(".psf"):
            shutil.rmtree(os.path.join(source, n))
    before = families.manifest(source)
    make("m", source + "/cube")
    failed = 0
    for when in range(1, LOOKS):
        if not os.path.exists(source + "/cube.image"):
            make("m", source + "/cube")
        done = tampered("newfstatat", "error=EIO:when=%d" % when, "-q", "--undo", source + "/cube")
        one_place_each(source, names)
        if done.returncode == 0:
            assert families.manifest(source) == before
            continue
        failed += 1
        assert done.stderr.count("\n") == 1, done.stderr
        if os.path.exists(source + "/cube.image/subcube-move.journal"):
            assert programs.materialize("-q", "--resume", source + "/cube").returncode == 0
    assert failed > 10
    record_fault("Materializer", "--undo while a look at a name fails", failed)


def test_an_interrupted_move_is_reported_by_name(source):
    make("m", "-e", ".image", source + "/cube")
    image = source + "/cube.image"
    os.rename(image + "/subcube-move.done", image + "/subcube-move.journal")
    os.rename(image + "/imageconcat.json", image + "/imageconcat.json.part")
    os.rename(image + "/cube.subcube.1.image", source + "/cube.subcube.1.image")
    for arguments in ([source + "/cube"], ["--overwrite", source + "/cube"], ["-m", "n", source + "/cube"],
                      ["-e", ".psf", source + "/cube"]):
        done = programs.materialize(*arguments)
        assert done.returncode == 2
        programs.assert_message(done.stderr, ["cube.image", "--resume", "--undo"])
    done = programs.materialize("--resume", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert virtual.one(image)["shape"] == [12, 10, 1, 6]


def test_a_move_from_another_directory_that_was_interrupted_is_reported_by_name(source, tmp_path):
    """All parts are in the image, which is not finished: they are not what is missing."""
    os.mkdir(tmp_path / "there")
    command = ["-q", "-m", "m", "-e", ".image", "-o", str(tmp_path / "there" / "new"), source + "/cube"]
    whole = diskcalls.run(tmp_path, tmp_path, [programs.MATERIALIZE, *command])
    assert whole.returncode == 0, whole.stderr
    assert programs.materialize("--undo", tmp_path / "there" / "new").returncode == 0
    at = diskcalls.number_of(whole.tape, "rename", r"cube\.subcube\.2\.image")
    assert diskcalls.run(tmp_path, tmp_path, [programs.MATERIALIZE, *command], at, "kill").returncode == -9
    assert virtual.loose(source) == []
    done = programs.materialize(*command)
    assert done.returncode == 2, done.stderr
    programs.assert_message(done.stderr, ["there/new.image", "--resume", "--undo"])
    words = done.stderr.split()
    assert programs.materialize("--resume", words[words.index("--resume") + 1]).returncode == 0
    assert virtual.one(tmp_path / "there" / "new.image")["shape"] == [12, 10, 1, 6]


def test_parts_that_are_on_their_way_into_an_image_of_another_name_are_not_missing(source, tmp_path):
    """Blank in their place would be what is told, with the status 0."""
    command = [programs.MATERIALIZE, "-q", "-m", "m", "-e", ".image", "-o", source + "/new", source + "/cube"]
    whole = diskcalls.run(source, tmp_path, command)
    assert whole.returncode == 0, whole.stderr
    assert programs.materialize("--undo", source + "/new").returncode == 0
    at = diskcalls.number_of(whole.tape, "rename", r"cube\.subcube\.0\.image", 0)
    assert diskcalls.run(source, tmp_path, command, at, "kill").returncode == -9
    for arguments in ([], ["--missing=blank", "--nparts=3"], ["-m", "n", "--missing=skip", "-e", ".image"]):
        done = programs.materialize(*arguments, source + "/cube")
        assert done.returncode == 2, done.stderr
        programs.assert_message(done.stderr, ["new.image", "--resume", "--undo"])
    listed = programs.materialize("--list", source).stdout.split()
    assert programs.materialize("--undo", listed[listed.index("--resume") + 1]).returncode == 0
    assert programs.materialize(source + "/cube").returncode == 0


# ---- outputs and the subcubes they are made of ----

def _named(source, n):
    return "%s/cube.subcube.%d.image" % (source, n)


def _holds(source):
    os.makedirs(source + "/held.image/deep")
    for name in ("table.dat", "table.info"):
        shutil.copy(_named(source, 0) + "/" + name, source + "/held.image")
    for n in range(3):
        shutil.copytree(_named(source, n), "%s/held.image/deep/cube.subcube.%d.image" % (source, n))
    return ["-o", source + "/held", source + "/held.image/deep/cube"]


def _is_casas(source):
    os.mkdir(source + "/c.workdirectory")
    for n in range(3):
        shutil.copytree(_named(source, n), "%s/c.workdirectory/c.n%d.image" % (source, n + 1))
    return ["-o", source + "/c.workdirectory/c.n2", source + "/c"]


def _is_by_a_link(source):
    os.mkdir(source + "/links")
    for n in range(3):
        os.symlink(_named(source, n), "%s/links/l.subcube.%d.image" % (source, n))
    os.rename(_named(source, 1), source + "/other.image")
    os.remove(source + "/links/l.subcube.1.image")
    os.symlink(source + "/other.image", source + "/links/l.subcube.1.image")
    return ["--follow-links", "-o", source + "/other", source + "/links/l"]


def _holds_by_a_link(source):
    os.mkdir(source + "/links")
    _holds(source)
    for n in range(3):
        os.symlink("../held.image/deep/cube.subcube.%d.image" % n, "%s/links/l.subcube.%d.image" % (source, n))
    return ["--follow-links", "-o", source + "/held", source + "/links/l"]


def _is_named_by_a_catalog(source):
    make("n", "--images", "-o", source + "/all.image", *[_named(source, n) for n in range(3)])
    os.rename(source, source + ".away")     # names that do not tell
    os.rename(source + ".away", source)
    return ["--pattern", "{base}.n{n}{ext}", "-o", source + "/cube.subcube.1", source + "/all"]


def _lies_in(source):
    return ["-o", _named(source, 0) + "/inside", source + "/cube"]


def _holds_a_list(source):
    _holds(source)
    return ["--images", "-o", source + "/held.image",
            *["%s/held.image/deep/cube.subcube.%d.image" % (source, n) for n in range(3)]]


@pytest.mark.parametrize("mode", ["p", "n", "c"])
@pytest.mark.parametrize("where", [_holds, _holds_a_list, _holds_by_a_link, _is_casas, _is_by_a_link, _is_named_by_a_catalog, _lies_in])
def test_an_output_is_no_subcube_holds_none_and_lies_in_none(source, where, mode):
    arguments = where(source)
    before = families.manifest(source)
    done = make(mode, "--overwrite", *arguments, status=2)
    programs.assert_message(done.stderr, ["the subcube", "choose another output"])
    assert families.manifest(source) == before


# ---- overwriting ----

@pytest.mark.parametrize("mode", ["p", "n", "c", "m"])
@pytest.mark.parametrize("holder", ["c", "m"])
def test_an_image_that_holds_parts_is_never_overwritten(small, tmp_path, holder, mode):
    source, _ = small
    make(holder, "-e", ".image", "-o", tmp_path / "out", source + "/cube")
    if holder == "m":
        synth.build(source, small[1])
    before = families.manifest(tmp_path)
    done = make(mode, "--overwrite", "-e", ".image", "-o", tmp_path / "out", source + "/cube", status=2)
    programs.assert_message(done.stderr, ["out.image", "--undo", "-o"])
    assert families.manifest(tmp_path) == before


@pytest.mark.parametrize("kind", ["Measurement Set", "", None])
def test_another_table_is_never_overwritten(source, kind):
    """casacore says in table.info what a table is; None: it says nothing."""
    shutil.copytree(_named(source, 0), source + "/obs.ms")
    os.remove(source + "/obs.ms/table.info")
    if kind is not None:
        with open(source + "/obs.ms/table.info", "w") as stream:
            stream.write("Type = %s\nSubType = \n\n" % kind)
    before = families.manifest(source)
    done = make("p", "--overwrite", "--images", "-o", source + "/obs.ms", *[_named(source, n) for n in range(3)], status=2)
    programs.assert_message(done.stderr, ["obs.ms", "another table", "never replaced"])
    assert families.manifest(source) == before


@pytest.mark.parametrize("after", ["p", "n", "c", "m"])
@pytest.mark.parametrize("before", ["p", "n"])
def test_what_holds_no_parts_is_overwritten(small, before, after):
    source, parts = small
    make(before, "-e", ".image", source + "/cube")
    done = programs.materialize("-m", after, "-e", ".image", source + "/cube")
    assert done.returncode == 2
    make(after, "--overwrite", "-e", ".image", source + "/cube")
    judge.assert_same(virtual.one(source + "/cube.image"), synth.truth(parts), keys=["pixels_sha256"])
    assert [n for n in os.listdir(source) if n[0] == "."] == []


def test_undo_of_an_interrupted_move_brings_back_what_was_overwritten(small):
    source, _ = small
    make("p", "-e", ".image", source + "/cube")
    there = programs.tree(source + "/cube.image")
    # the last part cannot be moved: all that was moved before it goes back
    blocker = source + "/cube.subcube.2.image"
    if os.geteuid() != 0:
        pytest.skip("only root can make something immutable")
    if programs.run(["chattr", "+i", blocker]).returncode:
        pytest.skip("the file system has no immutable files")
    try:
        done = programs.materialize("-m", "m", "--overwrite", "-e", ".image", source + "/cube")
        assert done.returncode == 1
    finally:
        assert programs.run(["chattr", "-i", blocker]).returncode == 0
    assert len(virtual.loose(source)) == 3
    assert programs.tree(source + "/cube.image") == there


def test_modes_of_a_directory_are_ordinary(source):
    for mode in ("n", "c", "m"):
        make(mode, "-e", ".image", "-o", source + "/" + mode, source + "/cube")
        st = os.stat(source + "/" + mode + ".image")
        assert stat.S_IMODE(st.st_mode) == 0o777 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
