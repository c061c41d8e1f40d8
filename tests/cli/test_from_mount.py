"""A final product from a mount: by the materializer, which goes to the parts, and by cp."""

import os

import pytest

import live
import programs
import synth

pytestmark = pytest.mark.fuse


def gap(source):
    programs.run(["rm", "-r", source + "/cube.subcube.1.image"])


def stale(source):
    """A part of an earlier, larger run."""
    synth.build(source, synth.run([2], ny=10, nx=12, masks=True, beam=(3.0, 2.0, 10.0), start=1.5e9), numbers=[9])


def renamed(source):
    for number in range(3):
        os.rename("%s/cube.subcube.%d.image" % (source, number), "%s/cube.chunk%d.image" % (source, number))


def linked(source):
    away = os.path.dirname(source) + "/elsewhere.image"
    os.rename(source + "/cube.subcube.2.image", away)
    os.symlink(away, source + "/cube.subcube.2.image")


def reversed_numbers(source):
    os.rename(source + "/cube.subcube.0.image", source + "/cube.subcube.x.image")
    os.rename(source + "/cube.subcube.2.image", source + "/cube.subcube.0.image")
    os.rename(source + "/cube.subcube.x.image", source + "/cube.subcube.2.image")


@pytest.mark.parametrize("change, options", [
    (gap, []), (gap, ["--missing=skip"]), (stale, ["--nparts=3"]), (gap, ["--nparts=4", "--nchan=8"]),
    (renamed, ["--pattern={base}.chunk{n}{ext}"]), (linked, ["--follow-links"]), (reversed_numbers, ["--reorder"]),
    (lambda source: None, ["--axis=3", "--history=all", "--miscinfo=first", "--strict"])],
    ids=["blank", "skip", "nparts", "nchan", "pattern", "follow-links", "reorder", "others"])
def test_the_mounts_options_are_taken_over(small, mount, tmp_path, change, options):
    source, _ = small
    change(source)
    with mount(source, *options) as mnt:
        view = mnt.view("cube.image")
        done = programs.materialize("--tiling=keep", "-o", tmp_path / "out.image", view)
        assert done.returncode == 0, done.stderr
        made = programs.tree(tmp_path / "out.image")
        assert made == programs.tree(view)
        done = programs.run(["cp", "-r", view, tmp_path / "copy.image"])
        assert done.returncode == 0, done.stderr
        assert programs.tree(tmp_path / "copy.image") == made


def test_a_part_that_the_mount_does_not_show_yet_is_not_taken(small, mount, tmp_path):
    """However long ago it changed: its writer may just be slow."""
    source, _ = small
    for number in (0, 1):
        open("%s/cube.subcube.%d.image.done" % (source, number), "w").close()
    with mount(source, "--ready-file={part}.done") as mnt:
        done = programs.materialize("-o", tmp_path / "out.image", mnt.view("cube.image"))
    assert done.returncode != 0 and not os.path.exists(tmp_path / "out.image")
    programs.assert_message(done.stderr, ["cube.subcube.2.image", "ready file"])


def test_a_view_of_what_is_not_there_any_more_is_refused(small, mount, tmp_path):
    """Rather than made of what is now under that name."""
    source, _ = small
    with mount(source, "--refresh=1", "--settle=0") as mnt:
        view = mnt.view("cube.image")
        assert os.listdir(view)
        os.rename(source, source + ".old")
        programs.run(["cp", "-r", source + ".old", source])
        done = programs.materialize("-o", tmp_path / "out.image", view)
        assert done.returncode == 1
        programs.assert_message(done.stderr, ["cube.image", "not at their place any more", "mount"])
        assert not os.path.exists(tmp_path / "out.image")


def test_a_former_state_of_an_image_is_refused(small, mount, tmp_path):
    source, _ = small
    with mount(source, "--refresh=1", "--settle=0") as mnt:
        former = mnt.path + "/.subcubefs/gen/%s/cube.image" % os.getxattr(mnt.view("cube.image"), "user.subcubefs.generation").decode()
        with open(former + "/table.dat", "rb"):
            os.utime(source + "/cube.subcube.0.image/table.dat", (1e9, 1e9))
            assert programs.wait_until(lambda: not former.split("/")[-2] == os.getxattr(
                mnt.view("cube.image"), "user.subcubefs.generation").decode(), 30)
            done = programs.materialize("-o", tmp_path / "out.image", former)
        assert done.returncode == 1
        programs.assert_message(done.stderr, ["cube.image", "not at their place any more"])


