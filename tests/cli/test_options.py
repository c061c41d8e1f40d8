"""The command line of subcube-materialize: what goes where, and its exit statuses."""

import os
import re

import pytest

import broken
import families
import judge
import programs
import synth


@pytest.fixture
def source(small):
    return small[0]


def images(directory):
    return sorted(n for n in os.listdir(directory) if ".subcube." not in n)


def test_outputs_lie_beside_the_parts(source):
    done = programs.materialize(source + "/cube")
    assert done.returncode == 0, done.stderr
    assert images(source) == ["cube.image", "cube.psf"]


def test_base_in_the_working_directory(source):
    done = programs.materialize("cube", cwd=source)
    assert done.returncode == 0, done.stderr
    assert images(source) == ["cube.image", "cube.psf"]


def test_output_takes_the_place_of_base(source, tmp_path):
    (tmp_path / "there").mkdir()
    done = programs.materialize(source + "/cube", "-o", tmp_path / "there" / "new.name")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "there")) == ["new.name.image", "new.name.psf"]
    assert images(source) == []


@pytest.mark.parametrize("is_there", [True, False])
def test_an_output_that_is_meant_as_a_directory(source, tmp_path, is_there):
    """out/ would make out.image beside the directory: somebody who writes the slash means something else."""
    if is_there:
        (tmp_path / "out").mkdir()
    before = sorted(os.listdir(tmp_path))
    done = programs.materialize(source + "/cube", "-o", str(tmp_path / "out") + "/")
    assert done.returncode == 2
    assert f"{tmp_path}/out/ is a directory" in done.stderr and f"-o {tmp_path}/out/cube" in done.stderr
    assert sorted(os.listdir(tmp_path)) == before and images(source) == []
    if is_there:
        assert os.listdir(tmp_path / "out") == []


