"""The machine: what it is, its caches, and running programs on it."""

import os
import platform
import resource
import shutil
import subprocess
import time

from measure import Skip

DROP_CACHES = "/proc/sys/vm/drop_caches"


def is_root():
    return os.geteuid() == 0


def run(command, **more):
    """Run to the end; what it wrote to standard output. A failure says what was on standard error."""
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", **more)
    if done.returncode:
        raise RuntimeError("%s: status %d: %s" % (os.path.basename(str(command[0])), done.returncode,
                                                  done.stderr[-500:]))
    return done.stdout


def timed(command, **more):
    """Seconds that a command takes, its start included, its output thrown away."""
    with open(os.devnull, "w") as nowhere:
        start = time.monotonic()
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=nowhere,
                              stderr=subprocess.PIPE, text=True, errors="replace", **more)
        seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError("%s: status %d: %s" % (command[0], done.returncode, done.stderr[-500:]))
    return seconds


def peak_bytes(command):
    """Peak resident memory of the largest process among a command and those it waited for."""
    with open(os.devnull, "w") as nowhere:
        child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise RuntimeError("%s: status %d" % (command[0], child.returncode))
    return usage.ru_maxrss * 1024


def need_cold():
    if not os.access(DROP_CACHES, os.W_OK):
        raise Skip("the page cache cannot be dropped: not root")


def drop_caches():
    """All pages, names and attributes of all file systems, FUSE mounts included."""
    os.sync()
    with open(DROP_CACHES, "w") as stream:
        stream.write("3\n")


def need_program(name):
    if not shutil.which(name):
        raise Skip("there is no %s" % name)


def need_space(path, needed_bytes):
    found = os.statvfs(path)
    if found.f_bavail * found.f_frsize < needed_bytes:
        raise Skip("less than %.0f GiB are free in %s" % (needed_bytes / 2 ** 30, path))


def used_bytes(path):
    found = os.statvfs(path)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def raise_file_limit():
    """ImageConcat opens all its images."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _first(path, start, default=""):
    with open(path) as stream:
        return next((line.split(":", 1)[1].strip() for line in stream if line.startswith(start)), default)


def _version(command):
    try:
        return run(command).splitlines()[0].strip()
    except (OSError, RuntimeError, IndexError):
        return "none"


def _system():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def facts(directory):
    """What the results depend on, as (name, value) pairs."""
    mounted = run(["findmnt", "-no", "FSTYPE,OPTIONS", "-T", directory]).split()
    memory = int(_first("/proc/meminfo", "MemTotal").split()[0]) / 2 ** 20
    return [
        ("processor", "%s, %d cores" % (_first("/proc/cpuinfo", "model name", platform.machine()), os.cpu_count())),
        ("memory", "%.0f GiB" % memory),
        ("kernel", platform.release()),
        ("system", _system()),
        ("file system of the data", "%s (%s)" % (mounted[0], mounted[1])),
        ("libfuse", _version(["fusermount3", "--version"]).replace("fusermount3 version: ", "")),
        ("python3-casacore", _version(["dpkg-query", "-W", "-f", "${Version}", "python3-casacore"])),
        ("casacore", _version(["dpkg-query", "-W", "-f", "${Version}", "casacore-dev"])),
        ("cp, cat, ls", _version(["cp", "--version"])),
        ("user", "root" if is_root() else "an ordinary user"),
    ]
