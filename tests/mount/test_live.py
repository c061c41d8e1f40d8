"""A mount over an imaging run that is still going: what is shown follows the source, a snapshot at a time."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

import live
import programs
import synth

IMAGE = "cube.image"


@pytest.fixture
def source(tmp_path):
    return str(tmp_path / "source")


@pytest.fixture
def scratch(tmp_path):
    return str(tmp_path / "scratch")


def read_all(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, 1 << 20, 0)
    finally:
        os.close(descriptor)


# --- parts come ---

def test_with_nparts_the_cube_has_its_shape_from_the_first_part_on(source, scratch, mount):
    made = live.parts(4)
    live.build(source, made[:1])
    with mount(source, *live.OPTIONS, "--nparts=4") as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, None, None, None)
        seen = [live.inode(mnt.view(IMAGE))]
        for number, wanted in ((2, (0, None, 2, None)), (1, (0, 1, 2, None)), (3, (0, 1, 2, 3))):
            live.put(source, scratch, made, number)
            live.becomes(mnt.view(IMAGE), live.expected(*wanted))
            seen.append(live.inode(mnt.view(IMAGE)))
        assert len(set(seen)) == 4, "each generation has numbers of its own"


def test_with_nchan_too_where_parts_are_uneven(source, scratch, mount):
    made = synth.run([2, 3, 1], ny=live.NY, nx=live.NX)
    for number, part in enumerate(made):
        part.pixels[:] = number
    live.build(source, made[:1])
    with mount(source, *live.OPTIONS, "--nparts=3", "--nchan=6") as mnt:
        assert live.planes(mnt.view(IMAGE)) == [0, 0, None, None, None, None]
        live.put(source, scratch, made, 1)
        live.becomes(mnt.view(IMAGE), [0, 0, 1, 1, 1, None])
        live.put(source, scratch, made, 2)
        live.becomes(mnt.view(IMAGE), [0, 0, 1, 1, 1, 2])


def test_without_nparts_it_grows(source, scratch, mount):
    made = live.parts(3)
    live.build(source, made[:2])
    with mount(source, *live.OPTIONS) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        live.put(source, scratch, made, 2)
        live.becomes(mnt.view(IMAGE), live.expected(0, 1, 2))


def test_families_and_extensions_come_and_go(source, scratch, mount):
    made = live.parts(2)
    live.build(source, made)
    with mount(source, *live.OPTIONS) as mnt:
        assert os.listdir(mnt.path) == [IMAGE]
        live.build(source, made, ext=".psf")
        assert programs.wait_until(lambda: os.listdir(mnt.path) == [IMAGE, "cube.psf"])
        live.becomes(mnt.view("cube.psf"), live.expected(0, 1))
        for number in (0, 1):
            live.remove(source, number)
        assert programs.wait_until(lambda: os.listdir(mnt.path) == ["cube.psf"])
        assert programs.wait_until(lambda: not os.path.exists(mnt.view(IMAGE)))
        assert live.planes(mnt.view("cube.psf")) == live.expected(0, 1)


# --- settled, unsettled, broken ---

def test_a_part_that_is_being_written_is_missing_until_it_is_settled(source, mount):
    """By the shape of its table it would be whole: casacore makes images at full size."""
    made = live.parts(3)
    paths = live.build(source, made)
    with mount(source, live.REFRESH, "--settle=2") as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1, 2)
        with live.being_written(paths[1]):
            live.becomes(mnt.view(IMAGE), live.expected(0, None, 2))
            programs.assert_message(mnt.log(), [IMAGE, "cube.subcube.1.image", "not settled", "less than 2 s ago"])
            assert live.stays(lambda: live.planes(mnt.view(IMAGE)) == live.expected(0, None, 2), 3)
        live.becomes(mnt.view(IMAGE), live.expected(0, 1, 2))
        programs.assert_message(mnt.log(), [IMAGE, "all its parts are settled"])


def test_a_part_that_somebody_begins_to_write_while_the_view_is_made_is_not_settled(source, mount, faultfs):
    """All were settled at the look; making the view of many parts takes a while. Its writer pauses then."""
    live.build(source, live.parts(2))
    storage = faultfs(source)
    with mount(storage.path, live.REFRESH, "--settle=4", "--no-cache") as mnt:
        rule = storage.rule("open", "*.0.image/table.f0", "hang")
        reader = subprocess.Popen(["ls", mnt.view(IMAGE)], stdout=subprocess.DEVNULL)
        assert programs.wait_until(lambda: storage.stats(rule).held > 0)
        with open(os.path.join(source, synth.name(1), "table.f0_TSM0"), "r+b") as pixels:
            pixels.write(b"\x55" * (live.NX * live.NY * 4))
        storage.clear(rule)
        assert reader.wait(programs.STOP_S) == 0
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, None)
        programs.assert_message(mnt.log(), [IMAGE, "cube.subcube.1.image", "not settled", "less than 4 s ago"])


def test_a_part_that_is_replaced_file_by_file_with_the_times_it_had_elsewhere(source, scratch, mount):
    """As rsync -t does it: old times, and for a while the new header over the old pixels."""
    live.build(source, live.parts(2))
    live.build(scratch, live.parts(2, value=10, object="other"), numbers=[0, 1])
    with mount(source, live.REFRESH, "--settle=4") as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        for name in ("table.dat", "table.f0", "table.f0_TSM0"):
            new, old = (os.path.join(d, synth.name(1), name) for d in (scratch, source))
            shutil.copy2(new, old + ".new")
            os.rename(old + ".new", old)
            if name == "table.f0":
                live.becomes(mnt.view(IMAGE), live.expected(0, None))
                programs.assert_message(mnt.log(), [IMAGE, "cube.subcube.1.image", "not settled", "less than 4 s ago"])
        live.becomes(mnt.view(IMAGE), live.expected(0, 11))


def test_what_no_part_of_is_settled_is_not_shown_yet(source, mount):
    paths = live.build(source, live.parts(2))
    mnt = mount(source, live.REFRESH, "--settle=2", fresh=True)
    os.makedirs(mnt.path)
    with live.being_written(*paths):
        done = programs.run(mnt.command)
        assert done.returncode == 0
        assert len(done.stderr.splitlines()) == 1, done.stderr
        programs.assert_message(done.stderr, ["warning", IMAGE, "not shown yet", "cube.subcube.0.image", "less than 2 s ago"])
        assert os.listdir(mnt.path) == [] and not os.path.exists(mnt.view(IMAGE))
    assert programs.wait_until(lambda: os.listdir(mnt.path) == [IMAGE])
    assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
    assert programs.run(["fusermount3", "-u", mnt.path]).returncode == 0
    mnt.assert_gone()


def test_times_in_the_future_are_watched_by_our_own_clock(source, mount):
    """The clock of shared storage may be ahead of this computer's."""
    made = live.parts(2)
    paths = live.build(source, made)
    with mount(source, *live.OPTIONS, fresh=True) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        os.utime(paths[1] + "/table.f0", (4e9, 4e9))
        live.becomes(mnt.view(IMAGE), live.expected(0, 1))
        assert programs.wait_until(lambda: "all its parts are settled" in mnt.log())
        programs.assert_message(mnt.log(), ["cube.subcube.1.image", "future"])


