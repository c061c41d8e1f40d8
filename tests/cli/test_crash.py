"""Killed, interrupted, or two at once: an image appears whole or not at all."""

import os
import signal
import subprocess
import time

import pytest

import judge
import programs
import synth

FINAL = ["big.image", "big.psf"]


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """Enough to be caught at work: 2 extensions of 24 parts of 2 MiB."""
    source = str(tmp_path_factory.mktemp("big") / "source")
    parts = synth.run([2] * 24, ny=512, nx=512)
    for ext in (".image", ".psf"):
        synth.build(source, parts, ext=ext, base="big")
    return source, parts


def start(source, out, *options, ignored=()):
    # the general path with one process and small tiles: slow enough to be stopped in the middle
    return subprocess.Popen([programs.MATERIALIZE, "-j", "2", "--tiling", "16,16,1,5", *options, "-o", str(out),
                             source + "/big"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, start_new_session=True,
                            preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in ignored])


def started(process, directory):
    """Wait until something appears in `directory`; the process must still be at work then."""
    assert programs.wait_until(lambda: os.listdir(directory) or process.poll() is not None, 60)
    assert process.poll() is None, process.communicate()


def children_gone(group):
    return programs.wait_until(lambda: not programs.at_work(group), 20)


def finals(directory):
    return [n for n in FINAL if os.path.lexists(os.path.join(directory, n))]


@pytest.mark.parametrize("delay_s", [0, 0.02, 0.05, 0.1, 0.2])
def test_a_killed_run_leaves_nothing_final_and_the_next_cleans_up(big, tmp_path, delay_s):
    source, parts = big
    process = start(source, tmp_path / "big")
    started(process, tmp_path)
    time.sleep(delay_s)
    killed = process.poll() is None
    process.kill()
    process.communicate(timeout=20)
    assert children_gone(process.pid), "children work on after their parent is dead"
    if killed:
        for name in finals(tmp_path):  # whole, if it was renamed before the kill
            judge.assert_same(judge.one(str(tmp_path / name)), synth.truth(parts), keys=["pixels_sha256"])
    done = programs.materialize("--overwrite", "-o", tmp_path / "big", source + "/big")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == FINAL
    judge.assert_same(judge.one(str(tmp_path / "big.image")), synth.truth(parts), keys=["pixels_sha256"])


def test_a_run_killed_at_its_start_has_no_final_name(big, tmp_path):
    source, _ = big
    process = start(source, tmp_path / "big")
    started(process, tmp_path)
    process.kill()
    process.communicate(timeout=20)
    assert children_gone(process.pid)
    assert finals(tmp_path) == []
    assert os.listdir(tmp_path), "nothing to clean up: the test was too late"
    assert programs.materialize("-o", tmp_path / "big", source + "/big").returncode == 0
    assert sorted(os.listdir(tmp_path)) == FINAL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_an_interrupted_run_leaves_nothing(big, tmp_path, number):
    source, _ = big
    process = start(source, tmp_path / "big")
    started(process, tmp_path)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert children_gone(process.pid)
    assert os.listdir(tmp_path) == [], err


def test_what_is_ignored_does_not_stop_it(big, tmp_path):
    """As nohup has it, and shells for what they start in the background; SIGCHLD some launchers."""
    source, _ = big
    numbers = [signal.SIGHUP, signal.SIGINT]
    process = start(source, tmp_path / "big", ignored=[*numbers, signal.SIGCHLD])
    started(process, tmp_path)
    for number in numbers:
        # also to the children, as from a terminal
        os.killpg(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert sorted(os.listdir(tmp_path)) == FINAL


def test_interrupt_from_the_keyboard_reaches_all_and_leaves_nothing(big, tmp_path):
    source, _ = big
    process = start(source, tmp_path / "big")
    started(process, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert children_gone(process.pid)
    assert os.listdir(tmp_path) == []


def test_a_second_one_on_the_same_output_is_status_4(big, tmp_path):
    source, parts = big
    process = start(source, tmp_path / "big")
    started(process, tmp_path)
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        there = sorted(os.listdir(tmp_path))
        second = programs.materialize("-o", tmp_path / "big", source + "/big", timeout=60)
        assert second.returncode == 4, second.stderr
        assert second.stderr.strip()
        assert sorted(os.listdir(tmp_path)) == there, "it touched what a live one is making"
    finally:
        os.killpg(process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert sorted(os.listdir(tmp_path)) == FINAL
    judge.assert_same(judge.one(str(tmp_path / "big.image")), synth.truth(parts), keys=["pixels_sha256"])


def test_two_at_once_on_other_outputs_both_succeed(big, tmp_path):
    source, _ = big
    both = [start(source, tmp_path / name) for name in ("one", "two")]
    for process in both:
        _, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
    assert sorted(os.listdir(tmp_path)) == ["one.image", "one.psf", "two.image", "two.psf"]


def test_a_full_disk_is_an_error_that_leaves_nothing(big, tmp_path):
    """A small file system: the run must say so, and clean up."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    source, _ = big
    small = tmp_path / "small"
    small.mkdir()
    mounted = programs.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small])
    if mounted.returncode:
        pytest.skip("cannot mount a tmpfs: " + mounted.stderr.strip())
    try:
        done = programs.materialize("-o", small / "big", source + "/big")
        assert done.returncode == 1
        programs.assert_message(done.stderr, ["big.image", "space"])
        assert os.listdir(small) == []
    finally:
        assert programs.run(["umount", small]).returncode == 0
