"""--follow: each part is copied as it is finished; what comes out is what a run makes that begins when all is there."""

import fcntl
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

import disks
import following
import judge
import live
import programs
import synth
from following import Following, family

TILINGS = ["keep", "casa", "5,4,1,3"]


@pytest.fixture
def ground(tmp_path):
    return following.Ground(tmp_path)


def assert_made(ground, *options, ext=".image"):
    """The image is there, byte for byte that of a plain run, and nothing else is."""
    assert programs.tree(ground.image(ext)) == ground.plain(*options, ext=ext)
    assert [n for n in os.listdir(ground.out) if n.startswith(".cube" + ext)] == []


@pytest.mark.parametrize("tiling", TILINGS)
def test_parts_in_any_order(ground, tiling):
    made = family()
    option = "--tiling=" + tiling
    with Following(ground, option) as run:
        ground.put(made, 3, 0)
        ground.put(made, 4, ext=".psf")
        # a casa tile of this small cube is all of its channels
        run.reaches(expected=5, settled=2, copied={"keep": 2, "casa": 0, "5,4,1,3": 0}[tiling])
        ground.put(made, 2, 4)
        run.reaches(settled=4, copied={"keep": 4, "casa": 0, "5,4,1,3": 2}[tiling])
        ground.put(made, 0, 3, 2, 1, ext=".psf")
        assert os.listdir(ground.out) and not os.path.exists(ground.image())
        ground.put(made, 1)
        run.ends()
    for ext in (".image", ".psf"):
        assert_made(ground, option, ext=ext)
        judge.assert_same(judge.one(ground.image(ext)), synth.truth(made), keys=["shape", "pixels_sha256", "mask_sha256"])


def test_numbers_on_standard_input(ground):
    made = family()
    ground.put(made, *range(5))
    with live.being_written(*[os.path.join(ground.source, synth.name(n)) for n in range(2)]):
        # whoever says that a part is finished is believed; but what is changed all the time is not copied yet
        with Following(ground, "--tiling=keep", follow="--follow=stdin") as run:
            run.say("3\n4 ")
            run.copies(2)
            run.say("2 0\n3")
            run.reaches(settled=4, copied=3)
    with Following(ground, "--tiling=keep", follow="--follow=stdin") as run:
        run.say("0 1 2 3 4")
        run.say_no_more()
        run.ends()
    assert_made(ground, "--tiling=keep")


def test_standard_input_that_ends_too_early(ground):
    ground.put(family(), *range(5))
    with Following(ground, "--tiling=keep", follow="--follow=stdin") as run:
        run.say("0\n2\n")
        run.copies(2)
        run.say_no_more()
        err = run.ends(1)
        programs.assert_message(err, ["2 of 5", "kept"])
    assert os.path.exists(ground.state()) and not os.path.exists(ground.image())


def test_all_numbers_of_parts_that_are_not_there(ground):
    """What is missing for good is told, and done, as without --follow."""
    made = family()
    ground.put(made, 0, 1, 3, 4)
    for options, status in ([], 1), (["--missing=blank"], 0):
        with Following(ground, "--tiling=keep", *options, follow="--follow=stdin") as run:
            run.say("0 1 2 3 4")
            run.say_no_more()
            err = run.ends(status)
            programs.assert_message(err, ["cube.subcube.2.image", "missing"])
    assert_made(ground, "--tiling=keep", "--missing=blank")


def test_a_part_that_was_copied_and_is_gone_at_the_end(ground):
    made = family()
    with Following(ground, "--tiling=keep", "--missing=blank", follow="--follow=stdin") as run:
        ground.put(made, 0, 1, 2, 4)
        run.say("0 1 2 4\n")
        run.copies(4)
        live.remove(ground.source, 1)
        live.remove(ground.source, 4)
        run.say("3\n")
        run.say_no_more()
        err = run.ends()
    programs.assert_message(err, ["cube.subcube.1.image", "missing"])
    assert_made(ground, "--tiling=keep", "--missing=blank", "--nparts=5")


