"""Random families through both programs in every way there is: pixels, masks, beams and coordinates are what was put in."""

import concurrent.futures
import json
import mmap
import os
import random
import shutil

import numpy as np
import pytest

import programs
import randomfamilies

pytestmark = pytest.mark.soak

WAYS = ((), ("-o", "direct_io"), ("--readahead=1M,always",), ("-o", "direct_io", "--readahead=1M,always"))


class Case:
    """A family on the disk, and what is made of it."""

    def __init__(self, one, directory):
        self.one, self.directory = one, str(directory)
        self.source = os.path.join(self.directory, "source")
        self.paths = randomfamilies.build(one, self.source)
        self.before = programs.tree(self.source)
        self.told = {}      # on standard error, by the name of what was made

    def run(self, name, *options):
        """Writes the image `name`; returns its path."""
        out, one = os.path.join(self.directory, name), self.one
        what = ["--images", "-o", out + one.ext, *self.paths] if one.images else ["-o", out, self.source + "/cube"]
        done = programs.materialize(*options, *one.options, *what)
        if done.returncode == 1 and "--memory" in done.stderr:  # a single tile is more than that
            done = programs.materialize(*[o for o in options if "memory" not in o], *one.options, *what)
        assert done.returncode == 0, (name, done.stderr)
        self.told[name] = done.stderr
        return out + one.ext

    def in_order(self):
        by_number = dict(zip([n for n in range(len(self.one.cubes)) if n not in self.one.missing], self.paths))
        return [by_number[n] for n in self.one.there()]

    def is_untouched(self):
        assert programs.tree(self.source) == self.before


def test_random_families(tmp_path, mount, soak):
    done = []
    for seed in soak(short=3, long=200, done=lambda: len(done)):
        one = randomfamilies.family(seed)
        try:
            check(one, tmp_path / str(seed), mount)
        except Exception as error:
            raise AssertionError(one.what()) from error
        shutil.rmtree(tmp_path / str(seed))
        done.append(seed)


def check(one, directory, mount):
    case = Case(one, directory)
    rng = random.Random(one.seed)
    made = written(case, rng)
    if one.images:
        agree(case, made)
    else:
        listed(case)
        with mount(case.source, *rng.choice(WAYS), *one.options, mountpoint=directory / "mnt") as mnt:
            made["view"] = mnt.view("cube" + one.ext)
            is_what_keep_writes(case, made["view"], made["keep"], rng)
            agree(case, made)
    case.is_untouched()
    if not one.blank:
        moved_and_back(case, mount)


def written(case, rng):
    """A path for each way to write the family, by its name."""
    one = case.one
    jobs, tiling = "--jobs=%d" % rng.randint(1, 3), "--tiling=" + ",".join(map(str, one.tile))
    made = {
        "keep": case.run("keep", "--tiling=keep", jobs),
        "casa": case.run("casa", "--tiling=casa", "--memory=4M", jobs),
        "auto": case.run("auto", "--verify"),
        "given": case.run("given", tiling, "--memory=4M", jobs),
    }
    if not one.blank:
        made["virtual"] = case.run("virtual", "-m", "nomovevirtual")
        if rng.random() < 0.2:
            made["copied"] = case.run("copied", "-m", "copyvirtual")
    if not one.missing and not one.images and rng.random() < 0.2:
        followed = case.run("followed", "--follow", "--settle=1", "--nparts=%d" % len(one.cubes), tiling, jobs)
        assert programs.tree(followed) == programs.tree(made["given"])
    if rng.random() < 0.2:
        over = case.run("over", "--tiling=casa", jobs)
        case.run("over", "--tiling=keep", "--overwrite", jobs)
        assert programs.tree(over) == programs.tree(made["keep"])
    return made


def is_what_keep_writes(case, view, kept, rng):
    keep = programs.tree(kept)
    assert programs.tree(view) == keep
    read_at_random(view, keep, case.one.seed)
    if rng.random() < 0.3:
        again = os.path.join(case.directory, "again")
        done = programs.materialize("--tiling=keep", "-o", again, view)
        assert done.returncode == 0, done.stderr
        assert programs.tree(again) == keep


def read_at_random(view, keep, seed):
    """In threads, in any order, and mapped."""
    files = {os.path.join(view, name): data for name, data in keep.items() if data is not None}

    def read(reader):
        rng = random.Random(seed * 100 + reader)
        for path in rng.sample(sorted(files), len(files)):
            data, fd = files[path], os.open(path, os.O_RDONLY)
            try:
                for _ in range(30):
                    offset, length = rng.randrange(len(data) + 10), rng.choice((1, 7, 100, 4096, 70000, len(data) + 5))
                    assert os.pread(fd, length, offset) == data[offset:offset + length], (path, offset, length)
                if data:
                    with mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as mapped:
                        at = rng.randrange(len(data))
                        assert mapped[at:at + 5000] == data[at:at + 5000], (path, at)
            finally:
                os.close(fd)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(6)))


