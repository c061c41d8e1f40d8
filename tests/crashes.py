"""What subcube-materialize does to a small directory in each of its modes, and what is to be done after it was stopped in between."""

import os
import shutil
import tempfile

import pytest

import diskcalls
import families
import programs
import synth

COMMON = ["-q", "--no-cache", "-j", "1"]


class Scenario:
    """`before`: command lines that lead from loose parts to where it begins. `undone`: after a crash all is put back."""

    def __init__(self, name, arguments, before=(), interrupted=None, undone=False):
        self.name, self.arguments, self.before = name, arguments, before
        self.interrupted, self.undone = interrupted, undone

    def __repr__(self):
        return self.name


OVERWRITE = [["--tiling", "2,2,1,1"]]
SCENARIOS = [
    Scenario("paged", []),
    Scenario("paged-keep", ["--tiling", "keep"]),
    Scenario("verify", ["--verify", "--tiling", "3,2,1,2"]),
    Scenario("overwrite", ["--overwrite"], OVERWRITE),
    Scenario("nomovevirtual", ["-m", "n"]),
    Scenario("copyvirtual", ["-m", "c"]),
    Scenario("movevirtual", ["-m", "m"]),
    Scenario("movevirtual-undone", ["-m", "m"], undone=True),
    Scenario("movevirtual-overwrite", ["-m", "m", "--overwrite"], OVERWRITE),
    Scenario("movevirtual-overwrite-undone", ["-m", "m", "--overwrite"], OVERWRITE, undone=True),
    Scenario("undo", ["--undo"], [["-m", "m"]]),
    Scenario("resume", ["--resume"], interrupted=["-m", "m"]),
    Scenario("undo-of-an-interrupted-move", ["--undo"], interrupted=["-m", "m"]),
    Scenario("remove-subcubes", ["--remove-subcubes"]),
    Scenario("copyvirtual-remove-subcubes", ["-m", "c", "--remove-subcubes"]),
    Scenario("overwrite-remove-subcubes", ["--overwrite", "--remove-subcubes"], OVERWRITE),
]


def command(root, arguments):
    return [programs.MATERIALIZE, *COMMON, *arguments, root + "/run/cube"]


def same_times(root):
    """The history that an image gets has the time of its parts."""
    for base, directories, files in os.walk(root):
        for name in files + directories:
            os.utime(os.path.join(base, name), (1_600_000_000, 1_600_000_000))


class Stage:
    """A directory in which a scenario is played again and again from its beginning."""

    def __init__(self, scenario, parts, where):
        self.scenario = scenario
        # in memory, where there is such a place: what is tried here does not depend on a disk, which would take its time
        self.memory = tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else str(where))
        self.where = self.memory.name
        self.root, self.begin = self.where + "/root", self.where + "/begin"
        synth.build(self.begin + "/run", parts)
        families.remove_locks(self.begin)
        self.loose = programs.tree(self.begin)
        self._prepare()
        self.first = programs.tree(self.begin)
        self.reset()
        self.outcome = diskcalls.run(self.root, self.where, command(self.root, scenario.arguments))
        assert self.outcome.returncode == 0, self.outcome.stderr
        self.last = programs.tree(self.root)
        assert self.last != self.first

    def _prepare(self):
        scenario = self.scenario
        self.reset()
        for arguments in scenario.before:
            done = programs.run(command(self.root, arguments))
            assert done.returncode == 0, done.stderr
        if scenario.interrupted:
            whole = diskcalls.run(self.root, self.where, command(self.root, scenario.interrupted))
            first_part = diskcalls.number_of(whole.tape, "rename", r"cube\.subcube\.0\.image")
            self.reset()
            stopped = diskcalls.run(self.root, self.where, command(self.root, scenario.interrupted), first_part, "kill")
            assert stopped.returncode == -9
        shutil.rmtree(self.begin)
        shutil.move(self.root, self.begin)

    def reset(self):
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.begin, self.root, symlinks=True)
        same_times(self.root)

    def play(self, at=0, do="", *arguments):
        return diskcalls.run(self.root, self.where, command(self.root, [*self.scenario.arguments, *arguments]), at, do)

    def assert_nothing_lost(self):
        """Every byte of every part is in one place, or in the image that is there in its place."""
        now = programs.tree(self.root)
        assert lost_parts(self.loose, now, self.last) == [], sorted(now)
        name = "run/cube.image"
        image = {k: v for k, v in now.items() if k.startswith(name)}
        unfinished = {k for k in now if os.path.basename(k).startswith("subcube-move.journal")}
        states = [{k: v for k, v in tree.items() if k.startswith(name)} for tree in (self.first, self.last, self.loose)]
        assert unfinished or image in states, sorted(image)

    def recover(self):
        """Runs it again, or does what that says; then everything must be as if nothing had happened."""
        scenario = self.scenario
        done = programs.run(command(self.root, scenario.arguments))
        if done.returncode == 2 and "--resume" in done.stderr:
            action = "--undo" if scenario.undone and "--undo" in done.stderr else "--resume"
            done = programs.run(command(self.root, [action]))
            assert done.returncode == 0, done.stderr
            if action == "--undo":
                self._assert_tree(self.first)
                return
        if done.returncode == 2 and "--overwrite replaces it" in done.stderr and programs.tree(self.root) != self.last:
            # complete, but its parts are all there yet
            done = programs.run(command(self.root, ["--overwrite", *scenario.arguments]))
        if done.returncode == 2 and programs.tree(self.root) == dict(self.loose, **self.last):
            return      # complete, and so are its parts: copies in a virtual image are never replaced
        complete = done.returncode in (2, 3) and programs.tree(self.root) == self.last
        assert done.returncode == 0 or complete, (done.returncode, done.stderr, sorted(programs.tree(self.root)))
        self._assert_tree(self.last)
        if scenario.undone:
            done = programs.run(command(self.root, ["--undo"]))
            assert done.returncode == 0, done.stderr
            self._assert_tree(self.loose)

    def _assert_tree(self, wanted):
        now = programs.tree(self.root)
        assert sorted(now) == sorted(wanted)
        differ = [k for k in now if now[k] != wanted[k]]
        assert differ == []


@pytest.fixture(params=SCENARIOS, ids=repr)
def stage(request, tmp_path):
    """Each scenario with two parts of one channel."""
    stage = Stage(request.param, synth.run([1, 1], ny=3, nx=4, masks=True), tmp_path)
    yield stage
    stage.memory.cleanup()


def lost_parts(loose, now, last):
    """Files of the parts that are neither where they were nor in the image, while that is not complete."""
    image = {k: v for k, v in last.items() if k.startswith("run/cube.image")}
    if image and all(now.get(k, 0) == v for k, v in image.items()):
        inside = any("cube.subcube.0.image" in k for k in image)
        if inside or not any(".subcube." in k for k in last):
            return []
    there = {}
    for path, content in now.items():
        at = path.find("cube.subcube.")
        if at >= 0 and "subcube-materialize" not in path:
            there.setdefault(path[at:], []).append(content)
    return [k for k, v in loose.items() if ".subcube." in k and v not in there.get(k[k.find("cube.subcube."):], [])]
