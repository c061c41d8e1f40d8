"""What an image is, in the words of two independent readers: casacore, and casa-formats-io which parses the files itself.

    describe(paths)        by casacore
    describe_cfio(paths)   by casa-formats-io (skips the test when it is not installed)

Each gives {path: description}; a description is a dictionary of plain values, {"error": text} for what cannot be opened.
differences(a, b) compares two. Both readers run in a process of their own (see forked.py).
"""

import json
import os
import subprocess

import forked
import judge_casacore

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 120


# ---- the side that asks ----

def describe(paths):
    return _ask(_casacore, paths)


def describe_cfio(paths):
    import pytest
    python = cfio_python()
    if python is None:
        pytest.skip("casa-formats-io " + (os.environ.get("SC_CFIO_MISSING") or "is not installed; tools/test does that"))
    return _ask(lambda todo: _cfio(python, todo), paths)


def concat(parts, axis=3):
    """casacore's own concatenation (ImageConcat, relax) of the images `parts` along pixel axis `axis`."""
    return answer(judge_casacore.concatenation, parts, axis)


def answer(describe, what, *more, cwd="/"):
    """What a function of judge_casacore.py says of one image."""
    try:
        return forked.run(judge_casacore.each, describe, [what], *more, timeout=TIMEOUT_S, cwd=cwd)[0]
    except forked.Ended as ended:
        return _crash(ended.status, ended.text)


def cfio_python():
    """The interpreter that has casa-formats-io, or None."""
    candidate = os.environ.get("SC_CFIO_PYTHON") or os.path.join(HERE, "..", "build", "venv", "bin", "python")
    return candidate if os.access(candidate, os.X_OK) else None


def one(path):
    return describe([path])[path]


def one_cfio(path):
    return describe_cfio([path])[path]


def _casacore(todo):
    try:
        return dict(zip(todo, forked.run(judge_casacore.each, judge_casacore.paged, todo, timeout=TIMEOUT_S))), 0, ""
    except forked.Ended as ended:
        return dict(zip(todo, ended.answers)), ended.status, ended.text


def _cfio(python, todo):
    found = {}
    run = subprocess.run([python, os.path.join(HERE, "judge_cfio.py"), *todo], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, timeout=TIMEOUT_S, env=dict(os.environ, OPENBLAS_NUM_THREADS="1"), cwd="/")
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            found.update(json.loads(line))
    return found, run.returncode, run.stderr


def _crash(status, text):
    return {"error": "the reader ended with %d: %s" % (status, text[-2000:])}


def _ask(reader, paths):
    """Descriptions of `paths`; a path that crashes its reader gets the error, the others are asked again without it."""
    found, todo = {}, [str(p) for p in paths]
    while todo:
        answers, status, text = reader(todo)
        found.update(answers)
        todo = [p for p in todo if p not in found]
        if todo and status == 0:
            raise RuntimeError("no answer for %s: %s" % (todo, text[-2000:]))
        if todo:
            found[todo.pop(0)] = _crash(status, text)
    return found


# ---- comparing ----

# What may differ between the same image made twice: where it lies, when it was made, how it is tiled.
# `image_masks` is here because no mask and a mask that is all good are the same image (mask_sha256 says).
INCIDENTAL = ("history", "tile_shape", "mask_tile_shape", "big_endian", "image_masks", "default_mask")

# Written by the imager anew in each run (see data/README.md).
VOLATILE_MISCINFO = ("memreq", "memavail")


def differences(got, wanted, ignore=INCIDENTAL, keys=None):
    """A list of readable lines, empty when the two descriptions agree."""
    lines = []
    for key in keys or sorted(set(got) | set(wanted)):
        if key in ignore:
            continue
        if key not in got or key not in wanted:
            lines.append("%s: only in the %s" % (key, "result" if key in got else "reference"))
        else:
            _diff(key, got[key], wanted[key], lines)
    return lines


def _diff(where, got, wanted, lines):
    if isinstance(got, dict) and isinstance(wanted, dict):
        for key in sorted(set(got) | set(wanted)):
            if key not in got or key not in wanted:
                lines.append("%s.%s: only in the %s" % (where, key, "result" if key in got else "reference"))
            else:
                _diff("%s.%s" % (where, key), got[key], wanted[key], lines)
    elif isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        for i, (g, w) in enumerate(zip(got, wanted)):
            _diff("%s[%d]" % (where, i), g, w, lines)
    elif isinstance(got, bool) != isinstance(wanted, bool) or not _same(got, wanted):
        lines.append("%s: %s, not %s" % (where, _short(got), _short(wanted)))


def _same(got, wanted):
    if isinstance(got, float) or isinstance(wanted, float):
        try:
            return got == wanted or (got != got and wanted != wanted) or \
                abs(got - wanted) <= 1e-12 * max(abs(got), abs(wanted))
        except TypeError:
            return False
    return type(got) is type(wanted) and got == wanted


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "..."


def assert_same(got, wanted, ignore=INCIDENTAL, keys=None):
    assert "error" not in got, got["error"]
    assert "error" not in wanted, wanted["error"]
    lines = differences(got, wanted, ignore, keys)
    assert not lines, "%d differences:\n  %s" % (len(lines), "\n  ".join(lines[:40]))


# ---- CASA's own words (data/X.expected.json.xz) in the form of a description ----

def from_expected(image):
    """What of a description CASA's record of `image` tells."""
    table = image["table_keywords_without_coords"]
    info = table.get("imageinfo", {})
    found = {
        "shape": image["shape"],
        "pixel_type": image["pixeltype"],
        "pixel_dtype": image["pixel_dtype"],
        "pixels_sha256": image["pixels_sha256"],
        "mask_sha256": image["mask_sha256"],
        "masked_pixels": image["mask_bad_count"],
        "unit": image["brightnessunit"],
        "image_type": image["image_info"]["imagetype"],
        "object": info.get("objectname", ""),
        "frequencies": image["frequencies"],
        "beams": _casa_beams(image["restoringbeam"], image["shape"]),
        "coordinates": drop_dates(_plain(image["coordsys_record"])),
    }
    if isinstance(image["miscinfo"], dict):  # CASA cannot say for double images
        found["miscinfo"] = drop_volatile(_plain(image["miscinfo"]))
    return found


def _plain(value):
    """CASA's arrays are {"__array__": type, "shape": ..., "values": nested lists}."""
    if isinstance(value, dict):
        if "__array__" in value:
            return value["values"]
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.rstrip("\0") if isinstance(value, str) else value


def _casa_beams(record, shape):
    def beam(b):
        return [[b[k]["value"], b[k]["unit"]] for k in ("major", "minor", "positionangle")]
    if not record:
        return None
    if "major" in record:
        return [[beam(record)] * shape[2]] * shape[3]
    return [[beam(record["beams"]["*%d" % c]["*%d" % s]) for s in range(record["nStokes"])]
            for c in range(record["nChannels"])]


def drop_dates(coordinates):
    return {k: v for k, v in coordinates.items() if k != "obsdate"}


def drop_volatile(miscinfo):
    return {k: v for k, v in miscinfo.items() if k.rstrip("0123456789").rstrip("_") not in VOLATILE_MISCINFO}