def agree(case, made):
    """casacore finds in all images what was put in, and what its own concatenation has."""
    one = case.one
    parts = case.in_order()
    requests = [(path, one.axis) for path in [*made.values(), *parts]] + [(parts, one.axis)] * (len(parts) > 1)
    found = randomfamilies.look(requests)
    images, found = dict(zip(made, found)), found[len(made):]
    parts, concat = found[:len(parts)], found[len(parts):]
    for name, got in images.items():
        assert "error" not in got, (name, got["error"])
        assert got["kind"] == ("ImageConcat" if name in ("virtual", "copied") else "PagedImage"), name
        same_pixels(name, one, got)
        if "rules of its own" not in case.told.get(name, ""):
            same_worlds(name, one, got, parts)
        if got["kind"] == "PagedImage":
            same_header(name, one, got, concat[0] if concat else parts[0])


def same_pixels(name, one, got):
    pixels, mask = randomfamilies.truth(one)
    assert got["pixels"].dtype == pixels.dtype and got["pixels"].shape == pixels.shape, (name, got["pixels"].shape)
    # python-casacore has no mask for an image without one
    flags = got["mask"] if got["mask"] is not None and got["mask"].size else np.zeros(pixels.shape, bool)
    wrong = np.argwhere(flags != mask)
    assert not len(wrong), "%s: %d mask bits, the first %s" % (name, len(wrong), wrong[0])
    if one.fits:
        np.testing.assert_array_equal(got["pixels"], pixels)
    else:
        assert np.ascontiguousarray(got["pixels"]).tobytes() == pixels.tobytes(), name


def same_worlds(name, one, got, parts):
    """Each pixel along the axis is where it was in its part; blank ones are where the axis goes on."""
    for corner, row in enumerate(got["worlds"]):
        wanted, number = [], iter(parts)
        for n in one.there_or_blank():
            if n in one.missing:
                wanted += [None] * one.cubes[n].pixels.shape[one.c_axis()]
            else:
                wanted += next(number)["worlds"][corner]
        assert len(row) == len(wanted)
        for at, (world, put_in) in enumerate(zip(row, wanted)):
            if put_in is None:
                put_in = list(next(w for w in wanted if w))
                put_in[one.axis] = randomfamilies.START_HZ + at * one.width
            for axis in set(range(len(world))) - one.not_told():
                allowed = 1e-4 * abs(one.width) if abs(put_in[axis]) > 1e6 else 1e-9
                assert abs(world[axis] - put_in[axis]) <= allowed, (name, at, axis, world[axis], put_in[axis])


def same_header(name, one, got, wanted):
    """`wanted` is casacore's concatenation of what is there."""
    assert "error" not in wanted, wanted["error"]
    for key in ["unit", "object", "image_type"] + ["miscinfo"] * (not one.fits and "--miscinfo=first" not in one.options):
        assert got[key] == wanted[key], (name, key, got[key], wanted[key])
    if not one.blank:
        assert got["beams"] == wanted["beams"], (name, got["beams"], wanted["beams"])
    elif not wanted["beams"]:
        assert got["beams"] is None, name
    else:
        # a blank channel has the nearest one's
        there = [at for at, is_blank in enumerate(one.blanks()) if not is_blank]
        for at, beams in enumerate(got["beams"]):
            nearest = min(abs(at - t) for t in there)
            assert beams in [wanted["beams"][i] for i, t in enumerate(there) if abs(at - t) == nearest], (name, at)


def listed(case):
    one = case.one
    done = programs.materialize("--list", "--json", *one.options, case.source)
    assert done.returncode == 0, done.stderr
    told, = json.loads(done.stdout)["families"]
    pixels, mask = randomfamilies.truth(one)
    assert told["shape"] == list(pixels.shape[::-1]) and told["problem"] is None, told
    if not one.fits and not one.blank:
        assert told["mask"] == any(one.cubes[n].mask is not None for n in one.there())


def moved_and_back(case, mount):
    one = case.one
    if one.images:
        name = path = case.run("moved", "-m", "movevirtual")
    else:
        name = case.source + "/cube"
        path = name + one.ext
        done = programs.materialize("-m", "movevirtual", *one.options, name)
        assert done.returncode == 0, done.stderr
    got, = randomfamilies.look([(path, one.axis)])
    assert "error" not in got, got["error"]
    same_pixels("moved", one, got)
    if not one.images and not one.unwanted:     # else there still are parts, and they come first
        with mount(case.source, mountpoint=os.path.join(case.directory, "mnt")) as mnt:
            got, = randomfamilies.look([(mnt.view("cube" + one.ext), one.axis)])
            assert "error" not in got, got["error"]
            same_pixels("moved, mounted", one, got)
    done = programs.materialize("--undo", name)
    assert done.returncode == 0 and not os.path.exists(path), done.stderr
    case.is_untouched()
