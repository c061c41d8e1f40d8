"""The configuration file of both programs."""

import json
import os

import pytest

import programs

PROGRAMS = {"mount": programs.SUBCUBEFS, "materialize": programs.MATERIALIZE}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """config(text): what the file says from now on; its path."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "subcubefs" / "config"

    def write(text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)
    return write


def channels(program, *arguments):
    done = programs.run([PROGRAMS[program], "--list", "--json", *arguments])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["families"][0]["channels"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_stands_before_the_command_line(small, config, program):
    source, _ = small
    programs.run(["rm", "-r", source + "/cube.subcube.1.image"])
    config("# what I like\n\n  missing =  skip  \nreadahead = 1M\njobs=2\n")
    assert channels(program, source) == 4
    assert channels(program, "--missing=blank", source) == 6
    config("")
    assert channels(program, source) == 6


@pytest.mark.parametrize("program", PROGRAMS)
def test_one_command_can_do_without_it(small, config, program, monkeypatch):
    """As subcubefs-formats(5) tells."""
    source, _ = small
    programs.run(["rm", "-r", source + "/cube.subcube.1.image"])
    config("missing = skip\n")
    assert channels(program, source) == 4
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null")
    assert channels(program, source) == 6


def test_in_the_home_directory(small, config, monkeypatch, tmp_path):
    source, _ = small
    programs.run(["rm", "-r", source + "/cube.subcube.1.image"])
    config("missing = skip\n")
    os.rename(tmp_path / "config", tmp_path / ".config")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert channels("mount", source) == 4
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")   # is to be ignored
    assert channels("mount", source) == 4


def test_a_run_takes_it(small, config):
    source, _ = small
    config("tiling = 12,10,1,6\nquiet\n")
    done = programs.materialize("--dry-run", "--json", source + "/cube")
    assert json.loads(done.stdout)["images"][0]["tile"] == [12, 10, 1, 6]
    done = programs.materialize(source + "/cube")
    assert (done.returncode, done.stdout) == (0, "")


def test_tiling_and_pattern_do_not_stand_in_the_way(small, config, tmp_path):
    """On the command line they would be contradictions."""
    source, _ = small
    config("tiling = casa\npattern = {base}.subcube.{n}{ext}\n")
    done = programs.materialize("-m", "nomovevirtual", source + "/cube")
    assert done.returncode == 0, done.stderr
    done = programs.materialize("--images", "-o", tmp_path / "out", *(source + "/cube.subcube.%d.psf" % n for n in range(3)))
    assert done.returncode == 0, done.stderr


def test_a_mount_takes_it(small, config, mount):
    source, _ = small
    config("options = fsname=mine\nno-cache\n")
    with mount(source) as mnt:
        assert "mine" in programs.mountinfo(mnt.path)


BAD = ["nonsense = 1", "missing", "missing = ", "reorder = yes", "overwrite", "missing = perhaps", "= x", "\xff", "cache-dir ="]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_is_named(small, config, program, line):
    path = config("# one\nhistory = all\n%s\nstrict\n" % line)
    done = programs.run([PROGRAMS[program], "--list", small[0]])
    assert done.returncode == 2 and done.stdout == ""
    assert "%s:3: " % path in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_the_other_program_says_is_its_own_matter(small, config, program):
    other = {"mount": "jobs = nonsense\n", "materialize": "readahead = nonsense\n"}[program]
    config(other)
    assert channels(program, small[0]) == 6


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_file_that_is_none(small, config, program):
    path = config("")
    os.unlink(path)
    os.mkfifo(path)
    done = programs.run([PROGRAMS[program], "--list", small[0]])
    assert done.returncode == 2
    programs.assert_message(done.stderr, [path])
    os.unlink(path)
    config("# much\n" * 20000)
    done = programs.run([PROGRAMS[program], "--list", small[0]])
    assert done.returncode == 2
    programs.assert_message(done.stderr, [path])
