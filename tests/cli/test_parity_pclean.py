"""A whole run of pclean's: nine products and whatever else is there, one command."""

import os
import shutil

import judge
import programs
import synth

PRODUCTS = (".image", ".residual", ".psf", ".model", ".pb", ".image.pbcor", ".mask", ".weight", ".sumwt")
OTHERS = (".alpha", ".image.tt0")


def run_of(tmp_path, counts=(1, 1, 1)):
    parts = synth.run(list(counts), ny=2, nx=3)
    for ext in PRODUCTS + OTHERS:
        synth.build(str(tmp_path), parts, ext=ext)
    return str(tmp_path / "cube"), synth.truth(parts)


def images(tmp_path):
    return sorted(n[len("cube"):] for n in os.listdir(tmp_path) if ".subcube." not in n)


def test_every_product_is_made_by_one_command(tmp_path):
    base, truth = run_of(tmp_path)
    done = programs.materialize(base)
    assert done.returncode == 0, done.stderr
    assert images(tmp_path) == sorted(PRODUCTS + OTHERS)
    for found in judge.describe([base + ext for ext in PRODUCTS + OTHERS]).values():
        judge.assert_same(found, truth, keys=["pixels_sha256"])
    programs.assert_message(done.stdout, ["11 of 11 extensions"])


def test_a_failed_product_is_told_by_the_exit_status_too(tmp_path):
    base, _ = run_of(tmp_path)
    shutil.rmtree(base + ".subcube.1.psf")
    done = programs.materialize(base)
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["cube.psf", "cube.subcube.1.psf", "missing"])
    programs.assert_message(done.stdout, ["10 of 11 extensions"])
    assert images(tmp_path) == sorted(set(PRODUCTS + OTHERS) - {".psf"})


def test_a_run_of_a_single_subcube_is_not_lost(tmp_path):
    """imageconcat makes nothing of it, and pclean then removes it."""
    base, truth = run_of(tmp_path, counts=[3])
    done = programs.materialize("--remove-subcubes", base)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == sorted("cube" + ext for ext in PRODUCTS + OTHERS)
    judge.assert_same(judge.one(base + ".image"), truth, keys=["pixels_sha256"])
