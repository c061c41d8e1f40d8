"""The programs under test, and a mount that is always taken down again."""

import contextlib
import functools
import os
import re
import signal
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.path.join(ROOT, os.environ.get("SC_BUILD", "build"))
SUBCUBEFS = os.path.join(BUILD, "fs", "subcubefs")
MATERIALIZE = os.path.join(BUILD, "materialize", "subcube-materialize")

START_S = 60    # generous: a sanitized build on a busy machine
STOP_S = 20
UNWATCHED_S = 1.2     # between looks: a name goes over to its new generation sooner when nobody opens files of the old one


def fuse_missing():
    """Why nothing can be mounted here, or None."""
    if not os.path.exists("/dev/fuse"):
        return "/dev/fuse is absent"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return "/dev/fuse cannot be opened: %s" % error.strerror
    return None


def run(command, timeout=START_S, **more):
    """Run to the end; standard output and error are text. A program that does not end is a failure."""
    return subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", timeout=timeout, **more)


@functools.cache
def is_sanitized():
    """Whether the address sanitizer is in the programs under test."""
    return b"__asan_init" in whole(MATERIALIZE)


def traced_environment():
    """For what runs under strace: the leak sanitizer cannot work there."""
    return dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")


def materialize(*arguments, timeout=180, **more):
    return run([MATERIALIZE, *arguments], timeout=timeout, **more)


def mountinfo(mountpoint, pid="self"):
    """The line of /proc/PID/mountinfo for `mountpoint` as a list of fields, or None."""
    wanted = os.path.realpath(os.path.dirname(mountpoint)) + "/" + os.path.basename(mountpoint)
    with open("/proc/%s/mountinfo" % pid) as stream:
        for line in stream:
            fields = line.split()
            if fields[4].replace("\\040", " ") == wanted:
                return fields
    return None


# For the beginning of a script in a mount namespace of its own: with copies of them there, the mounts that others made
# would not end when they are unmounted.
WITHOUT_OTHERS = "umount -l -a -t fuse.subcubefs,fuse.faultfs,fuse.slowfs 2>/dev/null || true\n"


def processes(mountpoint):
    """Ids of the processes of our program that serve `mountpoint`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as stream:
                arguments = [a.decode(errors="replace") for a in stream.read().split(b"\0")]
        except OSError:
            continue
        if os.path.basename(arguments[0]) in ("subcubefs", "mount.subcubefs") and str(mountpoint) in arguments:
            found.append(int(pid))
    return found


def at_work(group):
    """Whether a process of this process group is at work: one that has ended may wait long for whoever asks how it did."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as stream:
                state, _, own_group = stream.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(own_group) == group and state not in "ZX":
            return True
    return False


def wait_until(condition, seconds=STOP_S, pause_s=0.01):
    """True as soon as condition() holds, False when it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True


@contextlib.contextmanager
def meanwhile(steps):
    """A thread takes the steps of a generator, which yields how many seconds to rest after each; the body runs from the first one on."""
    over, begun = threading.Event(), threading.Event()

    def work():
        for rest in steps:
            begun.set()
            if over.wait(rest):
                return
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


FRESH_S, OLD_S = 120, 3600


def age(path):
    """What was just written, a file or all of a directory, was written long ago: else it would be taken for unfinished.

    Times keep their order, and what is old already stays as it is. Links in the directory itself are followed.
    """
    if not os.path.isdir(path):
        _age(path)
        return
    linked = [os.path.realpath(entry.path) for entry in os.scandir(path) if os.path.islink(entry.path) and os.path.isdir(entry.path)]
    for top in [path, *linked]:
        for base, dirs, files in os.walk(top):
            dirs[:] = [d for d in dirs if not os.path.ismount(os.path.join(base, d))]
            for entry in files:
                _age(os.path.join(base, entry))
            if not files:
                _age(base)


def _age(path):
    try:
        st = os.lstat(path)
        if not os.path.islink(path) and st.st_mtime > time.time() - FRESH_S:
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns - OLD_S * 10 ** 9))
    except OSError:
        pass    # a broken link, or a part made unreadable by the test


class Mount:
    """`with Mount(source, mountpoint) as mnt:` mounts, and on the way out unmounts and sees that nothing is left.

    What is in the source is made old before, unless `fresh`.
    """

    def __init__(self, source, mountpoint, *options, log=None, fresh=False):
        self.source = str(source)
        self.fresh = fresh
        self.path = str(mountpoint)
        self.log_path = log or self.path + ".log"
        self.options = [str(o) for o in options]
        self.command = [SUBCUBEFS, "--log=" + self.log_path, *self.options, self.source, self.path]

    def view(self, name, *inside):
        return os.path.join(self.path, name, *inside)

    def log(self):
        try:
            with open(self.log_path, errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    def pids(self):
        return processes(self.path)

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        if not self.fresh:
            age(self.source if os.path.isdir(self.source) else os.path.dirname(self.source))
        done = run(self.command)
        assert done.returncode == 0, "subcubefs: status %d, %s" % (done.returncode, done.stdout + done.stderr)
        assert mountinfo(self.path), "status 0, but nothing is mounted: %s" % done.stderr
        return self

    def __exit__(self, kind, value, trace):
        try:
            if mountinfo(self.path):
                done = run(["fusermount3", "-u", self.path])
                assert done.returncode == 0, "fusermount3 -u: %s" % done.stderr
            self.assert_gone()
        finally:
            clean_up(self.path)

    def assert_gone(self):
        assert wait_until(lambda: not mountinfo(self.path)), "still mounted"
        assert wait_until(lambda: not self.pids()), "unmounted, but the process is still there"


def clean_up(mountpoint):
    """Whatever happened: no mount and no process is left for the next test."""
    if mountinfo(mountpoint):
        subprocess.run(["fusermount3", "-uz", str(mountpoint)], stderr=subprocess.DEVNULL)
    for pid in processes(mountpoint):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def abort(connections, mountpoint):
    """As an administrator does it with a mount that hangs: all who use it get an error."""
    minor = mountinfo(mountpoint)[2].split(":")[1]
    with open(os.path.join(connections, minor, "abort"), "w") as stream:
        stream.write("1")


def whole(path):
    with open(path, "rb") as stream:
        return stream.read()


def tree(directory):
    """Relative path -> bytes of every file below `directory`; directories map to None."""
    found = {}
    for base, dirs, files in os.walk(directory, onerror=_raise):
        for entry in dirs:
            found[os.path.relpath(os.path.join(base, entry), directory)] = None
        for entry in files:
            found[os.path.relpath(os.path.join(base, entry), directory)] = whole(os.path.join(base, entry))
    return found


def _raise(error):
    raise error


def assert_message(text, words):
    """One line of `text` holds all of `words`."""
    lines = [line for line in text.splitlines() if all(re.search(r"(?<![\w])" + re.escape(w), line) for w in words)]
    assert lines, "no line with %s in:\n%s" % (words, text)
    return lines
