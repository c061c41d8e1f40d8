"""Reading in any order, from many readers at once, gives the same bytes."""

import concurrent.futures
import mmap
import os
import random

import numpy as np
import pytest

import families
import judge
import programs
import recipes
import synth

SHAPES = {
    "ranges of one-channel parts": lambda source: synth.build(source, synth.run([1] * 12, ny=40, nx=50, masks=True)),
    "ranges of deeper parts": lambda source: synth.build(source, recipes.uneven_chunks_of_one_tile().parts),
    "gathered tiles": lambda source: synth.build(source, recipes.uneven_chunks_and_tiles().parts),
    "swapped bytes": lambda source: synth.build(source, recipes.byte_orders_differ().parts),
    "masks of odd bits": lambda source: synth.build(source, recipes.mask_tiles_are_not_whole_bytes().parts),
}


@pytest.fixture(scope="module", params=SHAPES, ids=[s.replace(" ", "-") for s in SHAPES])
def source(request, tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("shape") / "source")
    SHAPES[request.param](directory)
    return directory


# The ways to the same bytes.
WAYS = {
    "default": (),
    "without read-ahead": ("--readahead=0",),
    "read-ahead of two blocks": ("--readahead=1,always",),
    "read-ahead of much": ("--readahead=64M,always",),
    "direct_io": ("-o", "direct_io"),
    "direct_io and read-ahead": ("-o", "direct_io", "--readahead=1M,always"),
}


@pytest.fixture(params=WAYS, ids=[w.replace(" ", "-") for w in WAYS])
def way(request):
    return WAYS[request.param]


def reads(data, count, seed):
    """Offsets and lengths, at and beyond the end too."""
    rng = random.Random(seed)
    for _ in range(count):
        yield rng.randrange(len(data) + 10), rng.choice((1, 2, 7, 100, 511, 4096, 70000, len(data) + 5))
    yield 0, len(data)
    yield len(data), 10
    yield max(len(data) - 1, 0), 10


def test_random_reads_of_every_file_equal_the_whole_file(source, mount, way):
    with mount(source, *way) as mnt:
        files = programs.tree(mnt.view("cube.image"))
        assert "table.f0_TSM0" in files and "table.dat" in files
        for name, data in files.items():
            if data is None:
                continue
            path = mnt.view("cube.image", name)
            assert os.stat(path).st_size == len(data)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                for offset, length in reads(data, 150, seed=name):
                    assert os.pread(descriptor, length, offset) == data[offset:offset + length], (name, offset, length)
            finally:
                os.close(descriptor)


def test_random_reads_with_direct_io_equal_the_whole_file(source, mount, way):
    with mount(source, *way) as mnt:
        path = mnt.view("cube.image", "table.f0_TSM0")
        data = programs.whole(path)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
        except OSError as error:
            pytest.skip("O_DIRECT on the mount: " + error.strerror)
        try:
            for offset, length in reads(data, 100, seed=5):
                assert os.preadv(descriptor, [buffer := bytearray(length)], offset) == len(data[offset:offset + length])
                assert buffer[:len(data[offset:offset + length])] == data[offset:offset + length]
        finally:
            os.close(descriptor)


def test_parallel_readers_get_the_same_bytes(source, mount, way):
    with mount(source, *way) as mnt:
        path = mnt.view("cube.image", "table.f0_TSM0")

        def read(seed):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                return [(o, n, os.pread(descriptor, n, o)) for o, n in reads(bytes(size), 100, seed)]
            finally:
                os.close(descriptor)
        size = os.stat(path).st_size
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(read, range(32)))
        data = programs.whole(path)
        for answer in answers:
            for offset, length, got in answer:
                assert got == data[offset:offset + length], (offset, length)


def steady_reads(size, reader):
    """A reader's way through a file: in order, or equal pieces at equal distances, forwards or backwards."""
    rng = random.Random(reader)
    step, length = rng.choice(((512, 512), (8000, 500), (2000, 4), (16384, 8192)))
    offsets = range(rng.randrange(min(size, step)), size, step)
    return [(offset, length) for offset in (reversed(offsets) if reader % 5 == 4 else offsets)]


