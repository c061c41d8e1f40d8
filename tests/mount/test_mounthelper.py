"""mount(8) and /etc/fstab: `mount -t subcubefs`, in a mount namespace where mount.subcubefs is installed."""

import os
import shutil

import pytest

import programs
import synth
import users

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a mount namespace")

# Debian's mount looks for its helpers here.
HELPERS = "/usr/sbin"


@pytest.fixture
def script(tmp_path):
    """script(text): runs a shell script with `set -e` there, where FSTAB stands for /etc/fstab. Nothing of it remains."""
    helpers = tmp_path / "sbin"
    helpers.mkdir()
    (helpers / "mount.subcubefs").symlink_to(programs.SUBCUBEFS)
    (tmp_path / "mnt").mkdir()
    (tmp_path / "fstab").write_text("")
    prologue = "set -e\ncd %s\ntrap 'umount -l mnt 2>/dev/null || :' EXIT\nmount --bind sbin %s\nmount --bind fstab /etc/fstab\n"

    def run(text):
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                   programs.WITHOUT_OTHERS + prologue % (tmp_path, HELPERS) + text]
        done = programs.run(command)
        mountpoint = str(tmp_path / "mnt")
        assert programs.wait_until(lambda: not programs.processes(mountpoint)), "unmounted, but still served"
        return done
    yield run
    programs.clean_up(str(tmp_path / "mnt"))


def test_mounting_and_unmounting(script, small):
    done = script("mount -t subcubefs %s mnt\nls mnt\ngrep /mnt /proc/self/mountinfo\n"
                  "cat mnt/cube.psf/table.f0_TSM0 | wc -c\numount mnt\nls mnt\n" % small[0])
    assert done.returncode == 0, done.stderr
    assert "cube.image\ncube.psf\n" in done.stdout
    assert "fuse.subcubefs %s ro," % small[0] in done.stdout
    assert "default_permissions" in done.stdout
    assert done.stdout.splitlines()[-1] == str(os.path.getsize(small[0] + "/cube.subcube.0.image/table.f0_TSM0") * 3)


def test_a_line_in_fstab(script, small, tmp_path):
    source, _ = small
    shutil.rmtree(source + "/cube.subcube.2.image")
    (tmp_path / "fstab").write_text(
        "%s/cube %s/mnt subcubefs nparts=4,missing=blank,allow_other,noauto,nofail,_netdev,x-systemd.automount,"
        "x-systemd.idle-timeout=10min,fsname=mine,log=%s/log 0 0\n" % (source, tmp_path, tmp_path))
    done = script("mount mnt\nls mnt\ncat mnt/cube.image/table.dat >/dev/null\ngrep /mnt /proc/self/mountinfo\numount mnt\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cube.image\ncube.psf\n")
    assert "fuse.subcubefs mine ro," in done.stdout and "allow_other" in done.stdout
    log = (tmp_path / "log").read_text()
    programs.assert_message(log, ["cube.subcube.2.image", "missing"])
    programs.assert_message(log, ["cube.subcube.3.image", "missing"])


def test_what_would_be_mounted_is_not(script, small):
    done = script("mount --fake -t subcubefs %s mnt\nls mnt\n" % small[0])
    assert (done.returncode, done.stdout) == (0, "")


def test_values_with_commas(script, small, tmp_path):
    """A comma in a value has a backslash before it, or is quoted, as in context="a,b"."""
    for number in (0, 1):
        shutil.copytree(small[0] + "/cube.subcube.%d.image" % number, str(tmp_path / "s" / ("cube,%d.image" % number)))
    done = script("mount.subcubefs s mnt -o 'rw,pattern={base}\\,{n}{ext},nparts=2'\nls mnt\numount mnt\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "cube.image\n"


@pytest.mark.parametrize("options, words", [
    ("nonsense=3", ["unknown mount option", "nonsense=3"]),
    ("nparts=x", ["--nparts", "'x'"]),
    ("max_read=many", ["mount options", "max_read=many"]),
    ("foreground", ["unknown mount option", "foreground"]),
    ("help", ["unknown mount option", "help"]),
])
def test_what_is_not_understood_is_said(script, small, options, words):
    done = script("mount -t subcubefs %s mnt -o %s\n" % (small[0], options))
    assert done.returncode != 0
    programs.assert_message(done.stderr, words)


def test_what_cannot_be_mounted_is_said(script, tmp_path):
    (tmp_path / "empty").mkdir()
    done = script("mount -t subcubefs empty mnt\n")
    assert done.returncode != 0
    programs.assert_message(done.stderr, ["No subcube files found in"])


@pytest.mark.parametrize("arguments, words", [([], ["SOURCE"]), (["a"], ["MOUNTPOINT"]), (["-q", "a", "b"], ["-q"])])
def test_a_wrong_call(tmp_path, arguments, words):
    (tmp_path / "mount.subcubefs").symlink_to(programs.SUBCUBEFS)
    done = programs.run([tmp_path / "mount.subcubefs", *arguments])
    assert done.returncode == 2
    programs.assert_message(done.stderr, words)


# ---- other users ----

@pytest.fixture
def place(world):
    """Users, a family that all may read, alice's mountpoint, mount.subcubefs, and a line in fstab for users."""
    these = world()
    synth.build(these.path("source"), synth.run([2, 2]))
    os.chmod(these.path("source"), 0o755)
    these.make("mnt", "alice")
    these.make("sbin")
    os.symlink(these.SUBCUBEFS, these.path("sbin/mount.subcubefs"))
    with open(these.path("fstab"), "w") as stream:
        stream.write("%s %s subcubefs user,noauto 0 0\n" % (these.path("source"), these.path("mnt")))
    os.chmod(these.path("fstab"), 0o644)
    for what, where in (("sbin", HELPERS), ("fstab", "/etc/fstab")):
        assert these.run(["mount", "--bind", these.path(what), where]).returncode == 0
    return these


def test_a_user_mounts_and_unmounts(place):
    mountpoint = place.path("mnt")
    done = place.run(["mount", mountpoint], user="alice")
    assert done.returncode == 0, done.stderr
    assert "user_id=%d" % users.IDS["alice"][0] in place.mountinfo(mountpoint)[-1].split(",")
    assert place.run(["ls", mountpoint], user="alice").stdout == "cube.image\n"
    done = place.run(["umount", mountpoint], user="alice")
    assert done.returncode == 0, done.stderr
    assert not place.mountinfo(mountpoint)


def test_root_names_the_user_that_serves(place):
    mountpoint = place.path("mnt")
    done = place.run(["mount", "-t", "subcubefs", "-o", "user=bob", place.path("source"), mountpoint])
    assert done.returncode == 0, done.stderr
    [pid] = [p for p in programs.processes(mountpoint) if p in place.pids()]
    with open("/proc/%d/status" % pid) as stream:
        assert "\nUid:\t%d\t" % users.IDS["bob"][0] in stream.read()
    assert place.run(["ls", mountpoint], user="carol").stdout == "cube.image\n"
    assert place.run(["umount", mountpoint]).returncode == 0
