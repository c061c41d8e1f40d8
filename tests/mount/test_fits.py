"""Parts that are FITS images, mounted."""

import errno
import os
import stat

import numpy as np
import pytest

import fitsparts
import judge
import programs
import synth


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
def test_view_is_what_is_materialized(dtype, tmp_path, mount):
    source = str(tmp_path / "source")
    fitsparts.family(source, dtype, [2, 3, 1], **({"BLANK": 7} if dtype == "i2" else {}))
    done = programs.materialize("-q", "--tiling", "keep", "-o", tmp_path / "made", source + "/cube")
    assert done.returncode == 0, done.stderr
    with mount(source) as mnt:
        assert programs.tree(mnt.view("cube.image")) == programs.tree(str(tmp_path / "made.image"))


def test_view_of_mixed_parts(tmp_path, mount):
    parts = synth.run([2, 3], ny=6, nx=8, masks=True, beam=(3.0, 2.0, 10.0))
    originals = synth.build(str(tmp_path / "originals"), parts)
    source = str(tmp_path / "source")
    synth.build(source, parts[:1])
    fits = os.path.join(source, synth.name(1))
    fitsparts.export(originals[1:], [fits])
    with mount(source) as mnt:
        got = judge.one(mnt.view("cube.image"))
    wanted = judge.concat([originals[0], fits])
    judge.assert_same(got, wanted, keys=["shape", "pixels_sha256", "mask_sha256", "frequencies", "unit"])


def test_names_and_access(tmp_path, mount):
    source = str(tmp_path / "source")
    paths, _ = fitsparts.family(source, "f4", [1, 1], ext=".fits")
    for path in paths:
        os.chmod(path, 0o640)
    with mount(source, "-o", "allow_other") as mnt:
        assert os.listdir(mnt.path) == ["cube.fits"]
        assert stat.S_IMODE(os.stat(mnt.view("cube.fits")).st_mode) == 0o550
        assert stat.S_IMODE(os.stat(mnt.view("cube.fits", "table.dat")).st_mode) == 0o440


def test_truncated_part_fails_where_it_is_read(tmp_path, mount):
    source = str(tmp_path / "source")
    paths, arrays = fitsparts.family(source, "f4", [1, 1, 1], shape=(512, 512))
    os.truncate(paths[1], os.path.getsize(paths[1]) - 2880)
    plane = arrays[0].nbytes
    with mount(source) as mnt:
        with open(mnt.view("cube.image", "table.f0_TSM0"), "rb", buffering=0) as stream:
            assert os.pread(stream.fileno(), plane, 0) == arrays[0].astype(">f4").tobytes()
            assert os.pread(stream.fileno(), plane, 2 * plane) == arrays[2].astype(">f4").tobytes()
            with pytest.raises(OSError) as caught:
                os.pread(stream.fileno(), 4096, 2 * plane - 4096)
            assert caught.value.errno == errno.EIO
        programs.assert_message(mnt.log(), ["cube.subcube.1.image", "bytes"])


def test_part_that_changes_is_stale(tmp_path, mount):
    source = str(tmp_path / "source")
    paths, arrays = fitsparts.family(source, "f4", [1, 1])
    with mount(source) as mnt:
        with open(mnt.view("cube.image", "table.f0_TSM0"), "rb", buffering=0) as stream:
            fitsparts.write(paths[1], arrays[1] * np.float32(2), frequency=1.401e9)
            with pytest.raises(OSError) as caught:
                os.pread(stream.fileno(), arrays[1].nbytes, arrays[0].nbytes)
            assert caught.value.errno in (errno.ESTALE, errno.EIO)
