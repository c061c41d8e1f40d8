"""Other users, and what they need to mount, in a mount namespace of their own: nothing of the system is changed.

    with Users() as users:
        users.run([users.SUBCUBEFS, source, mountpoint], user="alice")

`users.directory` may be looked into by everybody, other than pytest's. Whatever was started is gone afterwards, and so
is what was mounted.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile

import programs

# name -> uid, gid, further groups
IDS = {
    "alice": (54321, 54321, (54400,)),
    "bob": (54322, 54322, (54400,)),
    "carol": (54323, 54323, ()),
}
GROUPS = {"alice": 54321, "bob": 54322, "carol": 54323, "astro": 54400}

SCRIPT = r"""
set -e
cd "$1"
mount -t tmpfs -o mode=755 none ns
mknod ns/fuse c 10 229
chmod 666 ns/fuse
cp passwd group fuse.conf ns
chmod 644 ns/passwd ns/group ns/fuse.conf
mount --bind ns/passwd /etc/passwd
mount --bind ns/group /etc/group
mount --bind ns/fuse.conf /etc/fuse.conf
mount --bind ns/fuse /dev/fuse
mount --bind "$2" build
mount -t fusectl none /sys/fs/fuse/connections 2>/dev/null || true
mkdir ns/home
for user in alice bob carol; do mkdir ns/home/$user; chown $user: ns/home/$user; done
echo ready
exec cat
"""


def missing():
    """Why there can be no other users here, or None."""
    if os.geteuid() != 0:
        return "only root can become other users"
    for program in ("unshare", "nsenter", "setpriv", "fusermount3"):
        if not shutil.which(program):
            return program + " is not installed"
    return None


class CannotMakeUsers(Exception):
    pass


def drop_to(user):
    """The beginning of a command that runs as this user."""
    uid, gid, more = IDS[user]
    groups = ["--groups", ",".join(str(g) for g in more)] if more else ["--clear-groups"]
    return ["setpriv", "--reuid", str(uid), "--regid", str(gid), *groups, "--"]


class Users:
    def __init__(self, user_allow_other=False):
        self.user_allow_other = user_allow_other

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="subcubefs-users-")
        os.chmod(self.directory, 0o755)
        for name in ("ns", "build", "reports"):
            os.mkdir(self.path(name))
        os.chmod(self.path("reports"), 0o1777)
        with open("/etc/passwd") as old, open(self.path("passwd"), "w") as new:
            new.write(old.read())
            for name, (uid, gid, _) in IDS.items():
                new.write("%s:x:%d:%d::%s:/bin/sh\n" % (name, uid, gid, self.path("ns/home/" + name)))
        with open("/etc/group") as old, open(self.path("group"), "w") as new:
            new.write(old.read())
            for name, gid in GROUPS.items():
                new.write("%s:x:%d:%s\n" % (name, gid, ",".join(u for u, i in IDS.items() if gid in i[2])))
        with open(self.path("fuse.conf"), "w") as conf:
            conf.write("user_allow_other\n" if self.user_allow_other else "# nothing\n")
        self.SUBCUBEFS = self.path("build/fs/subcubefs")
        # It ends when this process does: there is nobody to write to it.
        self.holder = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", programs.WITHOUT_OTHERS + SCRIPT, "sh",
                                        self.directory, programs.BUILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            said = self.holder.stderr.read()
            self.__exit__(None, None, None)
            raise CannotMakeUsers(said)
        return self

    def __exit__(self, kind, value, trace):
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()
        reports = self.reports()
        shutil.rmtree(self.directory)
        assert not reports, "the sanitizer reported:\n" + reports[:6000]

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def make(self, name, owner="root", mode=0o755):
        """A new directory of this user's."""
        os.mkdir(self.path(name))
        if owner != "root":
            os.chown(self.path(name), *IDS[owner][:2])
        os.chmod(self.path(name), mode)
        return self.path(name)

    def command(self, command, user=None):
        return ["nsenter", "-m", "-t", str(self.holder.pid), "--", *(drop_to(user) if user else []), *command]

    def environment(self, user):
        more = {"HOME": self.path("ns/home/" + user)} if user else {}
        own = {k: v for k, v in os.environ.items() if k not in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR")}
        # A sanitizer that cannot write its report ends the program: these users cannot where pytest's user can.
        for options in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            own[options] = re.sub("log_path=[^:]*", "log_path=" + self.path("reports/report"), own.get(options, ""))
        return dict(own, **more)

    def reports(self):
        """What sanitizers reported."""
        texts = [programs.whole(self.path("reports", name)) for name in sorted(os.listdir(self.path("reports")))]
        return b"".join(texts).decode(errors="replace")

    def run(self, command, user=None, **more):
        """Run in the namespace, as this user or as root."""
        return programs.run(self.command(command, user), env=self.environment(user), cwd="/", **more)

    def popen(self, command, user=None, **more):
        return subprocess.Popen(self.command(command, user), env=self.environment(user), cwd="/", text=True, **more)

    def mountinfo(self, path):
        return programs.mountinfo(path, self.holder.pid)

    def pids(self):
        """All that was started here and is still there."""
        found = []
        ours = os.readlink("/proc/%d/ns/mnt" % self.holder.pid)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/ns/mnt" % pid) == ours and int(pid) != self.holder.pid:
                    found.append(int(pid))
            except OSError:
                pass
        return found
