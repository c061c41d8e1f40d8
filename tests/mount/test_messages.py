"""When mounting fails: one sentence, which says what to do."""

import os

import pytest

import programs
import synth


@pytest.fixture
def place(world):
    these = world()
    synth.build(these.path("source"), synth.run([2]))
    these.make("mnt", "alice")
    return these


def name_of(pid):
    try:
        with open("/proc/%d/comm" % pid) as stream:
            return stream.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def assert_one_sentence(place, done, words, mountpoint=None):
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert done.stderr.startswith("subcubefs: ")
    programs.assert_message(done.stderr, words)
    where = mountpoint or place.path("mnt")
    assert not place.mountinfo(where) and not programs.processes(where)
    if not programs.processes(place.path("mnt")):
        # it ends when the other end of its socket is closed, a moment after the program
        assert programs.wait_until(lambda: "sc-unmount" not in map(name_of, place.pids()))


def subcubefs(place, *options, user=None, mountpoint=None):
    return place.run([place.SUBCUBEFS, *options, place.path("source"), mountpoint or place.path("mnt")], user=user)


def test_allow_other_that_users_may_not_use(place):
    done = subcubefs(place, "-o", "allow_other", user="alice")
    assert_one_sentence(place, done, ["allow_other", "user_allow_other", "/etc/fuse.conf", "without it"])
    assert subcubefs(place, user="alice").returncode == 0


@pytest.mark.parametrize("user", ["alice", None])
def test_no_device(place, user):
    place.run(["sh", "-c", "mount -t tmpfs -o mode=755 none /dev && mknod -m 666 /dev/null c 1 3"])
    assert_one_sentence(place, subcubefs(place, user=user), ["/dev/fuse", "missing", "modprobe", "--device"])


def test_a_device_that_is_not_for_users(place):
    place.run(["chmod", "600", place.path("ns/fuse")])
    assert_one_sentence(place, subcubefs(place, user="alice"), ["/dev/fuse", "chmod 666"])
    assert subcubefs(place).returncode == 0


def test_a_mountpoint_that_root_may_not_see(place):
    """As on a network file system that takes root for nobody; here, in a mount that lets only alice in."""
    assert subcubefs(place, user="alice").returncode == 0
    inside = place.path("mnt/cube.image")
    done = subcubefs(place, mountpoint=inside)
    assert_one_sentence(place, done, [inside, "root", "user it belongs to"], mountpoint=inside)


def test_a_mountpoint_of_somebody_else(place):
    done = subcubefs(place, user="bob")
    assert_one_sentence(place, done, [place.path("mnt"), "write"])


def test_a_source_that_may_not_be_seen(place):
    os.chmod(place.path("source"), 0o700)
    assert_one_sentence(place, subcubefs(place, user="bob"), [place.path("source"), "Permission denied"])
