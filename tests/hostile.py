"""What strangers may have put in a subcube's place, for both programs.

Each of HOSTILE is done to a family of its own, of three parts of one channel; all families lie in one source. Like in
broken.py what must be told is part of the entry.
"""

import dataclasses
import json
import os
import shutil
import socket
import struct

import programs
import synth

NX, NY = 8, 6


# --- AipsIO: just enough to write what casacore would not

def u32(n):
    return struct.pack(">I", n)


def string(text):
    return u32(len(text)) + text


def thing(kind, version, content):
    """An object; its length may be a lie: (kind, length)."""
    kind, length = kind if isinstance(kind, tuple) else (kind, None)
    body = string(kind) + u32(version) + content
    return u32(4 + len(body) if length is None else length) + body


def position(lengths):
    return thing(b"IPosition", 2, u32(len(lengths)) + b"".join(struct.pack(">q", n) for n in lengths))


MAGIC = b"\xbe" * 4
NO_RECORD = thing(b"Record", 1, thing(b"RecordDesc", 2, u32(0)) + u32(1))


def table_f0(shape=(NX, NY, 1, 1), tile=(NX, NY, 1, 1), default=None, rows=1, columns=1, kind=7, files=1, cubes=1, offset=0):
    stman = b"\0" + u32(0) + u32(rows) + u32(columns) + struct.pack(">i", kind) + string(b"map") + u32(0) + u32(len(shape))
    stman += u32(files) + b"\1" + u32(1) + u32(0) + u32(1 << 20)
    stman += u32(cubes) + u32(2) + NO_RECORD + b"\0" + u32(len(shape)) + position(shape) + position(tile)
    stman += struct.pack(">i", 0) + struct.pack(">q", offset)
    return MAGIC + thing(b"TiledCellStMan", 1, position(default or tile) + thing(b"TiledStMan", 2, stman))


def desc(*fields):
    """A RecordDesc of (name, type, more) fields."""
    return thing(b"RecordDesc", 2, u32(len(fields)) + b"".join(string(n) + struct.pack(">i", t) + m + string(b"")
                                                               for n, t, m in fields))


def table_dat(keywords):
    """A table's description up to its keywords, which are `keywords`."""
    return MAGIC + thing(b"Table", 2, u32(1) + u32(1) + string(b"PlainTable") +
                         thing(b"TableDesc", 2, string(b"") * 3 + keywords))


def deep(depth):
    """Descriptions nested so deep, each with one field that is a record."""
    inner = desc()
    for _ in range(depth):
        inner = desc((b"r", 25, inner))
    return thing(b"TableRecord", 1, inner + u32(1))


# --- what is done to a part

def replaced(name, content):
    def do(part):
        with open(os.path.join(part, name), "wb") as stream:
            stream.write(content)
    return do


def shaped(*lengths, **more):
    """Pixels and mask of that shape, in tiles of one pixel, in every part: they still fit each other."""
    def do(part):
        tile = (1,) * len(lengths)
        replaced("table.f0", table_f0(lengths, tile, **more))(part)
        replaced("mask0/table.f0", table_f0(lengths, tile, kind=0))(part)
    do.all = True
    return do


