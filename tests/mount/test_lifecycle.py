"""Starting, stopping, options, and failing to start."""

import errno
import os
import signal
import subprocess

import pytest

import programs
import recipes
import synth

nofuse = pytest.mark.nofuse


def subcubefs(*arguments, **more):
    return programs.run([programs.SUBCUBEFS, *arguments], **more)


def one_line(text):
    return len(text.strip().splitlines()) == 1


@nofuse
@pytest.mark.parametrize("option, text", [("--help", "SOURCE"), ("--version", "subcubefs")])
def test_help_and_version_work_without_fuse(option, text):
    done = subcubefs(option)
    assert done.returncode == 0
    assert text in done.stdout
    assert done.stderr == ""


@nofuse
@pytest.mark.parametrize("arguments", [[], ["one"], ["a", "b", "c"], ["--nonsense", "a", "b"], ["-o"], ["-f", "--log"],
                                       ["--readahead", "a", "b"], ["--readahead=x", "a", "b"], ["--readahead=-1", "a", "b"],
                                       ["--readahead=1T", "a", "b"], ["--readahead=17G", "a", "b"],
                                       ["--readahead=1M,never", "a", "b"]])
def test_wrong_usage_is_status_2(arguments, tmp_path):
    done = subcubefs(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("subcubefs: ")


def assert_fails(done, mountpoint, *words):
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    programs.assert_message(done.stderr, [str(w) for w in words])
    assert not programs.mountinfo(str(mountpoint))
    assert not programs.processes(mountpoint)


def test_a_source_that_is_missing(tmp_path):
    mountpoint = tmp_path / "mnt"
    mountpoint.mkdir()
    assert_fails(subcubefs(tmp_path / "nothing", mountpoint), mountpoint, tmp_path / "nothing")


def test_a_source_that_is_a_file(tmp_path):
    mountpoint = tmp_path / "mnt"
    mountpoint.mkdir()
    (tmp_path / "file").write_text("x")
    assert_fails(subcubefs(tmp_path / "file", mountpoint), mountpoint, tmp_path / "file")


def test_a_base_that_no_part_has(small, tmp_path):
    mountpoint = tmp_path / "mnt"
    mountpoint.mkdir()
    assert_fails(subcubefs(small[0] + "/nothing", mountpoint), mountpoint, small[0] + "/nothing")


def test_a_mountpoint_that_is_missing(small, tmp_path):
    assert_fails(subcubefs(small[0], tmp_path / "mnt"), tmp_path / "mnt", tmp_path / "mnt")


def test_a_mountpoint_that_is_a_file(small, tmp_path):
    (tmp_path / "file").write_text("x")
    assert_fails(subcubefs(small[0], tmp_path / "file"), tmp_path / "file", tmp_path / "file")


def test_an_unknown_mount_option(small, tmp_path):
    mountpoint = tmp_path / "mnt"
    mountpoint.mkdir()
    done = subcubefs("-o", "no_such_option_at_all", small[0], mountpoint)
    assert done.returncode in (1, 2)
    assert "no_such_option_at_all" in done.stderr
    assert not programs.mountinfo(str(mountpoint))
    assert not programs.processes(mountpoint)


def test_a_log_that_cannot_be_written(small, tmp_path):
    mountpoint = tmp_path / "mnt"
    mountpoint.mkdir()
    log = tmp_path / "no" / "such" / "log"
    assert_fails(subcubefs("--log=%s" % log, small[0], mountpoint), mountpoint, log)


def test_a_source_without_subcubes_is_an_empty_mount_or_says_so(tmp_path, mount):
    source = tmp_path / "source"
    source.mkdir()
    mnt = mount(source)
    os.makedirs(mnt.path)
    done = programs.run(mnt.command)
    if done.returncode == 0:
        assert os.listdir(mnt.path) == []
    else:
        assert done.returncode == 1 and one_line(done.stderr)
        assert not programs.mountinfo(mnt.path)


def test_the_mount_answers_as_soon_as_the_program_returns(small, mount):
    for _ in range(10):
        with mount(small[0]) as mnt:
            assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]


def test_fusermount_ends_the_program(small, mount):
    with mount(small[0]) as mnt:
        assert len(mnt.pids()) == 1
    # leaving the context unmounts, and sees that mount and process are gone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_a_signal_unmounts(small, mount, number):
    with mount(small[0]) as mnt:
        assert programs.whole(mnt.view("cube.image", "table.dat"))
        os.kill(mnt.pids()[0], number)
        mnt.assert_gone()


def foreground(mnt):
    os.makedirs(mnt.path, exist_ok=True)
    process = subprocess.Popen([programs.SUBCUBEFS, "-f", *mnt.command[1:]], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert programs.wait_until(lambda: programs.mountinfo(mnt.path) or process.poll() is not None)
    return process


def test_foreground_stays_until_unmounted(small, mount):
    mnt = mount(small[0])
    process = foreground(mnt)
    assert programs.whole(mnt.view("cube.image", "table.dat"))
    assert process.poll() is None
    assert programs.run(["fusermount3", "-u", mnt.path]).returncode == 0
    out, err = process.communicate(timeout=programs.STOP_S)
    assert process.returncode == 0, err
    mnt.assert_gone()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_foreground_ends_at_a_signal(small, mount, number):
    mnt = mount(small[0])
    process = foreground(mnt)
    assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]
    process.send_signal(number)
    process.communicate(timeout=programs.STOP_S)
    mnt.assert_gone()


