"""Headers that are kept: what is written from them is what is written without."""

import os
import time

import programs

NO_PROGRAM = {**os.environ, "SUBCUBEFS_HEADER": "/nonexistent/header-program"}


def write(source, out, *options, **more):
    return programs.materialize("-q", "-e", ".image", "-o", out, *options, source + "/cube", **more)


def test_the_second_run_starts_from_what_was_kept(small, tmp_path):
    source, _ = small
    cache = "--cache-dir=%s" % (tmp_path / "cache")
    time.sleep(2.2)
    assert write(source, tmp_path / "plain", "--no-cache").returncode == 0
    assert not (tmp_path / "cache").exists()
    assert write(source, tmp_path / "first", cache).returncode == 0
    done = write(source, tmp_path / "second", cache, env=NO_PROGRAM)
    assert done.returncode == 0, done.stderr
    assert write(source, tmp_path / "third", "--no-cache", env=NO_PROGRAM).returncode == 1
    # Another tiling is another view.
    assert write(source, tmp_path / "fourth", cache, "--tiling=keep", env=NO_PROGRAM).returncode == 1
    trees = [programs.tree("%s/%s.image" % (tmp_path, name)) for name in ("plain", "first", "second")]
    assert trees[0] == trees[1] == trees[2]


def test_both_programs_share_what_is_kept(small, tmp_path, monkeypatch):
    source, _ = small
    cache = "--cache-dir=%s" % (tmp_path / "cache")
    time.sleep(2.2)
    assert write(source, tmp_path / "out", cache, "--tiling=keep", "--missing=blank").returncode == 0
    monkeypatch.setenv("SUBCUBEFS_HEADER", "/nonexistent/header-program")
    reason = programs.fuse_missing()
    if reason:
        return
    with programs.Mount(source, tmp_path / "mnt", cache) as mnt:
        assert programs.tree(mnt.view("cube.image")) == programs.tree(str(tmp_path / "out.image"))


def test_an_unusable_directory_is_no_error(small, tmp_path):
    source, _ = small
    (tmp_path / "file").write_text("x")
    time.sleep(2.2)
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        done = programs.materialize("-e", ".image", "--overwrite", "-o", tmp_path / "out", "--cache-dir=%s" % directory,
                                    source + "/cube")
        assert done.returncode == 0 and "cache" not in done.stderr, done.stderr


def test_modes_that_write_catalogs_do_not_use_it(small, tmp_path):
    source, _ = small
    time.sleep(2.2)
    cache = tmp_path / "cache"
    done = programs.materialize("-q", "-m", "nomovevirtual", "-e", ".image", "-o", tmp_path / "out",
                                "--cache-dir=%s" % cache, source + "/cube")
    assert done.returncode == 0 and not cache.exists(), done.stderr
