"""Whatever strangers put in a subcube's place: one message that names it, nothing written, nothing hangs or grows."""

import json
import os
import subprocess

import numpy as np

import hostile
import judge
import programs
import synth

MEMORY_BYTES = 2 << 30      # of address space, for the largest header that is read at all


def run(*arguments):
    """With bounded memory, where the sanitizer does not take terabytes of address space."""
    limit = [] if programs.is_sanitized() else ["prlimit", "--as=%d" % MEMORY_BYTES]
    return programs.run([*limit, programs.MATERIALIZE, "-q", "-j1", *arguments], timeout=60)


def wrong(done, out, words):
    """What is wrong with a run that must fail, or None."""
    lines = [line for line in done.stderr.splitlines() if all(word in line for word in words)]
    if done.returncode != 1 or not lines or os.listdir(out):
        return "status %s, %s, %r" % (done.returncode, os.listdir(out), done.stderr)
    return None


def check(record_fault, found, what):
    failed = {entry: reason for entry, reason in found.items() if reason}
    for item in failed.items():
        print("%s: %s" % item)
    record_fault("Hostile input", what, len(found), wrong=len(failed))


def test_what_may_lie_in_a_subcubes_place(tmp_path, record_fault):
    source, out, good = str(tmp_path / "source"), str(tmp_path / "out"), str(tmp_path / "good")
    parts = hostile.build(source)
    os.mkdir(out)
    os.mkdir(good)
    found = {}
    for entry, wanted in hostile.HOSTILE.items():
        base = hostile.base(entry)
        done = run("-o", (good if wanted.whole else out) + "/" + base, source + "/" + base)
        if wanted.whole:
            found[entry] = done.stderr if done.returncode else None
        else:
            found[entry] = wrong(done, out, [base + ".", *wanted.words])
    for image in sorted(os.listdir(good)):
        judge.assert_same(judge.one(os.path.join(good, image)), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])
    check(record_fault, found, "strange things in a subcube's place, to be materialized")


def test_links_out_of_the_source_are_followed_when_asked_for(tmp_path):
    source = str(tmp_path / "source")
    entries = [entry for entry in hostile.HOSTILE if "elsewhere" in entry]
    parts = hostile.build(source, entries)
    for entry in entries:
        made = tmp_path / hostile.base(entry)
        assert run("--follow-links", "-o", made, source + "/" + hostile.base(entry)).returncode == 0
        judge.assert_same(judge.one(str(made) + ".image"), synth.truth(parts), keys=["pixels_sha256", "mask_sha256"])


def test_virtual_images(tmp_path, record_fault):
    source, outside, out = str(tmp_path / "source"), str(tmp_path / "outside"), str(tmp_path / "out")
    hostile.build_catalogs(source, outside)
    os.mkdir(out)
    found = {}
    for entry, (_, word) in hostile.CATALOGS.items():
        base = hostile.catalog_name(entry).partition(".")[0]
        found[entry] = wrong(run("-o", out + "/" + base, source + "/" + base), out, [base, word])
    check(record_fault, found, "strange imageconcat.json, to be materialized")


def test_what_our_own_modes_write_is_read_without_asking(tmp_path):
    """Images inside and beside a virtual image, and absolute names that lead back into its directory."""
    source = str(tmp_path / "source")
    parts = synth.run([1, 1], ny=6, nx=8)
    paths = synth.build(source, parts)
    for mode in ("nomovevirtual", "copyvirtual", "movevirtual"):
        assert programs.materialize("-m", mode, "-o", source + "/" + mode, source + "/cube").returncode == 0
    hostile.write_catalog(source, source, "absolute.image", hostile.names("{source}/copyvirtual.image/" + os.path.basename(paths[0])))
    for base, expected in (("copyvirtual", parts), ("movevirtual", parts), ("absolute", parts[:1])):
        assert run("-o", tmp_path / base, source + "/" + base).returncode == 0
        judge.assert_same(judge.one(str(tmp_path / base) + ".image"), synth.truth(expected), keys=["pixels_sha256"])


def test_names(tmp_path):
    source = os.fsencode(tmp_path / "source")
    parts = synth.run([1, 1], ny=6, nx=8)
    paths = synth.build(os.fsdecode(source), parts)
    truth = np.concatenate([p.pixels for p in parts]).tobytes()
    for name, shown in hostile.NAMES.items():
        for n, path in enumerate(paths):
            for ext in (b".image", b".psf"):
                subprocess.run([b"cp", b"-a", os.fsencode(path), source + b"/" + name + b".subcube.%d" % n + ext], check=True)
        os.truncate(source + b"/" + name + b".subcube.1.psf/table.dat", 100)
        out = os.fsencode(tmp_path / "out") + b"/" + name
        os.makedirs(os.path.dirname(out), exist_ok=True)
        command = [os.fsencode(programs.MATERIALIZE), b"--tiling=keep", b"-o", out, source + b"/" + name]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 1, done.stderr
        programs.assert_message(done.stderr.decode(), [shown + ".subcube.1.psf/table.dat"])
        for line in (done.stdout + done.stderr).decode().splitlines():
            assert "\x1b" not in line
        assert not os.path.exists(out + b".psf")
        assert programs.whole(out + b".image/table.f0_TSM0") == truth
    assert not os.path.exists("made") and sorted(os.listdir(os.fsencode(tmp_path / "out"))) == sorted(
        name + b".image" for name in hostile.NAMES)


def test_what_is_printed_of_names_is_json(tmp_path):

    source = os.fsencode(tmp_path / "source")
    paths = synth.build(os.fsdecode(source), synth.run([1, 1], ny=6, nx=8))
    for name in hostile.NAMES:
        for n, path in enumerate(paths):
            subprocess.run([b"cp", b"-a", os.fsencode(path), source + b"/" + name + b".subcube.%d.image" % n], check=True)
    done = subprocess.run([programs.MATERIALIZE, "--list", "--json", source], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == 0
    assert len(json.loads(done.stdout.decode())["families"]) == len(hostile.NAMES) + 1
