"""Fixtures: families, mounts, the programs. See README.md for how to run one test."""

import glob
import os
import signal
import subprocess
import time

import pytest

import broken
import families
import faults
import judge
import programs
import synth
import users

pytest_plugins = ["parity_plugin", "faults_plugin"]


def pytest_configure(config):
    # a shell that started the tests in the background had it ignored, which programs inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "fuse: mounts; skipped with the reason where that is impossible")
    config.addinivalue_line("markers", "nofuse: needs no mount although it lies in mount/")
    config.addinivalue_line("markers", "soak: has a long setting, for tools/soak")
    config.addinivalue_line("markers", "once: has nothing to do with the programs in SC_BUILD, so a run with two builds needs it once")


# A worker has a module for itself: the longest ones begin first.
LONGEST = ("test_every_call.py", "test_live.py", "test_storage.py", "test_debian.py", "test_follow.py")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        if "/tests/mount/" in str(item.fspath) and not item.get_closest_marker("nofuse"):
            item.add_marker(pytest.mark.fuse)


def pytest_runtest_setup(item):
    if item.get_closest_marker("fuse"):
        reason = programs.fuse_missing()
        if reason:
            pytest.skip("cannot mount: " + reason)


@pytest.fixture(scope="session", autouse=True)
def sanitizer_reports(tmp_path_factory):
    """A sanitized program writes its reports to files here: most of them run where nobody reads standard error."""
    directory = str(tmp_path_factory.mktemp("sanitizer"))
    for variable, more in (("ASAN_OPTIONS", "detect_leaks=1"), ("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")):
        os.environ[variable] = "log_path=%s/report:%s" % (directory, more)
    return directory


@pytest.fixture(autouse=True)
def no_sanitizer_report(sanitizer_reports):
    yield
    reports = sorted(glob.glob(sanitizer_reports + "/report*"))
    text = "".join(open(r, errors="replace").read() for r in reports)
    for report in reports:
        os.unlink(report)
    assert not text, "the sanitizer reported:\n" + text[:6000]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test sees what another run left in the user's cache, or the user's configuration. SC_CACHE=off: no cache at all."""
    off = os.environ.get("SC_CACHE") == "off"
    os.environ["XDG_CACHE_HOME"] = "/dev/null/none" if off else str(tmp_path_factory.mktemp("cache"))
    # nobody writes the parts that a test has just made
    config = tmp_path_factory.mktemp("config")
    (config / "subcubefs").mkdir()
    (config / "subcubefs" / "config").write_text("settle = 0\n")
    os.environ["XDG_CONFIG_HOME"] = str(config)


@pytest.fixture(scope="session")
def family(tmp_path_factory):
    """family(name): the unpacked family, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = families.unpack(name, str(tmp_path_factory.mktemp("family") / name))
        return made[name]
    return get


@pytest.fixture(scope="session")
def casa(family):
    """casa(name, ext), casa(name, ext, cfio=True): descriptions of CASA's own concatenated image."""
    made = {}

    def get(name, ext, cfio=False):
        if (name, cfio) not in made:
            paths = [family(name).reference(e) for e in family(name).extensions]
            made[name, cfio] = judge.describe_cfio(paths) if cfio else judge.describe(paths)
        return made[name, cfio][family(name).reference(ext)]
    return get


@pytest.fixture(params=broken.BREAKAGES, ids=[b.replace(" ", "-") for b in broken.BREAKAGES])
def broken_case(request, tmp_path):
    """A source with a broken part, its parts as they were put in, and what was broken: for each way of breaking it."""
    source = str(tmp_path / "source")
    breakage = broken.BREAKAGES[request.param]
    parts = broken.family(source)
    breakage.break_it(source)
    return source, parts, breakage


@pytest.fixture
def mount(tmp_path):
    """mount(source, *options): a context manager that mounts on a directory of its own and cleans up."""
    made = []

    def get(source, *options, mountpoint=None, **more):
        where = mountpoint or tmp_path / ("mnt%d" % len(made))
        made.append(programs.Mount(source, where, *options, log=str(tmp_path / ("mount%d.log" % len(made))), **more))
        return made[-1]
    yield get
    for one in made:
        programs.clean_up(one.path)


@pytest.fixture
def connections(tmp_path):
    """The directory in which the kernel has FUSE's connections."""
    if os.geteuid():
        pytest.skip("only root mounts the kernel's control files")
    path = str(tmp_path / "connections")
    os.mkdir(path)
    done = programs.run(["mount", "-t", "fusectl", "none", path])
    assert done.returncode == 0, done.stderr
    yield path
    assert programs.run(["umount", path]).returncode == 0


@pytest.fixture
def soak():
    """for turn in soak(short, long, done): until done() has come to `short`; under tools/soak, to `long` and as long as asked."""
    seconds = os.environ.get("SC_SOAK_SECONDS")

    def turns(short, long, done):
        end, turn = time.monotonic() + float(seconds or 0), 0
        while done() < (long if seconds else short) or time.monotonic() < end:
            yield turn
            turn += 1
    return turns


@pytest.fixture
def faultfs(tmp_path):
    """faultfs(directory): a faults.FaultFS that shows the directory; gone at the end of the test, also with hung readers."""
    started = []

    def start(directory):
        started.append(faults.FaultFS(directory, tmp_path / ("storage%d" % len(started))))
        return started[-1].__enter__()
    yield start
    for one in started:
        one.stop()
        if programs.mountinfo(one.path):
            subprocess.run(["fusermount3", "-uz", one.path])


@pytest.fixture
def small(tmp_path):
    """A small family of two extensions, three parts of two channels with masks: source directory, parts."""
    parts = synth.run([2, 2, 2], ny=10, nx=12, masks=True, beam=(3.0, 2.0, 10.0))
    source = str(tmp_path / "source")
    for ext in (".image", ".psf"):
        synth.build(source, parts, ext=ext)
    return source, parts


@pytest.fixture(scope="session")
def strace():
    """Programs can be killed at a system call of choice."""
    try:
        done = subprocess.run(["strace", "-o", "/dev/null", "-e", "trace=none", "true"], stderr=subprocess.PIPE)
    except FileNotFoundError:
        pytest.skip("strace is not installed")
    if done.returncode:
        pytest.skip("strace cannot trace here")


@pytest.fixture
def world():
    """world(**options): other users in a mount namespace, see users.py; gone at the end of the test."""
    made = []

    def get(**options):
        reason = users.missing()
        if reason:
            pytest.skip(reason)
        made.append(users.Users(**options))
        try:
            return made[-1].__enter__()
        except users.CannotMakeUsers as error:
            made.pop()
            pytest.skip("no mount namespace here: %s" % error)
    yield get
    for one in made:
        one.__exit__(None, None, None)
