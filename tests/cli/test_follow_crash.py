"""--follow killed, interrupted, or failing at the calls by which it changes the disk: before all parts are there, and at its end."""

import errno
import os
import shutil
import signal

import pytest

import diskcalls
import following
import programs

NPARTS = 3

pytestmark = pytest.mark.soak


def calls(first, count, step):
    """Numbers of the calls at which something happens, a few of them; all under tools/soak."""
    if os.environ.get("SC_SOAK_SECONDS"):
        return range(1, count + 1)
    return range(first, count + 1, step * 2 if programs.is_sanitized() else step)


class Stage:
    """Two parts are there, the third comes when the test says so."""

    def __init__(self, directory, tiling):
        self.ground = following.Ground(directory)
        self.directory, self.tiling = str(directory), tiling
        self.made = following.family(count=NPARTS)
        self.ground.put(self.made, 0, 1)
        self.third = os.path.join(self.ground.scratch, "0", "cube.subcube.2.image")
        self.put_third()
        self.right = self.ground.plain("--tiling=" + tiling)
        self.take_third()
        # until the parts are old enough
        self.first(0, "").stop()

    def put_third(self):
        os.rename(self.third, os.path.join(self.ground.source, "cube.subcube.2.image"))

    def take_third(self):
        os.rename(os.path.join(self.ground.source, "cube.subcube.2.image"), self.third)

    def start(self, at, do):
        command = [a for a in self.ground.command("--no-cache", "-q", "--tiling=" + self.tiling, nparts=NPARTS)]
        command[command.index("-j") + 1] = "1"
        return diskcalls.Run(self.ground.out, self.directory, command, at, do)

    def first(self, at, do):
        return First(self, at, do)

    def clear(self):
        shutil.rmtree(self.ground.out)
        os.makedirs(self.ground.out)
        if not os.path.exists(self.third):
            self.take_third()

    def ends_well(self):
        """Run again, whatever was left, it makes the image, and nothing else is left."""
        if not os.path.exists(self.third):
            done = self.start(0, "").end()
        else:
            self.put_third()
            done = self.start(0, "").end()
        assert done.returncode == 0 or done.returncode == 2 and "exists" in done.stderr, done.stderr
        assert os.listdir(self.ground.out) == ["cube.image"]
        assert programs.tree(self.ground.image()) == self.right


class First:
    """A run that copies two parts, and then waits for the third."""

    def __init__(self, stage, at, do):
        self.stage, self.run = stage, stage.start(at, do)

    def stop(self, number=signal.SIGTERM):
        """It is stopped when it has noted that they are copied, unless it ended before."""
        def is_over():
            return os.path.exists(self.stage.ground.state()) or self.run.process.poll() is not None
        assert programs.wait_until(is_over, 60)
        if self.run.process.poll() is None:
            self.run.process.send_signal(number)
        return self.run.end()


@pytest.fixture(params=["keep", "5,4,1,3"])
def stage(request, tmp_path):
    return Stage(tmp_path, request.param)


def test_killed_before_the_last_part(stage, record_fault):
    stage.clear()
    count, tried = stage.first(0, "").stop().count, 0
    for at in calls(1, count, 4):
        stage.clear()
        stage.first(at, "kill").stop(signal.SIGKILL)
        stage.ends_well()
        tried += 1
    assert tried > 2
    record_fault("Materializer", "--follow killed (-9) at a call before the last subcube, then run again", tried)


def test_what_is_noted_is_synced_before(stage):
    stage.clear()
    dirty, noted = set(), 0
    for _, call, *arguments in stage.first(0, "").stop().tape:
        if call == "write":
            dirty.add(arguments[0])
        elif call == "sync":
            dirty.discard(arguments[0])
        elif call == "rename":
            assert arguments[3] == "state" and dirty == set()
            noted += 1
    assert noted == 1


