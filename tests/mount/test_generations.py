"""Whoever opens an image while it goes over to another one gets one of them, or an error."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import generations
import live
import synth

SECONDS = 14    # longer than a name waits at most before it goes over
STATES = 8
READERS = ("casacore", "casacore", "slowly", "slowly", "cp")


def make_states(directory):
    """The one part of a cube in some states, each in a directory of its own."""
    made = synth.run([2] * STATES, ny=32, nx=64, masks=True)
    paths = []
    for number, part in enumerate(made, 1):
        part.frequency = 1.4e9
        part.pixels = np.full_like(part.pixels, number)
        part.mask = np.zeros(part.pixels.shape, bool)
        part.mask.flat[:generations.masked_pixels(number)] = True
        part.miscinfo = {"round": generations.round_text(number)}
        paths += live.build(os.path.join(directory, str(number)), [part], numbers=[0])
    return paths


def read_while_it_changes(mnt, part, spare, scratch):
    """What each reader found (generations.py) while the part was exchanged again and again; the number of exchanges."""
    readers = [subprocess.Popen([sys.executable, generations.__file__, mode, mnt.view("cube.image"), str(SECONDS), scratch],
                                stdout=subprocess.PIPE, text=True, env=dict(os.environ, OPENBLAS_NUM_THREADS="1"))
               for mode in READERS]
    exchanged = 0
    while any(reader.poll() is None for reader in readers):
        live.exchange(part, spare[exchanged % len(spare)])
        exchanged += 1
        time.sleep(0.7)
    found = [json.loads(reader.communicate()[0]) for reader in readers]
    assert [reader.returncode for reader in readers] == [0] * len(readers)
    return found, exchanged


@pytest.mark.soak
def test_each_image_that_is_opened_is_one_state_or_an_error(tmp_path, mount, soak, record_fault):
    states = make_states(str(tmp_path / "states"))
    source = str(tmp_path / "source")
    os.mkdir(source)
    part = os.path.join(source, synth.name(0))
    os.rename(states[0], part)
    opens = good = stale = 0
    mixed = []
    with mount(source, "--refresh=0.05", "--settle=0", "--no-cache") as mnt:
        for _ in soak(short=100, long=10000, done=lambda: opens):
            found, _ = read_while_it_changes(mnt, part, states[1:], str(tmp_path))
            opens += sum(f["opens"] for f in found)
            good += sum(f["opens"] - f["errors"] for f in found)
            stale += sum(f["kinds"].get("stale", 0) for f in found)
            mixed += [m for f in found for m in f["mixed"]]
            assert sum(len(f["states"]) for f in found) >= len(READERS), "the image did not go over: %s" % found
    print("%d opens, %d of one state, %d ESTALE, %d mixed: %s" % (opens, good, stale, len(mixed), mixed[:3]))
    assert stale > 0, "nobody was ever caught in between"
    record_fault("Sources that change", "an image that goes over to another is opened by casacore, by cp -r, and slowly",
                 opens, wrong=len(mixed))
