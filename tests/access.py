"""Families with other owners, modes and ACLs, and who can read what of them in a mount and in the source."""

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


def prepare(world):
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


def change_all(parts, mode):
    for part, place in itertools.product(parts, FILES + DIRECTORIES):
        os.chmod(os.path.join(part, place), mode | (0o111 if place in DIRECTORIES else 0))
