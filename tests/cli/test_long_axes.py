"""A family of 20,000 one-channel parts as a pipeline leaves them: start and width as decimals of GHz."""

import os
import shutil

import pytest

import judge
import programs
import synth

PARTS, START, WIDTH = 20000, 1.4e9, 30517.578125


def decimals(hz):
    """What is left of a frequency that was written with 10 decimals in GHz."""
    return round(hz / 1e9, 10) * 1e9


def big_endian(value):
    return synth.np.array(value, ">f8").tobytes()


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Part 0 is casacore's; the others have its pixels, and its table.dat with another frequency."""
    source = str(tmp_path_factory.mktemp("long"))
    first = synth.run([1], ny=1, nx=1, start=START, width=decimals(WIDTH))
    path = synth.build(source, first)[0]
    header = programs.whole(path + "/table.dat")
    # worldreplace and crval: wherever the frequency stands
    assert header.count(big_endian(START)) >= 1
    for n in range(1, PARTS):
        other = os.path.join(source, synth.name(n))
        os.mkdir(other)
        for file in ("table.f0", "table.f0_TSM0"):
            os.link(os.path.join(path, file), os.path.join(other, file))
        with open(other + "/table.dat", "wb") as stream:
            stream.write(header.replace(big_endian(START), big_endian(decimals(START + n * WIDTH))))
    yield source
    shutil.rmtree(source)


def test_every_channel_is_within_a_hundredth_of_its_own(family, tmp_path):
    done = programs.materialize("-o", tmp_path / "made", family + "/cube", timeout=300)
    assert done.returncode == 0, done.stderr
    got = judge.one(str(tmp_path / "made.image"))
    assert got["shape"] == [1, 1, 1, PARTS]
    spectral = got["coordinates"]["spectral2"]
    assert "wcs" in spectral, done.stderr
    wrong = [n for n, hz in enumerate(got["frequencies"]) if abs(hz - (START + n * WIDTH)) > 0.01 * WIDTH]
    assert not wrong, "%d channels, the first is %d" % (len(wrong), wrong[0])
    assert abs(spectral["wcs"]["cdelt"] - WIDTH) < 1e-4


def test_a_long_gap_keeps_its_channels(family, tmp_path):
    """Counted by the rounded increment, 15,000 missing channels would be 10 too many."""
    source = str(tmp_path / "source")
    os.mkdir(source)
    for n in [0, 1, 2, 15003, 15004]:
        os.symlink(os.path.join(family, synth.name(n)), os.path.join(source, synth.name(n)))
    done = programs.materialize("--follow-links", "--missing=blank", "-o", tmp_path / "made", source + "/cube")
    assert done.returncode == 0, done.stderr
    got = judge.one(str(tmp_path / "made.image"))
    assert got["shape"][3] == 15005
    wrong = [n for n, hz in enumerate(got["frequencies"]) if abs(hz - (START + n * WIDTH)) > 0.01 * WIDTH]
    assert not wrong, "%d channels, the first is %d" % (len(wrong), wrong[0])
