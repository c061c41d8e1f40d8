"""What the header program, which reads what others wrote, can do: by a program that is shut in by the same code."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

import programs
import users

CONFINED = os.path.join(programs.BUILD, "tests", "confined")
HEADER = os.path.join(programs.BUILD, "common", "casa", "subcubefs-header")
SANITIZED = "asan" in os.path.basename(programs.BUILD)

FILES = ("read", "list", "write", "append", "truncate", "create", "mkdir", "symlink", "mkfifo", "link in", "link out", "rename",
         "rename in", "rename out", "unlink", "device", "dotdot")
CALLS = ("chmod", "fchmodat", "chown", "utimes", "setxattr", "socket inet", "socket inet6", "socket unix", "socket netlink",
         "socketpair", "io_uring", "kill", "ptrace", "exec", "unshare")
OWN = ("own create", "own truncate", "own rename", "own rename back", "own mkdir", "own nested", "own rename across", "own list",
       "own rmdir")


@pytest.fixture(params=["root", "alice"])
def found(request):
    """What the program says, as root and as an ordinary user: name -> number."""
    if request.param != "root" and users.missing():
        pytest.skip(users.missing())
    directory = tempfile.mkdtemp(prefix="subcubefs-confined-")
    try:
        yield confined(directory, request.param)
    finally:
        shutil.rmtree(directory)


def confined(directory, user):
    os.chmod(directory, 0o755)
    for name in ("scratch", "elsewhere"):
        os.mkdir(directory + "/" + name)
    with open(directory + "/elsewhere/victim", "w") as victim:
        victim.write("precious")
    shutil.copy2(CONFINED, directory + "/confined")
    prefix = []
    if user != "root":
        for name in ("scratch", "elsewhere", "elsewhere/victim"):
            os.chown(directory + "/" + name, *users.IDS[user][:2])
        prefix = users.drop_to(user)
    before = os.stat(directory + "/elsewhere/victim")
    with socket.socket() as inherited:
        done = programs.run(prefix + [directory + "/confined", directory + "/scratch", directory + "/elsewhere/victim"],
                            pass_fds=[inherited.fileno()], env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
    assert done.returncode == 0, done.stderr
    assert os.listdir(directory + "/elsewhere") == ["victim"]
    after = os.stat(directory + "/elsewhere/victim")
    assert (after.st_mode, after.st_mtime_ns, after.st_size) == (before.st_mode, before.st_mtime_ns, before.st_size)
    return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines()}


def lacking():
    """What this kernel cannot do, as the header program itself says."""
    done = programs.run([HEADER, "--version"])
    assert done.returncode == 0
    return "\n".join(done.stdout.splitlines()[1:])


def test_the_scratch_directory_is_its_own(found):
    assert {name: found[name] for name in OWN} == dict.fromkeys(OWN, 0)


def test_no_file_elsewhere(found):
    if "Landlock" in lacking():
        pytest.skip(lacking())
    names = [n for n in FILES if not (SANITIZED and n in ("read", "list"))]   # the sanitizer reads
    assert [n for n in names if found[n] == 0] == []


def test_no_network_and_no_other_process(found):
    if "seccomp" in lacking():
        pytest.skip(lacking())
    assert [n for n in CALLS if found[n] == 0] == []


def test_syncing_is_no_work(found):
    """Nothing in the scratch directory is to outlive a loss of power, and casacore syncs it many times."""
    if "seccomp" in lacking():
        pytest.skip(lacking())
    assert found["sync"] == 0


def test_neither_descriptors_nor_privileges(found):
    assert found["descriptors"] == 0
    assert found["capabilities"] == 0
    assert found["no_new_privs"] == 1
    assert found["parent_death_signal"] == signal.SIGKILL


def test_memory_time_and_files_are_limited(found):
    assert found["limited"] == (2 if SANITIZED else 3)      # the sanitizer's shadow takes terabytes of addresses
    assert SANITIZED or found["memory"] != 0


def test_a_parent_that_is_gone_already_is_noticed(tmp_path):
    """The kernel's signal is only for a parent that dies later; the broken pipe tells of the other."""
    (tmp_path / "scratch").mkdir()
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run([CONFINED, tmp_path / "scratch"], stdin=subprocess.DEVNULL, stdout=write_end, stderr=subprocess.PIPE,
                              timeout=programs.START_S)
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")
