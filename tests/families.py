"""The subcube families in tests/data, unpacked into one layout.

A family becomes DIR/in/cube.subcube.N.EXT (what an imager left) and DIR/ref/cube.EXT (CASA's paged concatenation).
"""

import json
import lzma
import os
import re
import shutil
import tarfile

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")

# What each archive holds. test_judge.py checks this table against the archives.
FAMILIES = {
    "A1": ".image .image.pbcor .mask .model .pb .psf .residual .sumwt".split(),
    "A2": ".image .sumwt".split(),
    "A2u": ".image .mask .model .pb .sumwt".split(),
    "A5": ".pb .psf .residual .sumwt .weight".split(),
    "A6": ".image .pb .psf .sumwt".split(),
    "B1": [".image"],
    "B2": [".image"],
    "B4c": [".image"],
    "B4d": [".image"],
    "B4cd": [".image"],
    "B5a": [".image"],
    "B5b": [".image"],
    "B5c": [".image"],
    "B10": [".sumwt"],
    "B11": [".image"],
}

CASES = [(family, ext) for family, exts in FAMILIES.items() for ext in exts]

PART = re.compile(r"^cube\.subcube\.(\d+)(\..+)$")


def case_id(case):
    return case[0] + case[1]


class Family:
    """One unpacked family; `name` is the key in FAMILIES."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = directory
        self.source = os.path.join(directory, "in")
        self.reference_dir = os.path.join(directory, "ref")
        self.extensions = FAMILIES[name]

    def reference(self, ext):
        return os.path.join(self.reference_dir, "cube" + ext)

    def parts(self, ext):
        """Paths of the parts in numeric order."""
        found = [(int(m.group(1)), n) for n in os.listdir(self.source) if (m := PART.match(n)) and m.group(2) == ext]
        return [os.path.join(self.source, n) for _, n in sorted(found)]


def unpack(name, directory):
    """Unpack the family `name` into `directory`, which is made."""
    os.makedirs(os.path.join(directory, "in"))
    os.makedirs(os.path.join(directory, "ref"))
    raw = os.path.join(directory, "raw")
    with tarfile.open(os.path.join(DATA, name + ".tar.xz")) as tar:
        tar.extractall(raw)
    for top, inside in (("", "ref"), ("in", "in"), ("ref_p", "ref")):
        where = os.path.join(raw, top)
        for entry in sorted(os.listdir(where)) if os.path.isdir(where) else []:
            if entry in ("in", "ref_p") and not top:
                continue
            target = "in" if PART.match(entry) else inside
            os.rename(os.path.join(where, entry), os.path.join(directory, target, entry))
    shutil.rmtree(raw)
    return Family(name, directory)


def expected(name):
    """What CASA says of the family `name`: a dictionary extension -> description of the concatenated image."""
    with lzma.open(os.path.join(DATA, name + ".expected.json.xz"), "rt") as stream:
        data = json.load(stream)
    if "extensions" in data:
        return {ext: entry["output"] for ext, entry in data["extensions"].items()}
    paged = data["refs"]["paged"]["image"]
    return {paged["name"][len("cube"):]: paged}


def manifest(directory):
    """Everything that a reader might disturb in a source: names, types, sizes, modes, times of modification."""
    found = {}
    for base, dirs, files in os.walk(directory):
        for entry in dirs + files:
            path = os.path.join(base, entry)
            st = os.lstat(path)
            found[os.path.relpath(path, directory)] = (st.st_mode, st.st_size, st.st_mtime_ns, st.st_ino)
    return found


def remove_locks(directory):
    for base, _, files in os.walk(directory):
        if "table.lock" in files:
            os.unlink(os.path.join(base, "table.lock"))
