"""subcube-materialize and a power loss after each of its calls: whatever was not synced may be gone (powerloss.py)."""

import os
import re
import shutil

import crashes
import powerloss
import programs
from crashes import stage   # noqa: F401, a fixture


def whole_or_absent(stage, tree):
    """The image is what it was, what it becomes, or says that it is unfinished."""
    name = "run/cube.image"

    def image(of):
        return {k: v for k, v in of.items() if k == name or k.startswith(name + "/")}
    return image(tree) in (image(stage.first), image(stage.last), image(stage.loose)) or \
        name + "/subcube-move.journal" in tree


def refuses_other_parts(stage, tree):
    """These are copies, no longer the files that were compared with the image; that the same ones go, other tests see."""
    for arguments in ([], ["--overwrite"], ["--resume"]):
        done = programs.run(crashes.command(stage.root, arguments))
        assert done.returncode == (1 if arguments == ["--resume"] else 2), done.stderr
        programs.assert_message(done.stderr, ["changed since"] if arguments == ["--resume"] else ["cube.image", "--resume"])
    now = programs.tree(stage.root)
    assert {k: v for k, v in now.items() if "run/." not in k} == {k: v for k, v in tree.items() if "run/." not in k}


def test_power_loss_after_every_call(stage, record_fault):
    disk_states, recovered, tried, lost = set(), set(), 0, []
    stage.reset()
    disk = powerloss.Disk(stage.root)
    tape = stage.play().tape
    for number, how, tree in powerloss.states(disk, tape, powerloss.seeded()):
        tried += 1
        digest = powerloss.digest(tree)
        if digest in disk_states:
            continue
        disk_states.add(digest)
        problem = crashes.lost_parts(stage.loose, tree, stage.last)
        if problem or not whole_or_absent(stage, tree):
            lost.append((number, how, problem, sorted(k for k in tree if ".subcube." not in k)))
            continue
        # what is in the work directory's image does not matter: it is cleared, or was whole before it got a name
        outline = powerloss.digest({k: v for k, v in tree.items() if not re.search(r"subcube-materialize/image/", k)})
        if outline in recovered:
            continue
        recovered.add(outline)
        shutil.rmtree(stage.root)
        os.mkdir(stage.root)
        powerloss.write(tree, stage.root)
        crashes.same_times(stage.root)
        if any(k.endswith("/removal") for k in tree) and any(k.startswith("run/cube.subcube") for k in tree):
            refuses_other_parts(stage, tree)
        else:
            stage.recover()
    assert lost == [], lost[:3]
    assert len(disk_states) > 5
    record_fault("Materializer", "power lost after each call that changes the disk, unsynced names and bytes dropped in several ways",
                 tried, lost=len(lost))
