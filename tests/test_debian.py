"""The Debian packages: built, found faultless by lintian, unpacked, run."""

import os
import re
import shutil
import sys

import pytest

import programs

pytestmark = pytest.mark.once

# Compiles the programs once more, with Debian's options.
BUILD_S = 1200


def left_out(directory, names):
    """Of the top of the project: what is not built from."""
    top = directory == programs.ROOT
    return [n for n in names if n == "__pycache__" or top and re.fullmatch(r"build|build-.*|tests|\.git", n)]


def test_version_is_that_of_the_project():
    with open(os.path.join(programs.ROOT, "debian", "changelog")) as stream:
        newest = re.match(r"subcubefs \(([^)-]+)(-\d+)?\) ", stream.readline()).group(1)
    assert newest == programs.run([programs.SUBCUBEFS, "--version"]).stdout.split()[-1]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The directory that they were made in."""
    missing = [tool for tool in ("dpkg-buildpackage", "dh", "dh_python3", "lintian") if not shutil.which(tool)]
    if missing:
        pytest.skip("not installed: " + ", ".join(missing))
    if os.path.exists(os.path.join(programs.ROOT, "build")) and os.path.basename(programs.BUILD) != "build":
        pytest.skip("the packages are made in the same way, and tested with the plain build")
    directory = tmp_path_factory.mktemp("debian")
    shutil.copytree(programs.ROOT, directory / "subcubefs", ignore=left_out)
    env = dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin")
    done = programs.run(["dpkg-buildpackage", "-us", "-uc", "-b"], cwd=directory / "subcubefs", timeout=BUILD_S, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return directory


def test_lintian_finds_nothing(packages):
    changes = [n for n in os.listdir(packages) if n.endswith(".changes")]
    done = programs.run(["lintian", "--profile", "debian", "--allow-root", "--fail-on", "error,warning,info", *changes],
                        cwd=packages, timeout=300)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_what_is_unpacked_runs(packages, small, tmp_path):
    for package in os.listdir(packages):
        if package.endswith(".deb") and "dbgsym" not in package:
            assert programs.run(["dpkg-deb", "-x", packages / package, tmp_path / "root"]).returncode == 0
    usr = tmp_path / "root" / "usr"
    assert os.path.realpath(usr / "sbin" / "mount.subcubefs") == str(usr / "bin" / "subcubefs")
    code = "import subcubefs; subcubefs.concat_subcubes(%r, 3); print(subcubefs.__file__)" % (small[0] + "/cube")
    env = dict(os.environ, PATH="%s:%s" % (usr / "bin", os.environ["PATH"]),
               PYTHONPATH=str(usr / "lib" / "python3" / "dist-packages"))
    done = programs.run([sys.executable, "-c", code], env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(usr))
    assert os.path.isdir(small[0] + "/cube.image") and os.path.isdir(small[0] + "/cube.psf")
