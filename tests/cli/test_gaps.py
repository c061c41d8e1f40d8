"""Missing parts: an error, a shorter cube, or blank channels; and parts that do not belong to the family."""

import os

import pytest

import broken
import checks
import gaps
import judge
import programs
import recipes
import synth


def ids(names):
    return [n.replace(" ", "-").replace(",", "") for n in names]


@pytest.fixture(params=gaps.SCENARIOS, ids=ids(gaps.SCENARIOS))
def case(request, tmp_path):
    scenario, source = gaps.SCENARIOS[request.param], str(tmp_path / "source")
    return scenario, source, scenario.build(source)


def materialize(source, *options, status=0, output=None):
    done = programs.materialize(*options, *(["-o", output] if output else []), source + "/cube")
    assert done.returncode == status, done.stderr
    return done


def assert_no_image(source):
    assert not [n for n in os.listdir(source) if ".subcube." not in n]


def is_cube_of(parts, got, **recipe):
    checks.is_as_put_in(recipes.Recipe(parts, **recipe), got)


# ---- the three ways ----

def test_missing_parts_are_an_error_that_names_each(case):
    scenario, source, _ = case
    if set(scenario.missing) - set(range(max(scenario.there()))) and "--nparts=4" not in scenario.options:
        pytest.skip("nothing tells that the last part is missing")
    done = materialize(source, *scenario.options, status=1)
    programs.assert_message(done.stderr, scenario.names() + ["missing"])
    assert_no_image(source)


def test_skipping_makes_a_shorter_cube_and_warns(case):
    scenario, source, parts = case
    options = [o for o in scenario.options if not o.startswith("--nchan")]
    done = materialize(source, "--missing=skip", *options)
    programs.assert_message(done.stderr, scenario.names() + ["missing"])
    is_cube_of([parts[n] for n in scenario.there()], judge.one(source + "/cube.image"))


def test_blank_channels_keep_the_axis(case):
    scenario, source, parts = case
    done = materialize(source, "--missing=blank", *scenario.options)
    got = judge.one(source + "/cube.image")
    is_cube_of(scenario.blanked(parts), got)
    spectral = got["coordinates"]["spectral2"]
    assert "wcs" in spectral and "tabular" not in spectral
    assert spectral["unit"] == scenario.axis_unit
    for run in runs(scenario.missing):
        words = [synth.name(n) for n in sorted({run[0], run[-1]})]
        start = sum(scenario.counts[:run[0]])
        count = sum(scenario.counts[n] for n in run)
        programs.assert_message(done.stderr, words + ["%d blank channel" % count, "from %d" % start])


def runs(numbers):
    found = []
    for n in sorted(numbers):
        if found and found[-1][-1] == n - 1:
            found[-1].append(n)
        else:
            found.append([n])
    return found


@pytest.mark.fuse
def test_the_mounts_default_is_blank_and_the_same_bytes(case, mount, tmp_path):
    scenario, source, _ = case
    materialize(source, "--missing=blank", "--tiling=keep", *scenario.options, output=tmp_path / "made")
    with mount(source, *scenario.options) as mnt:
        assert programs.tree(mnt.view("cube.image")) == programs.tree(str(tmp_path / "made.image"))
        programs.assert_message(mnt.log(), scenario.names()[:1] + ["blank channel"])


@pytest.mark.parametrize("tiling", ["casa", "auto", "3,2,1,3"])
def test_blank_channels_in_any_tiling(tiling, tmp_path):
    scenario, source = gaps.SCENARIOS["unequal, in the middle"], str(tmp_path / "source")
    parts = scenario.build(source)
    materialize(source, "--missing=blank", "--tiling", tiling)
    is_cube_of(scenario.blanked(parts), judge.one(source + "/cube.image"))


# ---- what is where nothing is ----

@pytest.mark.parametrize("ext", gaps.NAN + gaps.ZERO)
@pytest.mark.parametrize("masks", [True, False], ids=["masks", "no-masks"])
def test_blank_values_of(ext, masks, tmp_path):
    scenario, source = gaps.Scenario([2] * 3, [1], masks=masks), str(tmp_path / "source")
    parts = scenario.build(source, ext=ext)
    materialize(source, "--missing=blank")
    is_cube_of(scenario.blanked(parts, ext), judge.one(source + "/cube" + ext))


