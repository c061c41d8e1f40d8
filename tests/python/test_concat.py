"""concat_subcubes and concat_images: what pclean's functions of these names do, and what they do not."""

import inspect
import logging
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest

import judge
import programs
import subcubefs
import synth
import virtual


@pytest.fixture
def family(tmp_path):
    """family(counts, extensions): writes one, gives BASE and what its cube must be."""
    def make(counts=(2, 1, 2), extensions=(".image", ".psf")):
        parts = synth.run(list(counts), ny=5, nx=6)
        for ext in extensions:
            synth.build(str(tmp_path), parts, ext=ext)
        return str(tmp_path / "cube"), parts
    return make


@pytest.fixture
def said(caplog):
    """said(level): the messages that were logged."""
    caplog.set_level(logging.INFO, logger="subcubefs")
    return lambda level: [r.getMessage() for r in caplog.records if r.levelno == level]


def images(base):
    return sorted(n for n in os.listdir(os.path.dirname(base)) if ".subcube." not in n)


def assert_is_cube_of(parts, path):
    judge.assert_same(judge.one(path), synth.truth(parts), keys=["shape", "pixels_sha256"])


def is_virtual(path):
    return os.path.exists(os.path.join(path, "imageconcat.json"))


# ---- how they are called ----

def test_they_are_called_as_pcleans_are():
    def positional(function):
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    none = inspect.Parameter.empty
    assert positional(subcubefs.concat_subcubes) == [
        ("base_imagename", none), ("nparts", none), ("extensions", None), ("mode", "paged"), ("max_workers", 4),
        ("virtual", None), ("_pool_cls", None)]
    assert positional(subcubefs.concat_images) == [
        ("outimage", none), ("inimages", none), ("axis", -1), ("relax", True), ("overwrite", True), ("mode", "paged")]


def test_what_is_there_is_made_and_told(family, said):
    base, parts = family(extensions=(".image", ".psf", ".alpha"))
    assert subcubefs.concat_subcubes(base, 3) is None
    assert images(base) == ["cube.image", "cube.psf"], "the standard products only"
    for ext in (".image", ".psf"):
        assert_is_cube_of(parts, base + ext)
    told = said(logging.INFO)
    assert told[0] == "Concatenating 9 extensions (nparts=3, mode=paged, max_workers=4)"
    for ext in (".image", ".psf"):
        assert any(t.startswith("Concatenated 3 images → %s%s (mode=paged, " % (base, ext)) for t in told)
    assert told[-1].startswith("Concatenation complete: 2/2 extensions in ") and told[-1].endswith("s")
    assert said(logging.WARNING) == []


def test_extensions_that_are_not_there_are_passed_over(family):
    base, _ = family()
    subcubefs.concat_subcubes(base, 3, [".psf", ".residual"])
    assert images(base) == ["cube.psf"]


def test_nothing_there_is_a_warning(tmp_path, said):
    assert subcubefs.concat_subcubes(str(tmp_path / "cube"), 3) is None
    assert subcubefs.concat_subcubes(str(tmp_path / "nowhere" / "cube"), 3) is None
    assert said(logging.WARNING) == ["No subcube files found for concatenation"] * 2


def test_images_that_exist_are_replaced(family):
    base, parts = family(counts=(1, 1))
    subcubefs.concat_subcubes(base, 1, [".image"])
    assert_is_cube_of(parts[:1], base + ".image")
    subcubefs.concat_subcubes(base, 2, [".image"])
    assert_is_cube_of(parts, base + ".image")


def test_base_and_names_may_look_like_options(family, tmp_path, monkeypatch):
    base, parts = family(extensions=())
    monkeypatch.chdir(tmp_path)
    synth.build(str(tmp_path), parts, base="-q")
    subcubefs.concat_subcubes("-q", 3)
    subcubefs.concat_images("-v.image", ["-q.subcube.0.image", "-q.subcube.2.image"])
    assert_is_cube_of(parts, str(tmp_path / "-q.image"))
    assert_is_cube_of([parts[0], parts[2]], str(tmp_path / "-v.image"))