def test_what_is_written_over_is_forgotten_before(stage):
    """A copied part goes, what is blank in its place is written, that run is killed, and the very same part comes back."""
    def begin():
        stage.clear()
        stage.first(0, "").stop()
        stage.put_third()
        os.rename(part, away)
    part, away = (os.path.join(d, "cube.subcube.1.image") for d in (stage.ground.source, stage.ground.scratch))
    command = stage.ground.command("-q", "--missing=blank", "--tiling=" + stage.tiling, follow="--follow=stdin", nparts=NPARTS)
    command = ["sh", "-c", 'echo 0 1 2 | exec "$@"', "sh", *command]
    begin()
    tape = diskcalls.run(stage.ground.out, stage.directory, command).tape
    os.rename(away, part)
    written = [line[1] for line in tape].index("unlink") - 1
    begin()
    diskcalls.run(stage.ground.out, stage.directory, command, int(tape[written][0]), "kill")
    assert os.path.exists(stage.ground.state()) and not os.path.exists(stage.ground.image())
    os.rename(away, part)
    stage.ends_well()


def kill_a_copier(stage, begin, is_over):
    """A run of which one copying process, at work on the pixels, is killed, as the kernel does where memory is short."""
    begin()
    inode = str(os.stat(stage.ground.copied_file()).st_ino)
    run = stage.start(0, "")
    assert programs.wait_until(lambda: is_over(run), 60)
    if run.process.poll() is None:
        run.process.send_signal(signal.SIGTERM)
    at = next(int(line[0]) for line in run.end().tape if line[1] == "write" and line[2].endswith(":" + inode))
    stage.clear()
    begin()
    run = stage.start(at, "hold")
    run.held()
    [child] = programs.whole("/proc/%d/task/%d/children" % (run.process.pid, run.process.pid)).split()
    os.kill(int(child), signal.SIGKILL)
    done = run.end()
    assert done.returncode == 1 and done.stderr.count("killed by signal 9") >= 1, done.stderr
    assert "what was copied is kept, and the same command goes on with it" in done.stderr, done.stderr
    assert os.path.exists(stage.ground.state()) and os.path.exists(stage.ground.copied_file()), done.stderr
    assert not os.path.exists(stage.ground.image())


def test_a_copying_process_is_killed_before_the_last_part(tmp_path):
    stage = Stage(tmp_path, "keep")
    second, away = (os.path.join(d, "cube.subcube.1.image") for d in (stage.ground.source, stage.ground.scratch))

    def begin():
        os.rename(second, away)
        stage.first(0, "").stop()
        os.rename(away, second)
        begin.state = os.stat(stage.ground.state()).st_ino
    stage.clear()
    kill_a_copier(stage, begin, lambda run: os.stat(stage.ground.state()).st_ino != begin.state)
    # that the first part is not copied again is seen by what was done to the copy meanwhile
    following.spoil(stage.ground.copied_file(), at=0)
    stage.put_third()
    done = stage.start(0, "").end()
    assert done.returncode == 0, done.stderr
    spoiled = programs.tree(stage.ground.image())
    assert [k for k in stage.right if spoiled[k] != stage.right[k]] == ["table.f0_TSM0"]
    assert spoiled["table.f0_TSM0"][1:] == stage.right["table.f0_TSM0"][1:]


def test_a_copying_process_is_killed_at_the_end(stage):
    def begin():
        stage.first(0, "").stop()
        stage.put_third()
    stage.clear()
    kill_a_copier(stage, begin, lambda run: run.process.poll() is not None)
    stage.ends_well()


WAYS = {"kill": -9, "signal 2": 130, "full %d" % errno.ENOSPC: 1, "fail %d" % errno.EIO: 1}


@pytest.mark.parametrize("do", WAYS)
def test_at_its_end(stage, do, record_fault):
    def begin():
        stage.clear()
        stage.first(0, "").stop()
        assert os.path.exists(stage.ground.state())
        stage.put_third()
    begin()
    whole, tried = stage.start(0, "").end(), 0
    assert whole.returncode == 0
    for at in calls(1 + list(WAYS).index(do), whole.count, 9):
        begin()
        done = stage.start(at, do).end()
        assert done.returncode in (0, WAYS[do]), (at, done.returncode, done.stderr)
        if done.returncode == 1 and do.startswith("full"):
            # when it could not even begin, what was copied before is still there
            assert os.listdir(stage.ground.out) == [] or os.path.exists(stage.ground.state()), (at, done.stderr)
        stage.ends_well()
        tried += 1
    assert tried > 2
    record_fault("Materializer", "--follow, at a call after the last subcube: %s; then run again" % do, tried)
