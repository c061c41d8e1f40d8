"""--list of both programs: the facts are casacore's, and come from what a mount keeps."""

import json
import os
import subprocess
import time

import pytest

import families
import hostile
import programs
import synth

PROGRAMS = {"mount": programs.SUBCUBEFS, "materialize": programs.MATERIALIZE}


def listing(program, *arguments, status=0, **more):
    done = programs.run([PROGRAMS[program], "--list", *arguments], **more)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def as_json(program, *arguments, **more):
    return {f["name"]: f for f in json.loads(listing(program, "--json", *arguments, **more))["families"]}


def line(table, family):
    return next(text for text in table.splitlines() if text.startswith(family + " "))


def expected_beams(image):
    beams = [b for channel in image["beams"] or [] for b in channel]
    assert all(unit == "arcsec" for b in beams for _, unit in b[:2])
    good = [b for b in beams if b[0][0] > 1e-5]
    if not good:
        return None, len(beams)
    return {axis: [min(b[i][0] for b in good), max(b[i][0] for b in good)] for i, axis in enumerate(("major", "minor"))}, \
        len(beams) - len(good)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", ["A1", "A2", "A5", "A6", "B1", "B4c", "B10"])
def test_the_facts_are_casacores(family, casa, program, name):
    one = family(name)
    found = as_json(program, one.source)
    assert sorted(found) == sorted("cube" + e for e in one.extensions)
    for ext in one.extensions:
        row, image, parts = found["cube" + ext], casa(name, ext), one.parts(ext)
        assert (row["base"], row["extension"], row["kind"]) == ("cube", ext, "parts")
        assert row["shape"] == image["shape"] and row["channels"] == image["shape"][3]
        assert row["unit"] == (image["unit"] or None)
        assert row["frequency_hz"] == pytest.approx([image["frequencies"][0], image["frequencies"][-1]], rel=1e-12)
        assert row["frame"] == next(v["system"] for k, v in image["coordinates"].items() if k.startswith("spectral"))
        beams, flagged = expected_beams(image)
        assert row["beam_arcsec"] == (beams and {k: pytest.approx(v, rel=1e-12) for k, v in beams.items()})
        assert row["flagged_beams"] == flagged
        assert row["mask"] == any(os.path.isdir(p + "/mask0") for p in parts)
        files = [os.path.join(p, f) for p in parts for f in ("table.f0_TSM0", "mask0/table.f0_TSM0")]
        assert row["size_bytes"] == sum(os.path.getsize(f) for f in files if os.path.exists(f))
        assert (row["parts"], row["missing"], row["problem"]) == (len(parts), 0, None)
        assert row["estimated_seconds"] > 0


TABLE_A6 = """\
family      shape            channels  GHz                   frame  unit     beam, arcsec           parts  missing    size  time
cube.image  96 x 80 x 1 x 8         8  3.000000 to 3.140000  TOPO   Jy/beam  24.2-25.3 x 22.6-23.3      8        0  253 kB  0:01
cube.pb     96 x 80 x 1 x 8         8  3.000000 to 3.140000  TOPO                                       8        0  253 kB  0:01
cube.psf    96 x 80 x 1 x 8         8  3.000000 to 3.140000  TOPO            24.2-25.3 x 22.6-23.3      8        0  246 kB  0:01
cube.sumwt  1 x 1 x 1 x 8           8  3.000000 to 3.140000  TOPO                                       8        0    32 B  0:01

4 families, 753 kB to be written; times are for 500 MB/s.
cube.image: 1 beam of flagged channels left out.
cube.psf: 1 beam of flagged channels left out.
"""


def test_the_table(family):
    """A real run with a channel that is flagged altogether."""
    assert listing("materialize", family("A6").source) == TABLE_A6


def test_both_programs_say_the_same(family):
    source = family("A1").source
    assert listing("mount", source) == listing("materialize", source)
    assert listing("mount", "--json", source) == listing("materialize", "--json", source)


