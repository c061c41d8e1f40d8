"""Nobody sees through the mount what the parts' owners did not let them see.

Many families in one source, each with other owners, modes and ACLs. For three users and each file of each view: who can
read it in the mount could have read all that it is made of in the source.
"""

import itertools
import json
import os
import shutil
import subprocess

import pytest

import programs
import synth
import users

WHO = ("alice", "bob", "carol")
# A file of the view -> what it is made of, in each part.
MADE_OF = {
    "table.dat": ("table.dat",),
    "table.f0_TSM0": ("table.f0_TSM0", "table.f0"),
    "mask0/table.f0_TSM0": ("mask0/table.f0_TSM0", "mask0/table.f0", "mask0/table.dat"),
    "logtable/table.f0": ("logtable/table.f0", "logtable/table.dat"),
}
FILES = ("table.dat", "table.f0", "table.f0_TSM0", "mask0/table.dat", "mask0/table.f0", "mask0/table.f0_TSM0",
         "logtable/table.dat", "logtable/table.f0")
FEW_FILES = ("table.dat", "table.f0_TSM0", "mask0/table.f0_TSM0", "logtable/table.f0")
DIRECTORIES = ("", "mask0", "logtable")
FILE_MODES = (0o600, 0o640, 0o604, 0o044)
DIRECTORY_MODES = (0o700, 0o750, 0o705, 0o744, 0o055)


def own(path, name, group=None):
    uid, gid, _ = users.IDS[name]
    os.chown(path, uid, users.GROUPS[group] if group else gid)


class Families:
    """Copies of one family, each changed by a recipe of what to do to which part."""

    def __init__(self, directory, model):
        self.directory, self.model, self.names, self.where = directory, model, [], {}

    def add(self, name, change, pattern="%s.subcube.%d.image"):
        parts = []
        for number in range(2):
            part = os.path.join(self.directory, pattern % (name, number))
            shutil.copytree(self.model[number], part)
            for base, _, files in os.walk(part):
                own(base, "alice", "astro")
                os.chmod(base, 0o755)
                for file in files:
                    own(os.path.join(base, file), "alice", "astro")
                    os.chmod(os.path.join(base, file), 0o644)
            parts.append(part)
        change(parts)
        self.names.append(name)
        self.where[name] = parts
        return parts

    def questions(self, mountpoint):
        """What each user is asked, in the mount and in the source."""
        asked = {}
        for name, (view_file, files) in itertools.product(self.names, MADE_OF.items()):
            asked["%s view %s" % (name, view_file)] = [os.path.join(mountpoint, name + ".image", view_file)]
            asked["%s parts %s" % (name, view_file)] = [os.path.join(p, f) for p in self.where[name] for f in files]
        return asked


def set_acl(name, rights):
    """The users have their names in the namespace only."""
    def change(path):
        subprocess.run(["setfacl", "-m", "u:%d:%s" % (users.IDS[name][0], rights), path], check=True)
    return change


def set_mode(mode):
    return lambda path: os.chmod(path, mode)


def fill(families, files=FILES):
    """Every change of each of the files and directories of one part, and some of both parts."""
    changes = [("file", files, "mode%03o" % m, set_mode(m)) for m in FILE_MODES]
    changes += [("dir", DIRECTORIES, "mode%03o" % m, set_mode(m)) for m in DIRECTORY_MODES]
    for kind, places in (("file", files), ("dir", DIRECTORIES)):
        changes += [(kind, places, "bobs", lambda path: own(path, "bob", "astro")),
                    (kind, places, "carols-group", lambda path: own(path, "alice", "carol")),
                    (kind, places, "acl-lets-carol", set_acl("carol", "rx")), (kind, places, "acl-refuses-bob", set_acl("bob", "-"))]
    for kind, places, what, change in changes:
        for place in places:
            families.add("%s-%s-%s" % (kind, place.replace("/", "_") or "part", what),
                         lambda parts, p=place, c=change: c(os.path.join(parts[1], p)))
    families.add("as-it-is", lambda parts: None)
    for mode in FILE_MODES:
        families.add("all-mode%03o" % mode, lambda parts, m=mode: [os.chmod(os.path.join(p, f), m) for p in parts for f in FILES])
    families.add("two-owners", lambda parts: [own(os.path.join(parts[1], f), "bob", "astro") for f in FILES + DIRECTORIES])
    families.add("no-owner-may", lambda parts: [os.chmod(os.path.join(p, f), m) for p, m in zip(parts, (0o640, 0o604))
                                                for f in FILES])


