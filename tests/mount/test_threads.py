"""The mount under ThreadSanitizer: many readers at once, parts that change, views that come and go."""

import glob
import os
import random
import subprocess
import threading

import pytest

import broken
import programs
import recipes
import synth

BUILD_S = 900       # forty files, on a machine that does other things too
READS = 150         # of each reader


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    """The program in a build of its own, and its environment; reports go to files in the directory."""
    if programs.is_sanitized():
        pytest.skip("two sanitizers cannot be in one program")
    build = os.path.join(programs.ROOT, "build-tsan")
    if not os.path.exists(os.path.join(build, "build.ninja")):
        done = programs.run(["meson", "setup", build, programs.ROOT, "-Db_sanitize=thread", "-Db_lundef=false"], timeout=BUILD_S)
        if done.returncode:
            pytest.skip("no ThreadSanitizer here: " + done.stdout[-200:])
    done = programs.run(["ninja", "-C", build, "fs/subcubefs"], timeout=BUILD_S)
    assert done.returncode == 0, done.stdout
    program = os.path.join(build, "fs", "subcubefs")
    assert b"__tsan_init" in programs.whole(program)
    if programs.run([program, "--version"]).returncode:
        pytest.skip("ThreadSanitizer does not run on this kernel")
    reports = str(tmp_path_factory.mktemp("reports"))
    # The header program is the one of the plain build.
    header = os.path.join(programs.BUILD, "common", "casa", "subcubefs-header")
    return program, dict(os.environ, TSAN_OPTIONS="log_path=%s/report" % reports, SUBCUBEFS_HEADER=header), reports


def read_at_random(mnt, seed, wrong):
    rng = random.Random(seed)
    for _ in range(READS):
        try:
            files = [os.path.join(directory, name) for directory, _, names in os.walk(mnt) for name in names]
            path = rng.choice(files)
            with open(path, "rb") as stream:
                stream.seek(rng.randrange(max(os.path.getsize(path), 1)))
                stream.read(rng.choice((1, 5000, 200000)))
        except OSError:
            pass        # a broken part, or one that changes right now
        except Exception as error:      # a thread's own would be lost
            wrong.append(error)
            raise


def change(source, stop):
    """Parts get other times, vanish and come back."""
    rng = random.Random(5)
    while not stop.wait(0.2):
        part = os.path.join(source, synth.name(rng.randrange(3), ext=".psf"))
        if rng.random() < 0.5:
            os.utime(os.path.join(part, "table.f0_TSM0"), (1e9, 1e9 + rng.randrange(1000)))
        else:
            os.rename(part, part + ".away")
            os.rename(part + ".away", part)


WAYS = {
    "refreshed, with read-ahead": ("--refresh=1", "--settle=0", "--readahead=1M,always"),
    "refreshed, direct_io": ("--refresh=1", "--settle=0", "-o", "direct_io", "--readahead=0"),
    "never refreshed": ("--refresh=0", "--readahead=1M,always"),
}


@pytest.mark.parametrize("options", WAYS.values(), ids=[way.replace(" ", "-") for way in WAYS])
def test_no_data_races(tmp_path, sanitized, options):
    program, environment, reports = sanitized
    source, mnt = str(tmp_path / "source"), str(tmp_path / "mnt")
    broken.family(source)
    broken.BREAKAGES["mask truncated"].break_it(source)
    synth.build(source, recipes.uneven_chunks_and_tiles().parts, base="uneven")
    synth.build(source, recipes.byte_orders_differ().parts, base="swapped")
    programs.age(source)
    os.mkdir(mnt)
    command = [program, "--cache-dir=" + str(tmp_path / "cache"), "--log=" + str(tmp_path / "log"), *options, source, mnt]
    done = programs.run(command, env=environment)
    assert done.returncode == 0, done.stderr
    try:
        wrong, stop = [], threading.Event()
        readers = [threading.Thread(target=read_at_random, args=(mnt, seed, wrong)) for seed in range(6)]
        changer = threading.Thread(target=change, args=(source, stop))
        for thread in (*readers, changer):
            thread.start()
        for thread in readers:
            thread.join()
        stop.set()
        changer.join()
        assert not wrong
        subprocess.run(["fusermount3", "-u", mnt], check=True)
        assert programs.wait_until(lambda: not programs.processes(mnt))
    finally:
        programs.clean_up(mnt)
    text = "".join(open(path, errors="replace").read() for path in sorted(glob.glob(reports + "/report*")))
    assert not text, text[:8000]
