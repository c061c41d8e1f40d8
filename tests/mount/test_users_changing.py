"""Who may see a view when that changes under the mount: not more than the parts' owners let them see now."""

import os

import pytest

import access
import programs
from access import Families, own, set_acl, set_mode

FILE = "run.image/table.f0_TSM0"


@pytest.fixture
def place(world):
    return access.prepare(world)


def mounted(place, closing, looked_into):
    """A family that all may read, mounted by root, in directories that can be closed; which of them `closing` tells."""
    families = Families(place.path("source"), place.model)
    inner = place.make("source/run.workdirectory", "alice")
    parts = families.add("run", lambda parts: None, pattern="%s.workdirectory/run.n%d.image")
    outer = place.make("outer", "alice")
    os.chmod(place.path("source"), 0o755)
    os.rename(place.path("source"), outer + "/source")
    moved = {"part": parts[1], "between": inner, "source": place.path("source")}
    directory = outer if closing == "above" else moved[closing].replace(place.path("source"), outer + "/source")
    done = place.run([place.SUBCUBEFS, "-o", "allow_other", "--refresh=0.2", "--settle=0", outer + "/source", place.path("mnt")])
    assert (done.returncode, done.stderr) == (0, "")
    programs.age(outer)
    assert place.run(["ls", "-l", place.path("mnt")], user="bob").returncode == 0
    if looked_into:
        assert sees(place)
    return directory


def sees(place):
    return place.run(["head", "-c1", place.path("mnt", FILE)], user="bob").returncode == 0


@pytest.mark.parametrize("looked_into", [True, False], ids=["looked into before", "not looked into"])
@pytest.mark.parametrize("how", ["mode", "acl"])
@pytest.mark.parametrize("closing", ["part", "between", "source", "above"])
def test_a_directory_is_closed(place, closing, how, looked_into):
    directory = mounted(place, closing, looked_into)
    (set_mode(0o700) if how == "mode" else set_acl("bob", "-"))(directory)
    if looked_into or closing in ("source", "above"):
        assert programs.wait_until(lambda: not sees(place), pause_s=programs.UNWATCHED_S), "bob still sees what he may not"
    else:
        # There is nothing yet that he could have seen before.
        assert not sees(place)