@pytest.mark.parametrize("dtype", ["f8", "c8", "c16"])
@pytest.mark.parametrize("ext", [".image", ".model"])
def test_blank_values_of_other_types(dtype, ext, tmp_path):
    scenario, source = gaps.Scenario([1, 2, 1], [1]), str(tmp_path / "source")
    parts = scenario.build(source, ext=ext, dtype=dtype, big_endian=[False, False, True])
    materialize(source, "--missing=blank")
    is_cube_of(scenario.blanked(parts, ext), judge.one(source + "/cube" + ext))


BEAMS = [(3.0, 2.0, 10.0), None, None, (4.0, 2.5, 20.0), (5.0, 3.0, 30.0), None]


def test_a_blank_channel_has_the_beam_of_the_nearest_one(tmp_path):
    scenario, source = gaps.Scenario([2] * 6, [1, 2, 5], ("--nparts=6",)), str(tmp_path / "source")
    scenario.build(source, beam=BEAMS)
    materialize(source, "--missing=blank", *scenario.options)
    major = [channel[0][0][0] for channel in judge.one(source + "/cube.image")["beams"]]
    assert major == [3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]


def test_one_beam_stays_one(tmp_path):
    scenario, source = gaps.SCENARIOS["first"], str(tmp_path / "source")
    scenario.build(source, beam=(3.0, 2.0, 10.0))
    materialize(source, "--missing=blank")
    paths = [os.path.join(source, synth.name(n)) for n in scenario.there()]
    got, wanted = judge.one(source + "/cube.image"), judge.concat(paths)
    assert got["beams"] == [wanted["beams"][0]] * 8


def test_blank_channels_get_no_beam_where_parts_have_none(tmp_path):
    scenario, source = gaps.SCENARIOS["first"], str(tmp_path / "source")
    scenario.build(source, beam=[None, (3.0, 2.0, 10.0), None, (3.0, 2.0, 10.0)])
    done = materialize(source, "--missing=blank")
    assert judge.one(source + "/cube.image")["beams"] is None
    programs.assert_message(done.stderr, [synth.name(2), "beam"])


# ---- what tells how much is missing ----

def test_siblings_tell_that_the_last_part_is_missing(tmp_path):
    source = str(tmp_path / "source")
    parts = synth.run([2, 2, 2], masks=True)
    synth.build(source, parts, ext=".psf")
    synth.build(source, parts[:2], ext=".image")
    done = materialize(source, status=1)
    programs.assert_message(done.stderr, ["cube.image", synth.name(2), "missing"])
    assert judge.one(source + "/cube.psf")["shape"][3] == 6
    materialize(source, "--missing=blank", "--overwrite")
    is_cube_of(gaps.Scenario([2] * 3, [2]).blanked(parts), judge.one(source + "/cube.image"))


UNTOLD = {
    "unequal parts, last": (gaps.Scenario([3, 2, 4], [2], ("--nparts=3",)), ["last", "--nchan"]),
    "unequal parts, first": (gaps.Scenario([4, 3, 2], [0]), ["first", "--nchan"]),
    "unequal parts, both ends": (gaps.Scenario([4, 3, 2, 1], [0, 3], ("--nparts=4", "--nchan=10")), ["first", "part"]),
    "another total": (gaps.Scenario([2] * 4, [1], ("--nchan=9",)), ["8 channels", "9"]),
    "another total, last": (gaps.Scenario([2] * 4, [3], ("--nparts=4", "--nchan=9")), ["8 channels", "9"]),
}


@pytest.mark.parametrize("name", UNTOLD, ids=ids(UNTOLD))
def test_what_cannot_be_told_is_an_error(name, tmp_path):
    (scenario, words), source = UNTOLD[name], str(tmp_path / "source")
    scenario.build(source)
    done = materialize(source, "--missing=blank", *scenario.options, status=1)
    programs.assert_message(done.stderr, words)
    assert_no_image(source)


def test_a_gap_of_no_whole_number_of_channels_names_its_neighbours(tmp_path):
    source = str(tmp_path / "source")
    parts = synth.run([2, 2, 2])
    parts[2].frequency += 0.4e6
    synth.build(source, [parts[0], parts[2]], numbers=[0, 2])
    done = materialize(source, "--missing=blank", status=1)
    programs.assert_message(done.stderr, [synth.name(0), synth.name(2), "2.4 channels"])