def test_attributes_of_other_directories_are_not_believed(small, tmp_path):
    """Whoever may write to a directory could else have links followed."""
    source, _ = small
    linked(source)
    os.mkdir(source + "/cube")
    try:
        os.setxattr(source + "/cube", "user.subcubefs.options", b"follow-links")
    except OSError:
        pytest.skip("no extended attributes here")
    done = programs.materialize("-o", tmp_path / "out", source + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["cube.subcube.2.image", "--follow-links"])
    assert not os.path.exists(tmp_path / "out.image")


def test_the_command_line_comes_first(small, mount, tmp_path):
    source, _ = small
    gap(source)
    with mount(source) as mnt:
        view = mnt.view("cube.image")
        for given, status in (("--missing=error", 1), ("--missing=skip", 0)):
            done = programs.materialize("--tiling=keep", given, "-o", tmp_path / "out.image", view)
            assert done.returncode == status
        assert programs.tree(tmp_path / "out.image") != programs.tree(view)


def test_a_configuration_file_does_not(small, mount, tmp_path, monkeypatch):
    source, _ = small
    gap(source)
    with mount(source) as mnt:
        (tmp_path / "config" / "subcubefs").mkdir(parents=True)
        (tmp_path / "config" / "subcubefs" / "config").write_text("missing = skip\n")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        done = programs.materialize("--tiling=keep", "-o", tmp_path / "out.image", mnt.view("cube.image"))
        assert done.returncode == 0, done.stderr
        assert programs.tree(tmp_path / "out.image") == programs.tree(mnt.view("cube.image"))


def test_a_view_tells_its_options(small, mount):
    with mount(small[0], "--missing=skip", "--pattern={base}.subcube.{n}{ext}", "--nparts=3", "--reorder") as mnt:
        view = mnt.view("cube.image")
        assert "user.subcubefs.options" in os.listxattr(view)
        lines = os.getxattr(view, "user.subcubefs.options").decode().splitlines()
        assert lines == ["missing=skip", "nparts=3", "history=first", "miscinfo=merge", "axis=spectral", "reorder", "relax",
                         "pattern={base}.subcube.{n}{ext}"]
        for other in (mnt.path, view + "/table.dat"):
            with pytest.raises(OSError):
                os.getxattr(other, "user.subcubefs.options")


def test_the_mount_is_not_read(small, mount, tmp_path, strace):
    """Its directory is looked at, no file of it is opened."""
    with mount(small[0]) as mnt:
        trace = tmp_path / "trace"
        done = programs.run(["strace", "-f", "-o", trace, "-e", "trace=open,openat,openat2", programs.MATERIALIZE, "-o",
                             tmp_path / "out.image", mnt.view("cube.image")], timeout=180, env=programs.traced_environment())
        assert done.returncode == 0, done.stderr
        assert mnt.path not in trace.read_text()


def test_an_image_that_is_finished_is_copied_otherwise(small, mount, tmp_path):
    source, _ = small
    assert programs.materialize("-q", "--remove-subcubes", source + "/cube").returncode == 0
    with mount(source) as mnt:
        view = mnt.view("cube.image")
        done = programs.materialize("-o", tmp_path / "out.image", view)
        assert done.returncode == 3
        programs.assert_message(done.stderr, ["cube.image", "finished", "cp -r"])
        assert programs.run(["cp", "-r", view, tmp_path / "copy.image"]).returncode == 0
        assert programs.tree(tmp_path / "copy.image") == programs.tree(source + "/cube.image")


def test_both_ways_while_the_run_goes_on(mount, tmp_path):
    """Each time a part has come: what is shown then is what is copied, by either."""
    source, scratch = str(tmp_path / "source"), str(tmp_path / "scratch")
    made = live.parts(4)
    live.build(source, made[:2])
    with mount(source, *live.OPTIONS, "--nparts=4") as mnt:
        view = mnt.view("cube.image")
        for number, wanted in ((3, (0, 1, None, 3)), (2, (0, 1, 2, 3))):
            live.put(source, scratch, made, number)
            live.becomes(view, live.expected(*wanted))
            out, copy = tmp_path / ("out%d" % number), tmp_path / ("copy%d" % number)
            done = programs.materialize("--tiling=keep", "--settle=0", "-o", out, view)
            assert done.returncode == 0, done.stderr
            assert programs.run(["cp", "-r", view, copy]).returncode == 0
            assert live.planes(str(out)) == live.expected(*wanted) == live.planes(str(copy))
            assert programs.tree(out) == programs.tree(copy)