WRITER = """
import sys
from casacore.tables import table
t = table(sys.argv[1], readonly=False, ack=False, lockoptions="user")
t.lock(True)
print("locked", flush=True)
sys.stdin.readline()
t.unlock()
t.close()
"""


def writer(part):
    process = subprocess.Popen([sys.executable, "-c", WRITER, part], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_part_that_casacore_has_locked_for_writing_is_missing(source, mount):
    made = live.parts(2)
    paths = live.build(source, made)
    with mount(source, *live.OPTIONS) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        process = writer(paths[0])
        live.becomes(mnt.view(IMAGE), live.expected(None, 1))
        programs.assert_message(mnt.log(), ["cube.subcube.0.image", "process %d holds a write lock" % process.pid])
        process.communicate("\n", timeout=20)
        live.becomes(mnt.view(IMAGE), live.expected(0, 1))


VIEWER = """
import sys
from casacore.tables import table
t = table(sys.argv[1], ack=False, lockoptions="permanent")
print("locked", flush=True)
sys.stdin.readline()
"""


def test_a_viewer_that_locks_the_view_for_ever_stops_no_writer(source, mount):
    paths = live.build(source, live.parts(2))
    with mount(source, *live.OPTIONS) as mnt:
        process = subprocess.Popen([sys.executable, "-c", VIEWER, mnt.view(IMAGE)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "locked\n"
        for path in paths:
            writer(path).communicate("\n", timeout=20)
        process.communicate("\n", timeout=20)


@pytest.mark.parametrize("pattern, name", [("{part}.done", "cube.subcube.1.image.done"), ("{base}.{n}.ready", "cube.1.ready")])
def test_ready_files_decide(source, mount, pattern, name):
    live.build(source, live.parts(2), old=False)
    first = name.replace("1", "0", 1)
    open(os.path.join(source, first), "w").close()
    with mount(source, live.REFRESH, "--settle=1000", "--ready-file=" + pattern, fresh=True) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, None)
        programs.assert_message(mnt.log(), ["cube.subcube.1.image", "its ready file is not there"])
        open(os.path.join(source, name), "w").close()
        live.becomes(mnt.view(IMAGE), live.expected(0, 1))


def test_a_broken_part_is_an_error_until_it_is_mended(source, scratch, mount):
    made = live.parts(3)
    live.build(source, made)
    with mount(source, *live.OPTIONS) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1, 2)
        table = os.path.join(source, synth.name(1), "table.dat")
        os.truncate(table, 20)
        programs.age(table)
        with pytest.raises(OSError) as caught:
            programs.wait_until(lambda: os.listdir(mnt.view(IMAGE)) is None)
        assert caught.value.errno == errno.EIO
        programs.assert_message(mnt.log(), ["error", "cube.subcube.1.image"])
        live.remove(source, 1)
        live.put(source, scratch, made, 1)
        live.becomes(mnt.view(IMAGE), live.expected(0, 1, 2))


# --- parts change and go ---

def test_a_new_generation_and_the_old_one(source, scratch, mount):
    """A part is replaced: who has the old image open never gets bytes of the new part, the name has the new image."""
    live.build(source, live.parts(2))
    live.build(scratch, live.parts(2, value=10), numbers=[0, 1])
    pixels = "table.f0_TSM0"
    with mount(source, *live.OPTIONS) as mnt:
        before = read_all(mnt.view(IMAGE, pixels))
        old = live.inode(mnt.view(IMAGE))
        descriptor = os.open(mnt.view(IMAGE, pixels), os.O_RDONLY)
        half = len(before) // 2
        live.exchange(os.path.join(source, synth.name(1)), os.path.join(scratch, synth.name(1)))
        new = live.changes(mnt.view(IMAGE), old)
        live.becomes(mnt.view(IMAGE), live.expected(0, 11))
        live.remove(scratch, 1)
        assert os.pread(descriptor, half, 0) == before[:half], "a part that is still there is still read"

        def is_stale():
            try:
                os.pread(descriptor, half, half)
                return False
            except OSError as error:
                return error.errno == errno.ESTALE
        assert programs.wait_until(is_stale), "the kernel's cache forgets what was read of the part that is gone"
        assert live.stays(is_stale, 0.3)
        os.close(descriptor)
        assert new != old and live.inode(mnt.view(IMAGE)) == new


def test_a_part_that_is_rewritten_in_place(source, mount):
    made = live.parts(2)
    live.build(source, made)
    with mount(source, *live.OPTIONS) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        code = "import sys\nfrom casacore.images import image\nim = image(sys.argv[1])\nd = im.getdata()\nd[:] = 7\nim.putdata(d)\n"
        done = programs.run([sys.executable, "-c", code, os.path.join(source, synth.name(1))])
        assert done.returncode == 0, done.stderr
        live.becomes(mnt.view(IMAGE), live.expected(0, 7))


def test_a_part_that_vanishes_is_blank(source, mount):
    live.build(source, live.parts(3))
    with mount(source, *live.OPTIONS) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1, 2)
        live.remove(source, 1)
        live.becomes(mnt.view(IMAGE), live.expected(0, None, 2))
        programs.assert_message(mnt.log(), ["cube.subcube.1.image is missing"])