def in_large_tiles(part, shape, tile):
    """Nearly all of the part is a hole."""
    for table, kind, bits in (("", 7, 32), ("mask0/", 0, 1)):
        replaced(table + "table.f0", table_f0((*shape, 1, 1), (*tile, 1, 1), kind=kind))(part)
        os.truncate(os.path.join(part, table + "table.f0_TSM0"), shape[0] * shape[1] * bits // 8)


def grown(name, size):
    """A file full of holes."""
    return lambda part: os.truncate(os.path.join(part, name), size)


def swapped(name, old, new):
    """Other bytes in the place of a text, as many."""
    def do(part):
        data = programs.whole(os.path.join(part, name))
        assert len(old) == len(new) and data.count(old) == 1
        replaced(name, data.replace(old, new))(part)
    return do


def number(keyword, value):
    """Another value of a double of the linear frequency axis: crval, crpix, cdelt and pc are before its ctype."""
    def do(part):
        data = bytearray(programs.whole(os.path.join(part, "table.dat")))
        at = data.index(b"\0\0\0\x09FREQ") - 32 + 8 * (b"crval", b"crpix", b"cdelt", b"pc").index(keyword)
        data[at:at + 8] = struct.pack(">d", value)
        replaced("table.dat", data)(part)
    return do


def linked(name, target):
    def do(part):
        path = os.path.join(part, name).rstrip("/")
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        os.symlink(target, path)
    return do


def moved_out(name=""):
    """A link to where it now is, outside of the source."""
    def do(part):
        path = os.path.join(part, name).rstrip("/")
        outside = os.path.join(os.path.dirname(os.path.dirname(part)), "outside")
        os.makedirs(outside, exist_ok=True)
        target = os.path.join(outside, os.path.basename(part) + "." + os.path.basename(path))
        os.rename(path, target)
        os.symlink(target, path)
    return do


def moved_in(name="", absolute=False):
    """A link to where it now is, in the source."""
    def do(part):
        path = os.path.join(part, name).rstrip("/")
        store = os.path.join(os.path.dirname(part), "store")
        os.makedirs(store, exist_ok=True)
        target = os.path.join(store, os.path.basename(part) + "." + os.path.basename(path))
        os.rename(path, target)
        os.symlink(target if absolute else os.path.relpath(target, os.path.dirname(path)), path)
    return do


def fifo(name):
    def do(part):
        os.unlink(os.path.join(part, name))
        os.mkfifo(os.path.join(part, name))
    return do


def socket_in_place(name):
    def do(part):
        os.unlink(os.path.join(part, name))
        here = os.getcwd()
        os.chdir(part)      # its path is too long for an address
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(name)
        finally:
            os.chdir(here)
    return do


@dataclasses.dataclass
class Hostile:
    do: object              # function(path of part 1)
    words: tuple = ()       # what the message must tell beside the part
    whole: bool = False     # nothing is wrong with it after all
    pixels: bool = False    # the header is right, pixels cannot be read


HOSTILE = {
    # shapes
    "a shape that overflows": Hostile(replaced("table.f0", table_f0((1 << 40, 1 << 40, 1, 1))), ("table.f0", "too large")),
    "a negative shape": Hostile(replaced("table.f0", table_f0((NX, -NY, 1, 1))), ("table.f0", "not positive")),
    "a shape of nothing": Hostile(replaced("table.f0", table_f0((NX, 0, 1, 1))), ("table.f0", "not positive")),
    "tiles of nothing": Hostile(replaced("table.f0", table_f0(tile=(NX, 0, 1, 1), default=(NX, NY, 1, 1))), ("table.f0", "not positive")),
    "default tiles of nothing": Hostile(replaced("table.f0", table_f0(default=(NX, 0, 1, 1))), ("table.f0", "default tile")),
    "tiles that overflow": Hostile(replaced("table.f0", table_f0(tile=(1 << 31, 1 << 31, 1, 1))), ("table.f0", "too large")),
    "10^18 tiles": Hostile(shaped(10 ** 9, 5 * 10 ** 8, 1, 1), pixels=True),
    "more tiles than a file can have": Hostile(shaped(10 ** 9, 10 ** 9, 1, 1), ("larger than",)),
    "10^18 channels": Hostile(shaped(1, 1, 1, 10 ** 18), ("channels",)),
    "an offset at the end of the world": Hostile(replaced("table.f0", table_f0(offset=(1 << 63) - 1)), ("table.f0",)),
    "an offset far behind the file": Hostile(shaped(NX, NY, 1, 1, offset=1 << 50), pixels=True),
    "thousands of millions of rows": Hostile(replaced("table.f0", table_f0(rows=(1 << 32) - 1)), ("table.f0", "row")),
    "thousands of millions of columns": Hostile(replaced("table.f0", table_f0(columns=(1 << 32) - 1)), ("table.f0", "column")),
    "thousands of millions of files": Hostile(replaced("table.f0", table_f0(files=(1 << 32) - 1)), ("table.f0", "files")),
    "thousands of millions of cubes": Hostile(replaced("table.f0", table_f0(cubes=(1 << 32) - 1)), ("table.f0", "cubes")),
    "axes without end": Hostile(replaced("table.f0", table_f0((1,) * 1000, (1,) * 1000)), ("table.f0",)),
    "pixels of no type": Hostile(replaced("table.f0", table_f0(kind=99)), ("table.f0", "type")),
    # headers
    "a record without end": Hostile(replaced("table.dat", table_dat(thing(b"TableRecord", 1, thing(
        b"RecordDesc", 2, u32((1 << 32) - 1))))), ("table.dat",)),
    "a string of 4 GiB": Hostile(replaced("table.dat", table_dat(thing(b"TableRecord", 1, thing(
        b"RecordDesc", 2, u32(1) + u32((1 << 32) - 1))))), ("table.dat",)),
    "an object of 4 GiB": Hostile(replaced("table.dat", MAGIC + thing((b"Table", (1 << 32) - 1), 2, u32(1))), ("table.dat",)),
    "an array of thousands of millions": Hostile(replaced("table.dat", table_dat(thing(
        b"TableRecord", 1, desc((b"a", 20, position((-1,)))) + u32(1) +
        thing(b"Array<float>", 3, u32(2) + u32(1 << 16) * 2 + u32(1 << 31))))), ("table.dat",)),
    "records nested 10,000 deep": Hostile(replaced("table.dat", table_dat(deep(10000))), ("table.dat", "deeper")),
    "a table.dat of nothing": Hostile(replaced("table.dat", b""), ("table.dat",)),
    "a table.f0 of nothing": Hostile(replaced("table.f0", b""), ("table.f0",)),
    "a table.dat of a tebibyte": Hostile(grown("table.dat", 1 << 40), ("table.dat", "at most")),
    "zeros without end": Hostile(grown("table.dat", 200 << 20), (), whole=True),     # what is behind the table is none of it
    # coordinates
    "a frequency that is no number": Hostile(number(b"crval", float("nan")), ("not a number",)),
    "an infinite frequency": Hostile(number(b"crval", float("inf")), ("not a number",)),
    "channels of infinite width": Hostile(number(b"cdelt", float("inf")), ("not a number",)),
    "channels of no width": Hostile(number(b"cdelt", 0.0), ("Hz wide",)),
    "a reference that is no number": Hostile(number(b"crpix", float("nan")), ("not a number",)),
    # names of tables
    "a mask above the image": Hostile(swapped("table.dat", b"././mask0", b"../mask00"), ("mask",)),
    "a mask far above the image": Hostile(swapped("table.dat", b"././mask0", b"././../m0"), ("mask",)),
    "a mask at the root": Hostile(swapped("table.dat", b"././mask0", b"/etc/mask"), ("mask",)),
    "a mask that is the image": Hostile(swapped("table.dat", b"././mask0", b"././.\0\0\0\0"), ("mask",)),
    # files in other places, and no files
    "a part that lies elsewhere": Hostile(moved_out(), ("leads out", "--follow-links")),
    "pixels that lie elsewhere": Hostile(moved_out("table.f0_TSM0"), ("table.f0_TSM0", "leads out")),
    "a header that lies elsewhere": Hostile(moved_out("table.dat"), ("table.dat", "leads out")),
    "a mask that lies elsewhere": Hostile(moved_out("mask0"), ("mask0", "leads out")),
    "a part that lies in the source": Hostile(moved_in(), whole=True),
    "pixels that lie in the source": Hostile(moved_in("table.f0_TSM0", absolute=True), whole=True),
    "a secret as pixels": Hostile(linked("table.f0_TSM0", "/etc/passwd"), ("table.f0_TSM0", "leads out")),
    "a device as pixels": Hostile(linked("table.f0_TSM0", "/dev/zero"), ("table.f0_TSM0",)),
    "a terminal as a header": Hostile(linked("table.dat", "/dev/tty"), ("table.dat",)),
    "a FIFO as pixels": Hostile(fifo("table.f0_TSM0"), ("table.f0_TSM0",)),
    "a FIFO as a header": Hostile(fifo("table.dat"), ("table.dat",)),
    "a FIFO as a lock": Hostile(fifo("table.lock"), whole=True),
    "a socket as pixels": Hostile(socket_in_place("table.f0_TSM0"), ("table.f0_TSM0",)),
    "a socket as a header": Hostile(socket_in_place("table.f0"), ("table.f0",)),
}


def base(entry):
    return "h%02d" % list(HOSTILE).index(entry)


def build(source, entries=None):
    """All families, and the good one "cube"; returns its parts. One is written by casacore, the others are copies."""
    parts = synth.run([1, 1, 1], ny=NY, nx=NX, masks=True, tile=(NX, NY, 1, 1))
    synth.build(source, parts)
    for entry in entries or HOSTILE:
        for n in range(3):
            part = os.path.join(source, synth.name(n, base=base(entry)))
            shutil.copytree(os.path.join(source, synth.name(n)), part, symlinks=True)
            if n == 1 or getattr(HOSTILE[entry].do, "all", False):
                HOSTILE[entry].do(part)
    return parts


# --- virtual images

def names(*images):
    return {"Version": 1, "DataType": "float", "Axis": 3, "TempClose": True, "Images": list(images), "MiscInfo": {}}


# What is in an imageconcat.json, and a word of the message; {source} and {outside} are directories with cube.subcube.N.image.
CATALOGS = {
    "a name above": (names("./../outside/cube.subcube.0.image"), ".."),
    "a name above from inside": (names("././../cube.subcube.0.image"), ".."),
    "a name with a way up in it": (names("./x/../cube.subcube.0.image"), ".."),
    "an absolute name elsewhere": (names("{outside}/cube.subcube.0.image", "{outside}/cube.subcube.1.image"), "--follow-links"),
    "an absolute name with a way up": (names("{source}/../outside/cube.subcube.0.image"), ".."),
    "a secret": (names("/etc/passwd"), "--follow-links"),
    "a device": (names("/dev/zero"), "/dev/zero"),
    "a name from the working directory": (names("cube.subcube.0.image"), "working directory"),
    "itself": (names("./{me}"), "virtual image"),
    "its own file": (names("././imageconcat.json"), "imageconcat.json"),
    "a NUL in a name": (names("./cube.subcube.0.image\0.x"), "NUL"),
    "a name of 5000 letters": (names("./" + "n" * 5000), "5002"),
    "no names": (names(), "Images"),
    "numbers for names": (names(1, 2), "no name"),
    "nothing": (b"", "line 1"),
    "no JSON": (b"\xff\xfe{", "line 1"),
    "no object": ([1, 2], "object"),
    "an axis beyond all": ({**names("./cube.subcube.0.image"), "Axis": 10 ** 30}, "imageconcat.json"),
    "an axis that is negative": ({**names("./cube.subcube.0.image"), "Axis": -1}, "Axis"),
    "nested 10,000 deep": (b'{"MiscInfo": ' + b"[" * 10000, "line 1"),
    "a million names": (names(*["./cube.subcube.%d.image" % n for n in range(10 ** 6)]), "cube.subcube."),
}


def catalog_name(entry):
    return "v%02d.image" % list(CATALOGS).index(entry)


def build_catalogs(source, outside):
    """The virtual images, and good parts inside and outside of the source; returns the parts."""
    parts = synth.run([1, 1, 1], ny=NY, nx=NX, masks=True, tile=(NX, NY, 1, 1))
    synth.build(source, parts)
    shutil.copytree(source, outside)
    for entry, (content, _) in CATALOGS.items():
        write_catalog(source, outside, catalog_name(entry), content)
    return parts


def write_catalog(source, outside, name, content):
    os.mkdir(os.path.join(source, name))
    if not isinstance(content, bytes):
        text = json.dumps(content, indent=1)
        for word, value in (("{source}", source), ("{outside}", outside), ("{me}", name)):
            text = text.replace(word, value)
        content = text.encode()
    with open(os.path.join(source, name, "imageconcat.json"), "wb") as stream:
        stream.write(content)


# --- names, as bytes: what a message must show in their place

NAMES = {
    b"a\nb": "a\\nb",
    b"gr\xf6\xdf": "gr\\xf6\\xdf",
    b"\x1b[2Jx": "\\x1b[2Jx",
    b"%s%n%d": "%s%n%d",
    b"$(touch made) `x` ; & '": "$(touch made) `x` ; & '",
    b"-rf": "-rf",
    "\u5929\u6587".encode(): "\u5929\u6587",
    b"a b\\": "a b\\",
}