def test_an_open_file_does_not_keep_a_signal_from_ending_it(small, mount):
    with mount(small[0]) as mnt:
        descriptor = os.open(mnt.view("cube.image", "table.dat"), os.O_RDONLY)
        try:
            assert len(os.pread(descriptor, 10, 0)) == 10
            os.kill(mnt.pids()[0], signal.SIGTERM)
            mnt.assert_gone()
        finally:
            try:
                os.close(descriptor)
            except OSError as error:
                assert error.errno == errno.ENOTCONN


def test_mount_options_are_fuses(small, mount):
    with mount(small[0], "-o", "noexec,fsname=mysubcubes", "-o", "max_read=65536") as mnt:
        fields = programs.mountinfo(mnt.path)
        assert "noexec" in fields[5].split(",")
        assert "max_read=65536" in fields[-1].split(",")
        assert "mysubcubes" in fields
        assert any(f.startswith("fuse") for f in fields)
        assert programs.whole(mnt.view("cube.image", "table.f0_TSM0"))


def test_allow_other_lets_other_users_in(small, mount):
    if os.geteuid() != 0:
        pytest.skip("only root may use allow_other without a change of /etc/fuse.conf")
    with mount(small[0], "-o", "allow_other") as mnt:
        assert "allow_other" in programs.mountinfo(mnt.path)[-1].split(",")


def test_log_goes_to_the_file(tmp_path, mount):
    source = str(tmp_path / "source")
    synth.build(source, recipes.objects_differ().parts)
    log = tmp_path / "own.log"
    with mount(source, "--log=%s" % log) as mnt:
        assert programs.whole(mnt.view("cube.image", "table.dat"))
        programs.assert_message(log.read_text(), ["M31", "M33"])


def test_relative_source_and_mountpoint(small, tmp_path, mount):
    """The program leaves the directory it was started in, and still finds both."""
    (tmp_path / "relative").mkdir()
    done = programs.run([programs.SUBCUBEFS, "--log=%s" % (tmp_path / "l"), "source", "relative"], cwd=tmp_path)
    where = str(tmp_path / "relative")
    try:
        assert done.returncode == 0, done.stderr
        assert programs.whole(where + "/cube.image/table.dat")
        assert programs.run(["fusermount3", "-u", where]).returncode == 0
        assert programs.wait_until(lambda: not programs.processes("relative"))
    finally:
        programs.clean_up(where)


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_it_is_started_with_closed_standard_streams(small, tmp_path, closed):
    """As some schedulers do it: no file of ours gets the numbers that messages go to."""
    source, where = small[0], str(tmp_path / "mnt")
    os.mkdir(where)
    try:
        done = programs.run(["sh", "-c", '"$@" ' + closed, "sh", programs.SUBCUBEFS, "--log=%s" % (tmp_path / "l"), source, where])
        assert done.returncode == 0, done.stderr
        assert programs.whole(where + "/cube.image/table.dat")
        assert programs.run(["fusermount3", "-u", where]).returncode == 0
        assert programs.wait_until(lambda: not programs.processes(where))
    finally:
        programs.clean_up(where)


def test_two_mounts_of_one_source(small, mount):
    with mount(small[0]) as first, mount(small[0]) as second:
        assert programs.tree(first.path) == programs.tree(second.path)


def test_a_listing_reads_directories_only(small, mount):
    """A header is built at the first look into a view: with no header to be had, the listing is there all the same."""
    source, _ = small
    for n in range(3):
        os.unlink("%s/cube.subcube.%d.image/table.dat" % (source, n))
    with mount(source) as mnt:
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]
        assert "cube.subcube" not in mnt.log()


def test_a_mountpoint_that_is_not_empty(small, tmp_path, mount):
    """What is in it would be hidden: nobody loses sight of files without being asked."""
    (tmp_path / "mnt").mkdir()
    (tmp_path / "mnt" / "notes.txt").write_text("x")
    assert_fails(subcubefs(small[0], tmp_path / "mnt"), tmp_path / "mnt", tmp_path / "mnt", "notes.txt", "nonempty")
    with mount(small[0], "-o", "nonempty", mountpoint=tmp_path / "mnt") as mnt:
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]
    assert os.listdir(tmp_path / "mnt") == ["notes.txt"]


def test_the_source_is_a_mountpoint_that_need_not_be_empty(small, mount):
    with mount(small[0], mountpoint=small[0]) as mnt:
        assert sorted(os.listdir(mnt.path)) == ["cube.image", "cube.psf"]


def test_a_source_that_was_mounted_on_and_whose_program_was_killed(small, mount):
    with mount(small[0], mountpoint=small[0]) as mnt:
        os.kill(mnt.pids()[0], signal.SIGKILL)
        assert programs.wait_until(lambda: not mnt.pids())
        with pytest.raises(OSError) as caught:
            os.listdir(mnt.path)
        assert caught.value.errno in (errno.ENOTCONN, errno.ECONNABORTED)
        assert programs.run(mnt.command).returncode == 0
        assert programs.whole(mnt.view("cube.image", "table.dat"))


def test_another_programs_signal_leaves_it_ending_by_sigterm(small, mount):
    source, _ = small
    mnt = mount(source)
    mnt.__enter__()
    [pid] = mnt.pids()
    os.kill(pid, signal.SIGUSR2)
    assert os.listdir(mnt.view("cube.image"))
    os.kill(pid, signal.SIGTERM)
    mnt.assert_gone()
