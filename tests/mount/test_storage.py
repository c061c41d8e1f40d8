"""Storage that fails, cuts short, hangs or goes away under a mount: what a reader gets is right, or an error whose part the log names."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

import programs
import synth

PIXELS, MASK = "table.f0_TSM0", "mask0/table.f0_TSM0"
OPTIONS = ("--no-cache", "--readahead=0", "--refresh=0", "-o", "direct_io")


def family(directory, base):
    parts = synth.run([2, 1], ny=10, nx=12, masks=True)
    synth.build(directory, parts, base=base)
    programs.age(directory)


def copies(directory, first, count):
    """More families like the first; equal but for their names."""
    names = ["copy%03d" % i for i in range(count)]
    for name in names:
        for entry in os.listdir(directory):
            if entry.startswith(first + "."):
                shutil.copytree(os.path.join(directory, entry), os.path.join(directory, name + entry[len(first):]))
    return names


def files_of(view):
    """Everything in the view but its history; an OSError when any of it cannot be had."""
    return {name: data for name, data in programs.tree(view).items() if not name.startswith("logtable/")}


def named(log, base):
    """Whether the log has an error about a part of the family, or about what its header is made with."""
    return any("error: %s.image" % base in line and re.search(r"%s\.subcube\.\d" % base, line) for line in log.splitlines())


@pytest.fixture
def wanted(tmp_path, mount):
    """What the view of a family has, by a mount of storage that works."""
    def get(source, base):
        with mount(source, *OPTIONS) as mnt:
            return files_of(mnt.view(base + ".image"))
    return get


def every_request(storage, action, numbers, views, look):
    """look(view) with one request failing, of these `numbers`, until there are none; yields the view and what came."""
    for number, view in zip(numbers, views):
        rule = storage.rule("*", "*", action, skip=number, count=1)
        try:
            got = look(view)
        except OSError as error:
            got = error
        fired = storage.stats(rule).fired
        storage.clear(rule)
        if not fired:
            return
        yield view, got
    pytest.fail("requests number %s were not all" % list(numbers))


def count_requests(storage, view, look):
    rule = storage.rule("*", "*", "pass")
    look(view)
    matched = storage.stats(rule).matched
    storage.clear(rule)
    return matched


ACTIONS = ("errno=EIO", "errno=ENOENT", "errno=EACCES", "errno=ENOTCONN", "errno=ESTALE", "short=3", "eof=2", "size=9")


@pytest.mark.soak
@pytest.mark.parametrize("action", ACTIONS)
def test_each_request_of_a_header_and_of_pixels_fails_in_turn(tmp_path, mount, faultfs, wanted, record_fault, action):
    directory = tmp_path / "directory"
    family(str(directory), "cube")
    storage = faultfs(directory)

    def header(view):
        return programs.whole(os.path.join(view, "table.dat"))

    def pixels(view):
        return [programs.whole(os.path.join(view, name)) for name in (PIXELS, MASK)]
    with mount(storage.path, *OPTIONS) as mnt:
        requests = count_requests(storage, mnt.view("cube.image"), header)
        requests = max(requests, count_requests(storage, mnt.view("cube.image"), pixels))
    # All actions together hit each request; under tools/soak each of them does.
    step = 1 if os.environ.get("SC_SOAK_SECONDS") else len(ACTIONS)
    numbers = range(ACTIONS.index(action) % step, requests + 20 + step, step)
    names = copies(directory, "cube", len(numbers))
    tables = wanted(directory, names[0])
    tried, wrong = 0, []
    with mount(storage.path, *OPTIONS) as mnt:
        for look, right in ((header, tables["table.dat"]), (pixels, [tables[PIXELS], tables[MASK]])):
            for view, got in every_request(storage, action, numbers, [mnt.view(n + ".image") for n in names], look):
                base = os.path.basename(view)[:-len(".image")]
                tried += 1
                if isinstance(got, OSError):
                    if got.errno not in (errno.EIO, errno.ESTALE) or not named(mnt.log(), base):
                        wrong.append("%s: %s, which the log does not explain" % (base, got))
                elif got != right:
                    wrong.append("%s: other bytes" % base)
            assert programs.wait_until(lambda: looks_right(mnt, names, tables, action)), "no later look was right"
    assert not wrong, "\n".join(wrong[:10] + mnt.log().splitlines()[-10:])
    record_fault("Source", "a request for a header or for pixels fails, each in turn: %s" % action, tried, len(wrong))


def looks_right(mnt, names, tables, action):
    """Every view as from storage that works; one that failed is tried again a while later. Only where a part was said to be
    shorter than it is, when the view was built, it stays another file than that, as the mount never looks again."""
    try:
        for name in names:
            try:
                if files_of(mnt.view(name + ".image")) != tables:
                    return False
            except OSError as error:
                if action != "size=9" or error.errno != errno.ESTALE:
                    raise
        return True
    except OSError:
        time.sleep(0.3)
        return False


@pytest.mark.soak
@pytest.mark.parametrize("action", ["errno=EIO", "errno=ENOENT", "size=9"])
def test_each_look_at_the_parts_of_a_kept_header_fails_in_turn(tmp_path, mount, faultfs, wanted, record_fault, action):
    """What cannot be looked at is not believed to be unchanged: the header is made anew, or the look is an error."""
    directory, cache = tmp_path / "directory", tmp_path / "cache"
    family(str(directory), "cube")
    names = copies(directory, "cube", 60 if os.environ.get("SC_SOAK_SECONDS") else 16)
    options = ("--readahead=0", "--refresh=0", "-o", "direct_io", "--cache-dir=%s" % cache)
    storage = faultfs(directory)
    time.sleep(2.2)     # what changed less than 2 s ago is not kept
    tables = wanted(directory, names[0])
    with mount(storage.path, *options) as mnt:
        assert all(files_of(mnt.view(n + ".image")) == tables for n in names)
        assert len(os.listdir(cache)) == len(names)
    tried, wrong = 0, []
    with mount(storage.path, *options) as mnt:
        views = [mnt.view(n + ".image") for n in names]
        requests = count_requests(storage, views.pop(), lambda v: programs.whole(v + "/table.dat"))
        step = requests // (len(views) - 2) + 1
        numbers = range(0, requests + step, step)
        for view, got in every_request(storage, action, numbers, views, lambda v: programs.whole(v + "/table.dat")):
            tried += 1
            if isinstance(got, OSError):
                wrong += [] if got.errno == errno.EIO and named(mnt.log(), os.path.basename(view)[:-6]) else [str(got)]
            elif got != tables["table.dat"]:
                wrong.append("%s: other bytes" % view)
        assert programs.wait_until(lambda: looks_right(mnt, names, tables, action)), "no later look was right"
    assert not wrong
    record_fault("Source", "a look at the parts of a kept header fails, one after another: %s" % action, tried)


WAYS = {"page cache": (), "read-ahead": ("--readahead=1M,always",), "read-ahead and direct_io": ("--readahead=1M,always", "-o", "direct_io")}


@pytest.mark.parametrize("way", WAYS)
def test_each_request_for_pixels_fails_whichever_way_they_are_read(tmp_path, mount, faultfs, record_fault, way):
    """Parts of uneven depth, so that tiles are gathered; read in order, so that others are read ahead."""
    parts = synth.run([3, 5, 4, 2], ny=16, nx=16, tile=[(16, 16, 1, n) for n in (3, 5, 4, 2)])
    synth.build(str(tmp_path / "directory"), parts)
    pixels = b"".join(p.pixels.tobytes() for p in parts)
    storage, tried, failed, fired = faultfs(tmp_path / "directory"), 0, 0, 1
    with mount(storage.path, "--no-cache", "--refresh=0", *WAYS[way]) as mnt:
        time.sleep(2.2)     # of what changed less than 2 s ago nothing stays in memory
        path = mnt.view("cube.image", PIXELS)
        fd = os.open(path, os.O_RDONLY)
        while fired:
            rule = storage.rule("*", "*", "errno=EIO", skip=tried, count=1)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            for at in range(0, len(pixels), 1024):
                try:
                    got = os.pread(fd, 1024, at)
                    assert got and pixels.startswith(got, at)
                except OSError as error:
                    assert error.errno == errno.EIO
                    failed += 1
            fired = storage.stats(rule).fired
            storage.clear(rule)
            tried += 1
            assert programs.whole(path)[:len(pixels)] == pixels
        os.close(fd)
    record_fault("Source", "a request for pixels fails, each in turn, by way of %s" % way, tried)


def test_storage_that_goes_away(tmp_path, mount, faultfs, record_fault):
    """As a network file system: ENOTCONN for all that is open and all that is not. The mount itself is well."""
    directory = tmp_path / "directory"
    family(str(directory), "cube")
    family(str(directory), "other")
    storage = faultfs(directory)
    with mount(storage.path, *OPTIONS) as mnt:
        assert files_of(mnt.view("cube.image"))
        storage.kill()
        tried = 0
        for path in (mnt.view("cube.image", PIXELS), mnt.view("cube.image", MASK), mnt.view("other.image", "table.dat")):
            with pytest.raises(OSError) as caught:
                programs.whole(path)
            assert caught.value.errno == errno.EIO
            tried += 1
        assert programs.whole(mnt.view("cube.image", "table.dat"))
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "other.image"]
        programs.assert_message(mnt.log(), ["cube.subcube.0.image/table.f0_TSM0", os.strerror(errno.ENOTCONN)])
    record_fault("Source", "reads after the storage went away", tried)


def replace(part, new):
    shutil.move(part, new + ".old")
    shutil.move(new, part)


def rewrite(part, new):
    """In place: the directory and its entries stay."""
    for name in programs.tree(new):
        if os.path.isfile(os.path.join(new, name)):
            shutil.copyfile(os.path.join(new, name), os.path.join(part, name))


@pytest.mark.parametrize("change", [replace, rewrite])
def test_a_part_that_changes_while_its_header_is_read(tmp_path, mount, faultfs, record_fault, change):
    """Its header files are opened one after another: all are of one part."""
    directory = tmp_path / "directory"
    family(str(directory), "cube")
    part = str(directory / "cube.subcube.0.image")
    storage, tried = faultfs(directory), 0
    for number, file in enumerate(("table.f0", PIXELS, "mask0/table.dat", "mask0/table.f0")):
        other = synth.run([2], ny=10, nx=12, masks=True, object="another%d" % number)
        other[0].pixels += 1 + number
        [new] = synth.build(str(tmp_path / ("new%d" % number)), other)
        programs.age(new)
        operation = "open" if file == PIXELS else "read"
        rule = storage.rule(operation, "cube.subcube.0.image/" + file, "hang", count=1)
        with mount(storage.path, *OPTIONS) as mnt:
            got = []
            thread = threading.Thread(target=lambda: got.append(files_of(mnt.view("cube.image"))))
            thread.start()
            assert programs.wait_until(lambda: storage.stats(rule).held == 1)
            change(part, new)
            storage.clear(rule)
            thread.join(programs.START_S)
            assert got and other[0].object.encode() in got[0]["table.dat"]
            assert got[0][PIXELS].startswith(other[0].pixels.tobytes())
        tried += 1
    record_fault("Source", "a part %s while its header is read" % {replace: "replaced", rewrite: "rewritten"}[change], tried)


# --- storage that does not answer ---

READ = "import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); sys.stdout.buffer.write(os.pread(fd, 4000, int(sys.argv[2])))"


def start_reader(path, offset=0):
    return subprocess.Popen([sys.executable, "-c", READ, path, str(offset)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


HUNG = 12


@pytest.fixture
def hanging(tmp_path, mount, faultfs):
    """A mount; reads of part 0's pixels and of the header of "other" never end."""
    directory = tmp_path / "directory"
    for base in ("cube", "other", "third"):
        family(str(directory), base)
    storage = faultfs(directory)
    mnt = mount(storage.path, "--no-cache", "-o", "direct_io")
    return storage, mnt


