"""Who may include and link whom: fs and materialize stand on common, and on nothing of each other."""

import glob
import os
import re
import subprocess

import pytest

import programs

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)

# folder -> the folders whose headers it may include in quotes
MAY_INCLUDE = {
    "common": ["common"],
    "common/casa": ["common/casa", "common"],
    "fs": ["fs", "common"],
    "materialize": ["materialize", "common"],
}
FUSE_ONLY_IN = ["fs"]
CASACORE_ONLY_IN = ["common/casa"]


def sources(folder):
    return sorted(p for kind in ("c", "h", "cc", "cpp", "hpp") for p in glob.glob("%s/%s/*.%s" % (programs.ROOT, folder, kind)))


def includes(path):
    with open(path) as stream:
        return INCLUDE.findall(stream.read())


def test_there_is_something_to_look_at():
    for folder in MAY_INCLUDE:
        assert sources(folder), folder


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_own_headers_come_from_below(folder):
    for path in sources(folder):
        for how, name in includes(path):
            if how == '"':
                where = [f for f in MAY_INCLUDE[folder] if os.path.exists(os.path.join(programs.ROOT, f, name))]
                assert where and "/" not in name, "%s includes \"%s\"" % (path, name)


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_fuse_and_casacore_stay_in_their_folders(folder):
    for path in sources(folder):
        for _, name in includes(path):
            assert folder in FUSE_ONLY_IN or "fuse" not in name, "%s includes %s" % (path, name)
            assert folder in CASACORE_ONLY_IN or not name.startswith(("casacore", "casa/")), \
                "%s includes %s" % (path, name)


def test_common_does_not_print():
    """Messages go through the log, results through ret_ parameters."""
    prints = re.compile(r"\b(printf|vprintf|puts|putchar|perror)\s*\(|\bfprintf\s*\(\s*std|\bf?puts\s*\([^;]*\bstd(out|err)\b")
    for path in sources("common"):
        if os.path.basename(path) != "log.c":
            with open(path) as stream:
                found = prints.search(stream.read())
            assert not found, "%s: %s" % (path, found.group())


def test_unit_tests_and_programs_link_what_they_may():
    def needed(path):
        out = subprocess.run(["readelf", "-d", path], stdout=subprocess.PIPE, text=True, check=True).stdout
        return " ".join(re.findall(r"NEEDED.*\[(.*)\]", out))
    for path in (programs.SUBCUBEFS, programs.MATERIALIZE):
        assert "libcasa" not in needed(path)
    assert "libfuse3" in needed(programs.SUBCUBEFS)
    assert "libfuse" not in needed(programs.MATERIALIZE)
    assert "libcasa" in needed(os.path.join(programs.BUILD, "common", "casa", "subcubefs-header"))
    units = [p for p in glob.glob(programs.BUILD + "/tests/unit/*") if os.path.isfile(p) and os.access(p, os.X_OK)]
    assert units
    for path in units:
        assert "libcasa" not in needed(path) and "libfuse" not in needed(path), path
