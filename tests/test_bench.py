"""tools/bench: its arithmetic, its data, and a tiny run of it. No test here depends on how long anything takes."""

import os
import re
import subprocess
import sys

import pytest

import families
import judge
import programs

sys.path.append(os.path.join(programs.HERE, "bench"))

import datasets     # noqa: E402  (these lie in bench/)
import measure      # noqa: E402
import report       # noqa: E402
from measure import Result, Row, Skip, WrongBytes, below, faster, within    # noqa: E402

RUN = os.path.join(programs.HERE, "bench", "run.py")


def helper(name):
    return os.path.join(programs.BUILD, "tests", "bench", name)


def row(target, unit="s"):
    return Row("a-row", "something", "a peer", target, unit)


# ---- arithmetic ----

@pytest.mark.parametrize("target, ours, peer, ratio, verdict", [
    (faster(20), [1, 2, 9], [30, 40, 50], 20, "reached"),
    (faster(20), [1, 2, 9], [30, 39, 50], 19.5, "not reached"),
    (faster(0.5), [4, 4, 4], [2, 2, 2], 0.5, "reached"),
    (within(1.3), [13, 13, 13], [10, 10, 10], 1.3, "reached"),
    (within(1.3), [14, 13.5, 1], [10, 10, 10], 1.35, "not reached"),
    (below(0.2), [0.1, 0.3, 0.2], None, 0.2, "reached"),
    (below(0.2), [0.1, 0.3, 0.21], None, 0.21, "not reached"),
    (faster(None), [1], [2], 2, "no target"),
])
def test_ratio_of_medians_and_verdict(target, ours, peer, ratio, verdict):
    result = Result(row(target), ours, peer)
    assert result.ratio() == pytest.approx(ratio)
    assert result.verdict() == verdict


def test_sides_alternate_and_each_begins():
    order = []
    sides = {name: lambda name=name: order.append(name) or len(order) for name in ("a", "b", "c")}
    values = measure.alternate(sides, 3)
    assert "".join(order) == "abc" + "bca" + "cab"
    assert values == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}


class Recorder:
    """The part of a bench that run_group uses."""

    def begin(self, rows):
        self.rows, self.recorded = {r.name: r for r in rows}, {}

    def record(self, name, ours, peer=None):
        self.recorded[name] = Result(self.rows[name], ours, peer)


def run_group(function):
    rows = (Row("one", "", "", faster(1)), Row("two", "", "", faster(1)))
    return measure.run_group(Recorder(), rows, function)


def test_a_line_that_cannot_run_is_skipped_with_its_reason_and_others_stay():
    def function(bench):
        bench.record("one", [1], [2])
        raise Skip("not root")
    one, two = run_group(function)
    assert one.verdict() == "reached"
    assert (two.verdict(), two.skipped) == ("skipped", "not root")


def test_wrong_bytes_are_an_error_for_the_whole_group_whatever_it_measured():
    def function(bench):
        bench.record("one", [1], [2])
        raise WrongBytes("a view is not what it should be")
    for result in run_group(function):
        assert result.verdict() == "ERROR"
        assert "a view is not what it should be" in result.error and result.ours is None


def test_a_line_that_was_forgotten_is_not_reached():
    assert [r.verdict() for r in run_group(lambda bench: None)] == ["skipped", "skipped"]


def test_names_are_unique_and_every_target_is_a_number():
    listed = programs.run([sys.executable, RUN, "--list"], env=dict(os.environ, SC_BUILD=programs.BUILD))
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert len(names) == len(set(names)) > 40


# ---- the table ----

@pytest.mark.parametrize("value, text", [
    (0, "0.000"), (0.0123, "0.012"), (0.9, "0.900"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (60000, "60000")])
def test_numbers_have_three_digits(value, text):
    assert report.number(value) == text


def test_the_table_has_a_line_for_every_result_and_says_why_one_is_missing():
    results = [Result(row(faster(20)), [0.001, 0.002, 0.004], [0.1, 0.1, 0.1], note="a note"),
               Result(row(below(256 * 2 ** 20), "B"), [2 ** 20]),
               Result(row(faster(2)), skipped="there is no mkfs.xfs"),
               Result(row(faster(2)), error="WrongBytes: bad")]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.table(results).splitlines()[2:]]
    assert lines[0][2:] == ["2.00 ms (1.00 ms .. 4.00 ms)", "a peer", "100 ms (100 ms .. 100 ms)",
                            "50.0x the speed (25.0 .. 100)", "at least 20.0", "reached"]
    assert lines[1][2] == "1.00 MiB" and lines[1][6:] == ["at most 256 MiB", "reached"]
    assert [line[-1] for line in lines[2:]] == ["skipped", "ERROR"]
    said = report.remarks(results)
    assert "there is no mkfs.xfs" in said and "WrongBytes: bad" in said and "a note" in said
    assert report.summary(results) == "2 reached, 1 skipped, 1 ERROR\n"


