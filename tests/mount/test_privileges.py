"""No more privileges than needed, and still a mount that can be unmounted."""

import os
import signal
import subprocess

import pytest

import programs
import synth
import users

KEPT_BY_ROOT = 1 << 1 | 1 << 2     # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


# Opens a file, waits for a line, and tells how reading ends.
READER = """
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
print("open", flush=True)
sys.stdin.readline()
try:
    print(len(os.read(fd, 100)))
except OSError as error:
    print(errno.errorcode[error.errno])
"""


@pytest.fixture
def place(world):
    """Users, a family that all may read, and alice's mountpoint."""
    these = world()
    synth.build(these.path("source"), synth.run([2, 2], masks=True))
    os.chmod(these.path("source"), 0o755)
    these.make("mnt", "alice")
    return these


def status(pid, thread=None):
    where = "/proc/%d/task/%s/status" % (pid, thread or pid)
    with open(where) as stream:
        return dict(line.rstrip("\n").split(":\t", 1) for line in stream if ":\t" in line)


def alive(pid):
    try:
        return status(pid)["State"][0] not in "ZX"
    except OSError:
        return False


def unmounters(pid):
    """The processes that this one has started to unmount."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as stream:
        children = [int(p) for p in stream.read().split()]
    return [p for p in children if status(p)["Name"] == "sc-unmount"]


class Running:
    """A daemon in the namespace, and what has to be gone after it."""

    def __init__(self, these, *options, user=None, mountpoint=None):
        self.users, self.mountpoint = these, mountpoint or these.path("mnt")
        self.log_path = self.mountpoint + ".log"
        done = these.run([these.SUBCUBEFS, "--log=" + self.log_path if user is None else "--log=syslog", *options,
                          these.path("source"), self.mountpoint], user=user)
        assert (done.returncode, done.stderr) == (0, "")
        assert these.mountinfo(self.mountpoint)
        self.pid, = programs.processes(self.mountpoint)
        self.unmounter, = unmounters(self.pid)

    def read(self, user, file="cube.image/table.dat"):
        done = self.users.run(["cat", self.mountpoint + "/" + file], user=user)
        return done.returncode == 0 and bool(done.stdout)

    def assert_gone(self):
        assert programs.wait_until(lambda: not self.users.mountinfo(self.mountpoint)), "still mounted"
        assert programs.wait_until(lambda: not alive(self.pid)), "unmounted, but the process is still there"
        assert programs.wait_until(lambda: not alive(self.unmounter)), "the unmounter is left"


def test_as_a_user_no_thread_gains_privileges(place):
    mnt = Running(place, user="alice")
    assert mnt.read("alice")
    threads = os.listdir("/proc/%d/task" % mnt.pid)
    assert len(threads) > 1
    for thread in threads:
        found = status(mnt.pid, thread)
        assert found["NoNewPrivs"] == "1" and int(found["CapPrm"], 16) == 0
        assert set(found["Uid"].split()) == {str(users.IDS["alice"][0])}
    os.kill(mnt.pid, signal.SIGTERM)
    mnt.assert_gone()


def test_a_user_unmounts_with_fusermount(place):
    mnt = Running(place, user="alice")
    assert mnt.read("alice")
    assert place.run(["fusermount3", "-u", mnt.mountpoint], user="alice").returncode == 0
    mnt.assert_gone()


def test_a_busy_mount_of_a_user_is_left_at_a_signal(place):
    mnt = Running(place, user="alice")
    reader = place.popen(["sh", "-c", "exec <%s/cube.image/table.f0_TSM0; echo open; exec sleep 1000" % mnt.mountpoint],
                         user="alice", stdout=subprocess.PIPE)
    assert reader.stdout.readline() == "open\n"
    os.kill(mnt.pid, signal.SIGTERM)
    mnt.assert_gone()
    assert reader.poll() is None
    reader.kill()
    reader.communicate()


def test_root_keeps_what_passes_permissions(place):
    mnt = Running(place)
    assert mnt.read(None)
    for thread in os.listdir("/proc/%d/task" % mnt.pid):
        found = status(mnt.pid, thread)
        assert found["NoNewPrivs"] == "1" and int(found["CapPrm"], 16) == KEPT_BY_ROOT
    os.kill(mnt.pid, signal.SIGTERM)
    mnt.assert_gone()


@pytest.mark.parametrize("name", ["bob", "54322", "4242"])
def test_root_serves_as_another_user(place, name):
    uid, gid, more = users.IDS["bob"] if name != "4242" else (4242, 4242, ())
    mnt = Running(place, "--user=" + name)
    assert "allow_other" in place.mountinfo(mnt.mountpoint)[-1].split(",")
    assert all(mnt.read(user) for user in ("alice", "bob", "carol", None))
    for thread in os.listdir("/proc/%d/task" % mnt.pid):
        found = status(mnt.pid, thread)
        assert found["NoNewPrivs"] == "1" and int(found["CapPrm"], 16) == 0
        assert set(found["Uid"].split()) == {str(uid)} and set(found["Gid"].split()) == {str(gid)}
        assert {int(g) for g in found["Groups"].split()} - {gid} == set(more)
    os.kill(mnt.pid, signal.SIGTERM)
    mnt.assert_gone()


def test_the_cache_of_another_user_is_his(place):
    mnt = Running(place, "--user=bob")
    assert mnt.read("bob")
    home = place.run(["find", place.path("ns/home/bob"), "-name", "*.view", "-user", "bob"])
    # A header of files that changed a moment ago is not kept; the directory is there all the same.
    assert home.returncode == 0
    assert place.run(["test", "-O", place.path("ns/home/bob/.cache/subcubefs")], user="bob").returncode == 0


def test_another_user_sees_what_he_may(place):
    os.chmod(place.path("source"), 0o700)
    done = place.run([place.SUBCUBEFS, "--user=bob", place.path("source"), place.path("mnt")])
    assert done.returncode == 1
    programs.assert_message(done.stderr, [place.path("source"), "Permission denied"])
    assert not place.mountinfo(place.path("mnt"))
    os.chmod(place.path("source"), 0o755)
    os.chmod(place.path("source/cube.subcube.1.image/table.dat"), 0o600)
    mnt = Running(place, "--user=bob")
    assert not mnt.read("bob") and not mnt.read(None)
    programs.assert_message(programs.whole(mnt.log_path).decode(), ["cube.subcube.1.image", "Permission denied"])


@pytest.mark.parametrize("options, number", [((), signal.SIGTERM), (("--user=bob",), signal.SIGTERM),
                                             (("-o", "auto_unmount"), signal.SIGKILL)])
def test_root_unmounts_in_a_directory_that_is_closed_to_others(place, options, number):
    """A home directory, say: root without its capabilities is somebody else there."""
    place.make("closed", "bob", 0o700)
    mnt = Running(place, *options, mountpoint=place.make("closed/mnt", "bob"))
    os.kill(mnt.pid, number)
    mnt.assert_gone()


@pytest.mark.parametrize("name, status, words", [("nobody-of-this-name", 2, ["--user", "nobody-of-this-name"]),
                                                 ("root", 2, ["--user", "root"]), ("0", 2, ["--user", "root"]),
                                                 ("-1", 2, ["--user", "-1"]), ("4294967295", 2, ["4294967295"]),
                                                 ("", 2, ["--user"])])
def test_users_that_cannot_be(place, name, status, words):
    done = place.run([place.SUBCUBEFS, "--user=" + name, place.path("source"), place.path("mnt")])
    assert (done.returncode, len(done.stderr.splitlines())) == (status, 1)
    programs.assert_message(done.stderr, words)


def test_only_root_serves_as_another_user(place):
    done = place.run([place.SUBCUBEFS, "--user=bob", place.path("source"), place.path("mnt")], user="alice")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    programs.assert_message(done.stderr, ["--user", "root"])


def test_the_unmounter_holds_nothing_and_has_few_capabilities(place):
    mnt = Running(place, "--user=bob")
    assert int(status(mnt.unmounter)["CapPrm"], 16) == 1 << 21 | 1 << 2     # CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH
    assert status(mnt.unmounter)["NoNewPrivs"] == "1"
    held = {os.readlink("/proc/%d/fd/%s" % (mnt.unmounter, fd)) for fd in os.listdir("/proc/%d/fd" % mnt.unmounter)}
    assert len(held) == 2 and "/dev/null" in held and any(h.startswith("socket:") for h in held)
    assert os.readlink("/proc/%d/cwd" % mnt.unmounter) == "/"


def test_a_terminals_signal_finds_the_unmounter_ready(place):
    """Ctrl-C goes to the whole process group of a program in the foreground."""
    process = place.popen([place.SUBCUBEFS, "-f", place.path("source"), place.path("mnt")], user="alice",
                          stderr=subprocess.PIPE, start_new_session=True)
    assert programs.wait_until(lambda: place.mountinfo(place.path("mnt")))
    pid, = programs.processes(place.path("mnt"))
    unmounter, = unmounters(pid)
    os.kill(unmounter, signal.SIGINT)
    os.kill(unmounter, signal.SIGTERM)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=programs.STOP_S)
    assert programs.wait_until(lambda: not place.mountinfo(place.path("mnt")))
    assert programs.wait_until(lambda: not alive(unmounter))


@pytest.mark.parametrize("user", ["alice", None])
def test_a_mount_whose_program_was_killed_is_cleared_by_the_next(place, user):
    """Readers get ENOTCONN: the empty directory below would not show that something is wrong."""
    mnt = Running(place, user=user)
    reader = place.popen(["/usr/bin/python3", "-c", READER, mnt.mountpoint + "/cube.image/table.f0_TSM0"], user=user,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert reader.stdout.readline() == "open\n"
    os.kill(mnt.pid, signal.SIGKILL)
    assert programs.wait_until(lambda: not alive(mnt.pid) and not alive(mnt.unmounter))
    said, _ = reader.communicate("go on\n", timeout=programs.STOP_S)
    assert said == "ENOTCONN\n"
    listed = place.run(["ls", mnt.mountpoint], user=user)
    assert listed.returncode and "Transport endpoint is not connected" in listed.stderr
    again = Running(place, user=user)
    assert again.pid != mnt.pid and again.read(user)
    os.kill(again.pid, signal.SIGTERM)
    again.assert_gone()


def test_somebody_elses_dead_mount_stays(place):
    """Root cannot even look whether a user's mount is dead; that user can."""
    mnt = Running(place, user="alice")
    os.kill(mnt.pid, signal.SIGKILL)
    assert programs.wait_until(lambda: not alive(mnt.unmounter))
    for user in ("bob", None):
        done = place.run([place.SUBCUBEFS, place.path("source"), mnt.mountpoint], user=user)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        programs.assert_message(done.stderr, [mnt.mountpoint])
        assert place.mountinfo(mnt.mountpoint)
    Running(place, user="alice")


