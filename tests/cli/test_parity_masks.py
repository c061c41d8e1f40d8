"""Masks that no reader sees: only an image's default mask counts."""

import sys

import judge
import programs
import synth


def without_default(path):
    done = programs.run([sys.executable, "-c", "import sys\nfrom casacore.tables import table\n"
                         "table(sys.argv[1], readonly=False, ack=False).removekeyword('Image_defaultmask')", path], cwd="/")
    assert done.returncode == 0, done.stderr


def made(tmp_path, numbers):
    parts = synth.run([2, 1, 2], masks=True)
    paths = synth.build(str(tmp_path / "source"), parts)
    for n in numbers:
        without_default(paths[n])
        parts[n].mask = None
    done = programs.materialize(str(tmp_path / "source" / "cube"))
    assert done.returncode == 0, done.stderr
    got = judge.one(str(tmp_path / "source" / "cube.image"))
    judge.assert_same(got, synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])
    judge.assert_same(got, judge.concat(paths), keys=["mask_sha256"])
    return got


def test_a_mask_that_is_not_the_default_counts_for_nothing(tmp_path):
    for n in (0, 1):
        assert made(tmp_path / str(n), [n])["default_mask"] == "mask0"


def test_no_default_mask_in_any_part_is_no_mask(tmp_path):
    got = made(tmp_path, [0, 1, 2])
    assert got["image_masks"] == [] and got["masked_pixels"] == 0