@pytest.mark.parametrize("target, ours, ceiling, of_ceiling, beyond", [
    (faster(0.5), 4, 2, 0.5, False),        # the peer takes 1
    (faster(0.5), 4, 3, 0.75, True),
    (faster(0.5), 1.5, 3, 2, True),
    (within(1.3), 2, 1.3, 0.65, False),
    (within(1.3), 2, 1.4, 0.7, True),
    (faster(None), 2, 4, 2, False),
])
def test_the_ceiling_is_compared_with_peer_and_target(target, ours, ceiling, of_ceiling, beyond):
    result = Result(row(target), [ours] * 3, [1, 1, 1], ceiling=[9 * ceiling, ceiling, ceiling])
    assert result.of_ceiling() == pytest.approx(of_ceiling)
    assert result.beyond_ceiling() is beyond
    assert not Result(row(target), [ours], [1]).beyond_ceiling()


def test_the_table_says_what_fuse_allows():
    results = [Result(row(faster(0.5)), [4], [1], ceiling=[3]), Result(row(faster(0.5)), [1], [1], ceiling=[3]),
               Result(row(faster(0.5)), [4], [1], ceiling=[2]), Result(row(faster(0.5)), [4], [1])]
    verdicts = [line.split("|")[-2].strip() for line in report.table(results).splitlines()[2:]]
    assert verdicts == ["not reached: FUSE allows 0.333", "reached", "not reached", "not reached"]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.ceilings(results).splitlines()
             if line.startswith("| a-row")]
    assert [line[1:] for line in lines] == [
        ["at least 0.500", "0.250x the speed", "3.00 s", "0.333x the speed", "0.750", "lower than the target"],
        ["at least 0.500", "1.00x the speed", "3.00 s", "0.333x the speed", "3.00", "lower than the target"],
        ["at least 0.500", "0.250x the speed", "2.00 s", "0.500x the speed", "0.500", "allows the target"]]
    assert report.summary(results) == "1 reached, 3 not reached, of those not reached 1 are beyond what FUSE allows here\n"
    assert report.ceilings(results[3:]) == ""


# ---- the data ----

@pytest.fixture(scope="module")
def template(tmp_path_factory):
    made = families.unpack("A1", str(tmp_path_factory.mktemp("template")))
    return os.path.join(made.source, "cube.subcube.0")


def make(template, out, parts, *options):
    done = programs.run([helper("mkfamily"), *options, "-n", parts, "-s", 24, out, template, ".image", ".sumwt",
                         ".weight=.psf"])
    assert done.returncode == 0, done.stderr
    return datasets.Family(str(out), parts, 24)


@pytest.fixture(scope="module")
def made(template, tmp_path_factory):
    return make(template, tmp_path_factory.mktemp("made"), 4)


def test_parts_are_images_with_their_own_channel_beam_and_pixels(made):
    parts = list(judge.describe(made.images()).values())
    assert not [p["error"] for p in parts if "error" in p]
    assert all(p["shape"] == [24, 24, 1, 1] and p["image_masks"] for p in parts)
    assert all(0 < p["masked_pixels"] < 24 * 24 / 4 for p in parts)
    for different in ("pixels_sha256", "mask_sha256", "frequencies", "beams", "miscinfo"):
        assert len({str(p[different]) for p in parts}) == 4, different
    assert len(parts[0]["miscinfo"]) == 7
    sumwt = judge.one(made.part(3, ".sumwt"))
    assert sumwt["shape"] == [1, 1, 1, 1]
    assert judge.one(made.part(3, ".weight"))["shape"] == [24, 24, 1, 1]


def test_parts_are_one_linear_axis_for_casacore(made):
    whole = judge.concat(made.images())
    assert whole["shape"] == [24, 24, 1, 4]
    steps = [b - a for a, b in zip(whole["frequencies"], whole["frequencies"][1:])]
    assert len(steps) == 3 and max(steps) == pytest.approx(min(steps))


def test_linked_parts_share_all_but_the_first_extensions_table(template, tmp_path):
    family = make(template, tmp_path / "linked", 300, "-l")
    parts = list(judge.describe(family.images()[::100]).values())
    assert not [p["error"] for p in parts if "error" in p]
    assert len({str(p["frequencies"]) for p in parts}) == 3
    for ext, name, shared in ((".image", "table.dat", False), (".image", "table.f0_TSM0", True),
                              (".image", "logtable/table.dat", True), (".weight", "table.dat", True)):
        inodes = [os.stat(os.path.join(p, name)).st_ino for p in family.images(ext)]
        assert (len(set(inodes)) < 300) is shared, (ext, name)


