"""The data: families made with mkfamily, native images of them, and where all that lies.

What is made is kept as long as the directory is, marked complete by a file beside it.
"""

import contextlib
import glob
import os
import tarfile
import time

import machine
import programs

EXTENSIONS = [".image", ".image.pbcor", ".mask", ".model", ".pb", ".psf", ".residual", ".sumwt"]
NINE = EXTENSIONS + [".weight=.psf"]
HELPERS = os.path.join(programs.BUILD, "tests", "bench")
PIXELS = "table.f0_TSM0"
SETTLE_S = 2.5      # headers of younger files are not kept in our cache


class Family:
    """Parts DIRECTORY/cube.subcube.N.EXT, N < parts."""

    def __init__(self, directory, parts, size):
        self.directory = directory
        self.parts = parts
        self.size = size
        self.base = os.path.join(directory, "cube")

    def part(self, number, ext=".image"):
        return "%s.subcube.%d%s" % (self.base, number, ext)

    def extensions(self):
        return [name.split("=")[0] for name in NINE]

    def images(self, ext=".image"):
        return [self.part(n, ext) for n in range(self.parts)]

    def pixel_files(self):
        """Those of .image, in order."""
        return [os.path.join(p, PIXELS) for p in self.images()]

    def pixel_bytes(self):
        return 4 * self.size * self.size * self.parts

    def plane_bytes(self):
        return 4 * self.size * self.size


class Data:
    def __init__(self, directory, parts, size, parts_large, said):
        self.directory = os.path.abspath(directory)
        self.parts, self.size, self.parts_large = parts, size, parts_large
        self.said = said
        os.makedirs(self.directory, exist_ok=True)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def _once(self, name, make):
        """The path `name`, made by make(path) unless it is there and complete."""
        path, stamp = self.path(name), self.path(name + ".complete")
        if not os.path.exists(stamp):
            self.said("making %s" % name)
            remove(path)
            make(path)
            time.sleep(SETTLE_S)
            open(stamp, "w").close()
        return path

    def _template(self):
        def unpack(path):
            with tarfile.open(os.path.join(programs.HERE, "data", "A1.tar.xz")) as archive:
                members = [m for m in archive if m.name.split("/")[0].startswith("cube.subcube.0.")]
                archive.extractall(path, members)
        return os.path.join(self._once("template", unpack), "cube.subcube.0")

    def family_in(self, directory, parts, size, extensions=NINE, link=False):
        """A family in a directory that the caller takes care of."""
        machine.run([os.path.join(HELPERS, "mkfamily"), *(["-l"] if link else []), "-n", parts, "-s", size, directory,
                     self._template(), *extensions])
        return Family(directory, parts, size)

    def family(self):
        """The one that most lines read: nine extensions."""
        path = self._once("family-%dx%d" % (self.parts, self.size),
                          lambda made: self.family_in(made, self.parts, self.size))
        return Family(path, self.parts, self.size)

    @contextlib.contextmanager
    def changed(self, family):
        """While a family is changed: if that is not undone to the end, it is made anew."""
        stamp = family.directory + ".complete"
        os.unlink(stamp)
        yield
        open(stamp, "w").close()

    def large(self):
        """Very many parts of nine extensions, hard links but for .image's table.dat; planes of 8 x 8 pixels."""
        path = self._once("large-%d" % self.parts_large,
                          lambda made: self.family_in(made, self.parts_large, 8, link=True))
        return Family(path, self.parts_large, 8)

    def wide(self):
        """Few parts of large planes, for memory."""
        parts, size = 32, 2048 if self.size >= 256 else 512
        path = self._once("wide-%dx%d" % (parts, size),
                          lambda made: self.family_in(made, parts, size, [".image"]))
        return Family(path, parts, size)

    def tiny(self):
        path = self._once("tiny", lambda made: self.family_in(made, 2, 8, [".image"]))
        return Family(path, 2, 8)

    def native(self, family, *options):
        """The paged image of a family's .image with the parts' tiles; `options` are subcube-materialize's."""
        name = "-".join(["native", os.path.basename(family.directory), *(o.strip("-") for o in options)])

        def make(path):
            machine.run([programs.MATERIALIZE, "-q", "-e", ".image", "--tiling=keep", *options, "-o",
                         path[:-len(".image")], family.base])
        return self._once(name + ".image", make)


def remove(path):
    """Remove a file or a tree, but nothing that is mounted in it."""
    if os.path.lexists(path):
        machine.run(["rm", "-rf", "--one-file-system", path])


def copies_differ(one, other):
    """The first file in which two directories differ, or None. Lock files and histories are of their time."""
    def files(top):
        return sorted(os.path.relpath(f, top) for f in glob.glob(top + "/**", recursive=True) if os.path.isfile(f))
    volatile = ("table.lock", "logtable" + os.sep)
    ours, theirs = ([f for f in files(top) if not any(v in f for v in volatile)] for top in (one, other))
    if ours != theirs:
        return "the list of files"
    for name in ours:
        if machine.run([os.path.join(HELPERS, "reader"), "sum", os.path.join(one, name)]).split()[1:] != \
                machine.run([os.path.join(HELPERS, "reader"), "sum", os.path.join(other, name)]).split()[1:]:
            return name
    return None