def hang(storage, mnt):
    """Readers that hang: of pixels, and of a header."""
    assert files_of(mnt.view("cube.image"))
    rule = storage.rule("read", "cube.subcube.0.image/" + PIXELS, "hang")
    header = storage.rule("read", "other.subcube.1.image/table.dat", "hang")
    readers = [start_reader(mnt.view("cube.image", PIXELS)) for _ in range(HUNG)]
    readers += [start_reader(mnt.view("other.image", "table.dat")) for _ in range(HUNG)]
    assert programs.wait_until(lambda: storage.stats(rule).held == HUNG and storage.stats(header).held >= 1)
    return readers


def test_who_hangs_hangs_alone(hanging, record_fault):
    storage, mnt = hanging
    with mnt:
        readers = hang(storage, mnt)
        behind = 2 * 10 * 12 * 4
        done = subprocess.run([sys.executable, "-c", READ, mnt.view("cube.image", PIXELS), str(behind)],
                              stdout=subprocess.PIPE, timeout=programs.START_S)
        assert len(done.stdout) > 0 and done.returncode == 0
        assert files_of(mnt.view("third.image"))
        assert programs.whole(mnt.view("cube.image", MASK))
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "other.image", "third.image"]
        assert all(reader.poll() is None for reader in readers)
        storage.clear()
        right = programs.whole(mnt.view("cube.image", PIXELS))[:4000]
        table = programs.whole(mnt.view("other.image", "table.dat"))[:4000]
        wrong = sum(r.communicate(timeout=programs.START_S)[0] != (right if i < HUNG else table)
                    for i, r in enumerate(readers))
    record_fault("Source", "reads that hang, others going on", len(readers), wrong)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_who_hangs_can_be_killed(hanging, record_fault, number):
    """While the storage says nothing; who comes later gets what is right once it does."""
    storage, mnt = hanging
    with mnt:
        readers = hang(storage, mnt)
        other = mnt.view("other.image")
        readers += [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in
                    (["ls", other], ["stat", other + "/table.dat"], ["getfattr", "-d", other], ["ls", "-lR", mnt.path])]
        time.sleep(0.3)         # until they wait for the view
        assert all(reader.poll() is None for reader in readers)
        for reader in readers:
            reader.send_signal(number)
        assert [reader.wait(programs.STOP_S) for reader in readers] == [-number] * len(readers)
        storage.clear()
        assert files_of(other)
        assert programs.whole(mnt.view("cube.image", PIXELS))
    record_fault("Source", "who waits for storage that does not answer is killed", len(readers))


