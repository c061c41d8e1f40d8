"""The faults themselves: the file system that fails on command, and the table of what was tried (faults.md)."""

import errno
import os
import threading

import pytest

import faults
import programs

pytestmark = pytest.mark.once

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def storage(tmp_path, faultfs):
    directory = tmp_path / "directory"
    (directory / "inner").mkdir(parents=True)
    (directory / "inner" / "file").write_bytes(CONTENT)
    (directory / "link").symlink_to("inner")
    return faultfs(directory)


def pread(path, count, offset=0):
    with open(path, "rb", buffering=0) as stream:
        return os.pread(stream.fileno(), count, offset)


def code_of(call, *arguments):
    with pytest.raises(OSError) as caught:
        call(*arguments)
    return caught.value.errno


@pytest.mark.fuse
def test_it_shows_what_is_there(storage):
    assert programs.tree(storage.path) == {"inner": None, "link": None, "inner/file": CONTENT}
    assert os.readlink(storage.path + "/link") == "inner"
    mine, theirs = os.stat(storage.path + "/link/file"), os.stat(storage.directory + "/inner/file")
    for field in ("st_ino", "st_size", "st_mode", "st_mtime_ns", "st_ctime_ns", "st_uid"):
        assert getattr(mine, field) == getattr(theirs, field), field
    assert os.statvfs(storage.path).f_blocks == os.statvfs(storage.directory).f_blocks


@pytest.mark.fuse
@pytest.mark.parametrize("operation, call", [
    ("lookup", lambda p: os.stat(p + "/inner/file")), ("getattr", lambda p: os.stat(p + "/inner/file")),
    ("open", lambda p: open(p + "/inner/file")), ("read", lambda p: pread(p + "/inner/file", 10)),
    ("opendir", lambda p: os.listdir(p + "/inner")), ("readdir", lambda p: os.listdir(p + "/inner")),
    ("readlink", lambda p: os.readlink(p + "/link")), ("statfs", lambda p: os.statvfs(p + "/inner"))])
def test_each_operation_fails_as_often_as_told(storage, operation, call):
    counted = storage.rule(operation, "*", "pass")
    call(storage.path)
    skip = storage.stats(counted).matched - 1
    storage.clear(counted)
    times = 2 if operation == "lookup" else 1   # the kernel asks again when a name that it knew is said to be wrong
    rule = storage.rule(operation, "*", "errno=EACCES", skip=skip, count=times)
    assert skip >= 0 and code_of(call, storage.path) == errno.EACCES
    call(storage.path)
    assert storage.stats(rule).fired == times
    storage.clear(rule)
    call(storage.path)


@pytest.mark.fuse
def test_reads_by_their_bytes(storage):
    path = storage.path + "/inner/file"
    rule = storage.rule("read", "inner/file", "errno=EIO", **{"from": 1000, "to": 1001})
    assert pread(path, 1000) == CONTENT[:1000]
    assert pread(path, 100, 1001) == CONTENT[1001:1101]
    assert code_of(pread, path, 1001) == errno.EIO
    storage.clear(rule)
    storage.rule("read", "*", "short=7")
    assert pread(path, 100) == CONTENT[:7]
    storage.clear()
    storage.rule("read", "*", "eof=50")
    assert [len(pread(path, 40, at)) for at in (0, 40, 50)] == [40, 10, 0]
    assert os.stat(path).st_size == len(CONTENT)
    storage.clear()
    storage.rule("lookup,getattr", "*/file", "size=50")
    assert os.stat(path).st_size == 50


@pytest.mark.fuse
def test_who_hangs_hangs_alone_and_is_let_go(storage):
    path = storage.path + "/inner/file"
    rule = storage.rule("read", "inner/*", "hang", count=12)
    got = []
    threads = [threading.Thread(target=lambda: got.append(pread(path, 5))) for _ in range(12)]
    for thread in threads:
        thread.start()
    assert programs.wait_until(lambda: storage.stats(rule).held == 12)
    assert pread(path, 5) == CONTENT[:5] and got == []
    storage.clear(rule)
    for thread in threads:
        thread.join(programs.STOP_S)
    assert got == [CONTENT[:5]] * 12


@pytest.mark.fuse
def test_storage_that_goes_away(storage):
    fd = os.open(storage.path + "/inner/file", os.O_RDONLY)
    storage.kill()
    assert code_of(os.read, fd, 1) == errno.ENOTCONN
    assert code_of(os.close, fd) == errno.ENOTCONN
    assert code_of(os.stat, storage.path + "/inner") == errno.ENOTCONN


@pytest.mark.fuse
def test_what_it_does_not_understand(storage):
    for fields in (["add", 1, "write", "*", "pass"], ["add", 1, "read", "*", "errno"], ["add", 1, "read", "*", "hang=2"],
                   ["add", 1, "read", "*", "pass", "until=3"], ["stats", 7], ["clear", 7], ["x"]):
        with pytest.raises(AssertionError, match="not understood"):
            storage.command(*fields)


def test_the_table_is_read_as_it_was_written():
    rows = [("B", "two", 12, 0, 0, "x.py::t"), ("A", "one", 3, 0, 1, "y.py::u")]
    assert sorted(faults.read(faults.markdown(rows))) == sorted(rows)


def test_parameters_of_a_test_are_one_row():
    rows = [("A", "one", 3, 0, 1, "y.py::u[1]"), ("A", "one", 4, 2, 0, "y.py::u[2]"), ("A", "two", 1, 0, 0, "y.py::u[2]")]
    assert faults.merged(rows) == [("A", "one", 7, 2, 1, "y.py::u"), ("A", "two", 1, 0, 0, "y.py::u")]


def test_a_record_of_nothing_is_a_failure(record_fault, request):
    for counts in ((0,), (5, 1), (5, 0, 1)):
        with pytest.raises(AssertionError):
            record_fault("none", "nothing", *counts)
    request.node.user_properties.clear()


@pytest.fixture
def committed(request):
    if request.config.getoption("write_faults"):
        pytest.skip("faults.md is being written")
    with open(os.path.join(programs.HERE, "faults.md")) as stream:
        return faults.read(stream.read())


def test_nothing_was_wrong_in_the_committed_table(committed):
    assert [row for row in committed if row[2] == 0 or row[3] or row[4]] == []


def test_every_test_of_the_committed_table_exists(committed):
    for _, what, _, _, _, test in committed:
        path, _, name = test.partition("::")
        with open(os.path.join(programs.HERE, path)) as stream:
            assert "def %s(" % name in stream.read(), what
