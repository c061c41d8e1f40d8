"""Nobody sees through the mount what the parts' owners did not let them see.

Many families in one source, each with other owners, modes and ACLs. For three users and each file of each view: who can
read it in the mount could have read all that it is made of in the source.
"""

import os

import pytest

import access
import programs
from access import FEW_FILES, FILES, Families, change_all, compare, fill, own, set_acl


@pytest.fixture
def place(world):
    return access.prepare(world)


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
        # What the mount tells about itself may tell of a secret part's header.
        for path in (".subcubefs/status.json", ".subcubefs/log", "secret.image", "secret.image/table.dat", "secret.image/mask0/table.f0"):
            assert "Permission denied" in place.run(["cat", place.path("mnt", path)], user=user).stderr
