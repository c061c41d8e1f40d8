"""The package as a whole."""

import ast
import glob
import os
import re
import subprocess
import sys

import programs
import subcubefs

PACKAGE = os.path.join(programs.ROOT, "python", "subcubefs")


def project_version():
    with open(os.path.join(programs.ROOT, "meson.build")) as stream:
        return re.search(r"^\s*version: '([^']+)'", stream.read(), re.MULTILINE).group(1)


def test_version_is_that_of_the_programs():
    assert subcubefs.__version__ == project_version()
    assert programs.run([programs.MATERIALIZE, "--version"]).stdout.split()[-1] == subcubefs.__version__


def test_it_is_written_for_python_3_8():
    files = glob.glob(PACKAGE + "/*.py")
    assert len(files) > 3
    for path in files:
        with open(path, encoding="utf-8") as stream:
            ast.parse(stream.read(), path, feature_version=(3, 8))


def test_it_needs_nothing_but_python():
    """-I -S: no package that is installed is found."""
    code = "import sys; sys.path.insert(0, %r); import subcubefs" % os.path.dirname(PACKAGE)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
