"""MOUNTPOINT /dev/fd/N: somebody else has mounted, without the options that let the kernel check."""

import itertools
import os
import shutil
import signal
import subprocess

import pytest

import access
import programs
import users
from access import FEW_FILES, Families, compare, fill


@pytest.fixture
def place(world):
    return access.prepare(world)


@pytest.fixture
def hand_over(place):
    """hand_over(options, user): mounts on users.path("mnt") as root and starts the program as this user."""
    running = []
    shutil.copy(os.path.join(programs.HERE, "mountfd.py"), place.path("mountfd.py"))

    def start(options="allow_other", user="alice", mountpoint=None, more=(), after=()):
        uid = users.IDS[user][0] if user else 0
        command = ["/usr/bin/python3", place.path("mountfd.py"), mountpoint or place.path("mnt"), str(uid), options,
                   *(users.drop_to(user) if user else []), place.SUBCUBEFS, "--history=all", *more, place.path("source"), "{}", *after]
        running.append(place.popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE))
        return running[-1]
    yield start
    for process in running:
        process.kill()
        process.communicate()


def is_up(place, process):
    """Once the root answers, whoever may look. Root waits, for whom a mount without allow_other is closed but there."""
    return programs.wait_until(lambda: place.mountinfo(place.path("mnt")) or process.poll() is not None) and \
        process.poll() is None


def test_it_serves_and_stays_in_the_foreground(place, hand_over):
    families = Families(place.path("source"), place.model)
    families.add("open", lambda parts: None)
    process = hand_over()
    assert is_up(place, process)
    assert place.run(["ls", place.path("mnt")], user="bob").stdout == "open.image\n"
    tree = place.run(["sh", "-c", "cd %s && find . -type f | sort | xargs cat" % place.path("mnt/open.image")], user="alice")
    assert tree.returncode == 0 and len(tree.stdout) > 1000
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=programs.STOP_S)
    assert process.returncode == 0, said
    # Who mounted unmounts.
    assert place.mountinfo(place.path("mnt"))
    assert "not connected" in place.run(["ls", place.path("mnt")], user="alice").stderr


def test_as_apptainer_calls_it(place, hand_over):
    """Its --fusemount appends "/dev/fd/N -f" to the command, mounts for the one user, and ends the program with SIGTERM."""
    Families(place.path("source"), place.model).add("open", lambda parts: None)
    process = hand_over(options="", after=["-f"])
    assert is_up(place, process)
    assert place.run(["ls", place.path("mnt/open.image")], user="alice").stdout.split()[-1] == "table.lock"
    assert "Permission denied" in place.run(["ls", place.path("mnt")], user="bob").stderr
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=programs.STOP_S)
    assert process.returncode == 0, said


def test_it_ends_when_it_is_unmounted(place, hand_over):
    Families(place.path("source"), place.model).add("open", lambda parts: None)
    process = hand_over()
    assert is_up(place, process)
    assert place.run(["ls", place.path("mnt")], user="alice").returncode == 0
    assert place.run(["umount", place.path("mnt")]).returncode == 0
    _, said = process.communicate(timeout=programs.STOP_S)
    assert process.returncode == 0, said


@pytest.mark.parametrize("options", ["allow_other", "allow_other,default_permissions"])
def test_nobody_sees_more_than_in_the_source(place, hand_over, options, record_fault):
    families = Families(place.path("source"), place.model)
    fill(families, FEW_FILES)
    assert is_up(place, hand_over(options))
    compare(place, families, "alice", record_fault, "views through a mount that was handed over, " + options,
            {"as-it-is", *("all-mode%03o" % m for m in (0o640, 0o604))})