@pytest.mark.parametrize("tiling", ["keep", "5,4,1,3"])
def test_a_part_that_is_rewritten_after_it_was_copied(ground, tiling):
    made, other = family(), family(value=10)
    option = "--tiling=" + tiling
    with Following(ground, option) as run:
        ground.put(made, 0, 1, 2)
        run.copies(3)
        ground.exchange(other, 1)
        ground.put(made, 3)
        run.copies(4 if tiling == "keep" else 3)
        # and at the very end, when nothing is copied ahead any more
        ground.exchange(other, 0)
        ground.put(made, 4)
        run.ends()
    assert_made(ground, option)
    truth = synth.truth([other[0], other[1], made[2], made[3], made[4]])
    judge.assert_same(judge.one(ground.image()), truth, keys=["pixels_sha256", "mask_sha256"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_one_that_was_stopped_goes_on(ground, number):
    made = family()
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 2)
        run.copies(2)
        err = run.stop(number)
        if number != signal.SIGKILL:
            programs.assert_message(err, ["signal", "kept", "same command"])
    assert not os.path.exists(ground.image()) and os.path.exists(ground.state())
    # that it is not copied again is seen by what was done to the copy meanwhile
    following.spoil(ground.copied_file(), at=0)
    ground.put(made, 1, 3, 4)
    with Following(ground, "--tiling=keep") as run:
        run.ends()
    spoiled, right = programs.tree(ground.image()), ground.plain("--tiling=keep")
    assert sorted(spoiled) == sorted(right) and [k for k in right if spoiled[k] != right[k]] == ["table.f0_TSM0"]
    assert spoiled["table.f0_TSM0"][1:] == right["table.f0_TSM0"][1:]


def damage_state(ground):
    """It is sound JSON still, but says that the last layer is copied."""
    text = programs.whole(ground.state())
    assert b'0"' in text
    with open(ground.state(), "wb") as stream:
        stream.write(text.replace(b'0"', b'1"'))


def cut_state(ground):
    os.truncate(ground.state(), 100)


def remove_state(ground):
    os.unlink(ground.state())


def exchange_the_copy(ground):
    """The same bytes and size, but not what was synced then."""
    shutil.copy(ground.copied_file(), ground.copied_file() + ".new")
    os.rename(ground.copied_file() + ".new", ground.copied_file())


def cut_the_copy(ground):
    os.truncate(ground.copied_file(), 8)


def link_the_copy(ground):
    """It may be the pixels of a finished image."""
    os.link(ground.copied_file(), ground.out + "/another")


def give_it_away(ground):
    """Somebody else who may write here could have made it up."""
    os.chown(os.path.dirname(ground.state()), 12345, 12345)


HARMS = [damage_state, cut_state, remove_state, exchange_the_copy, cut_the_copy, link_the_copy, give_it_away]


@pytest.mark.parametrize("harm", HARMS)
def test_a_state_that_is_no_good_is_as_none(ground, harm):
    made = family()
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 1, 2)
        run.copies(3)
        run.stop()
    if harm is give_it_away and os.geteuid() != 0:
        pytest.skip("only root can")
    following.spoil(ground.copied_file())
    harm(ground)
    ground.put(made, 3, 4)
    with Following(ground, "--tiling=keep") as run:
        run.ends()
    if harm is link_the_copy:
        assert set(programs.whole(ground.out + "/another")) == {0x55}
        os.unlink(ground.out + "/another")
    assert_made(ground, "--tiling=keep")


def test_parts_that_changed_while_nobody_followed(ground):
    made, other = family(), family(value=10)
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 1, 2)
        run.copies(3)
        run.stop()
    ground.exchange(other, 1)
    ground.put(made, 3, 4)
    with Following(ground, "--tiling=keep") as run:
        run.ends()
    assert_made(ground, "--tiling=keep")


def test_another_tiling_starts_again(ground):
    made = family()
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 1, 2)
        run.copies(3)
        run.stop()
    ground.put(made, 3, 4)
    with Following(ground, "--tiling=5,4,1,3") as run:
        run.ends()
    assert_made(ground, "--tiling=5,4,1,3")


def test_a_run_without_it_starts_anew_and_clears_up(ground):
    made = family()
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 1)
        ground.put(made, 0, 1, ext=".psf")
        run.copies(2)
        run.copies(2, ext=".psf")
        run.stop()
    following.spoil(ground.copied_file())
    ground.put(made, 2, 3, 4)
    # of another extension it is left
    done = programs.materialize("-e", ".image", "--tiling=keep", "-o", ground.out + "/cube", ground.source + "/cube")
    assert done.returncode == 0, done.stderr
    assert_made(ground, "--tiling=keep")
    assert os.path.exists(ground.state(".psf"))


def test_no_other_may_work_on_the_same_meanwhile(ground):
    made = family()
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 1)
        run.copies(2)
        for options in (["-o", ground.out + "/cube"], ["-m", "m", "-o", ground.out + "/other"]):
            done = programs.materialize("--missing=skip", *options, ground.source + "/cube")
            assert done.returncode == 4, done.stderr
        done = programs.run(ground.command())
        assert done.returncode == 4
        programs.assert_message(done.stderr, ["cube.image", "at work", "--wait"])
        ground.put(made, 2, 3, 4)
        run.ends()
    assert_made(ground, "--tiling=keep")