@pytest.mark.parametrize("how", [("-m", "movevirtual"), ("--remove-subcubes",)])
def test_the_path_stays_good_from_the_parts_to_the_product(source, mount, how):
    live.build(source, live.parts(3))
    with mount(source, *live.OPTIONS) as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1, 2)
        old = live.inode(mnt.view(IMAGE))
        done = programs.materialize("-q", *how, os.path.join(source, "cube"))
        assert done.returncode == 0, done.stderr
        assert not os.path.exists(os.path.join(source, synth.name(0)))
        live.changes(mnt.view(IMAGE), old)
        live.becomes(mnt.view(IMAGE), live.expected(0, 1, 2))


def test_zero_never_looks_again(source, scratch, mount):
    made = live.parts(3)
    live.build(source, made[:2])
    with mount(source, "--refresh=0") as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        before = live.inode(mnt.view(IMAGE))
        live.put(source, scratch, made, 2)
        live.build(source, made, ext=".psf")
        assert live.stays(lambda: live.inode(mnt.view(IMAGE)) == before and os.listdir(mnt.path) == [IMAGE], 1)
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)


# --- how soon, and how often ---

def test_how_old_what_is_shown_can_be(source, scratch, mount):
    """Of a view that nobody used for a while, too: then the first look is at the parts."""
    made = live.parts(3)
    live.build(source, made[:1])
    with mount(source, "--refresh=1", "--settle=0") as mnt:
        for number in (1, 2):
            os.listdir(mnt.view(IMAGE))
            before = live.inode(mnt.view(IMAGE))
            live.put(source, scratch, made, number)
            # A period, the time until the name goes over, what the kernel keeps of names; and a busy machine.
            live.changes(mnt.view(IMAGE), before, seconds=1 + 1 + 1 + 5)


