"""Installing and uninstalling. All tests of it are here: the build directory remembers but one installation."""

import os
import re
import sys

import pytest

import programs


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The directory that stands for / : path of each file below it."""
    root = str(tmp_path_factory.mktemp("root"))
    done = programs.run(["ninja", "-C", programs.BUILD, "install"], env=dict(os.environ, DESTDIR=root), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return root, files_below(root)


def files_below(root):
    return sorted(os.path.relpath(os.path.join(base, name), root) for base, _, names in os.walk(root) for name in names)


def the_one(installed, pattern):
    root, files = installed
    found = [f for f in files if re.search(pattern, f)]
    assert len(found) == 1, "%s: %s" % (pattern, found)
    return os.path.join(root, found[0])


@pytest.mark.parametrize("program", ["subcubefs", "subcube-materialize"])
def test_installed_programs_run(installed, program):
    done = programs.run([the_one(installed, "/bin/%s$" % program), "--version"])
    assert done.returncode == 0 and done.stdout.startswith(program + " ")


def test_the_header_program_is_found_where_it_was_installed(installed, small):
    """Under another root than was configured, too, as in a container."""
    done = programs.run([the_one(installed, "/bin/subcube-materialize$"), small[0] + "/cube"])
    assert done.returncode == 0, done.stderr


def test_the_mount_helper_is_the_program(installed):
    helper = the_one(installed, "/sbin/mount.subcubefs$")
    assert os.path.realpath(helper) == the_one(installed, "/bin/subcubefs$")


def test_the_unit_file_names_the_program(installed):
    root, _ = installed
    with open(the_one(installed, "lib/systemd/system/subcubefs@.service$")) as stream:
        text = stream.read()
    assert "@" not in text.replace("subcubefs@", "")
    program = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE).group(1)
    assert os.path.samefile(root + program, the_one(installed, "/bin/subcubefs$"))


def test_the_package_is_complete(installed):
    package = os.path.dirname(the_one(installed, "/subcubefs/__init__.py$"))
    sources = os.listdir(os.path.join(programs.ROOT, "python", "subcubefs"))
    assert sorted(os.listdir(package)) == sorted(n for n in sources if n.endswith(".py"))
    code = "import sys; sys.path.insert(0, %r); import subcubefs; print(subcubefs.__file__)" % os.path.dirname(package)
    done = programs.run([sys.executable, "-B", "-I", "-c", code])
    assert done.stdout.strip() == os.path.join(package, "__init__.py"), done.stderr


@pytest.mark.parametrize("end", [
    "/share/man/man1/subcubefs.1", "/share/man/man1/subcube-materialize.1", "/share/man/man5/subcubefs-formats.5",
    "/share/man/man8/mount.subcubefs.8", "/share/bash-completion/completions/subcubefs",
    "/share/bash-completion/completions/subcube-materialize", "/share/zsh/site-functions/_subcubefs"])
def test_pages_and_completion_are_there(installed, end):
    the_one(installed, re.escape(end) + "$")


def test_examples_are_there(installed):
    _, files = installed
    sources = os.listdir(os.path.join(programs.ROOT, "dist"))
    wanted = sorted(n for n in sources if n.endswith(".example"))
    assert wanted and sorted(os.path.basename(f) for f in files if "/examples/" in f) == wanted


def test_uninstall_leaves_nothing(installed):
    """Last: it takes away what the others look at."""
    root, files = installed
    assert files
    done = programs.run(["ninja", "-C", programs.BUILD, "uninstall"])
    assert done.returncode == 0, done.stdout
    assert files_below(root) == []
