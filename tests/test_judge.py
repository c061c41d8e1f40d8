"""The judges themselves: they agree with CASA's own words, and see the smallest difference."""

import os
import shutil
import tarfile

import pytest

import checks
import families
import judge
import programs
import synth
import tiles

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", families.FAMILIES)
def test_casacore_sees_in_casas_images_what_casa_says_of_them(name, casa):
    expected = families.expected(name)
    for ext in families.FAMILIES[name]:
        checks.is_casas(name, ext, dict(casa(name, ext), history=["3 subcubes"]), casa(name, ext), expected[ext])


@pytest.mark.parametrize("name", families.FAMILIES)
def test_both_readers_see_the_same_pixels_and_masks(name, casa):
    for ext in families.FAMILIES[name]:
        one, other = casa(name, ext), casa(name, ext, cfio=True)
        assert other["mask_sha256"] == one["mask_sha256"]
        if one["pixel_type"] == "dcomplex":
            assert "pixels_error" in other
        else:
            assert other["pixels_sha256"] == one["pixels_sha256"]


@pytest.mark.parametrize("name", families.FAMILIES)
def test_the_table_of_families_is_what_the_archives_hold(name):
    with tarfile.open(os.path.join(families.DATA, name + ".tar.xz")) as tar:
        tops = {e.name.split("/")[1 if e.name.split("/")[0] == "in" else 0] for e in tar if "/" in e.name}
    assert sorted({m.group(2) for m in map(families.PART.match, tops) if m}) == sorted(families.FAMILIES[name])


def change_pixel(path):
    with open(path + "/table.f0_TSM0", "r+b") as stream:
        stream.seek(4 * 17)
        byte = stream.read(1)
        stream.seek(4 * 17)
        stream.write(bytes([byte[0] ^ 1]))


def change_mask(path):
    with open(path + "/mask0/table.f0_TSM0", "r+b") as stream:
        byte = stream.read(1)
        stream.seek(0)
        stream.write(bytes([byte[0] ^ 4]))


def change_text(old, new):
    def change(path):
        data = programs.whole(path + "/table.dat")
        assert old in data and len(old) == len(new)
        with open(path + "/table.dat", "wb") as stream:
            stream.write(data.replace(old, new, 1))
    return change


CHANGES = {
    "one bit of a pixel": (change_pixel, ["pixels_sha256", "channel_sha256[0]"]),
    "one bit of a mask": (change_mask, ["mask_sha256", "masked_pixels"]),
    "the object": (change_text(b"objx", b"objy"), ["object"]),
    "the unit": (change_text(b"Jy/beam", b"Jy/bean"), ["unit"]),
    "the telescope": (change_text(b"EVLA", b"AVLA"), ["coordinates.telescope"]),
    "a miscinfo value": (change_text(b"one thing", b"two thing"), ["miscinfo.key"]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen(what, tmp_path):
    change, keys = CHANGES[what]
    parts = synth.run([2], masks=True, object="objx", telescope="EVLA", miscinfo={"key": "one thing"})
    path, = synth.build(str(tmp_path), parts)
    changed = str(tmp_path / "changed.image")
    shutil.copytree(path, changed)
    change(changed)
    said = judge.describe([path, changed])
    lines = judge.differences(said[changed], said[path])
    for key in keys:
        assert any(line.startswith(key) for line in lines), lines


def test_what_cannot_be_opened_is_an_error_and_the_rest_is_described(tmp_path):
    path, = synth.build(str(tmp_path), synth.run([1]))
    os.mkdir(tmp_path / "empty.image")
    said = judge.describe([str(tmp_path / "empty.image"), path])
    assert "error" in said[str(tmp_path / "empty.image")]
    assert said[path]["shape"] == [8, 6, 1, 1]


@pytest.mark.parametrize("values, wanted", [
    ((1.0, 1.0 + 1e-15), True), ((1.0, 1.0 + 1e-9), False), ((1, 1.0), True), ((True, 1), False), (("1", 1), False),
    ((None, 0), False), (([1], [1, 2]), False), (({"a": 1}, {"b": 1}), False), ((float("nan"), float("nan")), True)])
def test_when_two_values_are_the_same(values, wanted):
    assert (judge.differences({"x": values[0]}, {"x": values[1]}) == []) is wanted


def test_tile_comparison_leaves_padding_out():
    shape, tile = [3, 2, 1, 1], [2, 2, 1, 1]
    one = bytearray(range(8))
    other = bytearray(one)
    other[5] = other[7] = 99  # x = 3 in the second tile: outside
    assert tiles.first_difference(bytes(other), bytes(one), shape, tile, 1) is None
    other[4] = 99
    assert tiles.first_difference(bytes(other), bytes(one), shape, tile, 1).startswith("tile 1")
    assert "lengths" in tiles.first_difference(bytes(other[:-1]), bytes(one), shape, tile, 1)


def test_tile_comparison_of_bits_leaves_padding_out():
    shape, tile = [3, 3, 1, 1], [3, 3, 1, 1]
    assert tiles.file_bytes(shape, tile, 0) == 2
    assert tiles.first_difference(b"\xff\xff", b"\xff\x01", shape, tile, 0) is None
    assert tiles.first_difference(b"\xff\xfe", b"\xff\x01", shape, tile, 0).startswith("tile 0")