def test_another_that_works_on_the_parts_is_waited_for_when_told_to(ground):
    made = family()
    ground.put(made, *range(5))
    part = os.open(os.path.join(ground.source, synth.name(0)), os.O_RDONLY)
    fcntl.flock(part, fcntl.LOCK_EX)
    with Following(ground, "--tiling=keep") as run:
        programs.assert_message(run.ends(4), ["cube.subcube.0.image", "--wait"])
    with Following(ground, "--tiling=keep", "--wait") as run:
        assert live.stays(lambda: run.process.poll() is None, 1)
        os.close(part)
        assert len(run.ends().splitlines()) == 1
    assert_made(ground, "--tiling=keep")


def test_extensions_that_are_asked_for_are_waited_for(ground):
    made = family()
    with Following(ground, "--tiling=keep", "-e", ".image,.psf") as run:
        ground.put(made, *range(5))
        run.copies(5)
        assert live.stays(lambda: run.process.poll() is None, 1)
        ground.put(made, *range(5), ext=".psf")
        run.ends()
    assert_made(ground, "--tiling=keep")
    assert_made(ground, "--tiling=keep", ext=".psf")


def test_a_product_that_goes_away_is_not_made(ground):
    made = family()
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 1)
        ground.put(made, 0, ext=".mask")
        run.copies(1, ext=".mask")
        live.remove(ground.source, 0, ext=".mask")
        ground.put(made, 2, 3, 4)
        run.ends()
    assert os.listdir(ground.out) == ["cube.image"]
    assert_made(ground, "--tiling=keep")


def test_it_replaces_and_removes_when_told_to(ground):
    made = family()
    ground.put(family(value=3), *range(5))
    assert programs.materialize("-o", ground.out + "/cube", ground.source + "/cube").returncode == 0
    for n in range(5):
        live.remove(ground.source, n)
    with Following(ground, "--tiling=keep", "--overwrite", "--remove-subcubes") as run:
        ground.put(made, 1, 2)
        run.copies(2)
        ground.put(made, 0, 3)
        ground.put(made, 4)
        run.ends()
    assert os.listdir(ground.source) == [] and os.listdir(ground.out) == ["cube.image"]
    judge.assert_same(judge.one(ground.image()), synth.truth(made), keys=["pixels_sha256", "mask_sha256"])


def test_what_was_copied_ahead_is_compared_too(ground):
    """Bytes that the disk lost are seen by --verify; then there is no image, and nothing is left."""
    made = family()
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 1)
        run.copies(2)
        run.stop()
    following.spoil(ground.copied_file(), at=0)
    ground.put(made, 2, 3, 4)
    with Following(ground, "--tiling=keep", "--verify") as run:
        programs.assert_message(run.ends(1), ["cube.image", "read back"])
    assert os.listdir(ground.out) == []


@pytest.mark.parametrize("nchan", [[], ["--nchan=11"]])
def test_uneven_parts(ground, nchan):
    """With --nchan the shape is known from the start; without it the end decides, and is right all the same."""
    made = synth.run([3, 2, 2, 2, 2], ny=12, nx=16)
    with Following(ground, "--tiling=16,12,1,1", *nchan) as run:
        ground.put(made, 0, 1)
        if nchan:
            run.copies(2)
        else:
            run.reaches(settled=2)
        ground.put(made, 4, 3, 2)
        err = run.ends()
    assert bool(nchan) or "--nchan" in err
    assert_made(ground, "--tiling=16,12,1,1")


def test_a_part_of_another_shape(ground):
    made = family()
    made[3] = synth.run([2], ny=10, nx=16)[0]
    with Following(ground, "--tiling=keep") as run:
        ground.put(made, 0, 1)
        ground.put(made, *range(3), ext=".psf")
        ground.put(family(), 3, 4, ext=".psf")
        run.copies(2)
        ground.put(made, 3, 2, 4)
        err = run.ends(1)
    programs.assert_message(err, ["cube.subcube.3.image"])
    assert os.listdir(ground.out) == ["cube.psf"]


@pytest.mark.parametrize("options, words", [
    (["--follow"], ["--nparts"]),
    (["--follow=later", "--nparts=3"], ["stdin", "later"]),
    (["--follow", "--nparts=3", "--settle=0"], ["--settle=0"]),
    (["--follow", "--nparts=3", "-m", "n"], ["virtual"]),
    (["--follow", "--nparts=3", "-m", "m"], ["virtual"]),
    (["--follow", "--nparts=3", "--dry-run"], ["--dry-run"]),
    (["--follow", "--nparts=3", "--list"], ["--list"]),
])
def test_what_makes_no_sense_is_refused(ground, options, words):
    done = programs.materialize(*options, "-o", ground.out + "/cube", ground.source + "/cube")
    assert done.returncode == 2
    programs.assert_message(done.stderr.splitlines()[0], words)
    assert os.listdir(ground.out) == []


