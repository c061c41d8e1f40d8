"""Spectral axes with another unit, frame, velocity or more rest frequencies: kept, also where the axis becomes a table."""

import numpy as np
import pytest

import judge
import programs
import synth

HERTZ = {"Hz": 1.0, "MHz": 1e6, "GHz": 1e9}

# What the record of a spectral coordinate tells besides frequencies.
KEPT = ("system", "unit", "restfreq", "restfreqs", "velType", "nativeType", "velUnit", "waveUnit", "formatUnit", "conversion")

LOOKS = {
    "in MHz": {"axis_unit": "MHz"},
    "in GHz": {"axis_unit": "GHz"},
    "falling in GHz": {"axis_unit": "GHz", "width": -1e6},
    "shown in another frame": {"frame": "BARY", "shown_frame": "LSRK"},
    "optical velocity in m/s": {"spectral": {"velType": 1, "velUnit": "m/s"}},
    "native velocity": {"spectral": {"velType": 2, "nativeType": 2}},
    "several rest frequencies": {"rest_frequency": 1.6e9, "spectral": {"restfreqs": np.array([1.42e9, 1.6e9, 1.7e9])}},
    "all of it": {"axis_unit": "GHz", "frame": "BARY", "shown_frame": "LSRK",
                  "spectral": {"velType": 1, "velUnit": "m/s", "restfreqs": np.array([1.42, 1.6])}},
}


def made(tmp_path, look, gap):
    """The image, what was said of it, and its parts as casacore reads them."""
    parts = synth.run([2, 3, 2], ny=2, nx=3, **LOOKS[look])
    for part in parts[1:]:
        part.frequency += gap * part.width
    paths = synth.build(str(tmp_path / "source"), parts)
    done = programs.materialize(str(tmp_path / "source" / "cube"))
    assert done.returncode == 0, done.stderr
    told = judge.describe(paths)
    return judge.one(str(tmp_path / "source" / "cube.image")), done.stderr, paths, [told[p] for p in paths]


def spectral(described):
    return described["coordinates"]["spectral2"]


@pytest.mark.parametrize("look", LOOKS)
def test_a_gap_changes_nothing_but_the_table_of_frequencies(look, tmp_path):
    """Where casacore would take the unit's numbers for Hz, the shown frame for the native one, and drop the rest."""
    got, said, _, parts = made(tmp_path, look, 7.5)
    programs.assert_message(said, ["tabulated"])
    assert "tabular" in spectral(got)
    judge.assert_same(spectral(got), spectral(parts[0]), keys=list(KEPT))
    wanted = [hz for part in parts for hz in part["frequencies"]]
    assert got["frequencies"] == pytest.approx(wanted, rel=1e-13)


@pytest.mark.parametrize("look", LOOKS)
def test_without_a_gap_it_is_casacores(look, tmp_path):
    got, said, paths, parts = made(tmp_path, look, 0)
    assert "warning" not in said
    judge.assert_same(got, judge.concat(paths), keys=["coordinates"])
    wanted = [hz for part in parts for hz in part["frequencies"]]
    assert got["frequencies"] == pytest.approx(wanted, rel=1e-13)
