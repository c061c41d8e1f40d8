"""Ways in which a part can be broken, for both programs.

Each is done to the extension .image of a family of three parts with two extensions; .psf stays whole.
"""

import dataclasses
import os
import shutil

import forked
import programs
import synth

# A plane is two pages of memory: the kernel reads, and loses, whole pages.
NX, NY, CHANNELS = 64, 32, 2


@dataclasses.dataclass
class Breakage:
    break_it: object                # function(source directory)
    part: str = synth.name(1)       # the part that the message must name
    words: tuple = ()               # and what else it must tell
    lost: tuple = None              # when the header is fine: the channels that cannot be read; else the view is lost
    header_may_fail: bool = False   # ... or the view as a whole gives EIO
    mount_options: tuple = ()       # a missing part is an error only when asked for


def _inside(function, number=1, name=""):
    return lambda source: function(os.path.join(source, synth.name(number), name).rstrip("/"))


def _noise(path):
    size = os.stat(path).st_size
    with open(path, "wb") as stream:
        stream.write(bytes((i * 7919 + 31 * (i >> 3)) % 256 for i in range(size)))


def _fifo(path):
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    os.mkfifo(path)


def _empty_directory(path):
    shutil.rmtree(path)
    os.mkdir(path)


def _loop(path):
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    os.symlink(os.path.basename(path), path)


def _dangling(path):
    shutil.rmtree(path)
    os.symlink("nowhere", path)


def _plain_file(path):
    shutil.rmtree(path)
    with open(path, "w") as stream:
        stream.write("not an image\n")


def _cut(path, keep):
    os.truncate(path, int(os.stat(path).st_size * keep))


def _other(source, **fields):
    """Another part in place of part 1, of the same frequencies."""
    shutil.rmtree(os.path.join(source, synth.name(1)))
    parts = synth.run([CHANNELS, CHANNELS, CHANNELS], **{"ny": NY, "nx": NX, **fields})
    synth.build(source, [parts[1]], numbers=[1])


def _copy(path, manager):
    from casacore.tables import table
    old = table(path, ack=False)
    managers = old.getdminfo()
    managers["*1"].update(TYPE=manager, SPEC={})
    yield old.copy(path + ".new", deep=True, valuecopy=True, dminfo=managers) is not None


def _stored_by(path, manager):
    """casacore reads it as before."""
    forked.run(_copy, path, manager, timeout=60)
    shutil.rmtree(path)
    os.rename(path + ".new", path)
    programs.age(path)


BREAKAGES = {
    "missing in the middle": Breakage(_inside(shutil.rmtree), mount_options=("--missing=error",)),
    "an empty directory": Breakage(_inside(_empty_directory)),
    "the first part an empty directory": Breakage(_inside(_empty_directory, 0), part=synth.name(0)),
    "table.dat missing": Breakage(_inside(os.unlink, name="table.dat"), words=("table.dat",)),
    "table.f0 missing": Breakage(_inside(os.unlink, name="table.f0"), words=("table.f0",)),
    "pixel file missing": Breakage(_inside(os.unlink, name="table.f0_TSM0"), words=("table.f0_TSM0",),
                                   lost=(2, 3), header_may_fail=True),
    "pixel file truncated": Breakage(_inside(lambda p: _cut(p, 0.5), name="table.f0_TSM0"), words=("table.f0_TSM0",),
                                     lost=(2, 3)),
    "pixel file empty": Breakage(_inside(lambda p: _cut(p, 0), name="table.f0_TSM0"), words=("table.f0_TSM0",),
                                 lost=(2, 3)),
    "mask truncated": Breakage(_inside(lambda p: _cut(p, 0.5), name="mask0/table.f0_TSM0"), words=("table.f0_TSM0",),
                               lost=()),
    "mask table missing": Breakage(_inside(shutil.rmtree, name="mask0"), words=("mask0",)),
    "table.dat of random bytes": Breakage(_inside(_noise, name="table.dat"), words=("table.dat",)),
    "first table.dat of random bytes": Breakage(_inside(_noise, 0, "table.dat"), part=synth.name(0), words=("table.dat",)),
    "last table.dat of random bytes": Breakage(_inside(_noise, 2, "table.dat"), part=synth.name(2), words=("table.dat",)),
    "table.f0 of random bytes": Breakage(_inside(_noise, name="table.f0"), words=("table.f0",)),
    "table.dat truncated": Breakage(_inside(lambda p: _cut(p, 0.6), name="table.dat"), words=("table.dat",)),
    "table.dat empty": Breakage(_inside(lambda p: _cut(p, 0), name="table.dat"), words=("table.dat",)),
    "another shape": Breakage(lambda s: _other(s, nx=NX + 1), words=(str(NX), str(NX + 1))),
    "another number of Stokes": Breakage(lambda s: _other(s, nstokes=2)),
    "another pixel type": Breakage(lambda s: _other(s, dtype="f8"), words=("float", "double")),
    "pixels without tiles": Breakage(_inside(lambda p: _stored_by(p, "StandardStMan")), words=("table.dat", "StandardStMan")),
    "a FIFO for table.dat": Breakage(_inside(_fifo, name="table.dat"), words=("table.dat",)),
    "a FIFO for table.f0": Breakage(_inside(_fifo, name="table.f0"), words=("table.f0",)),
    "a FIFO for the pixel file": Breakage(_inside(_fifo, name="table.f0_TSM0"), words=("table.f0_TSM0",),
                                          lost=(2, 3), header_may_fail=True),
    "a FIFO for the part": Breakage(_inside(_fifo)),
    "a file for the part": Breakage(_inside(_plain_file)),
    "a symbolic link to itself": Breakage(_inside(_loop)),
    "a symbolic link to nowhere": Breakage(_inside(_dangling)),
    "table.dat a symbolic link to itself": Breakage(_inside(_loop, name="table.dat"), words=("table.dat",)),
    "table.dat a directory": Breakage(_inside(lambda p: (os.unlink(p), os.mkdir(p)), name="table.dat"), words=("table.dat",)),
}


def family(source):
    """The family before anything is broken; the pixel file of a part is one tile deep in channels."""
    parts = synth.run([CHANNELS] * 3, ny=NY, nx=NX, masks=True, tile=(NX, NY, 1, 1))
    for ext in (".image", ".psf"):
        synth.build(source, parts, ext=ext)
    return parts