@pytest.mark.parametrize("program", PROGRAMS)
def test_missing_parts_are_counted(small, program):
    source, _ = small
    programs.run(["rm", "-r", source + "/cube.subcube.1.image"])
    found = as_json(program, source)
    assert (found["cube.image"]["parts"], found["cube.image"]["missing"], found["cube.image"]["channels"]) == (2, 1, 6)
    assert (found["cube.psf"]["parts"], found["cube.psf"]["missing"]) == (3, 0)
    found = as_json(program, "--nparts=4", "--nchan=8", source)
    assert [found["cube" + e]["missing"] for e in (".image", ".psf")] == [2, 1]
    assert as_json(program, "--missing=skip", source)["cube.image"]["channels"] == 4
    assert line(listing(program, source), "cube.image").split()[-5:-3] == ["2", "1"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_missing_parts_are_a_problem_where_that_is_asked_for(small, program, tmp_path):
    source, _ = small
    programs.run(["rm", "-r", source + "/cube.subcube.1.image"])
    found = as_json(program, "--missing=error", source, status=1)
    assert "cube.subcube.1.image is missing" in found["cube.image"]["problem"] and found["cube.psf"]["problem"] is None
    (tmp_path / "set" / "subcubefs").mkdir(parents=True)
    (tmp_path / "set/subcubefs/config").write_text("missing = error\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path / "set")}
    assert "is missing" in as_json(program, source, status=1, env=dict(os.environ, **env))["cube.image"]["problem"]
    assert as_json(program, "--missing=blank", source, env=dict(os.environ, **env))["cube.image"]["channels"] == 6


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_left_out_is_not_counted(small, program):
    found = as_json(program, "--nparts=1", small[0])
    for ext in (".image", ".psf"):
        row = found["cube" + ext]
        assert (row["parts"], row["missing"], row["channels"]) == (1, 0, 2), row


@pytest.mark.parametrize("program", PROGRAMS)
def test_one_family_of_several_and_one_extension(small, program):
    source, parts = small
    synth.build(source, parts, base="other")
    assert sorted(as_json(program, source)) == ["cube.image", "cube.psf", "other.image"]
    assert sorted(as_json(program, source + "/other")) == ["other.image"]
    assert sorted(as_json("materialize", "-e", "psf", source)) == ["cube.psf"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_cannot_be_read_is_named_and_the_rest_is_told(small, program):
    source, _ = small
    os.truncate(source + "/cube.subcube.1.psf/table.dat", 10)
    os.truncate(source + "/cube.subcube.2.image/table.f0_TSM0", 10)
    text = listing(program, source, status=1)
    programs.assert_message(text, ["cube.psf", "cube.subcube.1.psf/table.dat"])
    programs.assert_message(text, ["cube.image", "cube.subcube.2.image"])
    found = as_json(program, source, status=1)
    assert found["cube.psf"]["shape"] is None and "cube.subcube.1.psf" in found["cube.psf"]["problem"]
    assert found["cube.image"]["shape"][3] == 6 and "cube.subcube.2.image" in found["cube.image"]["problem"]
    assert found["cube.image"]["estimated_seconds"] is None


@pytest.mark.parametrize("program", PROGRAMS)
def test_finished_and_virtual_images_are_told_as_such(small, program):
    source, parts = small
    assert programs.materialize("-q", "-e", "image", source + "/cube").returncode == 0
    assert programs.materialize("-q", "-e", "psf", "-m", "movevirtual", source + "/cube").returncode == 0
    assert as_json(program, source)["cube.image"]["kind"] == "parts", "loose parts come first"
    for number in range(3):
        programs.run(["rm", "-r", "%s/cube.subcube.%d.image" % (source, number)])
    found = as_json(program, source)
    image, psf = found["cube.image"], found["cube.psf"]
    assert (image["kind"], image["parts"], image["estimated_seconds"]) == ("paged", 0, None)
    assert (psf["kind"], psf["parts"], psf["missing"]) == ("catalog", 3, 0)
    for row in (image, psf):
        assert row["shape"] == synth.truth(parts)["shape"] and row["mask"] is True
        assert row["beam_arcsec"] == {"major": [3, 3], "minor": [2, 2]}
    assert line(listing(program, source), "cube.image").endswith("  is there")


@pytest.mark.parametrize("program, status", [("mount", 1), ("materialize", 3)])
def test_nothing_to_list(tmp_path, program, status):
    for source in (tmp_path, tmp_path / "nowhere" / "cube"):
        done = programs.run([PROGRAMS[program], "--list", source])
        assert done.returncode == status and done.stdout == ""
        programs.assert_message(done.stderr, [str(source)])


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("arguments", [["--list"], ["--list", "a", "b"], ["--json", "a", "b"], ["--list", ""]])
def test_wrong_usage(program, arguments, tmp_path):
    done = programs.run([PROGRAMS[program], *arguments], cwd=tmp_path)
    assert done.returncode == 2 and done.stderr and done.stdout == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_names_that_are_no_text_are_still_json(small, program):
    source = os.fsencode(small[0])
    for number in range(3):
        os.rename(source + b"/cube.subcube.%d.psf" % number, source + b"/c\xfc\nbe.subcube.%d.psf" % number)
    found = as_json(program, os.fsdecode(source))
    assert "c\\xfc\nbe.psf" in found and found["c\\xfc\nbe.psf"]["parts"] == 3
    assert len(listing(program, os.fsdecode(source)).split("\n\n")[0].splitlines()) == 3


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_finished_image_that_claims_very_many_channels(program, tmp_path):
    """They are not listed: that would take 8 bytes for each, whatever the file's size is."""
    part, = synth.build(str(tmp_path / "source"), synth.run([2], ny=hostile.NY, nx=hostile.NX))
    os.rename(part, str(tmp_path / "source" / "cube.image"))
    (tmp_path / "source" / "cube.image" / "table.f0").write_bytes(hostile.table_f0(shape=(hostile.NX, hostile.NY, 1, 1 << 26)))
    found = as_json(program, tmp_path / "source", status=1)["cube.image"]
    assert found["shape"] == [hostile.NX, hostile.NY, 1, 1 << 26] and "cut short" in found["problem"]
    assert found["channels"] is None and found["frequency_hz"] is None


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_source_is_as_it_was(small, program):
    source, _ = small
    families.remove_locks(source)
    before = families.manifest(source)
    listing(program, source)
    assert families.manifest(source) == before


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_uses_what_a_mount_has_kept_and_opens_no_part(mount, small, tmp_path, strace, program):
    source, _ = small
    cache, trace = "--cache-dir=%s" % (tmp_path / "cache"), tmp_path / "trace"
    time.sleep(2.2)     # headers of younger files are not kept
    with mount(source, cache) as mnt:
        for name in os.listdir(mnt.path):
            os.listdir(mnt.view(name))
    kept = sorted(os.listdir(tmp_path / "cache"))
    assert len(kept) == 2
    subprocess.run(["strace", "-f", "-o", trace, "-e", "trace=open,openat,openat2,execve", PROGRAMS[program], "--list", cache,
                    source], check=True, stdout=subprocess.DEVNULL, env=programs.traced_environment())
    assert sorted(os.listdir(tmp_path / "cache")) == kept
    calls = trace.read_text()
    assert "table.dat" not in calls and "subcubefs-header" not in calls and kept[0] in calls


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("target", ["/gone/away", "old.workdirectory"], ids=["dangling", "loop"])
def test_a_link_that_leads_nowhere_spoils_no_family(small, program, target):
    source, _ = small
    os.symlink(target, source + "/old.workdirectory")
    assert set(as_json(program, source)) == {"cube.image", "cube.psf"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_another_familys_unfinished_move_is_none_of_this_ones(small, program):
    """Also one whose name is shorter than BASE."""
    source, _ = small
    os.mkdir(source + "/x")
    open(source + "/x/subcube-move.journal", "w").close()
    assert set(as_json(program, source + "/cube")) == {"cube.image", "cube.psf"}