# ---- the helpers ----

def read(*arguments):
    done = programs.run([helper("reader"), *arguments])
    assert done.returncode == 0, done.stderr
    _, size, checksum = done.stdout.split()
    return int(size), checksum


@pytest.fixture
def two_files(tmp_path):
    """Files that differ in one bit."""
    content = bytearray(os.urandom(1 << 20))
    (tmp_path / "one").write_bytes(content)
    content[8192] ^= 1
    (tmp_path / "other").write_bytes(content)
    return tmp_path / "one", tmp_path / "other"


@pytest.mark.parametrize("arguments, size", [
    (["sum"], 1 << 20), (["random", 4096, 20000, 7], 20000 * 4096), (["strided", 16384, 4], 64 * 4)])
def test_the_reader_notices_one_bit(two_files, arguments, size):
    one, other = two_files
    assert read(*arguments, one) == read(*arguments, one)
    assert read(*arguments, one)[0] == size
    assert read(*arguments, one) != read(*arguments, other)


def test_the_reader_reads_everything_in_each_manner(two_files):
    assert read("seq", 5000, *two_files)[0] == 2 << 20
    assert read("mmap", two_files[0])[0] == 1 << 20
    assert read("sum", two_files[0], two_files[0])[0] == 2 << 20
    for manner in ("open", "stat"):
        read(manner, 10, two_files[0])
    assert programs.run([helper("reader"), "sum", two_files[0].parent / "none"]).returncode == 1


@pytest.mark.fuse
def test_slow_storage_shows_the_same_files_and_takes_none(made, tmp_path):
    mountpoint = tmp_path / "slow"
    mountpoint.mkdir()
    done = programs.run([helper("slowfs"), "1", made.directory, mountpoint])
    assert done.returncode == 0, done.stderr
    try:
        assert programs.tree(mountpoint) == programs.tree(made.directory)
        with pytest.raises(OSError):
            open(mountpoint / "new", "w")
    finally:
        subprocess.run(["fusermount3", "-u", str(mountpoint)], check=True)


@pytest.mark.fuse
@pytest.mark.parametrize("direct_io", [False, True])
def test_what_fuse_allows_is_the_same_tree_with_constant_or_the_same_bytes(made, tmp_path, direct_io):
    tree, mountpoint = made.part(1), tmp_path / "null"
    mountpoint.mkdir()
    options = ["-o", "direct_io"] if direct_io else []
    files = programs.tree(tree)
    assert files["table.f0_TSM0"] and files["mask0/table.dat"]
    constant = {path: content and b"Z" * len(content) for path, content in files.items()}
    for more, expected in (([], constant), (["-p"], files)):
        done = programs.run([helper("nullfs"), *options, *more, tree, mountpoint])
        assert done.returncode == 0, done.stderr
        try:
            assert programs.tree(mountpoint) == expected
        finally:
            subprocess.run(["fusermount3", "-u", str(mountpoint)], check=True)


def test_casacores_virtual_concatenation_names_all_parts(made, tmp_path):
    done = programs.run([helper("saveconcat"), tmp_path / "out.image", *made.images()])
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out.image" / "imageconcat.json").read_text()
    assert re.findall(r"cube\.subcube\.(\d)\.image", text) == ["0", "1", "2", "3"]


# ---- the whole ----

@pytest.mark.fuse
def test_a_tiny_run_writes_its_table(tmp_path):
    table = tmp_path / "table.md"
    done = programs.run([sys.executable, RUN, "--quick", "--parts", "8", "--size", "16", "--repeat", "1", "-o", table, "--only",
                         "^(mount|stat|seq-warm|casa-tiles|first-look-casa)$", "--dir", tmp_path / "data"],
                        env=dict(os.environ, SC_BUILD=programs.BUILD, CASA_PYTHON=""), timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {cells[1].strip(): cells[-2].strip().split(":")[0] for cells in
            (line.split("|") for line in table.read_text().splitlines()) if len(cells) == 10}
    for name in ("mount", "ls", "stat", "ls-lR", "ls-lR-many", "seq-warm", "mmap-warm", "keep-warm", "casa-tiles"):
        assert rows[name] in ("reached", "not reached", "no target"), rows
    assert rows["first-look-casa"] == "skipped"
    assert re.search(r"## What FUSE allows(.*\n)*\| mmap-warm \|", table.read_text())
    assert not programs.mountinfo(str(tmp_path / "data" / "mnt"))
