"""Opens an image again and again while it changes, and says what it got: run as a program by test_generations.py.

    generations.py MODE IMAGE SECONDS SCRATCH

Each state of the image has its number in the header (miscinfo "round", a text), in all pixels, and in the mask. What is
opened must be one state altogether, or an error. Writes one line of JSON when the time is over.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np

PIXELS, HEADER, MASK = "table.f0_TSM0", "table.dat", "mask0/table.f0_TSM0"
ROUND = re.compile(rb"ROUND-(\d+)-")


def round_text(number):
    return "ROUND-%d-" % number


def masked_pixels(number):
    return number + 1


def _states(header, pixels, mask):
    """The numbers that the three files tell; a mask's file is bits, padded to whole tiles of zeros."""
    values = np.unique(np.frombuffer(pixels, "<f4"))
    bits = np.unpackbits(np.frombuffer(mask, "u1"))
    return ([int(n) for n in ROUND.findall(header)] + [int(v) for v in values if v != 0]
            + [len(bits) - int(bits.sum()) - 1])


def _whole(path):
    with open(path, "rb") as stream:
        return stream.read()


def slowly(path, scratch):
    """As casacore does, but with time between one file and the next."""
    parts = []
    for name in (HEADER, "table.f0", PIXELS, "mask0/table.dat", MASK):
        parts.append(_whole(os.path.join(path, name)))
        time.sleep(0.15)
    return _states(parts[0], parts[2], parts[4])


def cp(path, scratch):
    target = os.path.join(scratch, "copy-%d" % os.getpid())
    shutil.rmtree(target, ignore_errors=True)
    done = subprocess.run(["cp", "-r", path, target], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise OSError(done.stderr)
    return _states(*(_whole(os.path.join(target, name)) for name in (HEADER, PIXELS, MASK)))


def casacore(path, scratch):
    from casacore.images import image
    opened = image(path)
    text = opened.miscinfo()["round"].encode()
    data, mask = opened.getdata(), opened.getmask()
    return ([int(n) for n in ROUND.findall(text)] + [int(v) for v in np.unique(data)] + [int(mask.sum()) - 1])


def main():
    mode, path, seconds, scratch = sys.argv[1:]
    look = {"slowly": slowly, "cp": cp, "casacore": casacore}[mode]
    found = {"opens": 0, "errors": 0, "mixed": [], "states": [], "kinds": {}}
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        found["opens"] += 1
        try:
            states = look(path, scratch)
        except (OSError, RuntimeError) as error:
            found["errors"] += 1
            kind = "stale" if "stale" in str(error).lower() else str(error)[:200]
            found["kinds"][kind] = found["kinds"].get(kind, 0) + 1
            continue
        if len(set(states)) != 1:
            found["mixed"].append(states)
        elif not found["states"] or found["states"][-1] != states[0]:
            found["states"].append(states[0])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