@pytest.mark.parametrize("name", ["w\u00fcrfel", os.fsdecode(b"w\xfcrfel \xe2\x80\x93 2")], ids=["utf8", "bytes"])
def test_names_of_any_bytes(family, tmp_path, said, name):
    _, parts = family(extensions=())
    for ext in (".image", ".psf"):
        synth.build(str(tmp_path / "plain"), parts, ext=ext)
    os.mkdir(tmp_path / name)
    for entry in os.listdir(tmp_path / "plain"):
        os.rename(tmp_path / "plain" / entry, tmp_path / name / entry.replace("cube", name, 1))
    os.unlink(tmp_path / name / (name + ".subcube.1.psf") / "table.f0")
    with pytest.raises(subcubefs.ConcatError) as caught:
        subcubefs.concat_subcubes(str(tmp_path / name / name), 3)
    assert list(caught.value.failed) == [".psf"]
    assert any(text.startswith("Concatenated 3 images") for text in said(logging.INFO))
    image = str(tmp_path / name / (name + ".image"))
    assert os.path.exists(image + "/table.dat"), "Python's casacore does not read names that are no UTF-8"


@pytest.mark.parametrize("workers", [1, 4, 0, -3])
def test_any_number_of_workers(family, workers):
    base, parts = family()
    subcubefs.concat_subcubes(base, 3, max_workers=workers)
    assert_is_cube_of(parts, base + ".image")


def test_what_was_just_written_is_taken_at_once(family, tmp_path, monkeypatch):
    """The caller says that imaging has ended, whatever the user's own commands wait for."""
    base, parts = family()
    for part in os.listdir(tmp_path):
        os.utime(tmp_path / part / "table.f0_TSM0")
    (tmp_path / "config" / "subcubefs").mkdir(parents=True)
    (tmp_path / "config" / "subcubefs" / "config").write_text("settle = 300\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    started = time.monotonic()
    subcubefs.concat_subcubes(base, 3)
    subcubefs.concat_images(base + ".new", [base + ".subcube.0.image"])
    assert time.monotonic() - started < 300
    assert_is_cube_of(parts, base + ".image")


# ---- modes ----

@pytest.mark.parametrize("mode", ["paged", "virtual", "nomovevirtual", "copyvirtual", "movevirtual"])
def test_modes(family, mode):
    base, parts = family()
    subcubefs.concat_subcubes(base, 3, mode=mode)
    assert is_virtual(base + ".image") == (mode != "paged")
    describe = judge.one if mode == "paged" else virtual.one
    judge.assert_same(describe(base + ".image"), synth.truth(parts), keys=["shape", "pixels_sha256"])
    assert os.path.exists(base + ".subcube.0.image") == (mode != "movevirtual")


@pytest.mark.parametrize("value, mode, is_catalog", [(True, {}, True), (False, {}, False),
                                                       (False, {"mode": "nomovevirtual"}, True)])
def test_virtual_is_deprecated(family, value, mode, is_catalog):
    base, _ = family()
    with pytest.warns(DeprecationWarning, match="use mode='nomovevirtual' or mode='paged'"):
        subcubefs.concat_subcubes(base, 3, [".image"], virtual=value, **mode)
    assert is_virtual(base + ".image") == is_catalog


def test_without_virtual_nothing_is_deprecated(family):
    base, _ = family()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        subcubefs.concat_subcubes(base, 3)


# ---- missing parts ----

def test_missing_parts_are_skipped_with_a_warning(family, said):
    base, parts = family(counts=(1, 1, 1))
    shutil.rmtree(base + ".subcube.1.image")
    subcubefs.concat_subcubes(base, 3)
    assert_is_cube_of([parts[0], parts[2]], base + ".image")
    assert_is_cube_of(parts, base + ".psf")
    assert any("cube.subcube.1.image is missing" in text for text in said(logging.WARNING))


def test_missing_parts_can_be_an_error(family):
    base, parts = family(counts=(1, 1, 1))
    shutil.rmtree(base + ".subcube.1.image")
    with pytest.raises(subcubefs.ConcatError, match="cube.subcube.1.image") as caught:
        subcubefs.concat_subcubes(base, 3, missing="error")
    assert list(caught.value.failed) == [".image"]
    assert images(base) == ["cube.psf"]


def test_parts_of_an_earlier_run_are_left_out(family):
    base, parts = family(counts=(1, 1, 1))
    subcubefs.concat_subcubes(base, 2)
    assert_is_cube_of(parts[:2], base + ".image")


# ---- failures ----

def test_a_failed_extension_raises_after_the_others_are_made(family, said):
    base, parts = family(extensions=(".image", ".image.pbcor", ".psf"))
    os.unlink(base + ".subcube.1.image/table.f0")
    with pytest.raises(subcubefs.ConcatError) as caught:
        subcubefs.concat_subcubes(base, 3)
    assert list(caught.value.failed) == [".image"]
    assert "cube.subcube.1.image" in caught.value.failed[".image"]
    assert images(base) == ["cube.image.pbcor", "cube.psf"]
    assert_is_cube_of(parts, base + ".psf")
    told = said(logging.WARNING)
    assert told[0].startswith("Failed to concatenate .image: ") and "cube.subcube.1.image" in told[0]
    assert told[-1] == "Failed extensions: .image"
    assert said(logging.INFO)[-1].startswith("Concatenation complete: 2/3 extensions in ")


def test_an_output_that_cannot_be_replaced_fails_alone(family):
    base, parts = family()
    with open(base + ".psf", "w") as stream:
        stream.write("somebody's")
    with pytest.raises(subcubefs.ConcatError) as caught:
        subcubefs.concat_subcubes(base, 3)
    assert list(caught.value.failed) == [".psf"]
    assert_is_cube_of(parts, base + ".image")
    assert programs.whole(base + ".psf") == b"somebody's"


def test_when_nothing_can_be_done_all_have_failed(family):
    base, _ = family()
    with pytest.raises(subcubefs.ConcatError, match="nonsense") as caught:
        subcubefs.concat_subcubes(base, 3, mode="nonsense")
    assert sorted(caught.value.failed) == [".image", ".psf"]


def test_the_error_can_be_sent_from_a_worker():
    error = pickle.loads(pickle.dumps(subcubefs.ConcatError({".psf": "gone"})))
    assert isinstance(error, RuntimeError) and error.failed == {".psf": "gone"} and str(error) == ".psf: gone"


def test_without_the_program_the_error_says_what_to_do(family, monkeypatch):
    base, _ = family()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FileNotFoundError, match="PATH.*subcube-materialize"):
        subcubefs.concat_subcubes(base, 3)


