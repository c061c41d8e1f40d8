"""What is told while images are made: bars on a terminal, lines elsewhere, JSON for programs."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

import programs
import synth


@pytest.fixture
def terminal():
    try:
        main, end = os.openpty()
    except OSError as error:
        pytest.skip("no pseudo-terminals here: %s" % error)
    yield main, end
    os.close(main)
    os.close(end)


def on_terminal(terminal, *arguments, columns=100, rows=24):
    """Status, standard output, and what a terminal on standard error got."""
    main, end = terminal
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    done = subprocess.run([programs.MATERIALIZE, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=end, timeout=180, text=True, env=dict(os.environ, TERM="xterm"))
    os.write(end, b"\0")
    seen = b""
    while not seen.endswith(b"\0"):
        seen += os.read(main, 65536)
    return done.returncode, done.stdout, seen[:-1].decode()


def events(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_bars_on_a_terminal(small, terminal):
    status, lines, seen = on_terminal(terminal, small[0] + "/cube")
    assert status == 0
    assert re.search(r"copying +\[[#.]+\] +\d+%  ", seen) and "\033[J" in seen
    assert all(len(re.sub(r"\033\[\d*[A-Z]", "", line)) < 100 for line in re.split("[\r\n]+", seen))
    assert "cube.image: done" in lines and "2 of 2 extensions succeeded" in lines and "\033" not in lines
    assert seen.endswith("\r\033[J"), "bars are left on the terminal"


def test_bars_fit_a_narrow_terminal(small, terminal):
    status, _, seen = on_terminal(terminal, small[0] + "/cube", columns=30, rows=3)
    assert status == 0
    assert all(len(re.sub(r"\033\[\d*[A-Z]", "", line)) < 30 for line in re.split("[\r\n]+", seen))


@pytest.mark.parametrize("options", [["--progress=never"], ["-q"], ["--json"]])
def test_a_terminal_that_is_left_alone(small, terminal, options):
    status, _, seen = on_terminal(terminal, *options, small[0] + "/cube")
    assert (status, seen) == (0, "")


def test_plain_lines_elsewhere(small, tmp_path):
    done = programs.materialize("-o", tmp_path / "out", small[0] + "/cube")
    assert done.returncode == 0 and done.stderr == "" and "\033" not in done.stdout
    assert sorted(line.split(":")[0] for line in done.stdout.splitlines()[:2]) == \
        [str(tmp_path / "out.image"), str(tmp_path / "out.psf")]


def test_bars_wherever_they_are_asked_for(small):
    done = programs.materialize("--progress=always", small[0] + "/cube")
    assert done.returncode == 0 and "\033[J" in done.stderr and "\033" not in done.stdout


@pytest.mark.parametrize("arguments", [["--progress=perhaps"], ["--progress"], ["--json", "--undo"]])
def test_wrong_usage(arguments, small):
    done = programs.materialize(*arguments, small[0] + "/cube")
    assert done.returncode == 2 and done.stderr


@pytest.mark.parametrize("options", [[], ["--verify"], ["-m", "copyvirtual"], ["-q"], ["--progress=always"]])
def test_json_lines(small, tmp_path, options):
    source, _ = small
    done = programs.materialize("--json", *options, "-o", tmp_path / "out", source + "/cube")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    told = events(done)
    kinds = [e["event"] for e in told]
    assert kinds[0] == "start" and kinds[-1] == "summary" and kinds.count("image") == 2
    assert set(kinds) <= {"start", "progress", "image", "summary"}
    start, summary = told[0], told[-1]
    paths = [str(tmp_path / "out.image"), str(tmp_path / "out.psf")]
    assert [i["path"] for i in start["images"]] == paths == [i["path"] for i in summary["images"]]
    assert [i["extension"] for i in start["images"]] == [".image", ".psf"]
    assert start["bytes"] == sum(i["bytes"] for i in start["images"]) == summary["bytes"] > 0
    assert (summary["status"], summary["succeeded"], summary["failed"]) == (0, 2, 0) and summary["seconds"] > 0
    for event in told:
        if event["event"] == "image":
            assert (event["status"], event["problem"]) == ("done", None) and os.path.isdir(event["path"])
            assert {k: v for k, v in event.items() if k != "event"} in summary["images"]
        elif event["event"] == "progress":
            assert 0 <= event["bytes_done"] <= event["bytes_total"] and event["phase"] in ("copying", "comparing")


def test_json_progress_grows(tmp_path):
    """A copy that takes some times the half second between two lines: held up by being traced."""
    source = str(tmp_path / "source")
    synth.build(source, synth.run([1] * 8, ny=256, nx=256, tile=(32, 32, 1, 1)))
    options = ["--json", "-j", "1", "--tiling=256,256,1,8", "--reflink=never", "-o", tmp_path / "out", source + "/cube"]
    command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64,pread64,preadv",
               "-e", "inject=pread64,preadv,pwrite64:delay_enter=150000", programs.MATERIALIZE, *map(str, options)]
    try:
        done = programs.run(command, timeout=180, env=programs.traced_environment())
    except FileNotFoundError:
        pytest.skip("strace is not installed")
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("strace cannot trace here")
    told = [e for e in events(done) if e["event"] == "progress"]
    assert len(told) > 2
    assert [e["bytes_done"] for e in told] == sorted(e["bytes_done"] for e in told)
    assert [e["seconds"] for e in told] == sorted(e["seconds"] for e in told)
    assert told[0]["images"][0]["bytes_total"] == told[0]["bytes_total"] == 8 * 256 * 256 * 4


def test_json_of_what_fails(small):
    source, _ = small
    os.truncate(source + "/cube.subcube.1.psf/table.f0_TSM0", 7)
    done = programs.materialize("--json", source + "/cube")
    summary = events(done)[-1]
    assert done.returncode == 1 == summary["status"] and (summary["succeeded"], summary["failed"]) == (1, 1)
    assert summary["images"][0]["status"] == "done"
    assert summary["images"][1]["status"] == "failed" and "cube.subcube.1.psf" in summary["images"][1]["problem"]


@pytest.mark.parametrize("status", [2, 3])
def test_json_when_nothing_is_done(small, status):
    source, _ = small
    if status == 2:
        os.mkdir(source + "/cube.image")
    done = programs.materialize("--json", source + ("/cube" if status == 2 else "/nothing"))
    assert done.returncode == status and done.stderr
    told = events(done)
    assert [e["event"] for e in told] == ["summary"]
    assert told[0]["status"] == status and told[0]["succeeded"] == 0


def test_json_when_there_is_nowhere_to_write(small):
    """All images are told of, also those that were not got to."""
    source, _ = small
    done = programs.materialize("--json", "-o", source + "/nowhere/x", source + "/cube")
    summary = events(done)[-1]
    assert done.returncode == 2 == summary["status"]
    assert [image["path"] for image in summary["images"]] == [source + "/nowhere/x" + ext for ext in (".image", ".psf")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_json_of_a_run_that_is_stopped_before_it_begins(small, number):
    source, _ = small
    os.utime(source + "/cube.subcube.1.psf/table.dat")
    process = subprocess.Popen([programs.MATERIALIZE, "--json", "--settle=100", source + "/cube"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert "waiting" in process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number and err == ""
    [summary] = [json.loads(line) for line in out.splitlines()]
    seconds = summary.pop("seconds")
    assert summary == {"event": "summary", "status": 128 + number, "succeeded": 0, "failed": 0, "bytes": 0, "images": []}
    assert 0 <= seconds < 60


@pytest.mark.parametrize("ends", ["closed", "full"])
def test_whoever_does_not_read_does_not_keep_it_from_being_stopped(small, ends):
    source, _ = small
    os.utime(source + "/cube.subcube.1.psf/table.dat")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while ends == "full":
        try:
            os.write(writer, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    process = subprocess.Popen([programs.MATERIALIZE, "--json", "--settle=100", source + "/cube"], stdout=writer,
                               stderr=subprocess.PIPE, text=True)
    assert "waiting" in process.stderr.readline()
    if ends == "closed":
        os.close(reader)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    process.stderr.close()
    os.close(writer)
    if ends == "full":
        os.close(reader)


def catches(pid, number):
    """Whether the program has a handler for the signal yet."""
    with open("/proc/%d/status" % pid) as stream:
        caught = next(int(line.split()[1], 16) for line in stream if line.startswith("SigCgt:"))
    return bool(caught >> (number - 1) & 1)


def test_a_plan_that_is_stopped_is_no_run(small):
    """Its JSON is one document, or none."""
    source, _ = small
    command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=statx,newfstatat", "-e",
               "inject=statx,newfstatat:delay_enter=100000", programs.MATERIALIZE, "--dry-run", "--json", "--no-cache", source + "/cube"]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=programs.traced_environment())
    except FileNotFoundError:
        pytest.skip("strace is not installed")
    time.sleep(1)
    children = [int(p) for p in open("/proc/%d/task/%d/children" % (process.pid, process.pid)).read().split()]
    if not children:
        process.communicate(timeout=60)
        pytest.skip("strace cannot trace here")
    assert programs.wait_until(lambda: catches(children[0], signal.SIGTERM))
    os.kill(children[0], signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + signal.SIGTERM, ""), err


def test_json_of_a_run_that_is_stopped(small):
    """Stopped by a signal while the children wait for each read."""
    source, _ = small
    command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=100000",
               programs.MATERIALIZE, "--json", "-j", "1", source + "/cube"]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=programs.traced_environment())
    except FileNotFoundError:
        pytest.skip("strace is not installed")
    first = process.stdout.readline()
    if not first:
        process.wait()
        pytest.skip("strace cannot trace here")
    assert json.loads(first)["event"] == "start"
    [child] = [int(p) for p in open("/proc/%d/task/%d/children" % (process.pid, process.pid)).read().split()]
    os.kill(child, signal.SIGTERM)
    out, err = process.communicate(timeout=180)
    summary = json.loads(out.splitlines()[-1])
    assert summary["event"] == "summary" and summary["status"] == 128 + signal.SIGTERM, err
    assert summary["succeeded"] + summary["failed"] == 2 and summary["failed"] > 0
    assert [i["problem"] for i in summary["images"] if i["status"] == "failed"][-1] == "not finished"