def test_no_lock_file_is_made_in_the_source(source, tmp_path):
    families.remove_locks(source)
    before = families.manifest(source)
    done = programs.materialize(source + "/cube", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "error" not in judge.one(str(tmp_path / "out.image"))
    assert families.manifest(source) == before


@pytest.mark.parametrize("wanted", [[".psf"], [".image", ".psf"]])
def test_ext_chooses(source, wanted):
    done = programs.materialize("-e", ",".join(wanted), source + "/cube")
    assert done.returncode == 0, done.stderr
    assert images(source) == ["cube" + e for e in wanted]


def test_an_extension_that_is_not_there(source):
    done = programs.materialize("--ext", ".image,.nonsense", source + "/cube")
    assert done.returncode in (1, 2, 3)
    assert ".nonsense" in done.stdout + done.stderr


@pytest.mark.parametrize("jobs", ["1", "2", "4", "0"])
def test_any_number_of_jobs_gives_the_same_image(family, casa, tmp_path, jobs):
    done = programs.materialize("-j", jobs, "--tiling", "casa", "-o", tmp_path / "out", family("A2u").source + "/cube")
    assert done.returncode == 0, done.stderr
    for ext in families.FAMILIES["A2u"]:
        assert programs.whole(tmp_path / ("out%s/table.f0_TSM0" % ext)) == \
            programs.whole(family("A2u").reference(ext) + "/table.f0_TSM0")


def test_quiet_is_silent(source):
    done = programs.materialize("-q", source + "/cube")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_plain_lines_where_there_is_no_terminal(source):
    done = programs.materialize(source + "/cube")
    text = done.stdout + done.stderr
    assert "\r" not in text and "\033" not in text
    assert re.search(r"\b2\b.*\b2\b", text), "no summary of how many of how many: " + text


@pytest.mark.parametrize("arguments", [
    [], ["a", "b"], ["--nonsense", "x"], ["--tiling", "1,2,", "x"], ["--tiling", "0,1,1,1", "x"], ["--tiling", "big", "x"],
    ["-j", "x", "x"], ["-j", "-1", "x"]])
def test_wrong_usage_is_status_2(arguments, tmp_path):
    done = programs.materialize(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr
    assert os.listdir(tmp_path) == []


def test_a_tile_with_another_number_of_axes_than_the_images_is_refused(source):
    done = programs.materialize("--tiling", "4,4", source + "/cube")
    assert done.returncode in (1, 2)
    programs.assert_message(done.stderr, ["cube.image", "4", "2"])
    assert images(source) == []


@pytest.mark.parametrize("option, text", [("--help", "--tiling"), ("--version", "subcube-materialize")])
def test_help_and_version(option, text):
    done = programs.materialize(option)
    assert done.returncode == 0 and text in done.stdout and done.stderr == ""


@pytest.mark.parametrize("base", ["cube", "nowhere/cube", "other"])
def test_nothing_to_do_is_status_3(tmp_path, base):
    source = str(tmp_path / "source")
    os.mkdir(source)
    os.mkdir(source + "/cube.image")
    done = programs.materialize(os.path.join(source, base))
    assert done.returncode == 3
    assert "No subcube files found" in done.stderr
    assert sorted(os.listdir(source)) == ["cube.image"]


def test_it_is_told_how_to_find_what_there_is(source):
    """Somebody gives the directory, a name that is not there, a subcube, or an extension that is not there."""
    for arguments in ([source], [source + "/nothing"], [source + "/cube.subcube.0.image"], ["-e", "foo", source + "/cube"]):
        done = programs.materialize(*arguments)
        assert done.returncode == 3
        programs.assert_message(done.stderr, ["No subcube files found", "--list %s tells" % source])


def test_it_is_told_how_to_go_on_without_what_is_missing(source):
    programs.run(["rm", "-r", source + "/cube.subcube.1.psf"])
    done = programs.materialize(source + "/cube")
    programs.assert_message(done.stderr, ["cube.psf", "cube.subcube.1.psf", "--missing=blank", "--missing=skip"])


def test_an_output_that_exists_is_refused_before_anything_is_written(source):
    os.mkdir(source + "/cube.psf")
    with open(source + "/cube.psf/mine", "w") as stream:
        stream.write("precious")
    before = families.manifest(source)
    done = programs.materialize(source + "/cube")
    assert done.returncode == 2
    programs.assert_message(done.stderr, ["cube.psf"])
    assert families.manifest(source) == before


def test_a_file_of_that_name_is_refused_too(source):
    with open(source + "/cube.image", "w") as stream:
        stream.write("precious")
    before = families.manifest(source)
    assert programs.materialize(source + "/cube").returncode == 2
    assert families.manifest(source) == before


def test_overwrite_replaces(small):
    source, parts = small
    assert programs.materialize("--tiling", "1,1,1,1", source + "/cube").returncode == 0
    with open(source + "/cube.image/old", "w") as stream:
        stream.write("of the old one")
    done = programs.materialize("--overwrite", "--tiling", "keep", source + "/cube")
    assert done.returncode == 0, done.stderr
    assert images(source) == ["cube.image", "cube.psf"]
    assert "old" not in os.listdir(source + "/cube.image")
    got = judge.one(source + "/cube.image")
    assert got["tile_shape"] != [1, 1, 1, 1]
    judge.assert_same(got, synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])


def test_a_failed_overwrite_leaves_the_old_image(tmp_path):
    source = str(tmp_path / "source")
    broken.family(source)
    assert programs.materialize(source + "/cube").returncode == 0
    there = programs.tree(source + "/cube.image")
    broken.BREAKAGES["pixel file truncated"].break_it(source)
    assert programs.materialize("--overwrite", source + "/cube").returncode == 1
    assert programs.tree(source + "/cube.image") == there
    assert images(source) == ["cube.image", "cube.psf"]


def test_an_output_directory_that_is_missing(source, tmp_path):
    done = programs.materialize(source + "/cube", "-o", tmp_path / "no" / "such" / "place")
    assert done.returncode in (1, 2)
    programs.assert_message(done.stderr, [str(tmp_path / "no" / "such")])
    assert not os.path.exists(tmp_path / "no")


def test_two_runs_write_the_same_bytes(source, tmp_path):
    for name in ("one", "two"):
        assert programs.materialize(source + "/cube", "-o", tmp_path / name).returncode == 0
    assert programs.tree(tmp_path / "one.image") == programs.tree(tmp_path / "two.image")


@pytest.mark.parametrize("tiling", ["keep", "casa"])
def test_many_parts_and_few_open_files(tmp_path, tiling):
    source = str(tmp_path / "source")
    parts = synth.run([1] * 300, ny=4, nx=4, masks=True)
    synth.build(source, parts)
    done = programs.run(["prlimit", "--nofile=64:64", programs.MATERIALIZE, "--tiling", tiling, source + "/cube"])
    assert done.returncode == 0, done.stderr
    judge.assert_same(judge.one(source + "/cube.image"), synth.truth(parts), keys=sorted(synth.truth(parts)))


# ---- the input is a view on a mount ----

@pytest.mark.fuse
@pytest.mark.parametrize("ext", [".image", ".sumwt"])
def test_a_view_on_a_mount_is_an_input(family, casa, mount, tmp_path, ext):
    with mount(family("A2").source) as mnt:
        out = str(tmp_path / "exactly.this name")
        done = programs.materialize(mnt.view("cube" + ext), "-o", out)
        assert done.returncode == 0, done.stderr
        judge.assert_same(judge.one(out), casa("A2", ext))
    assert not os.path.exists(out + ext)


@pytest.mark.fuse
def test_a_view_materialized_is_the_view(small, mount, tmp_path):
    with mount(small[0]) as mnt:
        done = programs.materialize("--tiling", "keep", mnt.view("cube.image"), "-o", tmp_path / "out.image")
        assert done.returncode == 0, done.stderr
        assert programs.tree(tmp_path / "out.image") == programs.tree(mnt.view("cube.image"))


@pytest.mark.fuse
def test_a_view_with_a_slash_at_the_end(small, mount, tmp_path):
    with mount(small[0]) as mnt:
        done = programs.materialize(mnt.view("cube.image") + "/", "-o", tmp_path / "out.image")
        assert done.returncode == 0, done.stderr
        assert "error" not in judge.one(str(tmp_path / "out.image"))


@pytest.mark.fuse
def test_a_view_without_an_output_name_is_refused(small, mount):
    """There is no place beside a view."""
    with mount(small[0]) as mnt:
        done = programs.materialize(mnt.view("cube.image"))
        assert done.returncode in (1, 2)
        assert done.stderr