def test_an_interrupt_stops_the_program_first(family, tmp_path):
    """A program of that name that would never end by itself tells when it is interrupted."""
    base, _ = family()
    tool = tmp_path / "bin" / "subcube-materialize"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\ntrap 'echo stopped >%s/stopped; exit 143' TERM\n"
                    "echo subcube-materialize: warning: started >&2\n"
                    "while :; do sleep 0.05; done\n" % tmp_path)
    tool.chmod(0o755)
    code = "import subcubefs; subcubefs.concat_subcubes(%r, 3)" % base
    env = dict(os.environ, PATH="%s:%s" % (tool.parent, os.environ["PATH"]),
               PYTHONPATH=os.path.join(programs.ROOT, "python"))
    child = subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE, text=True)
    assert child.stderr.readline() == "started\n"
    child.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in child.communicate(timeout=60)[1]
    assert (tmp_path / "stopped").exists()


def test_calls_from_threads_do_not_disturb_each_other(family):
    base, parts = family(extensions=(".image", ".psf", ".pb"))
    errors = []

    def work(ext):
        try:
            subcubefs.concat_subcubes(base, 3, [ext])
        except Exception as error:    # seen by the test's own thread
            errors.append(error)
    threads = [threading.Thread(target=work, args=(ext,)) for ext in (".image", ".psf", ".pb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert images(base) == ["cube.image", "cube.pb", "cube.psf"]


# ---- concat_images ----

def test_images_in_the_order_given(family, tmp_path, said):
    base, parts = family(counts=(1, 2))
    out = str(tmp_path / "new")
    names = [base + ".subcube.%d.image" % n for n in (0, 1)]
    assert subcubefs.concat_images(out, names) is None
    assert_is_cube_of(parts, out)
    assert said(logging.INFO)[-1].startswith("Concatenated 2 images → %s (mode=paged, " % out)


@pytest.mark.parametrize("end", ["/", "//"])
def test_an_image_may_be_named_as_a_directory(family, tmp_path, end):
    base, parts = family(counts=(1, 2))
    names = [base + ".subcube.%d.image" % n for n in (0, 1)]
    subcubefs.concat_images(str(tmp_path / "new") + end, [name + end for name in names])
    assert_is_cube_of(parts, str(tmp_path / "new"))


def test_an_image_that_exists_is_replaced_unless_told_otherwise(family, tmp_path):
    base, parts = family(counts=(1, 2))
    out = str(tmp_path / "new")
    subcubefs.concat_images(out, [base + ".subcube.0.image"])
    with pytest.raises(subcubefs.ConcatError, match="exists") as caught:
        subcubefs.concat_images(out, [base + ".subcube.1.image"], overwrite=False)
    assert list(caught.value.failed) == [out]
    assert_is_cube_of(parts[:1], out)
    subcubefs.concat_images(out, [base + ".subcube.1.image"])
    assert_is_cube_of(parts[1:], out)


def test_an_axis_of_ones_own(family, tmp_path):
    base, parts = family(counts=(2, 2))
    out = str(tmp_path / "new")
    subcubefs.concat_images(out, [base + ".subcube.%d.image" % n for n in (0, 0)], axis=1)
    assert judge.one(out)["shape"] == [6, 10, 1, 2]


def test_strict_is_an_error_where_headers_differ(tmp_path):
    parts = synth.run([1, 1], ny=5, nx=6)
    parts[1].unit = "K"
    synth.build(str(tmp_path), parts)
    names = [str(tmp_path / synth.name(n)) for n in (0, 1)]
    subcubefs.concat_images(str(tmp_path / "new"), names)
    with pytest.raises(subcubefs.ConcatError):
        subcubefs.concat_images(str(tmp_path / "other"), names, relax=False)
    assert not os.path.exists(str(tmp_path / "other"))


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path], ids=["str", "bytes", "Path"])
def test_one_image_needs_no_list(family, tmp_path, kind):
    base, parts = family(counts=(2, 2))
    subcubefs.concat_images(kind(str(tmp_path / "new")), kind(base + ".subcube.0.image"))
    assert_is_cube_of(parts[:1], str(tmp_path / "new"))