def test_looking_takes_a_twentieth_of_the_time_at_most(source, mount, faultfs):
    """However short the period: storage that is slow is asked more rarely."""
    live.build(source, live.parts(2))
    storage = faultfs(source)
    slow_ms = 60
    with mount(storage.path, "--refresh=0.01", "--settle=0") as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        rule = storage.rule("opendir", "", "delay=%d" % slow_ms)

        def times_of_looks(count):
            times = []
            while len(times) < count:
                fired = storage.stats(rule).fired
                assert programs.wait_until(lambda: storage.stats(rule).fired > fired)
                times.append(time.monotonic())
            return times
        first, second, third = times_of_looks(3)
        assert min(second - first, third - second) > 0.9 * 20 * slow_ms / 1000


def test_parts_of_an_image_that_nobody_looks_into_are_left_alone(source, mount, faultfs):
    for ext in (".image", ".psf"):
        live.build(source, live.parts(2), ext=ext)
    storage = faultfs(source)
    with mount(storage.path, "--refresh=0.02", "--settle=0") as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        psf, image, scans = [storage.rule("*", path, "pass") for path in ("*.psf/*", "*.image/*", "")]
        assert programs.wait_until(lambda: storage.stats(image).matched > 100 and storage.stats(scans).matched > 10)
        assert storage.stats(psf).matched == 0
        assert os.listdir(mnt.view("cube.psf"))
        assert storage.stats(psf).matched > 0


# --- who is held up ---

