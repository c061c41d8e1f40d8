"""Parts that are FITS images, alone and beside tables; casacore's FITSImage and ImageConcat are the judge."""

import os
import shutil

import numpy as np
import pytest

import fitsparts
import judge
import programs
import synth

SAME = ("shape", "pixel_type", "pixels_sha256", "mask_sha256", "unit", "image_type", "object", "beams", "miscinfo",
        "frequencies")


def made(source, *options, ext=".image"):
    """The image made of the family in `source`, and what was said of it."""
    base = os.path.join(os.path.dirname(source), "made")
    done = programs.materialize("-q", "--overwrite", *options, "-o", base, source + "/cube")
    assert done.returncode == 0, done.stderr
    return judge.one(base + ext), done.stdout + done.stderr


def is_casacores(got, paths, keys=SAME):
    wanted = judge.concat(paths)
    assert "error" not in wanted, wanted["error"]
    assert "error" not in got, got["error"]
    judge.assert_same(got, wanted, keys=list(keys))
    same_coordinates(got["coordinates"], wanted["coordinates"])


def same_coordinates(got, wanted):
    # A telescope's place that is not in the header casacore looks up, where and when it has a table of them.
    got, wanted = ({k: v for k, v in c.items() if k != "telescopeposition"} for c in (got, wanted))
    assert sorted(got) == sorted(wanted)
    for key in got:
        assert close(got[key], wanted[key]), (key, got[key], wanted[key])