# ---- arguments that make little sense, or none ----

@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path], ids=["str", "bytes", "Path"])
def test_base_may_be_any_path(family, kind):
    base, parts = family()
    subcubefs.concat_subcubes(kind(base), 3, [".psf"])
    assert_is_cube_of(parts, base + ".psf")


@pytest.mark.parametrize("end", ["/", "//"])
def test_base_may_end_like_a_directory(family, end):
    base, parts = family()
    subcubefs.concat_subcubes(base + end, 3)
    assert images(base) == ["cube.image", "cube.psf"]


@pytest.mark.parametrize("extensions, made", [
    (["image"], ["cube.image"]), ("psf", ["cube.psf"]), (".psf", ["cube.psf"]), (".psf,image", ["cube.image", "cube.psf"]),
    ({".psf"}, ["cube.psf"]), ([".psf", "psf"], ["cube.psf"]), (["image.pbcor", ".image.pbcor"], ["cube.image.pbcor"])])
def test_extensions_in_other_words(family, extensions, made):
    base, _ = family(extensions=(".image", ".image.pbcor", ".psf"))
    subcubefs.concat_subcubes(base, 3, extensions)
    assert images(base) == made


@pytest.mark.parametrize("error, argument", [
    (ValueError, {"extensions": [""]}), (ValueError, {"extensions": ""}), (ValueError, {"extensions": ["."]}),
    (ValueError, {"extensions": [".image,.psf"]}), (ValueError, {"extensions": [".psf/"]}), (TypeError, {"extensions": [None]}),
    (TypeError, {"extensions": [b".psf"]}), (ValueError, {"nparts": 0}), (ValueError, {"nparts": -1}), (TypeError, {"nparts": "3"}),
    (TypeError, {"nparts": 3.0}), (TypeError, {"nparts": None}), (TypeError, {"max_workers": "2"}), (TypeError, {"options": [3]})])
def test_what_makes_no_sense_is_refused(family, error, argument):
    base, _ = family()
    with pytest.raises(error):
        subcubefs.concat_subcubes(base, **dict({"nparts": 3}, **argument))
    assert images(base) == []


@pytest.mark.parametrize("axis", ["spectral", 1.0, None])
def test_an_axis_is_a_number(family, axis):
    base, _ = family()
    with pytest.raises(TypeError):
        subcubefs.concat_images(base + ".new", [base + ".subcube.0.image"], axis=axis)


OTHERS = [["--list"], ["--dry-run"], ["--dry"], ["--help"], ["-?"], ["--usage"], ["--version"], ["-V"], ["-o", "other"],
          ["--output=other"], ["--out=other"], ["-oother"], ["--ext=.image"], ["-e", ".alpha"], ["--images"], ["--resume"],
          ["--undo"], ["--"]]


