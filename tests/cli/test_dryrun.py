"""--dry-run: what it says is what a run then does, and nothing is written."""

import json
import os

import pytest

import disks
import families
import programs
import synth

MODES = ["paged", "nomovevirtual", "copyvirtual", "movevirtual"]


def plan(*arguments, status=0):
    done = programs.materialize("--dry-run", "--json", *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def manifests(source, out):
    return families.manifest(source), families.manifest(str(out))


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_written(small, tmp_path, mode):
    source, _ = small
    out = tmp_path / "out"
    out.mkdir()
    families.remove_locks(source)
    before = manifests(source, out)
    for json_too in ([], ["--json"]):
        done = programs.materialize("--dry-run", *json_too, "-m", mode, "-o", out / "new", source + "/cube")
        assert done.returncode == 0 and done.stderr == "", done.stderr
    assert manifests(source, out) == before


@pytest.mark.parametrize("tiling, kind", [("keep", "bytes_copied"), ("12,10,1,6", "bytes_retiled")])
def test_a_run_makes_what_was_planned(small, tmp_path, tiling, kind):
    source, parts = small
    options = ["--tiling", tiling, "--reflink=never", "-o", tmp_path / "out", source + "/cube"]
    images = plan(*options)["images"]
    assert programs.materialize("-q", *options).returncode == 0
    assert [i["path"] for i in images] == [str(tmp_path / "out.image"), str(tmp_path / "out.psf")]
    for image in images:
        files = [os.path.join(image["path"], f) for f in ("table.f0_TSM0", "mask0/table.f0_TSM0")]
        assert image[kind] == sum(map(os.path.getsize, files))
        assert sum(image[k] for k in image if k.startswith("bytes_")) == image[kind]
        assert image["shape"] == synth.truth(parts)["shape"] and image["subcubes"] == 3
        assert (image["mode"], image["replaces"], image["problem"], image["warnings"]) == ("paged", False, None, [])
    if tiling != "keep":
        assert images[0]["tile"] == [12, 10, 1, 6]


def test_in_words(small, tmp_path):
    source, _ = small
    done = programs.materialize("--dry-run", "--tiling", "12,10,1,6", "-o", tmp_path / "out", source + "/cube")
    programs.assert_message(done.stdout, ["would make", "out.image", "12 x 10 x 1 x 6", "3 subcubes", "retiled"])
    programs.assert_message(done.stdout, ["free", "afterwards"])
    done = programs.materialize("--dry-run", "-m", "movevirtual", source + "/cube")
    programs.assert_message(done.stdout, ["cube.psf", "virtual", "3 subcubes", "moved"])
    done = programs.materialize("--dry-run", "--remove-subcubes", source + "/cube")
    programs.assert_message(done.stdout, ["remove", "subcubes"])


def test_what_is_replaced(small):
    source, _ = small
    assert programs.materialize("-q", "-e", "psf", source + "/cube").returncode == 0
    assert programs.materialize("--dry-run", source + "/cube").returncode == 2
    assert [i["replaces"] for i in plan("--overwrite", source + "/cube")["images"]] == [False, True]
    done = programs.materialize("--dry-run", "--overwrite", source + "/cube")
    programs.assert_message(done.stdout, ["would replace", "cube.psf"])


def test_what_is_missing_is_blank(small, tmp_path):
    source, _ = small
    programs.run(["rm", "-r", source + "/cube.subcube.1.image"])
    image, psf = plan(source + "/cube", status=1)["images"]
    assert "cube.subcube.1.image" in image["problem"] and psf["problem"] is None
    # Channels in tiles of their own.
    image = plan("--missing=blank", "--tiling=12,10,1,1", source + "/cube")["images"][0]
    assert image["subcubes"] == 2 and image["bytes_blank"] == 2 * (12 * 10 * 4 + 12 * 10 // 8)
    assert any("cube.subcube.1.image" in w for w in image["warnings"])


def test_what_cannot_be_made_is_named(small):
    source, _ = small
    os.truncate(source + "/cube.subcube.2.image/table.dat", 20)
    done = programs.materialize("--dry-run", source + "/cube")
    assert done.returncode == 1
    programs.assert_message(done.stderr, ["cube.image", "cube.subcube.2.image"])
    programs.assert_message(done.stdout, ["would make", "cube.psf"])


@pytest.mark.parametrize("kind", disks.KINDS)
def test_clones_and_space(tmp_path, kind):
    """On a disk that clones and is smaller than the copies would be together."""
    parts = synth.run([2] * 4, ny=1024, nx=1024, tile=(64, 64, 1, 1))
    try:
        with disks.mounted(kind, tmp_path / "disk") as disk:
            source = disk + "/source"
            synth.build(source, parts)
            forecast = plan("--tiling=keep", source + "/cube")
            assert forecast["images"][0]["bytes_cloned"] == 8 * 1024 * 1024 * 4
            assert forecast["bytes_needed"] < 1 << 20
            copies = plan("--tiling=keep", "--reflink=never", source + "/cube")
            assert copies["images"][0]["bytes_copied"] == 8 * 1024 * 1024 * 4
            state = os.statvfs(disk)
            assert copies["bytes_free"] == state.f_bfree * state.f_frsize
            assert copies["bytes_free_after"] == copies["bytes_free"] - copies["bytes_needed"]
            if kind == "btrfs":
                return      # it does not give all its space to one file
            # All but some MB taken: there is no room for copies.
            with open(disk + "/ballast", "wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, copies["bytes_free"] - (24 << 20))
            full = plan("--tiling=keep", "--reflink=never", source + "/cube", status=1)
            assert "space" in full["images"][0]["problem"]
            plan("--tiling=keep", source + "/cube")
    except disks.CannotMount as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("arguments", [["--undo"], ["--resume"], ["--list"]])
def test_wrong_usage(arguments, small):
    done = programs.materialize("--dry-run", *arguments, small[0] + "/cube")
    assert done.returncode == 2 and done.stderr and done.stdout == ""