def set_acl_works(directory):
    try:
        return subprocess.run(["setfacl", "-m", "u:%d:r" % users.IDS["bob"][0], directory], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def ask(these, questions, user):
    done = subprocess.run(these.command(["/usr/bin/python3", these.path("probe.py")], user), input=json.dumps(questions), text=True,
                          stdout=subprocess.PIPE, check=True, timeout=300)
    return json.loads(done.stdout)


@pytest.fixture
def place(world):
    """Users, and a family to copy that has masks and a history."""
    these = world(user_allow_other=True)
    shutil.copy(os.path.join(programs.HERE, "access_probe.py"), these.path("probe.py"))
    synth.build(these.path("model"), synth.run([1, 1], masks=True, history=("observed",)), base="m")
    these.model = [these.path("model/m.subcube.%d.image" % n) for n in range(2)]
    these.make("source", "alice")
    these.make("mnt", "alice")
    if not set_acl_works(these.make("acl")):
        pytest.skip("no ACLs here")
    return these


def compare(these, families, mounting, record_fault, what, exact=()):
    """No user sees more in the mount than in the source. `exact`: families where he sees as much, too."""
    questions = families.questions(these.path("mnt"))
    tried = leaks = 0
    said, kept_back = [], []
    for user in WHO:
        found = ask(these, questions, user)
        for name, file in itertools.product(families.names, MADE_OF):
            view, parts = found["%s view %s" % (name, file)], found["%s parts %s" % (name, file)]
            # What the mounting user reads for himself he reads as himself; root and --user read as who they are.
            if user == mounting:
                continue
            tried += 1
            if view and not parts:
                leaks += 1
                said.append("%s sees %s of %s" % (user, file, name))
            if parts and not view and name in exact:
                kept_back.append("%s is kept from %s of %s" % (user, file, name))
    assert not said, "%d leaks: %s" % (len(said), "; ".join(said[:40]))
    assert not kept_back, kept_back
    record_fault("Other users", what, tried, wrong=leaks)


@pytest.mark.parametrize("mounting", ["root", "alice", "--user=alice"])
def test_nobody_sees_more_than_in_the_source(place, mounting, record_fault):
    families = Families(place.path("source"), place.model)
    fill(families, FILES if mounting == "root" else FEW_FILES)
    options = ["--user=alice"] if mounting.startswith("--user") else ["-o", "allow_other"]
    done = place.run([place.SUBCUBEFS, "--history=all", *options, place.path("source"), place.path("mnt")],
                     user="alice" if mounting == "alice" else None)
    assert (done.returncode, done.stderr) == (0, "")
    assert "default_permissions" in place.mountinfo(place.path("mnt"))[-1].split(",")
    exact = {"as-it-is", *("all-mode%03o" % m for m in (0o640, 0o604))}
    compare(place, families, mounting.replace("--user=", ""), record_fault, "views of parts with other owners, modes, ACLs, mounted by " + mounting, exact)


def change_all(parts, mode):
    for part, place in itertools.product(parts, FILES + DIRECTORIES):
        os.chmod(os.path.join(part, place), mode | (0o111 if place in DIRECTORIES else 0))


@pytest.mark.parametrize("mode, acl", [(0o700, None), (0o750, None), (0o711, None), (0o755, "bob")])
def test_directories_between_the_source_and_the_parts(place, mode, acl, record_fault):
    """Parts in a directory of their own, as CASA's parallel runs leave them; modes of the parts are open to all."""
    families = Families(place.path("source"), place.model)
    place.make("source/run.workdirectory", "alice")
    own(place.path("source/run.workdirectory"), "alice", "astro")
    parts = families.add("run", lambda parts: None, pattern="%s.workdirectory/run.n%d.image")
    os.chmod(os.path.dirname(parts[0]), mode)
    if acl:
        set_acl(acl, "-")(os.path.dirname(parts[0]))
    done = place.run([place.SUBCUBEFS, "-o", "allow_other", place.path("source"), place.path("mnt")])
    assert (done.returncode, done.stderr) == (0, "")
    compare(place, families, "root", record_fault, "views of parts in a directory that not all may pass",
            exact=() if acl else {"run"})


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_a_source_that_not_all_may_reach(place, mode, record_fault):
    families = Families(place.path("source"), place.model)
    families.add("open", lambda parts: None)
    os.chmod(place.path("source"), 0o755)
    hidden = place.make("hidden", "alice")
    os.rename(place.path("source"), hidden + "/source")
    families.where["open"] = [p.replace(place.path("source"), hidden + "/source") for p in families.where["open"]]
    os.chmod(hidden, mode)
    done = place.run([place.SUBCUBEFS, "-o", "allow_other", hidden + "/source", place.path("mnt")], user="alice")
    assert (done.returncode, done.stderr) == (0, "")
    compare(place, families, "alice", record_fault, "views of a source that not all may reach",
            exact={"open"} if mode == 0o755 else ())


@pytest.mark.parametrize("what", ["directory of a part", "mask", "parts"])
def test_a_virtual_image_is_as_closed_as_its_parts(place, what, record_fault):
    """imageconcat.json names parts elsewhere in the source: the image's own directory says nothing of them."""
    families = Families(place.path("source"), place.model)
    parts = families.add("v", lambda parts: None)
    done = programs.materialize("-m", "nomovevirtual", place.path("source/v"))
    assert done.returncode == 0, done.stderr
    for name in ("", "imageconcat.json"):
        path = place.path("source/v.image", name)
        own(path, "alice", "astro")
        os.chmod(path, 0o755)
    if what == "parts":
        change_all(parts, 0o600)
    else:
        os.chmod(os.path.join(parts[1], "mask0" if what == "mask" else ""), 0o700)
    done = place.run([place.SUBCUBEFS, "-o", "allow_other", place.path("source"), place.path("mnt")])
    assert (done.returncode, done.stderr) == (0, "")
    compare(place, families, "root", record_fault, "views of virtual images of parts that not all may read")


def test_without_allow_other_the_mounting_user_is_alone(place):
    families = Families(place.path("source"), place.model)
    families.add("open", lambda parts: None)
    done = place.run([place.SUBCUBEFS, place.path("source"), place.path("mnt")], user="alice")
    assert (done.returncode, done.stderr) == (0, "")
    for user, may in (("alice", True), ("bob", False), ("carol", False), (None, False)):
        listed = place.run(["ls", place.path("mnt")], user=user)
        assert (listed.returncode == 0) == may, user
        assert (place.run(["cat", place.path("mnt/open.image/table.dat")], user=user).returncode == 0) == may, user


def test_allow_other_has_the_kernel_check(place):
    """Also when only allow_other was asked for, and whatever else was."""
    families = Families(place.path("source"), place.model)
    families.add("secret", lambda parts: change_all(parts, 0o600))
    done = place.run([place.SUBCUBEFS, "-o", "allow_other,noexec", place.path("source"), place.path("mnt")], user="alice")
    assert (done.returncode, done.stderr) == (0, "")
    assert "default_permissions" in place.mountinfo(place.path("mnt"))[-1].split(",")
    for user in ("bob", "carol"):
        for path in ("secret.image", "secret.image/table.dat", "secret.image/mask0/table.f0"):
            assert "Permission denied" in place.run(["cat", place.path("mnt", path)], user=user).stderr