@pytest.mark.parametrize("user", ["alice", None])
def test_auto_unmount_clears_it_at_once(place, user):
    mnt = Running(place, "-o", "auto_unmount", user=user)
    os.kill(mnt.pid, signal.SIGKILL)
    mnt.assert_gone()


# --- the header program ---

def header_programs(parent):
    found = []
    for thread in os.listdir("/proc/%d/task" % parent):
        try:
            with open("/proc/%d/task/%s/children" % (parent, thread)) as stream:
                found += stream.read().split()
        except (FileNotFoundError, ProcessLookupError):
            pass    # that thread has ended meanwhile
    return sorted({int(p) for p in found if status(int(p))["Name"] == "confined"})


def held(pid):
    """What a process has open, but for a sanitizer's report."""
    paths = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            paths.append(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except FileNotFoundError:
            pass    # closed meanwhile
    return [path for path in paths if "/report" not in path]


@pytest.fixture
def hanging_header(monkeypatch, tmp_path):
    """A header program that is shut in as the true one is, and then does nothing."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("SUBCUBEFS_HEADER", os.path.join(programs.BUILD, "tests", "confined"))


def test_the_header_program_has_no_descriptor_of_the_mount_and_dies_with_it(small, mount, hanging_header):
    with mount(small[0]) as mnt:
        daemon, = mnt.pids()
        readers = [subprocess.Popen(["ls", mnt.view(name)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for name in ("cube.image", "cube.psf")]
        assert programs.wait_until(lambda: len(header_programs(daemon)) == 2)
        headers = header_programs(daemon)
        for pid in headers:
            # while it starts, it has its libraries open one after the other
            assert programs.wait_until(lambda: len(held(pid)) == 3), held(pid)
            assert not [path for path in held(pid) if "fuse" in path or "socket" in path]
        os.kill(daemon, signal.SIGKILL)
        assert programs.wait_until(lambda: not any(alive(p) for p in headers)), "header programs are left"
        for reader in readers:
            assert reader.wait(programs.STOP_S) != 0


def test_the_header_program_dies_with_the_materializer(small, tmp_path, hanging_header):
    process = subprocess.Popen([programs.MATERIALIZE, small[0] + "/cube"], stderr=subprocess.DEVNULL)
    assert programs.wait_until(lambda: header_programs(process.pid))
    headers = header_programs(process.pid)
    process.kill()
    process.wait()
    assert programs.wait_until(lambda: not any(alive(p) for p in headers)), "header programs are left"