def test_a_view_that_takes_for_ever_holds_up_no_other(source, mount, faultfs):
    for ext in (".image", ".psf"):
        live.build(source, live.parts(2), ext=ext)
    storage = faultfs(source)
    with mount(storage.path, *live.OPTIONS, "--no-cache") as mnt:
        rule = storage.rule("open", "*.psf/table.f0", "hang")
        hung = [subprocess.Popen(["ls", mnt.view("cube.psf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for _ in range(80)]
        assert programs.wait_until(lambda: storage.stats(rule).held > 0)
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        os.listdir(mnt.path)
        assert all(process.poll() is None for process in hung)
        live.touch(os.path.join(source, synth.name(1)))
        live.becomes(mnt.view(IMAGE), live.expected(0, 1), seconds=60)
        storage.clear(rule)
        assert [process.wait(60) for process in hung] == [0] * len(hung)


def test_a_name_that_takes_for_ever_holds_up_no_other(source, mount, faultfs):
    """Neither a listing nor a name that goes over to another image."""
    for ext in (".image", ".psf"):
        live.build(source, live.parts(2), ext=ext)
    storage = faultfs(source)

    def answer(*command):
        # who waits in the kernel cannot be killed: no subprocess.run
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                return process.communicate(timeout=programs.START_S)[0]
            finally:
                if process.poll() is None:
                    storage.clear(rule)

    def generation():
        return answer("getfattr", "--absolute-names", "--only-values", "-n", "user.subcubefs.generation", mnt.view(IMAGE))
    with mount(storage.path, *live.OPTIONS, "--no-cache") as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        before = generation()
        rule = storage.rule("getattr", "*.psf", "hang")
        hung = [subprocess.Popen(["ls", mnt.view("cube.psf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for _ in range(3)]
        assert programs.wait_until(lambda: storage.stats(rule).held > 0)
        assert answer("ls", mnt.path).split() == [IMAGE, "cube.psf"]
        live.touch(os.path.join(source, synth.name(1)))
        assert programs.wait_until(lambda: generation() not in (before, ""), 60)
        live.becomes(mnt.view(IMAGE), live.expected(0, 1), seconds=60)
        assert all(process.poll() is None for process in hung)
        storage.clear(rule)
        assert [process.wait(60) for process in hung] == [0] * len(hung)


@pytest.mark.parametrize("base", ["", "/cube"])
def test_an_imager_may_begin_after_the_mount(source, mount, base):
    """With --nparts, which nobody gives for a directory that was mistaken."""
    os.mkdir(source)
    with mount(source + base, "--nparts=2", *live.OPTIONS) as mnt:
        assert os.listdir(mnt.path) == []
        live.build(source, live.parts(2))
        live.becomes(mnt.view(IMAGE), live.expected(0, 1))
        assert os.listdir(mnt.path) == [IMAGE]


@pytest.mark.parametrize("options", [[], ["--nparts=2", "--refresh=0"]])
def test_a_directory_that_stays_empty_is_told_at_once(source, tmp_path, options):
    os.mkdir(source)
    (tmp_path / "mnt").mkdir()
    done = programs.run([programs.SUBCUBEFS, *options, source, tmp_path / "mnt"])
    assert done.returncode == 1 and not programs.mountinfo(str(tmp_path / "mnt"))
    programs.assert_message(done.stderr, ["No subcube files found in", source, "--nparts"])


def test_the_daemon_killed_while_a_name_takes_for_ever(source, mount, faultfs):
    """Another name has gone over to a new image: no thread waits in the kernel for the name that hangs, and keeps all of it there."""
    for ext in (".image", ".psf"):
        live.build(source, live.parts(2), ext=ext)
    storage = faultfs(source)
    with mount(storage.path, *live.OPTIONS, "--no-cache") as mnt:
        assert live.planes(mnt.view(IMAGE)) == live.expected(0, 1)
        told = os.open(os.path.join(mnt.path, ".subcubefs"), os.O_RDONLY)

        def generation():
            with open(os.open("status.json", os.O_RDONLY, dir_fd=told)) as stream:
                return [i["generation"] for i in json.load(stream)["images"] if i["name"] == IMAGE and i["current"]]
        before = generation()
        rule = storage.rule("getattr", "*.psf", "hang")
        hung = subprocess.Popen(["ls", mnt.view("cube.psf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert programs.wait_until(lambda: storage.stats(rule).held > 0)
        live.touch(os.path.join(source, synth.name(0)))
        assert programs.wait_until(lambda: generation() != before, 60)
        time.sleep(0.5)     # the kernel is told within a tenth of a second
        os.close(told)
        os.kill(mnt.pids()[0], signal.SIGKILL)
        storage.clear(rule)     # a process that waits for storage can be killed when that answers
        assert programs.wait_until(lambda: hung.poll() is not None), "who waits for the name waits for ever"
        assert programs.wait_until(lambda: not mnt.pids())