def test_many_readers_in_order_and_by_strides(source, mount, way):
    """What reading ahead is for: each reader has a way of its own, all at once, past the kernel's cache and through it."""
    with mount(source, "--readahead=0") as mnt:
        whole = programs.whole(mnt.view("cube.image", "table.f0_TSM0"))
    with mount(source, *way) as mnt:
        path = mnt.view("cube.image", "table.f0_TSM0")

        def read(reader):
            descriptor = os.open(path, os.O_RDONLY | (os.O_DIRECT if reader % 2 else 0))
            try:
                return [(o, n) for o, n in steady_reads(len(whole), reader)
                        if os.pread(descriptor, n, o) != whole[o:o + n]]
            finally:
                os.close(descriptor)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert not sum(pool.map(read, range(48)), [])


def test_files_can_be_mapped(small, mount, way):
    with mount(small[0], *way) as mnt:
        path = mnt.view("cube.image", "table.f0_TSM0")
        with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, flags=mmap.MAP_PRIVATE,
                                                   prot=mmap.PROT_READ) as mapped:
            assert mapped[:] == programs.whole(path)


def test_root_has_the_kernel_read_further_ahead(small, mount):
    if os.geteuid() != 0:
        pytest.skip("only root may")
    with mount(small[0]) as mnt:
        device = os.stat(mnt.path).st_dev
        with open("/sys/class/bdi/%d:%d/read_ahead_kb" % (os.major(device), os.minor(device))) as stream:
            assert int(stream.read()) == 1024


def test_the_first_look_by_many_processes_at_once(family, casa, mount):
    """All of them find the whole image, while its header is being made."""
    with mount(family("A1").source) as mnt:
        with concurrent.futures.ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(judge.one, 6 * [mnt.view("cube.image")]))
        for answer in answers:
            judge.assert_same(answer, casa("A1", ".image"))


def test_a_copy_of_a_view_is_the_image(family, casa, mount, tmp_path):
    with mount(family("A1").source) as mnt:
        copy = str(tmp_path / "copy.image")
        assert programs.run(["cp", "-r", mnt.view("cube.image"), copy]).returncode == 0
        assert programs.tree(copy) == programs.tree(mnt.view("cube.image"))
    judge.assert_same(judge.one(copy), casa("A1", ".image"))


def test_two_mounts_give_the_same_bytes(family, mount):
    """Nothing in a view comes from the clock."""
    one = family("A1").source
    with mount(one) as first:
        there = programs.tree(first.path)
    with mount(one) as second:
        assert programs.tree(second.path) == there


def test_many_parts_and_few_open_files(tmp_path, mount):
    """300 parts with 64 descriptors: a bounded set of open files, and all the pixels."""
    source = str(tmp_path / "source")
    parts = synth.run([1] * 300, ny=4, nx=4, masks=True)
    synth.build(source, parts)
    mnt = mount(source)
    mnt.command = ["prlimit", "--nofile=64:64", *mnt.command]
    with mnt:
        judge.assert_same(judge.one(mnt.view("cube.image")), synth.truth(parts), keys=sorted(synth.truth(parts)))


def test_many_readers_and_few_open_files(tmp_path, mount):
    """Many requests at once, each for a file of its own, and others read ahead: the 64 descriptors suffice."""
    source = str(tmp_path / "source")
    parts = synth.run([1] * 200, ny=32, nx=32)
    synth.build(source, parts)
    whole = np.concatenate([p.pixels for p in parts]).tobytes()
    mnt = mount(source, "-o", "direct_io", "--readahead=1M,always")
    mnt.command = ["prlimit", "--nofile=64:64", *mnt.command]
    with mnt:
        path = mnt.view("cube.image", "table.f0_TSM0")

        def read(seed):
            rng = random.Random(seed)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                offsets = (range(seed, len(whole), 4096) if seed % 2 else
                           [rng.randrange(len(whole)) for _ in range(400)])
                return [o for o in offsets if os.pread(descriptor, 100, o) != whole[o:o + 100]]
            finally:
                os.close(descriptor)
        with concurrent.futures.ThreadPoolExecutor(48) as pool:
            assert not sum(pool.map(read, range(96)), [])


def test_no_lock_file_is_made_in_the_source(small, mount):
    """casacore makes table.lock where it is missing when it opens a table: it must never get to see a part."""
    source, _ = small
    families.remove_locks(source)
    before = families.manifest(source)
    with mount(source) as mnt:
        programs.tree(mnt.path)
        assert "error" not in judge.one(mnt.view("cube.image"))
    assert families.manifest(source) == before
