"""The package as a whole."""

import ast
import glob
import os
import re
import shutil
import subprocess
import sys
import zipfile

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


def test_a_wheel_of_it_works(tmp_path):
    """What pip does with pyproject.toml, by the build backend that is here: nothing is fetched."""
    shutil.copytree(os.path.dirname(PACKAGE), tmp_path / "sources", ignore=shutil.ignore_patterns("__pycache__"))
    done = programs.run([sys.executable, "-c", "from setuptools import build_meta; build_meta.build_wheel('..')"],
                        cwd=tmp_path / "sources")
    assert done.returncode == 0, done.stderr
    wheel, = tmp_path.glob("*.whl")
    assert wheel.name == "subcubefs-%s-py3-none-any.whl" % project_version()
    code = "import sys; sys.path.insert(0, %r); import subcubefs; print(subcubefs.__file__)" % str(wheel)
    done = programs.run([sys.executable, "-I", "-c", code], cwd=tmp_path)
    assert done.stdout.startswith(str(wheel)), done.stderr
    held = {os.path.basename(name) for name in zipfile.ZipFile(wheel).namelist() if name.startswith("subcubefs/")}
    assert held == {os.path.basename(path) for path in glob.glob(PACKAGE + "/*.py")}


def test_it_needs_nothing_but_python():
    """-I -S: no package that is installed is found."""
    code = "import sys; sys.path.insert(0, %r); import subcubefs" % os.path.dirname(PACKAGE)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