@pytest.mark.parametrize("options", OTHERS, ids=" ".join)
def test_options_for_something_else_are_refused(family, tmp_path, monkeypatch, options):
    base, _ = family()
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path))
    for call in (lambda: subcubefs.concat_subcubes(base, 3, options=options),
                 lambda: subcubefs.concat_images(base + ".new", [base + ".subcube.0.image"], options=options)):
        with pytest.raises(ValueError, match="options: .* is not for concat_"):
            call()
    assert sorted(os.listdir(tmp_path)) == before


def test_options_are_a_list(family):
    base, _ = family()
    for call in (lambda: subcubefs.concat_subcubes(base, 3, options="--tiling=keep"),
                 lambda: subcubefs.concat_images(base + ".new", [base + ".subcube.0.image"], options="--tiling=keep")):
        with pytest.raises(TypeError, match="options: a list is expected.*--tiling=keep"):
            call()
    assert images(base) == []


@pytest.mark.parametrize("options", [["--tiling", "keep"], ["-j1"], ["-j", "1"], ["--relax"], ["--no-cache"], ["--verify"]],
                         ids=" ".join)
def test_other_options_are_not(family, options):
    base, parts = family()
    subcubefs.concat_subcubes(base, 3, [".psf"], options=options)
    assert_is_cube_of(parts, base + ".psf")


@pytest.mark.parametrize("said", ["", "hello", "[]", "{}", '{"event": "image", "path": "other", "status": "done", "problem": null}'])
def test_what_the_program_does_not_tell_is_not_made(family, tmp_path, monkeypatch, said):
    """A program of that name that does something else, and ends well."""
    base, _ = family()
    tool = tmp_path / "bin" / "subcube-materialize"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho '%s'\n" % said)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tool.parent, os.environ["PATH"]))
    with pytest.raises(subcubefs.ConcatError, match="subcube-materialize ended with status 0") as caught:
        subcubefs.concat_subcubes(base, 3)
    assert sorted(caught.value.failed) == [".image", ".psf"]
    with pytest.raises(subcubefs.SourceError):
        subcubefs.families(str(tmp_path))


# ---- progress ----

def test_a_function_is_told_how_far_it_is(family):
    base, parts = family()
    told = []
    subcubefs.concat_subcubes(base, 3, progress=told.append)
    subcubefs.concat_images(base + ".new", [base + ".subcube.0.image"], progress=told.append)
    first = [n for n, event in enumerate(told) if event["phase"] == "starting"]
    last = [n for n, event in enumerate(told) if event["phase"] == "done"]
    assert first == [0, last[0] + 1] and last[1] == len(told) - 1
    for event in told:
        assert set(event) >= {"phase", "seconds", "bytes_done", "bytes_total", "bytes_per_second", "seconds_left"}
        assert 0 <= event["bytes_done"] <= event["bytes_total"]
    for number in last:
        assert told[number]["bytes_done"] == told[number]["bytes_total"] > 0


def test_what_the_function_raises_ends_the_run(family):
    base, _ = family()

    def stop(event):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        subcubefs.concat_subcubes(base, 3, progress=stop)
    assert not [n for n in os.listdir(os.path.dirname(base)) if n.startswith(".")], "nothing half done is left"


TQDM = """
class tqdm:
    def __init__(self, **how):
        self.n = self.total = 0
    def set_description(self, text, refresh):
        self.text = text
    def refresh(self):
        pass
    def close(self):
        print("bar: %s, %d of %d" % (self.text, self.n, self.total))
"""


@pytest.mark.parametrize("terminal, installed, progress, shown", [
    (True, True, "None", True), (False, True, "None", False), (True, False, "None", False), (True, True, "False", False)])
def test_a_bar_where_it_can_be_seen(family, tmp_path, terminal, installed, progress, shown):
    base, _ = family()
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "tqdm.py").write_text(TQDM if installed else "raise ImportError")
    master, slave = os.openpty()
    code = "import subcubefs; subcubefs.concat_subcubes(%r, 3, progress=%s)" % (base, progress)
    path = os.pathsep.join([str(tmp_path / "modules"), os.path.join(programs.ROOT, "python")])
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=path), stdout=subprocess.PIPE,
                          stderr=slave if terminal else subprocess.PIPE, text=True, timeout=programs.START_S)
    os.close(slave)
    os.close(master)
    assert done.returncode == 0
    assert done.stdout.startswith("bar: ") == shown


def test_more_options(family, tmp_path):
    base, parts = family(counts=(1, 1, 1))
    shutil.rmtree(base + ".subcube.1.image")
    subcubefs.concat_subcubes(base, 3, [".image"], options=["--missing=blank"])
    assert judge.one(base + ".image")["shape"][-1] == 3
