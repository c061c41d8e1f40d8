"""Virtual images of more parts than there may be open files."""

import pytest

import judge
import programs
import synth
import virtual


@pytest.mark.parametrize("mode", ["nomovevirtual", "copyvirtual", "movevirtual"])
def test_many_parts_and_few_open_files(mode, tmp_path):
    parts = synth.run([1] * 150, ny=2, nx=3, masks=True)
    synth.build(str(tmp_path), parts)
    done = programs.run(["prlimit", "--nofile=64:64", programs.MATERIALIZE, "-m", mode, tmp_path / "cube"])
    assert done.returncode == 0, done.stderr
    judge.assert_same(virtual.one(tmp_path / "cube.image"), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])