@pytest.mark.parametrize("refresh", ["2", "0"])
def test_names_that_others_have_looked_up_stay_closed(place, hand_over, refresh):
    """The kernel remembers names, and would let everybody pass by what one user has found."""
    families = Families(place.path("source"), place.model)
    families.add("secret", lambda parts: os.chmod(parts[0], 0o700))
    families.add("listed", lambda parts: os.chmod(parts[0], 0o744))
    assert is_up(place, hand_over(more=["--refresh=" + refresh]))
    for name, file in itertools.product(("secret", "listed"), ("table.dat", "mask0/table.f0", "table.f0_TSM0")):
        path = place.path("mnt/%s.image" % name, file)
        for _ in range(2):
            assert place.run(["cat", path], user="alice").returncode == 0
            assert place.run(["stat", path], user="alice").returncode == 0
            for user in ("bob", "carol"):
                assert "Permission denied" in place.run(["cat", path], user=user).stderr
                assert "Permission denied" in place.run(["stat", path], user=user).stderr
    for user in ("bob", "carol"):
        assert place.run(["ls", place.path("mnt/secret.image")], user=user).returncode != 0
        assert place.run(["test", "-r", place.path("mnt/secret.image")], user=user).returncode != 0
        assert place.run(["test", "-x", place.path("mnt/listed.image")], user=user).returncode != 0
        assert place.run(["test", "-r", place.path("mnt/listed.image")], user=user).returncode == 0
        assert place.run(["sh", "-c", "cd %s" % place.path("mnt/listed.image")], user=user).returncode != 0
        assert place.run(["getfattr", "-n", "user.subcubefs.source", place.path("mnt/secret.image")], user=user).returncode != 0


WRITES = ("echo x >{}/new", "echo x >{}/open.image/table.dat", "echo x >>{}/open.image/table.dat", "mkdir {}/new",
          "rm {}/open.image/table.dat", "rmdir {}/open.image", "mv {}/open.image {}/other", "ln -s x {}/new", "mkfifo {}/new",
          "ln {}/open.image/table.dat {}/new", "chmod 777 {}/open.image", "touch {}/open.image/table.dat", "touch {}/new",
          "truncate -s 0 {}/open.image/table.dat", "setfattr -n user.x -v 1 {}/open.image",
          "setfattr -x user.subcubefs.source {}/open.image", "fallocate -l 10 {}/open.image/table.dat")


@pytest.mark.parametrize("user", ["alice", None])
def test_nothing_can_be_written(place, hand_over, user):
    """Not mounted read-only: the answer is ours, and it is the one of a read-only file system."""
    families = Families(place.path("source"), place.model)
    families.add("open", lambda parts: None)
    process = hand_over(user=user)
    assert is_up(place, process)
    assert "rw" in place.mountinfo(place.path("mnt"))[5].split(",")
    before = place.run(["sh", "-c", "cd %s && find . -type f | sort | xargs sha256sum" % place.path("mnt")], user=user).stdout
    for write in WRITES:
        done = place.run(["sh", "-c", write.replace("{}", place.path("mnt"))], user=user)
        assert done.returncode != 0 and "Read-only file system" in done.stderr, (write, done.stderr)
    assert place.run(["test", "-w", place.path("mnt/open.image/table.dat")], user=user).returncode != 0
    after = place.run(["sh", "-c", "cd %s && find . -type f | sort | xargs sha256sum" % place.path("mnt")], user=user).stdout
    assert before and before == after


@pytest.mark.parametrize("mountpoint", ["/dev/fd/77", "/dev/fd/0"])
def test_a_descriptor_that_is_no_device(place, mountpoint):
    Families(place.path("source"), place.model).add("open", lambda parts: None)
    done = place.run([place.SUBCUBEFS, place.path("source"), mountpoint], user="alice")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    programs.assert_message(done.stderr, [mountpoint, "not an open", "directory"])


def test_what_the_mount_tells_about_itself_is_the_mounting_users(place, hand_over):
    Families(place.path("source"), place.model).add("open", lambda parts: None)
    assert is_up(place, hand_over())
    for name in ("status.json", "log"):
        path = place.path("mnt/.subcubefs", name)
        assert place.run(["cat", path], user="alice").returncode == 0
        for user in ("bob", "carol"):
            assert "Permission denied" in place.run(["cat", path], user=user).stderr
