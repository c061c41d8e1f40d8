"""Parts that change, go or move under files that are open: what is read is of the version that was opened, or an error."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

import fitsparts
import programs

PLANE = 10 * 12 * 4    # of `small`
PART = 2 * PLANE


def plane(parts, channel):
    return parts[channel // 2].pixels[channel % 2].tobytes()


def errors_of_reading(path, offsets, count):
    """The error numbers of reads, each asked for twice."""
    fd = os.open(path, os.O_RDONLY)
    codes = []
    for offset in list(offsets) * 2:
        try:
            os.pread(fd, count, offset)
        except OSError as error:
            codes.append(error.errno)
    os.close(fd)
    return codes


def rewrite(path):
    size = os.stat(path).st_size
    with open(path, "r+b") as stream:
        stream.write(b"\x55" * size)


CHANGES = {
    "rewritten": rewrite,
    "shortened": lambda path: os.truncate(path, 5),
    "removed": os.unlink,
    "replaced": lambda path: (shutil.copy(path, path + "x"), os.rename(path + "x", path)),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_change_is_told_once_for_each_file(small, mount, how):
    source, parts = small
    with mount(source, "--refresh=0", "-o", "direct_io") as mnt:
        path, psf = mnt.view("cube.image", "table.f0_TSM0"), mnt.view("cube.psf", "table.f0_TSM0")
        assert programs.whole(path)[:PLANE] == plane(parts, 0) and programs.whole(psf)
        for name in ("cube.subcube.0.image", "cube.subcube.2.image", "cube.subcube.2.psf"):
            CHANGES[how](os.path.join(source, name, "table.f0_TSM0"))
        for at in (0, 100, PLANE):
            assert errors_of_reading(path, (at,), 50) == [errno.ESTALE] * 2
        assert errors_of_reading(path, (2 * PART, 2 * PART + 300), 50) == [errno.ESTALE] * 4
        assert errors_of_reading(psf, (2 * PART,), 50) == [errno.ESTALE] * 2
        assert errors_of_reading(path, (PART, 2 * PART - 50), 50) == []
        lines = [line for line in mnt.log().splitlines() if "since its header was read" in line]
        assert len(lines) == 3, lines
        for name in ("cube.subcube.0.image", "cube.subcube.2.image", "cube.subcube.2.psf"):
            assert len([line for line in lines if name + "/table.f0_TSM0" in line]) == 1, lines


MAP = """
import mmap, sys
with open(sys.argv[1], "rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as mapped:
    print("mapped", flush=True)
    sys.stdin.readline()
    print(mapped[int(sys.argv[2])])
"""


def test_who_mapped_the_file_gets_sigbus(small, mount):
    source, _ = small
    with mount(source, "--refresh=0") as mnt:
        reader = subprocess.Popen([sys.executable, "-c", MAP, mnt.view("cube.image", "table.f0_TSM0"), "5"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert reader.stdout.readline() == "mapped\n"
        rewrite(os.path.join(source, "cube.subcube.0.image", "table.f0_TSM0"))
        out, _ = reader.communicate("\n", timeout=60)
        assert (reader.returncode, out) == (-7, "")


@pytest.mark.parametrize("options", [(), ("-o", "direct_io"), ("--readahead=1M,always",)],
                         ids=["default", "direct_io", "read-ahead"])
def test_a_moved_part_stays_readable(small, mount, options):
    """In by movevirtual, out by --undo: by files that are open, and by ones that are opened then."""
    source, parts = small
    pixels = b"".join(plane(parts, c) for c in range(6))
    with mount(source, "--refresh=0", *options) as mnt:
        path = mnt.view("cube.image", "table.f0_TSM0")
        fd = os.open(path, os.O_RDONLY)
        assert os.pread(fd, 100, PART) == pixels[PART:PART + 100]
        for arguments in (("-m", "movevirtual"), ("--undo",)):
            done = programs.materialize("-q", *arguments, "-e", ".image", source + "/cube")
            assert done.returncode == 0, done.stderr
            drop_caches(fd)
            assert os.pread(fd, len(pixels), 0) == pixels
            assert programs.whole(path) == pixels
            assert programs.whole(mnt.view("cube.image", "mask0", "table.f0_TSM0"))
        rewrite(os.path.join(source, "cube.subcube.1.image", "table.f0_TSM0"))
        drop_caches(fd)
        assert errors_of_reading(path, (PART,), 50) == [errno.ESTALE] * 2
        os.close(fd)


def drop_caches(fd):
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def test_moved_fits_images_stay_readable(mount, tmp_path):
    """To rename a file moves its change time on."""
    source = str(tmp_path / "source")
    fitsparts.family(source, "f4", [2, 2, 2])
    with mount(source, "--refresh=0", "-o", "direct_io") as mnt:
        [view] = os.listdir(mnt.path)
        whole = programs.whole(mnt.view(view, "table.f0_TSM0"))
        done = programs.materialize("-q", "-m", "movevirtual", source + "/cube")
        assert done.returncode == 0, done.stderr
        assert not os.path.exists(source + "/cube.subcube.0" + view[4:])
        assert programs.whole(mnt.view(view, "table.f0_TSM0")) == whole


def test_removed_parts_are_stale(small, mount):
    source, parts = small
    with mount(source, "--refresh=0", "-o", "direct_io") as mnt:
        path = mnt.view("cube.image", "table.f0_TSM0")
        fd = os.open(path, os.O_RDONLY)
        assert os.pread(fd, 100, 0) == plane(parts, 0)[:100]
        done = programs.materialize("-q", "--remove-subcubes", "-e", ".image", source + "/cube")
        assert done.returncode == 0, done.stderr
        with pytest.raises(OSError) as caught:
            os.pread(fd, 100, 0)
        assert caught.value.errno == errno.ESTALE
        os.close(fd)
        programs.assert_message(mnt.log(), ["cube.subcube.0.image/table.f0_TSM0", "changed or went away"])