def test_a_read_fails_whose_reader_was_killed(hanging, record_fault):
    """Nobody has the file open any more; the log still names the part."""
    storage, mnt = hanging
    with mnt:
        assert files_of(mnt.view("cube.image"))
        rule = storage.rule("read", "cube.subcube.0.image/" + PIXELS, "hang")
        readers = [start_reader(mnt.view("cube.image", PIXELS)) for _ in range(HUNG)]
        assert programs.wait_until(lambda: storage.stats(rule).held == HUNG)
        for reader in readers:
            reader.kill()
            reader.wait(programs.STOP_S)
        storage.kill()
        assert programs.wait_until(lambda: "cube.subcube.0.image/" + PIXELS in mnt.log()), mnt.log()
        assert "cube.image" in os.listdir(mnt.path)
    record_fault("Source", "a read fails whose reader was killed", len(readers))


# Without Python's own way of asking again.
WITH_A_TIMER = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGALRM, lambda *ignored: None)
signal.siginterrupt(signal.SIGALRM, True)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
fd = libc.open(sys.argv[1].encode(), os.O_RDONLY)
if fd < 0:
    sys.exit("open: " + os.strerror(ctypes.get_errno()))
buffer = ctypes.create_string_buffer(4000)
count = libc.read(fd, buffer, 4000)
if count < 0:
    sys.exit("read: " + os.strerror(ctypes.get_errno()))