def test_no_missing_part_with_a_total_is_checked(tmp_path):
    source = str(tmp_path / "source")
    synth.build(source, synth.run([2, 2]))
    done = materialize(source, "--nchan=5", status=1)
    programs.assert_message(done.stderr, ["4 channels", "5"])


def test_blanks_along_another_axis_or_in_another_order_are_an_error(tmp_path):
    source = str(tmp_path / "source")
    gaps.SCENARIOS["one in the middle"].build(source)
    for option in ("--axis=2", "--reorder"):
        done = materialize(source, "--missing=blank", option, status=1)
        programs.assert_message(done.stderr, ["spectral axis"])


# ---- a part that is there but cannot be read ----

UNREADABLE = ["an empty directory", "table.dat missing", "table.dat of random bytes", "table.f0 missing", "a FIFO for the part",
              "a file for the part", "a symbolic link to itself", "a symbolic link to nowhere", "pixel file truncated",
              "another shape", "first table.dat of random bytes", "last table.dat of random bytes"]


@pytest.mark.parametrize("missing", ["blank", "skip"])
@pytest.mark.parametrize("name", UNREADABLE, ids=ids(UNREADABLE))
def test_what_cannot_be_read_is_never_blanked_or_skipped(name, missing, tmp_path):
    source = str(tmp_path / "source")
    broken.family(source)
    broken.BREAKAGES[name].break_it(source)
    done = materialize(source, "--missing=" + missing, "-e", ".image", status=1)
    programs.assert_message(done.stderr, [broken.BREAKAGES[name].part])
    assert_no_image(source)


# ---- parts of another run ----

def strangers(source, **fields):
    """Three parts of two channels, and two more of an earlier run with other ones."""
    parts = synth.run([2] * 3, masks=True)
    stale = synth.run([1] * 5, masks=True, **fields)[3:]
    synth.build(source, parts + stale)
    return parts


STALE = {
    "of other channels at the same frequencies": ({}, ["--reorder"]),
    "far away": ({"start": 2e9}, None),
    "of another increment": ({"width": 5e5}, [synth.name(3), "--nparts"]),
    "of the other direction": ({"width": -1e6}, [synth.name(3), "--nparts"]),
}


@pytest.mark.parametrize("name", STALE, ids=ids(STALE))
def test_nparts_leaves_parts_of_an_earlier_run_out(name, tmp_path):
    source = str(tmp_path / "source")
    parts = strangers(source, **STALE[name][0])
    done = materialize(source, "--nparts=3")
    is_cube_of(parts, judge.one(source + "/cube.image"))
    programs.assert_message(done.stderr, [synth.name(3), "2 parts", "left out"])


@pytest.mark.parametrize("name", [n for n in STALE if STALE[n][1]], ids=ids([n for n in STALE if STALE[n][1]]))
@pytest.mark.parametrize("missing", ["error", "skip", "blank"])
def test_without_nparts_they_are_an_error_that_names_them(name, missing, tmp_path):
    source = str(tmp_path / "source")
    strangers(source, **STALE[name][0])
    done = materialize(source, "--missing=" + missing, status=1)
    programs.assert_message(done.stderr, STALE[name][1])
    assert any(synth.name(n) in done.stderr for n in (3, 4)), done.stderr
    assert "--nparts" in done.stderr
    assert_no_image(source)


def test_a_gap_and_an_overlap_name_the_suspects(tmp_path):
    source = str(tmp_path / "source")
    parts = synth.run([2] * 4)
    parts[3].frequency = parts[1].frequency
    synth.build(source, [parts[0], parts[1], parts[3]], numbers=[0, 1, 3])
    done = materialize(source, "--missing=blank", status=1)
    programs.assert_message(done.stderr, [synth.name(1), synth.name(3)])


def test_nparts_beyond_what_is_there_is_missing(tmp_path):
    source = str(tmp_path / "source")
    synth.build(source, synth.run([2, 2]))
    done = materialize(source, "--nparts=5", status=1)
    programs.assert_message(done.stderr, [synth.name(2), synth.name(4), "missing"])


def test_nparts_of_only_strangers_is_an_error(tmp_path):
    source = str(tmp_path / "source")
    synth.build(source, synth.run([2, 2]), numbers=[4, 5])
    done = materialize(source, "--nparts=2", "--missing=skip", status=1)
    programs.assert_message(done.stderr, ["cube.image", "numbered above 1"])
