"""The mount under valgrind."""

import os
import subprocess

import broken
import programs
import recipes
import synth
import valgrind


def test_no_errors(tmp_path):
    valgrind.skip_where_it_cannot_be()
    source, mnt, logs = str(tmp_path / "source"), str(tmp_path / "mnt"), tmp_path / "logs"
    broken.family(source)
    broken.BREAKAGES["mask truncated"].break_it(source)
    synth.build(source, recipes.uneven_chunks_and_tiles().parts, base="uneven")
    programs.age(source)
    os.mkdir(mnt)
    daemon = subprocess.Popen([*valgrind.command(logs), programs.SUBCUBEFS, "-f", "--no-cache", "--readahead=1M,always",
                               "--log=" + str(tmp_path / "log"), source, mnt], stdin=subprocess.DEVNULL)
    try:
        assert programs.wait_until(lambda: programs.mountinfo(mnt) or daemon.poll() is not None, valgrind.SLOW_S)
        assert daemon.poll() is None
        read = {}
        for directory, _, files in os.walk(mnt):
            for name in files:
                path = os.path.join(directory, name)
                try:
                    read[os.path.relpath(path, mnt)] = programs.whole(path)
                except OSError:
                    read[os.path.relpath(path, mnt)] = None
        lost = [path for path, data in read.items() if data is None]
        assert lost == ["cube.image/mask0/table.f0_TSM0"] and len(read) > 30
        subprocess.run(["fusermount3", "-u", mnt], check=True)
        assert daemon.wait(valgrind.SLOW_S) == 0
    finally:
        daemon.kill()
        daemon.wait()
        programs.clean_up(mnt)
    valgrind.assert_clean(logs)
