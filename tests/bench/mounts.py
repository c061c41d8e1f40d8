"""Mounts of subcubefs and slowfs, of root and of an ordinary user."""

import os
import subprocess
import time

import machine
import programs
from measure import Skip

NOBODY = 65534


class SameUser:
    """Runs commands as they are."""

    prefix = []

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        pass


class OrdinaryUser(SameUser):
    """Runs commands as nobody, in a mount namespace where everyone may use /dev/fuse."""

    def __init__(self, directory):
        self.device = os.path.join(directory, "fuse")
        self.process = None

    def __enter__(self):
        if not machine.is_root():
            return self
        for name in ("unshare", "nsenter", "setpriv"):
            machine.need_program(name)
        if not os.path.exists(self.device):
            os.mknod(self.device, 0o666 | 0o020000, os.stat("/dev/fuse").st_rdev)
        os.chmod(self.device, 0o666)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             # Copies of others' mounts would keep them from ending.
             'umount -l -a -t fuse.subcubefs,fuse.slowfs 2>/dev/null; '
             'mount --bind "$1" /dev/fuse && echo ready && read end', "sh", self.device],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Skip("no mount namespace where an ordinary user could use /dev/fuse")
        self.prefix = ["nsenter", "--target", str(self.process.pid), "--mount", "--", "setpriv",
                       "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", "--inh-caps=-all", "--"]
        return self

    def __exit__(self, *ignored):
        if self.process:
            self.process.communicate("\n")
        if os.path.exists(self.device):
            os.unlink(self.device)

    def own(self, path):
        """Let the user write in the directory `path`."""
        os.makedirs(path, exist_ok=True)
        if machine.is_root():
            os.chown(path, NOBODY, NOBODY)

    def need_read(self, path):
        if subprocess.run(self.prefix + ["test", "-r", path, "-a", "-x", os.path.dirname(path)]).returncode:
            raise Skip("an ordinary user cannot read %s" % path)


class Mount:
    """`with Mount(command, mountpoint) as mnt:` mounts and unmounts; mnt.seconds is how long it took to answer."""

    def __init__(self, command, mountpoint, user=None):
        self.command = [str(c) for c in command]
        self.path = str(mountpoint)
        self.user = user or SameUser()
        self.seconds = None

    def __enter__(self):
        reason = programs.fuse_missing()
        if reason:
            raise Skip("cannot mount: " + reason)
        os.makedirs(self.path, exist_ok=True)
        if isinstance(self.user, OrdinaryUser):
            self.user.own(self.path)
        start = time.monotonic()
        machine.run(self.user.prefix + self.command + [self.path])
        if not self.user.prefix:    # another user's mount answers that user only
            os.listdir(self.path)
        self.seconds = time.monotonic() - start
        return self

    def __exit__(self, *ignored):
        subprocess.run(self.user.prefix + ["fusermount3", "-u", self.path], stderr=subprocess.DEVNULL)
        if not programs.wait_until(lambda: not self.pids() and not programs.mountinfo(self.path)):
            programs.clean_up(self.path)
            raise RuntimeError("%s cannot be unmounted, or its process does not end" % self.path)

    def remount(self):
        """Nothing that the kernel or the program kept is left."""
        self.__exit__()
        self.__enter__()

    def pids(self):
        return programs.processes(self.path)

    def view(self, *inside):
        return os.path.join(self.path, *inside)

    def look(self, view="cube.image"):
        """Have the header of a view built."""
        machine.run(self.user.prefix + ["stat", "-L", self.view(view, "table.dat")])

    def resident_bytes(self):
        with open("/proc/%d/status" % self.pids()[0]) as stream:
            return next(int(line.split()[1]) * 1024 for line in stream if line.startswith("VmRSS"))