def close(a, b):
    if isinstance(a, dict):
        return sorted(a) == sorted(b) and all(close(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    return abs(a - b) <= 1e-13 * abs(b) if isinstance(a, float) else a == b


@pytest.mark.parametrize("name, ext", [("A1", ".image"), ("A1", ".sumwt"), ("A1", ".mask"), ("A2u", ".pb"), ("A6", ".image"),
                                       ("B2", ".image"), ("B5b", ".image")])
def test_exported_family(name, ext, family, tmp_path):
    paths = fitsparts.export_all(family(name).parts(ext), str(tmp_path / "source"))
    got, _ = made(str(tmp_path / "source"), ext=ext)
    is_casacores(got, paths)


@pytest.mark.parametrize("tiling", ["casa", "keep", "auto", "4,3,1,2"])
def test_any_tiling(tiling, tmp_path):
    paths, arrays = fitsparts.family(str(tmp_path / "source"), "f4", [3, 2, 4])
    got, _ = made(str(tmp_path / "source"), "--tiling", tiling)
    is_casacores(got, paths)
    joined = np.concatenate(arrays)
    assert got["masked_pixels"] == int(np.isnan(joined).sum()) > 0


def test_kept_tiles_are_ranges_of_the_files(tmp_path):
    """Rows of the parts are tiles of the image, byte for byte."""
    paths, arrays = fitsparts.family(str(tmp_path / "source"), "f4", [1, 2])
    got, _ = made(str(tmp_path / "source"), "--tiling", "keep")
    assert got["tile_shape"] == [9, 7, 1, 1] and got["big_endian"]
    assert programs.whole(tmp_path / "made.image/table.f0_TSM0") == np.concatenate(arrays).astype(">f4").tobytes()


def test_double_pixels_keep_their_digits(tmp_path):
    """casacore makes floats of them; nothing else differs."""
    paths, arrays = fitsparts.family(str(tmp_path / "source"), "f8", [2, 3])
    got, _ = made(str(tmp_path / "source"))
    assert got["pixel_type"] == "double"
    joined = np.concatenate(arrays)
    assert got["pixels_sha256"] == synth._sha256(joined)
    assert got["masked_pixels"] == int(np.isnan(joined).sum())
    is_casacores(got, paths, [k for k in SAME if k not in ("pixel_type", "pixels_sha256")])


def scaled(pixels, blank):
    """As casacore does it: in single precision, and with its own NaN."""
    floats = pixels.astype("f4") * np.float32(0.37) + np.float32(-1.5)
    if blank is not None:
        floats.view("u4")[pixels == blank] = 0xffffffff
    return floats


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4"])
@pytest.mark.parametrize("blank", [None, 7])
def test_scaled_integers(dtype, blank, tmp_path):
    paths, arrays = fitsparts.family(str(tmp_path / "source"), dtype, [2, 3], BSCALE=0.37, BZERO=-1.5, BLANK=blank)
    if blank is not None:
        for i, (path, pixels) in enumerate(zip(paths, arrays)):
            pixels[i, 0, 1:4, 2:5] = blank
            fitsparts.write(path, pixels, frequency=1.4e9 + 2e6 * i, BSCALE=0.37, BZERO=-1.5, BLANK=blank)
    for tiling in ("keep", "casa", "2,2,1,2"):
        got, _ = made(str(tmp_path / "source"), "--tiling", tiling)
        assert bool(got["image_masks"]) == (blank is not None)
        joined = np.concatenate(arrays)
        assert got["pixels_sha256"] == synth._sha256(scaled(joined, blank))
        assert got["mask_sha256"] == synth._sha256((joined != blank).astype("u1"))
        if dtype != "u1" or blank is None:  # casacore asks for the wrong type to read the mask of these
            is_casacores(got, paths)


@pytest.mark.parametrize("tables", [[0], [1], [0, 2], [2]])
def test_mixed_with_tables(tables, tmp_path):
    parts = synth.run([2, 3, 2], ny=6, nx=8, masks=True, beam=(3.0, 2.0, 10.0))
    originals = synth.build(str(tmp_path / "originals"), parts)
    source = str(tmp_path / "source")
    paths = fitsparts.export_all(originals, source)
    for number in tables:
        os.unlink(paths[number])
        shutil.copytree(originals[number], paths[number])
    for tiling in ("keep", "casa"):
        got, _ = made(source, "--tiling", tiling)
        is_casacores(got, paths, [k for k in SAME if k not in ("beams", "miscinfo")])
        assert got["shape"] == [8, 6, 1, 7]


@pytest.mark.parametrize("beams", ["one", "per part", "per channel"])
def test_beams(beams, tmp_path):
    one = (3.0, 2.0, 10.0)
    each = {"one": [one] * 3, "per part": [(3.0 + i, 2.0, 10.0) for i in range(3)],
            "per channel": [[[(3.0 + i + c / 10, 2.0, 10.0)] for c in range(2)] for i in range(3)]}[beams]
    parts = synth.run([2, 2, 2], beam=each)
    paths = fitsparts.export_all(synth.build(str(tmp_path / "originals"), parts), str(tmp_path / "source"))
    assert (b"BINTABLE" in programs.whole(paths[0])) == (beams == "per channel")
    got, _ = made(str(tmp_path / "source"))
    is_casacores(got, paths)
    majors = [plane[0][0][0] for plane in got["beams"]]
    wanted = [each[i][c][0][0] if beams == "per channel" else each[i][0] for i in range(3) for c in range(2)]
    assert majors == pytest.approx(wanted, rel=1e-6)


def test_history_is_in_the_cards(tmp_path):
    parts = synth.run([1, 1], history=("cleaned", "and restored"))
    fitsparts.export_all(synth.build(str(tmp_path / "originals"), parts), str(tmp_path / "source"))
    got, _ = made(str(tmp_path / "source"))
    assert got["history"][:-1] == ["cleaned", "and restored"]


def velocities(source, counts, width):
    """Parts along optical velocity, whose frequencies casacore tabulates."""
    paths, place = [], 0
    for i, count in enumerate(counts):
        paths.append(os.path.join(source, synth.name(i)))
        fitsparts.write(paths[-1], fitsparts.numbers("f4", count, seed=i), CTYPE4="VOPT", CUNIT4="m/s", CRVAL4=1e5 + place * width,
                        CDELT4=width)
        place += count
    return paths


@pytest.mark.parametrize("counts", [[2, 3, 1], [1, 1, 1, 1], [1, 4]])
def test_velocities_that_are_even_are_frequencies_that_are_not(counts, tmp_path):
    """The mean spacing of a table is no width of channels: parts of one run differ in it, and a single channel has none."""
    paths = velocities(str(tmp_path / "source"), counts, 3e6)
    got, _ = made(str(tmp_path / "source"))
    wanted = judge.concat(paths)
    judge.assert_same(got, wanted, keys=list(SAME))
    ours, casacores = (d["coordinates"]["spectral2"] for d in (got, wanted))
    assert close(ours["tabular"], casacores["tabular"])
    told = made(str(tmp_path / "source"), "--nparts=%d" % len(counts))[0]
    judge.assert_same(told, got)


def test_narrow_steps_of_velocity_are_a_linear_axis(tmp_path):
    paths = velocities(str(tmp_path / "source"), [2, 1], 1e3)
    base = str(tmp_path / "made")
    done = programs.materialize("-o", base, str(tmp_path / "source" / "cube"))
    assert done.returncode == 0, done.stderr
    programs.assert_message(done.stderr, ["table", "linear", "mean spacing"])
    assert "0 Hz," not in done.stderr
    got, wanted = judge.one(base + ".image"), judge.concat(paths)
    assert got["frequencies"] == pytest.approx(wanted["frequencies"], abs=10)


def test_the_extension_may_be_fits(tmp_path):
    paths, _ = fitsparts.family(str(tmp_path / "source"), "f4", [1, 2], ext=".fits")
    got, _ = made(str(tmp_path / "source"), ext=".fits")
    is_casacores(got, paths)


def test_more_parts_than_one_run_of_casacore_takes(tmp_path):
    paths, arrays = fitsparts.family(str(tmp_path / "source"), "f4", [1] * 300)
    got, _ = made(str(tmp_path / "source"), "--tiling", "keep")
    assert got["shape"] == [9, 7, 1, 300]
    assert got["pixels_sha256"] == synth._sha256(np.concatenate(arrays).astype("<f4"))
    assert got["frequencies"] == pytest.approx([1.4e9 + i * 1e6 for i in range(300)])


@pytest.mark.parametrize("mode", ["nomovevirtual", "copyvirtual", "movevirtual"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_virtual(mode, dtype, tmp_path):
    """casacore's own concatenation of these files: of floats, whatever is in them."""
    source = str(tmp_path / "source")
    paths, arrays = fitsparts.family(source, dtype, [2, 1])
    done = programs.materialize("-q", "-m", mode, source + "/cube")
    assert done.returncode == 0, done.stderr
    assert all(map(os.path.exists, paths)) == (mode != "movevirtual")
    got = judge.concat([source + "/cube.image"])
    assert got["pixel_type"] == "float" and got["shape"] == [9, 7, 1, 3]
    assert got["pixels_sha256"] == synth._sha256(np.concatenate(arrays).astype("<f4"))


def refused(source, words):
    done = programs.materialize(source + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, words)
    assert "cube.image" not in os.listdir(source)


BROKEN = {
    "no END": (lambda data: data.replace(b"END     ", b"AND     "), ["cube.subcube.1.image", "END"]),
    "only a beginning": (lambda data: data[:1000], ["cube.subcube.1.image", "END"]),
    "not FITS": (lambda data: b"hello", ["cube.subcube.1.image", "SIMPLE"]),
    "empty": (lambda data: b"", ["cube.subcube.1.image", "SIMPLE"]),
    "truncated": (lambda data: data[:-2800], ["cube.subcube.1.image", "bytes long, expected"]),
    "too large": (lambda data: data.replace(b"NAXIS4  =                    2", b"NAXIS4  =  9223372036854775807"),
                  ["cube.subcube.1.image", "more pixels"]),
    "no pixels": (lambda data: data.replace(b"NAXIS4  =                    2", b"NAXIS4  =                    0"),
                  ["cube.subcube.1.image", "NAXIS4"]),
    "64-bit integers": (lambda data: data.replace(b"BITPIX  =                  -32", b"BITPIX  =                   64"),
                        ["cube.subcube.1.image", "BITPIX"]),
    "other type": (lambda data: data.replace(b"BITPIX  =                  -32", b"BITPIX  =                  -64"),
                   ["cube.subcube.1.image", "double", "float"]),
    "other shape": (lambda data: data.replace(b"NAXIS1  =                    9", b"NAXIS1  =                    8"),
                    ["cube.subcube.1.image", "8", "9"]),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_broken(damage, tmp_path):
    paths, _ = fitsparts.family(str(tmp_path / "source"), "f4", [2, 2, 2])
    change, words = BROKEN[damage]
    before = programs.whole(paths[1])
    with open(paths[1], "wb") as stream:
        stream.write(change(before))
    assert programs.whole(paths[1]) != before
    refused(str(tmp_path / "source"), words)


def test_scaled_real_pixels_are_refused(tmp_path):
    """The standard scales them, casacore does not."""
    fitsparts.family(str(tmp_path / "source"), "f4", [2, 2], BSCALE=2.0)
    refused(str(tmp_path / "source"), ["cube.subcube.0.image", "BSCALE"])