sys.stdout.buffer.write(buffer.raw[:count])
"""


def test_who_has_a_timer_is_not_disturbed(hanging, record_fault):
    """The kernel tells of each signal; most programs do not expect EINTR from a file."""
    storage, mnt = hanging
    with mnt:
        waiting = hang(storage, mnt)
        readers = [subprocess.Popen([sys.executable, "-c", WITH_A_TIMER, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                   for path in (mnt.view("cube.image", PIXELS), mnt.view("other.image", "table.dat"))]
        time.sleep(1)
        assert [reader.poll() for reader in readers] == [None, None], [reader.communicate() for reader in readers]
        storage.clear()
        right = [programs.whole(mnt.view(*path))[:4000] for path in (("cube.image", PIXELS), ("other.image", "table.dat"))]
        assert [reader.communicate(timeout=programs.START_S) for reader in readers] == [(bytes_, b"") for bytes_ in right]
        for reader in waiting:
            reader.communicate(timeout=programs.START_S)
    record_fault("Source", "who waits for storage that does not answer has a timer", len(readers))


def test_a_mount_with_hung_reads_ends(hanging, record_fault):
    """By a signal, within five seconds; who hung gets an error. What the storage never answers is waited for by nobody."""
    storage, mnt = hanging
    mnt.__enter__()
    readers = hang(storage, mnt)
    [pid] = mnt.pids()
    begun = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    assert programs.wait_until(lambda: not programs.mountinfo(mnt.path))
    for reader in readers:
        assert reader.wait(programs.STOP_S) != 0
    took = time.monotonic() - begun
    assert took < 5 + 2, "it took %.1f s" % took     # and some for a busy machine
    storage.clear()
    mnt.assert_gone()
    record_fault("Processes", "a mount with hung reads ends on SIGTERM, and its readers with an error", len(readers))


@pytest.mark.parametrize("hung", [False, True], ids=["idle", "hung reads"])
def test_an_aborted_connection(hanging, connections, record_fault, hung):
    """As an administrator does it with a mount that hangs: whoever uses it gets an error, and nothing is left."""
    storage, mnt = hanging
    mnt.__enter__()
    assert files_of(mnt.view("cube.image"))
    readers = hang(storage, mnt) if hung else []
    fd = os.open(mnt.view("cube.image", PIXELS), os.O_RDONLY)
    programs.abort(connections, mnt.path)
    for reader in readers:
        assert reader.wait(programs.STOP_S) != 0
    with pytest.raises(OSError) as caught:
        os.pread(fd, 10, 0)
    assert caught.value.errno in (errno.ENOTCONN, errno.ECONNABORTED)
    os.close(fd)
    mnt.assert_gone()
    storage.clear()
    record_fault("Processes", "readers of a mount whose connection is aborted, storage that hangs among them", len(readers) + 1)


def test_the_daemon_killed_under_readers(hanging, record_fault):
    storage, mnt = hanging
    mnt.__enter__()
    readers = hang(storage, mnt)
    fd = os.open(mnt.view("cube.image", PIXELS), os.O_RDONLY)
    [pid] = mnt.pids()
    headers = header_programs(pid)
    assert headers      # of the view whose header hangs; it waits for a request
    os.kill(pid, signal.SIGKILL)
    storage.clear()     # a process that waits for storage can be killed when that answers
    for reader in readers:
        assert reader.wait(programs.STOP_S) != 0
    for call in (lambda: os.pread(fd, 10, 0), lambda: os.listdir(mnt.path), lambda: os.stat(mnt.view("third.image"))):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.ENOTCONN
    assert programs.wait_until(lambda: not any(os.path.exists("/proc/%d" % header) for header in headers))
    programs.run(["fusermount3", "-uz", mnt.path])
    record_fault("Processes", "readers under a daemon that is killed", len(readers) + 3)


def header_programs(parent):
    """Ids of the header programs of a daemon."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as stream:
                name, _, rest = stream.read().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name.startswith("subcubefs-heade") and int(rest.split()[1]) == parent:
            found.append(int(pid))
    return found