def test_a_directory_that_does_not_exist_is_not_waited_for(tmp_path):
    done = programs.materialize("--follow", "--nparts=3", "--settle=1", tmp_path / "absent" / "cube")
    assert done.returncode == 3
    programs.assert_message(done.stderr, ["absent"])


def test_an_image_that_exists_is_refused_as_soon_as_it_is_known(ground):
    made = family()
    os.makedirs(ground.image())
    with Following(ground) as run:
        ground.put(made, 0)
        programs.assert_message(run.ends(2), ["cube.image", "exists"])
    assert os.listdir(ground.out) == ["cube.image"]


@pytest.mark.parametrize("text", ["0\nfour\n", "0 17 ", "-1\n", "1" * 40, "0x1\n"])
def test_garbage_on_standard_input(ground, text):
    ground.put(family(), 0)
    with Following(ground, follow="--follow=stdin") as run:
        run.say(text)
        err = run.ends(1)
    programs.assert_message(err, ["standard input", "up to 5"])
    assert len(err.splitlines()) == 1
    assert os.listdir(ground.out) == []


@pytest.mark.parametrize("kind", disks.KINDS)
def test_parts_are_cloned_where_that_can_be(tmp_path, kind):
    made = synth.run([2] * 4, ny=256, nx=512)
    try:
        with disks.mounted(kind, tmp_path / kind) as where:
            ground = following.Ground(where)
            ground.put(made, 0, 3)
            before = disks.used_bytes(where)
            with Following(ground, "--tiling=keep", "--reflink=always", nparts=4) as run:
                run.copies(2)
                ground.put(made, 1, 2)
                run.ends()
            assert disks.used_bytes(where) - before < 2 * 512 * 256 * 4
            assert_made(ground, "--tiling=keep")
    except disks.CannotMount as error:
        pytest.skip(str(error))


class Course:
    """Parts come, are rewritten, go and come back, the run is stopped and killed, in any order."""

    def __init__(self, ground, versions, tiling, chance):
        self.ground, self.versions, self.tiling, self.chance = ground, versions, tiling, chance
        self.there = {}     # number -> version
        self.run = Following(ground, tiling)

    def come(self, number):
        self.there[number] = self.chance.randrange(len(self.versions))
        self.ground.put_copy(self.versions[self.there[number]], number)

    def rewrite(self, number):
        live.remove(self.ground.source, number)
        self.come(number)

    def go_and_come_back(self, number):
        name = synth.name(number)
        here, away = os.path.join(self.ground.source, name), os.path.join(self.ground.scratch, name)
        os.rename(here, away)
        time.sleep(self.chance.random())
        os.rename(away, here)

    def stop(self, number):
        self.run.stop(number)
        self.run.close()
        self.run = Following(self.ground, self.tiling)

    def step(self):
        number = self.chance.randrange(5)
        is_there = number in self.there
        if not is_there and len(self.there) < 4:
            self.come(number)
        elif is_there:
            self.chance.choice([self.rewrite, self.go_and_come_back])(number)
        if self.chance.random() < 0.3:
            self.stop(self.chance.choice([signal.SIGINT, signal.SIGKILL]))
        time.sleep(2 * self.chance.random())

    def end(self):
        for number in set(range(5)) - set(self.there):
            self.come(number)
        self.run.ends()
        return synth.truth([self.versions[self.there[n]][n] for n in range(5)])


@pytest.mark.soak
@pytest.mark.parametrize("tiling", TILINGS)
def test_any_course_of_events_gives_the_same_image(tmp_path, tiling, soak, record_fault):
    chance, versions, tried, option = random.Random(tiling), [family(), family(value=10)], 0, "--tiling=" + tiling
    for turn in soak(short=1, long=50, done=lambda: tried):
        ground = following.Ground(tmp_path / str(turn))
        course = Course(ground, versions, option, chance)
        try:
            for _ in range(chance.randint(4, 8)):
                course.step()
            truth = course.end()
        finally:
            course.run.close()
        assert_made(ground, option)
        judge.assert_same(judge.one(ground.image()), truth, keys=["pixels_sha256", "mask_sha256"])
        shutil.rmtree(tmp_path / str(turn))
        tried += 1
    record_fault("Materializer", "--follow, tiling %s: parts that come, change, go and come back, runs stopped and killed" % tiling,
                 tried)


def test_progress_is_told_in_words(ground):
    made = family()
    command = [a for a in ground.command() if a != "--json"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ground.put(made, *range(5))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    programs.assert_message(out, ["following 1 extension: 5 subcubes expected, 5 finished, 0 copied"])
