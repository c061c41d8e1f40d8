"""Finished images are passed through, so that a path into a mount is valid from the imaging run to the final product."""

import os
import shutil

import pytest

import judge
import programs
import synth


def finish(source, *options):
    done = programs.materialize("-q", *options, source + "/cube")
    assert done.returncode == 0, done.stderr


def remove_parts(source, ext):
    for name in os.listdir(source):
        if ".subcube." in name and name.endswith(ext):
            shutil.rmtree(os.path.join(source, name))


def write(path, text):
    with open(path, "w") as stream:
        stream.write(text)


def test_passed_through_byte_for_byte(small, mount):
    source, parts = small
    finish(source)
    remove_parts(source, ".image")
    with mount(source) as mnt:
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]
        assert programs.tree(mnt.view("cube.image")) == programs.tree(source + "/cube.image")
        truth = synth.truth(parts)
        judge.assert_same(judge.one(mnt.view("cube.image")), truth, keys=sorted(truth))


def test_reads_at_any_place_are_the_files(small, mount):
    source, _ = small
    finish(source)
    remove_parts(source, ".image")
    whole = programs.whole(source + "/cube.image/table.f0_TSM0")
    with mount(source) as mnt:
        fd = os.open(mnt.view("cube.image", "table.f0_TSM0"), os.O_RDONLY)
        for offset in (0, 1, 4095, 4096, len(whole) - 3, len(whole), len(whole) + 9):
            for count in (1, 5000, 1 << 20):
                assert os.pread(fd, count, offset) == whole[offset:offset + count]
        os.close(fd)


def test_parts_win_when_both_are_there(small, mount, tmp_path):
    source, parts = small
    finish(source, "--tiling=casa", "--history=first")
    with open(source + "/cube.image/table.f0_TSM0", "r+b") as stream:
        stream.write(bytes(1000))
    with mount(source) as mnt:
        truth = synth.truth(parts)
        judge.assert_same(judge.one(mnt.view("cube.image")), truth, keys=sorted(truth))


def test_it_is_read_only_and_keeps_its_size_and_time(small, mount):
    source, _ = small
    finish(source)
    remove_parts(source, ".image")
    with mount(source) as mnt:
        for path in programs.tree(source + "/cube.image"):
            there, here = os.stat(os.path.join(source, "cube.image", path)), os.stat(mnt.view("cube.image", path))
            assert here.st_mode & 0o222 == 0
            if not os.path.isdir(mnt.view("cube.image", path)):
                assert here.st_size == there.st_size


def test_what_imagers_do_not_write_is_not_shown(small, mount):
    source, _ = small
    finish(source)
    remove_parts(source, ".image")
    shutil.copytree(source + "/cube.image", source + "/cube.picture")
    os.mkdir(source + "/empty.image")
    os.mkdir(source + "/cube.ms")
    with open(source + "/notes.image", "w") as stream:
        stream.write("x")
    with mount(source) as mnt:
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]


@pytest.mark.parametrize("damage", ["changed", "gone", "shortened"])
def test_a_file_that_changes_is_an_error(small, mount, damage):
    source, _ = small
    finish(source)
    remove_parts(source, ".image")
    path = source + "/cube.image/table.f0_TSM0"
    with mount(source) as mnt:
        os.listdir(mnt.view("cube.image"))
        if damage == "gone":
            os.unlink(path)
        elif damage == "shortened":
            os.truncate(path, 10)
        else:
            shutil.copy(path, path + ".new")
            os.rename(path + ".new", path)
        with pytest.raises(OSError):
            programs.whole(mnt.view("cube.image", "table.f0_TSM0"))
        programs.assert_message(mnt.log(), ["cube.image/table.f0_TSM0"])


def test_who_has_it_open_elsewhere_does_not_matter(small, mount):
    source, parts = small
    finish(source)
    remove_parts(source, ".image")
    with mount(source, "--refresh=0.2") as mnt:
        before = programs.tree(mnt.view("cube.image"))
        for lock in ("table.lock", "logtable/table.lock", "mask0/table.lock"):
            with open(os.path.join(source, "cube.image", lock), "ab") as stream:
                stream.write(b"x")
        assert programs.tree(mnt.view("cube.image")) == before
        truth = synth.truth(parts)
        judge.assert_same(judge.one(mnt.view("cube.image")), truth, keys=sorted(truth))


@pytest.mark.parametrize("name", ["table.info", "notes", "logtable/table.info"])
def test_any_file_that_changes_makes_another_generation(small, mount, name):
    source, _ = small
    finish(source)
    remove_parts(source, ".image")
    path = os.path.join(source, "cube.image", name)
    write(path, "before")
    with mount(source, "--refresh=0.2") as mnt:
        assert programs.whole(mnt.view("cube.image", name)) == b"before"
        write(path, "after it")

        def is_shown():
            try:
                return programs.whole(mnt.view("cube.image", name)) == b"after it"
            except OSError:
                return False
        assert programs.wait_until(is_shown, pause_s=programs.UNWATCHED_S)


def test_links_and_pipes_in_it_are_not_followed(small, mount, tmp_path):
    source, _ = small
    finish(source)
    remove_parts(source, ".image")
    (tmp_path / "secret").write_text("x")
    os.symlink(tmp_path / "secret", source + "/cube.image/link")
    os.symlink("..", source + "/cube.image/up")
    os.mkfifo(source + "/cube.image/pipe")
    with mount(source) as mnt:
        assert not {"link", "up", "pipe"} & set(os.listdir(mnt.view("cube.image")))


def test_too_many_files_are_an_error_of_that_image_only(small, mount):
    source, _ = small
    finish(source)
    remove_parts(source, ".image")
    for i in range(100):
        with open(source + "/cube.image/%d" % i, "w") as stream:
            stream.write("x")
    with mount(source) as mnt:
        with pytest.raises(OSError):
            os.listdir(mnt.view("cube.image"))
        programs.assert_message(mnt.log(), ["cube.image", "more than"])
        assert "error" not in judge.one(mnt.view("cube.psf"))


def test_the_materializer_finds_no_parts_in_it(small):
    source, _ = small
    finish(source)
    remove_parts(source, ".image")
    remove_parts(source, ".psf")
    done = programs.materialize(source + "/cube")
    assert done.returncode == 3
    assert "error" not in judge.one(source + "/cube.image")
